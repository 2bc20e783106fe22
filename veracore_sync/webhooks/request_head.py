"""The head of an HTTP/1 request, read strictly: anything ambiguous is refused.

http.server accepts bare line feeds, spaces before colons, folded lines, repeated and signed
lengths, and treats a chunked body as the next request. A proxy in front may see other boundaries
between requests, which lets a client smuggle one past it. RFC 9112 allows refusing all of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_HEADERS = 64
MAX_LINE = 8 * 1024
MAX_HEAD = 32 * 1024
END = b"\r\n\r\n"

_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,2000}) HTTP/1\.([01])")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[^\x00-\x08\x0a-\x1f\x7f])*)")
_LENGTH = re.compile(r"[0-9]{1,7}")
_DIGITS = re.compile(r"[0-9]+")


class RequestRefused(ValueError):
    """The request is answered with `status`, and the connection closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Method, target, and the header values by their names in lower case."""

    method: str
    target: str
    minor: int
    headers: Mapping[str, tuple[str, ...]]

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request; never with HTTP/1.0."""
        options = ",".join(self.headers.get("connection", ())).lower()
        return self.minor == 1 and "close" not in options

    def body_length(self, most: int) -> int:
        """How many bytes of body follow.

        Args:
            most: More than that is refused unread.

        Raises:
            RequestRefused: 400, 411, 413, 417 or 501.
        """
        if "transfer-encoding" in self.headers:
            raise RequestRefused(501, "no transfer encodings")
        # "100-continue" would make the client wait for an interim answer that is never sent.
        if "expect" in self.headers:
            raise RequestRefused(417, "no expectations")
        lengths = self.headers.get("content-length", ())
        if not lengths:
            if self.method == "POST":
                raise RequestRefused(411, "a length is needed")
            return 0
        if len(lengths) > 1 or not _DIGITS.fullmatch(lengths[0]):
            raise RequestRefused(400, "bad length")
        if not _LENGTH.fullmatch(lengths[0]) or int(lengths[0]) > most:
            raise RequestRefused(413, f"at most {most} bytes")
        return int(lengths[0])


def check_start(raw: bytes) -> None:
    """Refuse what cannot become a request, as early as possible.

    Args:
        raw: What has come of the head so far.

    Raises:
        RequestRefused: 400 or 431.
    """
    line, found, _ = raw.partition(b"\r\n")
    if found and not _REQUEST_LINE.fullmatch(line):
        raise RequestRefused(431 if len(line) > MAX_LINE else 400, "bad request line")
    last = raw.rpartition(b"\r\n")[2]
    if len(raw) > MAX_HEAD or len(last) > MAX_LINE:
        raise RequestRefused(431, "too large a head")
    if b"\n" in last:
        raise RequestRefused(400, "bare line feed")


def parse_head(raw: bytes) -> RequestHead:
    """Read a head.

    Args:
        raw: All before the empty line, without it.

    Raises:
        RequestRefused: 400 where it is malformed, 431 where it is too large.
    """
    if len(raw) > MAX_HEAD:
        raise RequestRefused(431, "too large a head")
    first, *lines = raw.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise RequestRefused(400, "bad request line")
    if len(lines) > MAX_HEADERS:
        raise RequestRefused(431, "too many headers")
    method, target, minor = (part.decode("ascii") for part in match.groups())
    head = RequestHead(method, target, int(minor), _headers(lines))
    hosts = head.headers.get("host", ())
    if len(hosts) > 1 or (minor == "1" and not hosts):
        raise RequestRefused(400, "one Host is needed")
    return head


def _headers(lines: list[bytes]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if len(line) > MAX_LINE:
            raise RequestRefused(431, "too long a line")
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            raise RequestRefused(400, "bad header")
        name, value = (part.decode("latin-1") for part in match.groups())
        found[name.lower()] = (*found.get(name.lower(), ()), value.strip(" \t"))
    return found
