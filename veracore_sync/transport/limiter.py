"""How many requests at once a server gains from: the law by which that number is found.

Throughput decides, and latency only where it at least doubles: on a server with one connection two
requests take twice as long each, so the second one gains nothing, and whoever else asks the server
waits for both. An error comes too late for that; many servers never refuse anything.

- It begins with one at a time and doubles as long as that gains (as TCP's slow start does).
- Then it stays, and tries more and fewer in turn, less often each time that this changes nothing.
- More than before are kept only for a fifth of the gain that as many new servers would bring, so
  that noise does not let it drift up; the same rule brings it down again.
- It halves when the server refuses or does not answer in time, and when latency doubles; the
  latter may have had another cause, so it then measures and climbs anew.

Times are seconds of any clock that never goes back. Nothing here waits, locks or looks at a clock.
"""

from __future__ import annotations

from enum import Enum, auto

_GAIN = 0.2
_SLOWER = 2.0
_NEWEST = 0.5
_LEAST_SAMPLES = 3
_FIRST_PATIENCE = 1
_LONGEST_PATIENCE = 16


class _Phase(Enum):
    CLIMBING = auto()
    SETTLED = auto()
    TRYING = auto()


class ConcurrencyLimit:
    """The limit of requests of one kind, between 1 and `most`; `limit` is today's.

    Not thread-safe.

    Args:
        most: Never more than this many.
    """

    def __init__(self, most: int) -> None:
        self.limit = 1
        self._most = max(1, most)
        self._phase = _Phase.CLIMBING
        # The limit before this one, and the throughput that it had.
        self._before: tuple[int, float] | None = None
        self._rate: float | None = None
        self._latency: float | None = None
        self._step = 1
        self._patience = _FIRST_PATIENCE
        self._windows = 0
        self._refused = 0
        self._wary = 0
        self._cut_at = float("-inf")
        self._under_way = 0
        self._is_fed = False
        self._resumed = 0.0
        self._busy = 0.0
        self._taken = 0.0
        self._count = 0
        self._skip = 0

    def begun(self, now: float) -> None:
        """A request begins."""
        if not self._under_way:
            self._resumed = now
        self._under_way += 1
        self._is_fed = True

    def ended(self, began: float, now: float, *, overloaded: bool = False) -> None:
        """A request that had begun at `began` has ended.

        Args:
            began: When it began.
            now: When it ended.
            overloaded: The server refused it as one too many, or did not answer in time.
        """
        self._under_way -= 1
        self._busy += now - self._resumed
        self._resumed = now
        if overloaded:
            self._cut(began, now)
        elif self._skip:
            self._skip -= 1
            if not self._skip:
                self._busy = 0.0
        elif self._is_fed:
            self._count += 1
            self._taken += now - began
            if self._count >= self._wanted() and self._busy > 0:
                self._conclude(self._count / self._busy, self._taken / self._count)

    def drained(self) -> None:
        """There is nothing more to begin: what is still under way shows no throughput."""
        self._is_fed = False
        self._restart(0)

    # ---- what a window showed ---------------------------------------------------------------

    def _wanted(self) -> int:
        """How many ended requests show the throughput: as many as began together, at least."""
        if self._phase is _Phase.CLIMBING:
            return max(2, self.limit)
        return max(_LEAST_SAMPLES, 2 * self.limit)

    def _conclude(self, rate: float, latency: float) -> None:
        if self._phase is _Phase.CLIMBING:
            self._climb(rate)
        elif self._phase is _Phase.TRYING and self._before is not None:
            self._decide(rate, self._before)
        elif self._latency is not None and latency > _SLOWER * self._latency:
            self._before = None
            self._patience = _FIRST_PATIENCE
            self._climb_from(max(1, self.limit // 2))
        else:
            self._stay(rate, latency)

    def _climb(self, rate: float) -> None:
        if self._before is not None and not _gains(self._before, (self.limit, rate)):
            self._settle(*self._before)
        elif self.limit >= self._most_now:
            self._settle(self.limit, rate)
        else:
            self._before = (self.limit, rate)
            self._climb_from(min(2 * self.limit, self._most_now))

    def _climb_from(self, limit: int) -> None:
        self._phase = _Phase.CLIMBING
        self._move(limit)

    def _stay(self, rate: float, latency: float) -> None:
        self._rate = rate if self._rate is None else _average(self._rate, rate)
        # The least counts: a slow rise of the average must not hide that it has doubled.
        self._latency = latency if self._latency is None else min(self._latency, latency)
        self._windows += 1
        self._wary = max(0, self._wary - 1)
        self._restart(0)
        if self._windows >= self._patience:
            self._try()

    def _try(self) -> None:
        """Try more, or fewer, for one window."""
        tried = self._tried()
        if tried == self.limit:
            self._step = -self._step
            tried = self._tried()
        self._windows = 0
        if tried != self.limit and self._rate is not None:
            self._before = (self.limit, self._rate)
            self._phase = _Phase.TRYING
            self._move(tried)

    def _tried(self) -> int:
        if self._step > 0:
            return max(self.limit, min(self._most_now, self.limit + max(1, self.limit // 2)))
        return max(1, self.limit - max(1, self.limit // 4))

    def _decide(self, rate: float, before: tuple[int, float]) -> None:
        """Whether what was tried is kept."""
        now = (self.limit, rate)
        lower, higher = sorted((before, now))
        is_higher_better = _gains(lower, higher)
        if is_higher_better == (now == higher):
            self._patience = _FIRST_PATIENCE
            if now == higher:
                self._climb(rate)
            else:
                self._settle(*now)
        else:
            self._patience = min(2 * self._patience, _LONGEST_PATIENCE)
            self._step = -self._step
            self._settle(*before)

    def _settle(self, limit: int, rate: float | None) -> None:
        self._phase = _Phase.SETTLED
        self._rate, self._latency, self._windows = rate, None, 0
        self._move(limit)

    @property
    def _most_now(self) -> int:
        """The most that is tried; for a while less than what the server refused."""
        return max(1, min(self._most, self._refused - 1)) if self._wary else self._most

    # ---- moving -----------------------------------------------------------------------------

    def _cut(self, began: float, now: float) -> None:
        # Those that began before the limit was cut say nothing about what it is now.
        if began < self._cut_at:
            return
        self._cut_at = now
        self._patience = min(2 * self._patience, _LONGEST_PATIENCE)
        self._refused, self._wary = self.limit, _LONGEST_PATIENCE
        self._step = 1
        self._settle(max(1, self.limit // 2), None)

    def _move(self, limit: int) -> None:
        fewer = max(0, self.limit - limit)
        self.limit = limit
        self._restart(fewer)

    def _restart(self, skip: int) -> None:
        """Begin a window; the first `skip` to end are too many for the new limit."""
        self._skip = skip
        self._count = 0
        self._taken = 0.0
        self._busy = 0.0


def _gains(lower: tuple[int, float], higher: tuple[int, float]) -> bool:
    """Whether the higher limit is worth it, of two limits with their throughput."""
    more = higher[0] / lower[0] - 1
    return higher[1] >= lower[1] * (1 + _GAIN * more)


def _average(before: float, newest: float) -> float:
    return before + _NEWEST * (newest - before)
