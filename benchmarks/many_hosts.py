"""Hosts on one ledger in PostgreSQL, struck until so many strikes have fallen; what became of all.

    .venv/bin/python benchmarks/many_hosts.py [--strikes 1000] [--cuts 100] [--hosts 4] [--seed 0]
        [--shop real|small] [--minutes M] [--append FILE]
    .venv/bin/python benchmarks/many_hosts.py --sum FILE

Starts a durable PostgreSQL, a real Vendure and a VeraCore simulator on this machine, and hosts,
each in its own network, host name and mount namespace (where this user may make them), with a home
on a file system of its own and a clock that is wrong by minutes. Each runs all timers and tries to
run ``serve-webhooks``, under signed load, while orders, shipments and goods come in. Processes of
the hosts are killed, or stopped for longer than a lease: at each gap that the program names, while
a create is on its way, before its answer is back, while the network holds it up for longer than the
lease and the grace, and at any other moment. Connections are cut exactly at a COMMIT, before the
server sees it or before its answer is back; the server is started again under them, after a crash
or not. Parts of some minutes: then all are left to finish, and the books must balance: every order
once at the warehouse and in the ledger, every shipment in the shop once, exactly what is there for
sale, every delivery that was answered 2xx looked up. The dialects take turns, each with a new
ledger, and every second pair of parts goes through pgbouncer in transaction mode.

Each part is one line of FILE, so that pieces add up: go on with another seed. Printed for each
part and the sum: strikes by kind and phase, ends of commands, deliveries, orders, and how long jobs
of killed processes stayed without a holder: until the lease was over, until a timer came by, and
what the program itself needed from then. Ends with an error where something does not hold.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import kits  # noqa: F401 - finds what is imported below
from hosts_kit import Hosts, can_make_networks, keep, many_hosts, strike_for
from strikes_kit import summary, told

_PART_SECONDS = 420.0
_RESTART_EVERY = 45.0
_LEASE = 5
_PAUSE = 1.0
# Until there were enough cuts, and then: a command that was cut off meets no other strike.
_CUT_SHARES = (0.25, 0.05)


def part(options: argparse.Namespace, seed: int, strikes: int, cuts: int) -> dict[str, Any]:
    """One ledger's life; what happened in it."""
    dialect, pooled = ("oms", "rest")[seed % 2], seed // 2 % 2 == 1
    began, networks = time.monotonic(), can_make_networks()
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        many_hosts(
            Path(folder),
            dialect,
            seed,
            count=options.hosts,
            lease=_LEASE,
            networks=networks,
            real=options.shop == "real",
            pooled=pooled,
        ) as hosts,
    ):
        trouble, ready = "", time.monotonic()
        try:
            with hosts.at_work():
                _strike(hosts, strikes, cuts, ready + options.part_seconds)
            hosts.settle(within_seconds=600)
        except Exception:  # noqa: BLE001 - whatever it is, it is told and the others go on
            trouble = traceback.format_exc()
            keep(hosts, seed)
        return {
            "seed": seed,
            "dialect": dialect,
            "pooled": pooled,
            "shop": options.shop,
            "hosts": options.hosts,
            "namespaces": networks,
            "seconds": round(time.monotonic() - began),
            "struck": {f"{how}: {phase}": n for (how, phase), n in hosts.striker.struck.items()},
            "cuts": hosts.cuts,
            "restarts": hosts.restarts,
            "ended": dict(hosts.ended),
            "orders": len(hosts.world.shop.state.orders),
            "deliveries": len(hosts.deliveries.promises),
            "looks": hosts.looks,
            "refused doubles": hosts.refused_doubles,
            "taken over": told(hosts.striker.takeovers),
            "trouble": trouble,
        }


def _strike(hosts: Hosts, strikes: int, cuts: int, ends: float) -> None:
    restart_at = time.monotonic() + _RESTART_EVERY
    while time.monotonic() < ends and not hosts.trouble:
        share = _CUT_SHARES[hosts.cuts >= cuts]
        strike_for(hosts, 5, hosts.world.dice, _PAUSE, cut_share=share)
        if time.monotonic() > restart_at:
            hosts.restart_server()
            restart_at = time.monotonic() + _RESTART_EVERY
        if hosts.striker.total >= strikes and hosts.cuts >= cuts:
            break


def tell(parts: list[dict[str, Any]]) -> str:
    """The sum of several parts."""
    struck, ended = (
        sum((Counter(one[name]) for one in parts), Counter[str]()) for name in ("struck", "ended")
    )
    commands = Counter[str]()
    for name, count in ended.items():
        commands["killed" if name.endswith(" -9") else "ended"] += count
    kills = sum(count for name, count in struck.items() if name.startswith("kill"))
    lines = [
        f"{len(parts)} parts, {sum(one['seconds'] for one in parts)} s, "
        f"{parts[-1]['hosts']} hosts{' in namespaces of their own' * parts[-1]['namespaces']}, "
        f"shop: {', '.join(sorted({one['shop'] for one in parts}))}; "
        f"{sum(one['pooled'] for one in parts)} through pgbouncer",
        f"  {kills} killed, {struck.total() - kills} stopped, "
        f"{sum(one['cuts'] for one in parts)} cut at COMMIT, "
        f"{sum(one['restarts'] for one in parts)} restarts of the server",
        f"  {sum(one['orders'] for one in parts)} orders, "
        f"{sum(one['deliveries'] for one in parts)} deliveries answered 2xx, "
        f"stock compared {sum(one['looks'] for one in parts)} times, "
        f"{sum(one['refused doubles'] for one in parts)} late creates refused as doubles",
        f"  {commands['ended']} commands came to their end, {commands['killed']} were killed: "
        + ", ".join(f"{name}: {count}" for name, count in sorted(ended.items())),
        "  strikes: " + ", ".join(f"{name}: {count}" for name, count in sorted(struck.items())),
    ]
    for name, what in (
        ("lease", "the lease was over"),
        ("timer", "then a timer came by"),
        ("ours", "then its command had the job"),
    ):
        seconds = [value for one in parts for value in one["taken over"][name]]
        lines.append(f"  jobs of the killed, {len(seconds)}: {what} after {summary(seconds)}")
    bad = [one for one in parts if one["trouble"]]
    lines.append(
        f"  {len(bad)} parts failed: seeds {', '.join(str(one['seed']) for one in bad)}"
        if bad
        else "  nothing lost or doubled"
    )
    return "\n".join(lines)


def main() -> None:
    """Read the options and let them at it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--strikes", type=int, default=1000)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shop", choices=("real", "small"), default="real")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--part-seconds", type=float, default=_PART_SECONDS)
    parser.add_argument("--append", type=Path, metavar="FILE")
    parser.add_argument("--sum", type=Path, metavar="FILE")
    options = parser.parse_args()
    # All that was started is ended in good order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.sum:
        print(tell([json.loads(line) for line in options.sum.read_text().splitlines()]))
        return
    strikes, cuts, seed = options.strikes, options.cuts, options.seed
    ends, parts = time.monotonic() + 60 * options.minutes, []
    while (strikes > 0 or cuts > 0) and time.monotonic() < ends:
        done = part(options, seed, strikes, cuts)
        parts.append(done)
        print(f"seed {seed}, {done['dialect']}: " + tell([done]) + done["trouble"], flush=True)
        if options.append:
            with options.append.open("a") as file:
                file.write(json.dumps(done) + "\n")
        strikes, cuts, seed = strikes - sum(done["struck"].values()), cuts - done["cuts"], seed + 1
    print(tell(parts))
    if any(one["trouble"] for one in parts):
        sys.exit(1)


if __name__ == "__main__":
    main()
