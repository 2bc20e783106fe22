"""``reconcile``: beside a bare loop that reads both sides once, and its peak memory.

    .venv/bin/python benchmarks/reconcile.py [--orders 10000] [--shipped 1000] [--rounds 3]
        [--dialect oms|rest] [--delay-ms 0] [--lookups 0]

So many orders of a small shop have been sent to the simulator, and some of them have shipped. The
floor makes the same reads with the same clients: the shop's orders in the same pages, the list of
shipments, and a look-up of each id that the run looked up, by as many workers. Goal: at most 1.2
times as long, and less than 120 MB. Beside the time it takes, the processor time of this process
and of both servers is compared: it says more on a machine that others use.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hosts import Bed, bed
from peaks import peak_mb
from tracking import ship, track

from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.run import ReconcileRun
from veracore_sync.ports.warehouse import LookUp

_DAYS = 30
_SETTINGS = {
    "VERACORE_SYNC_ORDERS__WORKERS": "8",
    "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
    "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "0",
    "VERACORE_SYNC_RECONCILE__DAYS": str(_DAYS),
    "VERACORE_SYNC_RECONCILE__SETTLE_MINUTES": "0",
}


@dataclass(frozen=True)
class Seconds:
    """How long something took, and how much processor time of all processes."""

    elapsed: float
    processor: float

    @staticmethod
    def now() -> Seconds:
        """Since some moment."""
        used = time.process_time()
        for server in multiprocessing.active_children():
            fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
            used += sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        return Seconds(time.perf_counter(), used)

    def since(self, began: Seconds) -> Seconds:
        """From there to here."""
        return Seconds(self.elapsed - began.elapsed, self.processor - began.processor)


def compare(made: Bed, lookups: int) -> tuple[Seconds, list[str]]:
    """One run of ``reconcile``: what it took, and the ids that it looked up."""
    parts = made.parts
    asked: list[str] = []
    look_up = parts.warehouse.look_up

    def recorded(id: str) -> LookUp:
        asked.append(id)
        return look_up(id)

    run = ReconcileRun(parts.context(ReconcileReport()))
    with patch.object(parts.warehouse, "look_up", recorded):
        began = Seconds.now()
        report = run.run()
        took = Seconds.now().since(began)
    assert (report.differing, report.not_read, report.on_their_way) == (0, 0, 0), report
    assert report.compared + report.left == report.in_scope == len(made.codes), report
    assert not lookups or len(asked) <= lookups + 3, len(asked)
    return took, asked


def floor(made: Bed, ids: list[str]) -> Seconds:
    """The same reads alone; what they took."""
    parts, now = made.parts, datetime.now(UTC)
    began = Seconds.now()
    for _ in parts.shop.audit.placed(now - timedelta(days=_DAYS)):
        pass
    first = now.date() - timedelta(days=_DAYS)
    for _ in parts.warehouse.shipped(first, now.date() + timedelta(days=2)):
        pass
    with ThreadPoolExecutor(parts.settings.orders.workers) as pool:
        for _ in pool.map(parts.warehouse.look_up, ids):
            pass
    return Seconds.now().since(began)


def peak(made: Bed) -> float:
    """Peak resident MB of the command, run once in a process of its own."""
    command = [sys.executable, "-m", "veracore_sync", "reconcile"]
    with TemporaryDirectory() as folder:
        return peak_mb(command, made.environment, Path(folder))


def measure(dialect: str, wanted: argparse.Namespace) -> None:
    """Print the ratio of each round, and the memory."""
    orders, shipped, lookups = wanted.orders, wanted.shipped, wanted.lookups
    settings = {**_SETTINGS, "VERACORE_SYNC_RECONCILE__LOOKUPS_PER_RUN": str(lookups)}
    with bed(dialect, "reconcile", orders=orders, **settings) as made:
        parts = made.parts
        # With too little for all, the simulator counts all other orders at each look-up.
        made.control("stock", {"stock": [{"sku": "SKU-000000", "on_hand": 1_000_000}]})
        OrdersRun(parts.context(OrdersReport(), RunOptions(allow_first_run=True))).run()
        ship(made, made.codes[:shipped])
        track(made, None)
        if wanted.delay_ms:
            made.control("faults", {"delay_ms": wanted.delay_ms})
        ratios, processor = [], []
        for number in range(1, wanted.rounds + 1):
            took, ids = compare(made, lookups)
            bare = floor(made, ids)
            ratios.append(took.elapsed / bare.elapsed)
            processor.append(took.processor / bare.processor)
            print(
                f"{dialect}, {orders} orders, {shipped} shipped, run {number}: {len(ids)} looked "
                f"up, {took.elapsed:.1f} s; the reads alone {bare.elapsed:.1f} s: "
                f"{ratios[-1]:.2f} x, by processor time {processor[-1]:.2f} x",
                flush=True,
            )
        print(
            f"{dialect}: {statistics.median(ratios):.2f} x (goal 1.2), by processor time "
            f"{statistics.median(processor):.2f} x, peak {peak(made):.0f} MB (goal 120)"
        )


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--shipped", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay-ms", type=int, default=0, help="of each answer of VeraCore")
    parser.add_argument("--lookups", type=int, default=0, help="a run; 0: no limit")
    parser.add_argument("--dialect", choices=["oms", "rest"])
    wanted = parser.parse_args()
    for dialect in [wanted.dialect] if wanted.dialect else ["oms", "rest"]:
        measure(dialect, wanted)


if __name__ == "__main__":
    sys.exit(main())
