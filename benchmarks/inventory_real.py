"""Stock into a real Vendure: read, nothing changed, every SKU changed, and shoppers beside it.

    .venv/bin/python benchmarks/inventory_real.py [--db sqljs|postgres|mariadb] [--skus 10000]

Whatever is measured is measured beside a bare loop of the same requests with the best size (of a
page, of a batch) and number of clients that were found by hand in the same run: each round measures
ours and each of these ways, in the opposite order every second time, and medians are compared.
Shoppers check out one after the other, with nothing beside them, beside a run that reads and beside
one that writes. Needs node, and PostgreSQL or MariaDB for these databases.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import kits  # noqa: F401 - finds what is imported below
from realvendure import RealVendure
from rig import Rig
from vendure_bed import (
    MariaCluster,
    Options,
    PostgresCluster,
    Ready,
    install_vendure,
    new_server,
)

from veracore_sync.clock import SystemClock
from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.domain.shop_stock import NewLevel, Variant
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.ports.concurrency import SHOP_PAGES, STOCK_WRITES
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.concurrency import LimitedConcurrency
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import READ_VARIANTS

Way = TypeVar("Way")
CLUSTERS: dict[str, type[PostgresCluster] | type[MariaCluster]] = {
    "postgres": PostgresCluster,
    "mariadb": MariaCluster,
}
UNITS = 900
READS = [(size, clients) for size in (250, 500, 1000) for clients in (1, 2, 4)]
WRITES = [(size, clients) for size in (25, 50, 100, 200) for clients in (1, 2, 4, 8)]


@dataclass
class Bed:
    """A real shop, and the simulator."""

    rig: Rig
    loaded: Any
    ready: Ready
    skus: int
    stack: ExitStack
    client: Client = field(init=False)
    units: int = UNITS

    def __post_init__(self) -> None:
        settings = self.loaded.settings.vendure
        self.client = Client(settings, retry=RetryPolicy(tries=1), clock=SystemClock())
        self.stack.callback(self.client.close)

    @contextmanager
    def parts(self) -> Iterator[Container]:
        """A process of its own, as far as limits go: nothing is known of the shop yet."""
        with closing(Container(self.loaded, family="inventory")) as made:
            made.bind()
            yield made

    def stock(self) -> None:
        """The warehouse has one unit less of each SKU than before."""
        self.units -= 1
        for first in range(1, self.skus + 1, 5000):
            numbers = range(first, min(first + 5000, self.skus + 1))
            rows = [{"sku": f"SKU-{number:06}", "on_hand": self.units} for number in numbers]
            self.rig.control("stock", {"stock": rows})

    def sync(self, parts: Container) -> float:
        """One run; how long it took."""
        run = InventoryRun(parts.context(InventoryReport(), RunOptions(allow_mass_change=True)))
        began = time.perf_counter()
        result = run.run()
        assert result.errors == 0, result
        return time.perf_counter() - began

    def variants(self) -> tuple[float, int, list[Variant]]:
        """Our way of reading the catalogue: how long it took, and the limit that was found."""
        with self.parts() as parts:
            began = time.perf_counter()
            found = list(parts.shop.stock.variants())
            return time.perf_counter() - began, limit_of(parts, SHOP_PAGES), found

    def rest_of_reading(self) -> float:
        """What a run reads besides the catalogue."""
        with self.parts() as parts:
            began = time.perf_counter()
            for _ in parts.warehouse.stock(None):
                pass
            parts.shop.stock.open_orders()
            return time.perf_counter() - began

    def pages(self, size: int, clients: int) -> float:
        """The same pages by a bare loop, without what proves that they are all; seconds."""

        def one(skip: int) -> None:
            options = {"sort": {"id": "ASC"}, "skip": skip, "take": size}
            self.client.execute(READ_VARIANTS, {"options": options})

        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(one, range(0, self.skus, size)))
        return time.perf_counter() - began

    def writes(self, levels: Sequence[NewLevel], size: int, clients: int) -> float:
        """The levels written by a bare loop; seconds."""
        batches = [levels[first : first + size] for first in range(0, len(levels), size)]
        with self.parts() as parts:
            write = parts.shop.stock.set_levels
            began = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(write, batches))
            return time.perf_counter() - began


@contextmanager
def bed(db: str, skus: int) -> Iterator[Bed]:
    """Start everything, and end it."""
    install_vendure()
    # As many as the simulator will have: a first run has nothing to write.
    options = Options(db=db, variants=skus, stock=UNITS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))
        folder.chmod(0o755)
        if db in CLUSTERS:
            cluster = CLUSTERS[db]()
            stack.callback(cluster.stop)
            cluster.start()
            server = cluster.new_server(options, folder / "data")
        else:
            server = new_server(folder / "seeds", options, folder / "data")
        stack.callback(server.stop)
        yield bed_of(server.start(), skus, folder, stack)


def bed_of(ready: Ready, skus: int, folder: Path, stack: ExitStack) -> Bed:
    """The shop that a server has, with a simulator beside it."""
    sandbox = stack.enter_context(Sandbox())
    rig = Rig(folder, ready.adminUrl, ready.username, ready.password, sandbox)
    environment = rig.environment | {"VERACORE_SYNC_INVENTORY__MAX_RUN_MINUTES": "600"}
    return Bed(rig, load(None, environment, cwd=folder), ready, skus, stack)


def in_turns(
    rounds: int, ways: Sequence[Way], measure: Callable[[Way], float]
) -> Mapping[Way, list[float]]:
    """Measure each way in each round, there and back again."""
    took: dict[Way, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in ways if turn % 2 == 0 else ways[::-1]:
            took[way].append(measure(way))
    return took


def best(took: Mapping[Way, list[float]], label: str) -> tuple[Way, float]:
    """The way with the least median, which is printed with the others."""
    found = sorted((median(times), way) for way, times in took.items())
    for seconds, way in found:
        spread = " ".join(f"{one:.2f}" for one in sorted(took[way]))
        print(f"  {label}, {way}: {seconds:.2f} s ({spread})", flush=True)
    return found[0][1], found[0][0]


def limit_of(parts: Container, kind: str) -> int:
    """How many of this kind the run has come to do at once."""
    assert isinstance(parts.concurrency, LimitedConcurrency)
    return parts.concurrency.limit_of(kind)


def load_now() -> str:
    """What else the machine has to do."""
    return f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} processors"


def reading(made: Bed, rounds: int) -> float:
    """Print how long reading takes; returns the best by hand."""
    limits: list[int] = []

    def measure(way: tuple[int, int] | None) -> float:
        if way is not None:
            return made.pages(*way)
        seconds, limit, _ = made.variants()
        limits.append(limit)
        return seconds

    took = in_turns(rounds, [None, *READS], measure)
    way, seconds = best({way: times for way, times in took.items() if way}, "reading by hand")
    ours = took[None]
    pairs = [mine / hand for mine, hand in zip(ours, took[way], strict=True)]
    print(
        f"reading {made.skus} variants: {median(ours):.2f} s, {median(ours) / seconds:.2f} x the "
        f"best by hand {way} (goal 1.1; pairs {min(pairs):.2f} to {max(pairs):.2f}); "
        f"limits found {limits}; {load_now()}",
        flush=True,
    )
    return seconds


def everything(made: Bed, rounds: int, reads: float) -> None:
    """Print how long it takes to change every SKU, and no SKU."""
    variants = made.variants()[2]
    some = variants[: max(len(variants) // 4, 200)]
    value = 5000

    def by_hand(way: tuple[int, int]) -> float:
        nonlocal value
        value += 1
        levels = [NewLevel(one.id, one.levels[0].location, value) for one in some]
        return made.writes(levels, *way) * len(variants) / len(some)

    limits: list[int] = []

    def ours() -> float:
        made.stock()
        with made.parts() as parts:
            seconds = made.sync(parts)
            limits.append(limit_of(parts, STOCK_WRITES))
        return seconds

    def nothing() -> float:
        with made.parts() as parts:
            return made.sync(parts)

    ours()
    took: dict[str, list[float]] = {"ours": [], "nothing": [], "rest": []}
    hands: dict[tuple[int, int], list[float]] = {way: [] for way in WRITES}
    for turn in range(rounds):
        for way in WRITES if turn % 2 == 0 else WRITES[::-1]:
            hands[way].append(by_hand(way))
        took["ours"].append(ours())
        took["nothing"].append(nothing())
        took["rest"].append(made.rest_of_reading())
    way, writes = best(hands, "writing by hand, for all SKUs")
    both = reads + median(took["rest"])
    for name, floor, goal in (("nothing", both, 1.2), ("ours", both + writes, 1.2)):
        label = "nothing changed" if name == "nothing" else f"all changed, best by hand {way}"
        spread = " ".join(f"{one / floor:.2f}" for one in sorted(took[name]))
        print(
            f"{label}: {median(took[name]):.2f} s, floor {floor:.2f} s: "
            f"{median(took[name]) / floor:.2f} x (goal {goal}; {spread}); "
            f"limits found {limits}; {load_now()}",
            flush=True,
        )


def shoppers(made: Bed, rounds: int) -> None:
    """Print how long a checkout takes with nothing beside it, a read, and a run that writes."""
    shop = RealVendure(made.ready)
    made.stack.callback(shop.close)

    def beside(work: str) -> list[float]:
        took: list[float] = []
        is_over = threading.Event()

        def check_out() -> None:
            while not is_over.is_set():
                began = time.perf_counter()
                shop.place_order()
                took.append(time.perf_counter() - began)

        shopper = threading.Thread(target=check_out)
        made.stock()
        shopper.start()
        if work == "writing":
            with made.parts() as parts:
                made.sync(parts)
        elif work == "reading":
            made.variants()
        else:
            time.sleep(5)
        is_over.set()
        shopper.join()
        return took

    works = ("nothing", "reading", "writing")
    took: dict[str, list[float]] = {work: [] for work in works}
    for turn in range(rounds):
        for work in works if turn % 2 == 0 else works[::-1]:
            took[work] += beside(work)
    alone = median(took["nothing"])
    for work, times in took.items():
        print(
            f"a checkout beside {work}: {median(times) * 1000:.0f} ms, {median(times) / alone:.1f} "
            f"x (goal 2 with one connection); longest {max(times) * 1000:.0f}, {len(times)} "
            f"measured; {load_now()}",
            flush=True,
        )


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--db", choices=["sqljs", *CLUSTERS], default="sqljs")
    parser.add_argument("--skus", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with bed(options.db, options.skus) as made:
        measure(made, options.rounds)


def measure(made: Bed, rounds: int) -> None:
    """Measure all of it."""
    reads = reading(made, rounds)
    everything(made, rounds, reads)
    shoppers(made, rounds)


if __name__ == "__main__":
    main()
