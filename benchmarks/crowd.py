"""Everybody at once on one ledger for as long as is asked, and what became of every promise.

    .venv/bin/python benchmarks/crowd.py [MINUTES (60)] [--seed 0]

Starts a small shop and a VeraCore simulator on this machine, ``serve-webhooks`` under signed load
from several clients and ``serve-admin`` under mutations; four at a time, all timers and all upkeep
commands run beside them on the same ledger (`tests/whole/crowd_kit.py` names them), while SIGKILL
and SIGTERM strike any of them at random. After every four commands each delivery that was answered
2xx must be in the ledger, SQLite must find it whole, and no process may have a deleted file of it
open. Every five minutes all are left to finish, and the books must balance: every order once at the
warehouse and in the ledger, every shipment in the shop once, exactly what is there for sale, every
delivery looked up, the same counts in every process. The dialects take turns, each with a new
ledger.

Printed for each part: commands that ended, signals, deliveries, mutations, orders, and how often
the descriptors of all processes were looked at. Ends with an error where something does not hold.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from crowd_kit import Crowd, crowd

_PART_SECONDS = 300.0


def part(seed: int, seconds: float) -> None:
    """One ledger's life, so many seconds long."""
    began = time.monotonic()
    dialect = ("oms", "rest")[seed % 2]
    with (
        tempfile.TemporaryDirectory() as folder,
        crowd(Path(folder), dialect, seed) as everybody,
    ):
        try:
            with everybody.at_work():
                while time.monotonic() - began < seconds:
                    everybody.step()
            everybody.settle(within_seconds=600)
        finally:
            took = time.monotonic() - began
            print(f"{dialect}, seed {seed}, {took:.0f} s: {_told(everybody)}", flush=True)


def _told(everybody: Crowd) -> str:
    orders = everybody.world.shop.state.orders
    return (
        f"{everybody.ended.total()} commands; {everybody.strikes.total()} signals\n"
        f"  ({_counts(everybody.strikes)});\n"
        f"  {len(everybody.deliveries.promises)} deliveries answered 2xx, {everybody.acts.count} "
        f"mutations, {len(orders)} orders; descriptors looked at {everybody.orphans.looks} times"
    )


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def main() -> None:
    """Read the options and let them at it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("minutes", type=float, nargs="?", default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ends = time.monotonic() + 60 * options.minutes
    seed = options.seed
    while (left := ends - time.monotonic()) > 0:
        part(seed, min(_PART_SECONDS, left))
        seed += 1
    print("nothing lost, doubled or torn")


if __name__ == "__main__":
    main()
