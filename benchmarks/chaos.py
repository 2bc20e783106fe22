"""Lives in chaos, and what did not hold at the end of each.

    .venv/bin/python benchmarks/chaos.py [SEEDS (200)] [--first 0] [--steps 6] [--at-once 2]

Each seed is one ledger's life between a small shop and a VeraCore simulator on this machine. In
each step both ends fail now and then in every way that the simulators know; people and the
warehouse order, ship, count, cancel and fulfil by hand; two or three commands run at once beside
``serve-webhooks`` under signed load and ``serve-admin`` under mutations; any of them is killed,
terminated, or stopped for a while, and three in ten run by a clock that is a day behind, an hour or
400 days ahead. Then all are left to finish, by the timers alone; each paid order must be at the
warehouse once or with a person, each shipment in the shop once with the right units, nothing for
sale that is not there, each delivery that was answered 2xx followed, and the ledger whole. Then a
person does what the alerts ask for: none may be left, and the books must balance exactly.

The dialects take turns. Printed for each seed: signals, clocks and orders, and what did not hold.
A seed draws the same again; what the draws meet depends on the moment. Ends with an error where a
seed failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from chaos_kit import Chaos, chaos

_LONGEST = 600


def life(seed: int, steps: int) -> str | None:
    """Live and settle once; what did not hold, if anything."""
    began, dialect, trouble = time.monotonic(), ("oms", "rest")[seed % 2], None
    told = "did not begin"
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            chaos(Path(folder), dialect, seed) as living,
        ):
            try:
                living.live(steps)
                living.settle()
            finally:
                told = _told(living)
    except Exception as error:  # noqa: BLE001 - whatever it is, this seed failed and others go on
        trouble = f"{type(error).__name__}: {error}"[:_LONGEST]
    took = time.monotonic() - began
    print(f"seed {seed}, {dialect}, {took:.0f} s: {told}; {trouble or 'all holds'}", flush=True)
    return trouble


def _told(living: Chaos) -> str:
    return (
        f"{len(living.world.shop.state.orders)} orders, {living.world.faults} faults, "
        f"{_counts(living.strikes)}; clocks {_counts(living.clocks)}"
    )


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def main() -> None:
    """Read the options and live."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("seeds", type=int, nargs="?", default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    # A process for each life: commands that run in it change its environment and signals.
    with ProcessPoolExecutor(
        options.at_once, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        ends = dict(zip(seeds, pool.map(partial(life, steps=options.steps), seeds), strict=True))
    failed = [str(seed) for seed, trouble in ends.items() if trouble]
    print(f"{len(ends) - len(failed)} of {len(ends)} lives ended with all books balanced")
    if failed:
        sys.exit(f"failed: seeds {', '.join(failed)}")


if __name__ == "__main__":
    main()
