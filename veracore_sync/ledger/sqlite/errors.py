"""Errors of SQLite and the file system as `LedgerError`, with a hint for each."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from veracore_sync.access import as_its_reader, to_write
from veracore_sync.domain.errors import LedgerError
from veracore_sync.files import resolved


@contextmanager
def ledger_errors(path: Path | None) -> Iterator[None]:
    """Turn errors of SQLite and the file system into a `LedgerError` with a hint."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or type(error).__name__
        raise LedgerError(f"the ledger {path}: {error} ({name})", hint=_hint(name, path)) from error
    except OSError as error:
        raise LedgerError(
            f"the ledger {path}: {error.strerror or error}",
            hint=to_write(path, error) if path is not None else "check the disk",
        ) from error


def _hint(name: str, path: Path | None) -> str:
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
        return _closed(path)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another program has locked the ledger; the next run continues"
    return "check the disk, then `veracore-sync ledger check`"


def _closed(path: Path | None) -> str:
    """Why a file cannot be opened or written is asked of the system: SQLite only says that."""
    if path is None:
        return "check the disk"
    return (
        _unwritable(path)
        or "check owner and mode of the ledger, its folder and its -wal and -shm files"
    )


def refuse_unwritable(path: Path) -> None:
    """Refuse a ledger that this process could read and not write.

    Raises:
        LedgerError: It cannot be written, or no log made beside it.
    """
    hint = _unwritable(path)
    if hint:
        raise LedgerError(f"the ledger {path} cannot be written, so nothing is sent", hint=hint)


def _unwritable(path: Path) -> str:
    """What to do to write it; empty if nothing is in the way."""
    # Its log is made beside the file that a symbolic link leads to.
    path = resolved(path)
    of_the_file = _denied(path, os.W_OK)
    if isinstance(of_the_file, PermissionError):
        return as_its_reader(path)
    error = of_the_file or _denied(path.parent, os.W_OK | os.X_OK)
    return to_write(path, error) if error is not None else ""


def _denied(place: Path, mode: int) -> OSError | None:
    try:
        place.stat()
        is_read_only = os.statvfs(place).f_flag & os.ST_RDONLY
    except OSError as error:
        return error
    if is_read_only:
        return OSError(errno.EROFS, os.strerror(errno.EROFS))
    # Of who acts, which need not be who started the process.
    if os.access(place, mode, effective_ids=os.access in os.supports_effective_ids):
        return None
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES))
