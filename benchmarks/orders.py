"""Orders out: beside a bare loop of the same requests, with nothing to do, and in the ledger.

    .venv/bin/python benchmarks/orders.py [--orders 300] [--delay-ms 50 5] [--rounds 5]
        [--dialect oms rest] [--postgres] [--held 10000]

1. So many orders to the simulator, in each dialect, each answer after so many milliseconds, by 8
   workers, budget off; the floor is a bare loop of the same creates, with the same client and as
   many workers. In pairs, one after the other, so that a busy machine slows both. Goal: 95 % of the
   floor's rate with 50 ms, 85 % with 5 ms, where the processor is the limit.
2. A run with nothing to do and so many orders in the ledger, a tenth of them open. Goal: at most 4
   requests, and 1 s of its own time.
3. What the ledger takes for one order (intent and acceptance), in durable commits of the same disk.
   Goal: at most 2.5.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import kits  # noqa: F401 - finds what is imported below
from commit_counts import counted
from hosts import bed
from ledger_server import new_place

from veracore_sync.clock import to_text
from veracore_sync.composition.container import Container
from veracore_sync.domain.order_records import Discovery, Intent, ShopVersion, fresh_row
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.pipeline import OrderPipeline
from veracore_sync.jobs.orders.plan import SubmitOrder
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.ledger import open_ledger

_WORKERS = 8
_GOALS = {True: 95, False: 85}
Env = dict[str, str]


def run(parts: Container) -> None:
    """One run of ``sync-orders``."""
    OrdersRun(parts.context(OrdersReport(), RunOptions(allow_first_run=True))).run()


@dataclass
class Pair:
    """Orders a second and processor time an order (ms): the bare loop's, and ours."""

    floor: float
    floor_cpu: float
    ours: float
    ours_cpu: float
    commits: float
    reads: float


def one_pair(dialect: str, orders: int, delay_ms: int, floor_first: bool, env: Env) -> Pair:
    """The bare loop and a run, in turn, between the same ends."""
    with bed(dialect, "orders", orders=orders, **env) as made:
        parts = made.parts
        plan = planned(parts, made.codes)

        def floor() -> tuple[float, float]:
            return timed(orders, lambda: bare_loop(parts, plan))

        def ours() -> tuple[float, float]:
            return timed(orders, lambda: run(parts))

        found = {}
        for measured in (floor, ours) if floor_first else (ours, floor):
            made.control("reset", {})
            made.control("faults", {"delay_ms": delay_ms})
            with counted(parts.ledger) as counts:
                found[measured] = measured()
            if measured is ours:
                commits, reads = counts.commits / orders, counts.reads / orders
            assert len(made.control("orders")["orders"]) == orders
        return Pair(*found[floor], *found[ours], commits, reads)


def planned(parts: Container, codes: list[str]) -> list[SubmitOrder]:
    """What a run would send, without a run."""
    now = to_text(datetime.now(UTC))
    rows = {code: fresh_row(code, "", now) for code in codes}
    pipeline = OrderPipeline(parts.context(OrdersReport()), frozenset({"Regular"}))
    return [one for one in pipeline.plan_all(codes, rows) if isinstance(one, SubmitOrder)]


def bare_loop(parts: Container, plan: list[SubmitOrder]) -> None:
    """The same creates with the same client, and nothing else."""
    parts.warehouse.check_connection(None)
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(parts.warehouse.submit, (one.order for one in plan)))


def timed(orders: int, act: Callable[[], None]) -> tuple[float, float]:
    """Orders a second, and this process's processor time an order in milliseconds."""
    began, used = time.perf_counter(), time.process_time()
    act()
    used, took = time.process_time() - used, time.perf_counter() - began
    return orders / took, 1000 * used / orders


