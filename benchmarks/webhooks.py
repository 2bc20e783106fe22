"""Deliveries a second with durable commits, beside the same server that stores nothing.

    .venv/bin/python benchmarks/webhooks.py [--seconds 3] [--rounds 5] [--clients 1 8 32]
        [--postgres]

Measured in pairs, one after the other, so that a busy machine slows both: read the ratios. The
clients are processes of their own, so that they do not share the listener's interpreter lock. Goal:
0.7 of the bare server at 8 and 32 clients, and a 99th percentile of at most 25 ms at 32.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import kits  # noqa: F401 - finds what is imported below
from ledger_server import new_place

from veracore_sync.clock import SystemClock
from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.stores import SqlLedger
from veracore_sync.transport.signature import Verifier, sign
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.group_commit import GroupCommitWriter
from veracore_sync.webhooks.handler import WebhookHandler
from veracore_sync.webhooks.server import HookServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATH = "/veracore-webhooks/inventory-update"
CLIENTS = (1, 8, 32)
_BODY = json.dumps({"sku": "RED-42", "more": "x" * 1000}).encode()


class _Nowhere(GroupCommitWriter):
    """A writer that stores nothing: the bare server with its signature check."""

    def __init__(self) -> None:
        """It has no inbox."""

    def store(self, delivery: WebhookDelivery) -> bool:
        return True


def _client(
    port: int, threads: int, seconds: float, results: multiprocessing.Queue[list[float]]
) -> None:
    times: list[float] = []

    def work() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            headers = sign(SECRET, f"msg_{secrets.token_hex(8)}", int(time.time()), _BODY)
            began = time.perf_counter()
            connection.request("POST", PATH, _BODY, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            times.append(time.perf_counter() - began)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    results.put(times)


def _measure(port: int, clients: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in milliseconds."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = min(4, clients)
    shares = [clients // processes + (n < clients % processes) for n in range(processes)]
    running = [
        context.Process(target=_client, args=(port, share, seconds, results)) for share in shares
    ]
    for process in running:
        process.start()
    times = sorted(one for _ in running for one in results.get())
    for process in running:
        process.join()
    return len(times) / seconds, times[int(len(times) * 0.99)] * 1000


@contextmanager
def _served(writer: GroupCommitWriter) -> Iterator[int]:
    """The port of a server with that writer."""
    meter = Counters()
    desk = WebhookHandler(
        Verifier([SECRET], tolerance_seconds=300),
        writer,
        SystemClock(),
        meter,
        lambda: {"ready": True},
    )
    server = HookServer("127.0.0.1", 0, desk, meter=meter)
    server.start()
    yield int(server.server_address[1])
    server.stop()


@contextmanager
def _ledger(*, postgres: bool) -> Iterator[SqlLedger]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        ledger = open_ledger(new_place() if postgres else Path(folder) / "ledger.db")
        yield ledger
        ledger.close()


def main() -> None:
    """Measure both, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--switch-ms", type=float, help="for trials: of the interpreter's lock")
    options = parser.parse_args()
    if options.switch_ms:
        sys.setswitchinterval(options.switch_ms / 1000)
    print("clients   bare req/s   p99 ms   durable req/s   p99 ms   ratio (least to most)   load")
    with (
        _ledger(postgres=options.postgres) as ledger,
        _served(_Nowhere()) as bare,
        _served(GroupCommitWriter(ledger.inbox, lambda: None)) as durable,
    ):
        for clients in options.clients:
            found: dict[int, list[tuple[float, float]]] = {bare: [], durable: []}
            for number in range(options.rounds):
                for port in (bare, durable) if number % 2 else (durable, bare):
                    found[port].append(_measure(port, clients, options.seconds))
            _print(clients, found[bare], found[durable])


def _print(
    clients: int, bare: list[tuple[float, float]], durable: list[tuple[float, float]]
) -> None:
    ratios = sorted(ours[0] / floor[0] for floor, ours in zip(bare, durable, strict=True))
    floor, floor_99 = (median(one[place] for one in bare) for place in (0, 1))
    ours, ours_99 = (median(one[place] for one in durable) for place in (0, 1))
    print(
        f"{clients:7}   {floor:10.0f}   {floor_99:6.1f}   {ours:13.0f}   {ours_99:6.1f}   "
        f"{median(ratios):5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})   {os.getloadavg()[0]:9.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
