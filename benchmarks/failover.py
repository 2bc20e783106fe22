"""Promotions of a streaming standby while hosts work on the ledger, and what became of all.

    .venv/bin/python benchmarks/failover.py [PROMOTIONS (20)] [--hosts 2] [--asynchronous]

Starts a durable PostgreSQL with a standby, a small shop and a VeraCore simulator on this machine,
and hosts that run all timers and ``serve-webhooks`` while orders, shipments and goods come in. The
ledger's address names both servers. Again and again the primary is ended without a checkpoint, the
standby promoted, and the old primary made its standby from a fresh copy. In the end all are left to
finish, and the books must balance: every order once at the warehouse and in the ledger, every
shipment in the shop once, exactly what is there for sale. With a synchronous standby (the default)
every delivery that was answered 2xx must have been looked up as well; an asynchronous one may lose
the last moments of the ledger, and then it is the warehouse's refusal of a double, and the look-ups
in the shop, that keep each order and each shipment single.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from hosts_kit import hosts_on
from server_kit import Node, address, node_pair

_LEASE = 5


def make_synchronous(primary: Node) -> None:
    """Let each commit wait for the standby."""
    with primary.connected() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        connection.execute("SELECT pg_reload_conf()")


def main() -> None:
    """Read the options and let it happen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("promotions", type=int, nargs="?", default=20)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--asynchronous", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice, began = random.Random(options.seed), time.monotonic()
    dialect = ("oms", "rest")[options.seed % 2]
    with node_pair() as (primary, standby), tempfile.TemporaryDirectory(dir="/tmp") as folder:
        standby.follow(primary)
        if not options.asynchronous:
            make_synchronous(primary)
        both = address(primary.folder, standby.folder)
        with hosts_on(
            Path(folder),
            dialect,
            options.seed,
            count=options.hosts,
            lease=_LEASE,
            networks=False,
            direct=both,
            ledger=both,
        ) as hosts:
            with hosts.at_work():
                for _ in range(options.promotions):
                    ends = time.monotonic() + dice.uniform(3, 8)
                    while time.monotonic() < ends and not hosts.trouble:
                        hosts.live()
                        time.sleep(0.2)
                    if hosts.trouble:
                        break
                    primary.crash()
                    standby.promote()
                    primary, standby = standby, primary
                    standby.follow(primary)
            hosts.settle(within_seconds=600, keeps_all=not options.asynchronous)
            print(
                f"{dialect}, {'a' * options.asynchronous}synchronous standby, {options.promotions} "
                f"promotions, {options.hosts} hosts, {time.monotonic() - began:.0f} s: "
                f"{len(hosts.world.shop.state.orders)} orders, {len(hosts.deliveries.promises)} "
                "deliveries answered 2xx; "
                + ", ".join(f"{name}: {count}" for name, count in sorted(hosts.ended.items()))
            )


if __name__ == "__main__":
    main()
