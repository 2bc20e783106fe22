"""How much of an answer is read: a limit for each kind, on what comes out of its encoding.

A server decides how long its answer is, and 3 kB of gzip can hold gigabytes. So each kind of
answer has a limit in decoded bytes, and what is decoded is handed out in pieces of a fixed size:
memory holds one of them, whatever the server sends.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

PIECE = 65536
KIB, MIB, GIB = 1024, 1024**2, 1024**3

ACCEPTED_ENCODINGS = "gzip, deflate"
"""What a request asks for; an answer may have one of them."""

MOST_HEADERS = 256
MOST_HEAD = 128 * KIB
_MOST_MEMBERS = 10_000
LONGEST_STREAM_SECONDS = 3600.0
"""How long an answer may be streamed where no run ends it."""


class AnswerKind(Enum):
    """A kind of answer, with the most decoded bytes of one."""

    CONTROL = MIB
    """A login, a token, a delivery to our own listener."""
    ACT = 4 * MIB
    """What follows from a create or a cancellation."""
    RECORD = 16 * MIB
    """A look-up: one order, one SKU."""
    PAGE = 32 * MIB
    """A page of a list, or a batch of changes."""
    STREAM = 8 * GIB
    """A list that is read record by record; each record has its own limit where it is read."""
    HOOK = 16 * KIB
    """The answer to an event: only its status counts, so the rest is not read."""

    @property
    def most(self) -> int:
        """The most decoded bytes."""
        return int(self.value)

    @property
    def keeps_beginning(self) -> bool:
        """Whether a longer answer is as good as its beginning."""
        return self is AnswerKind.HOOK


MOST_OF_A_REFUSAL = 4 * MIB
"""An answer with another status than 2xx is as good as its beginning: a maintenance page may hold
pictures, and it is the status that counts."""


class UnreadEncoding(Exception):
    """The answer has an encoding that was not asked for, or several; the message says which."""


class BrokenEncoding(Exception):
    """The answer's encoding is broken, or ends before its end."""


class TooLarge(Exception):
    """The answer is longer than its kind may be."""


def decoded(
    raw: Iterable[bytes], headers: Mapping[str, str], most: int, *, keeps_beginning: bool = False
) -> Iterator[bytes]:
    """The body in pieces of 64 KiB, the last one shorter.

    Args:
        raw: The body as it came, in pieces of any size.
        headers: The answer's, in lower case.
        most: The most bytes, both as they came and decoded.
        keeps_beginning: End there, instead of raising.

    Raises:
        UnreadEncoding: Before anything was read.
        BrokenEncoding: The encoding is broken.
        TooLarge: It is longer.
    """
    decoder = _decoder(headers.get("content-encoding", ""))
    kept = b""
    for part in _limited(raw, decoder, most, keeps_beginning=keeps_beginning):
        kept += part
        while len(kept) >= PIECE:
            yield kept[:PIECE]
            kept = kept[PIECE:]
    if kept:
        yield kept


def _limited(
    raw: Iterable[bytes], decoder: _Identity | _Inflate, most: int, *, keeps_beginning: bool
) -> Iterator[bytes]:
    """The decoded parts, up to the limit."""
    came = given = 0
    for piece in raw:
        came += len(piece)
        for part in decoder.decode(piece):
            yield part[: most - given]
            given += len(part)
            if given > most:
                break
        # The encoding may go on without an end although nothing comes out of it.
        if max(came, given) > most:
            if keeps_beginning:
                return
            raise TooLarge
    decoder.finish()


class _Identity:
    def decode(self, piece: bytes) -> Iterator[bytes]:
        for start in range(0, len(piece), PIECE):
            yield piece[start : start + PIECE]

    def finish(self) -> None:
        """Nothing can be missing: the length of a body is the connection's."""


class _Inflate:
    """gzip and deflate, of which never more than a piece is decoded at once."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._begun = self._bare = False
        self._members = 1
        self._first = b""
        self._zlib = self._new()

    def _new(self) -> zlib._Decompress:
        if self._is_gzip:
            return zlib.decompressobj(zlib.MAX_WBITS | 16)
        return zlib.decompressobj(-zlib.MAX_WBITS if self._bare else zlib.MAX_WBITS)

    def decode(self, piece: bytes) -> Iterator[bytes]:
        left = piece
        while left:
            if self._zlib.eof:
                # gzip may consist of several members. What else follows the end is no content.
                if not (self._is_gzip and left.startswith(b"\x1f")):
                    return
                self._members += 1
                if self._members > _MOST_MEMBERS:
                    raise BrokenEncoding("the compressed answer has too many members")
                self._zlib = self._new()
            part = self._inflate(left)
            left = self._zlib.unconsumed_tail or self._zlib.unused_data
            if part:
                yield part
        while not self._zlib.eof:
            # What was taken in, but did not fit into a piece.
            part = self._inflate(b"")
            if not part:
                return
            yield part

    def _inflate(self, piece: bytes) -> bytes:
        if not self._begun:
            self._first += piece
        try:
            part = self._zlib.decompress(piece, PIECE)
        except zlib.error as error:
            if self._is_gzip or self._begun:
                raise BrokenEncoding(str(error)) from error
            # Some servers leave out zlib's header, which is two bytes.
            self._begun = self._bare = True
            self._zlib = self._new()
            return self._inflate(self._first)
        self._begun = self._begun or len(self._first) > 1
        return part

    def finish(self) -> None:
        """Check that it came to its end.

        Raises:
            BrokenEncoding: It did not.
        """
        if self._first and not self._zlib.eof:
            raise BrokenEncoding("the compressed answer is cut short")


def _decoder(written: str) -> _Identity | _Inflate:
    """The decoder for a ``Content-Encoding``.

    Raises:
        UnreadEncoding: It is another one, or several.
    """
    names = [name.strip().lower() for name in written.split(",")]
    applied = [name for name in names if name not in ("", "identity")]
    if not applied:
        return _Identity()
    if applied in (["gzip"], ["x-gzip"]):
        return _Inflate(is_gzip=True)
    if applied == ["deflate"]:
        return _Inflate(is_gzip=False)
    if len(applied) > 1:
        raise UnreadEncoding(f"{len(applied)} content encodings at once")
    raise UnreadEncoding("a content encoding that was not asked for")
