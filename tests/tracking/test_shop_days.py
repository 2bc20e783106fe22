"""Days of a shop on a virtual clock, across a change of the clocks: each day's books balance.

`benchmarks/thirty_days.py` lets thirty such days go by, at 200 orders a day.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from days_books import ALERTS
from days_kit import STORIES, Pace, life
from days_more import whole_life

_LATER = ("cut late", "refunded late")


def test_days_of_a_shop(tmp_path: Path) -> None:
    told = Counter[str]()
    with life(tmp_path, "2026-10-29", Pace(orders=15, stories=1.5)) as days:
        assert days.stories == STORIES
        for number in range(4):
            days.day(number)
            told += days.told
    assert told["sent"] > 30
    assert told["shipped"] > 20
    assert told["refused"]
    assert told["cut short"]
    assert all(told[story] for story in ALERTS if story not in _LATER), told


def test_days_with_clocks_that_are_set_lost_ledgers_and_reconcile(tmp_path: Path) -> None:
    told = Counter[str]()
    with whole_life(tmp_path, "2026-03-05", Pace(orders=15, stories=1.5)) as (days, agreement):
        for number in range(3):
            days.day(number)
            told += days.told
    assert told["sent"] > 25
    assert told["refused"]
    assert told["cut short"]
    assert told["came back"]
    assert told["refunded"]
    assert told["clock set"] == 6
    assert (told["rebuilt"], told["restored"]) == (1, 1)
    assert agreement.standing["shipped_not_ordered"]
    assert agreement.standing["sent_not_in_ledger"]
