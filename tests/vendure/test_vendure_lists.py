"""Lists with broken records: all others are read, once each, and what is broken is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.errors import AuthRefused, ProtocolError, SyncError, Unavailable
from veracore_sync.vendure.answers import TakeRefused
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import (
    LIST_ORDERS,
    READ_FULFILMENTS,
    READ_OPEN_ORDERS,
    Document,
)
from veracore_sync.vendure.lists import RecordList, by_code

PAGE = 20


class Shop(Client):
    """A list of ids; a page that holds a broken record fails, unless stubs alone are asked for."""

    def __init__(self, count: int, broken: set[int], error: SyncError) -> None:
        self.ids = [str(number) for number in range(count)]
        self.broken = {str(number) for number in broken}
        self.error = error
        self.asked = 0

    def execute(
        self, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        self.asked += 1
        options = variables["options"]
        wanted = options.get("filter", {}).get("id", {}).get("in")
        ids = [id for id in self.ids if wanted is None or id in wanted]
        page = ids[options.get("skip", 0) :][:PAGE]
        if document is READ_OPEN_ORDERS and self.broken.intersection(page):
            raise self.error
        return {"orders": {"totalItems": len(ids), "items": [{"id": id} for id in page]}}


def listing(shop: Client) -> RecordList[tuple[str, str]]:
    return RecordList(
        shop,
        "orders",
        READ_OPEN_ORDERS,
        LIST_ORDERS,
        lambda node, _: (node.text("id"), ""),
        lambda node, why: (node.text("id"), why),
    )


@given(
    count=st.integers(0, 70),
    broken=st.sets(st.integers(0, 69), max_size=3),
    down=st.booleans(),
)
def test_all_others_are_read_once(count: int, broken: set[int], down: bool) -> None:
    error = (Unavailable if down else ProtocolError)("this one", upstream="vendure")
    # A page on which nothing else can be read says nothing of one record.
    shop = Shop(count, {one for one in broken if one % 20 > 5 and count > PAGE}, error)
    told = list(listing(shop).all({}))
    expected = [(id, "this one" if id in shop.broken else "") for id in shop.ids]
    assert told == expected
    assert shop.asked < 10 + 25 * len(shop.broken)


@pytest.mark.parametrize("count", [3, 60])
def test_a_list_of_nothing_but_broken_records_is_the_shops_own_trouble(count: int) -> None:
    shop = Shop(count, set(range(count)), ProtocolError("odd", upstream="vendure"))
    with pytest.raises(ProtocolError):
        list(listing(shop).all({}))
    assert shop.asked < 30


def test_what_concerns_the_whole_shop_is_asked_once() -> None:
    shop = Shop(30, {7}, AuthRefused("no", upstream="vendure"))
    with pytest.raises(AuthRefused):
        list(listing(shop).all({}))
    assert shop.asked == 1


class Limited(Client):
    """A list of ids that are codes too, of which at most `limit` come at once."""

    def __init__(self, count: int, limit: int, *, says_how_many: bool = True) -> None:
        self.ids = [str(number) for number in range(count)]
        self.limit = limit
        self.says_how_many = says_how_many
        self.refused = self.asked = 0

    def execute(
        self, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        self.asked += 1
        options = variables.get("options", variables)
        take = options.get("take", self.limit)
        if take > self.limit:
            self.refused += 1
            refusal = TakeRefused("too many", upstream="vendure")
            refusal.limit = self.limit if self.says_how_many else None
            raise refusal
        wanted = options.get("filter", {}).get("id", {}).get("in", options.get("codes"))
        ids = [id for id in self.ids if wanted is None or id in wanted]
        page = ids[options.get("skip", 0) :][:take]
        items = [{"id": id, "code": id} for id in page]
        return {"orders": {"totalItems": len(ids), "items": items}}


@given(st.integers(0, 130), st.integers(1, 120), st.booleans())
def test_a_shop_that_lists_few_at_once_is_read_whole(
    count: int, limit: int, says_how_many: bool
) -> None:
    shop = Limited(count, limit, says_how_many=says_how_many)
    options = {"take": 100}
    assert [id for id, _ in listing(shop).all(options)] == shop.ids
    found = listing(shop).by_id([*shop.ids, "none"])
    assert list(found) == shop.ids
    wanted = [*reversed(shop.ids), "none", *shop.ids]
    answers = by_code(shop, READ_FULFILMENTS, wanted, 50)
    codes = [item.text("code") for _, items in answers for item in items]
    assert sorted(codes, key=int) == shop.ids
    # Learned once for all lists; where the refusal does not say how many, in halves.
    assert shop.refused <= (1 if says_how_many else 7)


@given(st.integers(0, 130), st.integers(1, 40))
def test_a_list_without_a_length_of_its_own_is_read_to_its_end(count: int, limit: int) -> None:
    shop = Limited(count, limit)
    assert [id for id, _ in listing(shop).all({})] == shop.ids
    assert shop.refused == 0


def test_the_usual_shop_is_asked_as_often_as_before() -> None:
    shop = Limited(120, 1000)
    list(listing(shop).all({}))
    assert shop.asked == 1
    list(listing(shop).all({"take": 100}))
    assert shop.asked == 3
    list(by_code(shop, READ_FULFILMENTS, shop.ids, 50))
    assert shop.asked == 6
    listing(shop).by_id(shop.ids)
    assert (shop.asked, shop.refused) == (7, 0)


def test_an_order_that_is_counted_and_not_listed_is_no_limit() -> None:
    class Short(Limited):
        def execute(self, *args: Any, **named: Any) -> dict[str, Any]:
            data = super().execute(*args, **named)
            del data["orders"]["items"][1:2]
            return data

    shop = Short(10, 1000)
    with pytest.raises(ProtocolError, match="incompletely"):
        list(by_code(shop, READ_FULFILMENTS, shop.ids, 50))
    assert (shop.asked, shop.at_once(50)) == (1, 50)
