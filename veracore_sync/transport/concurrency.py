"""How many requests a server gains from at once (docs/benchmarks.md)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class LimitedConcurrency:
    """At most so many things at once, of each kind.

    Args:
        most: Never more than this many.
    """

    def __init__(self, most: int) -> None:
        self._most = most

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Do it with each item, several at once; see the port."""
        with ThreadPoolExecutor(self._most) as pool:
            under_way: deque[Future[R]] = deque()
            try:
                for item in items:
                    under_way.append(pool.submit(act, item))
                    if len(under_way) >= self._most:
                        yield under_way.popleft().result()
                while under_way:
                    yield under_way.popleft().result()
            finally:
                for one in under_way:
                    one.cancel()
