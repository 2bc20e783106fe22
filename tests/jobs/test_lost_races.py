"""Another process changes an order while a run is at it: nothing is overwritten, and it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bench import Bench
from fakes import make_order

from veracore_sync.domain.errors import NeedsPerson
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import OrderCause
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs import retry
from veracore_sync.jobs.orders.acts import Decision
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.send import Sender
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger

RECORD = WarehouseRecord("A", "A", None, "open")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "ledger.db")


def beside(bench: Bench, change: Callable[[Ledger], object]) -> None:
    """What another process writes."""
    other = open_ledger(bench.path, clock=bench.clock)
    change(other)
    other.close()


def test_an_order_that_another_process_adopted_is_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.shop.add(make_order("A"))

    def adopted_meanwhile(self: Sender, code: str) -> bool:
        beside(bench, lambda ledger: ledger.transitions.adopt(code, "A", RECORD))
        return False

    monkeypatch.setattr(Sender, "_is_undecided", adopted_meanwhile)
    result = bench.run()
    assert bench.warehouse.submissions == {}
    assert bench.state("A") == "synced"
    assert [one.outcome for one in bench.ledger.orders.attempts("A")] == ["accepted"]
    assert result.count("submitted") == 0
    assert any("another run changed it meanwhile" in one for one in result.notices)


def test_what_look_ups_say_of_an_order_that_moved_on_is_not_written(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("lost before")
    bench.run()
    assert bench.state("A") == "in_doubt"
    row = bench.row("A")
    doubts = DoubtResolver(bench.context())
    verdict = doubts.look(row)
    beside(bench, lambda ledger: ledger.transitions.skip("A", OrderCause.RESOLVED, "by a person"))
    before = bench.row("A")
    doubts.apply(row, verdict)
    report = doubts.report
    assert bench.row("A") == before
    assert (report.outcomes, report.needs_person) == ({}, [])
    assert "A: another run changed it meanwhile" in report.notices[0]


@pytest.mark.parametrize("verb", ["skip", "new_id"])
def test_a_person_is_told_that_another_was_first(
    bench: Bench, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("refused")
    bench.run()
    resolver = Resolver(bench.context())
    decided = Resolver._decided

    def adopted_meanwhile(self: Resolver, decision: Decision, row: OrderRow) -> object:
        if row.state is bench.row("A").state:
            beside(bench, lambda ledger: ledger.transitions.adopt("A", "A", RECORD))
        return decided(self, decision, row)

    monkeypatch.setattr(Resolver, "_decided", adopted_meanwhile)
    with pytest.raises(NeedsPerson, match="changed by another run"):
        getattr(resolver, verb)("A")
    assert bench.state("A") == "synced"
    assert [one.outcome for one in bench.ledger.orders.attempts("A")] == ["accepted"]


def test_a_retry_of_an_order_that_moved_on_is_told(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("refused")
    bench.run()
    chosen = retry.plan(bench.ledger, ("A",), every=False, error_class=None)
    beside(bench, lambda ledger: ledger.transitions.adopt("A", "A", RECORD))
    report = OrdersReport()
    retry.execute(chosen, bench.ledger, report, None)
    assert bench.state("A") == "synced"
    assert report.outcomes == {}
    assert "another run changed it meanwhile" in report.notices[0]
