"""No server decides how much is read of it: decoded bytes are counted, not memory."""

from __future__ import annotations

import gzip
import random
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_deadlines import CREATES, READS, hook

from veracore_sync.domain.errors import Occurrence, ProtocolError, SyncError
from veracore_sync.domain.failures import READING
from veracore_sync.transport.body import (
    MOST_OF_A_REFUSAL,
    PIECE,
    AnswerKind,
    BrokenEncoding,
    TooLarge,
    UnreadEncoding,
    decoded,
)
from veracore_sync.transport.http import HttpClient, NoResponse, OpenGate

MIB = 1024**2
BOMB = gzip.compress(bytes(40 * MIB))
"""40 kB that become more than any kind of answer but a stream may have."""


def bare(content: bytes) -> bytes:
    one = zlib.compressobj(wbits=-15)
    return one.compress(content) + one.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", lambda body: body),
    "identity": ("identity", lambda body: body),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "two members": ("gzip", lambda body: gzip.compress(body[:7]) + gzip.compress(body[7:])),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("identity, deflate", bare),
}


class Taken:
    """Pieces, and how many of their bytes were taken."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.bytes += len(piece)
            yield piece


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


# ---- decoding ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(ENCODERS)),
    st.sampled_from([0, 1, 2, 1000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE]),
    st.sampled_from([1, 2, 7, 1000, PIECE, 10**7]),
)
def test_every_encoding_means_the_same_in_whatever_pieces_it_comes(
    name: str, length: int, size: int
) -> None:
    header, encode = ENCODERS[name]
    content = random.Random(length).randbytes(length // 2) + b"a" * (length - length // 2)
    coded = encode(content)
    if len(coded) // size > 5000:
        size = 1000
    pieces = list(decoded(in_pieces(coded, size), {"content-encoding": header}, 10 * MIB))
    assert b"".join(pieces) == content
    assert all(len(piece) == PIECE for piece in pieces[:-1])


@pytest.mark.parametrize("keeps_beginning", [False, True])
@pytest.mark.parametrize(
    ("header", "piece"),
    [
        ("", b"x" * PIECE),
        ("", b"x"),
        ("gzip", BOMB),
        ("gzip", gzip.compress(b"") + bytes(100)),
        ("deflate", zlib.compress(bytes(10 * MIB))),
    ],
    ids=["plain", "bytes", "gzip", "gzip and more", "deflate"],
)
def test_no_more_than_the_limit_is_handed_out_or_taken(
    header: str, piece: bytes, keeps_beginning: bool
) -> None:
    taken, given_out, longest = Taken(endless(piece)), 0, 0
    ended = False
    if header == "" and len(piece) == 1:
        taken = Taken(iter([piece] * (MIB // 4 + 10)))
    most = MIB // 4
    try:
        for part in decoded(
            taken, {"content-encoding": header}, most, keeps_beginning=keeps_beginning
        ):
            given_out += len(part)
            longest = max(longest, len(part))
    except TooLarge:
        ended = True
    assert ended is not keeps_beginning
    assert given_out <= most
    assert longest <= PIECE
    assert taken.bytes <= most + len(piece) + 1


def test_members_of_nothing_are_not_read_for_ever() -> None:
    taken = Taken(endless(gzip.compress(b"") * 1000))
    with pytest.raises(BrokenEncoding):
        list(decoded(taken, {"content-encoding": "gzip"}, AnswerKind.STREAM.most))
    assert taken.bytes < MIB


def test_what_is_exactly_as_long_as_it_may_be_is_read() -> None:
    coded = gzip.compress(bytes(MIB))
    assert sum(map(len, decoded([coded], {"content-encoding": "gzip"}, MIB))) == MIB
    with pytest.raises(TooLarge):
        list(decoded([coded], {"content-encoding": "gzip"}, MIB - 1))


@pytest.mark.parametrize(
    "header",
    [
        "gzip, gzip",
        "gzip,deflate",
        "br",
        "zstd",
        "compress",
        "gzip, br",
        "deflate, gzip, gzip",
        "x",
    ],
)
def test_an_encoding_that_was_not_asked_for_is_refused_unread(header: str) -> None:
    taken = Taken(endless(BOMB))
    with pytest.raises(UnreadEncoding):
        list(decoded(taken, {"content-encoding": header}, MIB))
    assert taken.bytes == 0


@pytest.mark.parametrize("name", ["gzip", "deflate", "bare deflate"])
def test_a_compressed_answer_that_keeps_beginning_or_broken_is_no_answer(name: str) -> None:
    header, encode = ENCODERS[name]
    coded = encode(random.Random(1).randbytes(5000))
    for broken in (coded[:-1], coded[:1], coded[:2000], coded[:2000] + bytes(1000)):
        with pytest.raises(BrokenEncoding):
            list(decoded([broken], {"content-encoding": header}, MIB))


# ---- on the wire ---------------------------------------------------------------------------------


class Gusher:
    """Answers each request on a raw socket with a head, and then without an end."""

    def __init__(self) -> None:
        self.head, self.piece = b"", b""
        self.sent = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def answers(self, status: str, headers: str, piece: bytes) -> None:
        self.head = f"HTTP/1.1 {status}\r\n{headers}\r\n".encode()
        self.piece = piece

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            while b"\r\n\r\n" not in peer.recv(65536):
                pass
            head, piece, sent = self.head, self.piece, 0
            peer.sendall(head)
            while piece:
                sent += peer.send(piece)
                self.sent = sent


@pytest.fixture(scope="module")
def gusher() -> Iterator[Gusher]:
    server = Gusher()
    yield server
    server.close()


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


TYPES = "Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n"
GZIPPED = TYPES + "Content-Encoding: gzip\r\n"
SPACES = chunk(b" " * 65536)
PATIENCE = 300
BUFFERED = 16 * MIB
"""What the kernel takes from a server although nobody reads it."""


STREAMS = ("oms stock", "oms shipped", "rest stock")
"""Their limit is that of a record, which is measured where it is read."""


@pytest.mark.parametrize(
    ("call", "how"),
    [
        (call, how)
        for call in (*READS, *CREATES)
        for how in ("endless", "bomb", "double", "head")
        if how in ("double", "head") or call not in STREAMS
    ],
)
def test_every_call_of_every_client_ends(gusher: Gusher, call: str, how: str) -> None:
    headers, piece = {
        "endless": (TYPES, SPACES),
        "bomb": (GZIPPED, chunk(BOMB)),
        "double": (TYPES + "Content-Encoding: gzip, gzip\r\n", chunk(gzip.compress(BOMB))),
        "head": ("".join(f"X-{n}: y\r\n" for n in range(300)) + TYPES, SPACES),
    }[how]
    gusher.answers("200 OK", headers, piece)
    ended = (READS | CREATES)[call](gusher.url, OpenGate(), PATIENCE)
    wanted = Occurrence.NOT_UNDERSTOOD if how == "double" else Occurrence.TOO_LARGE
    if call in CREATES:
        assert ended is wanted, "in doubt"
    else:
        assert isinstance(ended, ProtocolError)
        assert ended.what is wanted
    assert gusher.sent < AnswerKind.PAGE.most + BUFFERED


@pytest.mark.parametrize("api", CREATES)
@pytest.mark.parametrize("status", ["500 Internal Server Error", "400 Bad Request"])
def test_a_refusal_without_an_end_is_judged_by_its_status(
    gusher: Gusher, api: str, status: str
) -> None:
    gusher.answers(status, TYPES.replace("xml", "html"), SPACES)
    ended = CREATES[api](gusher.url, OpenGate(), PATIENCE)
    assert ended is (Occurrence.HTTP_5XX if status[0] == "5" else Occurrence.BLOCKED)
    assert gusher.sent < MOST_OF_A_REFUSAL + BUFFERED


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "500 Error"])
def test_of_the_answer_to_an_event_only_the_beginning_is_read(gusher: Gusher, status: str) -> None:
    gusher.answers(status, TYPES, SPACES if status[:3] != "204" else b"")
    ended = hook(gusher.url, OpenGate(), PATIENCE)
    assert (ended is None) == status.startswith("2")
    assert gusher.sent < AnswerKind.HOOK.most + BUFFERED


def test_what_is_too_large_is_no_outage(gusher: Gusher) -> None:
    """A breaker that opened would keep all other records from being read."""
    heard: list[Occurrence | None] = []

    class Listening(OpenGate):
        def after(self, what: Occurrence | None, retry_after: float | None) -> None:
            heard.append(what)

    client = HttpClient("veracore", timeout_seconds=PATIENCE, gate=Listening())
    for headers in (TYPES, TYPES + "Content-Encoding: br\r\n"):
        gusher.answers("200 OK", headers, SPACES)
        with pytest.raises(NoResponse):
            client.send("GET", gusher.url, label="x", headers={})
    client.close()
    assert heard == [None, None]


def test_a_stream_that_no_run_ends_has_its_own_time_limit(
    gusher: Gusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("veracore_sync.transport.http.LONGEST_STREAM_SECONDS", 0.3)
    gusher.answers("200 OK", TYPES, SPACES)
    client = HttpClient("veracore", timeout_seconds=PATIENCE)
    with (
        pytest.raises(NoResponse) as lost,
        client.stream("GET", gusher.url, label="x", headers={}, kind=AnswerKind.STREAM) as streamed,
    ):
        for _ in streamed.pieces():
            pass
    client.close()
    assert lost.value.what is Occurrence.TIMEOUT


def test_the_class_of_what_is_too_large() -> None:
    assert READING[Occurrence.TOO_LARGE] == READING[Occurrence.NOT_UNDERSTOOD]
    assert issubclass(ProtocolError, SyncError)
