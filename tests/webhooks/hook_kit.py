"""A listener on a real socket over a real ledger, and clients that speak raw bytes."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from fakes import make_settings

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.domain.errors import SyncError
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger
from veracore_sync.transport.signature import sign
from veracore_sync.webhooks.listener import Listener
from veracore_sync.webhooks.server import Limits
from veracore_sync.webhooks.worker import Handler

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
INVENTORY = "/veracore-webhooks/inventory-update"
ORDER = "/veracore-webhooks/order-update"
TRACKING = "/veracore-webhooks/tracking-update"
PATIENT = Limits(
    connections=16,
    first_byte_seconds=60.0,
    idle_seconds=1.0,
    request_seconds=60.0,
    answer_seconds=60.0,
    drain_seconds=3.0,
)
QUICK = Limits(
    connections=16,
    first_byte_seconds=1.0,
    idle_seconds=1.0,
    request_seconds=1.0,
    answer_seconds=1.0,
    drain_seconds=3.0,
)
"""For clients that are to be sent away: of any other it would test how fast the machine is."""


@dataclass
class Seen:
    """What the handlers were asked to look up."""

    names: list[tuple[str, str]] = field(default_factory=list)
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    during: Callable[[str], None] = lambda name: None

    def handler(self, kind: str) -> Callable[[str], None]:
        def run(name: str) -> None:
            self.names.append((kind, name))
            self.during(name)
            if self.errors.get(name):
                raise self.errors[name].pop(0)

        return run


@dataclass
class Bed:
    """A running listener."""

    ledger: Ledger
    listener: Listener
    seen: Seen

    @property
    def port(self) -> int:
        return int(self.listener.server.server_address[1])

    def connect(self, timeout: float = 60.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def post(
        self,
        path: str,
        document: Any,
        *,
        headers: Mapping[str, str] | None = None,
        delivery_id: str | None = None,
    ) -> tuple[int, dict[str, Any]]:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        given = signed(body, delivery_id=delivery_id) if headers is None else headers
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, body, dict(given))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def exchange(self, *pieces: bytes, timeout: float = 60.0, pause: float = 0.0) -> bytes:
        """Send raw pieces; all that comes back until the server closes."""
        with self.connect(timeout) as connection:
            for piece in pieces:
                connection.sendall(piece)
                if pause:
                    time.sleep(pause)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(65_536):
            received += data
    except ConnectionError:
        pass
    return received


def signed(
    body: bytes, *, delivery_id: str | None = None, at: float | None = None, secret: str = SECRET
) -> dict[str, str]:
    moment = int(time.time() if at is None else at)
    return sign(secret, delivery_id or f"msg_{secrets.token_hex(8)}", moment, body)


def start_bed(
    path: Path,
    *,
    limits: Limits = PATIENT,
    clock: Clock | None = None,
    seen: Seen | None = None,
    **webhooks: object,
) -> Bed:
    ticking = clock or SystemClock()
    ledger = open_ledger(path, clock=ticking)
    seen = seen or Seen()
    settings = make_settings(
        webhooks={"secret": SECRET, **webhooks}, veracore={"rate_per_minute": 0}
    )
    handlers = {
        "inventory": Handler("inventory", seen.handler("inventory")),
        "order": Handler("orders", seen.handler("order")),
        "tracking": Handler("tracking", seen.handler("tracking")),
    }
    try:
        listener = Listener(
            ledger,
            handlers,  # type: ignore[arg-type]
            settings,
            ticking,
            port=0,
            limits=limits,
        )
    except SyncError:
        ledger.close()
        raise
    listener.start()
    return Bed(ledger, listener, seen)


def stop_bed(bed: Bed) -> None:
    bed.listener.stop()
    bed.ledger.close()


def until(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    """Wait for what must come; a failure names nothing but the caller's line."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)
