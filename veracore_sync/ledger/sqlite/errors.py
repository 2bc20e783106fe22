"""What the faults of SQLite and of the file system mean, and what to do about each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from veracore_sync.domain.errors import LedgerError


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
