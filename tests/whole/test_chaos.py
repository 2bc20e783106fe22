"""Everything that can go wrong at once, six short lives: at the end all books balance.

A part of what ``benchmarks/chaos.py`` does at length.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from chaos_kit import chaos
from sample import one_of

STEPS = 2


@pytest.mark.parametrize("seed", one_of(*range(6)))
def test_a_life_in_chaos(tmp_path: Path, seed: int) -> None:
    with chaos(tmp_path, ("oms", "rest")[seed % 2], seed) as life:
        life.live(STEPS)
        life.settle()
