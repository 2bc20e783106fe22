"""Copying a database, whole and durably, while others may write."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite.errors import ledger_errors


def backup(source: sqlite3.Connection, target: Path) -> int:
    """Copy a ledger, consistently; the size of the copy in bytes.

    The copy appears under its name only when it is whole, and with mode 0600. What an earlier
    backup left half done is removed.

    Raises:
        LedgerError: It cannot be read or written, or `target` exists.
    """
    if os.path.lexists(target):
        raise LedgerError(f"{target} exists already", hint="name a file that does not exist")
    partial = target.with_name(target.name + ".partial")
    with ledger_errors(target):
        copy_whole(source, partial)
        partial.rename(target)
        sync_folder(target.parent)
    return target.stat().st_size


def copy_whole(source: sqlite3.Connection, target: Path) -> None:
    """Copy a database into a new file that its owner alone may read, and bring it to the disk.

    Args:
        source: To be read from.
        target: A name of ours for what is not whole yet: whatever lies there is removed.

    Raises:
        OSError: `target` is a folder, or cannot be written.
        sqlite3.Error: The source cannot be read, or the disk is full.
    """
    # A link planted under this name is removed, never followed.
    for stale in (target, *sqlite_file.companions(target)):
        stale.unlink(missing_ok=True)
    if not sqlite_file.create_private(target):
        raise FileExistsError(f"{target} was made by another program just now")
    with closing(sqlite_file.connect(target.absolute(), "rw")) as copy:
        # SQLite itself brings the copy to the disk with its commit.
        copy.execute("PRAGMA synchronous=FULL")
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def sync_folder(folder: Path) -> None:
    """Bring the names in `folder` to the disk: a rename is lasting only then."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
