"""One record among five hundred that cannot be read, in each list and batch of the other jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_bad_stock_records import Bed
from test_one_of_five_hundred_orders import FEW, MANY, SHOP_FORMS, SOME
from tracking_world import World, world

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

LOOK_UP_FORMS = ("fault_unlisted", "html_500", "truncate", "reset_before")


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    """How many records there are; more than one batch, where the form is not the first of many."""
    values = getattr(request.node, "callspec", None)
    form = values.params.get("form") if values else None
    return MANY if form in (FEW[0], LOOK_UP_FORMS[0]) else SOME


@pytest.fixture
def bed(tmp_path: Path, count: int) -> Iterator[Bed]:
    """The shop sells a hundred of each of its SKUs, of which the warehouse has seven."""
    with SmallShop() as shop, Sandbox() as sandbox:
        for number in range(count):
            shop.state.add_variant(f"SKU-{number:03}", on_hand=100)
            sandbox.world.set_stock(f"SKU-{number:03}", "MAIN", 7)
        made = Bed(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.shop = shop
        made.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        yield made


def for_sale(bed: Bed) -> list[int]:
    every = range(len(bed.shop.state.variants))
    return [bed.shop.state.saleable(f"SKU-{number:03}") for number in every]


def records(told: object) -> list[str]:
    assert isinstance(told, dict)
    return [one["record"] for one in told["unreadable"]]


@pytest.mark.parametrize("form", SHOP_FORMS)
def test_a_variant(bed: Bed, form: str) -> None:
    bed.shop.add_faults([form], operations=["ReadVariants"], order="SKU-040")
    told = bed.sync()
    levels = for_sale(bed)
    assert levels.pop(40) == 100
    assert set(levels) == {7}
    assert len(records(told)) == 1
    bed.two_hours_later()
    bed.sync(code=3)
    assert len(bed.alerts()) == 1
    bed.sync()
    bed.shop.clear_faults()
    bed.sync()
    assert (set(for_sale(bed)), bed.alerts()) == ({7}, [])


@pytest.mark.parametrize("form", SHOP_FORMS)
def test_an_open_order(bed: Bed, count: int, form: str) -> None:
    orders = [bed.shop.state.place_order([(f"SKU-{number:03}", 1)]) for number in range(count)]
    bed.shop.add_faults([form], operations=["ReadOpenOrders"], order=orders[25].code)
    told = bed.sync()
    levels = for_sale(bed)
    # What the shop has allocated to it is deducted all the same.
    assert levels.pop(25) <= 7
    assert set(levels) == {6}
    (name,) = records(told)
    assert orders[25].code in name or form in ("left_out", "null_record")
    bed.shop.clear_faults()
    assert records(bed.sync()) == []
    assert set(for_sale(bed)) == {6}


@pytest.mark.parametrize("form", FEW)
def test_a_variant_that_is_read_again_before_it_is_written(bed: Bed, count: int, form: str) -> None:
    bed.sync()
    bed.control("stock", {"stock": [{"sku": f"SKU-{n:03}", "on_hand": 5} for n in range(count)]})
    bed.shop.add_faults([form], operations=["ReadVariants"], order="SKU-000")
    bed.sync()
    assert set(for_sale(bed)[1:]) == {5}


def test_a_row_of_stock(bed: Bed) -> None:
    bed.spoil("SKU-012", bed.available("n/a", OnHand="n/a"))
    told = bed.sync()
    levels = for_sale(bed)
    assert levels.pop(12) == 100
    assert set(levels) == {7}
    assert records(told) == ["VeraCore's stock of SKU-012"]


@pytest.mark.parametrize("form", FEW)
def test_a_stock_location(bed: Bed, form: str) -> None:
    first = next(iter(bed.shop.state.locations.values()))
    other = bed.shop.state.add_location("Elsewhere")
    bed.env["VERACORE_SYNC_INVENTORY__LOCATIONS"] = json.dumps({"MAIN": first.name})
    bed.shop.spoiled.add(other.id, "name", {"odd_fields": "null"}.get(form, "http_500"))
    told = bed.sync()
    assert set(for_sale(bed)) == {7}
    assert records(told) == [f"the shop's stock location with the id {other.id}"]


def test_a_location_that_the_mapping_may_name(bed: Bed) -> None:
    (first,) = bed.shop.state.locations.values()
    bed.env["VERACORE_SYNC_INVENTORY__LOCATIONS"] = json.dumps({"MAIN": first.name})
    bed.shop.spoiled.add(first.id, "name", "null")
    ended = bed.run("sync-inventory", "--json", "--allow-mass-change")
    assert (ended.code, set(for_sale(bed))) == (69, {100})
    assert f"the id {first.id}" in ended.err + ended.out
    bed.env["VERACORE_SYNC_INVENTORY__LOCATIONS"] = json.dumps({"MAIN": first.id})
    bed.sync()
    assert set(for_sale(bed)) == {7}


@pytest.mark.parametrize("form", LOOK_UP_FORMS)
def test_a_look_up_for_what_is_processed(bed: Bed, count: int, form: str) -> None:
    bed.env["VERACORE_SYNC_INVENTORY__AVAILABLE_NETS"] = "processed"
    bed.env["VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN"] = "500"
    orders = [bed.shop.state.place_order([(f"SKU-{number:03}", 1)]) for number in range(count)]
    assert bed.run("sync-orders", "--allow-first-run").code == 0
    rule = {"kinds": [form], "operations": ["GetOrderInfo"], "order": orders[0].code}
    bed.control("faults", rule)
    told = bed.sync()
    assert records(told) == [f"VeraCore's order {orders[0].code}"]
    # It counts as not processed: its unit is taken off once more, which oversells nothing.
    # (So do those that are looked up in the millisecond in which the read of the stock begins.)
    first, *others = for_sale(bed)[:count]
    assert first == 5
    assert set(others) <= {5, 6}
    assert others.count(6) >= len(others) - 20
    before = asked(bed, orders[0].code)
    bed.sync()
    assert asked(bed, orders[0].code) == before, "it rests"
    bed.control("faults", {"kinds": []})


def asked(bed: Bed, code: str) -> int:
    return sum(one.get("order") == code for one in bed.requests("GetOrderInfo"))


# ---- shipments ----------------------------------------------------------------------------------


@pytest.fixture
def many(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, list[object]]]:
    limits = {"VERACORE_SYNC_ORDERS__WORKERS": "4", "VERACORE_SYNC_RETRY__TRIES": "1"}
    with world(tmp_path, **limits) as made:
        orders = [made.place(("MUG", 1)) for _ in range(getattr(request, "param", MANY))]
        made.send()
        for one in orders:
            made.ship(one, tracking=f"1Z{one.code}")
        yield made, orders


def shipped(bed: World) -> set[str]:
    rows = bed.parts.ledger.database.rows("SELECT code FROM orders WHERE state = 'shipped'")
    return {row["code"] for row in rows}


@pytest.mark.parametrize(
    ("side", "form"), [("veracore", "html_500"), ("vendure", "graphql_error_null")]
)
def test_a_shipped_order(many: tuple[World, list[World]], side: str, form: str) -> None:
    bed, orders = many
    bad, *good = [bed.order(one).code for one in orders]
    if side == "vendure":
        bed.shop.add_faults([form], operations=["ReadFulfilments"], order=bad)
    else:
        bed.control("faults", {"kinds": [form], "operations": ["GetOrderInfo"], "order": bad})
    result = bed.track()
    assert shipped(bed) == set(good)
    assert (result.errors, [one.code for one in result.outcomes].count(bad)) == (1, 1)


@pytest.mark.parametrize(
    ("many", "form"),
    [pytest.param(SOME if form != FEW[0] else MANY, form, id=form) for form in SHOP_FORMS],
    indirect=["many"],
)
def test_a_shipment_of_an_order_that_the_ledger_does_not_know(
    many: tuple[World, list[World]], tmp_path: Path, form: str
) -> None:
    bed, orders = many
    bad, *good = [bed.order(one).code for one in orders]
    bed.reopen(VERACORE_SYNC_LEDGER__PATH=str(tmp_path / "new.db"))
    bed.shop.add_faults([form], operations=["ReadFulfilments"], order=bad)
    result = bed.track()
    assert shipped(bed) == set(good)
    assert (result.errors, [one.code for one in result.outcomes].count(bad)) == (1, 1)
