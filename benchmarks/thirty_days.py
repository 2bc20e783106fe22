"""Let thirty days of a shop go by on a virtual clock, and balance the books each day.

    .venv/bin/python benchmarks/thirty_days.py [--days 30] [--orders 200] [--seed 0]

A small shop and a VeraCore simulator on this machine, in Los Angeles, once from the fifth of March
and once from 29 October, so that the clocks change in both directions. Every hour the timers run;
in between customers order, the warehouse ships and restocks, orders are changed, cancelled on
either side and fulfilled by hand, in whole and in part, before and after they were sent. The great
troubles take turns day by day (tests/tracking/days_kit.py): changed passwords, outages of hours, an
old backup of the ledger.

Printed for each day: orders placed and sent, shipments, fulfilments of them, orders cancelled,
changed and touched by hand, runs that were cut short or refused, and that the books balance: every
order at the warehouse once, every shipment in the shop once, exactly what is there for sale, and
every trouble before a person. The process ends with an error where they do not.
About twenty minutes on a busy two-core machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from days_kit import Pace, life

_STARTS = ("2026-03-05", "2026-10-29")
_SUMS = {
    "cancelled": ("cancelled", "cancelled late", "cancelled there"),
    "changed": ("changed", "changed late"),
    "by hand": ("by hand", "partly by hand", "packed by hand", "by hand too"),
}
_PLAIN = ("placed", "sent", "shipped", "fulfilled")
_RUNS = ("cut short", "refused")


def figures(told: Counter[str]) -> str:
    """A line's worth of what was counted."""
    sums = {name: sum(told[story] for story in stories) for name, stories in _SUMS.items()}
    parts = [f"{told[name]} {name}" for name in _PLAIN]
    parts += [f"{count} {name}" for name, count in sums.items()]
    parts += [f"{told[name]} runs {name}" for name in _RUNS]
    return ", ".join(parts)


def month(start: str, days: int, pace: Pace, seed: int) -> Counter[str]:
    """Live through so many days, a line for each; what was counted in all."""
    total = Counter[str]()
    with tempfile.TemporaryDirectory() as folder, life(Path(folder), start, pace, seed) as shop:
        for number in range(days):
            began = time.monotonic()
            shop.day(number)
            total += shop.told
            took = time.monotonic() - began
            print(
                f"{start} day {number + 1}: {figures(shop.told)}; balanced, {took:.0f} s",
                flush=True,
            )
    return total


def main() -> None:
    """Read the options and live through a month in spring and one in autumn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pace = Pace(orders=options.orders, stories=max(1.5, options.orders / 50))
    for start in _STARTS:
        total = month(start, options.days, pace, options.seed)
        print(f"{start}, {options.days} days: {figures(total)}; balanced each day", flush=True)


if __name__ == "__main__":
    main()
