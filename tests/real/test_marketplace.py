"""A marketplace: Vendure itself splits orders among sellers (its `orderSellerStrategy`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from real_kit import available, make_rig, saleable, stock
from realvendure import RealVendure, StartVendure
from rig import Rig

from veracore_sync.sandbox.server import Sandbox

TYPES = "VERACORE_SYNC_ORDERS__ORDER_TYPES"
FIRST, SECOND, OURS = "SKU-000001", "SKU-000002", "SKU-000011"
_ORDERS = """{ orders(options: { sort: { id: ASC } }) { items {
    code type state sellerOrders { code } fulfillments { state }
    lines { quantity productVariant { sku } } } } }"""


@pytest.fixture
def market(start_vendure: StartVendure) -> RealVendure:
    """Two sellers; the last two variants are the marketplace's own."""
    vendure = start_vendure(multi_vendor=True, variants=12)
    vendure.place_order([(FIRST, 2), (SECOND, 1)])
    vendure.place_order([(OURS, 1)])
    return vendure


@pytest.fixture
def rig(market: RealVendure, sandbox: Sandbox, tmp_path: Path) -> Rig:
    made = make_rig(market, sandbox, tmp_path)
    made.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    stock(made, dict.fromkeys((FIRST, SECOND, OURS), 100))
    return made


def by_type(vendure: RealVendure) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in vendure.admin(_ORDERS)["orders"]["items"]:
        found.setdefault(one["type"], []).append(one)
    return found


def units(rig: Rig) -> dict[str, dict[str, int]]:
    """What VeraCore has, by reference."""
    return {
        name: {line["sku"]: line["quantity"] for line in one["lines"]}
        for name, one in rig.placed().items()
    }


def ship_everything(rig: Rig) -> None:
    for number, one in enumerate(rig.control("orders")["orders"]):
        rig.control("ship", {"order": one["id"], "packages": [{"tracking": f"T{number}"}]})
    ended = rig.run("sync-tracking", "--json")
    assert ended.code == 0, (ended.out, ended.err)


def write_stock(rig: Rig, sandbox: Sandbox, vendure: RealVendure, unsent: dict[str, int]) -> None:
    """What may be sold is what VeraCore can still promise, less what it was not asked for."""
    ended = rig.run("sync-inventory", "--allow-mass-change", "--json")
    assert ended.code in (0, 3), (ended.out, ended.err)
    for sku in (FIRST, SECOND, OURS):
        assert saleable(vendure, sku) == available(sandbox, sku) - unsent.get(sku, 0), sku
    assert "stock.drift" not in json.dumps(rig.run("stats", "--json").json["alerts"])


def test_how_a_split_order_looks(market: RealVendure) -> None:
    """docs/vendure.md, "Marketplaces": what the rest relies on."""
    found = by_type(market)
    (aggregate,) = found["Aggregate"]
    assert {kind: len(ones) for kind, ones in found.items()} == {
        "Aggregate": 1,
        "Seller": 2,
        "Regular": 1,
    }
    assert {one["state"] for ones in found.values() for one in ones} == {"PaymentSettled"}
    assert [one["code"] for one in aggregate["sellerOrders"]] == [
        one["code"] for one in found["Seller"]
    ]
    assert sum(line["quantity"] for line in aggregate["lines"]) == 3
    # Vendure allocates the units twice: for the Aggregate, and for each seller's part.
    assert [one.allocated for one in market.stock(FIRST).values()] == [4]
    assert [one.allocated for one in market.stock(OURS).values()] == [1]


def test_sellers_orders_are_skipped_until_they_are_chosen(
    rig: Rig, market: RealVendure, sandbox: Sandbox
) -> None:
    found = by_type(market)
    document = rig.sync()
    assert (document["submitted"], document["skipped"]) == (1, 3)
    assert list(units(rig)) == [found["Regular"][0]["code"]]
    assert rig.sync()["skipped"] == 0
    for kind in ("Aggregate", "Seller"):
        code = found[kind][0]["code"]
        shown = rig.run("stats", "--order", code)
        assert (shown.code, f"of the type {kind}" in shown.out) == (0, True)
        named = rig.run("sync-orders", "--order", code)
        assert (named.code, f"of the type {kind}" in named.out) == (0, True), named
    write_stock(rig, sandbox, market, {FIRST: 2, SECOND: 1})

    rig.env[TYPES] = "Regular,Seller"
    assert rig.sync()["submitted"] == 2
    for seller in found["Seller"]:
        lines = {one["productVariant"]["sku"]: one["quantity"] for one in seller["lines"]}
        assert units(rig)[seller["code"]] == lines
    assert len(units(rig)) == 3
    write_stock(rig, sandbox, market, {})
    # Somebody changes the setting: the goods that went out do not go again with the whole.
    rig.env[TYPES] = "Regular,Aggregate"
    assert rig.sync()["submitted"] == 0
    shown = rig.run("stats", "--order", found["Aggregate"][0]["code"]).out
    assert "its goods went to VeraCore with the order" in shown
    rig.env[TYPES] = "Regular,Seller"
    ship_everything(rig)
    after = by_type(market)
    assert [one["state"] for one in after["Seller"]] == ["Shipped", "Shipped"]
    # Nothing of a seller's fulfilment reaches the Aggregate, which stays as it is.
    assert [(one["state"], one["fulfillments"]) for one in after["Aggregate"]] == [
        ("PaymentSettled", [])
    ]
    write_stock(rig, sandbox, market, {})


def test_a_marketplace_that_ships_everything_sends_the_aggregate(
    rig: Rig, market: RealVendure, sandbox: Sandbox
) -> None:
    rig.env[TYPES] = "Regular,Aggregate"
    assert rig.sync()["submitted"] == 2
    (aggregate,) = by_type(market)["Aggregate"]
    assert units(rig)[aggregate["code"]] == {FIRST: 2, SECOND: 1}
    write_stock(rig, sandbox, market, {})
    ship_everything(rig)
    after = by_type(market)
    assert [one["state"] for one in after["Aggregate"]] == ["Shipped"]
    assert {(one["state"], len(one["fulfillments"])) for one in after["Seller"]} == {
        ("PaymentSettled", 0)
    }
    write_stock(rig, sandbox, market, {})


def test_both_at_once_would_ship_everything_twice(rig: Rig) -> None:
    rig.env[TYPES] = "Seller,Aggregate"
    ended = rig.run("sync-orders")
    assert ended.code == 78
    assert "would ship twice" in ended.err
    assert rig.placed() == {}


def test_a_sellers_channel_sends_its_own(rig: Rig, market: RealVendure) -> None:
    rig.env["VERACORE_SYNC_VENDURE__CHANNEL_TOKEN"] = "seller-1"
    assert rig.sync()["submitted"] == 1
    (seller,) = [
        one
        for one in by_type(market)["Seller"]
        if one["lines"][0]["productVariant"]["sku"] == FIRST
    ]
    assert units(rig) == {seller["code"]: {FIRST: 2}}
    ship_everything(rig)
    assert by_type(market)["Seller"][0]["state"] == "Shipped"
