"""Many processes, many orders, and passwords that no longer fit."""

from __future__ import annotations

import pytest
from fire_kit import Fire

BACKLOG = 200


@pytest.fixture
def crowd(fire: Fire) -> Fire:
    """Two hundred paid orders."""
    fire.place(BACKLOG)
    fire.rig.env["VERACORE_SYNC_ORDERS__MAX_FIRST_RUN"] = "1000"
    return fire


def test_eight_processes_at_once(crowd: Fire) -> None:
    crowd.slow(80)
    started = [crowd.rig.start("sync-orders") for _ in range(8)]
    ended = [(run.communicate(timeout=600), run.returncode) for run in started]
    assert sorted(code for _, code in ended) == [0] + [75] * 7
    assert {text for (out, err), code in ended if code == 75 for text in (out, err)} == {""}
    crowd.mend()
    crowd.run_until_at_rest()
    crowd.assert_each_once()
    assert len(crowd.creates()) == BACKLOG


def test_a_rotated_password_with_two_hundred_orders_waiting(crowd: Fire) -> None:
    crowd.rig.env["VERACORE_CLIENT_SECRET"] = "the old one"
    asked = len(crowd.rig.requests())
    codes = [crowd.rig.run("sync-orders", "--json").code for _ in range(5)]
    assert codes == [77] * 5
    assert len(crowd.rig.requests()) == asked + 1, "one refused login"
    assert crowd.creates() == []
    with crowd.rig.ledger() as ledger:
        counts = ledger.orders.counts()
    assert (counts["pending"], sum(counts.values())) == (BACKLOG, BACKLOG)
    del crowd.rig.env["VERACORE_CLIENT_SECRET"]
    assert crowd.rig.sync()["submitted"] == BACKLOG
    crowd.assert_each_once()
