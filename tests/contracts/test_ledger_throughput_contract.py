"""The contract of the port `Ledger`: how orders, shipments and stock move."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from fakes import START
from ledger_beds import HOUR, MINUTE, LedgerBed, accept, discover, intent, record

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import Discovery
from veracore_sync.domain.pick_slips import PackageFact, ShippingCost
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.throughput import Departure, OrderCount, SentOrder
from veracore_sync.ports.ledger import Ledger

DAY = timedelta(days=1)
NOON = to_text(START)


def package(left_at: str | None, *, void: bool = False) -> PackageFact:
    return ("UPS", "Ground", "1Z", left_at, void)


def test_orders_are_counted_when_they_were_placed(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    placed = [START - HOUR, START - 46 * MINUTE, START - 44 * MINUTE, None]
    ledger.transitions.discover(
        Discovery(code, code, at) for code, at in zip("ABCD", placed, strict=True)
    )
    ledger.transitions.skip("B", OrderCause.RULE, "no")
    told = ledger.throughput.orders_placed
    assert told(START - DAY, START + DAY) == [
        OrderCount(to_text(START - HOUR), OrderState.PENDING, 1),
        OrderCount(to_text(START - HOUR), OrderState.SKIPPED, 1),
        OrderCount(to_text(START - 45 * MINUTE), OrderState.PENDING, 1),
        OrderCount(to_text(START), OrderState.PENDING, 1),
    ]
    assert [one.since for one in told(START - 45 * MINUTE, START)] == [to_text(START - 45 * MINUTE)]


def test_what_this_ledger_sent(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    discover(ledger, "PAID", "ADOPTED", "PENDING")
    paid = replace(intent("PAID"), paid_at=START - HOUR)
    attempt = ledger.transitions.intend("PAID", paid)
    assert attempt is not None
    ledger_bed.clock.forward(minutes=1)
    ledger.transitions.accept("PAID", attempt, 7)
    accept(ledger, "OLD")
    # Another ledger sent it: when, this one does not know.
    ledger.transitions.adopt("ADOPTED", "ADOPTED", record("ADOPTED"))
    assert ledger.throughput.orders_sent(START - DAY, START + DAY) == [
        SentOrder(to_text(START - HOUR), NOON),
        SentOrder(None, to_text(START + MINUTE)),
    ]
    assert ledger.throughput.orders_sent(START - DAY, START) == []
    row = ledger.orders.get("PAID")
    assert row is not None
    assert row.paid_at == to_text(START - HOUR)


def test_what_left_and_what_it_cost(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    accept(ledger, "A")
    discover(ledger, "B")
    ledger.transitions.adopt("B", "B", record("B"))
    late, early = to_text(START + 2 * HOUR), to_text(START + HOUR)
    both = (package(early), package(late), package(to_text(START + DAY), void=True))
    store = ledger.shipments
    cost = ShippingCost(Decimal("16.20"), Decimal("0.5"))
    seen = {"1": both, "2": (package(None),), "3": (package(late, void=True),), "rest": ()}
    store.looked("A", "A", reference="A", rows=None, seen=seen, costs={"1": cost})
    store.looked("B", "B", reference="B", rows=None, seen={"1": (package(early),)})
    told = ledger.throughput.departures(START, START + 3 * DAY)
    assert [replace(one, packages=()) for one in told] == [
        Departure(early, None, (), None, None),
        Departure(late, NOON, (), "16.20", "0.5"),
    ]
    assert set(told[1].packages) == set(both)
    assert ledger.throughput.departures(START + HOUR, START + 2 * HOUR) == [told[0]]
    # What a later look-up shows replaces it: the bill was corrected, a label was void.
    seen = {"1": (package(early), package(late, void=True))}
    costs = {"1": ShippingCost(Decimal("9"))}
    store.looked("A", "A", reference="A", rows=None, seen=seen, costs=costs)
    [one] = ledger.throughput.departures(START + HOUR, START + DAY)[:1]
    assert (one.left_at, one.freight, one.charges) == (early, "9", None)
    row = store.slips("A")["1"]
    assert (row.left_at, row.freight) == (early, "9")


def test_a_cost_that_changes_is_no_other_package(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    accept(ledger, "A")
    store, seen = ledger.shipments, {"1": (package(NOON),)}
    store.looked("A", "A", reference="A", rows=None, seen=seen)
    ledger_bed.clock.forward(minutes=30)
    costs = {"1": ShippingCost(Decimal("8.11"))}
    store.looked("A", "A", reference="A", rows=None, seen=seen, costs=costs)
    row = store.slips("A")["1"]
    assert (row.since, row.freight) == (NOON, "8.11")


def test_runs_that_succeeded(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    def run(command: str, exit_code: int, **result: str) -> None:
        ledger.runs.end(ledger.runs.begin(command), exit_code, result)
        ledger_bed.clock.forward(hours=1)

    for exit_code in (0, 0, 69, 3):
        run("sync-inventory", exit_code)
    run("sync-inventory", 3, errorClass="upstream")
    run("sync-orders", 0)
    told = ledger.throughput.successes
    assert told("sync-inventory", START, START + DAY) == [
        to_text(START),
        to_text(START + HOUR),
        to_text(START + 3 * HOUR),
    ]
    # The last one before the period says how old the stock was when it began.
    assert told("sync-inventory", START + 2 * HOUR, START + 3 * HOUR) == [to_text(START + HOUR)]
    assert told("sync-tracking", START, START + DAY) == []


def test_waiting_orders_are_counted_by_age(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    assert ledger.throughput.waiting_since([START]) == [0]
    discover(ledger, "OLD")
    accept(ledger, "SENT")
    ledger_bed.clock.forward(hours=1)
    discover(ledger, "NEW")
    bounds = [START + MINUTE, START - MINUTE]
    assert ledger.throughput.waiting_since(bounds) == [1, 2]
    assert ledger.throughput.waiting_since([]) == []
