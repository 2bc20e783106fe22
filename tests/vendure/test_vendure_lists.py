"""Lists with broken records: all others are read, once each, and what is broken is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.errors import AuthRefused, ProtocolError, SyncError, Unavailable
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import LIST_ORDERS, READ_OPEN_ORDERS, Document
from veracore_sync.vendure.lists import RecordList

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


def listing(shop: Shop) -> RecordList[tuple[str, str]]:
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
