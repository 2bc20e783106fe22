"""Pages of a list read side by side, in any order, while the list changes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.errors import SyncError
from veracore_sync.ports.concurrency import SHOP_PAGES
from veracore_sync.transport.concurrency import LimitedConcurrency
from veracore_sync.transport.limiter import ConcurrencyLimit
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import LIST_ORDERS, READ_OPEN_ORDERS, Document
from veracore_sync.vendure.lists import Gap, Missing, RecordList

PAGE = 20


class Shop(Client):
    """A list by ascending id that changes after some of the requests.

    Args:
        ids: Of the records that are there at first.
        changes: By the number of requests that were answered: ids to delete, and ids to insert.
        sizes: How many a page has from that many requests on.
        uncounted: So many more are counted than are listed.
    """

    def __init__(
        self,
        ids: set[int],
        changes: Mapping[int, tuple[set[int], set[int]]],
        sizes: Mapping[int, int] | None = None,
        uncounted: int = 0,
    ) -> None:
        self.ids = set(ids)
        self.changes = changes
        self.sizes = sizes or {}
        self.size = PAGE
        self.uncounted = uncounted
        self.asked = 0
        self.always = set(ids)
        self.lock = threading.Lock()

    def execute(
        self, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        with self.lock:
            skip = variables["options"].get("skip", 0)
            there = sorted(self.ids)
            items = [{"id": f"{id:06}"} for id in there[skip:][: self.size]]
            found = {"totalItems": len(there) + self.uncounted, "items": items}
            self.asked += 1
            gone, new = self.changes.get(self.asked, (set(), set()))
            self.ids = (self.ids - gone) | new
            self.always &= self.ids
            self.size = self.sizes.get(self.asked, self.size)
            return {"orders": found}


class Wide(ConcurrencyLimit):
    """As many as there may be, from the beginning."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.limit = most

    def ended(self, began: float, now: float, *, overloaded: bool = False) -> None:
        pass


def read(shop: Shop, most: int) -> list[str]:
    concurrency = LimitedConcurrency(most)
    concurrency._lane(SHOP_PAGES).limit = Wide(most)
    listing = RecordList(
        shop,
        "orders",
        READ_OPEN_ORDERS,
        LIST_ORDERS,
        lambda node, _: node.text("id"),
        lambda node, _why: node.text("id"),
        concurrency,
    )
    try:
        return list(listing.all({}))
    finally:
        concurrency.close()


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 25, 35, 36, 100, 333])
def test_each_record_once_and_as_many_requests_as_one_after_the_other(count: int) -> None:
    alone, together = Shop(set(range(count)), {}), Shop(set(range(count)), {})
    assert read(together, 8) == read(alone, 1) == [f"{id:06}" for id in range(count)]
    assert together.asked == alone.asked


ids = st.integers(0, 400)
some = st.sets(ids, max_size=30)


@given(
    first=st.sets(ids, max_size=300),
    changes=st.dictionaries(st.integers(1, 25), st.tuples(some, some), max_size=6),
    most=st.sampled_from([1, 2, 8]),
)
def test_what_was_there_all_the_time_is_never_overlooked_silently(
    first: set[int], changes: dict[int, tuple[set[int], set[int]]], most: int
) -> None:
    shop = Shop(first, changes)
    try:
        found = read(shop, most)
    except (Gap, Missing, SyncError):
        return
    assert shop.always <= {int(id) for id in found}


@given(
    sizes=st.dictionaries(st.integers(1, 25), st.integers(1, PAGE), max_size=4),
    most=st.sampled_from([2, 8]),
)
def test_a_shop_may_cut_its_pages_at_any_time(sizes: dict[int, int], most: int) -> None:
    shop = Shop(set(range(150)), {}, sizes)
    try:
        found = read(shop, most)
    except (Gap, Missing, SyncError):
        # A page that has nothing but what the one before it had, too: never passed over in silence.
        assert min(sizes.values()) <= 5
        return
    assert found == [f"{id:06}" for id in range(150)]


@pytest.mark.parametrize("most", [1, 8])
def test_records_that_leave_while_others_are_read_are_not_missing(most: int) -> None:
    """The last page may be read, and count them, before the first."""
    shop = Shop(set(range(200)), {3: ({0, 1, 2}, set()), 6: ({50}, set())})
    found = {int(id) for id in read(shop, most)}
    assert set(range(200)) - {0, 1, 2, 50} <= found


@pytest.mark.parametrize("most", [1, 8])
def test_what_is_counted_and_not_listed_is_told(most: int) -> None:
    with pytest.raises(Missing) as told:
        read(Shop(set(range(200)), {}, uncounted=3), most)
    assert told.value.count == 3
    with pytest.raises(SyncError):
        read(Shop(set(range(200)), {}, uncounted=30), most)
