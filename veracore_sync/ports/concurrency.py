"""Work of a run that goes on side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
OutT = TypeVar("OutT", covariant=True)

SHOP_PAGES = "vendure.pages"
STOCK_WRITES = "vendure.stock"
FULFILMENTS = "vendure.fulfilments"
WAREHOUSE_LOOK_UPS = "veracore.look-ups"


class Outcomes(Iterator[OutT], Protocol[OutT]):
    """What became of each item, in the order of the items."""

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way.

        Who stops early has to call it (`contextlib.closing`). The garbage collector does not: it
        runs in any thread, also in one that is waited for.
        """


class Concurrency(Protocol):
    """How many things are done at once; it is found while they are done.

    A kind of thing is named after the upstream that it is asked of: ``vendure.pages``. Things of
    one kind are alike in what they cost the server.
    """

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Outcomes[R]:
        """Do it with each item, several at once; yield the results in the order of the items.

        An item is taken from `items`, in the caller's thread, only when there is room for it. If
        `act` raises, or the caller closes it, nothing more begins, and what is under way ends
        first.

        Args:
            kind: What is done.
            act: Called in other threads.
            items: Those to do it with.

        Raises:
            Exception: What `act` or `items` raised first, in the order of the items.
        """

    def submit(self, kind: str, act: Callable[[T], R], item: T) -> Future[R]:
        """Do it with one item as soon as there is room, while the caller goes on.

        Args:
            kind: What is done.
            act: Called in another thread.
            item: What to do it with.

        Returns:
            What becomes of it; one that has not begun can be cancelled.
        """


class OneAtATime:
    """Nothing is done side by side; for tests, and where one thread is enough."""

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Outcomes[R]:
        """Do it with each item in turn."""
        return (act(item) for item in items)

    def submit(self, kind: str, act: Callable[[T], R], item: T) -> Future[R]:
        """Do it now."""
        return done(act, item)


def done(act: Callable[[T], R], item: T) -> Future[R]:
    """Do it now; what became of it."""
    outcome: Future[R] = Future()
    try:
        outcome.set_result(act(item))
    except Exception as error:  # noqa: BLE001 - raised again where it is waited for
        outcome.set_exception(error)
    return outcome


ONE_AT_A_TIME = OneAtATime()
