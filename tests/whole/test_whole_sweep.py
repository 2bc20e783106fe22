"""Three requests in ten fail, at both ends, in every way: nothing is lost, doubled or oversold.

A part of what ``benchmarks/fault_sweep.py`` does at length.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from whole_kit import COMMANDS, whole


@pytest.mark.parametrize(("dialect", "rounds"), [("oms", 24), ("rest", 12)])
def test_a_sweep(tmp_path: Path, dialect: str, rounds: int) -> None:
    with whole(tmp_path, dialect, seed=7) as world:
        for round_number in range(rounds):
            world.something_happens()
            world.set_on_fire(0.3, seed=round_number)
            world.run(*COMMANDS[round_number % len(COMMANDS)])
            world.mend()
            world.never_more_for_sale_than_there_is()
        assert world.faults > rounds // 2
        world.come_to_rest()
        world.books_balance()
        world.events_agree()
