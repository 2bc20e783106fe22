"""How long the program takes to start, beside the interpreter alone.

    .venv/bin/python benchmarks/start.py [--runs 15] [--orders 1000000]

Runs ``python -c pass``, ``import httpx``, ``--version``, ``--help`` and ``stats`` (on a ledger with
10 orders and on one with a million) in turn. Prints of each the median of its processor time (user
and system, with the spread) and of its ratio to ``python -c pass`` just before: on a machine that
others use, the clock says less. Bytecode is kept between runs, as wherever this is installed.
`stats` with a million orders is to take at most 1.3 times as long as with ten.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from veracore_sync.ledger import open_ledger

_GOALS = {"--version": 2.5, "--help": 7.0, "stats": 12.0}
_FLOOR, _MANY = "python -c pass", "stats, many orders"


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


def processor_seconds(command: list[str], env: dict[str, str]) -> float:
    """What a command uses, user and system, from the start of its process to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def median_ratio(some: list[float], others: list[float]) -> float:
    """The median of the ratios of the pairs."""
    return statistics.median(a / b for a, b in zip(some, others, strict=True))


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
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        many = {**env, name: str(large)}
        lines = {
            _FLOOR: ([sys.executable, "-c", "pass"], env),
            "import httpx": ([sys.executable, "-c", "import httpx"], env),
            **{one: ([*ours, one], env) for one in _GOALS},
            _MANY: ([*ours, "stats"], many),
        }
        took: dict[str, list[float]] = {one: [] for one in lines}
        # The first round warms the caches.
        for number in range(options.runs + 1):
            for one, (command, there) in lines.items():
                spent = 1000 * processor_seconds(command, there)
                if number:
                    took[one].append(spent)
        print(f"processor time, medians of {options.runs}, load {os.getloadavg()[0]:.0f}")
        for one, values in took.items():
            ratio = median_ratio(values, took[_FLOOR])
            goal = f" (goal {_GOALS[one]:g})" if one in _GOALS else ""
            spread = f"{min(values):.0f} to {max(values):.0f}"
            print(f"{one}: {statistics.median(values):.0f} ms ({spread}), {ratio:.1f} x{goal}")
        ratio = median_ratio(took[_MANY], took["stats"])
        print(f"stats with {options.orders} orders beside 10: {ratio:.2f} x (goal 1.3)")


if __name__ == "__main__":
    main()
