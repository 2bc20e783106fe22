"""How long a stored time may be waited for, also in SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from fakes import START

from veracore_sync import waits
from veracore_sync.clock import to_text

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def test_the_longest_wait_of_each_kind() -> None:
    """A shorter one would end waits early, and a longer one is how long a wrong clock may delay."""
    assert timedelta(0) == waits.NONE
    hours = (waits.ASKED, waits.TRIAL, waits.RECHECK, waits.CANCELLATION, waits.HINT, waits.EVENT)
    assert set(hours) == {HOUR}
    assert {waits.NET, waits.SLIP, waits.STRANGER} == {DAY}
    assert waits.TOLD == DAY * 7
    assert waits.SPREAD == 1.1


@pytest.mark.parametrize("longest", [HOUR, DAY])
@pytest.mark.parametrize(
    ("ahead", "over"),
    [
        (-DAY, True),
        (-SECOND, True),
        (timedelta(0), True),
        (SECOND, False),
        (None, False),
        # further ahead than a correct clock puts it
        (SECOND * 2, True),
        (DAY * 900, True),
    ],
)
def test_a_wait_is_over_in_sql_when_it_is_over(
    longest: timedelta, ahead: timedelta | None, over: bool
) -> None:
    # Beside both ends: now, and the longest wait from now.
    if ahead is None:
        ahead = longest
    elif ahead > SECOND:
        ahead += longest - SECOND
    moment = START + ahead
    assert waits.is_over(moment, START, longest) is over
    assert waits.bounded(moment, START, longest) == (moment if ahead <= longest else START)
    with closing(sqlite3.connect(":memory:")) as database:
        found = database.execute(
            f"SELECT 1 FROM (SELECT :moment AS at) WHERE {waits.is_over_sql('at')}",
            {"moment": to_text(moment), **waits.horizon(START, longest)},
        ).fetchall()
    assert bool(found) is over


def test_what_was_never_set_is_never_over_in_sql() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        found = database.execute(
            f"SELECT 1 FROM (SELECT NULL AS at) WHERE {waits.is_over_sql('at')}",
            waits.horizon(START, HOUR),
        ).fetchall()
    assert not found


@pytest.mark.parametrize(("ahead", "expected"), [(-DAY, False), (timedelta(0), False)])
def test_what_is_past_is_not_ahead(ahead: timedelta, expected: bool) -> None:
    assert waits.is_ahead(START + ahead, START) is expected
    assert waits.is_ahead(START + SECOND, START) is True
