"""A shop restored from a backup gives the code of a sent order to another customer."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from fire_kit import Fire

from veracore_sync.jobs.orders.ids import renewed_id


def restored(fire: Fire) -> str:
    """The code of an order that was sent, and that another order of the shop has now."""
    (code,) = fire.place(1)
    fire.rig.sync()
    reuse(fire, code)
    return code


def reuse(fire: Fire, code: str) -> None:
    """The shop, restored from a backup, gives this code to another customer's order."""
    state = fire.shop.state
    (first,) = [one for one in state.orders.values() if one.code == code]
    del state.orders[first.id]
    second = state.place_order([("MUG", 2), ("TEE", 1)])
    del state.by_code[second.code]
    second.code = code
    state.by_code[code] = second


def fulfilments(fire: Fire, code: str) -> list[Any]:
    (order,) = [one for one in fire.shop.state.orders.values() if one.code == code]
    return order.fulfilments


def tracked(fire: Fire) -> Any:
    env = {"VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0"}
    ended = fire.rig.run("sync-tracking", "--json", **env)
    assert ended.code == 0, (ended.out, ended.err)
    return ended.json


def test_the_second_order_is_seen_sent_and_shipped_apart_from_the_first(fire: Fire) -> None:
    code = restored(fire)
    # Before `sync-orders` has seen it, no shipment of the first reaches the second.
    fire.rig.control("ship", {"order": code, "packages": [{"tracking": "T1", "carrier": "UPS"}]})
    fire.rig.run("sync-tracking", VERACORE_SYNC_TRACKING__SETTLE_MINUTES="0")
    assert fulfilments(fire, code) == []

    ended = fire.rig.run("sync-orders", "--json")
    assert (ended.code, ended.json["conflict"]) == (3, 1)
    assert fire.rig.run("sync-orders").code == 0
    tracked(fire)
    assert fulfilments(fire, code) == []
    shown = fire.rig.run("stats", "--order", code, "--json").json
    (earlier,) = shown["earlierOrders"]
    assert (shown["syncStatus"], earlier["syncStatus"]) == ("conflict", "shipped")
    assert earlier["veracoreOrderId"] == code
    assert earlier["vendureOrderCode"] in fire.rig.run("stats", "--order", code).out
    assert "had this code" in fire.rig.run("stats", "--check").out

    refused = fire.rig.run("resolve", code, "--adopt", code)
    assert (refused.code, "belongs to another order" in refused.err) == (2, True)
    assert fire.rig.run("resolve", code, "--new-id").code == 0
    assert fire.rig.run("sync-orders").code == 0
    own = renewed_id(code, "", 1)
    assert (fire.row(code).state, fire.row(code).veracore_id) == ("synced", own)
    assert fire.rig.run("stats", "--check").code == 0
    fire.rig.control("ship", {"order": own, "packages": [{"tracking": "T2", "carrier": "UPS"}]})
    tracked(fire)
    (made,) = fulfilments(fire, code)
    assert made.tracking_code == "T2"
    assert fire.row(code).state == "shipped"


def test_killed_at_any_moment_both_are_there_or_the_first_alone(fire: Fire) -> None:
    code = restored(fire)
    died = fire.rig.run("sync-orders", VERACORE_SYNC_TEST_FAILPOINT="set aside:kill")
    assert died.code == -signal.SIGKILL
    with fire.rig.ledger() as ledger:
        assert ledger.orders.set_aside_from([code]) == {}
    assert fire.row(code).state == "synced"
    assert fire.rig.run("sync-orders").code == 3
    with fire.rig.ledger() as ledger:
        (first,) = ledger.orders.set_aside_from([code])[code]
    assert (fire.row(code).state, first.state, first.veracore_id) == ("conflict", "synced", code)
    assert len(fire.rig.control("orders")["orders"]) == 1


def test_cancelling_by_a_code_that_means_two_orders_cancels_neither(fire: Fire) -> None:
    code = restored(fire)
    refused = fire.rig.run("cancel", code)
    assert refused.code == (3 if fire.dialect == "oms" else refused.code)
    assert fire.rig.requests("CancelOrder") == []
    if fire.dialect == "rest":
        return  # It cannot cancel any order.
    assert "another order of the shop has this code now" in refused.err
    assert fire.rig.run("sync-orders").code == 3
    with fire.rig.ledger() as ledger:
        (first,) = ledger.orders.set_aside_from([code])[code]
    assert fire.rig.run("cancel", first.code).code == 0
    assert len(fire.rig.requests("CancelOrder")) == 1


@pytest.mark.parametrize("end", ["cancel", "ship"])
def test_a_parcel_that_must_not_leave_stays_an_alert(fire: Fire, end: str) -> None:
    if fire.dialect == "rest":
        pytest.skip("it cannot cancel any order")
    (code,) = fire.place(1)
    fire.rig.sync()
    fire.rig.control("behaviour", {"cancel": "no_permission"})
    assert fire.rig.run("cancel", code).code == 3
    reuse(fire, code)
    assert fire.rig.run("sync-orders").code == 3
    with fire.rig.ledger() as ledger:
        (first,) = ledger.orders.set_aside_from([code])[code]
        kept = {one.kind for one in ledger.alerts.standing() if one.code == first.code}
    assert kept == {"order.not_cancelled"}
    fire.rig.control(end, {"order": code})
    for _ in range(3):
        time.sleep(1.05)
        fire.rig.run("sync-orders")
        fire.rig.run("sync-tracking", VERACORE_SYNC_TRACKING__SETTLE_MINUTES="0")
    with fire.rig.ledger() as ledger:
        kept = {one.kind for one in ledger.alerts.standing() if one.code == first.code}
        row = ledger.orders.get(first.code)
    assert row is not None
    assert (row.state, kept & {"order.not_cancelled"}) == (
        "cancelled" if end == "cancel" else "shipped",
        set(),
    )
