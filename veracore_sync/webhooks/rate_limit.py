"""Hints may use a quarter of VeraCore's rate budget, so that a flood leaves the rest to timers."""

from __future__ import annotations

from veracore_sync.clock import Clock

_SHARE = 0.25


class HintRateLimiter:
    """A bucket of requests that hints may cause.

    Args:
        rate_per_minute: The whole budget; 0 is without limit.
        clock: Its monotonic time.
    """

    def __init__(self, rate_per_minute: int, clock: Clock) -> None:
        self._most = rate_per_minute * _SHARE
        self._left = self._most
        self._clock = clock
        self._at = clock.monotonic()

    def take(self, requests: int) -> bool:
        """Take requests if any are left; going below zero delays the next hint."""
        if not self._most:
            return True
        now = self._clock.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60)
        self._at = now
        if self._left <= 0:
            return False
        self._left -= requests
        return True
