"""A fixed number of things side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class SoManyAtOnce:
    """The port `Concurrency` with a fixed number of threads.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most = most

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        with ThreadPoolExecutor(self._most) as pool:
            under_way = []
            for item in items:
                under_way.append(pool.submit(act, item))
                if len(under_way) >= self._most:
                    yield under_way.pop(0).result()
            for one in under_way:
                yield one.result()
