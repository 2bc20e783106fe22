"""What a request to ``serve-admin`` says: its path, its fields, who asks and under which name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from veracore_sync.webhooks.request_head import RequestHead, RequestRefused

_MOST_FIELDS = 20
_PORT = re.compile(r":[0-9]{1,5}$")
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def path_of(head: RequestHead) -> str:
    """The path that was asked for, character by character.

    A proxy in front decides by the path who may ask, so nothing is decoded, merged or resolved
    here: what it sees is what is compared.

    Raises:
        RequestRefused: 400 for what is no path; 404 for one with an empty segment.
    """
    path = head.path
    if not path.startswith("/") or "\\" in path:
        raise RequestRefused(400, "bad request target")
    if "//" in path:
        raise RequestRefused(404, "not found")
    return path


def parameter(head: RequestHead, name: str) -> str:
    """A parameter of the query; empty if it is missing.

    Raises:
        RequestRefused: 400: the query is malformed.
    """
    return _fields(head.query).get(name, "").strip()


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form.

    Raises:
        RequestRefused: 400: it is malformed, or has too many.
    """
    return _fields(body.decode("utf-8", "replace"))


def _fields(text: str) -> dict[str, str]:
    try:
        read = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise RequestRefused(400, f"at most {_MOST_FIELDS} fields") from None
    if not all(is_text(one) for values in read.values() for one in values):
        raise RequestRefused(400, "a field is no text")
    return {name: values[0] for name, values in read.items()}


def is_text(given: str) -> bool:
    """Whether a ledger can look for it: without a NUL or half a character, as JSON may hold."""
    return not any(one == "\0" or "\ud800" <= one <= "\udfff" for one in given)


def host_of(authority: str) -> str:
    """The host in ``Host`` or in an origin, in lower case, without a port or brackets."""
    return _PORT.sub("", authority.strip()).removeprefix("[").removesuffix("]").lower().rstrip(".")


class Hosts:
    """The names under which this server may be addressed.

    A web page of anybody can make a browser send requests to this machine under a name of its
    own (DNS rebinding), so a name that is not known is refused.

    Args:
        listening: The address that it listens on.
        names: Further names and addresses.
    """

    def __init__(self, listening: str = "127.0.0.1", names: Sequence[str] = ()) -> None:
        self._public = frozenset(names)
        self._names = self._public | {"localhost", listening.lower()}
        # Rebinding needs a name: whoever listens on every address may be addressed by any.
        address = _address(listening)
        self._any_address = address is not None and address.is_unspecified

    def knows(self, authority: str) -> bool:
        """Whether a host, with or without a port, is one of ours."""
        host = host_of(authority)
        if host in self._names:
            return True
        address = _address(host)
        return address is not None and (self._any_address or address.is_loopback)

    def sent(self, head: RequestHead) -> bool:
        """Whether the form was sent by our own page, according to the browser."""
        if head.headers.get("sec-fetch-site", ("same-origin",))[0] not in ("same-origin", "none"):
            return False
        origin = head.headers.get("origin")
        if origin is None:
            return True
        try:
            came_from = urlsplit(origin[0]).netloc
        except ValueError:
            return False
        # A proxy may send another `Host` than the browser did; then only a configured name counts.
        own = came_from == "".join(head.headers.get("host", ()))
        return own or host_of(came_from) in self._public


class Callers:
    """The addresses of those who ask.

    Args:
        trusted: The networks of proxies whose ``X-Forwarded-For`` is believed.
    """

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = [ipaddress.ip_network(one) for one in trusted]

    def address(self, head: RequestHead, peer: str) -> str:
        """The address that a request comes from, as far as it can be trusted.

        Args:
            head: Of the request.
            peer: The other end of the connection.
        """
        found = _address(peer)
        if found is None:
            return peer
        hops = ",".join(head.headers.get("x-forwarded-for", ())).split(",")
        # Each proxy adds whom it saw at the end; what stands before that may be invented.
        while hops and self._trusts(found):
            hop = hops.pop().strip()
            # IPv6 comes without brackets, or in brackets with a port.
            before = _address(hop) or _address(host_of(hop))
            if before is None:
                break
            found = before
        return str(found)

    def _trusts(self, address: IPAddress) -> bool:
        return any(address in network for network in self._trusted)

    def network(self, head: RequestHead, peer: str) -> str:
        """Whom wrong tokens are counted for; of IPv6 the /64, which one customer has for itself."""
        found = _address(self.address(head, peer))
        if found is None:
            return peer
        forwarded = any(name in head.headers for name in _FORWARDED)
        if forwarded and not self._trusts(_address(peer) or found):
            # So that those behind a proxy cannot make others of its address wait.
            return f"{found} (a proxy)"
        if isinstance(found, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
        return str(found)


def _address(text: str) -> IPAddress | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
