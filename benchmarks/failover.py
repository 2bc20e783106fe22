"""Promotions of a streaming standby while hosts work on the ledger, and what became of all.

    .venv/bin/python benchmarks/failover.py [PROMOTIONS (20)] [--hosts 2] [--asynchronous]
        [--seed 0] [--shop real|small] [--append FILE]
    .venv/bin/python benchmarks/failover.py --sum FILE

Starts a durable PostgreSQL with a standby, a real Vendure and a VeraCore simulator on this machine,
and hosts that run all timers and ``serve-webhooks`` while orders, shipments and goods come in. The
ledger's address names both servers. Again and again the primary is ended without a checkpoint, the
standby promoted, and the old primary made its standby from a fresh copy. In the end all are left to
finish, and the books must balance: every order once at the warehouse and in the ledger, every
shipment in the shop once, exactly what is there for sale. With a synchronous standby (the default)
every delivery that was answered 2xx must have been looked up as well; an asynchronous one may lose
the last moments of the ledger, and then it is the warehouse's refusal of a double, and the look-ups
in the shop, that keep each order and each shipment single. Each part is one line of FILE, so that
pieces add up.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import kits  # noqa: F401 - finds what is imported below
from hosts_kit import hosts_on, keep
from server_kit import Node, address, node_pair

_LEASE = 5


def make_synchronous(primary: Node) -> None:
    """Let each commit wait for the standby."""
    with primary.connected() as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        connection.execute("SELECT pg_reload_conf()")


def part(options: argparse.Namespace) -> dict[str, Any]:
    """One ledger's life; what happened in it."""
    dice, began = random.Random(options.seed), time.monotonic()
    dialect, done = ("oms", "rest")[options.seed % 2], 0
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
            real=options.shop == "real",
        ) as hosts:
            # Only the servers are struck.
            hosts.striker.share = 0
            trouble = ""
            try:
                with hosts.at_work():
                    while done < options.promotions and not hosts.trouble:
                        ends = time.monotonic() + dice.uniform(3, 8)
                        while time.monotonic() < ends and not hosts.trouble:
                            hosts.live()
                            time.sleep(0.2)
                        primary.crash()
                        standby.promote()
                        primary, standby = standby, primary
                        standby.follow(primary)
                        done += 1
                hosts.settle(within_seconds=600, keeps_all=not options.asynchronous)
            except Exception:  # noqa: BLE001 - whatever it is, it is told
                trouble = traceback.format_exc()
                hosts.node = primary
                keep(hosts, options.seed)
            return {
                "seed": options.seed,
                "dialect": dialect,
                "synchronous": not options.asynchronous,
                "shop": options.shop,
                "hosts": options.hosts,
                "promotions": done,
                "seconds": round(time.monotonic() - began),
                "orders": len(hosts.world.shop.state.orders),
                "deliveries": len(hosts.deliveries.promises),
                "refused doubles": hosts.refused_doubles,
                "ended": dict(hosts.ended),
                "trouble": trouble,
            }


def tell(parts: list[dict[str, Any]]) -> str:
    """The sum of several parts with the same kind of standby."""
    ended = sum((Counter(one["ended"]) for one in parts), Counter[str]())
    bad = [str(one["seed"]) for one in parts if one["trouble"]]
    return (
        f"{'' if parts[0]['synchronous'] else 'a'}synchronous standby, "
        f"{sum(one['promotions'] for one in parts)} promotions in {len(parts)} parts, "
        f"{sum(one['seconds'] for one in parts)} s, {parts[0]['hosts']} hosts, shop: "
        f"{', '.join(sorted({one['shop'] for one in parts}))}: "
        f"{sum(one['orders'] for one in parts)} orders, "
        f"{sum(one['deliveries'] for one in parts)} deliveries answered 2xx, "
        f"{sum(one['refused doubles'] for one in parts)} creates refused as doubles; "
        + ", ".join(f"{name}: {count}" for name, count in sorted(ended.items()))
        + (f"; failed: seeds {', '.join(bad)}" if bad else "; nothing lost or doubled")
    )


def main() -> None:
    """Read the options and let it happen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("promotions", type=int, nargs="?", default=20)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--asynchronous", action="store_true")
    parser.add_argument("--shop", choices=("real", "small"), default="real")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--append", type=Path, metavar="FILE")
    parser.add_argument("--sum", type=Path, metavar="FILE")
    options = parser.parse_args()
    # All that was started is ended in good order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.sum:
        parts = [json.loads(line) for line in options.sum.read_text().splitlines()]
        for kind in (True, False):
            if alike := [one for one in parts if one["synchronous"] is kind]:
                print(tell(alike))
        return
    done = part(options)
    print(tell([done]) + done["trouble"], flush=True)
    if options.append:
        with options.append.open("a") as file:
            file.write(json.dumps(done) + "\n")
    if done["trouble"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
