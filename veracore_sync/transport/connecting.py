"""Connections of an upstream's client: each by its way, with our deadlines and our certificates.

httpx reads the environment by itself where it is let, and then an entry of `NO_PROXY` that it
cannot read, or a file of certificates that is missing, ends the program.
"""

from __future__ import annotations

import os
import ssl
import threading
from contextlib import suppress
from functools import cached_property

import httpx

from veracore_sync.domain.errors import ConfigError
from veracore_sync.transport.deadline import DeadlineBackend
from veracore_sync.transport.ways import Upstream, tls_context, way_to

_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=2)


class Connections(httpx.BaseTransport):
    """Sends each request by the way to its server; usable by several threads.

    Args:
        upstream: What the settings say.

    Raises:
        ConfigError: The way to the upstream's address cannot be used.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._transports: dict[tuple[str | None, bool], httpx.HTTPTransport] = {}
        self._lock = threading.Lock()
        # Now, and not when the first order is on its way. An address that is none is a request's
        # failure.
        with suppress(httpx.InvalidURL):
            if upstream.url:
                self._to(httpx.URL(upstream.url))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        return self._to(request.url).handle_request(request)

    def close(self) -> None:
        """Close every connection."""
        for transport in self._transports.values():
            transport.close()

    def _to(self, url: httpx.URL) -> httpx.HTTPTransport:
        way = way_to(str(url), self._upstream, os.environ)
        needs_tls = url.scheme == "https" or (way.proxy or "").startswith("https:")
        with self._lock:
            found = self._transports.get((way.proxy, needs_tls))
            if found is None:
                found = self._made(way.proxy, self._tls if needs_tls else _trusting_nobody())
                self._transports[way.proxy, needs_tls] = found
        return found

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context(self._upstream, os.environ)

    def _made(self, proxy: str | None, tls: ssl.SSLContext) -> httpx.HTTPTransport:
        made = httpx.HTTPTransport(
            verify=tls,
            trust_env=False,
            limits=_LIMITS,
            proxy=None if proxy is None else _proxy(proxy, tls),
        )
        # httpx has no option for this.
        made._pool._network_backend = DeadlineBackend()
        return made


def _proxy(address: str, tls: ssl.SSLContext) -> httpx.Proxy:
    """The proxy at an address.

    Raises:
        ConfigError: httpx does not read the address as one.
    """
    try:
        return httpx.Proxy(address, ssl_context=tls if address.startswith("https:") else None)
    # Without the error, which quotes the address and so its password.
    except (httpx.InvalidURL, ValueError):
        raise ConfigError(
            "the proxy that is set has an address that cannot be used",
            hint="`veracore-sync doctor --offline` says which setting or variable it comes from",
        ) from None


def _trusting_nobody() -> ssl.SSLContext:
    """For connections without TLS: to read all certificates takes a while."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
