"""The SQLite file: opening, transactions, and what its faults mean.

The connection is opened by ourselves (``isolation_level=None``) and lent to sqlite-utils, whose own
``atomic()`` would begin a deferred transaction. Every write is one short ``BEGIN IMMEDIATE``; none
is ever held over network I/O. ``synchronous=FULL``: an intent must survive a power loss.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from veracore_sync.errors import LedgerError

Row = sqlite3.Row
_PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF")
_BUSY_MS = 10_000
SCHEMA_VERSION = 9
"""The number of the last step in `veracore_sync.ledger.migrations`."""
_WAL_TRIES = 50


class Database:
    """One connection, shared by the threads of a process.

    Args:
        path: The file; ``None`` for a ledger in memory (dry runs without a ledger, tests).
        read_only: Refuse every write; the file must exist.

    Raises:
        LedgerError: It cannot be opened, or is damaged.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        with ledger_errors(path):
            self._connection = _connect(path, read_only)
            try:
                for pragma in _PRAGMAS:
                    self._connection.execute(f"PRAGMA {pragma}")
                self._connection.row_factory = sqlite3.Row
                if path is not None and not read_only:
                    _use_wal(self._connection)
                self._bring_up_to_date(read_only and path is not None)
            except BaseException:
                self._connection.close()
                raise

    def _bring_up_to_date(self, read_only: bool) -> None:
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found == SCHEMA_VERSION:
            return
        if found > SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {self.path} was written by a newer veracore-sync",
                hint="upgrade veracore-sync, or restore the backup from before the upgrade",
            )
        if read_only:
            raise LedgerError(
                f"the ledger {self.path} is from an older version, or empty",
                hint="run any sync command once: it upgrades the ledger",
            )
        from veracore_sync.ledger.migrations import migrate

        migrate(self)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection itself, for migrations and tests."""
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed durably on leaving, rolled back on any exception.

        Nested use joins the outer transaction.

        Raises:
            LedgerError: The disk, the file or a permission failed; nothing of it was kept.
        """
        with self._lock, ledger_errors(self.path):
            if self._depth:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself already when the disk is full.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def rows(self, sql: str, parameters: Any = ()) -> list[Row]:
        """All rows of a reading statement.

        Raises:
            LedgerError: The file cannot be read.
        """
        with self._lock, ledger_errors(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Any = ()) -> Row | None:
        """The first row of a reading statement, or ``None``."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def value(self, sql: str, parameters: Any = ()) -> Any:
        """The first column of the first row, or ``None``."""
        found = self.row(sql, parameters)
        return found[0] if found else None

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


@contextmanager
def ledger_errors(path: Path | None) -> Iterator[None]:
    """Turn SQLite's and the file system's faults into a `LedgerError` that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or type(error).__name__
        raise LedgerError(f"the ledger {path}: {error} ({name})", hint=_hint(name)) from error
    except OSError as error:
        raise LedgerError(
            f"the ledger {path}: {error.strerror or error}",
            hint="check that the folder exists, is writable and has room (ledger.path)",
        ) from error


def _hint(name: str) -> str:
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return (
            "the file is damaged and was left as it is: restore the newest backup, then run "
            "`veracore-sync sync-orders`, which looks up before it sends"
        )
    if name.startswith("SQLITE_FULL"):
        return "the disk is full and nothing was sent unrecorded: make room, the next run goes on"
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")):
        return "check owner and mode of the ledger, its folder and its -wal and -shm files"
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another program holds the ledger: the next run goes on"
    return "check the disk, then `veracore-sync ledger check`"


def _connect(path: Path | None, read_only: bool) -> sqlite3.Connection:
    if path is None:
        target = ":memory:"
    elif read_only:
        if not path.exists():
            raise LedgerError(f"there is no ledger at {path}", hint="run a sync command first")
        target = f"file:{_quoted(path)}?mode=ro"
    else:
        _create_private(path)
        target = f"file:{_quoted(path)}?mode=rw"
    return sqlite3.connect(
        target, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000
    )


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.absolute()))


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _use_wal(connection: sqlite3.Connection) -> None:
    # Switching a fresh file to WAL ignores the busy timeout when several processes start at once.
    for attempt in range(_WAL_TRIES):
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            if not busy or attempt == _WAL_TRIES - 1:
                raise
            time.sleep(0.02)
