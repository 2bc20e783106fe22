"""A SQLite file as the place from which, or to which, a ledger is moved.

The file that is being made has another name. While it exists, no command opens the ledger beside
it (`veracore_sync.ledger.sqlite.file.refuse_unsafe`); renaming it makes it the ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path

from veracore_sync.clock import Clock
from veracore_sync.domain.errors import LedgerError, LockHeld
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.files import resolved, sync_folder
from veracore_sync.ledger.closed import INCOMING, MOVED
from veracore_sync.ledger.moving import Facts, Row, SharedContents, Table
from veracore_sync.ledger.runs import JOBS
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite import lock_file
from veracore_sync.ledger.sqlite.database import SqliteDatabase
from veracore_sync.ledger.sqlite.errors import ledger_errors
from veracore_sync.ledger.sqlite.restoring import checkpoint, move_aside

_AT_ONCE = 1000
_TABLES = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'table' "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN ('job_locks', '_sqlite_migrations')"
)
_SEAL = """
CREATE TRIGGER "moved_{table}_{verb}" BEFORE {verb} ON "{table}"
BEGIN SELECT RAISE(ABORT, 'the ledger was moved to another place'); END
"""


class SqliteContents(SharedContents):
    """The rows of one file within a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._connection = connection

    def tables(self) -> dict[str, Table]:
        """Every table but those that are SQLite's own."""
        return {name: self._table(name) for name, _ in self._connection.execute(_TABLES).fetchall()}

    def _table(self, name: str) -> Table:
        columns = self._connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
        references = self._connection.execute(
            'SELECT "table" FROM pragma_foreign_key_list(?)', (name,)
        )
        return Table(
            tuple(sorted(row[0] for row in columns)), frozenset(row[0] for row in references)
        )

    def rows(self, name: str, table: Table) -> Iterator[Row]:
        """The rows of a table; SQLite reads them as they are asked for."""
        cursor = self._connection.execute(f'SELECT {table.listed} FROM "{name}"')  # noqa: S608
        while part := cursor.fetchmany(_AT_ONCE):
            yield from map(tuple, part)

    def fitting(self, row: Row) -> Row:
        """Every row fits."""
        return row

    def put(self, name: str, table: Table, rows: Iterable[Row]) -> None:
        """Store rows."""
        places = ", ".join("?" * len(table.columns))
        statement = f'INSERT INTO "{name}" ({table.listed}) VALUES ({places})'  # noqa: S608
        every = iter(rows)
        while part := list(islice(every, _AT_ONCE)):
            self._connection.executemany(statement, part)

    def numbers(self) -> dict[str, int]:
        """The last number of each table that never gives one twice."""
        rows = self._connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
        return {row[0]: int(row[1]) for row in rows}

    def continue_after(self, numbers: Mapping[str, int]) -> None:
        """Give only greater numbers; tables without AUTOINCREMENT go by their greatest."""
        for name, sql in self._connection.execute(_TABLES).fetchall():
            if name in numbers and "AUTOINCREMENT" in sql:
                last = max(numbers[name], self.numbers().get(name, 0))
                self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
                self._connection.execute(
                    "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, last)
                )

    def seal(self) -> None:
        """Refuse every later write to any table of the ledger."""
        for name in self.tables():
            for verb in ("INSERT", "UPDATE", "DELETE"):
                self._connection.execute(_SEAL.format(table=name, verb=verb))


