"""Stored or not, the answer is lost or strange: adopted, recognised, put before a person."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fire_kit import DIALECTS, LOOK_UP, Fire, set_on_fire
from held_answers import held_answers_time_out
from rig import HereRig

from veracore_sync.sandbox.records import Line, Order

AFTER = ("reset_after", "hang_after", "html_after", "truncate", "slow_drip", "fault_unlisted")
BEFORE = ("reset_before", "html_500", "http_503", "fault_unlisted")


@pytest.fixture(params=DIALECTS)
def fire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fire]:
    with set_on_fire(tmp_path, request.param, HereRig) as burning, held_answers_time_out():
        yield burning


def sold(fire: Fire) -> None:
    """One order that went well, so that these credentials have found one."""
    fire.place(1)
    fire.rig.sync()


def wait_out_the_grace(fire: Fire, runs: int = 3) -> list[Any]:
    """Runs until the doubts must have ended."""
    documents = []
    for _ in range(runs):
        time.sleep(1.1)
        documents.append(fire.rig.run("sync-orders", "--json"))
    return documents


@pytest.mark.parametrize("kind", AFTER[:-1])
def test_stored_and_then_the_answer_is_lost(fire: Fire, kind: str) -> None:
    rule: dict[str, Any] = {}
    if kind == "slow_drip":
        fire.rig.env["VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS"] = "3"
        rule = {"delay_ms": 150}
    fire.place(3)
    fire.fault(kind, count=1, **rule)
    first = fire.rig.sync()
    assert (first["adopted"], first["submitted"], first["inDoubt"]) == (1, 2, 0), first
    assert len(fire.creates()) == 3
    fire.assert_each_once()


@pytest.mark.parametrize("kind", BEFORE[:-1])
def test_never_arrived_and_nobody_knows(fire: Fire, kind: str) -> None:
    sold(fire)
    fire.place(2)
    fire.fault(kind, count=1)
    first = fire.rig.run("sync-orders", "--json")
    assert (first.code, first.json["inDoubt"], first.json["submitted"]) == (0, 1, 1), first
    assert first.json["orders"][0]["syncStatus"] in ("in_doubt", "synced")
    fire.run_until_at_rest()
    fire.assert_each_once()


def test_an_unlisted_fault_parks_only_that_order_and_quotes(fire: Fire) -> None:
    sold(fire)
    bad, *good = fire.place(5)
    fire.fault("fault_unlisted", order=bad)
    first = fire.rig.sync()
    assert (first["submitted"], first["inDoubt"]) == (4, 1)
    ended = wait_out_the_grace(fire)
    assert 3 in [one.code for one in ended]
    row = fire.row(bad)
    assert (row.state, row.cause) == ("parked", "refused")
    assert {fire.row(code).state for code in good} == {"synced"}
    fire.mend()
    fire.rig.run("retry", bad)
    fire.run_until_at_rest()
    assert fire.row(bad).state == "synced"


def test_a_403_for_one_order_stops_only_that_order(fire: Fire) -> None:
    sold(fire)
    bad, *good = fire.place(5)
    fire.fault("http_403", order=bad)
    first = fire.rig.sync()
    assert (first["submitted"], first["inDoubt"]) == (4, 1)
    assert {fire.row(code).state for code in good} == {"synced"}
    wait_out_the_grace(fire)
    row = fire.row(bad)
    assert row.state == "parked"
    assert "403" in (row.error_message or "")
    assert len([one for one in fire.creates() if one["order"] == bad]) == 1


def test_other_content_under_our_id(fire: Fire) -> None:
    sold(fire)
    [code] = fire.place(1)
    enter_by_hand(fire, code, [("MUG", 5), ("POSTER", 1)])
    ended = fire.rig.run("sync-orders", "--json")
    row = fire.row(code)
    if fire.dialect == "rest":  # it shows existence alone
        assert (ended.code, row.state) == (0, "synced")
        return
    assert (ended.code, row.state) == (3, "conflict")
    for words in ("MUG 5 there, 2 sent", "POSTER 1 there, 0 sent", "TEE 0 there, 1 sent"):
        assert words in (row.error_message or "")
    assert fire.rig.run("sync-orders", "--json").code == 0
    assert fire.row(code).state == "conflict"


def test_cancelled_at_the_warehouse_before_the_doubt_ended(fire: Fire) -> None:
    sold(fire)
    [code] = fire.place(1)
    fire.fault("reset_after", count=1)
    fire.fault("http_503", operations=[LOOK_UP[fire.dialect]])
    fire.rig.run("sync-orders", "--json")
    assert fire.row(code).state == "in_doubt"
    fire.rig.control("cancel", {"order": code})
    fire.mend()
    ended = fire.rig.run("sync-orders", "--json")
    assert (ended.code, fire.row(code).state) == (3, "cancelled")
    assert fire.rig.sync()["submitted"] == 0


@pytest.mark.parametrize("stored", [True, False])
def test_cancelled_in_the_shop_before_the_doubt_ended(fire: Fire, stored: bool) -> None:
    sold(fire)
    [code] = fire.place(1)
    fire.fault("reset_after" if stored else "reset_before", count=1)
    fire.fault("http_503", operations=[LOOK_UP[fire.dialect]])
    fire.rig.run("sync-orders", "--json")
    assert fire.row(code).state == "in_doubt"
    fire.shop.state.cancel(fire.shop.state.order(code))
    fire.mend()
    codes = [fire.rig.run("sync-orders", "--json").code]
    codes += [one.code for one in wait_out_the_grace(fire)]
    assert codes.count(3) == 1, codes
    assert len([one for one in fire.creates() if one["order"] == code]) == 1
    assert fire.row(code).state == ("synced" if stored else "skipped")
    with fire.rig.ledger() as ledger:
        standing = [(alert.kind, alert.code) for alert in ledger.alerts.standing()]
    assert standing == ([("order.cancelled_in_shop", code)] if stored else [])


def test_one_false_absence_makes_no_second_order(fire: Fire) -> None:
    sold(fire)
    codes = fire.place(3)
    fire.fault("reset_after", count=1)
    fire.fault("false_absent", count=1, operations=[LOOK_UP[fire.dialect]], order=codes[0])
    fire.rig.env["VERACORE_SYNC_ORDERS__WORKERS"] = "1"
    first = fire.rig.sync()
    assert (first["submitted"], first["inDoubt"]) == (2, 1)
    fire.run_until_at_rest()
    fire.assert_each_once()


def test_a_look_up_that_fails_for_one_order_stops_no_other(fire: Fire) -> None:
    fire.rig.env["VERACORE_SYNC_RETRY__BREAKER_COOLDOWN_SECONDS"] = "300"
    sold(fire)
    [code] = fire.place(1)
    fire.fault("reset_after", count=1, order=code)
    fire.fault("http_503", operations=[LOOK_UP[fire.dialect]], order=code)
    for _ in range(3):
        fire.place(2)
        fire.rig.run("sync-orders", "--json")
    assert fire.row(code).state == "in_doubt"
    with fire.rig.ledger() as ledger:
        counts = ledger.orders.counts()
    assert (counts["synced"], counts["in_doubt"]) == (7, 1)
    fire.mend()
    fire.run_until_at_rest()
    fire.assert_each_once()


def test_a_look_up_that_fails_alike_for_every_order_ends_no_doubt(fire: Fire) -> None:
    """It answers for ours as for an id that cannot exist: that is no absence."""
    fire.fault("reset_after", count=2)
    fire.place(1)
    assert fire.rig.sync()["adopted"] == 1, "a look-up with these credentials has found one"
    [code] = fire.place(1)
    fire.fault("fault_unlisted", operations=[LOOK_UP[fire.dialect]])
    fire.rig.run("sync-orders", "--json")
    wait_out_the_grace(fire)
    assert fire.row(code).state == "in_doubt"
    fire.mend()
    fire.run_until_at_rest()
    fire.assert_each_once()


def enter_by_hand(fire: Fire, code: str, lines: Sequence[tuple[str, int]]) -> None:
    """Somebody enters an order at VeraCore under the id that ours would get."""
    world = fire.sandbox.world
    with world.lock:
        rows = [Line(sku, units) for sku, units in lines]
        at = world.now().isoformat()
        world.place(Order(code, 990_001, "oms", rows, accepted_at=at, reference=code))
