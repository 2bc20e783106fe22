"""Absolute deadlines: connect, handshake, reads and writes of a request share one time limit.

The time limits of httpx begin again with each read, so a server that sends one byte a second never
times out: a run once held its lock for hours that way. Here a request has a `Deadline` where httpx
has seconds, and each socket operation gets the time that is left.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

import httpcore

from veracore_sync.clock import Clock

T = TypeVar("T")
_PIECE = 4096
"""Bytes per write: a socket that is ready has room for at least this much."""


class Deadline:
    """The moment by which a request must have ended, to its last byte.

    Args:
        clock: The monotonic clock.
        seconds: How long the request may take.
        run_ends_at: When the run ends, also during a request (monotonic).
        latest: When the request must have ended, however often it is renewed (monotonic).
    """

    def __init__(
        self,
        clock: Clock,
        seconds: float,
        run_ends_at: float = math.inf,
        latest: float = math.inf,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._run_ends_at = run_ends_at
        self._latest = latest
        self._at = 0.0
        self.renew()

    def renew(self) -> None:
        """Give the request its full time again, but never more than the run has."""
        at = self._clock.monotonic() + self._seconds
        self._at = min(at, self._run_ends_at, self._latest)

    def left(self) -> float:
        """Seconds left; 0 or less when the deadline has passed."""
        return self._at - self._clock.monotonic()

    @property
    def ends_the_run(self) -> bool:
        """Whether the run ends before the request's own time limit."""
        return self._at >= self._run_ends_at

    def as_timeouts(self) -> dict[str, Any]:
        """The value of httpx's ``timeout`` extension; `DeadlineBackend` understands it."""
        return {"connect": self, "read": self, "write": self, "pool": max(0.0, self.left())}


def within(seconds: float | None, call: Callable[[], T]) -> T:
    """The result of `call`, if it comes in time; otherwise the call goes on in its thread.

    For calls that have no time limit of their own.

    Raises:
        TimeoutError: It takes longer.
    """
    outcome: Future[T] = Future()

    def work() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            outcome.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return outcome.result(seconds)


class DeadlineBackend(httpcore.NetworkBackend):
    """Connects as httpcore does, with a `Deadline` as time limit."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | Deadline | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Try each address of `host` in turn."""
        # Each gets its share of the time: a dead IPv6 address must not use up what IPv4 needs.
        addresses = _addresses(host, port, _left(timeout, httpcore.ConnectTimeout))
        last: Exception = httpcore.ConnectError("no address associated with hostname")
        for index, address in enumerate(addresses):
            left = _left(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(
                    address,
                    port,
                    None if left is None else left / (len(addresses) - index),
                    local_address,
                    socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
            else:
                return _DeadlineStream(stream)
        raise last


def _addresses(host: str, port: int, seconds: float | None) -> list[str]:
    """The addresses of a host name."""
    # getaddrinfo has no time limit: with a dead name server it blocks for minutes.
    try:
        found = within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError as error:
        raise httpcore.ConnectTimeout("name or service not known: timed out") from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | Deadline | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | Deadline | None = None) -> None:
        # In pieces, because httpcore's loop restarts the time limit for each part that is sent.
        for start in range(0, len(buffer), _PIECE):
            left = _left(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + _PIECE], left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | Deadline | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | Deadline | None, late: type[Exception]) -> float | None:
    """The seconds for one operation on a socket.

    Raises:
        Exception: `late`, as the time is over.
    """
    if not isinstance(timeout, Deadline):
        return timeout
    left = timeout.left()
    if left <= 0:
        raise late("timed out")
    return left
