"""The head of an HTTP/1 request, read strictly: anything ambiguous is refused.

http.server accepts bare line feeds, spaces before colons, folded lines, repeated and signed
lengths, and treats a chunked body as the next request. A proxy in front may see other boundaries
between requests, which lets a client smuggle one past it. RFC 9112 allows refusing all of these.
What is accepted here, h11 accepts too, with the same boundaries; a test compares the two.
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
_ABSOLUTE = re.compile(r"(?i:https?)://([^/?]*)(.*)")
_HOST = re.compile(r"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?", re.ASCII)
HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[^\x00-\x08\x0a-\x1f\x7f])*)")
_LENGTH = re.compile(r"[0-9]{1,7}")
_DIGITS = re.compile(r"[0-9]+")


class RequestRefused(ValueError):
    """The request is answered with `status`, and the connection closed.

    Args:
        status: Of the answer.
        reason: For the client; in the answer.
        headers: More headers of the answer.
    """

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


def wrong_method(allowed: tuple[str, ...]) -> RequestRefused:
    """What answers a method that a path does not have."""
    # HEAD is answered wherever GET is (RFC 9110, 9.1).
    names = [*allowed, *(["HEAD"] if "GET" in allowed else [])]
    return RequestRefused(405, f"{' or '.join(allowed)} only", (("Allow", ", ".join(names)),))


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Method, target, and the header values by their names in lower case.

    `path` and `query` are the target's, as they were sent: neither decoded nor normalised, so that
    a rule of a proxy about paths and ours are about the same text.
    """

    method: str
    target: str
    minor: int
    headers: Mapping[str, tuple[str, ...]]
    path: str
    query: str

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request; never with HTTP/1.0."""
        options = ",".join(self.headers.get("connection", ())).lower()
        return self.minor == 1 and "close" not in options

    def body_length(self, most: int) -> int | None:
        """How many bytes of body follow; ``None`` for a chunked body.

        Args:
            most: More than that is refused unread.

        Raises:
            RequestRefused: 400, 411, 413 or 501.
        """
        lengths = self.headers.get("content-length", ())
        if "transfer-encoding" in self.headers:
            self._check_coding(self.headers["transfer-encoding"], lengths)
            return None
        if not lengths:
            if self.method == "POST":
                raise RequestRefused(411, "a length is needed")
            return 0
        if len(lengths) > 1 or not _DIGITS.fullmatch(lengths[0]):
            raise RequestRefused(400, "bad length")
        if not _LENGTH.fullmatch(lengths[0]) or int(lengths[0]) > most:
            raise RequestRefused(413, f"at most {most} bytes")
        return int(lengths[0])

    def _check_coding(self, codings: tuple[str, ...], lengths: tuple[str, ...]) -> None:
        # Two ways to find the end of a body, or one that HTTP/1.0 does not know: a proxy may have
        # gone by the other.
        if lengths or self.minor == 0:
            raise RequestRefused(400, "bad transfer encoding")
        names = [one.strip(" \t").lower() for one in ",".join(codings).split(",")]
        if names.count("chunked") > 1 or "chunked" in names[:-1]:
            raise RequestRefused(400, "bad transfer encoding")
        if names != ["chunked"]:
            raise RequestRefused(501, "no transfer encoding but chunked")

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body.

        Raises:
            RequestRefused: 417, for any other expectation.
        """
        if self.minor == 0:
            # RFC 9110, 10.1.1: such a client knows no interim answers.
            return False
        given = self.headers.get("expect", ())
        if any(one.lower() != "100-continue" for one in given):
            raise RequestRefused(417, "no expectation but 100-continue")
        return bool(given)


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
    headers = _headers(lines)
    hosts = headers.get("host", ())
    if len(hosts) > 1 or (minor == "1" and not hosts):
        raise RequestRefused(400, "one Host is needed")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise RequestRefused(400, "bad Host")
    path, query = _split(method, target, hosts)
    return RequestHead(method, target, int(minor), headers, path, query)


def _split(method: str, target: str, hosts: tuple[str, ...]) -> tuple[str, str]:
    """The path and the query of a target.

    Raises:
        RequestRefused: 400, for a target in none of the forms of RFC 9112, 3.2, or for another host
            than the request's.
    """
    # urlsplit would take a host from "//host/path" and fail at "//[".
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        authority, target = absolute.groups()
        # The RFC has the Host ignored; whoever reads it still must not be misled.
        if not authority or [authority.lower()] != [host.lower() for host in hosts]:
            raise RequestRefused(400, "the target is not on the Host")
        target = target if target.startswith("/") else f"/{target}"
    is_whole = (method, target) == ("OPTIONS", "*") or method == "CONNECT"
    if "#" in target or not (target.startswith("/") or is_whole):
        raise RequestRefused(400, "bad target")
    path, _, query = target.partition("?")
    return path, query


def _headers(lines: list[bytes]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if len(line) > MAX_LINE:
            raise RequestRefused(431, "too long a line")
        match = HEADER_LINE.fullmatch(line)
        if match is None:
            raise RequestRefused(400, "bad header")
        name, value = (part.decode("latin-1") for part in match.groups())
        found[name.lower()] = (*found.get(name.lower(), ()), value.strip(" \t"))
    return found
