"""Streamed answers: their beginning, and reads repeated until the first item arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

from veracore_sync.transport.retry import RetryPolicy, retry_read

T = TypeVar("T")
_HEAD = 65536


class UnreadableStream(Exception):
    """The answer has another form than expected, or is truncated."""


class FirstPieces:
    """Passes pieces on, and keeps the first 64 KiB in `content`."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.content = b""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.content += piece[: _HEAD - len(self.content)]
            yield piece


def begun(read: Callable[[], Iterator[T]], policy: RetryPolicy) -> Iterator[T]:
    """The items of a read whose beginning is repeated as `policy` says.

    Args:
        read: Begins the read again each time it is called.
        policy: How often and how patiently.

    Raises:
        UpstreamError: What `read` raised, at last or in the middle.
    """

    def begin() -> Iterator[T]:
        # Repeated only until the first item: after that a reader has items that a repeat would
        # double.
        stream = read()
        return chain(list(islice(stream, 1)), stream)

    return retry_read(begin, policy)
