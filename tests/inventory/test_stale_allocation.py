"""The level to write is put on top of what Vendure has allocated, of two readings the smaller."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fakes import make_settings

from veracore_sync.domain.shop_stock import Level, NewLevel, Variant
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
        # what a hand has taken from the level makes it no less than nothing
        ((90, 5), (20, 5), 0),
        ((20, 5), (90, 5), 15),
        ((90, -2), (90, 3), 8),
        ((90, -2), (20, 3), -2),
    ],
)
@pytest.mark.parametrize("more", [0, 3, 8])
def test_the_smaller_of_two_readings_of_the_allocation_counts(
    planned: tuple[int, int], now: tuple[int, int], wanted: int, more: int
) -> None:
    context: Any = SimpleNamespace(settings=make_settings())
    book: Any = None
    writer = StockWriter(context, book, first_location="1")
    # Units that Vendure sells beyond its level count as fewer allocated.
    on_hand, allocated = planned[0], planned[1] - more
    action = Planned(1, "v", "MUG", {"1": 10}, {"1": on_hand - allocated}, {"1": allocated})
    there = Variant("v", "MUG", True, (Level("1", *now),), threshold=-more)
    assert list(writer._levels(action, {"v": there})) == [NewLevel("v", "1", wanted - more)]
