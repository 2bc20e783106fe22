"""What may be sold of one variant, whatever is known of its stock and of the orders."""

from __future__ import annotations

from typing import Any

import pytest
from sellable_kit import KITS, TWO, Book, calculator, demand, matched

from veracore_sync.domain.staged_stock import ANY, MAX_AT, Matched, Planned
from veracore_sync.jobs.inventory.plan import LevelNow
from veracore_sync.jobs.inventory.sellable import MISSING_READS

# ---- a plain SKU --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stock", "units", "sold"),
    [
        ({"a": 9}, {}, {"a": 9, "b": 0}),
        ({"a": 9, "b": 4}, {"mug": 11}, {"a": 0, "b": 2}),
        ({"a": 9, "b": 4}, {"tea": 11}, {"a": 9, "b": 4}),
        ({"a": -3, "b": 4}, {}, {"a": 0, "b": 1}),
        ({}, {}, {"a": 0, "b": 0}),
    ],
)
def test_available_less_demand(
    stock: dict[str, int], units: dict[str, int], sold: dict[str, int]
) -> None:
    assert calculator(places=TWO).offer(matched(stock), demand(units)) == sold


@pytest.mark.parametrize(
    ("settings", "sold"),
    [
        ({"buffer": 2}, 8),
        ({"buffer": "25%"}, 7),
        ({"buffer": 2, "buffers": {"mug": 3}}, 7),
        ({"buffer": 2, "buffers": {"TEA": 3}}, 8),
        ({"buffer": 2, "buffers": {"MUG": 0}}, 10),
        ({"buffers": {"MUG": "30%"}}, 7),
    ],
)
def test_the_buffer_of_a_sku_comes_before_that_of_all(settings: dict[str, Any], sold: int) -> None:
    assert calculator(**settings).offer(matched({"a": 10}), demand()) == {"a": sold}


def test_a_buffer_may_be_named_by_the_warehouses_part() -> None:
    skus = {"aliases": {"SHIRT": "TEE"}}
    by_part = calculator(skus=skus, buffers={"TEE": 4})
    shirt = matched({"a": 10}, sku="SHIRT", part="tee")
    assert by_part.offer(shirt, demand()) == {"a": 6}
    both = calculator(skus=skus, buffers={"TEE": 4, "SHIRT": 1})
    assert both.offer(shirt, demand()) == {"a": 9}


@pytest.mark.parametrize(
    ("buffers", "sold"),
    [
        ({"SHIRT": 4}, 6),
        ({"TEE": 4}, 6),
        # the part's own name comes first
        ({"SHIRT": 4, "TEE": 1}, 9),
        ({"TEE": 1, "SHIRT": 4}, 9),
        ({"MUG": 4}, 10),
        ({"SET": 3}, 7),
    ],
)
def test_a_kit_leaves_what_is_held_back_of_its_parts(buffers: dict[str, int], sold: int) -> None:
    skus = {"aliases": {"SHIRT": "TEE"}, "kits": {"SET": {"TEE": 1}}}
    made = calculator(Book({"tee": {"a": 10}}), skus=skus, buffers=buffers)
    assert made.offer(matched(None, sku="SET", part=""), demand()) == {"a": sold}


def test_a_share_is_taken_of_all_locations_together() -> None:
    share = calculator(places=TWO, buffer="10%")
    assert share.offer(matched({"a": 10, "b": 30}), demand()) == {"a": 6, "b": 30}


# ---- a SKU without a row ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "is_proven", "sold", "why"),
    [
        # never seen: nothing is known of it
        ({"state": None}, True, None, "unknown"),
        ({"state": "unknown"}, True, None, "unknown"),
        ({"state": None, "missing": 9}, True, None, "unknown"),
        # a known one is set to zero with the third complete read that lacks it
        ({"missing": 0}, True, None, "missing"),
        ({"missing": 1}, True, None, "missing"),
        ({"missing": 2}, True, {"a": 0}, None),
        ({"missing": 9}, True, {"a": 0}, None),
        # unless a row named no part: it may be that one
        ({"missing": 9}, False, None, "missing"),
    ],
)
def test_no_row_is_not_zero_at_once(
    facts: dict[str, Any], is_proven: bool, sold: dict[str, int] | None, why: str | None
) -> None:
    book = Book()
    made = calculator(book, is_absence_proven=is_proven)
    assert made.offer(matched(None, {"a": (5, 0, 5)}, **facts), demand()) == sold
    made.settle()
    assert book.left == ([(why, [1])] if why else [])
    assert MISSING_READS == 3


# ---- what is not certain may only go down -------------------------------------------------------

NOW = {"a": (9, 2, 7)}
# All that Vendure has allocated is explained by orders that could be read.
UNREAD: dict[str, Any] = {"unread": {"X": "odd"}, "ordered": {"v1": 4}}


