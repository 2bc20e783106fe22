"""Byte streams of requests: read by the server's parser and by h11, and how they are made.

What the server's parser takes, h11 must take too, as the same requests with the same boundaries.
h11 is another program by other people and reads the same standard; it may take more than ours.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h11

from veracore_sync.webhooks.request_head import MAX_HEAD, RequestRefused
from veracore_sync.webhooks.request_reader import Closed, RequestReader

MOST = 4096
"""The longest body that these streams may have."""
CORPUS = Path(__file__).parents[1] / "data" / "request-corpus.txt"


@dataclass(frozen=True)
class Taken:
    """A request that was taken as a whole."""

    method: str
    target: str
    minor: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    waits: bool


@dataclass
class Outcome:
    """The requests taken from a stream, and how it ended: the status of a refusal, or 0."""

    taken: list[Taken] = field(default_factory=list)
    refused: int = 0


class _Wire:
    """A socket that gives the stream in pieces, as large as `sizes` says."""

    def __init__(self, raw: bytes, sizes: Callable[[], int]) -> None:
        self._raw, self._at, self._sizes = raw, 0, sizes

    def settimeout(self, seconds: float) -> None:
        """Nobody waits here."""

    def recv(self, most: int) -> bytes:
        """The next piece."""
        end = self._at + min(most, self._sizes())
        piece, self._at = self._raw[self._at : end], end
        return piece


def ours(raw: bytes, sizes: Callable[[], int] = lambda: 1 << 16) -> Outcome:
    """What the server's parser makes of a stream."""
    found = Outcome()
    reader = RequestReader(_Wire(raw, sizes), 60.0)  # type: ignore[arg-type]
    try:
        while True:
            reader.wait(60.0)
            head = reader.head()
            length = head.body_length(MOST)
            waits = head.expects_continue
            body = reader.chunked_body(MOST) if length is None else reader.body(length)
            headers = sorted((name, one) for name, of in head.headers.items() for one in of)
            found.taken.append(
                Taken(head.method, head.target, head.minor, tuple(headers), body, waits)
            )
            if not head.keeps_alive:
                return found
    except RequestRefused as error:
        found.refused = error.status
    except Closed:
        pass
    return found


def theirs(raw: bytes) -> Outcome:
    """What h11 makes of it."""
    found = Outcome()
    wire = h11.Connection(h11.SERVER, max_incomplete_event_size=4 * MAX_HEAD)
    wire.receive_data(raw)
    try:
        while (request := wire.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if not isinstance(request, h11.Request):
                break
            waits = wire.they_are_waiting_for_100_continue
            body = b""
            while isinstance(event := wire.next_event(), h11.Data):
                body += bytes(event.data)
            if not isinstance(event, h11.EndOfMessage):
                break
            found.taken.append(_taken(request, body, waits=waits))
            # Not 200: that would end a CONNECT.
            answer = h11.Response(status_code=404, headers=[("Content-Length", "0")])
            wire.send(answer)
            wire.send(h11.EndOfMessage())
            if wire.our_state is not h11.DONE or wire.their_state is not h11.DONE:
                break
            wire.start_next_cycle()
    except h11.RemoteProtocolError as error:
        found.refused = error.error_status_hint
    return found


def _taken(request: h11.Request, body: bytes, *, waits: bool) -> Taken:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
    return Taken(
        request.method.decode(),
        request.target.decode("latin-1"),
        int(request.http_version[-1:]),
        tuple(sorted(headers)),
        body,
        waits,
    )


def differences(raw: bytes, sizes: Callable[[], int] = lambda: 1 << 16) -> str:
    """What ours takes that h11 does not take so; empty if nothing."""
    mine, other = ours(raw, sizes), theirs(raw)
    for at, one in enumerate(mine.taken):
        if at >= len(other.taken):
            return f"request {at} is taken; h11 ends with {other.refused}: {raw!r}"
        if _comparable(one) != _comparable(other.taken[at]):
            return f"request {at} is {one}; h11 has {other.taken[at]}: {raw!r}"
    return ""


def _comparable(one: Taken) -> Taken:
    # h11 gives the coding in lower case; names of codings have none.
    headers = tuple((n, v.lower() if n == "transfer-encoding" else v) for n, v in one.headers)
    return Taken(one.method, one.target, one.minor, headers, one.body, one.waits)


def corpus() -> Iterator[tuple[str, str, bytes]]:
    """Every case of the corpus: where it comes from, its verdict, the bytes."""
    source = ""
    signs = {"⏎": "\r\n", "␍": "\r", "␊": "\n", "␉": "\t", "␀": "\0"}
    for line in CORPUS.read_text("utf-8").splitlines():
        if line.startswith("["):
            source = line.strip("[]")
        elif line and not line.startswith("#"):
            verdict, _, text = line.partition("\t")
            for sign, meant in signs.items():
                text = text.replace(sign, meant)
            pieces = re.split(r"\\x([0-9a-f]{2})", text)
            raw = b"".join(
                bytes.fromhex(one) if at % 2 else one.encode() for at, one in enumerate(pieces)
            )
            yield source, verdict, raw


WORDS = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"0", b"1", b"a", b"\x00",
    b"\x0b", b"\x7f", b"\xff", b"/", b"//", b"*", b"?", b"#", b"GET ", b"POST ", b"HEAD ", b"http://a/",
    b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b"Host: a\r\n", b"Content-Length: 3\r\n",
    b"Content-Length: 0\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: ", b"chunked", b"identity", b"gzip, ", b"Expect: 100-continue\r\n",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Trailer: x\r\n", b"3\r\nabc\r\n",
    b"0\r\n\r\n", b"0\r\n", b"000", b";a=b", b';a="b;c"', b"abc", b"ffffffff",
    b"X: y\r\n", b" X: y\r\n", b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
)  # fmt: skip


