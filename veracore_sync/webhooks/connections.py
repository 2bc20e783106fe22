"""Who is connected: a bounded number, and the silent give way to those who come with something."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass

_ROOM_SECONDS = 0.3
"""How long a newcomer is kept at the door until somebody has left."""


@dataclass(slots=True)
class _Connection:
    """A connection: whose turn it is (`ours` while we work on its request), and since when."""

    since: float
    ours: bool = False
    begun: bool = False
    answered: bool = False
    leaving: bool = False


class ConnectionLimiter:
    """The open connections of a server.

    Args:
        most: How many may be open at once.
        patience: Seconds that a client may take over a request, or an answer, before it has to
            give way.
    """

    def __init__(self, most: int, patience: float = 0.25) -> None:
        self._most = most
        self._patience = patience
        self._guests: dict[socket.socket, _Connection] = {}
        self._changed = threading.Condition()

    def admit(self, connection: socket.socket) -> bool:
        """Let a connection in, where need be in the place of the idlest; whether there was room."""
        with self._changed:
            if len(self._guests) >= self._most and not self._make_room():
                return False
            self._guests[connection] = _Connection(time.monotonic())
            return True

    def _make_room(self) -> bool:
        deadline = time.monotonic() + _ROOM_SECONDS
        victim = None
        while len(self._guests) >= self._most:
            if victim is None and (victim := self._evictable()) is not None:
                self._evict(victim)
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._changed.wait(min(left, 0.02))
        return True

    def _evictable(self) -> socket.socket | None:
        """Who never had an answer goes before who had one, the silent before the slow."""
        now = time.monotonic()
        waiting = [
            (guest.answered, guest.since, connection)
            for connection, guest in self._guests.items()
            if not guest.ours and not guest.leaving
        ]
        slow = None
        for _, since, connection in sorted(waiting, key=lambda one: one[:2]):
            if not self._guests[connection].begun and not _has_sent(connection):
                return connection
            if slow is None and now - since >= self._patience:
                slow = connection
        return slow

    def give_way(self) -> None:
        """Send the idlest home: there is no descriptor left for a newcomer."""
        with self._changed:
            victim = self._evictable()
            if victim is not None:
                self._evict(victim)

    def _evict(self, connection: socket.socket) -> None:
        self._guests[connection].leaving = True
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def reads(self, connection: socket.socket, *, answered: bool) -> None:
        """It waits for a request or sends one; `answered` tells that it had one before."""
        with self._changed:
            self._guests[connection] = _Connection(time.monotonic(), answered=answered)

    def begins(self, connection: socket.socket) -> None:
        """The first byte of its request has come."""
        with self._changed:
            self._guests[connection].begun = True

    def works(self, connection: socket.socket) -> bool:
        """Its request is complete and it is our turn; false where it was dismissed before."""
        with self._changed:
            guest = self._guests[connection]
            guest.ours = True
            return not guest.leaving

    def sends(self, connection: socket.socket) -> None:
        """It is to take its answer, and keeps its place for no longer than that should need."""
        with self._changed:
            leaving = self._guests[connection].leaving
            self._guests[connection] = _Connection(time.monotonic(), begun=True, leaving=leaving)

    def leave(self, connection: socket.socket) -> None:
        """It is gone."""
        with self._changed:
            self._guests.pop(connection, None)
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._guests)

    def drain(self, seconds: float) -> bool:
        """Close idle connections, let the others finish; whether all ended in that time."""
        deadline = time.monotonic() + seconds
        while True:
            with self._changed:
                for connection, guest in self._guests.items():
                    if not guest.ours and guest.answered and not guest.leaving:
                        self._evict(connection)
                left = deadline - time.monotonic()
                if not self._guests or left <= 0:
                    break
                self._changed.wait(min(left, 0.1))
        with self._changed:
            for connection in self._guests:
                self._evict(connection)
            return not self._guests


def _has_sent(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])
