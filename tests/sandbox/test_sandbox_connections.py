"""What the listener does to a connection, byte by byte; the small shop shares it."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from wire_client import ORDER_FACE, Wire, add_order

from veracore_sync.sandbox import request_body
from veracore_sync.sandbox.exchange import Request, json_answer
from veracore_sync.sandbox.faults import Outcome
from veracore_sync.sandbox.listener import Listener
from veracore_sync.sandbox.shop import SmallShop

GET = "GET /_sandbox/orders HTTP/1.1\r\nHost: x\r\n"
POST = "POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Reply:
    """One answer as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    version: str

    @property
    def connection(self) -> str:
        return self.headers.get("connection", "")


class Raw:
    """A socket with the answers that came over it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self.socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, text: str | bytes) -> Raw:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)
        return self

    def reply(self) -> Reply:
        version, status, _ = self._file.readline().decode().split(" ", 2)
        headers = http.client.parse_headers(self._file)
        names = {name.lower(): value for name, value in headers.items()}
        body = self._file.read(int(names.get("content-length", "0")))
        return Reply(int(status), names, body, version)

    def rest(self) -> bytes:
        return self._file.read()

    def is_open(self) -> bool:
        """Whether one more request is answered."""
        try:
            self.send(GET + "\r\n")
            return self.reply().status == 200
        except (ConnectionError, ValueError):
            return False

    def is_ended(self) -> bool:
        """Whether the server ended it after the last answer, and ended it cleanly."""
        return self.rest() == b""


def _echo(request: Request, _pause: object) -> tuple[Outcome, float]:
    document = {"method": request.method, "query": request.query, "body": request.body.decode()}
    return Outcome(json_answer(200, document)), 0.0


@contextmanager
def listening(patience: float = 30) -> Iterator[Listener]:
    listener = Listener(
        ("127.0.0.1", 0), _echo, lambda: datetime.now(UTC), name="test", patience=patience
    )
    try:
        yield listener
    finally:
        listener.close_down()


Connect = Callable[[int], Raw]


@pytest.fixture
def connect() -> Iterator[Connect]:
    with ExitStack() as stack:

        def connect(port: int) -> Raw:
            made = Raw(port)
            stack.callback(made.close)
            return made

        yield connect


@pytest.fixture
def raw(connect: Connect) -> Iterator[Raw]:
    with listening() as listener:
        yield connect(listener.port)


# ---- whether a connection is kept, and that it is announced --------------------------------


@pytest.mark.parametrize(
    ("head", "announced", "kept"),
    [
        ("GET / HTTP/1.1\r\nHost: x\r\n", "", True),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n", "", True),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", "close", False),
        ("GET / HTTP/1.1\r\nHost: x\r\nconnection:  Close\r\n", "close", False),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, close\r\n", "close", False),
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: TE\r\nConnection: close\r\n", "close", False),
        ("GET / HTTP/1.0\r\n", "close", False),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", "keep-alive", True),
        ("PUT / HTTP/1.1\r\nHost: x\r\n", "close", False),
    ],
)
def test_what_becomes_of_a_connection_is_announced(
    raw: Raw, head: str, announced: str, kept: bool
) -> None:
    raw.send(head + "\r\n")
    reply = raw.reply()
    assert reply.connection == announced
    assert reply.version == "HTTP/1.1"
    assert int(reply.headers["content-length"]) == len(reply.body) > 0
    assert raw.is_open() if kept else raw.is_ended()


def test_a_refused_head_has_no_body(raw: Raw) -> None:
    answer = raw.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").rest()
    assert answer.startswith(b"HTTP/1.1 501 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_requests_sent_at_once_are_answered_in_turn(raw: Raw) -> None:
    bodies = ["one", "two words", "", "four"]
    raw.send("".join(f"{POST}Content-Length: {len(body)}\r\n\r\n{body}" for body in bodies))
    assert [raw.reply().body.decode().split('"')[-2] for _ in bodies] == bodies
    assert raw.is_open()


def test_what_follows_a_close_is_not_answered(raw: Raw) -> None:
    raw.send(GET + "Connection: close\r\n\r\n" + GET + "\r\n")
    assert raw.reply().connection == "close"
    assert raw.is_ended()


def test_a_blank_line_after_a_body_is_no_request(raw: Raw) -> None:
    raw.send(f"{POST}Content-Length: 2\r\n\r\nhi\r\n" + GET + "\r\n")
    assert [raw.reply().status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("line", ["nonsense", "POST /x", "GET / HTTP/x", "GET / HTTP/2.0", "a b c"])
def test_a_line_that_is_no_request_is_answered_and_ended(raw: Raw, line: str) -> None:
    reply = raw.send(f"{line}\r\n\r\n").reply()
    assert reply.status in (400, 505)
    assert reply.connection == "close"
    assert raw.is_ended()


# ---- bodies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "body"),
    [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("000a\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        ('5;name="x"\r\nhello\r\n0;last\r\n\r\n', "hello"),
        ("5\r\nhello\r\n0\r\nChecksum: 1\r\nOther: 2\r\n\r\n", "hello"),
        ("5\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n"),
    ],
)
def test_chunks(raw: Raw, chunks: str, body: str) -> None:
    reply = raw.send(CHUNKED + chunks).reply()
    assert reply.status == 200
    assert (
        reply.body.decode()
        == json_answer(200, {"method": "POST", "query": "", "body": body}).body.decode()
    )
    assert raw.is_open()


BAD = {
    "a size that is no number": ("x\r\nhello\r\n0\r\n\r\n", 400),
    "a negative size": ("-5\r\nhello\r\n0\r\n\r\n", 400),
    "no size": ("\r\nhello\r\n0\r\n\r\n", 400),
    "a size in the form of a language": ("0x5\r\nhello\r\n0\r\n\r\n", 400),
    "a line without its return": ("5\nhello\r\n0\r\n\r\n", 400),
    "a chunk longer than its size": ("4\r\nhello\r\n0\r\n\r\n", 400),
    "an endless extension": ("5;" + "x" * 5000 + "\r\nhello\r\n0\r\n\r\n", 400),
    "endless trailers": ("0\r\n" + "A: 1\r\n" * 101 + "\r\n", 400),
    "a chunk above the limit": ("FFFFFFFF\r\n", 413),
    "a size of more than 64 bits": ("1" * 17 + "\r\n", 400),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_chunks_are_refused_and_end_the_connection(raw: Raw, name: str) -> None:
    chunks, status = BAD[name]
    reply = raw.send(CHUNKED + chunks).reply()
    assert (reply.status, reply.connection) == (status, "close")
    assert raw.is_ended()


HEADS = {
    "Content-Length: -1": 400,
    "Content-Length: 1_0": 400,
    "Content-Length: ": 400,
    "Content-Length: 1\r\nContent-Length: 2": 400,
    "Content-Length: 99999999999": 413,
    "Content-Length: 99999999999999999999999": 413,
    "Transfer-Encoding: gzip, chunked": 501,
    "Transfer-Encoding: identity": 501,
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked": 501,
    "Transfer-Encoding: chunked\r\nContent-Length: 5": 400,
    "Content-Length: 5\r\nExpect: 200-ok": 417,
}


@pytest.mark.parametrize("head", HEADS)
def test_a_body_of_no_clear_length_is_refused(raw: Raw, head: str) -> None:
    reply = raw.send(f"{POST}{head}\r\n\r\nhello").reply()
    assert (reply.status, reply.connection) == (HEADS[head], "close")
    assert raw.is_ended()


def test_the_same_length_twice_is_one_length(raw: Raw) -> None:
    assert raw.send(f"{POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi").reply().status == 200
    assert raw.is_open()


def test_http_1_0_has_no_chunks(raw: Raw) -> None:
    head = CHUNKED.replace("HTTP/1.1", "HTTP/1.0")
    assert raw.send(head + "0\r\n\r\n").reply().status == 400


def test_the_limit_counts_all_chunks_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "LARGEST_BODY", 8)
    headers = http.client.parse_headers(io.BytesIO(b"Transfer-Encoding: chunked\r\n\r\n"))

    def read(chunks: bytes) -> bytes:
        return request_body.read_body(io.BytesIO(chunks), headers, "HTTP/1.1", lambda: None)

    assert read(b"4\r\naaaa\r\n4\r\nbbbb\r\n0\r\n\r\n") == b"aaaabbbb"
    with pytest.raises(request_body.BadBody):
        read(b"4\r\naaaa\r\n4\r\nbbbb\r\n1\r\nc\r\n0\r\n\r\n")


@pytest.mark.parametrize("framing", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_body_that_is_announced_is_asked_for(raw: Raw, framing: str) -> None:
    raw.send(f"{POST}{framing}\r\nExpect: 100-continue\r\n\r\n")
    assert raw.reply().status == 100
    raw.send("hello" if "Length" in framing else "5\r\nhello\r\n0\r\n\r\n")
    assert b"hello" in raw.reply().body
    assert raw.is_open()


@pytest.mark.parametrize(
    ("head", "status"),
    [("Content-Length: 99999999999", 413), ("Content-Length: x", 400), ("Content-Length: 0", 200)],
)
def test_a_body_that_is_not_wanted_is_not_asked_for(raw: Raw, head: str, status: int) -> None:
    assert raw.send(f"{POST}{head}\r\nExpect: 100-continue\r\n\r\n").reply().status == status


def test_http_1_0_is_not_told_to_go_ahead(raw: Raw) -> None:
    head = POST.replace("HTTP/1.1", "HTTP/1.0")
    raw.send(f"{head}Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
    assert raw.reply().status == 200


def test_a_refusal_survives_what_the_client_still_sends(raw: Raw) -> None:
    raw.send(f"{POST}Content-Length: 99999999999\r\n\r\n")
    try:
        for _ in range(50):
            raw.send(b"x" * 65536)
    except ConnectionError:
        pytest.fail("the answer would have been lost with the connection")
    assert raw.reply().status == 413


# ---- slow and absent clients ---------------------------------------------------------------


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_slow_client_is_waited_for(raw: Raw, framing: str) -> None:
    text = POST + "Content-Length: 5\r\n\r\nhello"
    if framing == "chunks":
        text = CHUNKED + "5\r\nhello\r\n0\r\n\r\n"
    for place in range(0, len(text), 7):
        raw.send(text[place : place + 7])
        time.sleep(0.002)
    assert b"hello" in raw.reply().body
    assert raw.is_open()


@pytest.mark.parametrize("sent", [CHUNKED + "5\r\nhe", POST + "Content-Length: 5\r\n\r\nhe"])
def test_a_body_that_stops_is_not_waited_for_for_ever(connect: Connect, sent: str) -> None:
    with listening(patience=0.1) as listener:
        raw = connect(listener.port)
        reply = raw.send(sent).reply()
        assert (reply.status, reply.connection) == (408, "close")
        assert raw.is_ended()


@pytest.mark.parametrize("sent", ["", "GET / HT", GET])
def test_a_head_that_stops_ends_the_connection(connect: Connect, sent: str) -> None:
    with listening(patience=0.1) as listener:
        assert connect(listener.port).send(sent).is_ended()


@pytest.mark.parametrize("sent", [CHUNKED + "5\r\nhe", POST + "Content-Length: 5\r\n\r\nhe"])
def test_a_client_that_ends_within_its_body_is_told(raw: Raw, sent: str) -> None:
    raw.send(sent)
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.reply().status == 400
    assert raw.is_ended()


# ---- the two servers -----------------------------------------------------------------------


def test_an_order_in_chunks_with_an_expectation_is_placed_once(
    connect: Connect, wire: Wire
) -> None:
    path, namespace = ORDER_FACE
    envelope = f"""<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
      <soap:Header><AuthenticationHeader xmlns="{namespace}"><Username>sandbox</Username>
      <Password>sandbox</Password></AuthenticationHeader></soap:Header>
      <soap:Body>{add_order("A-1")}</soap:Body></soap:Envelope>""".encode()
    raw = connect(wire.port)
    raw.send(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    )
    assert raw.reply().status == 100
    pieces = [envelope[place : place + 100] for place in range(0, len(envelope), 100)]
    raw.send(b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
    reply = raw.reply()
    assert (reply.status, reply.connection) == (200, "close")
    assert raw.is_ended()
    assert [order["submissions"] for order in wire.see("orders")] == [1]


@pytest.mark.parametrize("kind", ["html_500", "http_503", "slow_drip", "fault_unlisted"])
def test_an_answer_that_is_a_fault_announces_it_too(
    connect: Connect, wire: Wire, kind: str
) -> None:
    wire.do("faults", kinds=[kind])
    raw = connect(wire.port)
    raw.send("GET /api/inventory HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert raw.reply().connection == "close"
    assert raw.is_ended()


def test_a_cut_answer_announces_nothing(connect: Connect, wire: Wire) -> None:
    wire.do("faults", kinds=["truncate"])
    raw = connect(wire.port).send("GET /api/inventory HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = raw.rest()
    assert b"Content-Length: " in answer
    assert b"Connection" not in answer


def test_every_answer_has_the_mark_of_the_sandbox(connect: Connect, wire: Wire) -> None:
    for sent in ("PUT / HTTP/1.1\r\nHost: x\r\n\r\n", "nonsense\r\n\r\n", GET + "\r\n"):
        assert connect(wire.port).send(sent).reply().headers["x-veracore-sandbox"] == "1"


def test_the_small_shop_announces_it_too(connect: Connect) -> None:
    with SmallShop() as shop:
        port = int(shop.url.rpartition(":")[2])
        raw = connect(port).send("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert raw.reply().connection == "close"
        assert raw.is_ended()
