"""As many requests at once as a server gains from: `limiter` has the law, here are the threads.

One limit for each kind of request, for as long as the process lives: what was found is not stored,
because tomorrow's server may be another one, and it is found again with the first dozen requests.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.ports.concurrency import Outcomes, done
from veracore_sync.transport.limiter import ConcurrencyLimit
from veracore_sync.transport.overload import TASK

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""So many times the limit may be done before it is asked for: one slow item holds up no others, and
memory is bounded."""


@dataclass(slots=True)
class _Upstream:
    """All that is under way at one upstream."""

    most: int
    under_way: int = 0


@dataclass(slots=True)
class _Lane:
    """The requests of one kind.

    Args:
        waiting: So many were handed to its threads and have not begun.
        feeding: So many callers have more of them.
    """

    upstream: _Upstream
    limit: ConcurrencyLimit
    threads: ThreadPoolExecutor
    under_way: int = 0
    waiting: int = 0
    feeding: int = 0

    @property
    def takes_more(self) -> bool:
        """Whether one more would begin at once."""
        return self._has_room(self.waiting)

    @property
    def has_room(self) -> bool:
        return self._has_room(0)

    def _has_room(self, more: int) -> bool:
        return (
            self.under_way + more < self.limit.limit
            and self.upstream.under_way + more < self.upstream.most
        )

    def begin(self, now: float) -> float:
        self.limit.begun(now)
        self.under_way += 1
        self.upstream.under_way += 1
        return now

    def end(self, began: float, now: float, *, is_overloaded: bool) -> None:
        self.limit.ended(began, now, overloaded=is_overloaded)
        self.under_way -= 1
        self.upstream.under_way -= 1
        self.tell_drained()

    def tell_drained(self) -> None:
        if not self.feeding and not self.waiting:
            self.limit.drained()


class LimitedConcurrency:
    """At most so many things at once, of each kind as many as its server gains from.

    Args:
        most: Never more than this many at an upstream.
        upstreams: The same by upstream, for those that have a number of their own.
        clock: The monotonic clock to measure by.
        law: Makes the limit of a kind, of at most so many.
    """

    def __init__(
        self,
        most: int,
        upstreams: Mapping[str, int] | None = None,
        clock: Clock | None = None,
        law: Callable[[int], ConcurrencyLimit] = ConcurrencyLimit,
    ) -> None:
        self._most = most
        self._law = law
        self._upstreams = {name: _Upstream(one) for name, one in (upstreams or {}).items()}
        self._clock = clock or SystemClock()
        self._lanes: dict[str, _Lane] = {}
        self.is_closed = False
        self.changed = threading.Condition(threading.RLock())

    def close(self) -> None:
        """Begin nothing more, and let the threads end; later calls work in the caller's thread."""
        with self.changed:
            self.is_closed = True
            lanes = list(self._lanes.values())
            self.changed.notify_all()
        for lane in lanes:
            lane.threads.shutdown(wait=False, cancel_futures=True)

    def limit_of(self, kind: str) -> int:
        """How many of this kind are done at once, as far as is known."""
        return self._lane(kind).limit.limit

    def submit(self, kind: str, act: Callable[[T], R], item: T) -> Future[R]:
        """Do it with one item as soon as there is room; see the port."""
        lane = self._lane(kind)
        if self._is_in_turn(lane):
            return done(act, item)
        with self.changed:
            lane.waiting += 1
            outcome = lane.threads.submit(self._with_room, lane, act, item)
        outcome.add_done_callback(lambda one: self._over(lane, one))
        return outcome

    def _with_room(self, lane: _Lane, act: Callable[[T], R], item: T) -> R:
        """Do it in this thread as soon as there is room."""
        with self.changed:
            self.changed.wait_for(lambda: lane.has_room or self.is_closed)
            lane.waiting -= 1
            if self.is_closed:
                raise CancelledError
            began = lane.begin(self._clock.monotonic())
        TASK.is_one, TASK.is_overloaded = True, False
        try:
            return act(item)
        finally:
            with self.changed:
                lane.end(began, self._clock.monotonic(), is_overloaded=TASK.is_overloaded)
                self.changed.notify_all()

    def _over(self, lane: _Lane, outcome: Future[Any]) -> None:
        """It is done, or was cancelled before a thread had it."""
        with self.changed:
            if outcome.cancelled():
                lane.waiting -= 1
                lane.tell_drained()
            self.changed.notify_all()

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Outcomes[R]:
        """Do it with each item, several at once; see the port."""
        lane = self._lane(kind)
        if self._is_in_turn(lane):
            return (act(item) for item in items)
        return _SideBySide(self, lane, partial(self.submit, kind, act), _Source(items))

    def _lane(self, kind: str) -> _Lane:
        with self.changed:
            lane = self._lanes.get(kind)
            if lane is None:
                name = kind.partition(".")[0]
                upstream = self._upstreams.setdefault(name, _Upstream(self._most))
                threads = ThreadPoolExecutor(upstream.most, thread_name_prefix=kind)
                lane = _Lane(upstream, self._law(upstream.most), threads)
                self._lanes[kind] = lane
            return lane

    def _is_in_turn(self, lane: _Lane) -> bool:
        """Whether it is done in the caller's own thread: nobody wants more than one at once, or the
        caller holds a place already, and waiting for another might last for ever."""
        return lane.upstream.most <= 1 or TASK.is_one or self.is_closed


