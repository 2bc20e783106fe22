"""The schema, as the steps of the migrations leave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from veracore_sync.ledger import Ledger
from veracore_sync.ledger.database import SCHEMA_VERSION, Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Ledger(tmp_path / "ledger.db")) as made:
        yield made.database


def test_a_new_ledger_is_up_to_date(database: Database) -> None:
    assert database.value("PRAGMA user_version") == SCHEMA_VERSION


def test_what_refers_to_a_row_is_found_by_an_index(database: Database) -> None:
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


def _leading_columns(database: Database, table: str) -> set[str]:
    return {
        _names(database, f"PRAGMA index_info({index})")[0]
        for index in _names(database, f"PRAGMA index_list({table})")
    }


def _names(database: Database, sql: str) -> list[str]:
    return [str(row["name"]) for row in database.rows(sql)]
