"""No moment that a wrong clock wrote delays anything for longer than its kind ever waits.

The table is tests/moments_kit.py: each kind against steps of the clock between what writes it and
what waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from moments_kit import (
    CASES,
    STEPS,
    Bed,
    Case,
    Goes,
    ledger_made,
    order_exhausted,
    watched_changes,
)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = CASES[request.param]
    return found


@pytest.fixture
def bed(tmp_path: Path, case: Case) -> Iterator[Bed]:
    made = Bed(tmp_path / "ledger.db", **case.sections)
    yield made
    made.ledger.close()


def test_it_waits_as_long_as_it_should_by_a_clock_that_is_right(bed: Bed, case: Case) -> None:
    goes = case.write(bed)
    if case.longest > timedelta(minutes=2):
        assert not goes()
    bed.clock.moment += case.longest
    assert goes()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_a_wrong_clock_wrote_is_over_in_time(bed: Bed, case: Case, step: timedelta) -> None:
    bed.clock.off = step
    goes = case.write(bed)
    bed.clock.off = timedelta(0)
    assert _within(bed, case, goes)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_the_right_clock_wrote_is_over_in_time(bed: Bed, case: Case, step: timedelta) -> None:
    goes = case.write(bed)
    bed.clock.off = step
    if step > timedelta(0) or case.write not in OF_THE_SHOP:
        assert _within(bed, case, goes)
    bed.clock.off = timedelta(0)
    assert goes() or _within(bed, case, goes)


OF_THE_SHOP = (watched_changes, order_exhausted, ledger_made)
"""What the shop does is told by its own clock: a machine that lags behind hears of it later."""


def _within(bed: Bed, case: Case, goes: Goes) -> bool:
    """Whether it goes on by the end of its longest wait, looked at as often as timers do."""
    end = bed.clock.moment + case.longest
    pause = max(case.longest / 20, timedelta(seconds=1))
    while not goes():
        if bed.clock.moment > end:
            return False
        bed.clock.moment = max(bed.clock.moment, min(bed.clock.moment + pause, end))
        if bed.clock.moment == end:
            return goes()
    return True
