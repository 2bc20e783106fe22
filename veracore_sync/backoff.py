"""How long a failure waits for its next try: exponential backoff with jitter.

Waits that begin together would end together, and all retries would hit an upstream that has just
recovered. So jitter shortens each wait. It never lengthens one: a configured maximum stays the
maximum, the bounds of `veracore_sync.waits` hold, and a timer of the same interval is not missed by
a moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

Uniform = Callable[[float, float], float]
"""Returns a random number between two others."""

LEAST = 0.9
"""The share of a wait that jitter always leaves."""
_MOST_DOUBLINGS = 40


def spread(
    wait: timedelta, *, least: float = LEAST, uniform: Uniform = random.uniform
) -> timedelta:
    """`wait` times a random factor between `least` and 1."""
    return wait * uniform(least, 1.0)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles with each failure in a row, is capped, and gets jitter.

    Args:
        first: The wait after the first failure.
        longest: The cap.
        least: As in `spread`; 0 is full jitter.
        uniform: The source of randomness.
    """

    first: timedelta
    longest: timedelta
    least: float = LEAST
    uniform: Uniform = random.uniform

    def wait(self, failures: int) -> timedelta:
        """The wait after that many failures in a row (at least one)."""
        # Computed in seconds: a timedelta may overflow before it is capped.
        doubled = self.first.total_seconds() * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        full = timedelta(seconds=min(doubled, self.longest.total_seconds()))
        return spread(full, least=self.least, uniform=self.uniform)
