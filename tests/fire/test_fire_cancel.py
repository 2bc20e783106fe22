"""A share of the kills of ``benchmarks/cancel_fire.py``, and each gap of a cancellation."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cancel_kills import CancelKills
from fire_kit import Fire, set_on_fire

GAPS = ("cancellation intended", "cancellation answered", "cancellation recorded")


@pytest.fixture
def oms(tmp_path: Path) -> Iterator[Fire]:
    with set_on_fire(tmp_path, "oms") as burning:
        yield burning


def test_killed_at_random_moments_nothing_false_and_nothing_untold(oms: Fire) -> None:
    loop = CancelKills(oms, seed=5)
    loop.kill(12)
    # How many cancellations were begun by then depends on how far each life came.
    while sum(loop.verdict.ends.values()) < 3:
        loop.kill(loop.kills + 1)
    loop.come_to_rest(within_seconds=600)
    assert loop.verdict.false_cancelled == loop.verdict.untold == []


@pytest.mark.parametrize("gap", GAPS)
def test_killed_in_a_gap(oms: Fire, gap: str) -> None:
    [code] = oms.place(1)
    oms.rig.sync()
    ended = oms.rig.run("cancel", code, VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
    assert ended.code == -signal.SIGKILL
    with oms.rig.ledger() as ledger:
        left = ledger.cancellations.get(code)
    assert left is not None
    assert left.state == ("unknown" if gap == "cancellation recorded" else "asking")
    loop = CancelKills(oms)
    loop.come_to_rest(within_seconds=600)
    assert oms.row(code).state == "cancelled"
    # A look-up shows whether the first request worked, so there is no second one.
    assert len(oms.rig.requests("CancelOrder")) == 1
