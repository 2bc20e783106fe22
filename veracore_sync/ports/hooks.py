"""The port of hooks: a command, an address or people that get events."""

from __future__ import annotations

from typing import Protocol

NOTIFY = "notify"
"""The hook of the first address of ``hooks.notify``."""


def of_address(number: int) -> str:
    """The name of the hook of an address of ``hooks.notify``, counted from 1."""
    return NOTIFY if number == 1 else f"{NOTIFY}-{number}"


class NotTaken(Exception):
    """A hook did not accept an event.

    Args:
        message: One short line.
        unreachable: The hook did not answer (no start, no connection, no end in time), so the next
            event would fail too.
    """

    def __init__(self, message: str, *, unreachable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.unreachable = unreachable


class Hook(Protocol):
    """Something that accepts events."""

    def deliver(self, event_id: str, body: bytes) -> None:
        """Deliver one event, without retries.

        An event whose outcome is unknown is delivered again later, with the same id.

        Raises:
            NotTaken: It was not accepted, or the outcome is unknown.
        """

    def close(self) -> None:
        """Close the connections."""
