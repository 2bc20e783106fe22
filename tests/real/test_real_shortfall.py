"""Vendure sells more than it has: who is short is told by name, and nothing is sold beyond that."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_kit import available, make_rig, saleable, stock, sync
from realvendure import OrderRef, RealVendure, StartVendure
from rig import Rig
from sample import one_of
from vendure_bed import PRE_RELEASE

from veracore_sync.sandbox.server import Sandbox

SKU = "SKU-000001"


def alerts(rig: Rig) -> dict[str, list[str]]:
    """The open alerts: the orders' codes by kind."""
    found: dict[str, list[str]] = {}
    for one in rig.run("stats", "--json").json["alerts"]:
        found.setdefault(one["kind"], []).append(one["vendureOrderCode"])
    return found


def ship_all(rig: Rig, *orders: OrderRef) -> None:
    placed = rig.placed()
    for number, order in enumerate(orders):
        parcel = {"tracking": f"1Z{number}", "carrier": "UPS", "service": "UPS Ground"}
        rig.control("ship", {"order": placed[order.code]["id"], "packages": [parcel]})
    for _ in range(2):
        ended = rig.run("sync-tracking", "--json")
        assert ended.code == 0, (ended.out, ended.err)


def set_on_hand(vendure: RealVendure, units: int) -> None:
    (place,) = vendure.stock(SKU)
    levels = [{"stockLocationId": place, "stockOnHand": units}]
    vendure.admin(
        "mutation($i:[UpdateProductVariantInput!]!){updateProductVariants(input:$i){id}}",
        {"i": [{"id": vendure.variant_id(SKU), "stockLevels": levels}]},
    )


def pay(vendure: RealVendure, order: OrderRef) -> None:
    vendure.admin(
        "mutation($i:ManualPaymentInput!){addManualPaymentToOrder(input:$i){__typename}}",
        {"i": {"orderId": order.id, "method": "standard-payment", "metadata": {}}},
    )


@pytest.mark.parametrize("db", one_of("sqljs", "postgres"))
def test_a_paid_order_that_got_less_than_it_ordered(
    db: str, start_any_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    vendure = start_any_vendure(version=PRE_RELEASE, db=db)
    rig = make_rig(vendure, sandbox, tmp_path)
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    stock(rig, {f"SKU-{number:06d}": 20 for number in range(1, 41)})
    sync(rig, "--allow-mass-change")
    before = vendure.place_order([(SKU, 2)])
    # The level sinks between the cart and the payment.
    short = vendure.place_order([(SKU, 4)], payment=None)
    set_on_hand(vendure, 3)
    pay(vendure, short)
    assert sum(one.allocated for one in vendure.stock(SKU).values()) == 3
    rig.sync()

    told = sync(rig, code=3)
    assert told["drift"] == []
    assert alerts(rig) == {"order.shortfall": [short.code]}
    sync(rig)
    assert alerts(rig) == {"order.shortfall": [short.code]}
    assert saleable(vendure, SKU) == available(sandbox, SKU) == 14

    ship_all(rig, short)
    sync(rig)
    assert vendure.order(short)["state"] == "Shipped"
    assert alerts(rig) == {}
    ship_all(rig, before)
    sync(rig)
    assert vendure.order(before)["state"] == "Shipped"
    assert alerts(rig) == {}
    assert saleable(vendure, SKU) == available(sandbox, SKU) == 14
