"""The level to write is put on top of what Vendure has allocated, of two readings the smaller."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fakes import make_settings

from veracore_sync.domain.shop_stock import Level, Variant
from veracore_sync.domain.staged_stock import Planned
from veracore_sync.jobs.inventory.execute import StockWriter


@pytest.mark.parametrize(
    ("planned", "now", "wanted"),
    [
        ((90, 3), (90, 3), 13),
        # fulfilled meanwhile: with the allocation of before, two units too many would be for sale
        ((90, 5), (88, 3), 13),
        # ordered meanwhile: too little is for sale until the orders are listed again
        ((90, 3), (90, 5), 13),
        # four ordered and four fulfilled: the allocation is what it was
        ((90, 5), (86, 5), 11),
        ((90, 5), (86, 7), 11),
        # so with fewer allocated than fulfilled, as Vendure had lost some of it
        ((90, 2), (86, 2), 8),
        ((90, 0), (86, 0), 6),
        ((9, 0), (-2, -2), -1),
        ((20, 5), (90, 5), 15),
        ((90, -2), (90, 3), 8),
    ],
)
@pytest.mark.parametrize("more", [0, 3, 8])
def test_the_smaller_of_two_readings_of_the_allocation_counts(
    planned: tuple[int, int], now: tuple[int, int], wanted: int, more: int
) -> None:
    assert written(planned, now, more) == wanted - more


@pytest.mark.parametrize(
    ("planned", "now", "more", "wanted"),
    [
        ((90, 5), (20, 5), 0, 0),
        ((90, 5), (20, 5), 3, 0),
        ((90, 5), (20, 5), 8, -3),
        ((90, -2), (20, 3), 0, 0),
        # lost before, and fulfilled
        ((9, 0), (-20, -2), 0, -2),
    ],
)
def test_what_a_hand_has_taken_leaves_nothing_for_sale_and_no_level_further_below_zero(
    planned: tuple[int, int], now: tuple[int, int], more: int, wanted: int
) -> None:
    assert written(planned, now, more) == wanted


def written(planned: tuple[int, int], now: tuple[int, int], more: int) -> int:
    """The level, of ten units for sale, `more` of which Vendure sells beyond its level."""
    context: Any = SimpleNamespace(settings=make_settings())
    book: Any = None
    writer = StockWriter(context, book, first_location="1")
    # They count as fewer allocated.
    on_hand, allocated = planned[0], planned[1] - more
    action = Planned(1, "v", "MUG", {"1": 10}, {"1": on_hand - allocated}, {"1": allocated})
    there = Variant("v", "MUG", True, (Level("1", *now),), threshold=-more)
    (level,) = writer._levels(action, {"v": there})
    assert (level.variant_id, level.location) == ("v", "1")
    return level.on_hand
