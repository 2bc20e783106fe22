"""Let thirty days of a shop go by on a virtual clock, and balance the books each day.

    .venv/bin/python benchmarks/thirty_days.py [--dialect rest] [--ledger postgres] [--days 30]
        [--orders 200] [--seed 0] [--start 2026-03-05]

A small shop and a VeraCore simulator on this machine, in Los Angeles, once from the fifth of March
and once from 29 October, so that the clocks change in both directions. Every hour the timers run;
in between customers order, the warehouse ships and restocks, orders are changed, refunded, cut and
cancelled on either side, by hand and with `cancel`, and fulfilled by hand, in whole and in part,
before and after they were sent; goods come back to the warehouse. The great troubles take turns day
by day (tests/tracking/days_more.py): changed passwords, outages of hours, a host whose clock is set
by minutes, hours, a day and 400 days forwards, by hours and a day back, a ledger that is restored
from an old backup, and one that is lost and rebuilt, each with the program's own commands.

Printed for each day: orders placed and sent, shipments, fulfilments of them, orders cancelled,
changed, refunded, brought back and touched by hand, runs that were cut short or refused, and that
the books balance: every order at the warehouse once, every shipment in the shop once, exactly what
is there for sale, each return one event, and every trouble before a person; and that `reconcile`
reports exactly the differences that people had left open, which are counted by type in the end.
The process ends with an error where they do not.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from days_kit import Pace
from days_more import whole_life
from lost_kit import Place, Schemas

_STARTS = ("2026-03-05", "2026-10-29")
# On a disk, the ledger's syncs would be most of the time.
_MEMORY = Path("/dev/shm")
_SUMS = {
    "cancelled": ("cancelled", "cancelled late", "cancelled there", "cut late"),
    "changed": ("changed", "changed late"),
    "refunded": ("refunded", "refunded late"),
    "by hand": ("by hand", "partly by hand", "packed by hand", "by hand too"),
}
_PLAIN = ("placed", "sent", "shipped", "fulfilled", "came back")
_RUNS = ("cut short", "refused")
_HOST = ("clock set", "restored", "rebuilt")


def figures(told: Counter[str]) -> str:
    """A line's worth of what was counted."""
    sums = {name: sum(told[story] for story in stories) for name, stories in _SUMS.items()}
    parts = [f"{told[name]} {name}" for name in _PLAIN]
    parts += [f"{count} {name}" for name, count in sums.items()]
    parts += [f"{told[name]} runs {name}" for name in _RUNS]
    parts += [f"{told[name]} x {name}" for name in _HOST if told[name]]
    return ", ".join(parts)


def schemas() -> Place:
    """Ledgers in a PostgreSQL of its own."""
    import ledger_server

    return Schemas(ledger_server.url(), lambda: ledger_server.new_place().schema)


def month(start: str, given: argparse.Namespace) -> tuple[Counter[str], Counter[str]]:
    """Live through so many days, a line for each.

    Returns:
        What was counted in all, and the differences that stood, by type, all days together.
    """
    total = Counter[str]()
    pace = Pace(orders=given.orders, stories=max(1.5, given.orders / 50))
    place = schemas() if given.ledger == "postgres" else None
    with (
        tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder,
        whole_life(Path(folder), start, pace, given.seed, given.dialect, place) as (shop, agreed),
    ):
        for number in range(given.days):
            began = time.monotonic()
            shop.day(number)
            total += shop.told
            took = time.monotonic() - began
            print(
                f"{start} day {number + 1}: {figures(shop.told)}; balanced, and reconcile agrees, "
                f"{took:.0f} s",
                flush=True,
            )
        return total, agreed.standing


def main() -> None:
    """Read the options and live through a month in spring and one in autumn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--dialect", choices=("oms", "rest"), default="oms")
    parser.add_argument("--ledger", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", action="append", help="its first day; may be given twice")
    given = parser.parse_args()
    for start in given.start or _STARTS:
        total, standing = month(start, given)
        stood = ", ".join(f"{count} {type}" for type, count in sorted(standing.items()))
        print(
            f"{start}, {given.days} days, {given.dialect}, {given.ledger}: {figures(total)}; "
            f"balanced each day; reconcile reported, all days together: {stood or 'nothing'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
