"""Shipments back: beside the sum of the calls that must be made.

    .venv/bin/python benchmarks/tracking.py [--open 1000] [--shipped 100]

So many orders are placed, of which so many have shipped. The floor is the same calls, bare, one
after the other: one list, a look-up for each order that is looked up, and for each that shipped two
reads, a fulfilment and its transition. Goal: at most 1.2 times as long.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta

from hosts import Bed, bed

from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun


def track(made: Bed) -> float:
    """One run of ``sync-tracking``; how long it took."""
    parts = made.parts
    run = TrackingRun(parts.context(TrackingReport()))
    began = time.perf_counter()
    result = run.run()
    took = time.perf_counter() - began
    assert result.errors == 0, result
    return took


def ship(made: Bed, codes: list[str]) -> None:
    """Ship these orders at the simulator."""
    for number, code in enumerate(codes):
        package = {"tracking": f"1Z{number:016}", "carrier": "UPS", "service": "Ground"}
        made.control("ship", {"order": code, "packages": [package]})


def bare(made: Bed, codes: list[str], lookups: int) -> float:
    """The calls alone, for orders that have shipped; how long they took."""
    shop, warehouse, today = made.parts.shop, made.parts.warehouse, datetime.now(UTC).date()
    began = time.perf_counter()
    list(warehouse.shipped(today - timedelta(days=3), today + timedelta(days=2)))
    for code in [*codes, *made.codes[-lookups:]]:
        warehouse.look_up(code)
    for code in codes:
        order = shop.fulfilments.orders([code])[code]
        lines = {line.id: line.quantity for line in order.lines}
        id = shop.fulfilments.add(
            lines, handler="manual-fulfillment", method="UPS", tracking_code=code
        )
        shop.fulfilments.ship(id)
        shop.fulfilments.orders([code])
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--open", type=int, default=1000)
    parser.add_argument("--shipped", type=int, default=100)
    options = parser.parse_args()
    settings = {
        "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        "VERACORE_SYNC_ORDERS__WORKERS": "8",
    }
    with bed("oms", "tracking", orders=options.open, **settings) as made:
        parts = made.parts
        OrdersRun(parts.context(OrdersReport(), RunOptions(allow_first_run=True))).run()
        track(made)
        ours, theirs = made.codes[: options.shipped], made.codes[options.shipped :]
        floor_codes = theirs[: options.shipped]
        ship(made, ours)
        took = track(made)
        ship(made, floor_codes)
        floor = bare(made, floor_codes, parts.settings.tracking.lookups_per_run)
        print(
            f"{options.shipped} of {options.open} shipped: {took:.2f} s, "
            f"the calls alone {floor:.2f} s: {took / floor:.2f} x (goal 1.2)"
        )


if __name__ == "__main__":
    sys.exit(main())
