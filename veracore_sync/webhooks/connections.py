"""A limit on open connections: idle ones are closed to make room for new ones.

Otherwise 64 clients that connect and send nothing would keep every real delivery out.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass, replace

_ROOM_SECONDS = 0.3
"""How long a new connection waits for an evicted one to close."""


@dataclass(slots=True)
class _Connection:
    """State of a connection; `ours` while we work on its request."""

    since: float
    ours: bool = False
    begun: bool = False
    answered: bool = False
    leaving: bool = False
    opened: float = 0.0
    requests: int = 0


class ConnectionLimiter:
    """The open connections of a server.

    Args:
        most: How many may be open at once.
        patience: Seconds for a request or an answer; after that it may be evicted.
    """

    def __init__(self, most: int, patience: float = 0.25) -> None:
        self._most = most
        self._patience = patience
        self._open: dict[socket.socket, _Connection] = {}
        self._changed = threading.Condition()
        self._asking = False

    def admit(self, connection: socket.socket) -> bool:
        """Admit a connection, evicting the idlest if necessary; returns whether there was room."""
        with self._changed:
            if len(self._open) >= self._most and not self._make_room():
                return False
            now = time.monotonic()
            self._open[connection] = _Connection(now, opened=now)
            return True

    def _make_room(self) -> bool:
        deadline = time.monotonic() + _ROOM_SECONDS
        evicted = None
        # Connections that are never idle are asked for a place, too.
        self._asking = True
        while len(self._open) >= self._most:
            if evicted is None and (evicted := self._evictable()) is not None:
                self._evict(evicted)
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._changed.wait(min(left, 0.02))
        self._asking = False
        return len(self._open) < self._most

    def _evictable(self) -> socket.socket | None:
        """The connection to close: never answered before answered, silent before slow."""
        # One that has sent something may be a delivery, and is spared while it is on time.
        now = time.monotonic()
        waiting = [
            (state.answered, state.since, connection)
            for connection, state in self._open.items()
            if not state.ours and not state.leaving
        ]
        slow = None
        for _, since, connection in sorted(waiting, key=lambda one: one[:2]):
            if not self._open[connection].begun and not _has_sent(connection):
                return connection
            if slow is None and now - since >= self._patience:
                slow = connection
        return slow

    def give_way(self) -> None:
        """Close the idlest connection, because no file descriptor is left for a new one."""
        with self._changed:
            evicted = self._evictable()
            if evicted is not None:
                self._evict(evicted)

    def _evict(self, connection: socket.socket) -> None:
        self._open[connection].leaving = True
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def reads(self, connection: socket.socket, *, answered: bool) -> None:
        """The connection waits for a request or sends one; `answered` if it had one before."""
        with self._changed:
            self._open[connection] = replace(
                self._open[connection],
                since=time.monotonic(),
                ours=False,
                begun=False,
                answered=answered,
                leaving=False,
            )

    def begins(self, connection: socket.socket) -> None:
        """The first byte of its request has arrived."""
        with self._changed:
            self._open[connection].begun = True

    def works(self, connection: socket.socket) -> bool:
        """Its request is complete and we work on it; false if it was evicted before."""
        with self._changed:
            state = self._open[connection]
            state.ours = True
            return not state.leaving

    def sends(self, connection: socket.socket) -> None:
        """Its answer is sent; if it does not read that in time, it may be evicted."""
        with self._changed:
            before = self._open[connection]
            self._open[connection] = replace(
                before, since=time.monotonic(), ours=False, begun=True, answered=False
            )

    def has_had_enough(self, connection: socket.socket, requests: int, seconds: float) -> bool:
        """Whether to close the connection after this answer.

        One that sends request after request is never idle and never slow, and so would never be
        evicted: it gives up its place after so many, after so long, or once somebody waits for it.

        Args:
            connection: Whose request is being answered.
            requests: How many are answered on one connection.
            seconds: How long one stays open, counted to the request that is answered last.
        """
        with self._changed:
            state = self._open[connection]
            state.requests += 1
            old = time.monotonic() - state.opened >= seconds
            # Only one gives way to each that waits.
            asked, self._asking = self._asking, False
            return old or asked or state.requests >= requests

    def leave(self, connection: socket.socket) -> None:
        """The connection has closed."""
        with self._changed:
            self._open.pop(connection, None)
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._open)

    def drain(self, seconds: float) -> bool:
        """Close idle connections and let the others finish; returns whether all ended in time."""
        deadline = time.monotonic() + seconds
        while True:
            with self._changed:
                for connection, state in self._open.items():
                    if not state.ours and state.answered and not state.leaving:
                        self._evict(connection)
                left = deadline - time.monotonic()
                if not self._open or left <= 0:
                    break
                self._changed.wait(min(left, 0.1))
        with self._changed:
            for connection in self._open:
                self._evict(connection)
            return not self._open


def _has_sent(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])
