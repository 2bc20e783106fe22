"""The forms of a request that ordinary senders use: chunks, Expect, HEAD, and every target."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Callable, Iterator

import pytest
from hook_kit import INVENTORY, QUICK, Bed, read_all, signed, start_bed, stop_bed
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.admin.access import Tokens
from veracore_sync.admin.handler import AdminHandler
from veracore_sync.admin.shop_pages import ShopPages
from veracore_sync.clock import SystemClock
from veracore_sync.webhooks.request_head import RequestRefused, parse_head

BODY = b'{"sku": "A-1"}'
BOM = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    running = start_bed(tmp_path_factory.mktemp("forms") / "ledger.db")
    yield running
    stop_bed(running)


def head(*lines: str, body: bytes = BODY, start: str = f"POST {INVENTORY} HTTP/1.1") -> bytes:
    own = [f"{name}: {value}" for name, value in signed(body).items()]
    return "\r\n".join([start, "Host: localhost", *own, *lines]).encode() + b"\r\n\r\n"


def chunks(body: bytes, size: int, extension: bytes = b"") -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(one), extension, one) for one in pieces)


def statuses(received: bytes) -> list[int]:
    return [int(one) for one in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


LIMIT = QUICK.body_bytes
PADDED = json.dumps({"sku": "A-1", "more": ""}).encode()
AT_LIMIT = PADDED[:-2] + b"x" * (LIMIT - len(PADDED)) + PADDED[-2:]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        pytest.param(BODY, chunks(BODY, 100) + b"0\r\n\r\n", id="one chunk"),
        pytest.param(BODY, chunks(BODY, 1) + b"0\r\n\r\n", id="a byte a chunk"),
        pytest.param(BODY, chunks(BODY, 4) + b"000\r\n\r\n", id="zeros at the end"),
        pytest.param(
            BODY, chunks(BODY, 4, b';a;b=c;d="e;\\"f"') + b"0;last\r\n\r\n", id="extensions"
        ),
        pytest.param(BODY, chunks(BODY, 9) + b"0\r\nX-Sum: 1\r\nX-Other:\r\n\r\n", id="trailers"),
        pytest.param(AT_LIMIT, chunks(AT_LIMIT, 4096) + b"0\r\n\r\n", id="at the limit"),
    ],
)
def test_a_chunked_delivery_is_taken_and_the_next_request_found(
    bed: Bed, body: bytes, sent: bytes
) -> None:
    after = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = bed.exchange(head("Transfer-Encoding: Chunked", body=body) + sent + after)
    assert statuses(received) == [200, 200]
    assert b'"stored"' in received


def test_chunks_may_be_cut_anywhere(bed: Bed) -> None:
    raw = head("Transfer-Encoding: chunked", "Connection: close")
    raw += chunks(BODY, 5, b";a") + b"0\r\nX-Sum: 1\r\n\r\n"
    at = raw.index(b"\r\n\r\n")
    with bed.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(raw[:at])
        for byte in raw[at:]:
            connection.sendall(bytes([byte]))
        assert statuses(read_all(connection)) == [200]


def test_a_body_of_nothing_but_sizes_is_cut(bed: Bed) -> None:
    tiny = chunks(b"x" * LIMIT, 1)
    assert statuses(bed.exchange(head("Transfer-Encoding: chunked") + tiny)) == [413]
    endless = b"0\r\n" + b"X-A: 1\r\n" * 10_000
    assert statuses(bed.exchange(head("Transfer-Encoding: chunked") + endless)) == [431]


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Expect: 100-continue", f"Content-Length: {len(BODY)}"], BODY),
        (["expect: 100-Continue", "Transfer-Encoding: chunked"], chunks(BODY, 9) + b"0\r\n\r\n"),
    ],
)
def test_whoever_waits_for_100_gets_it(bed: Bed, lines: list[str], body: bytes) -> None:
    with bed.connect() as connection:
        for _ in range(2):
            connection.sendall(head(*lines))
            assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(body)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        pytest.param(
            lambda: (
                head("Expect: 100-continue", "Connection: close", f"Content-Length: {len(BODY)}")
                + BODY
            ),
            [200],
            id="the body has come",
        ),
        pytest.param(
            lambda: head(
                "Expect: 100-continue", "Connection: close", start="GET /healthz HTTP/1.1"
            ),
            [200],
            id="there is no body",
        ),
        pytest.param(
            lambda: (
                head(
                    "Expect: 100-continue",
                    f"Content-Length: {len(BODY)}",
                    start=f"POST {INVENTORY} HTTP/1.0",
                )
                + BODY
            ),
            [200],
            id="HTTP/1.0 knows none",
        ),
        pytest.param(
            lambda: head("Expect: other", start="GET /healthz HTTP/1.0"),
            [200],
            id="HTTP/1.0, another",
        ),
        pytest.param(
            lambda: head("Expect: 100-continue", f"Content-Length: {LIMIT + 1}"),
            [413],
            id="too large",
        ),
        pytest.param(
            lambda: head("Expect: 100-continue", "Content-Length: 5", start="POST /no HTTP/1.1"),
            [404],
            id="nowhere",
        ),
        pytest.param(
            lambda: head(
                "Expect: 100-continue", "Content-Length: 5", start="POST /healthz HTTP/1.1"
            ),
            [405],
            id="another method",
        ),
        pytest.param(
            lambda: head("Expect: 100-continue", "Expect: x", "Content-Length: 5"),
            [417],
            id="one of two is unknown",
        ),
        pytest.param(lambda: head("Expect:", "Content-Length: 5"), [417], id="none named"),
    ],
)
def test_100_is_only_for_whom_it_helps(
    bed: Bed, made: Callable[[], bytes], wanted: list[int]
) -> None:
    # Made here: a signature that is minutes old is refused.
    assert statuses(bed.exchange(made())) == wanted


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_head_is_get_without_its_body(bed: Bed, path: str) -> None:
    def ask(method: str) -> tuple[bytes, bytes]:
        raw = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        got, _, body = bed.exchange(raw.encode()).partition(b"\r\n\r\n")
        return re.sub(rb"(Date|Content-Length): [^\r]*", rb"\1", got), body

    (wanted, body), (got, nothing) = ask("GET"), ask("HEAD")
    assert got == wanted
    assert body
    assert nothing == b""


@pytest.mark.parametrize("path", [INVENTORY, "/nowhere", "//["])
def test_a_refused_head_has_no_body_either(bed: Bed, path: str) -> None:
    received = bed.exchange(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert received.endswith(b"\r\n\r\n")
    assert statuses(received) in ([404], [405])


def test_a_byte_order_mark_is_signed_and_read_over(bed: Bed) -> None:
    assert bed.post(INVENTORY, BOM + BODY)[0] == 200
    assert bed.post(INVENTORY, BOM + BODY, headers=signed(BODY))[0] == 401
    assert bed.post(INVENTORY, BOM + BOM + BODY)[0] == 400
    assert bed.post(INVENTORY, BODY.decode().encode("utf-16"))[0] == 400


TARGETS: dict[str, int] = {
    "/": 404,
    "//": 404,
    "//[": 404,
    "//[::1": 404,
    "//x/healthz": 404,
    "//x/admin-api": 404,
    "///healthz": 404,
    "/healthz": 200,
    "/healthz?": 200,
    "/healthz?a=b&c": 200,
    "/healthz?a?b": 200,
    "/healthz#a": 400,
    "/healthz/": 404,
    "/healthz/..": 404,
    "/./healthz": 404,
    "/%68ealthz": 404,
    "/%": 404,
    "/%zz%00%ff": 404,
    "/healthz%00": 404,
    "/healthz%0d%0aX:1": 404,
    "/healthz;a=b": 404,
    "/\\x\\healthz": 404,
    "/[": 404,
    "/" + "a" * 1999: 404,
    "/" + "a" * 2000: 400,
    "http://localhost/healthz": 200,
    "HTTP://LOCALHOST/healthz?a": 200,
    "http://localhost": 404,
    "http://localhost?a": 404,
    "http://localhost/readyz": 200,
    "http://other/healthz": 400,
    "http://user@localhost/healthz": 400,
    "http:///healthz": 400,
    "http://[/healthz": 400,
    "http:/healthz": 400,
    "ftp://localhost/healthz": 400,
    "file:///etc/passwd": 400,
    "*": 400,
    "?": 400,
    "healthz": 400,
    "localhost:80": 400,
    "[::1]:80": 400,
    "\u00e9": 400,
    "": 400,
    " ": 400,
    "/ /healthz": 400,
    "/\t": 400,
    "/\x7f": 400,
    "/\x00": 400,
}


def test_every_target_is_answered(bed: Bed, caplog: pytest.LogCaptureFixture) -> None:
    told = {}
    for target in TARGETS:
        ask = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        told[target] = statuses(bed.exchange(ask.encode("latin-1")))
    assert told == {target: [status] for target, status in TARGETS.items()}
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("OPTIONS * HTTP/1.1", 404),
        ("OPTIONS /healthz HTTP/1.1", 405),
        ("CONNECT localhost:80 HTTP/1.1", 404),
        ("CONNECT /healthz HTTP/1.1", 405),
        ("TRACE /healthz HTTP/1.1", 405),
        ("get /healthz HTTP/1.1", 400),
    ],
)
def test_a_target_of_another_method(bed: Bed, line: str, status: int) -> None:
    assert statuses(bed.exchange(f"{line}\r\nHost: localhost\r\n\r\n".encode())) == [status]


@pytest.mark.parametrize(
    ("host", "status"),
    [("", 200), ("x:1", 200), ("[::1]:1", 200), ("a b", 400), ("x/y", 400), ("a@b", 400),
     ("[::1", 400), ("x:y", 400), ("x, y", 400), ("\u00e9", 400), ("x#", 400)],
)  # fmt: skip
def test_a_host_is_a_host(bed: Bed, host: str, status: int) -> None:
    ask = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert statuses(bed.exchange(ask.encode("latin-1"))) == [status]


def readiness(bed: Bed, *lines: str, version: str = "1.1", host: str = "localhost") -> list[int]:
    told = [f"GET /readyz HTTP/{version}", f"Host: {host}", "Connection: close", *lines]
    return statuses(bed.exchange("\r\n".join(told).encode() + b"\r\n\r\n"))


def test_what_was_forwarded_does_not_see_how_ready_we_are(bed: Bed) -> None:
    direct = ("User-Agent: Prometheus/3.5", "Accept: */*", "X-Prometheus-Scrape-Timeout-Seconds: 1")
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:80"):
        assert readiness(bed, *direct, host=host) == [200]
    for host in ("", "x", "localhost.example.com", "192.0.2.1", "[2001:db8::1]", "0.0.0.0"):
        assert readiness(bed, *direct, host=host) == [404]
    names = (
        "Forwarded X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Server Via"
        " X-Forwarded-Port X-Real-IP X-Client-IP True-Client-IP CF-Connecting-IP CF-Ray CDN-Loop"
        " Fastly-Client-IP X-Envoy-External-Address X-Amzn-Trace-Id X-Original-Host Client-IP"
    )
    for name in names.split():
        assert readiness(bed, *direct, f"{name}: x") == [404], name
    # nginx by itself, in whose conf only `proxy_pass` stands.
    assert readiness(bed, version="1.0", host=f"127.0.0.1:{bed.port}") == [404]


words = st.sampled_from(
    ["/", "//", "[", "]", "%", "%2f", "%00", "?", "#", ":", "@", "*", "..", ";", "\\", "http://",
     "localhost", "x", "healthz", "admin-api", "shops", "shop1", "login", "style.css", "order"]
)  # fmt: skip


def _handlers(bed: Bed) -> list[object]:
    tokens, clock = Tokens("r" * 40, "a" * 40), SystemClock()
    pages = [ShopPages(None, tokens, clock, name) for name in ("", "shop1")]  # type: ignore[arg-type]
    admins = [AdminHandler([one], clock, list) for one in pages]
    return [bed.listener.server.handler, *admins]


@settings(max_examples=300)
@given(st.sampled_from(["GET", "POST", "OPTIONS", "CONNECT"]), st.lists(words, max_size=8))
def test_an_arbitrary_target_is_known_or_refused(bed: Bed, method: str, parts: list[str]) -> None:
    try:
        found = parse_head(f"{method} {''.join(parts)} HTTP/1.1\r\nHost: localhost".encode())
    except RequestRefused as error:
        assert error.status == 400
        return
    for handler in _handlers(bed):
        try:
            handler.check(found)  # type: ignore[attr-defined]
        except RequestRefused as error:
            assert error.status in (400, 404, 405, 421)
        else:
            assert found.path.startswith("/")
            assert not found.path.startswith("//")