def streams(seed: int) -> Iterator[bytes]:
    """Streams without end: those of the corpus and made ones, mutated; the same for each seed."""
    chance = random.Random(seed)
    seeds = [raw for _, _, raw in corpus()]
    while True:
        raw = chance.choice(seeds) if chance.random() < 0.5 else _made(chance)
        if chance.random() < 0.4:
            raw = _made(chance) + raw
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 6))):
            raw = _mutated(chance, raw)
        yield raw


def _made(chance: random.Random) -> bytes:
    body = chance.randbytes(chance.choice((0, 1, 3, 40)))
    lines = [chance.choice((b"GET", b"POST", b"PUT", b"HEAD")) + b" /a HTTP/1.1", b"Host: a"]
    for _ in range(chance.randrange(3)):
        lines.append(b"X-%d: %s" % (chance.randrange(9), chance.choice((b"", b"y", b"y  z"))))
    if chance.random() < 0.3:
        lines.append(b"Expect: 100-continue")
    if chance.random() < 0.6:
        lines.append(b"Transfer-Encoding: chunked")
        sent = b""
        while body:
            size = chance.randrange(1, len(body) + 1)
            extension = chance.choice((b"", b"", b";a", b';a=b;c="d e"'))
            sent += b"%x%s\r\n%s\r\n" % (size, extension, body[:size])
            body = body[size:]
        sent += b"0\r\n" + chance.choice((b"", b"", b"X-Sum: 1\r\n")) + b"\r\n"
    else:
        lines.append(b"Content-Length: %d" % len(body))
        sent = body
    chance.shuffle(lines[1:])
    return b"\r\n".join(lines) + b"\r\n\r\n" + sent


def _mutated(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw) + 1)
    to = min(len(raw), at + chance.choice((1, 1, 2, 4, 16)))
    match chance.randrange(6):
        case 0:
            return raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
        case 1:
            return raw[:at] + raw[to:]
        case 2:
            return raw[:to] + raw[at:]
        case 3:
            return raw[:at] + chance.choice(WORDS) + raw[to:]
        case 4:
            return raw[:at] + raw[at:to].swapcase() + raw[to:]
        case _:
            return raw[:at] + chance.choice(WORDS) + raw[at:]
