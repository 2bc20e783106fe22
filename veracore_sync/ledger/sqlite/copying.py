"""Copying a database completely and durably while other processes write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from veracore_sync.files import put_in_place
from veracore_sync.ledger.backups import being_made, exists_already
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite.errors import ledger_errors


def backup(source: sqlite3.Connection, target: Path) -> int:
    """Copy a consistent snapshot of a ledger; returns the size of the copy in bytes.

    `target` appears when the copy is complete, with mode 0600.

    Raises:
        LedgerError: It cannot be read or written, or `target` exists, perhaps since a moment ago.
    """
    if os.path.lexists(target):
        raise exists_already(target)
    partial = being_made(target)
    try:
        with ledger_errors(target):
            copy_whole(source, partial)
            size = partial.stat().st_size
            try:
                put_in_place(partial, target)
            except FileExistsError:
                raise exists_already(target) from None
    finally:
        for left in (partial, *sqlite_file.companions(partial)):
            left.unlink(missing_ok=True)
    return size


def copy_whole(source: sqlite3.Connection, target: Path) -> None:
    """Copy a database into a new file with mode 0600 and sync it to disk.

    Args:
        source: The connection to read from.
        target: A temporary name; an existing file is removed.

    Raises:
        OSError: `target` is a folder, or cannot be written.
        sqlite3.Error: The source cannot be read, or the disk is full.
    """
    # Others may write to the folder: a symbolic link under this name is removed, not followed.
    for stale in (target, *sqlite_file.companions(target)):
        stale.unlink(missing_ok=True)
    if not sqlite_file.create_private(target):
        raise FileExistsError(f"{target} was made by another program just now")
    with closing(sqlite_file.connect(target.absolute(), "rw")) as copy:
        # With synchronous=FULL SQLite syncs the copy itself. Opening the file for fsync() would
        # break the rule of `file`.
        copy.execute("PRAGMA synchronous=FULL")
        source.backup(copy)
        # Without a log of its own the backup is one file, which can be copied anywhere.
        copy.execute("PRAGMA journal_mode=DELETE")
