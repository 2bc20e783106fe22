"""Kill and disturb cancellations, and count what became of the orders.

    .venv/bin/python benchmarks/cancel_fire.py [--kills 300] [--faults 3000] [--seed 0]

Starts a small shop and a VeraCore simulator on this machine. Orders are paid, sent, and cancelled
in the shop (``orders.cancel = "auto"``) or by ``cancel``; meanwhile the floor picks and ships at
random, and the simulator changes at random until when it cancels, and whether its answer is true.

First the real commands ``sync-orders``, ``cancel`` and ``sync-tracking`` die of SIGKILL at random
moments (a kill counts where the command had begun to talk to the warehouse and was not through).
Then requests to cancel and to look up meet faults of eleven kinds, in this process, with a clock
that the benchmark sets.

Printed for each: how many orders were to be cancelled and how that ended; orders that the ledger
called cancelled at any time although they were not cancelled in all their units (must be 0); orders
that left although they were cancelled or to be, and how many of them no ``order.shipped_cancelled``
told of (must be 0). The process ends with an error otherwise.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import kits
from cancel_fire_kit import ENV, CancelFire
from cancel_judge import Verdict
from cancel_kills import CancelKills
from fire_kit import set_on_fire
from tracking_world import world


def report(title: str, verdict: Verdict, began: float) -> None:
    """Print what was found; end with an error if it must not be."""
    ends = ", ".join(f"{state} {count}" for state, count in sorted(verdict.ends.items()))
    print(
        f"{title} in {time.monotonic() - began:.0f} s\n"
        f"  cancellations: {ends}\n"
        f"  false cancelled: {len(verdict.false_cancelled)}; left all the same: {verdict.left}, "
        f"of which untold: {len(verdict.untold)}; still open: {len(verdict.open)}",
        flush=True,
    )
    if verdict.false_cancelled or verdict.untold or verdict.open:
        raise SystemExit(1)


def kill(times: int, seed: int) -> None:
    """Kill the commands."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, set_on_fire(Path(folder), "oms") as fire:
        fire.rig.env["PYTHONPATH"] = str(kits.ROOT)
        loop = CancelKills(fire, seed)
        loop.kill(times)
        loop.come_to_rest(within_seconds=900)
        moments = ", ".join(f"{state} {count}" for state, count in sorted(loop.found.items()))
        report(
            f"{loop.kills} kills ({loop.spared} commands ended first); "
            f"cancellations left behind at a kill: {moments};",
            loop.verdict,
            began,
        )


def burn(faults: int, seed: int) -> None:
    """Let requests fail; in parts, so that no part's ledger grows large."""
    began, suffered, total = time.monotonic(), 0, Verdict()
    while suffered < faults:
        with tempfile.TemporaryDirectory() as folder, world(Path(folder), **ENV) as bed:
            fire = CancelFire(bed, seed)
            fire.burn(min(200, faults - suffered))
            suffered += fire.suffered
            seed += 1
            total.false_cancelled += fire.verdict.false_cancelled
            total.untold += fire.verdict.untold
            total.open += fire.verdict.open
            total.ends += fire.verdict.ends
            total.left += fire.verdict.left
    report(f"{suffered} faults", total, began)


def main() -> None:
    """Read the options and attack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--faults", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.faults:
        burn(options.faults, options.seed)
    if options.kills:
        kill(options.kills, options.seed)


if __name__ == "__main__":
    main()
