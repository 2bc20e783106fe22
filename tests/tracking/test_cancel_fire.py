"""A share of the faults of ``benchmarks/cancel_fire.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from cancel_fire_kit import ENV, CancelFire
from tracking_world import world


@pytest.mark.parametrize("seed", [1, 2])
def test_no_false_cancellation_and_nothing_leaves_untold(tmp_path: Path, seed: int) -> None:
    with world(tmp_path, **ENV) as bed:
        fire = CancelFire(bed, seed)
        fire.burn(60)
        assert fire.suffered >= 60
        assert fire.verdict.false_cancelled == fire.verdict.untold == fire.verdict.open == []
        assert fire.verdict.ends["cancelled"] >= 3
        assert fire.verdict.left >= 1
