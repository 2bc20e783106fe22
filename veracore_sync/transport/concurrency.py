"""As many requests at once as a server gains from: `limiter` has the law, here are the threads.

One limit for each kind of request, for as long as the process lives: what was found is not stored,
because tomorrow's server may be another one, and it is found again with the first dozen requests.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from veracore_sync.clock import Clock, SystemClock
from veracore_sync.ports.concurrency import done
from veracore_sync.transport.limiter import ConcurrencyLimit
from veracore_sync.transport.overload import TASK

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""So many times the limit may be done before it is asked for: one slow item holds up no others, and
memory is bounded."""
_IDLE_SECONDS = 5.0


@dataclass(slots=True)
class _Upstream:
    """All that is under way at one upstream."""

    most: int
    under_way: int = 0


@dataclass(slots=True)
class _Lane:
    """The requests of one kind."""

    upstream: _Upstream
    limit: ConcurrencyLimit
    under_way: int = 0
    feeding: int = 0
    waiting: deque[tuple[Future[Any], Callable[[], Future[Any]]]] = field(default_factory=deque)

    @property
    def takes_more(self) -> bool:
        """Whether one more would begin at once."""
        more = len(self.waiting)
        return (
            self.under_way + more < self.limit.limit
            and self.upstream.under_way + more < self.upstream.most
        )

    @property
    def has_room(self) -> bool:
        return self.under_way < self.limit.limit and self.upstream.under_way < self.upstream.most

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

    def drop_cancelled(self) -> None:
        left = [one for one in self.waiting if not one[0].cancelled()]
        self.waiting.clear()
        self.waiting.extend(left)

    def tell_drained(self) -> None:
        if not self.feeding and not self.waiting:
            self.limit.drained()


