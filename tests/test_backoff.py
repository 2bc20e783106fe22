"""One schedule for whatever is tried again: it doubles, is capped, and is spread by chance."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest

import veracore_sync
from veracore_sync import waits
from veracore_sync.backoff import LEAST, Backoff, spread
from veracore_sync.config.services import RetrySettings
from veracore_sync.domain.errors import RateLimited, TimedOut
from veracore_sync.jobs import deliver
from veracore_sync.transport.retry import RetryPolicy, _waits
from veracore_sync.webhooks import worker

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PACKAGE = Path(veracore_sync.__file__).parent


def most(least: float, most: float) -> float:
    return most


def least(least: float, most: float) -> float:
    return least


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (41, 60), (10_000, 60)],
)
def test_it_doubles_up_to_its_cap(failures: int, minutes: int) -> None:
    assert Backoff(MINUTE, HOUR, uniform=most).wait(failures) == minutes * MINUTE
    assert Backoff(MINUTE, HOUR, uniform=least).wait(failures) == minutes * MINUTE * LEAST


def test_nothing_to_wait_stays_nothing() -> None:
    assert Backoff(timedelta(0), HOUR).wait(9) == timedelta(0)


def test_days_that_double_for_ever_overflow_nothing() -> None:
    assert Backoff(DAY, 2 * DAY, uniform=most).wait(10**9) == 2 * DAY


def test_waits_are_spread_and_never_lengthened() -> None:
    drawn = {spread(HOUR) for _ in range(200)}
    assert len(drawn) > 100
    assert min(drawn) >= HOUR * LEAST
    assert max(drawn) <= HOUR
    full = {Backoff(HOUR, HOUR, least=0.0).wait(1) for _ in range(200)}
    assert min(full) < HOUR * 0.5 < max(full) <= HOUR


@pytest.mark.parametrize(
    ("schedule", "bound"),
    [
        (deliver._BACKOFF, waits.EVENT),
        (worker._BACKOFF, waits.HINT),
        (RetrySettings(cap_seconds=DAY.total_seconds()).backoff, waits.SLIP),
    ],
    ids=["event", "hint", "slip"],
)
def test_no_wait_is_longer_than_is_believed(schedule: Backoff, bound: timedelta) -> None:
    """A moment beyond its bound is taken for a wrong clock's, so its wait would not be kept."""
    longest = Backoff(schedule.first, schedule.longest, uniform=most)
    assert max(longest.wait(failures) for failures in range(1, 60)) <= bound


def test_retry_is_what_the_settings_say() -> None:
    made = RetrySettings(base_seconds=7, cap_seconds=20).backoff
    assert (made.first, made.longest) == (timedelta(seconds=7), timedelta(seconds=20))


def test_nobody_else_draws_lots() -> None:
    """The simulators play at chance by themselves."""
    found = [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.parent.name != "sandbox"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import) and any(one.name == "random" for one in node.names)
    ]
    assert found == ["backoff.py"]


def test_reads_in_a_run_wait_for_twice_as_long_each_time() -> None:
    """Spread over the whole wait: of many, the longest of each try tells how far it may go."""
    policy = RetryPolicy(base_seconds=1.0, cap_seconds=3.0)
    drawn: list[list[float]] = []
    for _ in range(300):
        waiting = _waits(policy)
        next(waiting)
        drawn.append([waiting.send(TimedOut("late", upstream="veracore")) for _ in range(4)])
    longest = [max(one) for one in zip(*drawn, strict=True)]
    assert 0.9 < longest[0] <= 1 < longest[1] <= 2 < longest[2] <= 3
    assert 2 < longest[3] <= 3
    assert min(min(one) for one in drawn) < 0.1


def test_a_read_waits_for_as_long_as_it_was_asked_to() -> None:
    waiting = _waits(RetryPolicy(base_seconds=1.0))
    next(waiting)
    assert waiting.send(RateLimited("slower", upstream="veracore", retry_after=7.5)) == 7.5
