"""Lose the ledger of a busy shop at random hours, rebuild it, and let the shop go on.

    .venv/bin/python benchmarks/lost_ledgers.py [--ledgers 50] [--days 6] [--seed 0] [--postgres]

The shop is that of thirty_days.py: orders, partial shipments, changes, cancellations on either
side, fulfilments by hand, orders that a person sends again under a new id; every second one has
codes whose ids are hashed, and during every third rebuild a fifth of VeraCore's answers fails.
`ledger rebuild --apply` runs as often as it takes, with a few look-ups a run. Then every field that
both sides can show is compared with the old ledger, and the shop lives on to its last day: no order
twice at the warehouse, none lost, every shipment in the shop once, nothing oversold.

Printed: a line a ledger, then what was compared, and what of the old ledgers neither side shows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from days_kit import Pace
from lost_kit import Loss, Place, Schemas, losing

_PREFIX = {"VERACORE_SYNC_ORDERS__ID_PREFIX": "SHOP-1-"}


def schemas() -> Place:
    """Ledgers in a PostgreSQL of its own."""
    import ledger_server

    return Schemas(ledger_server.url(), lambda: ledger_server.new_place().schema)


def lose_one(seed: int, days: int, pace: Pace, place: Place | None) -> Loss:
    """A life with a loss; fails where a book does not balance."""
    env = _PREFIX if seed % 2 else {}
    faults = 0.2 if seed % 3 == 0 else 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        losing(Path(folder), "2026-03-05", pace, seed, days, place, faults, **env) as (life, loss),
    ):
        # The day of the loss, and one more.
        for number in range(min(days, loss.at[0] + 2)):
            life.day(number)
        return loss


def main() -> None:
    """Lose so many."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ledgers", type=int, default=50)
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--orders", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    pace = Pace(orders=given.orders, stories=2.5)
    compared, unknown, orders, runs = Counter[str](), Counter[str](), Counter[str](), 0
    again = Counter[str]()
    for number in range(given.ledgers):
        began = time.monotonic()
        place = schemas() if given.postgres else None
        loss = lose_one(given.seed + number, given.days, pace, place)
        compared += loss.compared
        unknown += loss.unknown
        orders += loss.states
        again += loss.told_again
        runs += loss.runs
        print(
            f"ledger {number + 1}, lost on day {loss.at[0] + 1} at {loss.at[1]}:00: "
            f"{loss.states.total()} orders, {loss.runs} runs; equal, and the books balance, "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
    print(f"{given.ledgers} ledgers, {orders.total()} orders ({_listed(orders)}), {runs} runs")
    print(f"equal: {_listed(compared)}")
    print(f"not knowable: {_listed(unknown)}")
    print(f"alerts an hour later that did not stand before: {_listed(again) or 'none'}")


def _listed(counted: Counter[str]) -> str:
    return "; ".join(f"{count} {name}" for name, count in sorted(counted.items()))


if __name__ == "__main__":
    main()
