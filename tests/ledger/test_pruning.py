"""Forgetting: all that is old, and never so much at once that a run waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeClock

from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.returns import FORGOTTEN_TO, LISTED_FROM, Receipt, ReturnedRow
from veracore_sync.ledger import open_ledger, upkeep


def test_in_small_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_AT_ONCE", 10)
    clock = FakeClock()
    ledger = open_ledger(tmp_path / "ledger.db", clock=clock, hooks=("command",))
    for number in range(25):
        ledger.runs.begin("sync-orders")
        ledger.outbox.add("alert.opened", None, {"number": number})
        ledger.alerts.open(AlertKind.ORDER_OLD, "it waits", code=f"CODE{number}")
        ledger.alerts.resolve("order.old", code=f"CODE{number}")
    ledger.alerts.open(AlertKind.ORDER_PARKED, "it stands", code="CODE0")
    clock.forward(days=1)
    young = ledger.runs.begin("stats")
    deleted: list[int] = []
    transaction = ledger.database.transaction

    @contextmanager
    def counted() -> Iterator[object]:
        with transaction() as connection:
            before = connection.total_changes
            yield connection
            deleted.append(connection.total_changes - before)

    monkeypatch.setattr(ledger.database, "transaction", counted)
    gone = ledger.upkeep.prune(clock.now() - timedelta(hours=1))
    assert (gone["runs"], gone["alerts"]) == (25, 25)
    assert gone["events"] >= 25
    # An event takes its delivery with it.
    assert max(deleted) <= 20
    assert [run.id for run in ledger.runs.latest(5)] == [young]
    assert [alert.code for alert in ledger.alerts.standing()] == ["CODE0"]
    ledger.close()


def test_a_receipt_that_may_be_listed_again_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_AT_ONCE", 2)
    clock = FakeClock()
    ledger = open_ledger(None, clock=clock)
    row = ReturnedRow("A", "A", "1", "MUG", 1, clock.now())
    for day in range(1, 10):
        ledger.receipts.record(Receipt(row, f"day {day}", "", f"2026-01-0{day}", note=day == 2))
    ledger.receipts.record(Receipt(row, "day 2", "", "2026-01-02", note=False))
    clock.forward(days=1)
    assert ledger.upkeep.prune(clock.now())["receipts"] == 0
    ledger.meta.put(LISTED_FROM, "2026-01-07")
    assert ledger.upkeep.prune(clock.now() - timedelta(days=2))["receipts"] == 0
    assert ledger.meta.get(FORGOTTEN_TO) is None
    # The note about the second is still to be written, and its equals are numbered.
    assert ledger.upkeep.prune(clock.now())["receipts"] == 5
    assert ledger.meta.get(FORGOTTEN_TO) == "2026-01-06"
    names = [f"day {day}" for day in range(1, 10)]
    known = ledger.receipts.known(names)
    assert sorted(known) == ["day 2", "day 7", "day 8", "day 9"]
    assert len(known["day 2"]) == 2
    ledger.close()
