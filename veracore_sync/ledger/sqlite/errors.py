"""Errors of SQLite and the file system as `LedgerError`, with a hint for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from veracore_sync.domain.errors import LedgerError


@contextmanager
def ledger_errors(path: Path | None) -> Iterator[None]:
    """Turn errors of SQLite and the file system into a `LedgerError` with a hint."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or type(error).__name__
        raise LedgerError(f"the ledger {path}: {error} ({name})", hint=_hint(name)) from error
    except PermissionError as error:
        raise LedgerError(
            f"the ledger {path}: {error.strerror or error}",
            hint="run the command as the user that runs the syncs, who owns the ledger and its "
            "folder",
        ) from error
    except OSError as error:
        raise LedgerError(
            f"the ledger {path}: {error.strerror or error}",
            hint="check that the folder of ledger.path exists, is writable and has free space",
        ) from error


def _hint(name: str) -> str:
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return (
            "the file is damaged and was not changed: restore the newest backup with "
            "`veracore-sync ledger restore FILE`, then run `veracore-sync sync-orders`, which "
            "looks orders up before it sends them"
        )
    if name == "SQLITE_CONSTRAINT_TRIGGER":
        return "start the command again: it says where the ledger is now"
    if name.startswith("SQLITE_FULL"):
        return (
            "the disk is full; nothing was sent without a record: free some space, "
            "the next run continues"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")):
        return (
            "run the command as the user that runs the syncs; if you do, check owner and mode of "
            "the ledger, its folder and its -wal and -shm files"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another program has locked the ledger; the next run continues"
    return "check the disk, then `veracore-sync ledger check`"
