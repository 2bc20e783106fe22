"""100 SKUs changed of many: a run that reads what changed, beside the same reads by hand.

    .venv/bin/python benchmarks/inventory_change.py [--shop small|sqljs|postgres] [--skus 10000]

By hand: VeraCore's stock once, the changed variants by id, the open orders, and the writes. Pairs
take turns; a full run is measured between them. Goals: at most 1.2 times as long as by hand, and at
most 5 % of a full run at 100,000 SKUs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import hosts
import inventory_real

from veracore_sync.composition.container import Container
from veracore_sync.domain.shop_stock import NewLevel
from veracore_sync.jobs.inventory import changes
from veracore_sync.jobs.inventory.report import InventoryReport, RunMode
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunOptions

_AT_ONCE = 5000
_LOOK = Callable[[str, dict[str, Any]], Any]


@dataclass
class Pair:
    """Both ends with `skus` SKUs, and how many runs there were."""

    parts: Container
    control: _LOOK
    skus: int
    first: int
    changed: int
    turn: int = 0

    def sku(self, number: int) -> str:
        """The name of one of them."""
        return f"SKU-{number + self.first:06}"

    def stock(self, numbers: range, units: int) -> None:
        """The warehouse has so many of each of these."""
        for start in range(numbers.start, numbers.stop, _AT_ONCE):
            some = range(start, min(start + _AT_ONCE, numbers.stop))
            rows = [{"sku": self.sku(number), "on_hand": units} for number in some]
            self.control("stock", {"stock": rows})

    def change(self) -> range:
        """Other SKUs than the last time get another stock."""
        self.turn += 1
        start = self.turn * self.changed % (self.skus - self.changed)
        numbers = range(start, start + self.changed)
        self.stock(numbers, inventory_real.UNITS + self.turn)
        return numbers

    def run(self, mode: RunMode, **options: Any) -> tuple[float, InventoryReport]:
        """One run of `sync-inventory`, and how long it took."""
        run = InventoryRun(self.parts.context(InventoryReport(), RunOptions(**options)))
        began = time.perf_counter()
        report = run.run()
        took = time.perf_counter() - began
        if report.errors or report.mode is not mode:
            raise SystemExit(f"the run was {report.mode} ({report.full_because}): {report.refused}")
        return took, report

    def by_change(self) -> float:
        """Some change, and a run reads only what changed."""
        numbers = self.change()
        took, report = self.run(RunMode.CHANGES)
        if report.updated != len(numbers):
            raise SystemExit(f"{report.updated} of {len(numbers)} were written")
        return took

    def full(self) -> float:
        """Some change, and a run reads everything."""
        self.change()
        return self.run(RunMode.FULL, full=True)[0]

    def by_hand(self, ids: dict[str, str]) -> float:
        """The same reads and writes in a bare loop."""
        wanted = [ids[self.sku(number)] for number in self.change()]
        shop = self.parts.shop.stock
        began = time.perf_counter()
        for _ in self.parts.warehouse.stock(None):
            pass
        shop.open_orders()
        found = shop.variants_by_id(wanted)
        levels = [
            NewLevel(
                id,
                one.levels[0].location,
                inventory_real.UNITS + self.turn + one.levels[0].allocated,
            )
            for id, one in found.items()
        ]
        shop.set_levels(levels)
        # What was set by hand is as the warehouse says: no run has anything to correct.
        return time.perf_counter() - began


@contextmanager
def pair(shop: str, skus: int, changed: int) -> Iterator[Pair]:
    """Start both ends, and end them."""
    settings = {"VERACORE_SYNC_INVENTORY__MAX_RUN_MINUTES": "600"}
    if shop == "small":
        with hosts.bed("oms", "inventory", skus=skus, **settings) as made:
            yield Pair(made.parts, made.control, skus, 0, changed)
        return
    with inventory_real.bed(shop, skus) as real, real.parts() as parts:
        yield Pair(parts, real.rig.control, skus, 1, changed)


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--shop", choices=["small", "sqljs", "postgres"], default="small")
    parser.add_argument("--skus", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    # Here runs follow each other within seconds; half an hour apart, as timers start them, a run
    # sees only the last one's writes as changed.
    changes._MARGIN = timedelta(0)
    with pair(options.shop, options.skus, options.changed) as made:
        made.stock(range(options.skus), inventory_real.UNITS)
        made.run(RunMode.FULL, allow_mass_change=True)
        # What the first run wrote is seen as changed once more.
        made.run(RunMode.FULL, full=True)
        ids = {one.sku: one.id for one in made.parts.shop.stock.variants()}
        fulls, hands, ratios = [made.full()], [], []
        made.by_change()
        for _ in range(options.pairs):
            hand = made.by_hand(ids)
            ours = made.by_change()
            hands.append(hand)
            ratios.append(ours / hand)
            print(f"  by hand {hand:.2f} s, ours {ours:.2f} s: {ours / hand:.2f} x", flush=True)
        fulls.append(made.full())
        ratio, hand, full = map(statistics.median, (ratios, hands, fulls))
        print(
            f"{options.shop}, {options.changed} of {options.skus} SKUs changed: {ratio:.2f} x "
            f"({min(ratios):.2f} to {max(ratios):.2f}) by hand, {hand:.2f} s (goal 1.2); "
            f"{100 * ratio * hand / full:.1f} % of a full run, {full:.1f} s (goal 5 at 100,000); "
            f"load {os.getloadavg()[0]:.1f}"
        )


if __name__ == "__main__":
    main()
