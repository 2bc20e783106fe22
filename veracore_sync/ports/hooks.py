"""What events are delivered to: a command, an address, people."""

from __future__ import annotations

from typing import Protocol


class NotTaken(Exception):
    """A hook did not take an event.

    Args:
        message: One short line.
        unreachable: It said nothing at all (no start, no connection, no end in time), so the next
            event would fare no better.
    """

    def __init__(self, message: str, *, unreachable: bool) -> None:
        super().__init__(message)
        self.message = message
        self.unreachable = unreachable


class Hook(Protocol):
    """Something that takes events."""

    def deliver(self, event_id: str, body: bytes) -> None:
        """Hand over one event, once. What it may have taken is delivered again: ids show repeats.

        Raises:
            NotTaken: It was not taken, or nobody knows.
        """

    def close(self) -> None:
        """Close the connections."""
