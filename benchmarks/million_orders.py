"""A ledger with a million old orders against one with ten: every command, and what it costs.

    .venv/bin/python benchmarks/million_orders.py [ORDERS (1000000)] [--rounds 9]
        [--engine postgres|sqlite]

Starts a small shop and a VeraCore simulator, and for PostgreSQL a durable server, on this machine.
Ten orders are handed over, shipped and told to the shop. A copy of that ledger gets so many more
orders that ended long ago, each with its attempt, slip and shipment, and the events and runs of a
month. Then each command is run with both ledgers in turn, from the start of the interpreter to its
end: the median time and processor time (of the server, too), and the median of the pairs' ratios of
both; on a machine that others use the processor's says more. What reads the whole ledger is timed
once.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from peaks import peak_mb
from server_kit import DATABASE, Node, address, node_pair
from whole_kit import SKUS, Whole, whole

from veracore_sync.ledger.postgres.place import PostgresPlace

_SCHEMA = "shop"
_MANY = "many"
_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("stats", "--json"),
    ("sync-orders",),
    ("sync-inventory",),
    ("sync-tracking",),
    ("sync-returns",),
    ("deliver",),
    ("ledger", "prune"),
)
_OVER_ALL: tuple[tuple[str, ...], ...] = (("ledger", "check"), ("ledger", "export"))

_CODE, _ID, _SLIP = "'OLD' || n", "'OLD-' || n", "'S' || n"
_OF_A_MONTH = {"events", "deliveries", "runs"}


@dataclass(frozen=True)
class Bed:
    """A shop, and two ledgers of it.

    Args:
        use: Lets the commands work with the ledger of ten (no) or of many (yes).
        server: The server's first process, if there is one.
    """

    world: Whole
    use: Callable[[bool], None]
    server: int | None = None

    def processor_seconds(self) -> float:
        """What the commands so far have used, and the server for them."""
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = ours.ru_utime + ours.ru_stime
        if self.server is not None:
            # Those of its own and of its processes that have ended: each command had one.
            fields = Path(f"/proc/{self.server}/stat").read_text().rpartition(")")[2].split()
            used += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        return used


def old(lately: str, ago: str) -> Mapping[str, Mapping[str, str]]:
    """What tells the new rows of each table from the one that they are made after, as SQL."""
    return {
        "orders": {
            "code": _CODE,
            "vendure_id": "CAST(n AS text)",
            "veracore_id": _ID,
            "shop_code": "NULL",
            "state": "'shipped'",
            "placed_at": ago,
            "shop_updated_at": ago,
            "checked_at": ago,
            "last_sync_attempt": ago,
            "last_successful_sync": ago,
            "created_at": ago,
            "updated_at": ago,
        },
        "attempts": {"code": _CODE, "veracore_id": _ID, "started_at": ago, "ended_at": ago},
        "slips": {
            "veracore_id": _ID,
            "slip": _SLIP,
            "code": _CODE,
            "since": ago,
            "intended_at": ago,
            "fulfilment_id": "CAST(n AS text)",
            "first_seen_at": ago,
            "updated_at": ago,
        },
        "tracked": {
            "veracore_id": _ID,
            "code": _CODE,
            "reference": _CODE,
            "newest_day": f"substr({ago}, 1, 10)",
            "looked_at": ago,
            "asked_at": ago,
            "first_seen_at": ago,
        },
        "events": {"seq": "1000000 + n", "id": "'e' || n", "code": _CODE, "at": lately},
        "deliveries": {"seq": "1000000 + n", "done_at": lately},
        "runs": {"id": "1000000 + n", "started_at": lately, "ended_at": lately},
    }


def age(
    count: int, tables: Mapping[str, Sequence[str]], series: str, lately: str, ago: str
) -> Iterator[str]:
    """The statements that give a ledger its past.

    Args:
        count: How many orders.
        tables: The columns of each table.
        series: The numbers from 1 to a number, as SQL, with the name ``n``.
        lately: A moment of the last month, as SQL.
        ago: One before that.
    """
    for table, changed in old(lately, ago).items():
        rows = count // 12 if table in _OF_A_MONTH else count
        columns = tables[table]
        values = ", ".join(changed.get(name, f"one.{name}") for name in columns)
        yield (
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM "
            f"(SELECT * FROM {table} LIMIT 1) AS one, {series.format(rows)}"
        )


def age_postgres(node: Node, count: int) -> None:
    """Give the ledger in the second database its past."""
    form = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
    lately = f"to_char((now() - n * interval '31 seconds') AT TIME ZONE 'UTC', '{form}')"
    with node.connected(_MANY) as connection:
        found = connection.execute(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns "
            "WHERE table_schema = %s GROUP BY table_name",
            [_SCHEMA],
        )
        tables: dict[str, list[str]] = dict(found.fetchall())  # type: ignore[arg-type]
        ago = lately.replace("now()", "now() - interval '90 days'")
        series = "generate_series(1, {}) AS n"
        connection.execute(f"SET search_path = {_SCHEMA}")
        for statement in age(count, tables, series, lately, ago):
            connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")


def age_sqlite(path: Path, count: int) -> None:
    """Give the ledger in the second file its past."""
    form = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{} days', (-31 * n) || ' seconds')"
    series = (
        "(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
        "WHERE n < {}) SELECT n FROM numbers)"
    )
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            for (name,) in names
        }
        for statement in age(count, tables, series, form.format(0), form.format(90)):
            connection.execute(statement)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def on_postgres(count: int) -> Iterator[Bed]:
    """A shop whose ledgers are two databases of one server."""
    with node_pair() as (node, _), at_rest(PostgresPlace(address(node.folder), _SCHEMA)) as world:
        with node.connected("postgres") as connection:
            connection.execute(f"CREATE DATABASE {_MANY} TEMPLATE {DATABASE}")
        began = time.perf_counter()
        age_postgres(node, count)
        print(f"{count} more orders in PostgreSQL, made in {time.perf_counter() - began:.0f} s")
        few = address(node.folder)

        def use(many: bool) -> None:
            url = few.replace(f"/{DATABASE}?", f"/{_MANY}?") if many else few
            world.rig.server = PostgresPlace(url, _SCHEMA)

        pid = int((node.data / "postmaster.pid").read_text().split()[0])
        yield Bed(world, use, pid)


@contextmanager
def on_sqlite(count: int) -> Iterator[Bed]:
    """A shop whose ledgers are two files."""
    with at_rest(None) as world:
        few = world.rig.ledger_path
        many = few.with_name(f"{_MANY}.db")
        assert world.rig.run("ledger", "backup", str(many)).code == 0
        began = time.perf_counter()
        age_sqlite(many, count)
        print(f"{count} more orders in SQLite, made in {time.perf_counter() - began:.0f} s")

        def use(is_many: bool) -> None:
            world.rig.env["VERACORE_SYNC_LEDGER__PATH"] = str(many if is_many else few)

        yield Bed(world, use)


@contextmanager
def at_rest(place: PostgresPlace | None) -> Iterator[Whole]:
    """Ten orders, all shipped and told of, and nothing left to do."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        whole(Path(folder), "oms", 5, on_hand=1000) as world,
    ):
        world.rig.server = place
        world.run("sync-orders", "--allow-first-run")
        for _ in range(10):
            world.shop.state.place_order([(SKUS[0], 1)])
        world.come_to_rest(within_seconds=1800)
        for _ in range(10):
            world.ship()
        world.come_to_rest(within_seconds=1800)
        yield world


