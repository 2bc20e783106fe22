"""What every run asks of the ledger costs the same with a million old orders: an index answers."""

from __future__ import annotations

from contextlib import closing

import ledger_server
import pytest

from veracore_sync.ledger.opening import open_ledger

ASKED = {
    "newest order": "SELECT code FROM orders WHERE state IN ('synced', 'shipped') "
    "AND veracore_id IS NOT NULL AND last_successful_sync <= '2027' "
    "ORDER BY last_successful_sync DESC, code LIMIT 1",
    "shipments of nobody": "SELECT * FROM tracked WHERE code IS NULL AND asked_at IS NULL",
    "failed slips": "SELECT * FROM slips WHERE state IN ('open', 'intended', 'added') "
    "AND tries > 0 AND next_attempt_at > '2020'",
}


@pytest.mark.parametrize("name", ASKED)
def test_an_index_answers(name: str) -> None:
    with (
        closing(open_ledger(ledger_server.new_place())) as ledger,
        ledger.database.transaction() as connection,
    ):
        connection.execute("SET LOCAL enable_seqscan = off", ())
        plan = connection.execute(f"EXPLAIN {ASKED[name]}", ()).fetchall()
    told = " ".join(str(row[0]) for row in plan)
    assert "Index" in told, told
    assert "Sort" not in told, told
    assert "Seq Scan" not in told, told
