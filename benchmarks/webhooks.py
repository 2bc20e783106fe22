"""Deliveries a second with durable commits, beside the same server that stores nothing.

Run ``python benchmarks/webhooks.py [SECONDS]``. Read the ratios: the machine decides the rest. The
clients are processes of their own, so that they do not share the listener's interpreter lock.
"""

from __future__ import annotations

import json
import multiprocessing
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

from veracore_sync.clock import SystemClock
from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.ledger import open_ledger
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


def _serve(writer: GroupCommitWriter, use: Callable[[int], None]) -> None:
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
    use(int(server.server_address[1]))
    server.stop()


def main(seconds: float) -> None:
    """Measure both, and print a table."""
    found: dict[str, dict[int, tuple[float, float]]] = {"bare": {}, "durable": {}}

    def into(name: str) -> Callable[[int], None]:
        def use(port: int) -> None:
            for clients in CLIENTS:
                found[name][clients] = _measure(port, clients, seconds)

        return use

    _serve(_Nowhere(), into("bare"))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        ledger = open_ledger(Path(folder) / "ledger.db")
        writer = GroupCommitWriter(ledger.inbox, lambda: None)
        _serve(writer, into("durable"))
        ledger.close()
    print("clients   bare req/s   p99 ms   durable req/s   p99 ms   ratio")
    for clients in CLIENTS:
        bare, durable = found["bare"][clients], found["durable"][clients]
        print(
            f"{clients:7}   {bare[0]:10.0f}   {bare[1]:6.1f}   {durable[0]:13.0f}   "
            f"{durable[1]:6.1f}   {durable[0] / bare[0]:5.2f}"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
