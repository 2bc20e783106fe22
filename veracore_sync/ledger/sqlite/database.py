"""The ledger in a SQLite file: one connection and its transactions.

The connection is opened here with ``isolation_level=None`` and only lent to sqlite-utils, whose
``atomic()`` would begin a deferred transaction: that one fails at once when it has to upgrade to a
write while another process writes. Every write is a short ``BEGIN IMMEDIATE``, which waits instead.
None is held over network I/O: all other processes would wait for a slow server.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from veracore_sync.domain.errors import LedgerError
from veracore_sync.domain.ledger_records import Holder
from veracore_sync.files import resolved
from veracore_sync.ledger.closed import refuse_closed, refuse_version
from veracore_sync.ledger.database import JobLock, Reads, StoredRow
from veracore_sync.ledger.sqlite import copying, job_locks
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite.errors import ledger_errors

# FULL: in WAL mode NORMAL may lose the last commits in a power loss. An intent that is lost after
# its request has left means a second order.
_PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF")
SCHEMA_VERSION = 24
"""The number of the last step in `veracore_sync.ledger.sqlite.migrations`, whose import is slow."""
_WAL_TRIES = 50
# In one statement: another process may be making the ledger at this moment.
_OTHERS = (
    "SELECT 1 FROM sqlite_master WHERE NOT EXISTS "
    "(SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations') LIMIT 1"
)


class SqliteDatabase(Reads):
    """One connection, shared by the threads of a process.

    Args:
        path: The file; ``None`` for a ledger in memory (dry runs without a ledger, tests).
        read_only: Refuse every write; the file must exist.
        as_it_is: Also one that an earlier version wrote, without upgrading it.

    Raises:
        LedgerError: It cannot be opened, or is damaged.
    """

    def __init__(
        self, path: Path | None, *, read_only: bool = False, as_it_is: bool = False
    ) -> None:
        # Resolved once: job locks lie beside the real file, as SQLite's log does, so that a ledger
        # has one set of locks whichever link leads to it.
        self.path = resolved(path) if path else None
        self._lock = threading.RLock()
        self._nested = False
        with ledger_errors(path):
            self._open_file = _prepare(path, self.path, read_only) if path and self.path else None
            self._connection = _connect(self.path, read_only)
            try:
                for pragma in _PRAGMAS:
                    self._connection.execute(f"PRAGMA {pragma}")
                self._connection.row_factory = sqlite3.Row
                _make_usable(self._connection, self.path, writes=path is not None and not read_only)
                self._bring_up_to_date(read_only and path is not None, as_it_is=as_it_is)
                self.check_in_place()
            except BaseException:
                self._connection.close()
                raise

    def _bring_up_to_date(self, read_only: bool, *, as_it_is: bool) -> None:
        found = schema_version(self._connection)
        if found == SCHEMA_VERSION or (as_it_is and 0 < found < SCHEMA_VERSION):
            return
        refuse_version(found, SCHEMA_VERSION, self.path, read_only=read_only)
        from veracore_sync.ledger.sqlite.migrations import migrate

        if found:
            rows = self._connection.execute("SELECT key, value FROM meta").fetchall()
            refuse_closed({row["key"]: row["value"] for row in rows}, self.path)
        migrate(self)

    @property
    def place(self) -> Path | None:
        """The file."""
        return self.path

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for migrations and tests."""
        return self._connection

    def check_in_place(self) -> None:
        """Check that the open file is still the ledger.

        Raises:
            LedgerReplaced: It was moved, removed or restored meanwhile.
        """
        if self._open_file is not None:
            self._open_file.check()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed durably at the end, rolled back on any exception.

        Nested use joins the outer transaction.

        Raises:
            LedgerError: The disk, the file or a permission failed; nothing was stored.
        """
        with self._lock, ledger_errors(self.path):
            if self._nested:
                yield self._connection
                return
            self.check_in_place()
            try:
                # Inside the try: a signal handler that raises between these two statements must not
                # leave a transaction open.
                self._nested = True
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
                # A file that was replaced during the transaction took the commit with it. Callers
                # act on a commit (they send an order), so it must not be confirmed.
                self.check_in_place()
            except BaseException:
                # On some errors, such as a full disk, SQLite has already rolled back.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._nested = False

    def rows(self, sql: str, parameters: Any = ()) -> Sequence[StoredRow]:
        """All rows of a SELECT.

        Raises:
            LedgerError: The file cannot be read.
        """
        with self._lock, ledger_errors(self.path):
            self.check_in_place()
            return self._connection.execute(sql, parameters).fetchall()

    def try_lock(self, job: str, command: str, now: datetime) -> JobLock | None:
        """Lock a job and record the holder; ``None`` if another process holds it."""
        if self.path is None:
            return _UnsharedLock()
        return job_locks.try_lock(self, self.path, job, command, now)

    def is_locked(self, job: str) -> bool:
        """Whether any process holds the job now."""
        return self.path is not None and job_locks.is_locked(self, self.path, job)

    def confirm_locks(self) -> None:
        """The kernel's locks end with this process, never before."""

    def holder(self, job: str) -> Holder | None:
        """Who locked the job last."""
        row = self.row("SELECT command, pid, since FROM job_locks WHERE job = ?", (job,))
        return Holder(**dict(row)) if row else None

    def check(self) -> list[str]:
        """The problems that SQLite finds in the file; empty if there are none.

        Raises:
            LedgerError: It is too damaged to be checked.
        """
        with self._lock, ledger_errors(self.path):
            self.check_in_place()
            return damage(self._connection)

    def backup(self, target: Path) -> int:
        """Copy a consistent snapshot while others write; returns its size in bytes.

        Raises:
            LedgerError: It cannot be read or written, or `target` exists.
        """
        return copying.backup(self._connection, target)

    def close(self) -> None:
        """Close the connection."""
        # In a forked child, closing would drop the parent's locks on the file.
        with self._lock:
            if self._open_file is None or self._open_file.is_of_this_process:
                self._connection.close()


