"""Progress of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_AT_ONCE = 100
LISTING = "listing what shipped"
"""VeraCore's list of shipments, which several jobs read."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many (0: unknown)."""


def no_progress(what: str, done: int, of: int) -> None:
    """Ignore progress."""


def counted(items: Iterable[T], progress: Progress, what: str) -> Iterator[T]:
    """The same items, counted aloud: how many a list has shows only at its end."""
    for count, item in enumerate(items, 1):
        if count % _AT_ONCE == 0:
            progress(what, count, 0)
        yield item
