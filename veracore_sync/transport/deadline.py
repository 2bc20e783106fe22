"""Absolute deadlines on the wire: each connect, handshake, read and write ends by one moment.

The time limits of httpx begin again with each read, so a server that sends a byte a second is never
late: a run once held its lock for hours that way. Here a request carries a `Deadline` where httpx
carries seconds, and each operation on the socket gets what is left of it.
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
"""Bytes written at once: less than a socket that is ready to be written to has room for."""


class Deadline:
    """The moment by which a request must have ended, to its last byte.

    Args:
        clock: The monotonic clock.
        seconds: How long the request may take.
        run_ends_at: When the run ends, whatever is under way (monotonic).
    """

    def __init__(self, clock: Clock, seconds: float, run_ends_at: float = math.inf) -> None:
        self._clock = clock
        self._seconds = seconds
        self._run_ends_at = run_ends_at
        self._at = 0.0
        self.renew()

    def renew(self) -> None:
        """Give the request its full time again, but never more than the run has."""
        self._at = min(self._clock.monotonic() + self._seconds, self._run_ends_at)

    def left(self) -> float:
        """Seconds until then; 0 or less when it is over."""
        return self._at - self._clock.monotonic()

    @property
    def ends_the_run(self) -> bool:
        """Whether it was the run's end that came first."""
        return self._at >= self._run_ends_at

    def as_timeouts(self) -> dict[str, Any]:
        """The value of httpx's ``timeout`` extension; `DeadlineBackend` understands it."""
        return {"connect": self, "read": self, "write": self, "pool": max(0.0, self.left())}


def within(seconds: float | None, call: Callable[[], T]) -> T:
    """What `call` returns, waited for that long; it is left to itself afterwards.

    Only for what takes no time limit of its own.

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
    """Connects as httpcore does, with a `Deadline` for a time limit."""

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
        """Try each address of `host` in turn; none may use up the time of those behind it."""
        addresses = _addresses(host, port, _left(timeout, httpcore.ConnectTimeout))
        last: Exception = httpcore.ConnectError(f"{host} has no address")
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
    """The addresses of a host name. The system's resolver knows no time limit."""
    try:
        found = within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"no address of {host} in time") from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | Deadline | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | Deadline | None = None) -> None:
        # In pieces: the stream's own loop grants its time limit again for each part that goes out.
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
        raise late("too slow")
    return left
