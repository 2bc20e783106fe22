"""``ledger move`` there and back, killed at random moments, and a move of very many orders.

    python benchmarks/ledger_move_kills.py [KILLS] [ORDERS]

While each move runs, another process writes to both places as hard as it can. What either accepted
must be in the ledger that is in use at the end.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import ledger_server
from move_kit import Bed, fill, kill_moves

from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.stores import SqlLedger

_ROWS = 300
_AT_ONCE = 10_000


def main() -> None:
    """Print what the kills met, then times and peak memory of the large moves."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    orders = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        bed = Bed(Path(folder), ledger_server.new_place())
        with closing(open_ledger(bed.path)) as ledger:
            fill(ledger, _ROWS)
        met = kill_moves(bed, kills, seed=int(time.time()))
        print(f"{met['killed']} kills, {met['moved']} moves: {dict(met)}", flush=True)
        print(f"{len(bed.accepted)} writes accepted meanwhile, 0 lost, never by both", flush=True)
    if orders:
        with tempfile.TemporaryDirectory() as folder:
            _large(Bed(Path(folder), ledger_server.new_place()), orders)


def _large(bed: Bed, orders: int) -> None:
    with closing(open_ledger(bed.path)) as ledger:
        for first in range(0, orders, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, orders))
            _store(ledger, numbers)
    for back in (False, True):
        began = time.monotonic()
        process = bed.start(back=back)
        out = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, (status, process.stderr.read() if process.stderr else "")
        print(
            f"{'back' if back else 'there'}: {json.loads(out)['rows']:,} rows in "
            f"{time.monotonic() - began:.0f} s, peak {usage.ru_maxrss / 1024:.0f} MiB",
            flush=True,
        )


def _store(ledger: SqlLedger, numbers: range) -> None:
    with ledger.database.transaction() as transaction:
        transaction.executemany(
            "INSERT INTO orders (code, vendure_id, veracore_id, state, created_at, updated_at) "
            "VALUES (?, ?, ?, 'synced', '2026-01-01', '2026-01-01')",
            [(f"ORDER-{n}", str(n), f"ORDER-{n}") for n in numbers],
        )
        transaction.executemany(
            "INSERT INTO attempts (code, attempt, veracore_id, payload_hash, lines, started_at) "
            "VALUES (?, 1, ?, ?, '[[\"MUG\", 2]]', '2026-01-01')",
            [(f"ORDER-{n}", f"ORDER-{n}", f"{n:064}") for n in numbers],
        )


if __name__ == "__main__":
    main()
