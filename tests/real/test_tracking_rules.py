"""On a real Vendure: who made a fulfilment, units that VeraCore never has, and long texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import real_kit
from realvendure import RealVendure
from rig import Rig
from sample import one_of
from test_tracking import live, parcel, track

from veracore_sync.sandbox.server import Sandbox

ONE, TWO, THREE = "SKU-000001", "SKU-000002", "SKU-000003"
NUMBER = "1Z999AA10123456784"
UPS = [f"1Z999AA101234567{n:02}" for n in range(40)]


def rig_of(vendure: RealVendure, sandbox: Sandbox, folder: Path, dialect: str = "oms") -> Rig:
    rig = real_kit.make_rig(vendure, sandbox, folder, dialect)
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    rig.env["VERACORE_SYNC_SKUS__EXCLUDE"] = f'["{TWO}", "{THREE}"]'
    return rig


def notes(vendure: RealVendure, code: str) -> list[str]:
    query = """query($code: String!) { orders(options: { filter: { code: { eq: $code } } })
      { items { history(options: { take: 100 }) { items { type data } } } } }"""
    (order,) = vendure.admin(query, {"code": code})["orders"]["items"]
    items = order["history"]["items"]
    return [one["data"]["note"] for one in items if one["type"] == "ORDER_NOTE"]


def alerts(rig: Rig) -> list[str]:
    with rig.ledger() as ledger:
        return [one.kind for one in ledger.alerts.standing()]


@pytest.mark.parametrize("db", one_of("sqljs", "mariadb"))
def test_every_rule_on_one_server(
    db: str,
    start_any_vendure: Callable[..., RealVendure],
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    """One server for all of it: a start costs more than the orders."""
    vendure = start_any_vendure(db=db)
    rig = rig_of(vendure, sandbox, tmp_path)
    _mixed(rig, vendure)
    _long_texts(rig, vendure, is_strict=db == "mariadb")
    _cut_and_killed(rig, vendure)
    _by_hand(rig, vendure)
    _ours_without_a_code(rig, vendure)


def _ordered(rig: Rig, vendure: RealVendure, *lines: tuple[str, int]) -> Any:
    order = vendure.place_order(list(lines))
    rig.sync()
    return order


def _mixed(rig: Rig, vendure: RealVendure) -> None:
    left = _ordered(rig, vendure, (ONE, 2), (TWO, 1))
    rig.control("ship", {"order": left.code, "packages": [parcel(NUMBER)]})
    track(rig)
    assert live(vendure, left) == [("Shipped", NUMBER, {ONE: 2})]
    assert vendure.order(left)["state"] == "PartiallyShipped"
    told = rig.run("stats", "--order", left.code, "--json").json
    assert told["syncStatus"] == "shipped"
    assert f"1 x {TWO} is left to the shop" in told["errorMessage"]
    assert track(rig)["ordersChecked"] == 0

    rig.env["VERACORE_SYNC_TRACKING__FULFIL_EXCLUDED"] = "with_last"
    order = _ordered(rig, vendure, (ONE, 2), (TWO, 1), (THREE, 3))
    rig.control("ship", {"order": order.code, "packages": [parcel(UPS[39])]})
    track(rig)
    assert live(vendure, order) == [
        ("Shipped", UPS[39], {ONE: 2}),
        ("Shipped", "", {TWO: 1, THREE: 3}),
    ]
    assert vendure.order(order)["state"] == "Shipped"

    order = _ordered(rig, vendure, (ONE, 2), (TWO, 1))
    rig.control("ship", {"order": order.code, "packages": [parcel(UPS[38])]})
    vendure.fulfil(order, [(TWO, 1)], state="Pending", tracking="counter")
    track(rig)
    assert live(vendure, order) == [
        ("Pending", "counter", {TWO: 1}),
        ("Shipped", UPS[38], {ONE: 2}),
    ]
    assert track(rig)["ordersChecked"] == 0
    assert alerts(rig) == []


def _long_texts(rig: Rig, vendure: RealVendure, *, is_strict: bool) -> None:
    order = _ordered(rig, vendure, (ONE, 2))
    packages = [parcel(number) for number in UPS[:20]]
    packages[0]["service"] = "UPS Ground 📦 " + "é" * 300
    rig.control("ship", {"order": order.code, "packages": packages})
    track(rig)
    assert live(vendure, order) == [("Shipped", ", ".join(UPS[:12]) + " +8 more", {ONE: 2})]
    (note,) = notes(vendure, order.code)
    assert all(number in note for number in UPS[:20])
    track(rig, "--order", order.code)
    assert len(notes(vendure, order.code)) == 1
    assert alerts(rig) == []

    if is_strict:
        # What is not cut is refused there.
        order = _ordered(rig, vendure, (ONE, 1))
        with pytest.raises(Exception, match="too long"):
            vendure.fulfil(order, tracking="x" * 256)

    for code in ("é" * 300, "📦 prepaid now", "x" * 256):
        order = _ordered(rig, vendure, (ONE, 1))
        rig.control("ship", {"order": order.code, "packages": [parcel(code)]})
        track(rig)
        ((state, shown, _),) = live(vendure, order)
        assert (state, len(shown) <= 255) == ("Shipped", True)
    assert alerts(rig) == []


def _cut_and_killed(rig: Rig, vendure: RealVendure) -> None:
    order = _ordered(rig, vendure, (ONE, 2))
    rig.control("ship", {"order": order.code, "packages": [parcel(n) for n in UPS[20:38]]})
    died = rig.run("sync-tracking", VERACORE_SYNC_TEST_FAILPOINT="fulfilment added:kill")
    assert died.code == -9
    track(rig)
    track(rig, "--order", order.code)
    assert live(vendure, order) == [("Shipped", ", ".join(UPS[20:32]) + " +6 more", {ONE: 2})]
    assert len(notes(vendure, order.code)) == 1


def _by_hand(rig: Rig, vendure: RealVendure) -> None:
    kind = "order.pending_by_hand"
    order = _ordered(rig, vendure, (ONE, 2))
    made = vendure.fulfil(order, state="Pending", tracking="pick up")
    rig.control("ship", {"order": order.code, "packages": [parcel("1Z999AA10123456000")]})
    track(rig, code=3)
    assert live(vendure, order) == [("Pending", "pick up", {ONE: 2})]
    assert alerts(rig) == [kind]
    vendure.transition_fulfilment(made, "Cancelled")
    track(rig, "--order", order.code, "--force")
    assert live(vendure, order) == [("Shipped", "1Z999AA10123456000", {ONE: 2})]
    assert alerts(rig) == []

    order = _ordered(rig, vendure, (ONE, 1))
    made = vendure.fulfil(order, state="Pending")
    rig.control("ship", {"order": order.code, "packages": [parcel("1Z999AA10123456001")]})
    track(rig, code=3)
    vendure.transition_fulfilment(made, "Shipped")
    track(rig, "--order", order.code, "--force")
    assert live(vendure, order) == [("Shipped", "", {ONE: 1})]
    assert vendure.order(order)["state"] == "Shipped"
    assert alerts(rig) == []


def _ours_without_a_code(rig: Rig, vendure: RealVendure) -> None:
    order = _ordered(rig, vendure, (ONE, 2))
    rig.control("ship", {"order": order.code, "packages": []})
    died = rig.run("sync-tracking", VERACORE_SYNC_TEST_FAILPOINT="fulfilment added:kill")
    assert died.code == -9
    assert live(vendure, order) == [("Pending", "", {ONE: 2})]
    track(rig)
    assert live(vendure, order) == [("Shipped", "", {ONE: 2})]
    assert vendure.order(order)["state"] == "Shipped"
    assert alerts(rig) == []