@pytest.mark.parametrize(
    ("available", "levels", "sold"),
    [
        (3, NOW, 3),
        (7, NOW, 7),
        (20, NOW, 7),
        # less is for sale by now than the run read at first, or more
        (20, {"a": (9, 4, 7)}, 5),
        (20, {"a": (9, 0, 7)}, 7),
        (20, {}, 0),
    ],
)
@pytest.mark.parametrize("why", ["a row", "an order", "every order"])
def test_what_is_uncertain_is_never_raised(
    available: int, levels: dict[str, Any], sold: int, why: str
) -> None:
    facts = {"unread": {"a": MAX_AT}} if why == "a row" else {}
    u = {
        "a row": demand(),
        "an order": demand(uncertain={"mug": 0}, **UNREAD),
        "every order": demand(unbounded=True, **UNREAD),
    }[why]
    assert calculator().offer(matched({"a": available}, levels, **facts), u) == {"a": sold}


def test_an_order_of_other_parts_makes_nothing_uncertain() -> None:
    other = demand(unread={"X": "odd"}, uncertain={"tea": 0})
    assert calculator().offer(matched({"a": 20}, NOW), other) == {"a": 18}
    certain = demand(unread={"X": "odd"}, uncertain={"tea": 0}, ordered={"v1": 2})
    assert calculator().offer(matched({"a": 20}, NOW), certain) == {"a": 20}


def test_what_is_allocated_to_unreadable_orders_is_held_back() -> None:
    """Five are allocated at both locations, two of them explained."""
    u = demand({"mug": 2}, unread={"X": "odd"}, ordered={"v1": 2})
    levels = {"a": (20, 3, 17), "b": (20, 2, 18)}
    assert calculator(places=TWO).offer(matched({"a": 9, "b": 9}, levels), u) == {"a": 4, "b": 9}


def test_at_a_location_whose_row_says_nothing_nothing_is_set() -> None:
    levels = {"a": (50, 0, 50), "b": (50, 0, 50)}
    odd = matched({"a": 9, "b": 4}, levels, unread={"a": ANY})
    # how much of the demand it covers is unknown, so none is taken from the others
    assert calculator(places=TWO, buffer=1).offer(odd, demand({"mug": 3})) == {"b": 4}
    below = matched({"a": 9, "b": -4}, levels, unread={"a": ANY})
    assert calculator(places=TWO).offer(below, demand()) == {"b": 0}
    without = matched({"a": 9}, levels, unread={"a": ANY})
    assert calculator(places=TWO).offer(without, demand()) == {"b": 0}
    bound = matched({"a": 9, "b": 4}, levels, unread={"a": MAX_AT})
    assert calculator(places=TWO).offer(bound, demand({"mug": 3})) == {"a": 6, "b": 4}


@pytest.mark.parametrize(
    ("inventory", "unread", "sold"),
    [
        # of 90 units at b that may not be there nothing is held back at a: 10 % of its own 50
        ({"buffer": "10%"}, {"b": MAX_AT}, {"a": 45, "b": 90}),
        ({"buffers": {"MUG": "10%"}}, {"b": MAX_AT}, {"a": 45, "b": 90}),
        ({"buffer": "10%"}, {"a": MAX_AT}, {"a": 36, "b": 90}),
        ({"buffer": 20}, {"b": MAX_AT}, {"a": 30, "b": 90}),
        # all is known
        ({"buffer": "10%"}, {}, {"a": 36, "b": 90}),
        # what is owed is taken from the first location whatever the second has
        ({"buffer": 20}, {"b": ANY}, {"a": 30}),
    ],
)
def test_a_location_that_is_only_bounded_lowers_no_other(
    inventory: dict[str, Any], unread: dict[str, int], sold: dict[str, int]
) -> None:
    levels = {"a": (99, 0, 99), "b": (99, 0, 99)}
    odd = matched({"a": 50, "b": 90}, levels, unread=unread)
    assert calculator(places=TWO, **inventory).offer(odd, demand()) == sold


# ---- kits ---------------------------------------------------------------------------------------


def box(**facts: Any) -> Matched:
    return matched(None, {"a": (50, 0, 50), "b": (50, 0, 50)}, sku="BOX", part="", **facts)


@pytest.mark.parametrize(
    ("stock", "units", "kits"),
    [
        ({"mug": {"a": 9}, "tea": {"a": 9}}, {}, 4),
        ({"mug": {"a": 9}, "tea": {"a": 3}}, {}, 3),
        ({"tea": {"a": 9}, "mug": {"a": 6}}, {"mug": 3}, 1),
        ({"mug": {"a": 9}, "tea": {"a": 9}}, {"tea": 9}, 0),
    ],
)
def test_a_kit_is_its_scarcest_part_after_demand(
    stock: dict[str, dict[str, int]], units: dict[str, int], kits: int
) -> None:
    book = Book(stock)
    made = calculator(book, skus=KITS)
    assert made.offer(box(), demand(units)) == {"a": kits}
    made.settle()
    assert book.left == []