def damage(connection: sqlite3.Connection) -> list[str]:
    """The problems that SQLite finds in a file; empty if there are none.

    Raises:
        sqlite3.Error: It is too damaged to be checked.
    """
    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    found += [
        f"a broken reference in {row[0]}" for row in connection.execute("PRAGMA foreign_key_check")
    ]
    return [line for line in found if line != "ok"]


def schema_version(connection: sqlite3.Connection) -> int:
    """The number of the last migration that was applied to a file; 0 if none was.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    # sqlite-utils keeps this record. It is read without importing sqlite-utils, which would slow
    # the start of every command.
    try:
        # For example m011_ticks.
        (last,) = connection.execute("SELECT max(name) FROM _sqlite_migrations").fetchone()
    except sqlite3.OperationalError:
        recorded = "SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'"
        if connection.execute(recorded).fetchone() is None:
            return 0
        raise
    return int(last[1:4]) if last else 0


class _UnsharedLock:
    """The lock of a ledger in memory, which no other process can open."""

    def release(self) -> None:
        """Does nothing."""


def _prepare(name: Path, path: Path, read_only: bool) -> sqlite_file.OpenFile:
    sqlite_file.refuse_unsafe(path)
    if not read_only:
        sqlite_file.create_private(path)
    elif not path.exists():
        raise LedgerError(f"there is no ledger at {path}", hint="run a sync command first")
    # Recorded before connecting: a file that is replaced in between is then noticed.
    return sqlite_file.OpenFile(name, path)


def _connect(path: Path | None, read_only: bool) -> sqlite3.Connection:
    if path is None:
        return sqlite_file.in_memory()
    return sqlite_file.connect(path, "ro" if read_only else "rw")


def _make_usable(connection: sqlite3.Connection, path: Path | None, *, writes: bool) -> None:
    """Refuse another program's database; keep the log of one that is written in WAL."""
    # Switching a new file to WAL ignores the busy timeout, so when several processes start at once
    # on a fresh ledger, all but one fail immediately.
    for attempt in range(_WAL_TRIES):
        try:
            if connection.execute(_OTHERS).fetchone():
                raise LedgerError(
                    f"{path} is a database of another program; nothing was changed",
                    hint="set ledger.path to a file of its own",
                )
            if writes:
                connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            if not busy or attempt == _WAL_TRIES - 1:
                raise
            time.sleep(0.02)
