"""What waits for too long is told once, and resolved when it has moved on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from bench import Bench
from fakes import START, make_order, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.orders.overdue import Ages, moved_on

HOUR = timedelta(hours=1)


def row(state: str, cause: str = "", **changes: object) -> OrderRow:
    values = {name: getattr(fresh_row("A", "1", to_text(START)), name) for name in _FIELDS}
    return OrderRow(**{**values, "state": state, "cause": cause, **changes})  # type: ignore[arg-type]


_FIELDS = OrderRow.__slots__


@pytest.mark.parametrize(
    ("state", "cause", "limit"),
    [
        ("pending", "", HOUR),
        ("pending", "waiting", 24 * HOUR),
        ("in_doubt", "lost", HOUR),
        ("failed", "", 24 * HOUR),
        ("parked", "refused", 24 * HOUR),
    ],
)
def test_each_state_has_its_age(state: str, cause: str, limit: timedelta) -> None:
    one = row(state, cause, doubt_since=to_text(START))
    assert list(Ages(START + limit - timedelta(milliseconds=1), timedelta(0)).too_old([one])) == []
    [old] = Ages(START + limit, timedelta(0)).too_old([one])
    assert old.code == "A"
    words = STATE_LABELS[OrderState(state)]
    assert f"for {limit // HOUR} h and is {words}" in old.message


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ("parked", "ours"),
        ("synced", ""),
        ("conflict", ""),
        ("cancelled", ""),
    ],
)
def test_what_waits_for_a_person_has_no_age(state: str, cause: str) -> None:
    assert list(Ages(START + 999 * HOUR, timedelta(0)).too_old([row(state, cause)])) == []


def test_an_order_that_is_held_back_on_purpose_may_be_older() -> None:
    ages = Ages(START + 2 * HOUR, min_age=timedelta(hours=2))
    assert list(ages.too_old([row("pending")])) == []


def test_a_doubt_counts_from_the_doubt() -> None:
    doubted = row("in_doubt", "lost", doubt_since=to_text(START + 5 * HOUR))
    assert list(Ages(START + 5.5 * HOUR, timedelta(0)).too_old([doubted])) == []


@pytest.mark.parametrize(
    ("state", "cause", "has"),
    [
        ("synced", "", True),
        ("skipped", "rule", True),
        ("conflict", "", True),
        ("parked", "ours", True),
        ("pending", "", False),
        ("in_doubt", "lost", False),
        ("parked", "refused", False),
    ],
)
def test_moved_on(state: str, cause: str, has: bool) -> None:
    assert list(moved_on([row(state, cause)])) == (["A"] if has else [])


def test_a_pending_order_is_told_once_and_resolved_when_it_leaves(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.down = True
    news = []
    for _ in range(30):
        result, error = bench.stopped()
        assert error.exit_code == 69
        news += result.needs_person
        bench.clock.forward(minutes=5)
    assert len(news) == 1
    assert news[0].startswith("A: it has not reached VeraCore for 1 h and is waiting")
    assert [one.kind for one in bench.ledger.alerts.standing()] == ["order.old"]
    bench.warehouse.down = False
    assert bench.run().needs_person == []
    assert bench.ledger.alerts.standing() == []


def test_pending_and_then_in_doubt_is_still_the_same_trouble(bench: Bench) -> None:
    bench.shop.add(make_order("OK"))
    bench.run()
    bench.shop.add(make_order("A"))
    bench.warehouse.down = True
    bench.stopped()
    bench.clock.forward(hours=2)
    assert len(bench.stopped()[0].needs_person) == 1
    bench.warehouse.down = False
    bench.warehouse.script.append("lost before")
    bench.run()
    assert bench.state("A") == "in_doubt"
    bench.clock.forward(seconds=60)
    assert bench.run().needs_person == []
    assert [one.kind for one in bench.ledger.alerts.standing()] == ["order.old"]


def test_thousands_at_once_are_summed_up(bench: Bench) -> None:
    bench.settings = make_settings(orders={"max_first_run": 5000})
    bench.shop.add(*(make_order(f"A{n:04}") for n in range(2000)))
    bench.warehouse.down = True
    bench.stopped()
    bench.clock.forward(minutes=61)
    news = bench.stopped()[0].needs_person
    assert len(news) == 11
    assert news[-1] == "1990 more orders have waited too long"
    assert len(bench.ledger.alerts.standing()) == 2000
    assert bench.stopped()[0].needs_person == []


def test_a_dry_run_tells_no_ages(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.down = True
    bench.stopped()
    bench.clock.forward(hours=2)
    assert bench.run(dry_run=True).needs_person == []
    assert bench.ledger.alerts.standing() == []
