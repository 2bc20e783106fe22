"""A ledger with a million old orders against one with ten: ``stats``, and runs with nothing to do.

    .venv/bin/python benchmarks/million_orders.py [ORDERS (1000000)] [--rounds 7]

Starts a durable PostgreSQL, a small shop and a VeraCore simulator on this machine. Ten orders are
handed over, shipped and told to the shop; the commands are timed. Then the ledger gets so many more
that ended long ago, each with its attempt, slip and shipment, and the events and runs of a
month. Times are whole commands, from the start of the interpreter to its end: the median, and the
ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from server_kit import address, node_pair
from whole_kit import SKUS, Whole, whole

from veracore_sync.ledger.postgres.place import PostgresPlace

_SCHEMA = "shop"
_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("stats", "--json"),
    ("sync-orders",),
    ("sync-inventory",),
    ("sync-tracking",),
    ("sync-returns",),
    ("deliver",),
    ("ledger", "prune"),
)
_FORM = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
_LATELY = f"to_char((now() - n * interval '31 seconds') AT TIME ZONE 'UTC', '{_FORM}')"
_AGO = _LATELY.replace("now()", "now() - interval '90 days'")
_CODE, _ID, _SLIP = "'OLD' || n", "'OLD-' || n", "'S' || n"
_OLD = {
    "orders": {
        "code": _CODE,
        "vendure_id": "n::text",
        "veracore_id": _ID,
        "shop_code": "NULL::text",
        "state": "'shipped'",
        "placed_at": _AGO,
        "shop_updated_at": _AGO,
        "checked_at": _AGO,
        "last_sync_attempt": _AGO,
        "last_successful_sync": _AGO,
        "created_at": _AGO,
        "updated_at": _AGO,
    },
    "attempts": {"code": _CODE, "veracore_id": _ID, "started_at": _AGO, "ended_at": _AGO},
    "slips": {
        "veracore_id": _ID,
        "slip": _SLIP,
        "code": _CODE,
        "since": _AGO,
        "intended_at": _AGO,
        "fulfilment_id": "n::text",
        "first_seen_at": _AGO,
        "updated_at": _AGO,
    },
    "tracked": {
        "veracore_id": _ID,
        "code": _CODE,
        "reference": _CODE,
        "newest_day": f"substr({_AGO}, 1, 10)",
        "looked_at": _AGO,
        "asked_at": _AGO,
        "first_seen_at": _AGO,
    },
    "events": {"seq": "1000000 + n", "id": "'e' || n", "code": _CODE, "at": _LATELY},
    "deliveries": {"seq": "1000000 + n", "done_at": _LATELY},
    "runs": {"id": "1000000 + n", "started_at": _LATELY, "ended_at": _LATELY},
}
_OF_A_MONTH = {"events", "deliveries", "runs"}


def timed(world: Whole, rounds: int) -> dict[str, float]:
    """The median of each command, in milliseconds."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for command in _COMMANDS:
            began = time.perf_counter()
            ended = world.rig.run(*command)
            found.setdefault(" ".join(command), []).append(1000 * (time.perf_counter() - began))
            assert ended.code == 0, (command, ended)
    return {name: statistics.median(times) for name, times in found.items()}


def age(count: int) -> Sequence[str]:
    """The statements that give the ledger its past."""
    statements = [f"SET search_path = {_SCHEMA}"]
    for table, columns in _OLD.items():
        rows = count // 12 if table in _OF_A_MONTH else count
        changed = ", ".join(f"'{name}', {value}" for name, value in columns.items())
        statements.append(
            f"INSERT INTO {table} SELECT made.* FROM "
            f"(SELECT t FROM {table} t LIMIT 1) AS one, generate_series(1, {rows}) AS n, "
            f"LATERAL jsonb_populate_record(one.t, jsonb_build_object({changed})) AS made"
        )
    return [*statements, "VACUUM ANALYZE"]


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("orders", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with (
        node_pair() as (node, _),
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        whole(Path(folder), "oms", 5, on_hand=1000) as world,
    ):
        world.rig.server = PostgresPlace(address(node.folder), _SCHEMA)
        world.run("sync-orders", "--allow-first-run")
        for _ in range(10):
            world.shop.state.place_order([(SKUS[0], 1)])
        world.come_to_rest()
        for _ in range(10):
            world.ship()
        world.come_to_rest()
        few = timed(world, options.rounds)
        with node.connected() as connection:
            began = time.perf_counter()
            for statement in age(options.orders):
                connection.execute(statement)
            print(f"{options.orders} more orders, made in {time.perf_counter() - began:.0f} s")
        many = timed(world, options.rounds)
        print(f"{'command':16} {'ten':>9} {'with more':>9} ratio")
        for name, before in few.items():
            print(f"{name:16} {before:6.0f} ms {many[name]:6.0f} ms {many[name] / before:5.2f}")


if __name__ == "__main__":
    main()
