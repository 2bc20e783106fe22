"""The run dies: while an answer is on its way, in each gap on purpose, or only nearly."""

from __future__ import annotations

import os
import signal
import time

import pytest
from fire_kit import CREATE, LOOK_UP, Fire
from kill_loop import KillLoop

GAPS = ("intent committed", "answered", "outcome committed")


def test_killed_again_and_again_each_order_goes_out_once(fire: Fire) -> None:
    """``benchmarks/kill_orders.py`` kills at random moments, a thousand times."""
    loop = KillLoop(fire)
    for number, carried_out in ((1, True), (1, False), (2, False), (5, True)):
        fire.place(5)
        loop.kill_at(CREATE[fire.dialect], number, carried_out=carried_out)
        assert loop.found["sending"] == loop.kills, loop.found
    # Those of the dead runs are in doubt: one more dies while it looks them up.
    loop.kill_at(LOOK_UP[fire.dialect], 1, carried_out=True)
    assert loop.found["in_doubt"] >= 1, loop.found
    fire.run_until_at_rest()
    fire.assert_each_once()


@pytest.mark.parametrize("gap", GAPS)
def test_killed_in_a_gap(fire: Fire, gap: str) -> None:
    codes = fire.place(3)
    ended = fire.rig.run("sync-orders", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
    assert ended.code == -signal.SIGKILL
    if gap != "outcome committed":
        with fire.rig.ledger() as ledger:
            assert ledger.orders.counts()["sending"] >= 1
    fire.run_until_at_rest()
    fire.assert_each_once()
    assert len(codes) == 3


def test_killed_after_the_request_was_sent_and_before_its_answer(fire: Fire) -> None:
    fire.place(3)
    # The first create of a run goes alone, whichever order it is; the others then go together.
    KillLoop(fire).kill_at(CREATE[fire.dialect], 2, carried_out=True, beside=1)
    with fire.rig.ledger() as ledger:
        assert ledger.orders.counts()["sending"] == 2
    first = fire.rig.sync()
    assert first["adopted"] == 2, first
    fire.assert_each_once()


@pytest.mark.parametrize("gap", GAPS)
def test_stopped_in_a_gap_for_longer_than_every_timeout(fire: Fire, gap: str) -> None:
    fire.rig.env["VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS"] = "3"
    fire.place(3)
    run = fire.rig.start("sync-orders", "--json", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:stop")
    os.waitpid(run.pid, os.WUNTRACED)
    intended = fire.intents()
    for _ in range(3):
        other = fire.rig.run("sync-orders")
        assert (other.code, other.out, other.err) == (75, "", "")
        time.sleep(1.1)
    # What the other workers sent before all stood still may arrive late: so intents are counted.
    assert fire.intents() == intended
    assert len(fire.creates()) <= intended
    run.send_signal(signal.SIGCONT)
    out, err = run.communicate(timeout=600)
    assert run.returncode == 0, (out, err)
    fire.run_until_at_rest()
    fire.assert_each_once()
