"""Keeping the file well: check, backup, prune, export."""

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
from veracore_sync.ledger.database import Database, ledger_errors
from veracore_sync.ledger.figures import SUCCEEDED


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

    The copy appears under its name only when it is whole, and with mode 0600.

    Raises:
        LedgerError: It cannot be read or written, or `target` exists.
    """
    if target.exists():
        raise LedgerError(f"{target} exists already", hint="name a file that does not exist")
    partial = target.with_name(target.name + ".partial")
    with ledger_errors(target):
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with closing(sqlite3.connect(partial)) as copy:
            database.connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.rename(target)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    return target.stat().st_size


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
