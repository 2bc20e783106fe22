"""The body of an HTTP request: of a known length, or in chunks (RFC 9112 §6 and §7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.message import Message
from io import BufferedIOBase

LARGEST_BODY = 64 * 1024 * 1024
_LONGEST_LINE = 4096
_MOST_TRAILERS = 100
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(;.*)?")


class BadBody(Exception):
    """A body that is not taken; `status` is that of the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the body of the request is refused with {status}")
        self.status = status


def read_body(
    stream: BufferedIOBase, headers: Message, version: str, go_ahead: Callable[[], object]
) -> bytes:
    """Read the body that the headers announce.

    Args:
        stream: Where it comes from.
        headers: The headers of the request.
        version: The version of its protocol, such as ``HTTP/1.1``.
        go_ahead: Tells a client that waits for it to send the body.

    Raises:
        BadBody: It is too long, has no clear end, or stops before it.
        TimeoutError: It does not come.
    """
    codings = headers.get_all("Transfer-Encoding")
    if codings is None:
        length = _length(headers)
        if length:
            go_ahead()
        return _exactly(stream, length)
    # Two lengths, or one from a protocol that has no chunks, hide a second request in the first.
    if headers.get("Content-Length") is not None or version == "HTTP/1.0":
        raise BadBody(400)
    if ",".join(codings).strip().lower() != "chunked":
        raise BadBody(501)
    go_ahead()
    return _chunks(stream)


def _length(headers: Message) -> int:
    lengths = set(headers.get_all("Content-Length", ["0"]))
    text = lengths.pop().strip()
    if lengths or not (text.isascii() and text.isdigit()):
        raise BadBody(400)
    if len(text) > 16 or int(text) > LARGEST_BODY:
        raise BadBody(413)
    return int(text)


def _chunks(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while size := _chunk_size(stream):
        if len(body) + size > LARGEST_BODY:
            raise BadBody(413)
        body += _exactly(stream, size)
        if _line(stream):
            raise BadBody(400)
    for _ in range(_MOST_TRAILERS):
        if not _line(stream):
            return bytes(body)
    raise BadBody(400)


def _chunk_size(stream: BufferedIOBase) -> int:
    found = _CHUNK_SIZE.fullmatch(_line(stream))
    if found is None:
        raise BadBody(400)
    return int(found[1], 16)


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\r\n"):
        raise BadBody(400)
    return line[:-2]


def _exactly(stream: BufferedIOBase, length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise BadBody(400)
    return content
