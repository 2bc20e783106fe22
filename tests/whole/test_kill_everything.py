"""Every command that writes, and the listener, killed at its work: everything still converges.

A part of what ``benchmarks/kill_everything.py`` does at length.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kill_kit import TURNS, killing
from sample import one_of


@pytest.mark.parametrize(("dialect", "seed"), one_of(("oms", 11), ("rest", 12)))
def test_killed_at_work(tmp_path: Path, dialect: str, seed: int) -> None:
    with killing(tmp_path, dialect, seed) as loop:
        loop.kill(len(TURNS))
        loop.settle()
        assert loop.kills.total() == len(TURNS)
        assert loop.deliveries.promises
