"""Stock in, nothing changed: beside reading both sides once with the same pages.

    .venv/bin/python benchmarks/inventory.py [--skus 100000]

Goal: at most 1.2 times as long as the reads.
"""

from __future__ import annotations

import argparse
import sys
import time

from hosts import Bed, bed

from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunOptions


def sync(made: Bed, *, allow: bool) -> float:
    """One run of ``sync-inventory``; how long it took."""
    parts = made.parts
    run = InventoryRun(parts.context(InventoryReport(), RunOptions(allow_mass_change=allow)))
    began = time.perf_counter()
    result = run.run()
    took = time.perf_counter() - began
    assert result.errors == 0, result
    return took


def read(made: Bed) -> float:
    """Both sides read once; how long it took."""
    parts = made.parts
    began = time.perf_counter()
    for _ in parts.shop.stock.variants():
        pass
    for _ in parts.warehouse.stock(None):
        pass
    parts.shop.stock.open_orders()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--skus", type=int, default=100_000)
    options = parser.parse_args()
    settings = {"VERACORE_SYNC_INVENTORY__MAX_RUN_MINUTES": "600"}
    with bed("oms", "inventory", skus=options.skus, **settings) as made:
        for start in range(0, options.skus, 5000):
            rows = [
                {"sku": f"SKU-{n:06}", "on_hand": 1_000_000}
                for n in range(start, min(start + 5000, options.skus))
            ]
            made.control("stock", {"stock": rows})
        sync(made, allow=True)
        floor = min(read(made) for _ in range(2))
        took = min(sync(made, allow=False) for _ in range(2))
        print(
            f"{options.skus} SKUs, nothing changed: {took:.1f} s, both sides read {floor:.1f} s: "
            f"{took / floor:.2f} x (goal 1.2)"
        )


if __name__ == "__main__":
    sys.exit(main())
