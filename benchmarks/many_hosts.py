"""Hosts on one ledger in PostgreSQL, struck until so many strikes have fallen; what became of all.

    .venv/bin/python benchmarks/many_hosts.py [STRIKES (1000)] [--cuts 100] [--hosts 4] [--seed 0]

Starts a durable PostgreSQL, a small shop and a VeraCore simulator on this machine, and hosts, each
in its own network namespace (where this user may make one) with its own home, name and a clock that
is wrong by minutes. Each runs all timers and ``serve-webhooks`` under signed load, while orders,
shipments and goods come in. Processes of the hosts are killed, or stopped for longer than a lease,
and connections are cut exactly at a COMMIT, before the server sees it or before its answer is back.
Every five minutes all are left to finish, and the books must balance: every order once at the
warehouse and in the ledger, every shipment in the shop once, exactly what is there for sale, every
delivery that was answered 2xx looked up. The dialects take turns, each with a new ledger.

Printed for each part: what ended and how, strikes, deliveries, orders, and how long a job of a
killed process stayed without a holder, by the server's clock. Ends with an error where something
does not hold.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from hosts_kit import Hosts, can_make_networks, many_hosts, strike_for

_PART_SECONDS = 300.0
_LEASE = 5
_PAUSE = 0.4


def part(seed: int, count: int, strikes: int, cuts: int) -> tuple[int, int]:
    """One ledger's life; how many strikes and cuts fell."""
    dialect = ("oms", "rest")[seed % 2]
    networks = can_make_networks()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        many_hosts(
            Path(folder), dialect, seed, count=count, lease=_LEASE, networks=networks
        ) as hosts,
    ):
        with hosts.at_work():
            while time.monotonic() - began < _PART_SECONDS:
                strike_for(hosts, 5, hosts.world.dice, _PAUSE)
                if hosts.struck.total() >= strikes and hosts.cuts >= cuts:
                    break
        hosts.settle(within_seconds=600)
        took = time.monotonic() - began
        print(f"{dialect}, seed {seed}, {took:.0f} s, {_told(hosts)}", flush=True)
        return hosts.struck.total(), hosts.cuts


def _told(hosts: Hosts) -> str:
    taken = sorted(one.seconds for one in hosts.takeovers if one.seconds is not None)
    over = (
        f"median {statistics.median(taken):.1f} s, longest {taken[-1]:.1f} s" if taken else "none"
    )
    ends = ", ".join(f"{name}: {count}" for name, count in sorted(hosts.ended.items()))
    return (
        f"{len(hosts.hosts)} hosts{' in networks of their own' * hosts.hosts[0].namespace}: "
        f"{hosts.struck['kill']} killed, {hosts.struck['stop']} stopped, {hosts.cuts} cut at COMMIT"
        f"\n  {len(hosts.world.shop.state.orders)} orders, {len(hosts.deliveries.promises)} "
        f"deliveries answered 2xx, stock compared {hosts.looks} times\n"
        f"  jobs of the killed taken over: {len(taken)}, {over} (lease {_LEASE} s)\n  {ends}"
    )


def main() -> None:
    """Read the options and let them at it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("strikes", type=int, nargs="?", default=1000)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    strikes, cuts, seed = options.strikes, options.cuts, options.seed
    while strikes > 0 or cuts > 0:
        struck, cut = part(seed, options.hosts, strikes, cuts)
        strikes, cuts, seed = strikes - struck, cuts - cut, seed + 1
    print("nothing lost or doubled")


if __name__ == "__main__":
    main()
