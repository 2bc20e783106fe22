"""Kill every command that writes, and the listener, a thousand times; count what became of it all.

    .venv/bin/python benchmarks/kill_everything.py [--kills 1000] [--seed 0]

Starts a small shop and a VeraCore simulator on this machine, and lets a shop's life go on while one
command after the other dies of SIGKILL at its work: the three syncs, ``retry``, ``deliver``,
``ledger prune``, ``ledger backup``, and ``serve-webhooks`` while deliveries come in. A kill counts
only where work was under way and not through; `tests/whole/kill_kit.py` says what shows it for each
command. After every kill nothing may be for sale that is not there. After each 50 kills all are
left to finish, and the books must balance: every paid order at the warehouse once, every shipment
in the shop once, exactly what is there for sale, every event told, and every delivery that was
answered 2xx stored and its name looked up. The dialects take turns, each with a new ledger.

Printed for each part: kills by command, how many ended first, how many left which work unfinished
behind; orders placed, shipments fulfilled, deliveries answered, rounds until all was at rest.
The process ends with an error where the books do not balance. About two seconds a kill.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from kill_kit import Killing, killing

_KILLS_A_PART = 50


def part(seed: int, kills: int) -> Counter[str]:
    """One ledger's life; the kills by command."""
    began = time.monotonic()
    dialect = ("oms", "rest")[seed % 2]
    with tempfile.TemporaryDirectory() as folder, killing(Path(folder), dialect, seed) as loop:
        loop.kill(kills)
        rounds = loop.settle(within_seconds=600)
        seconds = time.monotonic() - began
        print(
            f"{dialect}, seed {seed}, {seconds:.0f} s: {_told(loop)}; {rounds} rounds to rest",
            flush=True,
        )
        return loop.kills


def _told(loop: Killing) -> str:
    placed = loop.world.rig.control("orders")["orders"]
    fulfilled = sum(len(one.fulfilments) for one in loop.world.shop.state.orders.values())
    return (
        f"{loop.kills.total()} kills ({_counts(loop.kills)}), {loop.spared.total()} ended first;\n"
        f"  left behind: {_counts(loop.left)};\n"
        f"  {len(placed)} orders placed once, {fulfilled} fulfilments, "
        f"{len(loop.deliveries.promises)} deliveries answered"
    )


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def main() -> None:
    """Read the options and kill."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kills, seed = Counter[str](), options.seed
    while kills.total() < options.kills:
        kills += part(seed, min(_KILLS_A_PART, options.kills - kills.total()))
        seed += 1
    print(f"{kills.total()} kills ({_counts(kills)}): nothing lost, doubled or oversold")


if __name__ == "__main__":
    main()
