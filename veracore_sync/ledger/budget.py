"""The rate budget: a token bucket per upstream, shared by all processes.

Tokens are taken in blocks, so that a request costs a fraction of a commit. A 429 or 503 halves the
rate and pauses all requests for as long as it asks; the rate recovers by a tenth per minute. No
transaction is held while waiting.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.errors import Occurrence, RateLimited
from veracore_sync.ledger.database import Database
from veracore_sync.waits import ASKED, bounded, is_over

_BURST_SECONDS = 15.0
_BLOCK = 5
_LONGEST_WAIT = 30.0
_LEAST_FACTOR = 0.05
_RECOVERY_A_MINUTE = 0.1


class Budget:
    """The budget of one upstream.

    Args:
        database: The ledger.
        clock: Tells the time and sleeps.
        upstream: The upstream whose requests are counted.
        per_minute: Requests per minute; 0: no limit.
    """

    def __init__(self, database: Database, clock: Clock, upstream: str, per_minute: int) -> None:
        self._db = database
        self._clock = clock
        self._upstream = upstream
        self._rate = per_minute / 60
        self._most = max(1.0, self._rate * _BURST_SECONDS)
        self._lock = threading.Lock()
        self._left = 0

    def spend(self) -> None:
        """Take one request from the budget; wait for it if necessary; see the port."""
        if not self._rate:
            return
        waited = 0.0
        while wait := self._take():
            waited += wait
            if waited > _LONGEST_WAIT:
                raise RateLimited(
                    f"the rate budget of {self._upstream} is used up",
                    upstream=self._upstream,
                    retry_after=wait,
                    what=Occurrence.BUDGET_SPENT,
                )
            self._clock.sleep(wait)

    def _take(self) -> float:
        """Take one token; returns the seconds to wait if there is none."""
        with self._lock:
            if self._left < 1 or self._paused():
                wait = self._take_block()
                if wait:
                    return wait
            self._left -= 1
            return 0.0

    def _paused(self) -> bool:
        """Whether any process was asked to wait."""
        # Read before each request: another process may have met a 429 since this one took a block.
        until = self._db.value(
            "SELECT closed_until FROM budgets WHERE upstream = ?", (self._upstream,)
        )
        return until is not None and not is_over(from_text(until), self._clock.now(), ASKED)

    def _take_block(self) -> float:
        """Take up to one block of tokens; returns the seconds to wait if there are none."""
        with self._db.transaction() as connection:
            # Read inside the transaction: read before it, the time may be earlier than what another
            # process has just stored, which then looks as if it lay in the future.
            now = self._clock.now()
            tokens, factor, closed_until = self._filled(now)
            pause = (closed_until - now).total_seconds() if closed_until else 0.0
            taken = 0 if pause > 0 else min(_BLOCK, int(max(tokens, 0)))
            connection.execute(
                _KEEP,
                (
                    self._upstream,
                    tokens - taken,
                    factor,
                    to_text(now),
                    to_text(closed_until) if closed_until and pause > 0 else None,
                ),
            )
        self._left += taken
        if taken:
            return 0.0
        return pause if pause > 0 else (1 - tokens) / (self._rate * factor)

    def _filled(self, now: datetime) -> tuple[float, float, datetime | None]:
        row = self._db.row(
            "SELECT tokens, factor, filled_at, closed_until FROM budgets WHERE upstream = ?",
            (self._upstream,),
        )
        if row is None:
            return self._most, 1.0, None
        # Never negative: a clock that was set back must not empty the bucket.
        passed = max(0.0, (now - from_text(row["filled_at"])).total_seconds())
        factor = min(1.0, row["factor"] + passed / 60 * _RECOVERY_A_MINUTE)
        tokens = min(self._most, row["tokens"] + passed * self._rate * factor)
        until = row["closed_until"]
        closed = bounded(from_text(until), now, ASKED) if until else None
        return tokens, factor, closed

    def penalise(self, retry_after: float | None) -> None:
        """The upstream asked us to slow down: halve the rate, pause for `retry_after` seconds."""
        if not self._rate:
            return
        pause = min(timedelta(seconds=retry_after or 0), ASKED)
        with self._lock, self._db.transaction() as connection:
            now = self._clock.now()
            tokens, factor, closed_until = self._filled(now)
            until = max(now + pause, closed_until or now)
            connection.execute(
                _KEEP,
                (
                    self._upstream,
                    min(tokens, 1.0),
                    max(_LEAST_FACTOR, factor / 2),
                    to_text(now),
                    to_text(until),
                ),
            )
            self._left = 0


class Budgets:
    """The rate budgets of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def of(self, upstream: str, per_minute: int) -> Budget:
        """The budget of one upstream; 0 requests per minute: no limit."""
        return Budget(self._db, self._clock, upstream, per_minute)

    def clear_penalties(self, upstream: str | None = None) -> None:
        """Forget the reduced rate and pause of every upstream, or of that one."""
        with self._db.transaction() as connection:
            connection.execute(
                "DELETE FROM budgets WHERE CAST(?1 AS TEXT) IS NULL OR upstream = ?1", (upstream,)
            )


_KEEP = """
INSERT INTO budgets (upstream, tokens, factor, filled_at, closed_until) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (upstream) DO UPDATE SET tokens = excluded.tokens, factor = excluded.factor,
    filled_at = excluded.filled_at, closed_until = excluded.closed_until
"""
