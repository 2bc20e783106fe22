"""Many shops, one PostgreSQL: what four hosts get done beside one.

    .venv/bin/python benchmarks/shops_scale.py [--shops 40] [--orders 250] [--delay-ms 50]
        [--hosts 1 4] [--workers N]

Each shop has its configuration in one folder, a small shop and a VeraCore simulator of its own
(both answer after so many milliseconds), and a schema of one durable PostgreSQL. A host is a
process with a home of its own that runs ``veracore-sync --config FOLDER sync-orders`` once, as a
line of cron on every host would: what another host holds it passes by. Every number of hosts begins
anew. Printed for each: the seconds until every host has ended, orders a second, and the processor
time; then the ratio to the first. Ends with an error unless every order is at its warehouse once.

On this one machine all hosts, the server and the simulators share its processors. Where they are
all busy, the ratio says how fast the machine is, not how the hosts would do on machines of their
own; the share of them that was busy is printed, too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import kits  # noqa: F401 - finds what is imported below
from server_kit import address, node_pair

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

_SERVERS = 4
"""How many processes serve the shops and warehouses: one alone could not keep up."""
_CONFIG = """
[vendure]
admin_api_url = "{shop}"
username = "{username}"
password = "{password}"
[veracore]
api_url = "{warehouse}"
client_id = "sandbox"
client_secret = "sandbox"
company_id = "SANDBOX"
rate_per_minute = 0
[orders]
not_before = 2020-01-01T00:00:00Z
{workers}
[ledger]
url = "{url}"
schema_name = "{name}"
"""


@dataclass(frozen=True)
class Served:
    """Where a shop and its warehouse are, and how to log in."""

    shop: str
    username: str
    password: str
    warehouse: str


def serve(count: int, orders: int, delay_ms: int, line: Connection) -> None:
    """Serve so many shops with so many orders each, until told to end."""
    with ExitStack() as stack:
        found, shops = [], []
        for _ in range(count):
            shop = stack.enter_context(SmallShop())
            warehouse = stack.enter_context(Sandbox(strict=True))
            shop.state.add_variant("MUG", "Mug", 1000, 10 * orders)
            _control(warehouse.url, "stock", {"stock": [{"sku": "MUG", "on_hand": 10 * orders}]})
            _control(warehouse.url, "faults", {"delay_ms": delay_ms})
            shop.add_faults(delay_ms=delay_ms)
            found.append(Served(shop.admin_url, shop.username, shop.password, warehouse.url))
            shops.append(shop)
        line.send(found)
        # Once the ledgers are there: what is older is looked up before it is sent.
        line.recv()
        for shop in shops:
            for _ in range(orders):
                shop.state.place_order([("MUG", 1)])
        line.send(None)
        line.recv()


def _control(url: str, name: str, body: object) -> None:
    request = urllib.request.Request(f"{url}/_sandbox/{name}", json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=60).close()


@contextmanager
def served(
    shops: int, orders: int, delay_ms: int
) -> Iterator[tuple[list[Served], Callable[[], None]]]:
    """So many shops, in a few processes; and what has their orders placed."""
    started = []
    found: list[Served] = []
    context = multiprocessing.get_context("spawn")
    for number in range(_SERVERS):
        count = len(range(number, shops, _SERVERS))
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(count, orders, delay_ms, theirs))
        process.start()
        started.append((process, ours))

    def place() -> None:
        for _, line in started:
            line.send(None)
        for _, line in started:
            line.recv()

    try:
        for _, line in started:
            found += line.recv()
        yield found, place
    finally:
        for process, line in started:
            # It may wait for either word, or have ended.
            with suppress(OSError):
                line.send(None)
                line.send(None)
            process.join()


def measure(url: str, hosts: int, options: argparse.Namespace) -> float:
    """How many seconds so many hosts take; the schemas are new."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as made,
        served(options.shops, options.orders, options.delay_ms) as (shops, place),
    ):
        folder = Path(made) / "shops"
        folder.mkdir()
        for number, one in enumerate(shops, 1):
            name = f"shop{number:02}_of_{hosts}"
            path = folder / f"{name}.toml"
            text = _CONFIG.format(
                **vars(one),
                url=url,
                name=name,
                workers=f"workers = {options.workers}" if options.workers else "",
            )
            path.write_text(text)
            path.chmod(0o600)
        _wait_for(_host(Path(made), hosts, folder))
        place()
        began, used = time.perf_counter(), _used()
        running = [_host(Path(made), number, folder) for number in range(hosts)]
        for process in running:
            _wait_for(process)
        took, busy = time.perf_counter() - began, _used() - used
        _check(shops, options.orders)
    orders = options.shops * options.orders
    print(
        f"{hosts} hosts: {took:.1f} s, {orders / took:.0f} orders/s, "
        f"{1000 * busy / orders:.1f} ms of processor time an order, "
        f"{100 * busy / took / (os.cpu_count() or 1):.0f} % of the processors by the hosts alone",
        flush=True,
    )
    return took


def _wait_for(process: subprocess.Popen[str]) -> None:
    _, err = process.communicate()
    # 75: another host had each of the last shops.
    assert process.returncode in (0, 75), (process.returncode, err[-2000:])


def _host(made: Path, number: int, folder: Path) -> subprocess.Popen[str]:
    home = made / f"host{number}"
    home.mkdir()
    command = ["-m", "veracore_sync", "--config", str(folder), "sync-orders", "--allow-first-run"]
    return subprocess.Popen(
        [sys.executable, *command],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _used() -> float:
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ours.ru_utime + ours.ru_stime


def _check(shops: Sequence[Served], orders: int) -> None:
    for one in shops:
        with urllib.request.urlopen(f"{one.warehouse}/_sandbox/orders", timeout=60) as answer:
            there = json.loads(answer.read())["orders"]
        assert len(there) == len({order["id"] for order in there}) == orders, len(there)


def main() -> None:
    """Read the options, measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--shops", type=int, default=40)
    parser.add_argument("--orders", type=int, default=250)
    parser.add_argument("--delay-ms", type=int, default=50)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--workers", type=int, help="orders.workers; default: the program's")
    options = parser.parse_args()
    with node_pair() as (node, _):
        times = {hosts: measure(address(node.folder), hosts, options) for hosts in options.hosts}
    first, *others = times
    for hosts in others:
        print(f"{hosts} hosts: {times[first] / times[hosts]:.2f} x {first} (goal 3.2 for 4)")


if __name__ == "__main__":
    main()