class _SideBySide(Generic[T, R]):
    """One map: it hands items out as long as there is room, and waits for the oldest."""

    def __init__(
        self,
        owner: LimitedConcurrency,
        lane: _Lane,
        submit: Callable[[T], Future[R]],
        source: _Source[T],
    ) -> None:
        self._owner = owner
        self._lane = lane
        self._submit = submit
        self._source = source
        self._begun: deque[Future[R]] = deque()
        self._is_feeding = False
        self._feed(is_feeding=True)

    def __iter__(self) -> _SideBySide[T, R]:
        return self

    def __next__(self) -> R:
        try:
            while self._has_more:
                while self._takes_more():
                    self._begun.extend(self._submit(item) for item in self._source.take())
                    self._feed(is_feeding=not self._source.is_empty)
                if self._begun and self._begun[0].done():
                    return self._begun.popleft().result()
                if self._has_more:
                    # Others of the same upstream may have all the room.
                    with self._owner.changed:
                        self._owner.changed.wait_for(self._has_news)
        except BaseException:
            self.close()
            raise
        error, self._source.error = self._source.error, None
        raise error or StopIteration

    def close(self) -> None:
        """Drop what has not begun, and wait for the rest."""
        self._source.is_empty = True
        self._feed(is_feeding=False)
        # The last first: a thread takes the oldest, and must not pass over it to a later one.
        left = [one for one in reversed(self._begun) if not one.cancel()]
        with self._owner.changed:
            self._owner.changed.wait_for(lambda: all(one.done() for one in left))
        self._begun.clear()

    @property
    def _has_more(self) -> bool:
        return bool(self._begun) or not self._source.is_empty

    def _has_news(self) -> bool:
        return bool(self._begun and self._begun[0].done()) or self._takes_more()

    def _takes_more(self) -> bool:
        with self._owner.changed:
            if self._source.is_empty or len(self._begun) >= _AHEAD * self._lane.limit.limit:
                return False
            if not self._lane.takes_more and not self._owner.is_closed:
                return False
        # Of what has failed the caller learns in the order of the items; until then none begins.
        return not any(one.cancelled() or (one.done() and one.exception()) for one in self._begun)

    def _feed(self, *, is_feeding: bool) -> None:
        if is_feeding != self._is_feeding:
            self._is_feeding = is_feeding
            with self._owner.changed:
                self._lane.feeding += 1 if is_feeding else -1
                self._lane.tell_drained()


class _Source(Generic[T]):
    """The items of a map; an error of theirs is kept until those before it are done."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)
        self.is_empty = False
        self.error: BaseException | None = None

    def take(self) -> list[T]:
        """The next item; empty if there is none."""
        taken = done(next, self._items)
        error = taken.exception()
        if error is None:
            return [taken.result()]
        self.is_empty = True
        if not isinstance(error, StopIteration):
            self.error = error
        return []