def settings(*, postgres: bool) -> Env:
    """What is set beside the addresses."""
    workers = {"VERACORE_SYNC_ORDERS__WORKERS": str(_WORKERS)}
    if not postgres:
        return workers
    place = new_place()
    return workers | {
        "VERACORE_SYNC_LEDGER__URL": place.url,
        "VERACORE_SYNC_LEDGER__SCHEMA_NAME": place.schema,
    }


def rate(dialect: str, orders: int, delay_ms: int, rounds: int, *, postgres: bool) -> None:
    """Our rate beside the bare loop's, in pairs one after the other."""
    pairs = [
        one_pair(dialect, orders, delay_ms, n % 2 == 0, settings(postgres=postgres))
        for n in range(rounds)
    ]
    ratios = sorted(100 * one.ours / one.floor for one in pairs)
    figure = {
        name: median(getattr(one, name) for one in pairs)
        for name in ("floor", "ours", "floor_cpu", "ours_cpu", "commits", "reads")
    }
    print(
        f"{dialect}, {delay_ms} ms: {median(ratios):.0f} % of the bare loop "
        f"({ratios[0]:.0f} to {ratios[-1]:.0f} in {rounds} pairs; goal {_GOALS[delay_ms >= 50]}): "
        f"{figure['ours']:.0f} and {figure['floor']:.0f} orders/s; processor time an order "
        f"{figure['ours_cpu']:.2f} and {figure['floor_cpu']:.2f} ms; {figure['commits']:.2f} "
        f"commits, {figure['reads']:.1f} reads an order; load {os.getloadavg()[0]:.0f}",
        flush=True,
    )


def idle(held: int) -> None:
    """A run with nothing to do."""
    with bed("oms", "orders") as made:
        parts = made.parts
        now = datetime.now(UTC)
        with parts.ledger.database.transaction():
            parts.ledger.transitions.discover(Discovery(f"C{n}", str(n), now) for n in range(held))
            for n in range(held):
                intent = Intent(f"C{n}", (("MUG", 1),), "hash", "hash", ShopVersion("hash", now))
                attempt = parts.ledger.transitions.intend(f"C{n}", intent)
                parts.ledger.transitions.accept(f"C{n}", attempt, None)
                if n % 10:
                    parts.ledger.transitions.ship(f"C{n}")
        run(parts)
        before = made.requests()
        began = time.process_time()
        run(parts)
        own = time.process_time() - began
        asked = made.requests() - before
        print(f"nothing to do, {held} orders held: {asked} requests, {own:.2f} s own (goal 4, 1)")


def ledger(orders: int) -> None:
    """Ledger time of an order, in durable commits."""
    with tempfile.TemporaryDirectory() as folder:
        bare = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE t (a)")
        began = time.perf_counter()
        for n in range(orders):
            bare.execute("INSERT INTO t VALUES (?)", (n,))
        floor = (time.perf_counter() - began) / orders
        book = open_ledger(Path(folder) / "ledger.db")
        now = datetime.now(UTC)
        book.transitions.discover(Discovery(f"C{n}", str(n), now) for n in range(orders))
        began = time.perf_counter()
        for n in range(orders):
            intent = Intent(f"C{n}", (("MUG", 1),), "hash", "hash", ShopVersion("hash", now))
            book.transitions.accept(f"C{n}", book.transitions.intend(f"C{n}", intent), n + 1)
        ours = (time.perf_counter() - began) / orders
        book.close()
        print(
            f"ledger: {1000 * ours:.2f} ms an order, a durable commit {1000 * floor:.2f} ms: "
            f"{ours / floor:.1f} x (goal 2.5)"
        )


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--delay-ms", type=int, nargs="+", default=[50, 5])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dialect", nargs="+", default=["oms", "rest"])
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--held", type=int, default=10_000)
    options = parser.parse_args()
    for dialect in options.dialect:
        for delay_ms in options.delay_ms:
            rate(dialect, options.orders, delay_ms, options.rounds, postgres=options.postgres)
    if options.postgres:
        return
    idle(options.held)
    ledger(options.orders)


if __name__ == "__main__":
    sys.exit(main())
