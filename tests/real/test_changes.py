"""What staff of a real Vendure change after VeraCore accepted an order is told once, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from real_kit import make_rig
from realvendure import OrderRef, RealVendure
from rig import Rig

from veracore_sync.sandbox.server import Sandbox

LINES = [("SKU-000001", 3), ("SKU-000002", 1)]


@pytest.fixture
def rig(fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path) -> Rig:
    made = make_rig(fresh_vendure, sandbox, tmp_path)
    made.env["VERACORE_SYNC_ORDERS__PRICES"] = "gross"
    return made


def charge(vendure: RealVendure, order: OrderRef) -> None:
    """Add a surcharge, and take the money for it."""
    vendure.transition(order, "Modifying")
    surcharge = {"description": "Engraving", "price": 400, "priceIncludesTax": False, "sku": ""}
    surcharge |= {"taxRate": 0, "taxDescription": ""}
    paid = vendure.order(order)["totalWithTax"]
    given = {"dryRun": False, "orderId": order.id, "surcharges": [surcharge]}
    vendure.admin(
        "mutation($i: ModifyOrderInput!) { modifyOrder(input: $i) { __typename } }", {"i": given}
    )
    vendure._finish_modification(order, paid)


def ship_otherwise(vendure: RealVendure, order: OrderRef) -> None:
    """Choose another shipping method, and take the money for it."""
    methods = vendure.admin("{ shippingMethods { items { id code } } }")["shippingMethods"]["items"]
    (other,) = [one["id"] for one in methods if one["code"] == "express-shipping"]
    vendure.transition(order, "Modifying")
    paid = vendure.order(order)["totalWithTax"]
    given = {"dryRun": False, "orderId": order.id, "shippingMethodIds": [other]}
    vendure.admin(
        "mutation($i: ModifyOrderInput!) { modifyOrder(input: $i) { __typename } }", {"i": given}
    )
    vendure._finish_modification(order, paid)


def cancel_payment(vendure: RealVendure, order: OrderRef) -> None:
    for payment in vendure.order(order)["payments"]:
        vendure.admin(
            "mutation($id: ID!) { cancelPayment(id: $id) { __typename } }", {"id": payment["id"]}
        )


Act = Callable[[RealVendure, OrderRef], None]
CHANGES: dict[str, tuple[Act, str]] = {
    "the address": (lambda v, o: v.set_address(o, city="Potsdam"), "ship-to changed"),
    "fewer units": (lambda v, o: v.modify(o, [("SKU-000001", 2)]), "units of SKU-000001 3 → 2"),
    "more units": (lambda v, o: v.modify(o, [("SKU-000001", 5)]), "units of SKU-000001 3 → 5"),
    "another SKU": (
        lambda v, o: v.modify(o, add=[("SKU-000003", 1)]),
        "units of SKU-000003 0 → 1",
    ),
    "units cancelled": (
        lambda v, o: v.cancel(o, [("SKU-000001", 1)]),
        "units of SKU-000001 3 → 2",
    ),
    "refunded in part": (lambda v, o: v.refund(o, 100), "refunded in part (1.00 USD"),
    "refunded in full": (lambda v, o: v.refund(o), "refunded in full"),
    "a surcharge": (charge, "surcharges 0.00 → 4.00 USD"),
    "another method": (
        ship_otherwise,
        "shipping method standard-shipping → express-shipping",
    ),
    "a payment cancelled": (cancel_payment, "its payments in the shop lack"),
    "a further payment asked for": (
        lambda v, o: v.transition(o, "ArrangingAdditionalPayment"),
        "it is in ArrangingAdditionalPayment",
    ),
    "cancelled": (lambda v, o: v.cancel(o), "it was cancelled in the shop"),
}


def test_each_change_is_told_in_the_next_run_and_once(rig: Rig, fresh_vendure: RealVendure) -> None:
    placed = fresh_vendure.place_orders([{"lines": LINES}] * (len(CHANGES) + 1))
    orders = dict(zip(CHANGES, placed, strict=False))
    quiet = placed[-1]
    assert rig.sync()["submitted"] == len(placed)
    assert rig.run("sync-orders").code == 0
    for name, order in orders.items():
        CHANGES[name][0](fresh_vendure, order)
    told = rig.run("sync-orders")
    assert told.code == 3
    lines = [line.strip(" -") for line in told.err.splitlines()]
    for name, order in orders.items():
        about = [line for line in lines if line.startswith(f"{order.code}: ")]
        assert len(about) == 1, (name, about)
        assert CHANGES[name][1] in about[0]
    assert quiet.code not in told.err
    assert rig.run("sync-orders").code == 0
    for order in orders.values():
        assert rig.run("resolve", order.code, "--accept", "agreed").code == 0
    assert rig.run("sync-orders").code == 0
    assert rig.run("stats", "--check").code == 0


def test_what_is_taken_back_ends_and_what_changes_again_is_told(
    rig: Rig, fresh_vendure: RealVendure
) -> None:
    order = fresh_vendure.place_order(LINES)
    city = fresh_vendure.admin(
        "query($id: ID!) { order(id: $id) { shippingAddress { city } } }", {"id": order.id}
    )["order"]["shippingAddress"]["city"]
    rig.sync()
    fresh_vendure.set_address(order, city="Potsdam")
    assert rig.run("sync-orders").code == 3
    assert rig.run("resolve", order.code, "--accept", "agreed").code == 0
    fresh_vendure.set_address(order, city="Werder")
    assert "ship-to changed" in rig.run("sync-orders").err
    assert rig.run("resolve", order.code, "--accept", "agreed").code == 0
    fresh_vendure.set_address(order, city=city)
    assert "ship-to changed" in rig.run("sync-orders").err
    fresh_vendure.set_address(order, city="Werder")
    assert rig.run("sync-orders").code == 0
    assert rig.run("stats", "--check").code == 0
