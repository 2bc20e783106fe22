"""Days of a shop on a virtual clock, across a change of the clocks: each day's books balance.

`benchmarks/thirty_days.py` lets thirty such days go by, at 200 orders a day.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from days_books import ALERTS
from days_kit import Pace, life

DAYS = 4


@pytest.mark.parametrize("start", ["2026-03-05", "2026-10-29"])
def test_days_of_a_shop(tmp_path: Path, start: str) -> None:
    told = Counter[str]()
    with life(tmp_path, start, Pace(orders=15, stories=1.5)) as days:
        for number in range(DAYS):
            days.day(number)
            told += days.told
    assert told["sent"] > 30
    assert told["shipped"] > 20
    assert told["refused"]
    assert told["cut short"]
    assert all(told[story] for story in ALERTS), told
