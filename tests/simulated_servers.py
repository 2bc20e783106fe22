"""Servers in virtual time, and a client that keeps as many requests under way as a limit allows."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

from veracore_sync.transport.limiter import ConcurrencyLimit


@dataclass
class Server:
    """Processes so many requests at once, each in `seconds` of work; the others wait their turn.

    Args:
        lines: How many are processed at once.
        seconds: Work of a request.
        noise: The work is multiplied by e to a normal variable of this deviation.
        most: More than this many under way at once are refused; ``None``: none is.
        slower_from: From this moment on the work is multiplied by `slower`.
    """

    lines: int
    seconds: float = 0.1
    noise: float = 0.0
    most: int | None = None
    slower_from: float = float("inf")
    slower: float = 1.0
    seed: int = 0
    _free: list[float] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._free = [0.0] * self.lines
        self._random = random.Random(self.seed)

    def take(self, now: float, under_way: int) -> tuple[float, bool]:
        """When a request that arrives now ends, and whether it is refused."""
        if self.most is not None and under_way > self.most:
            return now + 0.001, True
        work = self.seconds * self._random.lognormvariate(0, self.noise)
        if now >= self.slower_from:
            work *= self.slower
        begins = max(now, heapq.heappop(self._free))
        heapq.heappush(self._free, begins + work)
        return begins + work, False


@dataclass
class Course:
    """What happened: when each request ended, the limit then, and how many were refused."""

    limits: list[int] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def seconds(self) -> float:
        return self.ends[-1]

    def share_above(self, limit: int) -> float:
        """The share of the time at a higher limit."""
        above, before = 0.0, 0.0
        for now, at in zip(self.ends, self.limits, strict=True):
            above += (now - before) * (at > limit)
            before = now
        return above / self.ends[-1]


def drive(
    limit: ConcurrencyLimit,
    server: Server,
    requests: int,
    begins: float = 0.0,
) -> Course:
    """Send `requests` from a moment on, as many at once as the limit allows."""
    course = Course()
    now, left, under_way = begins, requests, 0
    ends: list[tuple[float, int, float, bool]] = []
    while left or ends:
        while left and under_way < limit.limit:
            under_way += 1
            ended, is_refused = server.take(now, under_way)
            limit.begun(now)
            left -= 1
            heapq.heappush(ends, (ended, left, now, is_refused))
            if not left:
                limit.drained()
        now, _, began, is_refused = heapq.heappop(ends)
        under_way -= 1
        limit.ended(began, now, overloaded=is_refused)
        if is_refused:
            course.refused += 1
            left += 1
        course.limits.append(limit.limit)
        course.ends.append(now - begins)
    return course


def ideal(server: Server, requests: int) -> float:
    """Seconds with as many at once as the server processes."""
    return requests * server.seconds / server.lines
