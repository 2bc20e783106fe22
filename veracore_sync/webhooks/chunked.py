"""The chunked transfer coding (RFC 9112, 7.1), read as strictly as the head.

Line ends are CR LF and nothing else, in extensions too: servers and proxies that disagree about a
bare one see different ends of a body, and the rest becomes a request that nobody checked.
"""

from __future__ import annotations

import re

from veracore_sync.webhooks.request_head import (
    HEADER_LINE,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_LINE,
    RequestRefused,
)

MAX_SIZE_LINE = 256
"""The size of a chunk and its extensions, which nobody uses."""
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
)
_END = b"\r\n"
_NOT_IN_TRAILERS = frozenset({"content-length", "transfer-encoding", "host", "trailer", "expect"})


class ChunkedBody:
    """Decodes one chunked body; fed with whatever the socket gives.

    Args:
        most: The longest decoded body. What is spent on sizes, extensions and trailers is limited
            to as much again and a head's size, so that a body of tiny chunks costs little more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_framing = most + MAX_HEAD
        self._framing = 0
        self._pending = bytearray()
        self._at = 0
        self._body = bytearray()
        self._left = 0
        self._read = self._size
        self._trailers = 0
        self._is_complete = False

    @property
    def body(self) -> bytes:
        """What was decoded so far."""
        return bytes(self._body)

    @property
    def rest(self) -> bytes:
        """What came after the body: the next request."""
        return bytes(self._pending)

    def feed(self, data: bytes) -> bool:
        """Decode some more; returns whether the body is complete.

        Raises:
            RequestRefused: 400 where it is malformed, 413 or 431 where it is too large.
        """
        self._pending += data
        while not self._is_complete and self._read():
            pass
        del self._pending[: self._at]
        self._at = 0
        return self._is_complete

    # Each of these reads one piece, and tells whether it was there to be read.

    def _size(self) -> bool:
        line = self._line(MAX_SIZE_LINE, 400)
        if line is None:
            return False
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise RequestRefused(400, "bad chunk size")
        self._left = int(match[1], 16)
        if len(self._body) + self._left > self._most:
            raise RequestRefused(413, f"at most {self._most} bytes")
        self._read = self._data if self._left else self._trailer
        return True

    def _data(self) -> bool:
        taken = self._pending[self._at : self._at + self._left]
        self._body += taken
        self._at += len(taken)
        self._left -= len(taken)
        if self._left:
            return False
        self._read = self._data_end
        return True

    def _data_end(self) -> bool:
        found = self._pending[self._at : self._at + 2]
        if not _END.startswith(found):
            raise RequestRefused(400, "bad chunk end")
        if len(found) < len(_END):
            return False
        self._spend(len(_END))
        self._read = self._size
        return True

    def _trailer(self) -> bool:
        line = self._line(MAX_LINE, 431)
        if line is None:
            return False
        if not line:
            self._is_complete = True
            return True
        match = HEADER_LINE.fullmatch(line)
        if match is None or match[1].decode("ascii").lower() in _NOT_IN_TRAILERS:
            raise RequestRefused(400, "bad trailer")
        # Read over: nothing that a signature or a login needs may come after the body.
        self._trailers += 1
        if self._trailers > MAX_HEADERS:
            raise RequestRefused(431, "too many trailers")
        return True

    def _line(self, longest: int, status: int) -> bytes | None:
        end = self._pending.find(_END, self._at)
        length = (len(self._pending) if end < 0 else end) - self._at
        if length > longest:
            raise RequestRefused(status, "too long a line")
        line = bytes(self._pending[self._at : self._at + length])
        if b"\n" in line or b"\r" in line[:-1]:
            raise RequestRefused(400, "bare line end")
        if end < 0:
            return None
        self._spend(length + len(_END))
        return line

    def _spend(self, count: int) -> None:
        self._at += count
        self._framing += count
        if self._framing > self._most_framing:
            raise RequestRefused(413, "too small chunks")
