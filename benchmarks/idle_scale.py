"""Runs with nothing to do beside a large ledger, and beside the import of httpx.

    .venv/bin/python benchmarks/idle_scale.py [--held 100000] [--open 5000] [--runs 7]

A small shop and a VeraCore simulator hold so many open orders, all of them sent by `sync-orders`
itself. The ledger also gets the rest as orders shipped long ago. Then each sync runs
with nothing to do, as a whole process, in turn with the same on a shop without orders, with
``python -c pass`` and ``python -c "import httpx"``: the medians of the processor time (user and
system) and of the pairs' ratios. The spread, lowest to highest, is printed beside each. A run's own
time is what it takes more than the import of httpx.

Goals: `sync-orders` asks at most 12 times with 5,000 open orders, takes at most 1 s of its own, and
on a shop without orders at most twice the import of httpx.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from hosts import Bed, bed
from million_orders import age_sqlite

from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun

_PASS = "python -c pass"
_HTTPX = 'python -c "import httpx"'
_FLOORS = {_PASS: "pass", _HTTPX: "import httpx"}
_COMMANDS = ("sync-orders", "sync-inventory", "sync-tracking")
_APART = timedelta(seconds=30)
"""5,000 open orders were placed within days; a run lists those changed in the last minutes."""
_GOAL_REQUESTS, _GOAL_OWN, _GOAL_RATIO = 12, 1.0, 2.0


def processor_seconds(command: Sequence[str], env: Mapping[str, str]) -> float:
    """What a command uses, user and system, from the start of its process to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 3), (command, done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment_of(found: Bed) -> dict[str, str]:
    """The environment of commands there; bytecode is kept, as wherever this is installed."""
    env = {**os.environ, **found.environment}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def hand_over(found: Bed, held: int, count: int) -> None:
    """Send the open orders, and give the ledger those that ended long ago."""
    began = time.perf_counter()
    OrdersRun(found.parts.context(OrdersReport(), RunOptions(allow_first_run=True))).run()
    path = Path(found.environment["VERACORE_SYNC_LEDGER__PATH"])
    found.parts.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        [(ready,)] = connection.execute("SELECT count(*) FROM orders WHERE state = 'synced'")
        assert ready == count, (ready, count)
    if held > count:
        age_sqlite(path, held - count)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            [(total,)] = connection.execute("SELECT count(*) FROM orders")
            assert total == held, total
    took = time.perf_counter() - began
    print(f"{count} open of {held} orders, made in {took:.0f} s", flush=True)


def spread(values: Sequence[float]) -> str:
    """The median, and lowest and highest."""
    return f"{statistics.median(values):6.0f} ms ({min(values):.0f} to {max(values):.0f})"


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--held", type=int, default=100_000)
    parser.add_argument("--open", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    workers = {"VERACORE_SYNC_ORDERS__WORKERS": "8"}
    with (
        bed("oms", "orders", **workers) as none,
        bed("oms", "orders", orders=options.open, apart=_APART, **workers) as many,
    ):
        none.parts.close()
        for there in (none, many):
            there.control("stock", {"stock": [{"sku": "SKU-000000", "on_hand": 1_000_000}]})
        hand_over(many, options.held, options.open)
        places = {"no orders": (none, environment_of(none)), "all": (many, environment_of(many))}
        took: dict[tuple[str, str], list[float]] = {}
        asked: dict[tuple[str, str], list[int]] = {}
        for number in range(options.runs + 2):
            for name, program in _FLOORS.items():
                env = places["all"][1]
                took.setdefault((name, ""), []).append(
                    processor_seconds([sys.executable, "-c", program], env)
                )
            for command in _COMMANDS:
                for place, (there, env) in places.items():
                    before = there.requests()
                    line = [sys.executable, "-m", "veracore_sync", command]
                    took.setdefault((command, place), []).append(processor_seconds(line, env))
                    asked.setdefault((command, place), []).append(there.requests() - before)
            print(".", end="" if number <= options.runs else "\n", flush=True)
        # The first two runs warm up, and follow what was sent.
        found = {key: [1000 * one for one in values[2:]] for key, values in took.items()}
        load = os.getloadavg()[0]
        print(f"processor time, median of {options.runs} (load of the machine: {load:.0f})")
        httpx = found[_HTTPX, ""]
        for (name, place), values in found.items():
            line = f"{name}{', ' if place else ''}{place}"
            ratio = statistics.median(a / b for a, b in zip(values, httpx, strict=True))
            more = f"{line:28} {spread(values)}, {ratio:.2f} x import httpx"
            if place:
                own = statistics.median(a - b for a, b in zip(values, httpx, strict=True)) / 1000
                more += f", {own:.2f} s own, {max(asked[name, place][2:])} requests"
            print(more)
    print(
        f"goals: {_GOAL_REQUESTS} requests and {_GOAL_OWN:g} s with all orders, "
        f"{_GOAL_RATIO:g} x with none"
    )


if __name__ == "__main__":
    main()