def test_a_kits_own_buffer_is_in_kits_and_comes_after_those_of_its_parts() -> None:
    book = Book({"mug": {"a": 20, "b": 4}, "tea": {"a": 20, "b": 20}})
    assert calculator(book, TWO, skus=KITS).offer(box(), demand()) == {"a": 10, "b": 2}
    own = calculator(book, TWO, skus=KITS, buffers={"BOX": 11})
    assert own.offer(box(), demand()) == {"a": 0, "b": 1}
    share = calculator(book, TWO, skus=KITS, buffers={"BOX": "50%"})
    assert share.offer(box(), demand()) == {"a": 4, "b": 2}
    of_a_part = calculator(book, TWO, skus=KITS, buffers={"MUG": 4})
    assert of_a_part.offer(box(), demand()) == {"a": 8, "b": 2}


@pytest.mark.parametrize(
    ("unread", "kits"),
    [
        # the other part bounds it there, and the buffer is taken from that bound first
        ({"mug": {"a": ANY}}, {"a": 17, "b": 10}),
        ({"tea": {"b": ANY}}, {"a": 7, "b": 10}),
        # where nothing is known of any part, that location may cover the buffer
        ({"mug": {"a": ANY}, "tea": {"a": ANY}}, {"b": 10}),
        ({"mug": {"a": ANY}, "tea": {"b": ANY}}, {"a": 17, "b": 10}),
    ],
)
def test_a_kits_own_buffer_where_a_location_says_nothing(
    unread: dict[str, dict[str, int]], kits: dict[str, int]
) -> None:
    """What may be sold is never more than this, whatever the rows say once they can be read."""
    both = {"a": 20, "b": 20}
    book = Book({"mug": both, "tea": both}, unread)
    assert calculator(book, TWO, skus=KITS, buffers={"BOX": 3}).offer(box(), demand()) == kits


SHARE: dict[str, Any] = {"skus": KITS, "buffers": {"BOX": "50%"}}


@pytest.mark.parametrize(
    ("book", "facts", "kits"),
    [
        # exactly known: half of all 20 is held back, from the first location
        ({}, {}, {"a": 0, "b": 10}),
        ({"twice": ["tea"]}, {}, {"a": 0, "b": 10}),
        # an upper bound at b may be nothing, and then half of what is at a is sold
        ({"unread": {"mug": {"b": MAX_AT}}}, {}, {"a": 5, "b": 10}),
        ({"unread": {"tea": {"b": MAX_AT}}}, {}, {"a": 5, "b": 10}),
        ({"stock": {"mug": {"a": 20, "b": 20}}}, {}, {"a": 5, "b": 10}),
        ({}, {"unread": {"X": "odd"}, "uncertain": {"tea": 0}}, {"a": 5, "b": 10}),
        ({}, {"unread": {"X": "odd"}, "uncertain": {"hat": 0}}, {"a": 0, "b": 10}),
        ({"unread": {"mug": {"b": ANY}, "tea": {"b": ANY}}}, {}, {"a": 5}),
    ],
)
def test_a_kits_own_share_is_of_what_is_there(
    book: dict[str, Any], facts: dict[str, Any], kits: dict[str, int]
) -> None:
    stock = {"mug": {"a": 20, "b": 20}, "tea": {"a": 20, "b": 20}}
    made = calculator(Book(**{"stock": stock, **book}), TWO, **SHARE)
    assert made.offer(box(), demand(**facts)) == kits


@pytest.mark.parametrize(
    ("book", "kits", "why"),
    [
        # a part without a row: the others bound the kit
        (Book({"mug": {"a": 9}}), {"a": 4}, "unknown"),
        (Book({"tea": {"a": 9}}), {"a": 9}, "unknown"),
        (Book({}), None, "unknown"),
        (Book({"mug": {"a": 9}, "tea": {"a": 9}}, twice=["tea"]), {"a": 4}, "ambiguous"),
        (Book({"mug": {"a": 9}}, twice=["mug"]), {"a": 4}, "unknown"),
        (Book({"mug": {"a": 9}, "tea": {"a": 9}}, {"tea": {"a": MAX_AT}}), {"a": 4}, None),
        (Book({"tea": {"a": 9}, "mug": {"a": 9}}, {"mug": {"a": MAX_AT}}), {"a": 4}, None),
    ],
)
@pytest.mark.parametrize("is_low", [True, False])
def test_a_kit_of_which_something_is_unknown_may_only_go_down(
    book: Book, kits: dict[str, int] | None, why: str | None, is_low: bool
) -> None:
    book.left = []
    made = calculator(book, skus=KITS)
    levels = {"a": (2, 0, 2) if is_low else (50, 0, 50)}
    found = made.offer(matched(None, levels, sku="BOX", part=""), demand())
    assert found == ({"a": min(kits["a"], levels["a"][2])} if kits else None)
    made.settle()
    assert book.left == ([(why, [1])] if why else [])


