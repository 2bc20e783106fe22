"""The way to an upstream: directly or through a proxy, and whose certificates are trusted.

The settings of an upstream come first, then what the environment says. Loopback never goes through
a proxy: it would be the proxy's own. What of it cannot be used is a `ConfigError` before anything
is sent, and no message quotes a proxy's user or password.
"""

from __future__ import annotations

import errno
import importlib.util
import ipaddress
import os
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import certifi
from pydantic import SecretStr

from veracore_sync.domain.errors import ConfigError, Unavailable

NO_PROXY = "none"
"""The value of a proxy setting that ignores what the environment says."""
_SCHEMES = ("http", "https")
_SOCKS = ("socks5", "socks5h")
_BETWEEN = re.compile(r"[,\s]+")


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the settings say about reaching an upstream.

    Args:
        section: Its section of the settings, for messages.
        url: Its address.
        proxy: The address of a proxy, ``"none"``, or empty: as the environment says.
        ca_file: A file of certificates to trust instead of the public ones; empty for none.
    """

    section: str = ""
    url: str = ""
    proxy: str = ""
    ca_file: str = ""


class Reached(Protocol):
    """A section of the settings that is about an upstream."""

    proxy: SecretStr
    ca_file: str


def upstream_of(section: str, url: str, settings: Reached) -> Upstream:
    """What a section of the settings says about reaching `url`."""
    return Upstream(section, url, settings.proxy.get_secret_value(), settings.ca_file)


@dataclass(frozen=True, slots=True)
class Way:
    """How a request gets to its server.

    `proxy` is the proxy's address with its credentials, ``None`` without one; `because` says what
    decided it.
    """

    proxy: str | None
    because: str

    @property
    def shown(self) -> str:
        """The way in words, without credentials."""
        if self.proxy is None:
            return f"directly ({self.because})"
        parts = urlsplit(self.proxy)
        place = parts.netloc.rpartition("@")[2]
        return f"through {parts.scheme}://{place} ({self.because})"


def way_to(url: str, upstream: Upstream, environ: Mapping[str, str]) -> Way:
    """The way to an address.

    Args:
        url: The absolute address.
        upstream: The settings.
        environ: The environment.

    Raises:
        ConfigError: It leads through a proxy that cannot be used.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if is_loopback(host):
        return Way(None, "this machine itself")
    setting = f"{upstream.section}.proxy" if upstream.section else "proxy"
    if upstream.proxy == NO_PROXY:
        return Way(None, setting)
    if upstream.proxy:
        return Way(_usable(upstream.proxy, setting, setting), setting)
    named = _proxy_of(parts.scheme, environ)
    if named is None:
        return Way(None, "no proxy is set")
    origin, proxy = named
    variable, entry = _excepting(parts, environ)
    if entry:
        return Way(None, f"{entry} in {variable}")
    return Way(_usable(proxy, origin, setting), origin)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address is not None and address.is_loopback


def unreadable_exceptions(environ: Mapping[str, str]) -> list[str]:
    """The entries of NO_PROXY that name neither a host nor a network."""
    return [entry for entry in _exceptions(environ)[1] if _Exception.of(entry) is None]


