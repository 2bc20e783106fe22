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
    ("planned", "now", "on_hand"),
    [
        (3, 3, 13),
        # fulfilled meanwhile: with the allocation of before, two units too many would be for sale
        (5, 3, 13),
        # ordered meanwhile: too little is for sale until the orders are listed again
        (3, 5, 13),
        (-2, 3, 8),
    ],
)
def test_the_smaller_of_two_readings_of_the_allocation_counts(
    planned: int, now: int, on_hand: int
) -> None:
    context: Any = SimpleNamespace(settings=make_settings())
    book: Any = None
    writer = StockWriter(context, book, first_location="1")
    action = Planned(1, "v", "MUG", {"1": 10}, {"1": 0}, {"1": planned})
    there = Variant("v", "MUG", True, (Level("1", 99, now),))
    assert list(writer._levels(action, {"v": there})) == [NewLevel("v", "1", on_hand)]