class LimitedConcurrency:
    """At most so many things at once, of each kind as many as its server gains from.

    Args:
        most: Never more than this many at an upstream.
        upstreams: The same by upstream, for those that have a number of their own.
        clock: The monotonic clock to measure by.
    """

    def __init__(
        self,
        most: int,
        upstreams: Mapping[str, int] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._most = most
        self._upstreams = {name: _Upstream(one) for name, one in (upstreams or {}).items()}
        self._clock = clock or SystemClock()
        self._lanes: dict[str, _Lane] = {}
        self._threads = 0
        self._is_closed = False
        lock = threading.RLock()
        self._given = threading.Condition(lock)
        self._ended = threading.Condition(lock)

    def close(self) -> None:
        """Begin nothing more, and let the threads end; later calls work in the caller's thread."""
        with self._given:
            self._is_closed = True
            for lane in self._lanes.values():
                for outcome, _ in lane.waiting:
                    outcome.cancel()
                lane.waiting.clear()
            self._given.notify_all()
            self._ended.notify_all()

    def limit_of(self, kind: str) -> int:
        """How many of this kind are done at once, as far as is known."""
        return self._lane(kind).limit.limit

    def submit(self, kind: str, act: Callable[[T], R], item: T) -> Future[R]:
        """Do it with one item as soon as there is room; see the port."""
        lane = self._lane(kind)
        if self._is_in_turn(lane):
            return done(act, item)
        outcome: Future[R] = Future()
        with self._given:
            lane.waiting.append((outcome, partial(done, act, item)))
            self._wake()
        return outcome

    def map(self, kind: str, act: Callable[[T], R], items: Iterable[T]) -> Generator[R, None, None]:
        """Do it with each item, several at once; see the port."""
        lane = self._lane(kind)
        if self._is_in_turn(lane):
            return (act(item) for item in items)
        return self._map(lane, kind, act, items)

    def _map(
        self, lane: _Lane, kind: str, act: Callable[[T], R], items: Iterable[T]
    ) -> Generator[R, None, None]:
        source = _Source(items)
        begun: deque[Future[R]] = deque()

        def has_news() -> bool:
            return bool(begun and begun[0].done()) or self._takes_more(lane, source, begun)

        self._feed(lane, 1)
        try:
            while True:
                while self._takes_more(lane, source, begun):
                    begun.extend(self.submit(kind, act, item) for item in source.take())
                    if source.is_empty:
                        self._feed(lane, -1)
                if begun and begun[0].done():
                    yield begun.popleft().result()
                elif begun or not source.is_empty:
                    # Others of the same upstream may have all the room.
                    with self._ended:
                        self._ended.wait_for(has_news)
                else:
                    break
        finally:
            if not source.is_empty:
                self._feed(lane, -1)
            self._end(lane, begun)
        if source.error is not None:
            raise source.error

    def _takes_more(self, lane: _Lane, source: _Source[T], begun: Sequence[Future[R]]) -> bool:
        with self._given:
            if source.is_empty or len(begun) >= _AHEAD * lane.limit.limit or not lane.takes_more:
                return False
        # Of what has failed the caller learns in the order of the items; until then none begins.
        return not any(one.done() and one.exception() for one in begun)

    def _end(self, lane: _Lane, begun: Iterable[Future[Any]]) -> None:
        """Drop what has not begun, and wait for the rest."""
        left = [one for one in begun if not one.cancel()]
        with self._ended:
            lane.drop_cancelled()
            self._ended.wait_for(lambda: all(one.done() for one in left))

    # ---- lanes ------------------------------------------------------------------------------

    def _lane(self, kind: str) -> _Lane:
        with self._given:
            lane = self._lanes.get(kind)
            if lane is None:
                name = kind.partition(".")[0]
                upstream = self._upstreams.setdefault(name, _Upstream(self._most))
                lane = self._lanes[kind] = _Lane(upstream, ConcurrencyLimit(upstream.most))
            return lane

    def _is_in_turn(self, lane: _Lane) -> bool:
        """Whether it is done in the caller's own thread: nobody wants more than one at once, or the
        caller holds a place already, and waiting for another might last for ever."""
        return lane.upstream.most <= 1 or TASK.is_one or self._is_closed

    def _feed(self, lane: _Lane, change: int) -> None:
        with self._given:
            lane.feeding += change
            lane.tell_drained()

    # ---- threads ----------------------------------------------------------------------------

    def _wake(self) -> None:
        """Let threads look for work, and begin one if all are at work; the lock is held."""
        waiting = sum(len(one.waiting) for one in self._lanes.values())
        under_way = sum(one.under_way for one in self._lanes.values())
        most = sum(one.most for one in self._upstreams.values())
        if self._threads < min(most, waiting + under_way):
            self._threads += 1
            # Whatever is counted is counted in these threads: a signal may end the caller's own at
            # any point. They end with the process, whose callers have waited for what matters.
            threading.Thread(target=self._work, name="side-by-side", daemon=True).start()
        self._given.notify(waiting)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            self._run(*task)

    def _next(self) -> tuple[_Lane, Future[Any], Callable[[], Future[Any]], float] | None:
        """The next that has room; waits for it, and ends this thread if there is none for long."""
        with self._given:
            while not self._is_closed:
                for lane in self._lanes.values():
                    while lane.waiting and lane.has_room:
                        outcome, work = lane.waiting.popleft()
                        if outcome.set_running_or_notify_cancel():
                            return lane, outcome, work, lane.begin(self._clock.monotonic())
                if not self._given.wait(_IDLE_SECONDS):
                    break
            self._threads -= 1
            return None

    def _run(
        self, lane: _Lane, outcome: Future[Any], work: Callable[[], Future[Any]], began: float
    ) -> None:
        TASK.is_one, TASK.is_overloaded = True, False
        ended: Future[Any] = Future()
        ended.set_exception(RuntimeError("the thread was ended"))
        try:
            ended = work()
        finally:
            with self._given:
                lane.end(began, self._clock.monotonic(), is_overloaded=TASK.is_overloaded)
                error = ended.exception()
                if error is None:
                    outcome.set_result(ended.result())
                else:
                    outcome.set_exception(error)
                self._wake()
                self._ended.notify_all()


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
