"""What a hostile client may try, each while an ordinary client goes on being served."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from hook_kit import INVENTORY, QUICK, Bed, read_all, signed, start_bed, stop_bed, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veracore_sync.webhooks import server
from veracore_sync.webhooks.request_head import RequestHead, RequestRefused, check_start, parse_head

BODY = b'{"sku": "A-1"}'


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    running = start_bed(tmp_path / "ledger.db", limits=QUICK)
    yield running
    stop_bed(running)


def request(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def post(*lines: str, body: bytes = BODY, length: str | None = None) -> bytes:
    own = [f"Content-Length: {len(body) if length is None else length}"] if length != "" else []
    return request(f"POST {INVENTORY} HTTP/1.1", "Host: x", *own, *lines, body=body)


SMUGGLED = request("GET /healthz HTTP/1.1", "Host: x")


@contextmanager
def an_ordinary_client(bed: Bed) -> Iterator[None]:
    """Posts all the while, and every one of its deliveries is taken.

    As any sender it comes again when it was cut off or told to: on a machine that is busy enough
    to stall it in the middle of a request it is one of the slow itself.
    """
    stop, results = threading.Event(), []

    def deliver() -> int:
        status = 0
        for _ in range(5):
            with suppress(OSError, HTTPException):
                status, _ = bed.post(INVENTORY, {"sku": "ORDINARY"})
                if status == 200:
                    break
            stop.wait(0.05)
        return status

    def work() -> None:
        while not stop.is_set():
            results.append(deliver())
            stop.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
        until(lambda: len(results) >= 3)
    finally:
        stop.set()
        thread.join()
    assert set(results[:-1]) == {200}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(post("Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED), 400,
                     id="chunked and a length"),
        pytest.param(post("Transfer-Encoding: chunked", length="",
                          body=b"0\r\n\r\n" + SMUGGLED), 401, id="chunked, unsigned"),
        pytest.param(post("Transfer-Encoding: chunked", length="",
                          body=b"5 \r\n" + SMUGGLED), 400, id="a malformed chunk"),
        pytest.param(post("Transfer-Encoding: chunked", length="",
                          body=b"10001\r\n" + SMUGGLED), 413, id="a chunk too large"),
        pytest.param(post("Transfer-Encoding: identity", length="", body=BODY + SMUGGLED), 501,
                     id="identity"),
        pytest.param(post("Content-Length: 5", body=BODY + SMUGGLED), 400, id="two lengths"),
        pytest.param(post(length="14, 14"), 400, id="a list of lengths"),
        pytest.param(post(length="-1"), 400, id="a negative length"),
        pytest.param(post(length="+14"), 400, id="a signed length"),
        pytest.param(post(length="1_4"), 400, id="an underscore"),
        pytest.param(post(length="0x0e"), 400, id="a hexadecimal length"),
        pytest.param(post(length="\u0661\u0664"), 400, id="other digits"),
        pytest.param(post(length=""), 411, id="no length"),
        pytest.param(post(length="65537"), 413, id="a byte too many"),
        pytest.param(post(length="107374182400"), 413, id="100 GB"),
        pytest.param(post("Expect: 200-ok"), 417, id="an expectation"),
        pytest.param(post("X-Odd : 1"), 400, id="space before the colon"),
        pytest.param(post("X-Odd: 1", " folded"), 400, id="a folded header"),
        pytest.param(post("NoColon"), 400, id="no colon"),
        pytest.param(post("X-Odd: \x00"), 400, id="a NUL"),
        pytest.param(post(*[f"X-{n}: 1" for n in range(150)]), 431, id="150 headers"),
        pytest.param(post("X-Long: " + "x" * 70_000), 431, id="a line of 70 kB"),
        pytest.param(post(*[f"X-{n}: {'x' * 4000}" for n in range(20)]), 431, id="80 kB of head"),
        pytest.param(b"GET /healthz\r\n", 400, id="HTTP/0.9"),
        pytest.param(b"GET /healthz HTTP/2.0\r\n\r\n", 400, id="HTTP/2"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="the preface of HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400, id="TLS"),
        pytest.param(b"GET /healthz HTTP/1.1\nHost: x\n\n", 400, id="bare line feeds"),
        pytest.param(b"x" * 70_000, 431, id="an endless first line"),
        pytest.param(request("GET /healthz HTTP/1.1"), 400, id="no Host"),
        pytest.param(request("GET /healthz HTTP/1.1", "Host: a", "Host: b"), 400, id="two Hosts"),
        pytest.param(request("GET /healthz/ HTTP/1.1", "Host: x"), 404, id="another path"),
        pytest.param(request("GET //healthz HTTP/1.1", "Host: x"), 404, id="two slashes"),
        pytest.param(request(f"GET {INVENTORY} HTTP/1.1", "Host: x"), 405, id="GET of a hook"),
        pytest.param(request("DELETE /healthz HTTP/1.1", "Host: x"), 405, id="another method"),
        pytest.param(request(f"HEAD {INVENTORY} HTTP/1.1", "Host: x", "Content-Length: -1"), 400,
                     id="HEAD, and a negative length"),
        pytest.param(request("BREW /coffee HTTP/1.1", "Host: x"), 404, id="an unknown method"),
    ],
)  # fmt: skip
def test_a_malformed_request_gets_one_answer_and_the_door(
    bed: Bed, raw: bytes, status: int
) -> None:
    with an_ordinary_client(bed):
        received = bed.exchange(raw)
    assert received.startswith(f"HTTP/1.1 {status} ".encode()), received[:200]
    assert received.count(b"HTTP/1.1 ") == 1, "the rest was taken for another request"
    assert b"\r\nConnection: close\r\n" in received
    head, _, body = received.partition(b"\r\n\r\n")
    assert not re.search(rb"(?i)python|basehttp|server:|traceback", head + body)
    assert b"application/json" in head
    assert (status == 405) == (b"\r\nAllow: " in head)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([bytes([byte]) for byte in post()], id="the head drips"),
        pytest.param(
            [post(body=b"", length="14"), *(bytes([b]) for b in BODY)], id="the body does"
        ),
    ],
)
def test_a_drip_client_is_cut_at_an_absolute_deadline(bed: Bed, pieces: list[bytes]) -> None:
    with an_ordinary_client(bed), bed.connect() as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
            time.sleep(0.15)
        received = read_all(connection)
    # A deadline that each byte renews would have let the whole request arrive.
    assert received == b"" or received.startswith(b"HTTP/1.1 408 ")
    until(lambda: len(bed.listener.server.connections) == 0)


def test_a_silent_client_is_sent_away(bed: Bed) -> None:
    with an_ordinary_client(bed), bed.connect() as connection:
        assert read_all(connection) == b""


def test_a_client_that_does_not_read_is_sent_away(bed: Bed) -> None:
    with an_ordinary_client(bed), bed.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask = request("GET /metrics HTTP/1.1", "Host: localhost") * 50
        with pytest.raises(OSError):
            for _ in range(100_000):
                connection.sendall(ask)


def test_four_hundred_idle_connections_keep_nobody_out(bed: Bed) -> None:
    idle: list[socket.socket] = []
    before = threading.active_count()
    with an_ordinary_client(bed):
        try:
            for _ in range(400):
                idle.append(bed.connect())
            assert threading.active_count() - before <= QUICK.connections + 8
            until(lambda: len(bed.listener.server.connections) <= QUICK.connections)
        finally:
            for connection in idle:
                connection.close()


def test_crowds_of_slow_clients_keep_nobody_out(bed: Bed) -> None:
    """Half heads, half bodies, and refusals that are lingered over."""
    half = post(body=b"", length="14")
    held: list[socket.socket] = []
    with an_ordinary_client(bed):
        try:
            for raw in (b"POST ", half, b"NONSENSE\r\n") * QUICK.connections:
                held.append(bed.connect())
                held[-1].setblocking(False)
                with suppress(OSError):
                    held[-1].send(raw)
                time.sleep(0.02)
        finally:
            for connection in held:
                connection.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Bed]:
    running = start_bed(tmp_path / "ledger.db")
    yield running
    stop_bed(running)


def test_when_all_are_at_work_the_next_is_told_to_come_again(patient: Bed) -> None:
    bed = patient
    bed.listener.server.connections._patience = 60.0
    held = [bed.connect() for _ in range(QUICK.connections)]
    for connection in held:
        connection.sendall(b"POST ")
    # Whose first bytes are read, and not known to be a request yet, makes room for another.
    known = bed.listener.server.connections._open
    until(lambda: sum(one.begun for one in list(known.values())) == QUICK.connections)
    answer = bed.exchange()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 2\r\n" in answer
    for connection in held:
        connection.close()
    until(lambda: len(bed.listener.server.connections) == 0)


def test_keep_alive_pays_no_delay(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nagle's algorithm against delayed acknowledgements would cost 40 ms a request."""
    delays: list[int] = []
    serve = server._Handler._serve_one

    def look(handler: server._Handler, *reader: Any, **more: Any) -> bool:
        delays.append(handler.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return serve(handler, *reader, **more)

    monkeypatch.setattr(server._Handler, "_serve_one", look)
    assert bed.get("/healthz")[0].status == 200
    assert delays
    assert all(delays)


def test_pipelined_requests_are_answered_in_turn(bed: Bed) -> None:
    headers = [f"{name}: {value}" for name, value in signed(BODY).items()]
    received = bed.exchange(post(*headers) + SMUGGLED + post("Connection: close", *headers))
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"200", b"200"]
    assert received.count(b"duplicate") == 1


