"""The program's own threads, with a number at once that is given and not found."""

from __future__ import annotations

from veracore_sync.transport.concurrency import LimitedConcurrency
from veracore_sync.transport.limiter import ConcurrencyLimit


class GivenLimit(ConcurrencyLimit):
    """Stays what it is; keeps what it heard of each request: whether it was one too many."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.limit = most
        self.heard: list[bool] = []

    def ended(self, began: float, now: float, *, overloaded: bool = False) -> None:
        self.heard.append(overloaded)

    def drained(self) -> None:
        pass


def so_many_at_once(most: int, *, of: int | None = None) -> LimitedConcurrency:
    """The port `Concurrency` with `most` of each kind at once, and `of` at an upstream."""
    return LimitedConcurrency(of or most, law=lambda _: GivenLimit(most))
