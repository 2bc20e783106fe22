"""A connection keeps its place for so many requests and so long, and while nobody waits for it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from veracore_sync.webhooks import connections
from veracore_sync.webhooks.connections import ConnectionLimiter
from veracore_sync.webhooks.counters import Counters
from veracore_sync.webhooks.request_head import RequestHead
from veracore_sync.webhooks.server import HookServer, Limits, Response

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Always:
    """Answers every request."""

    def check(self, head: RequestHead) -> None:
        pass

    def answer(self, head: RequestHead, body: bytes, peer: str) -> Response:
        return Response(200)


@contextmanager
def serving(limits: Limits) -> Iterator[int]:
    server = HookServer("127.0.0.1", 0, Always(), meter=Counters(), limits=limits)
    server.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.stop()


def received(client: socket.socket) -> bytes:
    found = b""
    while piece := client.recv(65536):
        found += piece
    return found


@pytest.mark.parametrize(
    ("limits", "answers"),
    [
        (Limits(connection_requests=3), 3),
        (Limits(connection_requests=1), 1),
        (Limits(connection_seconds=0.0), 1),
    ],
)
def test_a_connection_ends_with_the_last_answer_that_it_may_have(
    limits: Limits, answers: int
) -> None:
    with serving(limits) as port, closing(socket.create_connection(("127.0.0.1", port))) as client:
        client.settimeout(60)
        client.sendall(REQUEST * 10)
        found = received(client)
        assert found.count(b"HTTP/1.1 200 ") == answers
        assert found.count(b"Connection: close") == 1
        assert b"Connection: close" in found.rpartition(b"HTTP/1.1 200 ")[2]


def test_one_that_never_pauses_gives_way_to_one_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "_ROOM_SECONDS", 20.0)
    limiter = ConnectionLimiter(2)
    with ExitStack() as stack:
        busy, other, newcomer = (stack.enter_context(closing(socket.socket())) for _ in range(3))
        for one in (busy, other):
            assert limiter.admit(one)
            limiter.works(one)
            assert not limiter.has_had_enough(one, 1000, 600.0)
        admitted: list[bool] = []
        waiting = threading.Thread(target=lambda: admitted.append(limiter.admit(newcomer)))
        waiting.start()
        end = time.monotonic() + 600
        while not limiter.has_had_enough(busy, 10**9, 600.0) and time.monotonic() < end:
            pass
        # One gives way, not all of them.
        assert not limiter.has_had_enough(other, 1000, 600.0)
        limiter.leave(busy)
        waiting.join(60)
        assert admitted == [True]
