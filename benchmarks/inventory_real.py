"""Stock into a real Vendure: nothing changed, and every SKU changed.

    .venv/bin/python benchmarks/inventory_real.py [--db sqljs|postgres] [--skus 10000]

Nothing changed is measured beside reading both sides once; everything changed beside those reads
and the same writes with the best batch size and number of clients of those that are tried by hand
(on a tenth of the SKUs). Goals: at most 1.2 and 1.1 times as long. Needs node, and PostgreSQL for
that database.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig import Rig
from vendure_bed import Options, PostgresCluster, install_vendure, new_server

from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.domain.shop_stock import NewLevel
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.sandbox.server import Sandbox

TRIED = [(size, clients) for size in (50, 100, 200) for clients in (1, 2, 4)]


@dataclass(frozen=True)
class Bed:
    """A real shop, and the simulator."""

    rig: Rig
    parts: Container
    skus: int

    def stock(self, units: int) -> None:
        """The warehouse has so many of each SKU."""
        for first in range(1, self.skus + 1, 5000):
            numbers = range(first, min(first + 5000, self.skus + 1))
            rows = [{"sku": f"SKU-{number:06}", "on_hand": units} for number in numbers]
            self.rig.control("stock", {"stock": rows})

    def sync(self, **options: Any) -> float:
        """One run; how long it took."""
        run = InventoryRun(self.parts.context(InventoryReport(), RunOptions(**options)))
        began = time.perf_counter()
        result = run.run()
        assert result.errors == 0, result
        return time.perf_counter() - began

    def read(self) -> float:
        """Both sides read once; how long it took."""
        began = time.perf_counter()
        for _ in self.parts.shop.stock.variants():
            pass
        for _ in self.parts.warehouse.stock(None):
            pass
        self.parts.shop.stock.open_orders()
        return time.perf_counter() - began

    def write(self, levels: Sequence[NewLevel], size: int, clients: int) -> float:
        """The levels written by hand; how long it took."""
        batches = [levels[first : first + size] for first in range(0, len(levels), size)]
        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(self.parts.shop.stock.set_levels, batches))
        return time.perf_counter() - began


@contextmanager
def bed(db: str, skus: int) -> Iterator[Bed]:
    """Start everything, and end it."""
    install_vendure()
    options = Options(db=db, variants=skus)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        folder.chmod(0o755)
        if db == "postgres":
            cluster = PostgresCluster()
            stack.callback(cluster.stop)
            cluster.start()
            server = cluster.new_server(options, folder / "data")
        else:
            server = new_server(folder / "seeds", options, folder / "data")
        stack.callback(server.stop)
        ready = server.start()
        sandbox = stack.enter_context(Sandbox())
        rig = Rig(folder, ready.adminUrl, ready.username, ready.password, sandbox)
        environment = rig.environment | {"VERACORE_SYNC_INVENTORY__MAX_RUN_MINUTES": "600"}
        parts = Container(load(None, environment, cwd=folder), family="inventory")
        stack.callback(parts.close)
        parts.bind()
        yield Bed(rig, parts, skus)


def best_by_hand(made: Bed) -> tuple[float, int, int]:
    """Seconds for all SKUs, projected from a tenth of them; with which size and clients."""
    variants = list(made.parts.shop.stock.variants())
    some = variants[: max(len(variants) // 10, 400)]
    took: dict[tuple[int, int], list[float]] = {}
    # There and back again: a shop slows down as its stock movements add up.
    for turn, way in enumerate([*TRIED, *reversed(TRIED)]):
        levels = [NewLevel(one.id, one.levels[0].location, 5000 + turn) for one in some]
        took.setdefault(way, []).append(made.write(levels, *way) * len(variants) / len(some))
    found = sorted(
        (sum(times) / len(times), size, clients) for (size, clients), times in took.items()
    )
    for seconds, size, clients in found:
        print(f"  by hand, {size} a batch, {clients} clients: {seconds:.1f} s for all", flush=True)
    return found[0]


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--db", choices=["sqljs", "postgres"], default="sqljs")
    parser.add_argument("--skus", type=int, default=10_000)
    options = parser.parse_args()
    with bed(options.db, options.skus) as made:
        made.stock(900)
        made.sync(allow_mass_change=True)
        reads = min(made.read() for _ in range(2))
        nothing = min(made.sync() for _ in range(2))
        print(
            f"{options.db}, {options.skus} SKUs, nothing changed: {nothing:.1f} s, both sides read "
            f"{reads:.1f} s: {nothing / reads:.2f} x (goal 1.2)",
            flush=True,
        )
        writes, size, clients = best_by_hand(made)
        made.stock(800)
        everything = made.sync(allow_mass_change=True)
        print(
            f"{options.db}, all changed: {everything:.1f} s; both sides read and the best writes "
            f"({size} a batch, {clients} clients) {reads + writes:.1f} s: "
            f"{everything / (reads + writes):.2f} x (goal 1.1)"
        )


if __name__ == "__main__":
    main()
