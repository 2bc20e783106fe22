"""What every run reads costs by what is open and asked for, not by what has ever been."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite.database import SqliteDatabase
from veracore_sync.ledger.stores import SqlLedger

READS: dict[str, tuple[Callable[[SqlLedger], object], str]] = {
    "slips that are due": (lambda one: one.shipments.due(), "slips USING INDEX slips_open"),
    "what is held": (
        lambda one: one.holdings.of(["A"], None, processed_only=False),
        "o USING INDEX sqlite_autoindex_orders_1 (code=?)",
    ),
    "orders with an error": (
        lambda one: one.orders.recent_errors(),
        "orders USING INDEX orders_by_state (state=?)",
    ),
}


@pytest.mark.parametrize("read", READS)
def test_it_is_found_by_an_index_of_what_is_asked_for(tmp_path: Path, read: str) -> None:
    act, wanted = READS[read]
    asked: list[tuple[str, Any]] = []
    rows = SqliteDatabase.rows

    def noted(self: SqliteDatabase, sql: str, parameters: Any = ()) -> Any:
        asked.append((sql, parameters))
        return rows(self, sql, parameters)

    with closing(open_ledger(tmp_path / "ledger.db")) as ledger:
        with patch.object(SqliteDatabase, "rows", noted):
            act(ledger)
        ((sql, parameters),) = asked
        plan = ledger.database.rows(f"EXPLAIN QUERY PLAN {sql}", parameters)
        steps = [row["detail"] for row in plan]
    assert any(wanted in step for step in steps), steps
