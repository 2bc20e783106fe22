"""Both services, every timer and every upkeep command at once on one ledger, struck at random.

A part of what ``benchmarks/crowd.py`` does at length.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from crowd_kit import crowd
from sample import one_of

STEPS = 9


@pytest.mark.parametrize(("dialect", "seed"), one_of(("oms", 21), ("rest", 22)))
def test_a_crowd_on_one_ledger(tmp_path: Path, dialect: str, seed: int) -> None:
    with crowd(tmp_path, dialect, seed) as everybody:
        with everybody.at_work():
            for _ in range(STEPS):
                everybody.step()
        everybody.settle()
        assert everybody.strikes.total() >= STEPS // 2
        assert everybody.deliveries.promises
        assert everybody.acts.count
        assert everybody.orphans.looks > STEPS