def compare(bed: Bed, rounds: int) -> None:
    """Print the medians of each command with both ledgers, in milliseconds, and the ratios."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for number in range(rounds + 1):
        for command in _COMMANDS:
            took: dict[bool, tuple[float, float]] = {}
            for is_many in (False, True) if number % 2 else (True, False):
                bed.use(is_many)
                took[is_many] = _times(bed, command)
            # The first round warms up.
            if number:
                found.setdefault(" ".join(command), []).append((*took[False], *took[True]))
    print(f"{'command':16} {'ten':>22} {'with more':>22} ratios")
    for name, rows in found.items():
        medians = [statistics.median(one) for one in zip(*rows, strict=True)]
        ratios = [statistics.median(row[2 + one] / row[one] for row in rows) for one in (0, 1)]
        figures = " ".join(f"{one:6.0f} ms" for one in medians)
        print(f"{name:16} {figures}    {ratios[0]:.2f} {ratios[1]:.2f}", flush=True)


def _times(bed: Bed, command: Sequence[str]) -> tuple[float, float]:
    rig = bed.world.rig
    began, used = time.perf_counter(), bed.processor_seconds()
    # A process of its own, as `rig.run` forks one elsewhere and nothing tells what that used.
    subprocess.run(
        rig.command(*command),
        env=rig.environment,
        cwd=rig.folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    took = time.perf_counter() - began
    if bed.server is not None:
        # The server's process ends just after the command's connection.
        time.sleep(0.1)
    return 1000 * took, 1000 * (bed.processor_seconds() - used)


def over_all(bed: Bed) -> None:
    """Print what the commands cost that read the whole ledger."""
    bed.use(True)
    rig = bed.world.rig
    for command in _OVER_ALL:
        began = time.perf_counter()
        peak = peak_mb(rig.command(*command), rig.environment, rig.folder)
        seconds = time.perf_counter() - began
        print(f"{' '.join(command):16} {seconds:6.1f} s, peak {peak:.0f} MB", flush=True)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("orders", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--engine", choices=("postgres", "sqlite"))
    options = parser.parse_args()
    engines = {"postgres": on_postgres, "sqlite": on_sqlite}
    for name in [options.engine] if options.engine else engines:
        with engines[name](options.orders) as bed:
            compare(bed, options.rounds)
            over_all(bed)


if __name__ == "__main__":
    main()
