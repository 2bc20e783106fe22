"""Retries inside a run: the only module that uses the backoff library.

Reads only, after temporary failures only: few tries, full jitter, ``Retry-After`` obeyed, and a
deadline on the monotonic clock (backoff's own ``max_time`` follows the wall clock).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

from veracore_sync.backoff import Backoff
from veracore_sync.clock import Clock, SystemClock
from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.failures import TRIED_AGAIN

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a read is repeated, and with which waits.

    Args:
        tries: Attempts in all.
        base_seconds: The first wait is drawn from 0 to this; each further one from twice as much.
        cap_seconds: The most a wait is drawn from, and the longest Retry-After obeyed in a run.
        budget_seconds: No new try begins after this long.
    """

    tries: int = 3
    base_seconds: float = 0.5
    cap_seconds: float = 20.0
    budget_seconds: float = 60.0


def retry_read(call: Callable[[], T], policy: RetryPolicy, clock: Clock | None = None) -> T:
    """Call until it succeeds, fails for good, or the policy is used up.

    Args:
        call: The read; raises an error of `veracore_sync.domain.errors`.
        policy: How often and how long.
        clock: The monotonic clock for the deadline.

    Returns:
        What `call` returned.

    Raises:
        UpstreamError: The last error of `call`.
    """
    ticking = clock or SystemClock()
    deadline = ticking.monotonic() + policy.budget_seconds

    def hopeless(error: Exception) -> bool:
        return ticking.monotonic() >= deadline or not _may_pass(error, policy)

    try:
        return call()
    except UpstreamError as error:
        if policy.tries <= 1 or hopeless(error):
            raise
        failed = [error]

    def again() -> T:
        # The first call has been made, and counts as a try.
        if failed:
            raise failed.pop()
        return call()

    # Brings asyncio, which takes as long to import as all of httpx, and is needed by no read that
    # succeeds.
    import backoff

    retrying = backoff.on_exception(
        lambda: _waits(policy),
        UpstreamError,
        max_tries=policy.tries,
        giveup=hopeless,
        jitter=None,
        logger=None,
    )
    return retrying(again)()


def _may_pass(error: Exception, policy: RetryPolicy) -> bool:
    if isinstance(error, UpstreamError) and error in TRIED_AGAIN:
        return (error.retry_after or 0.0) <= policy.cap_seconds
    return False


def _waits(policy: RetryPolicy) -> Generator[float, Any, None]:
    first, longest = (timedelta(seconds=s) for s in (policy.base_seconds, policy.cap_seconds))
    # Several workers fail at the same moment, so their waits are spread from 0 to the full length.
    schedule = Backoff(first, longest, least=0.0)
    error = yield 0.0  # backoff primes the generator, then sends each exception
    for failures in count(1):
        asked = getattr(error, "retry_after", None) or 0.0
        error = yield max(asked, schedule.wait(failures).total_seconds())
