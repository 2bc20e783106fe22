"""A ledger that is lost at some hour of a busy shop, and rebuilt: the books go on balancing.

`benchmarks/lost_ledgers.py` loses fifty.
"""

from __future__ import annotations

from pathlib import Path

import ledger_server
import pytest
from days_kit import Pace
from lost_kit import KNOWABLE, Place, Schemas, losing

PACE = Pace(orders=18, stories=3)
LONG = {"VERACORE_SYNC_ORDERS__ID_PREFIX": "SHOP-1-"}


@pytest.mark.parametrize("on_postgres", [False, True], ids=["file", "postgres"])
def test_the_books_balance_after_a_lost_ledger(tmp_path: Path, on_postgres: bool) -> None:
    place: Place | None = None
    if on_postgres:
        place = Schemas(ledger_server.url(), lambda: ledger_server.new_place().schema)
    # Codes whose ids are hashed on one, and answers that fail meanwhile on the other.
    faults, env = (0.2, {}) if on_postgres else (0.0, LONG)
    with losing(tmp_path, "2026-03-05", PACE, 3, 1, place, faults, **env) as (life, loss):
        loss.at, loss.lookups = (0, 18), (5,)
        life.day(0)
    assert loss.runs > 1
    assert all(loss.compared[name] > 3 for name in KNOWABLE), loss.compared
