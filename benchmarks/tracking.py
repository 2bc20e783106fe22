"""Shipments back: beside the calls that must be made, with the best concurrency found by hand.

    .venv/bin/python benchmarks/tracking.py [--open 1000] [--shipped 100] [--rounds 5] [--delay 20]

So many orders are placed, and in each round so many have shipped: a part for a run of ours, a part
for the floor. The floor is the same calls, bare: one list, a look-up for each order that is looked
up, and for each that shipped two reads, a fulfilment and its transition. Look-ups go side by side,
then orders do; first 1, 2, 4, 8 and 16 at once are tried. Then floor and run take turns, at the
number that was best. Goal: at most 1.2 times as long. `--shared`: all orders are of one SKU, so
that no two may be fulfilled at once; the floor's orders go one after the other, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple, TypeVar

import kits  # noqa: F401 - finds what is imported below
from at_once import so_many_at_once
from hosts import Bed, bed

from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun

T = TypeVar("T")
R = TypeVar("R")
GRID = (1, 2, 4, 8, 16)


class Took(NamedTuple):
    """Seconds by the clock, and of processor time of this process."""

    clock: float
    busy: float


def track(made: Bed, at_once: int | None) -> Took:
    """One run of ``sync-tracking``; how long it took.

    Args:
        made: Both ends.
        at_once: A fixed number of things at once; ``None``: as commands do.
    """
    context = made.parts.context(TrackingReport())
    if at_once is not None:
        context.concurrency = so_many_at_once(at_once)
    began, busy = time.perf_counter(), time.process_time()
    result = TrackingRun(context).run()
    took = Took(time.perf_counter() - began, time.process_time() - busy)
    assert result.errors == 0, result
    return took


def ship(made: Bed, codes: Sequence[str]) -> None:
    """Ship these orders at the simulator."""
    for code in codes:
        package = {"tracking": f"1Z{code}", "carrier": "UPS", "service": "Ground"}
        made.control("ship", {"order": code, "packages": [package]})


def bare(made: Bed, codes: Sequence[str], others: Sequence[str], at_once: int, fulfil: int) -> Took:
    """The calls alone, for orders that have shipped; how long they took.

    Args:
        made: Both ends.
        codes: Orders that have shipped.
        others: Orders that are only looked up.
        at_once: How many look-ups at once.
        fulfil: How many orders are fulfilled at once.
    """
    shop, warehouse, today = made.parts.shop, made.parts.warehouse, datetime.now(UTC).date()

    def one(code: str) -> None:
        order = shop.fulfilments.orders([code])[code]
        lines = {line.id: line.quantity for line in order.lines}
        id = shop.fulfilments.add(
            lines, handler="manual-fulfillment", method="UPS", tracking_code=code
        )
        shop.fulfilments.ship(id)
        shop.fulfilments.orders([code])

    began, busy = time.perf_counter(), time.process_time()
    list(warehouse.shipped(today - timedelta(days=3), today + timedelta(days=2)))
    side_by_side(warehouse.look_up, [*codes, *others], at_once)
    side_by_side(one, codes, fulfil)
    return Took(time.perf_counter() - began, time.process_time() - busy)


def side_by_side(act: Callable[[str], object], items: Sequence[str], at_once: int) -> None:
    """Do it with each, so many at once."""
    if at_once == 1:
        for item in items:
            act(item)
        return
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(act, items))


def measure(
    made: Bed, shipped: int, rounds: int, *, shared: bool, ours_at_once: int | None
) -> None:
    """Take turns, and print the ratios."""
    codes = list(made.codes)
    others = [codes.pop() for _ in range(made.parts.settings.tracking.lookups_per_run)]

    def next_ones() -> list[str]:
        taken = [codes.pop() for _ in range(shipped)]
        ship(made, taken)
        return taken

    def floor(at_once: int) -> Took:
        taken = next_ones()
        took = bare(made, taken, others, at_once, 1 if shared else at_once)
        settle(made)
        return took

    by_hand = {at_once: floor(at_once) for at_once in GRID}
    print("  ".join(f"{at_once} at once: {took.clock:.2f} s" for at_once, took in by_hand.items()))
    best = min(by_hand, key=lambda at_once: by_hand[at_once].clock)
    pairs = []
    for index in range(rounds):
        turns = []
        # Each goes first in every second round.
        for is_ours in (index % 2 == 0, index % 2 == 1):
            if is_ours:
                next_ones()
                turns.append(("ours", track(made, best if ours_at_once == 0 else ours_at_once)))
            else:
                turns.append(("floor", floor(best)))
        pairs.append(dict(turns))
        print(
            "  ".join(
                f"{name} {took.clock:.2f} s ({took.busy:.2f})" for name, took in sorted(turns)
            ),
            flush=True,
        )
    by_clock = sorted(pair["ours"].clock / pair["floor"].clock for pair in pairs)
    by_busy = sorted(pair["ours"].busy / pair["floor"].busy for pair in pairs)
    print(
        f"{shipped} of {len(made.codes)} shipped, {best} at once, {len(pairs)} pairs: "
        f"{median(by_clock):.2f} x by the clock ({by_clock[0]:.2f} to {by_clock[-1]:.2f}), "
        f"{median(by_busy):.2f} x by processor time ({by_busy[0]:.2f} to {by_busy[-1]:.2f}); "
        f"goal 1.2; load {os.getloadavg()[0]:.1f}"
    )


def settle(made: Bed) -> None:
    """Let the ledger see what the floor did, so that no measured run has to."""
    track(made, 4)


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--open", type=int, default=1000)
    parser.add_argument("--shipped", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay", type=int, default=0, help="milliseconds, of each call")
    parser.add_argument("--shared", action="store_true", help="all orders are of one SKU")
    parser.add_argument("--at-once", type=int, help="ours, fixed; 0: the floor's best")
    options = parser.parse_args()
    settings = {
        "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        "VERACORE_SYNC_ORDERS__WORKERS": "8",
        "VERACORE_SYNC_ORDERS__MAX_FIRST_RUN": "100000",
    }
    count = options.open + options.shipped * (len(GRID) + 2 * options.rounds)
    skus = 1 if options.shared else count
    with bed("oms", "tracking", skus=skus, orders=count, **settings) as made:
        parts = made.parts
        OrdersRun(parts.context(OrdersReport(), RunOptions(allow_first_run=True))).run()
        track(made, 4)
        if options.delay:
            made.control("faults", {"delay_ms": options.delay})
            made.shop_control("faults", {"delay_ms": options.delay})
        measure(
            made,
            options.shipped,
            options.rounds,
            shared=options.shared,
            ours_at_once=options.at_once,
        )


if __name__ == "__main__":
    sys.exit(main())
