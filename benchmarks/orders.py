"""Orders out: beside a bare loop of the same requests, with nothing to do, and in the ledger.

    .venv/bin/python benchmarks/orders.py [--orders 1000] [--delay-ms 50] [--held 10000]

1. So many orders to the simulator, in each dialect, each answer after so many milliseconds, by 8
   workers, budget off; the floor is a bare loop of the same creates, with the same client and as
   many workers. Goal: 90 % of the floor's rate.
2. A run with nothing to do and so many orders in the ledger, a tenth of them open. Goal: at most 4
   requests, and 1 s of its own time.
3. What the ledger takes for one order (intent and acceptance), in durable commits of the same disk.
   Goal: at most 2.5.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from hosts import bed

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


def run(parts: Container) -> None:
    """One run of ``sync-orders``."""
    OrdersRun(parts.context(OrdersReport(), RunOptions(allow_first_run=True))).run()


def rate(dialect: str, orders: int, delay_ms: int) -> None:
    """Our rate beside the bare loop's."""
    workers = {"VERACORE_SYNC_ORDERS__WORKERS": str(_WORKERS)}
    with bed(dialect, "orders", orders=orders, **workers) as made:
        parts, codes = made.parts, made.codes
        now = to_text(datetime.now(UTC))
        rows = {code: fresh_row(code, "", now) for code in codes}
        dispatch = OrderPipeline(parts.context(OrdersReport()))
        plan = [one for one in dispatch.plan_all(codes, rows) if isinstance(one, SubmitOrder)]
        made.control("faults", {"delay_ms": delay_ms})
        parts.warehouse.check_connection(None)
        began = time.perf_counter()
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(parts.warehouse.submit, (one.order for one in plan)))
        floor = len(plan) / (time.perf_counter() - began)
        made.control("reset", {})
        made.control("faults", {"delay_ms": delay_ms})
        began = time.perf_counter()
        run(parts)
        ours = orders / (time.perf_counter() - began)
        assert len(made.control("orders")["orders"]) == orders
        print(
            f"{dialect}: {ours:.0f} orders/s, bare loop {floor:.0f}/s: "
            f"{100 * ours / floor:.0f} % (goal 90)",
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
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--delay-ms", type=int, default=50)
    parser.add_argument("--held", type=int, default=10_000)
    options = parser.parse_args()
    for dialect in ("oms", "rest"):
        rate(dialect, options.orders, options.delay_ms)
    idle(options.held)
    ledger(options.orders)


if __name__ == "__main__":
    sys.exit(main())
