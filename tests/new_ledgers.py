"""New ledgers of the tests' own processes are written as the last migration leaves them.

Two dozen migrations take longer than many a test, and most tests have a new ledger. Processes that
a test starts whole, and old ledgers, go through the migrations one by one.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database

from veracore_sync.ledger.sqlite import migrations
from veracore_sync.ledger.sqlite.database import SqliteDatabase

one_by_one = migrations.migrate


def _statements() -> tuple[str, ...]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrations.migrations.apply(Database(connection))
    frame = ("BEGIN TRANSACTION;", "COMMIT;")
    return tuple(each for each in connection.iterdump() if each not in frame)


_STATEMENTS = _statements()


def _at_once(database: SqliteDatabase) -> None:
    with database.transaction() as connection:
        is_new = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        for statement in _STATEMENTS if is_new else ():
            connection.execute(statement)
    if not is_new:
        one_by_one(database)


def install() -> None:
    """Let new ledgers of this process be written at once."""
    migrations.migrate = _at_once
