"""Let ten thousand requests fail, and count what became of orders, shipments and stock.

    .venv/bin/python benchmarks/fault_sweep.py [--faults 10000] [--seed 0] [--rate 0.3]

Starts a small shop and a VeraCore simulator on this machine, and lets a shop's life go on while
every command runs again and again; three requests in ten fail at both ends, in every way that the
simulators know. After each 60 commands the faults stop and the books must balance: every paid order
at the warehouse once, every shipment in the shop once, exactly what is there for sale, every event
told. The dialects take turns, each with a new ledger.

Printed for each part: faults suffered, commands by exit code, orders placed and shipments
fulfilled, rounds until all was at rest. The process ends with an error where the books do not
balance, or a command ends with an exit code that is not documented or with a traceback. The
commands run in this process, so that most of the time is not the start of interpreters; in
processes of their own, they run in ``tests/whole``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from rig import HereRig
from whole_kit import COMMANDS, whole

_COMMANDS_A_PART = 60
_HAPPENINGS_A_COMMAND = 4
_ON_HAND = 2000
_QUICK = {
    "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "0.4",
    "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "0.4",
}


def _hook(folder: str) -> list[str]:
    return ["sh", "-c", 'cat >>"$0"; echo >>"$0"', f"{folder}/events.jsonl"]


def part(seed: int, rate: float) -> int:
    """One ledger's life; the faults that it suffered."""
    began = time.monotonic()
    dialect = ("oms", "rest")[seed % 2]
    with (
        tempfile.TemporaryDirectory() as folder,
        whole(Path(folder), dialect, seed, on_hand=_ON_HAND, rigged=HereRig) as world,
    ):
        world.rig.env |= _QUICK | {"VERACORE_SYNC_HOOKS__COMMAND": json.dumps(_hook(folder))}
        for number in range(_COMMANDS_A_PART):
            for _ in range(_HAPPENINGS_A_COMMAND):
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
