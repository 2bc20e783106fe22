"""Kill ``sync-orders`` a thousand times and count what became of the orders.

    .venv/bin/python benchmarks/kill_orders.py [--kills 1000] [--seed 0] [--dialect oms|rest]

Starts a small shop and a VeraCore simulator on this machine, and again and again the real command,
which dies of SIGKILL at a random moment of its work while new orders keep coming in; at the end it
runs until nothing is left to do. A kill counts where the run had begun to talk to the warehouse and
was not through. Half of the kills are made in each dialect unless one is named.

Printed for each dialect: how many runs were killed and how many ended first; in how many kills an
order was being sent, was in doubt, or waited; how many orders were paid, how many are at the
simulator, how many were sent again although they were there (must be 0), and how many because their
request never got there; how many runs it then took to come to rest. The process ends with an error
unless each paid order is at the simulator once, none is missing and the ledger agrees. About one
second a kill.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import kits
from fire_kit import DIALECTS, set_on_fire
from kill_loop import KillLoop


def attack(dialect: str, kills: int, seed: int) -> None:
    """Kill in one dialect, and print what was found."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, set_on_fire(Path(folder), dialect) as fire:
        fire.rig.env["PYTHONPATH"] = str(kits.ROOT)
        loop = KillLoop(fire, seed)
        loop.kill(kills)
        runs = fire.run_until_at_rest(within_seconds=600)
        fire.assert_each_once()
        there = fire.rig.control("orders")["orders"]
        again = sum(one["submissions"] > 1 for one in there)
        moments = ", ".join(f"{state} {count}" for state, count in sorted(loop.found.items()))
        print(
            f"{dialect}: {loop.kills} kills ({loop.spared} runs ended first) "
            f"in {time.monotonic() - began:.0f} s; left behind at a kill: {moments}\n"
            f"  {len(fire.shop.state.orders)} orders paid, {len(there)} at the simulator, "
            f"{again} of them sent again after they were stored;\n"
            f"  {loop.sent_again()} were sent again because their request had died with its run; "
            f"at rest after {runs} more run(s)",
            flush=True,
        )


def main() -> None:
    """Read the options and attack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dialect", choices=DIALECTS)
    options = parser.parse_args()
    dialects = (options.dialect,) if options.dialect else DIALECTS
    for dialect in dialects:
        attack(dialect, options.kills // len(dialects), options.seed)


if __name__ == "__main__":
    main()
