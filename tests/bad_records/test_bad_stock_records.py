"""Every kind of record that sync-inventory reads, bad in every way: it stops no other.

A bad record is named at once, put before a person after an hour, and never makes more for sale.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rig import HereRig

from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DIALECTS = ("oms", "rest")
UNSAID, BOUND = 100, 3
"""What stays for sale of 100: all, where nothing is proven; what is on hand, where that is told."""

_AVAILABLE = {"oms": "Available", "rest": "AvailableQuantity"}
_ON_HAND = {"oms": "OnHand", "rest": "OnHandQuantity"}
_SKU = {"oms": "PartNumber", "rest": "SKU"}


class Bed(HereRig):
    """The warehouse has 3 mugs, 7 tees and 50 hats; the shop sells 100 mugs, 100 tees and a hat."""

    shop: SmallShop

    def spoil(self, sku: str, *rows: Any) -> None:
        self.control("spoil", {"sku": sku, "rows": list(rows)})

    def available(self, value: object, **more: object) -> dict[str, object]:
        return {_AVAILABLE[self.dialect]: value, **more}

    def sync(self, *arguments: str, code: int = 0, **env: str) -> Any:
        ended = self.run("sync-inventory", "--json", "--allow-mass-change", *arguments, **env)
        assert ended.code == code, (ended.code, ended.out, ended.err)
        return ended.json

    def for_sale(self) -> tuple[int, ...]:
        return tuple(self.shop.state.saleable(sku) for sku in ("MUG", "TEE", "HAT"))

    def alerts(self) -> list[str]:
        with self.ledger() as ledger:
            return [
                one.message for one in ledger.alerts.standing() if one.kind == "stock.unreadable"
            ]

    def two_hours_later(self) -> None:
        """What could not be read a moment ago could not be read two hours ago."""
        with closing(open_ledger(self.ledger_path)) as ledger:
            rows = ledger.unread.of("stock.unreadable").values()
            aged = [replace(row, since="2026-01-01T00:00:00.000Z") for row in rows]
            ledger.unread.keep("stock.unreadable", aged)


@pytest.fixture
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    with SmallShop() as shop, Sandbox() as sandbox:
        for sku, on_hand, there in (("MUG", 100, 3), ("TEE", 100, 7), ("HAT", 1, 50)):
            shop.state.add_variant(sku, on_hand=on_hand)
            sandbox.world.set_stock(sku, "MAIN", there)
        dialect = getattr(request, "param", "oms")
        made = Bed(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        made.shop = shop
        yield made


both = pytest.mark.parametrize("bed", DIALECTS, indirect=True)


def rows_of(kind: str, dialect: str) -> tuple[list[Any], str, int]:
    """The rows in which VeraCore tells of mugs, the name they get, and what stays for sale."""
    available, on_hand, sku = _AVAILABLE[dialect], _ON_HAND[dialect], _SKU[dialect]
    mugs, nameless = "VeraCore's stock of MUG", "a row of VeraCore's stock without a SKU"
    found: dict[str, tuple[list[Any], str, int]] = {
        "no number": ([{available: None}], mugs, BOUND),
        "a word": ([{available: "n/a"}], mugs, BOUND),
        "empty": ([{available: ""}], mugs, BOUND),
        "a fraction": ([{available: 3.5}], mugs, BOUND),
        "huge": ([{available: 10**30}], mugs, BOUND),
        "beyond all reason": ([{available: 2**40}], mugs, BOUND),
        "nothing at all": ([{available: None, on_hand: None}], mugs, UNSAID),
        "two words": ([{available: "x", on_hand: "y"}], mugs, UNSAID),
        "no sku": ([{sku: None}], nameless, UNSAID),
        "an empty sku": ([{sku: " "}], nameless, UNSAID),
        "twice, and not the same": ([{}, {available: 50}], mugs, 53),
        "once good, once bad": ([{}, {available: "x", on_hand: "y"}], mugs, UNSAID),
        "no object": ([5], nameless, UNSAID),
        "a list": ([[1, 2]], nameless, UNSAID),
        "null": ([None], nameless, UNSAID),
        "a number for a sku": ([{sku: 4471}], nameless, UNSAID),
        "true": ([{available: True}], mugs, BOUND),
        "a list of numbers": ([{available: [3]}], mugs, BOUND),
        "not a number": ([{available: float("nan")}], mugs, BOUND),
    }
    return found[kind]


EITHER = (
    "no number",
    "a word",
    "empty",
    "a fraction",
    "huge",
    "beyond all reason",
    "nothing at all",
    "two words",
    "no sku",
    "an empty sku",
    "twice, and not the same",
    "once good, once bad",
)
REST_ALONE = (
    "no object",
    "a list",
    "null",
    "a number for a sku",
    "true",
    "a list of numbers",
    "not a number",
)
TABLE = [(kind, dialect) for dialect in DIALECTS for kind in EITHER]
TABLE += [(kind, "rest") for kind in REST_ALONE]


@pytest.mark.parametrize(("kind", "bed"), TABLE, indirect=["bed"])
def test_a_bad_row_of_stock(bed: Bed, kind: str) -> None:
    rows, name, left = rows_of(kind, bed.dialect)
    bed.spoil("MUG", *rows)
    # A row without a name leaves its SKU unknown, which is news at once.
    told = bed.sync(code=3 if "without" in name else 0)
    assert bed.for_sale() == (left, 7, 50)
    assert [one["record"] for one in told["unreadable"]] == [name]
    assert bed.alerts() == []
    bed.two_hours_later()
    bed.sync(code=3)
    assert len(bed.alerts()) == 1
    assert name in bed.alerts()[0]
    bed.sync()
    bed.spoil("MUG")
    bed.sync()
    assert (bed.for_sale(), bed.alerts()) == ((3, 7, 50), [])


@both
def test_what_is_odd_and_can_be_read(bed: Bed) -> None:
    """Below zero is oversold; the same row twice is one row; on hand alone is not needed."""
    bed.spoil("MUG", bed.available(-5))
    bed.spoil("TEE", {}, {})
    bed.spoil("HAT", {_ON_HAND[bed.dialect]: "x"})
    assert bed.sync()["unreadable"] == []
    assert bed.for_sale() == (0, 7, 50)


@both
def test_a_known_sku_whose_row_lost_its_name_is_never_taken_for_missing(bed: Bed) -> None:
    bed.sync()
    bed.spoil("MUG", {_SKU[bed.dialect]: None})
    for _ in range(5):
        bed.sync()
    assert bed.for_sale() == (3, 7, 50)


@both
def test_an_unreadable_level_never_rises_and_what_is_ordered_still_goes_off(bed: Bed) -> None:
    bed.sync()
    bed.spoil("HAT", bed.available("?"))
    bed.control("stock", {"stock": [{"sku": "HAT", "on_hand": 90}]})
    bed.sync()
    assert bed.for_sale() == (3, 7, 50)
    bed.shop.state.place_order([("HAT", 4)])
    bed.control("stock", {"stock": [{"sku": "HAT", "on_hand": 20}]})
    bed.sync()
    assert bed.for_sale() == (3, 7, 16)


@both
def test_one_sku_alone_that_cannot_be_read(bed: Bed) -> None:
    bed.spoil("MUG", bed.available(None, **{_ON_HAND[bed.dialect]: None}))
    told = bed.sync("--sku", "MUG")
    assert [one["record"] for one in told["unreadable"]] == ["VeraCore's stock of MUG"]
    assert bed.for_sale() == (100, 100, 1)
    bed.sync("--sku", "TEE")
    assert bed.for_sale() == (100, 7, 1)


@both
def test_a_kit_follows_the_parts_that_can_be_read(bed: Bed) -> None:
    kits = json.dumps({"BOX": {"MUG": 1, "TEE": 2}})
    bed.shop.state.add_variant("BOX", on_hand=40)
    bed.spoil("MUG", bed.available(None, **{_ON_HAND[bed.dialect]: None}))
    bed.sync(VERACORE_SYNC_SKUS__KITS=kits)
    assert bed.shop.state.saleable("BOX") == 3


def test_a_row_without_a_warehouse_where_warehouses_are_mapped(bed: Bed) -> None:
    (location,) = bed.shop.state.locations.values()
    mapped = {"VERACORE_SYNC_INVENTORY__LOCATIONS": json.dumps({"MAIN": location.name})}
    bed.spoil("MUG", {"ID": ""})
    told = bed.sync(**mapped)
    assert [one["record"] for one in told["unreadable"]] == ["VeraCore's stock of MUG"]
    assert bed.for_sale() == (100, 7, 50)


@both
def test_many_bad_rows_are_an_implausible_read(bed: Bed) -> None:
    for number in range(40):
        sku = f"SKU-{number:02d}"
        bed.shop.state.add_variant(sku, on_hand=10)
        bed.sandbox.world.set_stock(sku, "MAIN", 5)
        if number < 20:
            bed.spoil(sku, bed.available("n/a"))
    ended = bed.run("sync-inventory", "--json")
    assert (ended.code, ended.json["guard"], ended.json["updated"]) == (3, "unreadable", 0)
    assert bed.for_sale() == (100, 100, 1)


# ---- the shop's records -------------------------------------------------------------------------

WAYS = ("null", "odd", "http_500", "reset")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", ["sku", "stockLevels"])
@both
def test_a_bad_variant(bed: Bed, field: str, way: str) -> None:
    mug = next(one for one in bed.shop.state.variants.values() if one.sku == "MUG")
    if field == "sku" and way == "odd":
        way = "null"  # any text is a SKU
    bed.shop.spoiled.add(mug.id, field, way)
    told = bed.sync()
    assert bed.for_sale() == (100, 7, 50)
    assert len(told["unreadable"]) == 1
    bed.two_hours_later()
    bed.sync(code=3)
    assert "the shop's variant" in bed.alerts()[0]
    bed.sync()
    bed.shop.spoiled.clear()
    bed.sync()
    assert (bed.for_sale(), bed.alerts()) == ((3, 7, 50), [])


@pytest.mark.parametrize("way", WAYS)
@both
def test_a_bad_order_that_nobody_knows_holds_back_what_would_rise(bed: Bed, way: str) -> None:
    for _ in range(20):
        bed.shop.state.place_order([("TEE", 1)])
    order = bed.shop.state.place_order([("MUG", 1)])
    bed.control("stock", {"stock": [{"sku": "TEE", "on_hand": 27}]})
    bed.shop.spoiled.add(order.id, "lines", way)
    told = bed.sync()
    assert [one["record"] for one in told["unreadable"]] == [f"the shop's order {order.code}"]
    assert bed.for_sale() == (2, 7, 1)
    bed.two_hours_later()
    bed.sync(code=3)
    assert order.code in bed.alerts()[0]
    bed.shop.spoiled.clear()
    bed.sync()
    assert (bed.for_sale(), bed.alerts()) == ((2, 7, 50), [])


@pytest.mark.parametrize("way", WAYS)
@both
def test_a_bad_order_counts_as_the_ledger_knows_it(bed: Bed, way: str) -> None:
    """What VeraCore holds is off its stock; what was to be sent still has to come off.

    More may have been added to either, so their SKUs do not rise; all others are kept right.
    """
    bed.shop.state.add_variant("CUP", on_hand=1)
    bed.sandbox.world.set_stock("CUP", "MAIN", 9)
    held = bed.shop.state.place_order([("HAT", 1)])
    bed.run("sync-orders", "--allow-first-run")
    bed.control("stock", {"stock": [{"sku": "HAT", "on_hand": 51}]})
    doubt = bed.shop.state.place_order([("MUG", 2)])
    operations = ["AddOrder", "create"]
    bed.control("faults", {"kinds": ["reset_before"], "operations": operations})
    bed.run("sync-orders")
    bed.control("faults", {"kinds": []})
    for order in (held, doubt):
        bed.shop.spoiled.add(order.id, "lines", way)
    told = bed.sync()
    assert len(told["unreadable"]) == 2
    assert (*bed.for_sale(), bed.shop.state.saleable("CUP")) == (1, 7, 0, 9)


@both
def test_a_shop_of_which_nothing_can_be_read_ends_the_run(bed: Bed) -> None:
    for variant in bed.shop.state.variants.values():
        bed.shop.spoiled.add(variant.id, "stockLevels", "null")
    assert bed.run("sync-inventory", "--allow-mass-change").code == 69
    assert bed.for_sale() == (100, 100, 1)
