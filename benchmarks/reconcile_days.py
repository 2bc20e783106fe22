"""Let sixty days of a shop go by on a virtual clock, and find what was made to differ.

    .venv/bin/python benchmarks/reconcile_days.py [--days 60] [--orders 200] [--inject 500]

A small shop and a VeraCore simulator on this machine. Every hour the timers run, in between
customers order and the warehouse ships; at random moments differences of every type are made by the
sides' own means (tests/reconcile_makers.py), beside much that only looks like one. Once a day
`reconcile` runs, and a person then repairs what it found, some of it a day later.

Printed for each day: orders placed, differences made, found and standing. In the end: how many of
those made were found within one run of their settling, what was reported although nobody had made
it, what was told twice, what stood after its repair, and the memory of a last run in a process of
its own. The process ends with an error if there was any such fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from peaks import peak_mb
from reconcile_days_kit import Days, reconciled_days

# On a disk, the ledger's syncs would be most of the time.
_MEMORY = Path("/dev/shm")
_PROGRAM = """
import sys
from datetime import timedelta
from veracore_sync.clock import SystemClock

now, ahead = SystemClock.now, timedelta(seconds=float(sys.argv.pop(1)))
SystemClock.now = lambda self: now(self) + ahead
from veracore_sync.__main__ import main
main()
"""


def memory(days: Days) -> float:
    """The most memory of a run in a process of its own, in MB."""
    days.close()
    rig, clock = days.bed.rig, days.bed.clock
    ahead = clock.now().timestamp() - time.time()
    command = [sys.executable, "-c", _PROGRAM, str(ahead), "reconcile", "--json"]
    return peak_mb(command, rig.environment, rig.folder, ends=(0, 3))


def main() -> None:
    """Read the options, live through the days, print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--inject", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        reconciled_days(
            Path(place), days=given.days, orders=given.orders, inject=given.inject, seed=given.seed
        ) as days,
    ):
        seen = 0
        began = time.monotonic()
        for day in days.live(given.days):
            took, began = time.monotonic() - began, time.monotonic()
            print(f"day {day}: {days.figures()}, {took:.0f} s", flush=True)
            for fault in days.tally.faults[seen:]:
                print(f"  {fault}", flush=True)
            seen = len(days.tally.faults)
        days.end()
        most = memory(days)
        print("\n".join(days.summary()), f"{most:.0f} MB in a process of its own", sep="\n")
        if days.tally.faults:
            raise SystemExit("\n".join(days.tally.faults))


if __name__ == "__main__":
    main()
