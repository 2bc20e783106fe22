"""How an order's slips fill its lines: each rule of the account by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from veracore_sync.config import SkuSettings
from veracore_sync.domain.fulfilments import FulfilledOrder, Fulfilment, Line
from veracore_sync.domain.warehouse import Package, Product, RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SkuMap, sku_key
from veracore_sync.jobs.tracking.allocate import units_of
from veracore_sync.jobs.tracking.line_allocation import LineAllocation, listed

SKUS: dict[str, Any] = {
    "exclude": ["GIFT"],
    "aliases": {"SHIRT": "TEE"},
    "kits": {"BOX": {"MUG": 1, "TEA": 2}},
}
NAMES = SkuMap(SkuSettings.model_validate(SKUS))
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def lines_of(units: Mapping[str, int]) -> tuple[RecordLine, ...]:
    return tuple(RecordLine(sku, count) for sku, count in units.items())


def slip(units: Mapping[str, int] | None, number: str = "1") -> Shipment:
    return Shipment(number, None if units is None else lines_of(units), ())


def made(id: str, lines: Mapping[str, int], state: str = "Shipped") -> Fulfilment:
    return Fulfilment(id, state, "", lines)


def account(
    ordered: Sequence[tuple[str, int]],
    held: Mapping[str, int] | None,
    *fulfilments: Fulfilment,
    sent: Mapping[str, int] | None = None,
    slips: Sequence[Shipment] = (),
    complete: bool = False,
    cut: bool = False,
    products: Mapping[str, int] | None = None,
    **facts: Any,
) -> LineAllocation:
    lines = tuple(Line(str(n), f"v{sku}", sku, count) for n, (sku, count) in enumerate(ordered, 1))
    order = FulfilledOrder("1", "A", "PaymentSettled", "Regular", lines, fulfilments)
    shown = None if held is None else lines_of(held)
    picked = tuple(Product(sku, units, 0) for sku, units in (products or {}).items())
    record = WarehouseRecord("A", "A", shown, "shipped", complete, cut, picked, tuple(slips))
    return LineAllocation(record, lines_of(sent or {}), order, NAMES, **facts)


# ---- what a slip adds ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["plan", "cover"])
def test_parts_of_a_kit_are_carried_over_to_the_slip_that_completes_it(how: str) -> None:
    one = account([("BOX", 1)], {"BOX": 1})
    first, second = slip({"MUG": 1}), slip({"TEA": 2}, "2")
    assert one.own_lines(first, last=False) == {}
    if how == "plan":
        one.plan(first, {})
    else:
        one.cover(first)
    assert one.own_lines(second, last=False) == {"1": 1}


def test_what_a_slip_could_not_add_is_left_to_the_next_one() -> None:
    ours = made("f1", {"1": 3})
    one = account([("MUG", 5)], {"MUG": 5}, ours)
    one.own(slip({"MUG": 4}), ours)
    assert one.claimed == {"f1"}
    assert one.own_lines(slip({"MUG": 1}, "2"), last=False) == {"1": 2}


@pytest.mark.parametrize(
    ("facts", "shipped", "last", "own"),
    [
        # the last slip of a complete order takes all that is left
        ({"complete": True}, {"MUG": 1}, True, {"1": 3, "2": 1}),
        # not before
        ({"complete": True}, {"MUG": 1}, False, {"1": 1}),
        ({}, {"MUG": 1}, True, {"1": 1}),
        ({"complete": True, "cut": True}, {"MUG": 1}, True, {"1": 1}),
        ({"complete": True}, None, False, {}),
        # nor while a person decides about another slip
        ({"complete": True, "takes_rest": False}, {"MUG": 1}, True, {"1": 1}),
        # nor what VeraCore did not find
        (
            {"complete": True, "slips": [slip({"MUG": 1, "TEE": 1})]},
            {"MUG": 1, "TEE": 1},
            True,
            {"1": 1, "2": 1},
        ),
    ],
)
def test_who_takes_the_rest(
    facts: dict[str, Any], shipped: Mapping[str, int] | None, last: bool, own: Mapping[str, int]
) -> None:
    one = account([("MUG", 3), ("SHIRT", 1)], {"MUG": 3, "TEE": 1}, **facts)
    found = one.own_lines(slip(shipped), last=last)
    assert dict(found) == own


def test_where_nothing_shows_what_was_accepted_all_that_is_left_shipped() -> None:
    ordered = [("MUG", 3), ("GIFT", 1), ("TEA", 2)]
    one = account(ordered, None, made("h", {"1": 3}), complete=True)
    # without what VeraCore never has, and what somebody fulfilled already
    assert dict(one.own_lines(slip(None), last=True)) == {"3": 2}


def test_of_what_was_wanted_when_it_was_found_no_more_shipped() -> None:
    ordered = [("MUG", 3), ("TEA", 2)]
    wanted = lines_of({"MUG": 2, "TEA": 2})
    unknown = account(ordered, None, complete=True, wanted=wanted)
    assert dict(unknown.own_lines(slip(None), last=True)) == {"1": 2, "2": 2}
    # What was sent says more.
    known = account(ordered, None, sent={"MUG": 1}, complete=True, wanted=wanted)
    assert dict(known.own_lines(slip(None), last=True)) == {"1": 1}


def test_where_only_fulfilments_show_what_shipped_nothing_is_added_to_them() -> None:
    ours = made("f1", {"1": 2})
    one = account([("MUG", 3)], None, ours, complete=True)
    one.own(slip(None), ours)
    assert one.own_lines(slip(None, "2"), last=True) == {}


HAND = made("h", {"1": 2})


@pytest.mark.parametrize(
    ("fulfilment", "beside", "own"),
    [
        # two of the three units that shipped are in it, and one has not been placed
        (HAND, (), {"1": 1}),
        # it may be this slip's own: then it stands for nobody else's units
        (HAND, (HAND,), {"1": 3}),
        (made("h", {"1": 2}, "Cancelled"), (), {"1": 3}),
        (made("h", {"1": 1}), (), {"1": 2}),
    ],
)
def test_units_in_fulfilments_of_no_slip_are_not_added_again(
    fulfilment: Fulfilment, beside: Sequence[Fulfilment], own: Mapping[str, int]
) -> None:
    one = account([("MUG", 5)], {"MUG": 5}, fulfilment)
    one.cover(slip({"MUG": 2}))
    assert one.own_lines(slip({"MUG": 1}, "2"), last=False, beside=beside) == own


def test_a_claimed_fulfilment_is_no_strangers() -> None:
    one = account([("MUG", 5)], {"MUG": 5}, HAND, claimed={"h"})
    one.cover(slip({"MUG": 2}))
    assert one.own_lines(slip({"MUG": 1}, "2"), last=False) == {"1": 3}


# ---- what is left --------------------------------------------------------------------------------


def test_what_is_in_no_fulfilment() -> None:
    live, gone, mine = made("f1", {"1": 2}), made("f2", {"1": 1}, "Cancelled"), made("f3", {"2": 1})
    one = account([("MUG", 5), ("TEE", 3)], {"MUG": 5}, live, gone, mine)
    assert dict(one.left()) == {"1": 3, "2": 2}
    assert dict(one.left([mine])) == {"1": 3, "2": 3}
    one.plan(slip({"MUG": 1}), {"1": 1})
    assert dict(one.left()) == {"1": 2, "2": 2}


def test_what_no_fulfilment_shows_as_shipped() -> None:
    ordered = [("MUG", 5), ("TEE", 3), ("TEA", 1)]
    several = [
        made("f1", {"1": 2}),
        made("f2", {"1": 1}, "Delivered"),
        made("f3", {"2": 1}, "Pending"),
        made("f4", {"2": 1}, "Cancelled"),
        made("f5", {"3": 1}),
    ]
    assert dict(account(ordered, None, *several).unshipped()) == {"1": 2, "2": 3}


@pytest.mark.parametrize(
    ("held", "units", "excluded"),
    [
        ({"MUG": 1}, {"1": 1, "2": 3}, {"2": 3}),
        (None, {"1": 1, "2": 3}, {"2": 3}),
        ({"MUG": 1}, {"1": 1}, {}),
        ({"MUG": 1}, {"2": 0}, {}),
        ({"MUG": 1}, {"2": -1}, {}),
        # sent before the setting named it
        ({"MUG": 1, "gift": 3}, {"1": 1, "2": 3}, {}),
    ],
)
def test_what_veracore_never_had(
    held: Mapping[str, int] | None, units: Mapping[str, int], excluded: Mapping[str, int]
) -> None:
    one = account([("MUG", 1), ("GIFT", 3)], held)
    assert dict(one.excluded(units)) == excluded


@pytest.mark.parametrize(
    ("left", "short"),
    [
        # one mug was not found: its line lacks it, and the kit that needs it lacks all
        ({"1": 3, "2": 2, "3": 1}, {"1": 1, "2": 2}),
        ({"1": 0, "2": 2, "3": 1}, {"2": 2}),
        ({"1": 3, "2": -1}, {"1": 1}),
        ({"1": 3}, {"1": 1}),
        ({"3": 1}, {}),
    ],
)
def test_which_lines_lack_what_was_not_found(
    left: Mapping[str, int], short: Mapping[str, int]
) -> None:
    ordered = [("MUG", 3), ("BOX", 2), ("TEE", 1)]
    held = {"MUG": 3, "BOX": 2, "TEE": 1}
    products = {"MUG": 5, "TEA": 4, "TEE": 1}
    shipped = slip({"MUG": 4, "TEA": 4, "TEE": 1})
    one = account(ordered, held, complete=True, slips=[shipped], products=products)
    assert one.short == {"mug": 1}
    assert {id: units for id, units in one.short_lines(left).items() if units} == short


def test_a_product_of_nobody_knows_which_offer_is_lacked_by_no_line() -> None:
    held, products = {"SET": 1, "CRATE": 1}, {"PEN": 2, "INK": 2}
    shipped = slip({"PEN": 1, "INK": 2})
    one = account([*held.items()], held, complete=True, slips=[shipped], products=products)
    assert one.short == {}


# ---- what a slip has that the order has not ------------------------------------------------------


@pytest.mark.parametrize(
    ("shipped", "complete", "is_ours"),
    [
        ({"MUG": 1}, False, True),
        ({"tee ": 1}, False, True),
        # the part of a kit; by the settings, or as the bill of materials leaves one answer
        ({"TEA": 1}, False, True),
        ({"CUP": 1}, False, True),
        ({"PEN": 1}, False, False),
        ({"PEN": 1, "MUG": 1}, False, True),
        ({}, False, False),
        # nothing shows what is in it
        (None, False, True),
        # nobody else is left for it
        ({"PEN": 1}, True, True),
    ],
)
def test_whose_a_slips_products_are(
    shipped: Mapping[str, int] | None, complete: bool, is_ours: bool
) -> None:
    ordered = [("MUG", 1), ("SHIRT", 1), ("BOX", 1), ("SET", 1)]
    held = {"MUG": 1, "TEE": 1, "BOX": 1, "SET": 1}
    products = {"MUG": 2, "TEE": 1, "TEA": 2, "CUP": 4}
    one = account(ordered, held, complete=complete, products=products)
    assert one.is_of_the_order(slip(shipped)) is is_ours


@pytest.mark.parametrize(
    ("before", "shipped", "beyond"),
    [
        ({}, {"MUG": 2, "TEE": 1}, {}),
        ({}, {"MUG": 5}, {"MUG": 3}),
        ({}, {"MUG": 5, "TEE": 2}, {"MUG": 3, "SHIRT": 1}),
        # only what this slip has of it
        ({"MUG": 6}, {"MUG": 1}, {"MUG": 1}),
        ({"MUG": 2}, {"MUG": 1}, {"MUG": 1}),
        ({"MUG": 1}, {"MUG": 3}, {"MUG": 2}),
        ({"MUG": 5}, {"TEE": 1}, {}),
        ({"MUG": 5}, None, {}),
        # a leaflet is nobody's
        ({}, {"PEN": 3}, {}),
    ],
)
def test_what_shipped_beyond_the_lines(
    before: Mapping[str, int], shipped: Mapping[str, int] | None, beyond: Mapping[str, int]
) -> None:
    one = account([("MUG", 2), ("SHIRT", 1)], {"MUG": 2, "TEE": 1})
    this = slip(shipped, "2")
    one.cover(slip(before))
    one.cover(this)
    assert one.beyond(units_of(this.lines or ())) == beyond


@pytest.mark.parametrize(
    ("before", "shipped", "products", "beyond"),
    [
        # BOX x 2 is picked as two mugs and four teas, and a mug is sold beside
        ({}, {"MUG": 3, "TEA": 4}, {}, {}),
        ({}, {"MUG": 3}, {}, {}),
        ({}, {"MUG": 4}, {}, {"MUG": 1}),
        ({"MUG": 2}, {"MUG": 1}, {}, {}),
        ({"MUG": 3}, {"MUG": 1, "TEA": 4}, {}, {"MUG": 1}),
        # another part of the kit, and a whole kit
        ({}, {"TEA": 5}, {}, {"TEA": 1}),
        ({"MUG": 3, "TEA": 4}, {"MUG": 1, "TEA": 2}, {}, {"MUG": 1, "TEA": 2}),
        ({"TEA": 6}, {"MUG": 3}, {}, {}),
        # the kit had more of it when VeraCore got the order
        ({}, {"MUG": 3, "TEA": 7}, {"MUG": 3, "TEA": 6}, {"TEA": 1}),
        ({}, {"MUG": 3, "TEA": 6}, {"MUG": 3, "TEA": 6}, {}),
        # what is sold by itself, too, is told whatever VeraCore was to ship of it
        ({}, {"MUG": 4, "TEA": 4}, {"MUG": 4, "TEA": 4}, {"MUG": 1}),
    ],
)
def test_which_parts_of_a_kit_shipped_beyond_it(
    before: Mapping[str, int],
    shipped: Mapping[str, int],
    products: Mapping[str, int],
    beyond: Mapping[str, int],
) -> None:
    one = account([("BOX", 2), ("MUG", 1)], {"BOX": 2, "MUG": 1}, products=products)
    this = slip(shipped, "2")
    one.cover(slip(before))
    one.cover(this)
    assert one.beyond(units_of(this.lines or ())) == beyond


def test_parts_of_a_kit_that_nobody_has_room_for_are_too_many() -> None:
    one = account([("BOX", 1)], {"BOX": 1})
    shipped = Counter({sku_key("MUG"): 1})
    assert one.beyond(shipped, shipped, Counter()) == {"MUG": 1}


VOID = Package("UPS", "Ground", "1Z", NOON, NOON)


@pytest.mark.parametrize(
    ("slips", "with_pieces"),
    [
        ([slip({"MUG": 1})], "1"),
        ([slip({"MUG": 1}), slip({"TEA": 2}, "2")], ""),
        ([slip({"MUG": 2}), slip({"TEA": 2}, "2")], "1"),
        ([slip({"MUG": 9, "TEA": 18})], ""),
        ([slip({"MUG": 1}), slip(None, "2")], "1"),
        # only VeraCore knows that a set is four cups
        ([slip({"CUP": 3})], "1"),
        ([slip({"CUP": 3}), slip({"CUP": 1}, "2")], ""),
        # what is no part of a kit
        ([slip({"PEN": 1})], ""),
        # what did not leave completes nothing, and is nowhere
        ([slip({"MUG": 1}), replace(slip({"TEA": 2}, "2"), packages=(VOID,))], "1"),
        ([slip({"MUG": 1}), replace(slip({"MUG": 1}, "2"), packages=(VOID,))], "1"),
    ],
)
def test_which_slips_have_parts_of_a_kit_that_is_not_complete(
    slips: Sequence[Shipment], with_pieces: str
) -> None:
    held, products = {"BOX": 1, "SET": 1}, {"MUG": 1, "TEA": 2, "CUP": 4}
    one = account([("BOX", 1), ("SET", 1)], held, slips=slips, products=products)
    assert [number for number in "123" if one.has_pieces(number)] == list(with_pieces)


@pytest.mark.parametrize(
    ("held", "sent", "is_fulfilled", "expected"),
    [
        ({"MUG": 1}, None, True, (True, False)),
        (None, {"MUG": 1}, True, (True, False)),
        ({}, {"MUG": 1}, True, (False, True)),
        (None, None, True, (False, True)),
        (None, None, False, (False, False)),
    ],
)
def test_whether_anything_but_its_fulfilments_shows_what_shipped(
    held: Mapping[str, int] | None,
    sent: Mapping[str, int] | None,
    is_fulfilled: bool,
    expected: tuple[bool, bool],
) -> None:
    one = account([("MUG", 1)], held, sent=sent)
    one.plan(slip(None), {"1": 1} if is_fulfilled else {})
    assert (one.is_known, one.is_as_fulfilled) == expected


def test_units_for_a_person() -> None:
    lines = [Line(str(n), f"v{sku}", sku, 9) for n, sku in enumerate(("MUG", "TEE", "TEA"), 1)]
    assert listed(lines, {"3": 2, "1": 1, "2": 0}) == "1 x MUG, 2 x TEA"
    assert listed(lines, {"2": 1}) == "1 x TEE"
