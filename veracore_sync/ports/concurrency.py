"""Work of a run that goes on side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Concurrency(Protocol):
    """How many things are done at once; it is found while they are done."""

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Do it with each item, several at once; yield the results in the order of the items.

        An item is taken from `items`, in the caller's thread, only when there is room for it. If
        `act` raises, or the caller stops, nothing more begins, and what is under way ends first.

        Args:
            kind: What is done; things of one kind are alike in what they cost the server.
            act: Called in other threads.
            items: Those to do it with.

        Raises:
            Exception: What `act` or `items` raised first, in the order of the items.
        """


class OneAtATime:
    """Nothing is done side by side; for tests, and where one thread is enough."""

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Do it with each item in turn."""
        return map(act, items)


ONE_AT_A_TIME = OneAtATime()
