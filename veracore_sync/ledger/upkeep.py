"""Keeping the file well: check, backup, prune, export; `restoring` brings a backup back."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from veracore_sync.clock import to_text
from veracore_sync.errors import LedgerError
from veracore_sync.ledger.reporting import SUCCEEDED
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite.database import Database, ledger_errors


def check(database: Database) -> list[str]:
    """What SQLite finds wrong with the file; empty when all is well.

    Raises:
        LedgerError: It is too damaged to be checked.
    """
    found = [row[0] for row in database.rows("PRAGMA integrity_check")]
    found += [
        f"a broken reference in {row[0]}" for row in database.rows("PRAGMA foreign_key_check")
    ]
    return [line for line in found if line != "ok"]


def backup(database: Database, target: Path) -> int:
    """Copy the ledger, consistently, while others may write; its size in bytes.

    The copy appears under its name only when it is whole, and with mode 0600. What an earlier
    backup left half done is removed.

    Raises:
        LedgerError: It cannot be read or written, or `target` exists.
    """
    if os.path.lexists(target):
        raise LedgerError(f"{target} exists already", hint="name a file that does not exist")
    partial = target.with_name(target.name + ".partial")
    with ledger_errors(target):
        copy_whole(database.connection, partial)
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


def prune(database: Database, before: datetime) -> dict[str, int]:
    """Forget runs, resolved alerts and events from before a moment (UTC); how many of each.

    Orders and their attempts stay: they are what protects from a second order. In small
    transactions: no run that writes meanwhile waits for all of it.
    """
    moment = to_text(before)
    return {name: _forget(database, statement, moment) for name, statement in _OLD.items()}


_AT_ONCE = 5000
_OLD = {
    # Each command's last success stays: without it a job that died long ago would look unused.
    "runs": "DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE started_at < ? "  # noqa: S608
    f"AND rowid NOT IN (SELECT max(rowid) FROM runs WHERE {SUCCEEDED} GROUP BY command) "
    "LIMIT ?)",
    "alerts": "DELETE FROM alerts WHERE rowid IN "
    "(SELECT rowid FROM alerts WHERE resolved_at < ? LIMIT ?)",
    "events": "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE at < ? LIMIT ?)",
}


def _forget(database: Database, statement: str, moment: str) -> int:
    gone = 0
    while True:
        with database.transaction() as connection:
            count = connection.execute(statement, (moment, _AT_ONCE)).rowcount
        gone += count
        if count < _AT_ONCE:
            return gone


def export(database: Database) -> Iterator[str]:
    """Every order with its attempts, a JSON object a line."""
    for order in database.rows("SELECT * FROM orders ORDER BY created_at, code"):
        attempts = database.rows(
            "SELECT * FROM attempts WHERE code = ? ORDER BY attempt", (order["code"],)
        )
        document = dict(order) | {
            "attempts": [dict(one) | {"lines": json.loads(one["lines"])} for one in attempts]
        }
        yield json.dumps(document, ensure_ascii=False)