def test_a_kit_of_which_all_is_known_is_raised() -> None:
    book = Book({"mug": {"a": 9}, "tea": {"a": 9}})
    low = matched(None, {"a": (2, 0, 2)}, sku="BOX", part="")
    assert calculator(book, skus=KITS).offer(low, demand()) == {"a": 4}
    # one without parts is no kit
    assert calculator(Book({"box": {"a": 9}}), skus={"kits": {"BOX": {}}}).offer(
        low, demand({"box": 2})
    ) == {"a": 7}


def test_a_part_without_a_row_is_told_before_one_that_is_spelled_twice() -> None:
    book = Book({"tea": {"a": 9}}, twice=["tea"])
    made = calculator(book, skus=KITS)
    assert made.offer(box(), demand()) == {"a": 9}
    made.settle()
    assert book.left == [("unknown", [1])]


def test_an_uncertain_part_makes_its_kits_uncertain() -> None:
    book = Book({"mug": {"a": 90}, "tea": {"a": 90}})
    low = matched(None, {"a": (2, 0, 2)}, sku="BOX", part="")
    u = demand(unread={"X": "odd"}, uncertain={"tea": 0})
    assert calculator(book, skus=KITS).offer(low, u) == {"a": 2}


# ---- variants that share a SKU ------------------------------------------------------------------


def twin(units: int, ordinal: int = 1) -> Matched:
    return matched(
        {"a": 10}, {"a": (units, 0, units)}, kind="ambiguous", ordinal=ordinal, id=f"v{ordinal}"
    )


def test_variants_that_share_a_sku_share_its_units() -> None:
    book = Book()
    made = calculator(book)
    assert made.offer(twin(7, 1), demand()) == {"a": 7}
    assert made.offer(twin(7, 2), demand()) == {"a": 3}
    assert made.offer(twin(7, 3), demand()) == {"a": 0}
    made.settle()
    assert book.left == [("ambiguous", [1, 2, 3])]
    made.begin()
    assert made.offer(twin(7, 3), demand()) == {"a": 7}


def test_one_that_the_shop_oversold_gives_the_others_nothing() -> None:
    made = calculator()
    assert made.offer(twin(-5, 1), demand()) == {"a": -5}
    assert made.offer(twin(20, 2), demand()) == {"a": 10}


def test_an_ambiguous_one_is_told_as_that_whatever_else_is_unknown() -> None:
    book = Book()
    made = calculator(book)
    assert made.offer(matched(None, kind="ambiguous", state=None), demand()) is None
    kits = calculator(book, skus=KITS)
    assert kits.offer(box(kind="ambiguous"), demand()) is None
    made.settle()
    kits.settle()
    assert book.left == [("ambiguous", [1])] * 2


def test_what_no_other_variant_shares_is_offered_whenever_it_is_asked_for() -> None:
    made = calculator()
    odd = matched({"a": 10}, {"a": (7, 0, 7)}, unread={"a": MAX_AT})
    assert [made.offer(odd, demand()) for _ in range(2)] == [{"a": 7}] * 2


# ---- levels and records -------------------------------------------------------------------------


def test_units_that_vendure_sells_beyond_its_levels_are_made_up_for_at_the_first() -> None:
    now = calculator(places=TWO).levels(matched({}, {"b": (5, 1, 4)}, oversold=3))
    assert now == {"a": LevelNow(0, -3, 3), "b": LevelNow(5, 1, 4)}


def test_what_is_kept_of_a_planned_change() -> None:
    made = calculator(places=TWO)
    match = matched({}, {"a": (9, 2, 7), "b": (5, 1, 4)}, ordinal=8)
    planned = made.action(match, made.levels(match), {"b": 6})
    assert planned == Planned(8, "v1", "MUG", {"b": 6}, {"b": 4}, {"b": 1})


def test_variants_that_are_left_alone_are_written_in_chunks() -> None:
    book = Book()
    made = calculator(book)
    for ordinal in range(1001):
        made.leave(matched({}, ordinal=ordinal), "missing")
    assert [(why, len(ordinals)) for why, ordinals in book.left] == [("missing", 1000)]
    made.settle()
    assert [len(ordinals) for _, ordinals in book.left] == [1000, 1]
    made.settle()
    assert len(book.left) == 2
