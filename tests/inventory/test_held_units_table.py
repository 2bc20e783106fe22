"""What a record says of the units that VeraCore holds, and how units are counted by SKU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from fakes import START

from veracore_sync.clock import to_text
from veracore_sync.domain.held_orders import (
    AcceptedOrder,
    cancelled_units,
    least_of,
    same_units,
    short_units,
    spellings,
    totals,
    unit_key,
    units_held,
)
from veracore_sync.domain.warehouse import (
    Package,
    Product,
    RecordLine,
    Shipment,
    WarehouseRecord,
)

LEFT = Package("UPS", "", "1Z", START, None)
PACKED = Package("UPS", "", "1Z", None, None)
VOID = Package("UPS", "", "1Z", START, START)
NFC, NFD = "CAFÉ", "CAFE\u0301"


def lines(units: Iterable[tuple[str, int]]) -> tuple[RecordLine, ...]:
    return tuple(RecordLine(sku, count) for sku, count in units)


def slip(*units: tuple[str, int], packages: tuple[Package, ...] = (LEFT,)) -> Shipment:
    return Shipment("S", lines(units), packages)


UNSAID = Shipment("S", None, (LEFT,))
"""A dialect that does not show what a slip contains."""


def record(
    *ordered: tuple[str, int],
    products: tuple[tuple[str, int, int], ...] = (),
    slips: tuple[Shipment, ...] = (),
    **facts: Any,
) -> WarehouseRecord:
    given: dict[str, Any] = {"status": "complete", "is_complete": True, **facts}
    given.setdefault("lines", lines(ordered))
    parts = tuple(Product(*one) for one in products)
    return WarehouseRecord("A", "A", products=parts, shipments=slips, **given)


@pytest.mark.parametrize(
    ("seen_at", "read_at", "unseen"),
    [(None, 5, True), (4, 5, False), (5, 5, True), (6, 5, True)],
)
def test_which_orders_a_stock_read_may_not_show(
    seen_at: int | None, read_at: int, unseen: bool
) -> None:
    def at(second: int) -> str:
        return to_text(START.replace(second=second))

    seen = None if seen_at is None else at(seen_at)
    one = AcceptedOrder("A", (), (), None, seen)
    assert one.is_unseen(at(read_at)) is unseen
    assert one.is_whole is False


PART: dict[str, Any] = {"partially_cancelled": True}
OPEN: dict[str, Any] = {"status": "processed", "is_complete": False}


@pytest.mark.parametrize(
    ("found", "units"),
    [
        # what the rows say, summed, of parts that have a name
        (record(products=(("MUG", 3, 1), ("MUG", 2, 1), ("TEA", 1, 0)), **OPEN), {"MUG": 2}),
        (record(products=((" ", 3, 1), ("TEA", 1, 1)), **OPEN), {"TEA": 1}),
        # while it is open nothing else is concluded
        (record(products=(("MUG", 3, 1),), **(OPEN | PART)), {"MUG": 1}),
        (record(("MUG", 3), slips=(slip(("MUG", 1)),), **OPEN), {}),
        # complete and cut: what has not left was cancelled, whatever the rows say
        (record(products=(("MUG", 3, 0),), **PART), {"MUG": 3}),
        (record(products=(("MUG", 3, 0), ("MUG", 2, 0)), **PART), {"MUG": 5}),
        (record(products=(("MUG", 3, 0),), slips=(slip(("mug ", 1)),), **PART), {"MUG": 2}),
        (record(products=(("MUG", 3, 1),), slips=(slip(("MUG", 3)),), **PART), {"MUG": 1}),
        (record(products=(("MUG", 3, 1),), slips=(slip(("MUG", 1)),), **PART), {"MUG": 2}),
        (record(products=(("MUG", 3, 0),), slips=(slip(("MUG", 3)),), **PART), {}),
        # without rows of parts the offers count
        (record(("Mug", 3), ("TEA", 1), slips=(slip(("MUG", 1)),), **PART), {"mug": 2, "tea": 1}),
        (record(("MUG", 9), products=(("MUG", 3, 0),), **PART), {"MUG": 3}),
        (record(lines=None, **PART), {}),
        # only what left: not what is packed or void; a slip without packages may have
        (record(("MUG", 2), slips=(slip(("MUG", 2), packages=(VOID,)),), **PART), {"mug": 2}),
        (record(("MUG", 2), slips=(slip(("MUG", 2), packages=(PACKED,)),), **PART), {"mug": 2}),
        (record(("MUG", 2), slips=(slip(("MUG", 2), packages=(VOID, LEFT)),), **PART), {}),
        (record(("MUG", 2), slips=(slip(("MUG", 2), packages=()),), **PART), {}),
        (record(("MUG", 2), slips=(UNSAID,), **PART), {"mug": 2}),
        # complete and not cut: what was picked too little
        (record(("MUG", 3), slips=(slip(("MUG", 1)),)), {"MUG": 2}),
        (record(products=(("MUG", 3, 1),), lines=lines((("MUG", 3),))), {"MUG": 1}),
    ],
)
def test_which_units_will_not_ship(found: WarehouseRecord, units: dict[str, int]) -> None:
    assert dict(cancelled_units(found)) == units


@pytest.mark.parametrize(
    ("found", "units"),
    [
        (record(("MUG", 3), slips=(slip(("MUG", 1)),)), {"MUG": 2}),
        (record(("MUG", 3), slips=(slip(("MUG", 3)),)), {}),
        (record(("MUG", 3), slips=(slip(("MUG", 4)),)), {}),
        (record((" MUG ", 3), ("mug", 1), slips=(slip(("Mug", 1)),)), {"MUG": 3}),
        (record(("MUG", 3), slips=(slip(("MUG", 1)), slip(("MUG", 1)))), {"MUG": 1}),
        # it may still ship, or it was cut, or nothing is known
        (record(("MUG", 3), slips=(slip(("MUG", 1)),), **OPEN), {}),
        (record(("MUG", 3), slips=(slip(("MUG", 1)),), **PART), {}),
        (record(lines=None, products=(("MUG", 3, 0),), slips=(slip(("MUG", 1)),)), {}),
        (record(("MUG", 3)), {}),
        (record(("MUG", 3), slips=(UNSAID,)), {}),
        (record(("MUG", 3), slips=(slip(("MUG", 1)), UNSAID)), {"MUG": 2}),
        # a void slip did not leave
        (
            record(("MUG", 3), slips=(slip(("MUG", 1)), slip(("MUG", 2), packages=(VOID,)))),
            {"MUG": 2},
        ),
        (record(("MUG", 3), slips=(slip(("MUG", 3), packages=(VOID,)),)), {}),
        # the parts count before the offers
        (record(("MUG", 3), products=(("MUG", 2, 0),), slips=(slip(("MUG", 1)),)), {"MUG": 1}),
        (
            record(("BOX", 1), products=(("MUG", 2, 0), ("TEA", 1, 0)), slips=(slip(("MUG", 1)),)),
            {"MUG": 1, "TEA": 1},
        ),
        # a part that is no offer, where no kit is: a leaflet, which nobody ordered
        (
            record(("MUG", 1), products=(("MUG", 1, 0), ("LEAF", 1, 0)), slips=(slip(("MUG", 1)),)),
            {},
        ),
        # another product may have gone in place of what is missing, of as many units
        (record(("MUG", 3), slips=(slip(("MUG", 1), ("CUP", 2)),)), {}),
        (record(("MUG", 3), slips=(slip(("MUG", 1), ("CUP", 3)),)), {}),
        (record(("MUG", 3), slips=(slip(("MUG", 1), ("CUP", 1)),)), {"MUG": 2}),
        # the offer of a kit is no other product
        (
            record(("BOX", 1), products=(("MUG", 2, 0),), slips=(slip(("MUG", 1), ("BOX", 1)),)),
            {"MUG": 1},
        ),
    ],
)
def test_which_units_were_picked_too_little(found: WarehouseRecord, units: dict[str, int]) -> None:
    assert short_units(found) == units


@pytest.mark.parametrize(
    ("offers", "cancelled", "left"),
    [
        ((("MUG", 3),), (), (("MUG", 3),)),
        ((("MUG", 3), ("mug", 1)), (("Mug ", 1),), (("mug", 3),)),
        ((("MUG", 3),), (("TEA", 1),), (("MUG", 3),)),
        ((("MUG", 1),), (("MUG", 1),), (("MUG", 0),)),
        (((" MUG ", 1),), (), (("MUG", 1),)),
        ((), (("MUG", 1),), ()),
    ],
)
def test_which_units_are_held(
    offers: tuple[tuple[str, int], ...],
    cancelled: tuple[tuple[str, int], ...],
    left: tuple[tuple[str, int], ...],
) -> None:
    assert units_held(offers, cancelled) == left


def test_counting_by_sku() -> None:
    one, other = (("MUG", 2), ("TEA", 1)), (("TEA ", 1), ("mug", 1), ("Mug", 1))
    assert totals(other) == {"mug": 2, "tea": 1}
    assert same_units(one, other)
    assert not same_units(one, other[1:])
    assert least_of([]) == ()
    assert least_of([one]) == (("mug", 2), ("tea", 1))
    assert dict(least_of([one, (("MUG", 3),)])) == {"mug": 2}
    assert dict(least_of([one, other, (("MUG", 1), ("TEA", 4))])) == {"mug": 1, "tea": 1}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("MUG", " mug ", True),
        ("007", "7", False),
        (NFC, NFD, True),
        (NFC.lower(), NFD, True),
        ("CAFE", NFC, False),
        ("CAFÈ", NFC, False),
        # in either form first, and then without case
        ("\u0390", "\u03b9\u0308\u0301", True),
    ],
)
def test_the_key_of_a_sku(one: str, other: str, same: bool) -> None:
    assert (unit_key(one) == unit_key(other)) is same


def test_the_spellings_of_a_sku() -> None:
    assert spellings("MUG") == ["MUG"]
    assert spellings(NFC) == [NFC, NFD]
    assert spellings(NFD) == [NFC, NFD]
    mixed = NFC + NFD
    assert spellings(mixed) == [NFC + NFC, NFD + NFD, mixed]
    assert spellings("\u65e5") == ["\u65e5"]
