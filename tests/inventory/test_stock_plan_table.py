"""What may be sold, what is written for it, and what stops a run: tables without a shop."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from fakes import make_settings

from veracore_sync.config.types import Buffer
from veracore_sync.domain.staged_stock import ANY, MAX_AT
from veracore_sync.jobs.inventory.plan import (
    Guard,
    LevelNow,
    PlanSummary,
    guard,
    most_saleable,
    plan_variant,
    saleable,
    saleable_kits,
)
from veracore_sync.jobs.inventory.plausible import implausible

# ---- what may be sold: S = max(0, Available - U - buffer) ----------------------------------------


@pytest.mark.parametrize(
    ("available", "demand", "held_back", "sold"),
    [
        ({"a": 10}, 0, 0, {"a": 10}),
        ({"a": 10}, 3, 0, {"a": 7}),
        ({"a": 10}, 0, 3, {"a": 7}),
        ({"a": 10}, 3, 4, {"a": 3}),
        ({"a": 10}, 6, 4, {"a": 0}),
        ({"a": 10}, 9, 4, {"a": 0}),
        # demand is taken from the locations in their order, each down to zero
        ({"a": 10, "b": 5}, 3, 0, {"a": 7, "b": 5}),
        ({"a": 10, "b": 5}, 12, 0, {"a": 0, "b": 3}),
        ({"a": 10, "b": 5}, 10, 2, {"a": 0, "b": 3}),
        ({"a": 10, "b": 5}, 99, 0, {"a": 0, "b": 0}),
        # what one location is oversold by is owed from the others
        ({"a": -4, "b": 5}, 0, 0, {"a": 0, "b": 1}),
        ({"a": 5, "b": -4}, 0, 0, {"a": 1, "b": 0}),
        ({"a": -4, "b": 5}, 1, 0, {"a": 0, "b": 0}),
        ({"a": -4, "b": 5}, 2, 0, {"a": 0, "b": 0}),
        ({"a": -4}, 0, 0, {"a": 0}),
        # a location without a row has nothing
        ({"b": 5}, 2, 0, {"a": 0, "b": 3}),
        ({}, 0, 0, {"a": 0}),
    ],
)
def test_what_may_be_sold(
    available: Mapping[str, int], demand: int, held_back: int, sold: Mapping[str, int]
) -> None:
    assert saleable(available, demand, held_back, tuple(sold)) == sold
    assert sum(sold.values()) == max(0, sum(available.values()) - demand - held_back)


BUFFERS = (Buffer(), Buffer(units=2), Buffer(percent=30), Buffer(percent=100))


@pytest.mark.parametrize("buffer", BUFFERS, ids=str)
@pytest.mark.parametrize("demand", [0, 3, 9])
@pytest.mark.parametrize(
    ("available", "unread"),
    [
        ({"a": 5, "b": 8}, {}),
        ({"a": 5, "b": -2}, {}),
        # a share of what may not be there is not held back at another location
        ({"a": 5, "b": 8}, {"b": MAX_AT}),
        ({"a": 3, "b": 8}, {"b": MAX_AT}),
        ({"b": 8}, {"b": MAX_AT}),
        ({"a": 5, "b": 8}, {"a": MAX_AT}),
        ({"a": 5, "b": 8}, {"a": MAX_AT, "b": MAX_AT}),
        # less than nothing is owed wherever it is
        ({"a": 5, "b": -2}, {"b": MAX_AT}),
        ({"a": -2, "b": 8}, {"a": MAX_AT}),
        # what is unknown may cover all that is owed at the locations after it, and only there
        ({"a": 5, "b": 8}, {"a": ANY}),
        ({"a": 5, "b": 8}, {"b": ANY}),
        ({"a": 5, "b": -2}, {"b": ANY}),
        ({"a": 5, "b": 8}, {"a": MAX_AT, "b": ANY}),
        ({"b": 8}, {"a": ANY, "b": MAX_AT}),
        ({"a": 5, "b": 8}, {"a": ANY, "b": ANY}),
    ],
)
def test_the_most_is_what_some_reading_of_the_unread_rows_would_give(
    available: Mapping[str, int], unread: Mapping[str, int], demand: int, buffer: Buffer
) -> None:
    places = ("a", "b")
    ends = {None: 0, MAX_AT: 0, ANY: 24}
    readings = product(
        *(
            range(-4 if at in unread else units, units + ends[unread.get(at)] + 1)
            for at, units in ((at, available.get(at, 0)) for at in places)
        )
    )
    sold = [
        saleable(dict(zip(places, one, strict=True)), demand, buffer.held_back(sum(one)), places)
        for one in readings
    ]
    known = [at for at in places if unread.get(at) != ANY]
    most = {at: max(one[at] for one in sold) for at in known}
    assert most_saleable(available, unread, demand, buffer, places) == most
    # Together they never exceed what there is at most; nothing bounds what says nothing.
    if len(known) == len(places):
        assert sum(most.values()) <= max(0, sum(available.values()) - demand)


@pytest.mark.parametrize(
    ("parts", "held_back", "kits"),
    [
        # the scarcest part decides, and its units are counted in whole kits
        ([({"a": 9}, 2)], 0, {"a": 4}),
        ([({"a": 9}, 2), ({"a": 30}, 3)], 0, {"a": 4}),
        ([({"a": 9}, 2), ({"a": 3}, 1)], 0, {"a": 3}),
        ([({"a": 3}, 1), ({"a": 9}, 2), ({"a": 50}, 1)], 0, {"a": 3}),
        ([({"a": 9}, 1), ({"a": 0}, 1)], 0, {"a": 0}),
        # parts do not travel between locations
        ([({"a": 9, "b": 0}, 1), ({"a": 0, "b": 9}, 1)], 0, {"a": 0, "b": 0}),
        ([({"a": 9, "b": 4}, 1), ({"a": 5, "b": 6}, 1)], 0, {"a": 5, "b": 4}),
        # where one part is unknown the others bound it; where all are, nothing is known
        ([({"a": 9}, 1), ({"a": 5, "b": 6}, 1)], 0, {"a": 5, "b": 6}),
        ([({"a": 9}, 1)], 0, {"a": 9}),
        # the kit's own buffer, in kits
        ([({"a": 9}, 2)], 3, {"a": 1}),
        ([({"a": 9, "b": 9}, 1)], 11, {"a": 0, "b": 7}),
    ],
)
def test_how_many_kits_may_be_sold(
    parts: list[tuple[dict[str, int], int]], held_back: int, kits: dict[str, int]
) -> None:
    assert saleable_kits(iter(parts), held_back, ("a", "b")) == kits


# ---- what is written -----------------------------------------------------------------------------


def level(on_hand: int, allocated: int = 0, offered: int | None = None) -> LevelNow:
    return LevelNow(on_hand, allocated, on_hand - allocated if offered is None else offered)


def test_what_is_for_sale_is_what_vendure_subtracts() -> None:
    assert level(10, 3).saleable == 7
    assert level(10, -3).saleable == 13
    more = LevelNow(10, 3, 7).oversold_by(5)
    assert (more.on_hand, more.saleable, more.offered) == (10, 12, 12)


@pytest.mark.parametrize(
    ("now", "target", "flags", "written"),
    [
        (level(5), 5, {}, None),
        (level(8, 3), 5, {}, None),
        (level(5), 4, {}, 4),
        (level(5), 6, {}, 6),
        (None, 0, {}, None),
        (None, 3, {}, 3),
        (level(5), 5, {"everything": True}, 5),
        # a guard, or a read that is not whole, lets a level only go down
        (level(5), 6, {"decreases_only": True}, None),
        (level(5), 4, {"decreases_only": True}, 4),
        # and not up again to what was sold meanwhile: up to what was offered at first
        (level(3, 0, 5), 9, {"decreases_only": True}, 5),
        (level(7, 0, 5), 9, {"decreases_only": True}, 5),
        (level(5), 6, {"decreases_only": True, "everything": True}, 5),
        (None, 3, {"decreases_only": True}, None),
    ],
)
def test_only_differences_are_written(
    now: LevelNow | None, target: int, flags: dict[str, bool], written: int | None
) -> None:
    levels = {} if now is None else {"a": now}
    found = plan_variant(levels, {"a": target}, **{"decreases_only": False, **flags})
    assert found == ({} if written is None else {"a": written})


def test_each_location_is_written_by_itself() -> None:
    now = {"a": level(5), "b": level(5), "other": level(9)}
    assert plan_variant(now, {"a": 5, "b": 4}, decreases_only=False) == {"b": 4}


# ---- what a plan amounts to ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        # counts: sellable, to zero, changing, rising
        ({"a": 5}, {"a": 5}, (1, 0, 0, 0)),
        ({"a": 5}, {"a": 4}, (1, 0, 1, 0)),
        ({"a": 5}, {"a": 6}, (1, 0, 1, 1)),
        ({"a": 5}, {"a": 0}, (1, 1, 1, 0)),
        ({"a": 1}, {"a": 0}, (1, 1, 1, 0)),
        ({"a": 0}, {"a": 0}, (0, 0, 0, 0)),
        ({"a": 0}, {"a": 1}, (0, 0, 1, 1)),
        # oversold by the shop: it sells nothing of it, and zero is more
        ({"a": -2}, {"a": 0}, (0, 0, 1, 1)),
        # of several locations, any one that changes; to zero only all of them together
        ({"a": 5, "b": 5}, {"a": 5, "b": 4}, (1, 0, 1, 0)),
        ({"a": 5, "b": 5}, {"a": 0, "b": 5}, (1, 0, 1, 0)),
        ({"a": 5, "b": 5}, {"a": 0, "b": 0}, (1, 1, 1, 0)),
        ({"a": 5, "b": 5}, {"a": 4, "b": 6}, (1, 0, 1, 1)),
        ({"a": 5, "b": -5}, {"a": 5, "b": -5}, (0, 0, 0, 0)),
        ({}, {"a": 2}, (0, 0, 1, 1)),
        # a location that is not mapped is not ours to count
        ({"a": 0, "other": 9}, {"a": 0}, (0, 0, 0, 0)),
    ],
)
def test_what_a_change_counts_as(
    before: dict[str, int], after: dict[str, int], counts: tuple[int, int, int, int]
) -> None:
    summary = PlanSummary()
    for _ in range(2):
        summary.add({at: level(units + 3, 3) for at, units in before.items()}, after)
    twice = tuple(2 * one for one in counts)
    assert (summary.sellable, summary.zeroed, summary.changing, summary.rising) == twice


# ---- the guards ----------------------------------------------------------------------------------


def guarded(
    zeroed: int = 0,
    changing: int = 0,
    rising: int = 0,
    *,
    sellable: int = 200,
    first: bool = False,
    **limits: Any,
) -> Guard | None:
    settings = make_settings(inventory=limits).inventory
    summary = PlanSummary(sellable, zeroed, max(changing, rising, zeroed), rising)
    return guard(summary, settings, first=first)


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        ({}, None),
        # more than 20 % to zero
        ({"zeroed": 40}, None),
        ({"zeroed": 41}, "zero"),
        ({"zeroed": 100, "max_zero_percent": 50}, None),
        ({"zeroed": 101, "max_zero_percent": 50}, "zero"),
        ({"zeroed": 200, "max_zero_percent": 100}, None),
        ({"zeroed": 20, "max_zero_percent": 0}, "zero"),
        # fewer than 20 SKUs trigger no guard, whatever their share
        ({"zeroed": 19, "sellable": 19}, None),
        ({"zeroed": 20, "sellable": 20}, "zero"),
        ({"rising": 19, "sellable": 0}, None),
        ({"rising": 20, "sellable": 0}, "change"),
        # more than 50 % change, and any of them upwards
        ({"rising": 1, "changing": 100}, None),
        ({"rising": 1, "changing": 101}, "change"),
        ({"rising": 101}, "change"),
        ({"rising": 1, "changing": 61, "max_change_percent": 30}, "change"),
        ({"rising": 1, "changing": 60, "max_change_percent": 30}, None),
        # decreases alone oversell nothing
        ({"changing": 200}, None),
        ({"changing": 200, "first": True}, None),
        # the first run of a ledger raises nothing
        ({"rising": 1, "first": True}, "first"),
        ({"first": True}, None),
        # what would empty the shop is the gravest
        ({"zeroed": 41, "rising": 150, "first": True}, "zero"),
    ],
)
def test_what_stops_a_plan(plan: dict[str, Any], name: str | None) -> None:
    found = guarded(**plan)
    assert (found.name if found else None) == name
    if found:
        assert found.decreases is (name != "zero")
        assert found.withheld == (0 if name == "zero" else plan["rising"])


def test_what_a_guard_says() -> None:
    emptying, first = guarded(zeroed=41), guarded(rising=7, first=True)
    assert emptying is not None and first is not None
    assert emptying.sentence.endswith(": nothing was written")
    assert emptying.prospect.endswith(": nothing would be written")
    assert first.sentence.endswith(": decreases were written, 7 increases were withheld")
    assert first.prospect.endswith(": decreases would be written, 7 increases would be withheld")


# ---- a read that looks complete and cannot be ----------------------------------------------------


class Book:
    """What was read, as numbers."""

    def __init__(self, parts: int = 100, unread: int = 0, known: int = 100, lacking: int = 0):
        self.parts, self.unread, self.known, self.lacking = parts, unread, known, lacking

    def count_parts(self) -> int:
        return self.parts

    def count_unread(self) -> int:
        return self.unread

    def count_known(self) -> tuple[int, int]:
        return self.known, self.lacking


@pytest.mark.parametrize(
    ("book", "nameless", "unseen", "name"),
    [
        (Book(), 0, [], None),
        (Book(parts=0), 0, [], "empty"),
        # a read of rows without a SKU is as good as none
        (Book(parts=0), 30, [], "empty"),
        # more than 20 % cannot be read
        (Book(unread=20), 0, [], None),
        (Book(unread=21), 0, [], "unreadable"),
        (Book(unread=12), 13, [], "unreadable"),
        (Book(unread=12), 10, [], None),
        (Book(unread=1), 24, [], "unreadable"),
        (Book(unread=1), 23, [], None),
        (Book(parts=19, unread=19), 0, [], None),
        (Book(parts=20, unread=20), 0, [], "unreadable"),
        # a mapped warehouse that no row names
        (Book(), 0, ["WEST"], "warehouse"),
        # more than 20 % of the known SKUs are missing
        (Book(lacking=20), 0, [], None),
        (Book(lacking=21), 0, [], "missing"),
        (Book(known=19, lacking=19), 0, [], None),
        (Book(known=20, lacking=20), 0, [], "missing"),
    ],
)
def test_a_read_that_would_empty_the_shop_is_rejected(
    book: Any, nameless: int, unseen: list[str], name: str | None
) -> None:
    known = book.count_known()
    found = implausible(book, nameless, unseen, 20, allowed=False, known=known)
    assert (found.name if found else None) == name
    assert found is None or not found.decreases
    allowed = implausible(book, nameless, unseen, 20, allowed=True, known=known)
    assert (allowed.name if allowed else None) == ("empty" if name == "empty" else None)
    assert allowed is None or not allowed.decreases


def test_a_rejected_read_names_what_it_lacks() -> None:
    book: Any = Book()
    found = implausible(book, 0, ["WEST", "EAST"], 20, allowed=False, known=book.count_known())
    assert found is not None
    assert "in EAST, WEST, which" in found.cause