def test_http_1_0_is_answered_and_closed(bed: Bed) -> None:
    received = bed.exchange(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in received


def test_a_fault_of_ours_is_one_line_and_500(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(bed.listener.server.handler, "check", broken)
    for _ in range(3):
        assert bed.exchange(SMUGGLED).startswith(b"HTTP/1.1 500 ")
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1
    assert told[0].startswith("webhooks: a request failed: KeyError at veracore_sync.webhooks.")
    assert "a bug" not in told[0]


def test_a_fault_of_ours_in_an_answer_is_500(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(bed.listener.server.handler, "answer", broken)
    received = bed.exchange(SMUGGLED)
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"a bug" not in received


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(
    lambda tail: b"POST / HTTP/1.1\r\nHost: x\r\n" + tail))  # fmt: skip
def test_arbitrary_bytes_are_a_head_or_refused(raw: bytes) -> None:
    def attempt(action: Callable[[], object]) -> object:
        try:
            return action()
        except RequestRefused as error:
            assert error.status in (400, 411, 413, 431, 501)
            return None

    attempt(lambda: check_start(raw))
    head = attempt(lambda: parse_head(raw))
    if isinstance(head, RequestHead):
        length = attempt(lambda: head.body_length(1000))
        assert length is None or 0 <= length <= 1000  # type: ignore[operator]


pieces = st.sampled_from(
    [b"POST ", INVENTORY.encode(), b" HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n", b"\r\n\r\n",
     b"Content-Length: 14\r\n", b"Transfer-Encoding: chunked\r\n", b"webhook-id: a\r\n",
     b"webhook-timestamp: 1\r\n", b"webhook-signature: v1,a\r\n", b"Expect: 100-continue\r\n",
     b"e\r\n" + BODY + b"\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", BODY]
)  # fmt: skip


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(pieces | st.binary(max_size=20), max_size=14).map(b"".join))
def test_arbitrary_bytes_on_the_socket_have_no_effect(bed: Bed, raw: bytes) -> None:
    with bed.connect() as connection:
        with suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        received = read_all(connection)
    statuses = {int(found) for found in re.findall(rb"HTTP/1.1 (\d+)", received)}
    # 408: on a busy machine a second may pass before the bytes are read.
    assert statuses <= {100, 400, 401, 404, 405, 408, 411, 413, 417, 431, 501}
    assert bed.listener.state()["waiting"] == 0
