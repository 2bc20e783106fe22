"""Let ten thousand requests fail, and count what became of orders, shipments and stock.

    .venv/bin/python benchmarks/fault_sweep.py [--faults 10000] [--seed 0] [--rate 0.3]

Starts a small shop and a VeraCore simulator on this machine, and lets a shop's life go on while
every command runs again and again; three requests in ten fail at both ends, in every way that the
simulators know. After each 60 commands the faults stop and the books must balance: every paid order
at the warehouse once, every shipment in the shop once, exactly what is there for sale, every event
told. The dialects take turns, each with a new ledger.

Printed for each part: faults suffered, commands by exit code, orders placed and shipments
fulfilled, rounds until all was at rest. The process ends with an error where the books do not
balance, a command ends with an exit code that is not documented, or prints a traceback. About ten
minutes for each thousand faults.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "whole")]

from whole_kit import COMMANDS, whole  # noqa: E402 - found by the line above

_COMMANDS_A_PART = 60


def part(seed: int, rate: float) -> int:
    """One ledger's life; the faults that it suffered."""
    began = time.monotonic()
    dialect = ("oms", "rest")[seed % 2]
    with tempfile.TemporaryDirectory() as folder, whole(Path(folder), dialect, seed) as world:
        world.rig.env["PYTHONPATH"] = str(ROOT)
        for number in range(_COMMANDS_A_PART):
            world.something_happens()
            world.set_on_fire(rate, seed=seed * 1000 + number)
            world.run(*world.dice.choice(COMMANDS))
            world.mend()
            world.never_more_for_sale_than_there_is()
        faults = world.faults
        rounds = world.come_to_rest(within_seconds=600)
        world.books_balance()
        world.events_agree()
        fulfilled = sum(len(one.fulfilments) for one in world.shop.state.orders.values())
        codes = ", ".join(f"{code}: {count}" for code, count in sorted(world.codes.items()))
        print(
            f"{dialect}, seed {seed}: {faults} faults in {time.monotonic() - began:.0f} s; "
            f"exit codes {codes}; {len(world.rig.control('orders')['orders'])} orders placed once, "
            f"{fulfilled} fulfilments; at rest after {rounds} rounds",
            flush=True,
        )
        return faults


def main() -> None:
    """Read the options and sweep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.3)
    options = parser.parse_args()
    faults, seed = 0, options.seed
    while faults < options.faults:
        faults += part(seed, options.rate)
        seed += 1
    print(f"{faults} faults: 0 orders lost or doubled, 0 fulfilments doubled, nothing oversold")


if __name__ == "__main__":
    main()
