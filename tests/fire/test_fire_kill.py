"""The run dies: anywhere, in each gap on purpose, or only nearly."""

from __future__ import annotations

import os
import signal
import time

import pytest
from fire_kit import CREATE, Fire
from kill_loop import KillLoop

GAPS = ("intent committed", "answered", "outcome committed")
KILLS = 32


def test_killed_at_random_moments_each_order_goes_out_once(fire: Fire) -> None:
    loop = KillLoop(fire, seed=3)
    loop.kill(KILLS // 2)
    fire.run_until_at_rest()
    fire.assert_each_once()
    assert loop.kills >= KILLS // 2
    assert loop.found["sending"] >= 3, loop.found


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
    fire.slow(2000, [CREATE[fire.dialect]])
    run = fire.rig.start("sync-orders")
    while not fire.creates():
        time.sleep(0.01)
    fire.mend()
    fire.fault("hang_after", count=2)
    while len(fire.creates()) < 3:
        time.sleep(0.01)
    run.kill()
    run.communicate()
    with fire.rig.ledger() as ledger:
        assert ledger.orders.counts()["sending"] == 2
    first = fire.rig.sync()
    assert first["adopted"] == 2, first
    fire.assert_each_once()


@pytest.mark.parametrize("gap", GAPS)
def test_stopped_in_a_gap_for_longer_than_every_timeout(fire: Fire, gap: str) -> None:
    fire.rig.env["VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS"] = "3"
    fire.rig.env["VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS"] = "3"
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
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, (out, err)
    fire.run_until_at_rest()
    fire.assert_each_once()
