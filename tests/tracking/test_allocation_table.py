"""From the products of a slip to the lines of an order: which line gets which units."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from veracore_sync.config import SkuSettings
from veracore_sync.domain.fulfilments import Line
from veracore_sync.domain.warehouse import Product, RecordLine, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.tracking.allocate import allocate, recipes_of, units_of

NAMES = SkuMap(
    SkuSettings.model_validate(
        {
            "aliases": {"SHIRT": "TEE", "CORD": "ROPE", "TIE": "CORD"},
            "kits": {
                "BOX": {"MUG": 2, "TEA": 1},
                "DUO": {"MUG": 1},
                "SET": {"CORD": 1, "TEA": 1},
            },
        }
    )
)


def lines(*wanted: tuple[str, int]) -> list[Line]:
    return [Line(f"{at}", f"v{at}", sku, units) for at, (sku, units) in enumerate(wanted, 1)]


@pytest.mark.parametrize(
    ("ordered", "shipped", "taken", "left"),
    [
        # one product, one line
        ([("MUG", 3)], {"mug": 2}, {"1": 2}, {}),
        ([("MUG", 3)], {"mug": 3}, {"1": 3}, {}),
        ([("MUG", 3)], {"mug": 5}, {"1": 3}, {"mug": 2}),
        ([("MUG", 3)], {"hat": 1}, {}, {"hat": 1}),
        ([("MUG", 3)], {}, {}, {}),
        ([("MUG", 0)], {"mug": 2}, {}, {"mug": 2}),
        # several lines of it: the first is filled first
        ([("MUG", 2), ("mug", 2)], {"mug": 3}, {"1": 2, "2": 1}, {}),
        ([("MUG", 2), ("TEE", 2)], {"tee": 1, "mug": 1}, {"1": 1, "2": 1}, {}),
        # by the name that the warehouse has for it
        ([("SHIRT", 2)], {"tee": 2}, {"1": 2}, {}),
        # a kit: only whole ones, as many as the scarcest part allows
        ([("BOX", 3)], {"mug": 4, "tea": 2}, {"1": 2}, {}),
        ([("BOX", 3)], {"mug": 5, "tea": 2}, {"1": 2}, {"mug": 1}),
        ([("BOX", 3)], {"mug": 4, "tea": 9}, {"1": 2}, {"tea": 7}),
        ([("BOX", 3)], {"mug": 6}, {}, {"mug": 6}),
        ([("BOX", 1)], {"mug": 4, "tea": 2}, {"1": 1}, {"mug": 2, "tea": 1}),
        # and never a part that was sold by itself
        ([("BOX", 1), ("MUG", 2)], {"mug": 2, "tea": 1}, {"2": 2}, {"tea": 1}),
        ([("BOX", 1), ("MUG", 2)], {"mug": 4, "tea": 1}, {"1": 1, "2": 2}, {}),
        # two kits that share a part, in line order
        ([("BOX", 1), ("DUO", 2)], {"mug": 3, "tea": 1}, {"1": 1, "2": 1}, {}),
        ([("DUO", 2), ("BOX", 1)], {"mug": 3, "tea": 1}, {"1": 2}, {"mug": 1, "tea": 1}),
        # a kit that is picked as itself, and as its parts
        ([("BOX", 2)], {"box": 1, "mug": 2, "tea": 1}, {"1": 2}, {}),
        ([("BOX", 1)], {"box": 1, "mug": 2, "tea": 1}, {"1": 1}, {"mug": 2, "tea": 1}),
    ],
)
def test_which_line_gets_which_units(
    ordered: list[tuple[str, int]],
    shipped: Mapping[str, int],
    taken: Mapping[str, int],
    left: Mapping[str, int],
) -> None:
    order = lines(*ordered)
    capacity = {line.id: line.quantity for line in order}
    found = allocate(shipped, order, capacity, NAMES, {})
    assert (dict(found.lines), dict(found.left)) == (taken, left)


def test_a_line_takes_no_more_than_it_has_room_for() -> None:
    order = lines(("MUG", 9), ("TEE", 9))
    found = allocate({"mug": 5, "tee": 5}, order, {"1": 2}, NAMES, {})
    assert (dict(found.lines), dict(found.left)) == ({"1": 2}, {"mug": 3, "tee": 5})
    # More may be fulfilled than the line has left: that is no room, and gives nothing back.
    found = allocate({"mug": 5}, order, {"1": -2}, NAMES, {})
    assert (dict(found.lines), dict(found.left)) == ({}, {"mug": 5})


def test_a_recipe_that_only_the_warehouse_shows() -> None:
    order = lines(("CRATE", 3))
    found = allocate({"nail": 5, "board": 9}, order, {"1": 3}, NAMES, {"crate": {"nail": 2}})
    assert (dict(found.lines), dict(found.left)) == ({"1": 2}, {"nail": 1, "board": 9})
    # the settings come first
    box = allocate({"nail": 2}, lines(("BOX", 3)), {"1": 3}, NAMES, {"box": {"nail": 2}})
    assert dict(box.lines) == {}


def test_units_by_product() -> None:
    rows = [RecordLine("Mug ", 2), RecordLine("MUG", 1), RecordLine("TEE", -4), RecordLine("T", 0)]
    assert {key: units for key, units in units_of(rows).items() if units} == {"mug": 3}


def record(offers: Mapping[str, int], products: list[tuple[str, int]]) -> WarehouseRecord:
    return WarehouseRecord(
        "A",
        "A",
        tuple(RecordLine(sku, units) for sku, units in offers.items()),
        "open",
        products=tuple(Product(sku, units, 0) for sku, units in products),
    )


@pytest.mark.parametrize(
    ("offers", "products", "recipes"),
    [
        # one offer is no product: the other products are its parts
        ({"CRATE": 2}, [("NAIL", 6), ("BOARD", 2)], {"crate": {"nail": 3, "board": 1}}),
        ({"CRATE": 2, "MUG": 1}, [("NAIL", 6), ("MUG", 1)], {"crate": {"nail": 3}}),
        ({"CRATE": 2}, [("nail", 2), ("NAIL ", 4)], {"crate": {"nail": 3}}),
        # nothing to infer
        ({"MUG": 1}, [("MUG", 1)], {}),
        ({"CRATE": 2}, [], {}),
        ({"CRATE": 2, "MUG": 1}, [("MUG", 1)], {}),
        ({}, [("NAIL", 6)], {}),
        # two such offers: whose part is which?
        ({"CRATE": 2, "CHEST": 1}, [("NAIL", 6)], {}),
        # a kit of the settings is no such offer, and its parts are not another's
        ({"CRATE": 2, "BOX": 1}, [("NAIL", 6), ("MUG", 2), ("TEA", 1)], {"crate": {"nail": 3}}),
        ({"BOX": 1}, [("MUG", 2), ("TEA", 1)], {}),
        # parts that do not go into whole ones
        ({"CRATE": 2}, [("NAIL", 5)], {}),
        ({"CRATE": 2}, [("NAIL", 6), ("BOARD", 1)], {}),
        ({"CRATE": 2}, [("NAIL", 0)], {}),
        ({"CRATE": 2}, [("NAIL", -2)], {}),
        ({"CRATE": 0}, [("NAIL", 2)], {}),
        ({"CRATE": -1}, [("NAIL", 2)], {}),
        ({"CRATE": 1}, [("NAIL", 1)], {"crate": {"nail": 1}}),
    ],
)
def test_the_parts_of_an_offer_are_inferred_where_there_is_one_answer(
    offers: Mapping[str, int],
    products: list[tuple[str, int]],
    recipes: Mapping[str, Mapping[str, int]],
) -> None:
    order = lines(*((sku, max(0, units)) for sku, units in offers.items()))
    assert recipes_of(record(offers, products), NAMES, order) == recipes


def test_without_its_lines_nothing_is_inferred() -> None:
    bare = WarehouseRecord("A", "A", None, "open", products=(Product("NAIL", 2, 0),))
    assert recipes_of(bare, NAMES, lines(("CRATE", 1))) == {}