def _proxy_of(scheme: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    for name in (f"{scheme}_proxy", "all_proxy"):
        origin, proxy = _variable(name, environ)
        # In a CGI process this variable is a header that anyone can send.
        if proxy and not (origin == "HTTP_PROXY" and "REQUEST_METHOD" in environ):
            return origin, proxy if "://" in proxy else f"http://{proxy}"
    return None


def _variable(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """A variable in lower case, else in upper case: its name and its value."""
    origin = name if name in environ else name.upper()
    return origin, environ.get(origin, "").strip()


def _usable(proxy: str, origin: str, setting: str) -> str:
    problem = problem_of(proxy)
    if not problem:
        scheme, _, rest = proxy.partition("://")
        return f"{scheme.lower()}://{rest}"
    raise ConfigError(
        f"{origin} {problem}",
        hint=f"set {setting} to a proxy such as http://proxy.example.com:3128, "
        f'or to "{NO_PROXY}" to connect without one',
    )


def problem_of(proxy: str) -> str:
    """Why a proxy's address cannot be used; empty if it can."""
    try:
        parts = urlsplit(proxy)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address of a proxy"
    if parts.scheme in _SOCKS:
        has_socks = importlib.util.find_spec("socksio") is not None
        return "" if has_socks and host else "names a SOCKS proxy; only HTTP proxies are supported"
    is_plain = proxy.isascii() and proxy.isprintable() and " " not in proxy
    if parts.scheme not in _SCHEMES or not host or not is_plain:
        return "is no address of an HTTP proxy"
    return "" if parts.path in ("", "/") and not parts.query else "is no address of a proxy alone"


# ---- NO_PROXY ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Exception:
    """An entry of NO_PROXY."""

    host: str = ""
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None
    port: int | None = None
    scheme: str = ""

    @classmethod
    def of(cls, entry: str) -> _Exception | None:
        """The entry, if it can be read."""
        scheme, _, rest = entry.rpartition("://")
        if rest == "*":
            return cls("*", scheme=scheme)
        try:
            return cls(network=ipaddress.ip_network(rest.strip("[]"), strict=False), scheme=scheme)
        except ValueError:
            pass
        try:
            parts = urlsplit(f"//{rest}")
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return None
        name = host.removeprefix("*").removeprefix(".")
        if not name or parts.path or "*" in name or "@" in rest:
            return None
        address = _address(name)
        network = None if address is None else ipaddress.ip_network(address)
        return cls(name, network, port, scheme)

    def excepts(self, parts: SplitResult) -> bool:
        """Whether an address is one that it names."""
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        if self.scheme not in ("", "all", parts.scheme) or self.port not in (None, port):
            return False
        if self.network is not None:
            address = _address(host)
            return address is not None and address in self.network
        return self.host == "*" or host == self.host or host.endswith(f".{self.host}")


def _exceptions(environ: Mapping[str, str]) -> tuple[str, list[str]]:
    variable, written = _variable("no_proxy", environ)
    return variable, [entry.lower() for entry in _BETWEEN.split(written) if entry]


def _excepting(parts: SplitResult, environ: Mapping[str, str]) -> tuple[str, str]:
    variable, entries = _exceptions(environ)
    for entry in entries:
        read = _Exception.of(entry)
        if read is not None and read.excepts(parts):
            return variable, entry
    return variable, ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


# ---- certificates --------------------------------------------------------------------------------

_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def trusted(upstream: Upstream, environ: Mapping[str, str]) -> tuple[str, str]:
    """Whose certificates are trusted: the file or folder, and what names it; empty for the public.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the public ones for all upstreams.
    """
    if upstream.ca_file:
        return upstream.ca_file, f"{upstream.section}.ca_file"
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if environ.get(name):
            return environ[name], name
    return "", ""


def tls_context(upstream: Upstream, environ: Mapping[str, str]) -> ssl.SSLContext:
    """What checks the certificate of the server, and of a proxy that is spoken to over TLS.

    Raises:
        ConfigError: The certificates to trust, or the log of keys, cannot be used.
        Unavailable: The process has no descriptor or memory left to read them.
    """
    named, origin = trusted(upstream, environ)
    path = Path(named)
    if origin:
        _must_be_there(path, origin, is_folder=origin == "SSL_CERT_DIR")
    log = environ.get("SSLKEYLOGFILE")
    try:
        if origin == "SSL_CERT_DIR":
            return ssl.create_default_context(capath=named)
        return _trusting(named or certifi.where(), log)
    # OpenSSL says by ValueError that a name holds a NUL.
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _USED_UP:
            raise Unavailable(
                f"the certificates to trust cannot be read: {os.strerror(error.errno)}",
                upstream=upstream.section,
            ) from error
        if log and not _is_writable(log):
            raise ConfigError(
                "SSLKEYLOGFILE names a file that cannot be written",
                hint="unset it: who has that file can read the credentials that were sent",
            ) from error
        words = "holds no certificates" if isinstance(error, ssl.SSLError) else "cannot be used"
        raise _unusable(origin or "certifi", named or certifi.where(), words) from error


def _trusting(path: str, log: str | None) -> ssl.SSLContext:
    """What trusts the certificates of a file; all upstreams of a process share it.

    To read all public ones takes as long as ten requests to this machine. A file that was replaced
    is read again.
    """
    read = Path(path).stat()
    key = (path, log, read.st_dev, read.st_ino, read.st_size, read.st_mtime_ns)
    with _CONTEXTS_LOCK:
        if key not in _CONTEXTS:
            _CONTEXTS.clear()
            _CONTEXTS[key] = ssl.create_default_context(cafile=path)
        return _CONTEXTS[key]


_CONTEXTS: dict[tuple[object, ...], ssl.SSLContext] = {}
_CONTEXTS_LOCK = threading.Lock()


def _must_be_there(path: Path, origin: str, *, is_folder: bool) -> None:
    try:
        found = path.is_dir() if is_folder else path.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        raise _unusable(origin, str(path), "is no folder" if is_folder else "is no file")


def _unusable(origin: str, named: str, words: str) -> ConfigError:
    readable = named if named.isprintable() else "what it names"
    return ConfigError(
        f"{origin}: {readable} {words}",
        hint="name a PEM file of the certificates to trust (ca_file of the upstream, or "
        "SSL_CERT_FILE), or leave it out for the public ones",
    )


def _is_writable(name: str) -> bool:
    path = Path(name)
    return os.access(path if path.exists() else path.parent, os.W_OK) and not path.is_dir()