class SqliteSide:
    """A file.

    Args:
        path: ``ledger.path``.
        clock: The time, for the name of an old file that is kept.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = resolved(path)
        self._clock = clock
        self._fresh = sqlite_file.incoming(self._path)

    @property
    def name(self) -> str:
        """The file."""
        return str(self._path)

    @property
    def setting(self) -> str:
        """What to set so that commands use this file."""
        return f'set ledger.path = "{self._path}" and remove ledger.url'

    def facts(self) -> Facts | None:
        """What the file says of itself."""
        return _facts(self._path)

    def incoming(self) -> Facts | None:
        """What the file that is being made says of itself; nothing if it has not come far."""
        return _facts(self._fresh)

    @contextmanager
    def frozen(self) -> Iterator[SqliteContents]:
        """The file; SQLite lets nobody else write to it meanwhile."""
        with (
            closing(SqliteDatabase(self._path)) as database,
            database.transaction() as connection,
        ):
            yield SqliteContents(connection)

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Hold every job's lock beside the file, as a restore does.

        Raises:
            LockHeld: A job is at work on it.
            LedgerError: What is there is no ledger.
        """
        self._refuse_what_is_no_ledger()
        if sqlite_file.is_being_restored(self._path):
            sqlite_file.refuse_unsafe(self._path)
        with ledger_errors(self._path), ExitStack() as stack:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for job in JOBS:
                lock = lock_file.take(lock_file.lock_path(self._path, job))
                if lock is None:
                    raise LockHeld(
                        f"{job} is at work on {self._path}, or another move is; nothing was "
                        "changed",
                        hint="stop the timers and the listeners, then move again",
                    )
                stack.callback(lock.release)
            yield

    def _refuse_what_is_no_ledger(self) -> None:
        try:
            # An empty file, or the database of another program, says nothing of itself.
            is_taken = self._path.exists() and not (self._path.is_file() and _facts(self._path))
        except LedgerError as error:
            if getattr(error.__cause__, "sqlite_errorname", "") != "SQLITE_NOTADB":
                raise
            is_taken = True
        if is_taken:
            raise LedgerError(
                f"{self._path} is there already and is no ledger; nothing was changed",
                hint="name a file that is not there yet",
            )

    def prepare(self, marker: str, check: Callable[[Facts | None], None]) -> None:
        """Make an empty file under the other name."""
        with ledger_errors(self._fresh):
            for stale in (*sqlite_file.companions(self._fresh), self._fresh):
                stale.unlink(missing_ok=True)
            sqlite_file.create_private(self._fresh)
            # Before anything is sealed: no command may make a new ledger beside it any more.
            sync_folder(self._fresh.parent)
        check(self.facts())
        with closing(SqliteDatabase(self._fresh)) as made, made.transaction() as connection:
            SqliteContents(connection).note(INCOMING, marker)

    @contextmanager
    def filling(self) -> Iterator[SqliteContents]:
        """The file under the other name."""
        with (
            ledger_errors(self._fresh),
            closing(sqlite_file.connect(self._fresh, "rw")) as connection,
        ):
            # Without a log of its own it is one file, which can be renamed.
            for pragma in ("synchronous=FULL", "journal_mode=DELETE"):
                connection.execute(f"PRAGMA {pragma}").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            yield SqliteContents(connection)
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise LedgerError(
                    "the old ledger has broken references; nothing was changed",
                    hint="it is damaged: `veracore-sync ledger restore FILE` with the newest "
                    "backup",
                )
            connection.execute("COMMIT")

    def go_live(self, move: str) -> str | None:
        """Rename the new file, after the old, sealed one has been put aside."""
        with ledger_errors(self._path):
            with closing(sqlite_file.connect(self._fresh, "rw")) as made:
                made.execute("PRAGMA synchronous=FULL")
                made.execute("DELETE FROM meta WHERE key = ?", (INCOMING,))
            there = _facts(self._path)
            if there is not None and MOVED not in there:
                raise LedgerError(
                    f"there is a ledger at {self._path} that was not there before",
                    hint="move that file away, then run the same command again",
                )
            checkpoint(self._path)
            kept = move_aside(self._path, self._clock)
            pass_failpoint("move put aside")
            self._fresh.rename(self._path)
            sync_folder(self._path.parent)
        return str(kept) if kept else None


def _facts(path: Path) -> Facts | None:
    if not path.exists():
        return None
    with ledger_errors(path), closing(sqlite_file.connect(path, "ro")) as found:
        if found.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            return {}
        return SqliteContents(found).facts()
