"""The schema, as the steps of the migrations leave it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database as Utils

from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite.database import SCHEMA_VERSION, SqliteDatabase, schema_version
from veracore_sync.ledger.sqlite.migrations import migrations


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    with closing(open_ledger(tmp_path / "ledger.db")) as made:
        yield made.database


def test_a_new_ledger_is_up_to_date(database: SqliteDatabase) -> None:
    assert schema_version(database.connection) == SCHEMA_VERSION


def test_what_refers_to_a_row_is_found_by_an_index(database: SqliteDatabase) -> None:
    """Without one, forgetting a row reads every row that might refer to it.

    ``ledger prune`` held the ledger for ten seconds over 20,000 events, and for longer than others
    wait over more.
    """
    found = 0
    for table in _names(database, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        leading = _leading_columns(database, table)
        for reference in database.rows(f"PRAGMA foreign_key_list({table})"):
            assert reference["from"] in leading, (table, reference["from"])
            found += 1
    assert found >= 3


def _leading_columns(database: SqliteDatabase, table: str) -> set[str]:
    return {
        _names(database, f"PRAGMA index_info({index})")[0]
        for index in _names(database, f"PRAGMA index_list({table})")
    }


def _names(database: SqliteDatabase, sql: str) -> list[str]:
    return [str(row["name"]) for row in database.rows(sql)]


def test_what_an_older_ledger_knew_to_be_held_stays_held(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as old:
        migrations.apply(Utils(old), stop_before="m010_held")
        at = "2026-01-01T00:00:00.000Z"
        for code, hashed, lines in (("A", "x", '[["MUG", 2]]'), ("B", "", "[]")):
            old.execute(
                "INSERT INTO orders (code, vendure_id, veracore_id, state, attempt, created_at, "
                "updated_at) VALUES (?1, ?1, ?1, 'synced', 1, ?2, ?2)",
                (code, at),
            )
            old.execute(
                "INSERT INTO attempts VALUES (?, 1, ?, ?, ?, ?, ?, 'accepted', NULL)",
                (code, code, hashed, lines, at, at),
            )
        old.execute("INSERT INTO stock_processed VALUES ('A', ?, ?)", (at, at))
        old.commit()
    with closing(open_ledger(path)) as ledger:
        held = ledger.holdings.of(["A", "B"], "2027", processed_only=False)
        assert [(one.code, one.lines, one.is_whole) for one in held] == [
            ("A", (("MUG", 2),), False),
            ("B", (), True),
        ]
        assert ledger.holdings.unprocessed(9) == [("B", "B")]


def test_every_step_is_numbered_in_its_order() -> None:
    """The newest name says how far a ledger has come."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        names = [step.name for step in migrations.pending(Utils(fresh))]
    assert names == sorted(names)
    assert int(names[-1][1:4]) == SCHEMA_VERSION
