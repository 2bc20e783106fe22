"""Cancelled in the shop, then at VeraCore by hand, as the alert says: no alert stays open.

Whichever path sees the one or the other first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bench import Bench
from fakes import make_order, stub

from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Failure
from veracore_sync.jobs.orders.change_detection import ChangeDetector
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.jobs.retry import execute, plan
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun


def cancel_in_shop(bench: Bench) -> None:
    bench.clock.forward(minutes=1)
    bench.shop.change("A", state="Cancelled", updated_at=bench.clock.now())


def cancel_there(bench: Bench) -> None:
    bench.warehouse.held["a"] = replace(bench.warehouse.held["a"], status="cancelled")


def orders(bench: Bench) -> None:
    bench.clock.forward(minutes=5)
    bench.run()


def track(bench: Bench) -> None:
    TrackingRun(bench.context(TrackingReport())).run()  # type: ignore[arg-type]


def retry(bench: Bench) -> None:
    chosen = plan(bench.ledger, ["A"], every=False, error_class=None)
    context = bench.context()
    execute(chosen, bench.ledger, context.report, DoubtResolver(context))


def adopt(bench: Bench) -> None:
    Resolver(bench.context()).adopt("A", None)


def told_late(bench: Bench) -> None:
    """Tracking sees it cancelled at VeraCore between a read and a write of change detection."""
    read = bench.ledger.orders.held

    def held(codes: Any) -> Any:
        rows = read(codes)
        bench.ledger.orders.held = read  # type: ignore[method-assign]
        track(bench)
        return rows

    cancel_there(bench)
    bench.ledger.orders.held = held  # type: ignore[method-assign]
    ChangeDetector(bench.context()).changed([stub(bench.shop.by_code["A"])])


def others_move(bench: Bench) -> None:
    """Another order changes later, so the shop no longer lists this one as changed."""
    bench.clock.forward(hours=1)
    bench.shop.add(make_order("Z", updated_at=bench.clock.now()))
    orders(bench)
    orders(bench)


def dismissed(bench: Bench) -> None:
    """A person has accepted the alert before VeraCore shows the cancellation."""
    bench.ledger.alerts.resolve(AlertKind.ORDER_CANCELLED_IN_SHOP, code="A")


def conflict(bench: Bench) -> None:
    with bench.ledger.database.transaction() as connection:
        connection.execute("UPDATE orders SET state = 'in_doubt' WHERE code = 'A'")
    bench.ledger.transitions.conflict("A", None, Failure(Category.CONFLICT, "other content"))


def in_doubt(bench: Bench) -> None:
    with bench.ledger.database.transaction() as connection:
        connection.execute("UPDATE orders SET state = 'in_doubt', cause = 'lost' WHERE code = 'A'")
        connection.execute("UPDATE attempts SET outcome = 'in doubt' WHERE code = 'A'")


Act = Callable[[Bench], None]
PATHS: dict[str, tuple[Act, ...]] = {
    "tracking": (cancel_in_shop, orders, cancel_there, track),
    "tracking, before the shop's is seen": (cancel_in_shop, cancel_there, track, orders),
    "tracking, while the shop's is seen": (cancel_in_shop, told_late, others_move),
    "tracking, long after the shop's was seen": (
        *(cancel_in_shop, orders, others_move),
        *(cancel_there, track),
    ),
    "tracking, after a person accepted it": (
        *(cancel_in_shop, orders, others_move, dismissed),
        *(cancel_there, track),
    ),
    "a doubt": (in_doubt, cancel_in_shop, cancel_there, orders),
    "a doubt, and the shop's is seen": (in_doubt, cancel_there, orders, cancel_in_shop),
    "retry": (in_doubt, cancel_in_shop, cancel_there, retry),
    "retry, after the shop's was seen": (cancel_in_shop, orders, in_doubt, cancel_there, retry),
    "resolve": (conflict, cancel_in_shop, orders, cancel_there, adopt),
    "resolve, before the shop's is seen": (conflict, cancel_in_shop, cancel_there, adopt),
    "there first": (cancel_there, track, cancel_in_shop, orders),
}


@pytest.mark.parametrize("name", PATHS)
def test_no_alert_stays_open(bench: Bench, name: str) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    for act in PATHS[name]:
        act(bench)
    for _ in range(3):
        orders(bench)
        track(bench)
    assert bench.state("A") == "cancelled"
    assert [one.kind for one in bench.ledger.alerts.standing()] == []
