"""How long the program takes to start, beside the interpreter alone.

    .venv/bin/python benchmarks/start.py [--runs 15] [--orders 1000000]

Prints the median of each and its ratio to ``python -c pass`` in the same run: ``--version``,
``--help``, ``stats`` on a ledger with 10 orders, and on one with a million, which is to take at
most 1.3 times as long as the small one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from veracore_sync.ledger import open_ledger

_GOALS = {"--version": 2.5, "--help": 16.0, "stats": 20.0}


def fill(path: Path, count: int) -> None:
    """A ledger with so many orders, nearly all shipped, as after years."""
    ledger = open_ledger(path)
    now = "2026-01-01T00:00:00.000Z"
    states = ("failed", "parked", "in_doubt", "pending")
    rows = (
        (
            f"CODE{n:09}",
            str(n),
            f"CODE{n:09}",
            states[n] if n < len(states) else "shipped",
            now,
            now,
        )
        for n in range(count)
    )
    with ledger.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO orders (code, vendure_id, veracore_id, state, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
    ledger.close()


def seconds(command: list[str], runs: int, env: dict[str, str]) -> float:
    """The median of so many runs, after one that warms the caches."""
    found = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run(command, env=env, capture_output=True, check=True)
        found.append(time.perf_counter() - began)
    return statistics.median(found[1:])


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--orders", type=int, default=1_000_000)
    options = parser.parse_args()
    ours = [sys.executable, "-m", "veracore_sync"]
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.db", Path(folder) / "large.db"
        fill(small, 10)
        fill(large, options.orders)
        name = "VERACORE_SYNC_LEDGER__PATH"
        env = {**os.environ, name: str(small)}
        floor = seconds([sys.executable, "-c", "pass"], options.runs, env)
        print(f"python -c pass: {1000 * floor:.0f} ms")
        took = {one: seconds([*ours, one], options.runs, env) for one in _GOALS}
        for one, goal in _GOALS.items():
            ratio = took[one] / floor
            print(f"{one}: {1000 * took[one]:.0f} ms, {ratio:.1f} x (goal {goal:g})")
        many = seconds([*ours, "stats"], options.runs, {**env, name: str(large)})
        ratio = many / took["stats"]
        print(f"stats with {options.orders} orders: {1000 * many:.0f} ms, {ratio:.2f} x (goal 1.3)")


if __name__ == "__main__":
    main()
