"""How long whatever has failed waits for its next try: one schedule, spread by chance.

Waits that were set off together would end together, and meet at an upstream that has just come
back. So each is shortened by chance. Never lengthened: what a setting calls the longest wait is the
longest, every bound of `veracore_sync.waits` holds, and a timer of the same length does not miss
its turn by a moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

Uniform = Callable[[float, float], float]
"""Draws a number between two others."""

LEAST = 0.9
"""The share of a wait that chance always leaves."""
_MOST_DOUBLINGS = 40


def spread(
    wait: timedelta, *, least: float = LEAST, uniform: Uniform = random.uniform
) -> timedelta:
    """A wait, shortened by chance down to the share `least` of it."""
    return wait * uniform(least, 1.0)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubled with each failure in a row, capped, and spread.

    Args:
        first: After the first failure.
        longest: No wait is longer.
        least: As of `spread`; 0 spreads over the whole wait.
        uniform: The chance.
    """

    first: timedelta
    longest: timedelta
    least: float = LEAST
    uniform: Uniform = random.uniform

    def wait(self, failures: int) -> timedelta:
        """How long what has failed so many times in a row (one or more) waits."""
        # In seconds: a timedelta of a thousand centuries cannot be.
        doubled = self.first.total_seconds() * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        full = timedelta(seconds=min(doubled, self.longest.total_seconds()))
        return spread(full, least=self.least, uniform=self.uniform)
