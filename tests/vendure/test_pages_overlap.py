"""A list that moves between two of its pages: nothing is passed over without a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import LIST_ORDERS, READ_OPEN_ORDERS, Document
from veracore_sync.vendure.lists import Gap, RecordList

PAGE = 20


class MovingShop(Client):
    """After the first page some of its records leave the list, and as many are new at its end."""

    def __init__(self, leaving: int) -> None:
        self.ids = [str(number) for number in range(60)]
        self.leaving = leaving

    def execute(
        self, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        page = self.ids[variables["options"].get("skip", 0) :][:PAGE]
        items = [{"id": id} for id in page]
        found = {"orders": {"totalItems": len(self.ids), "items": items}}
        if self.leaving:
            new = [f"new-{number}" for number in range(self.leaving)]
            self.ids, self.leaving = [*self.ids[self.leaving :], *new], 0
        return found


def read(shop: Client) -> list[str]:
    records = RecordList(
        shop,
        "orders",
        READ_OPEN_ORDERS,
        LIST_ORDERS,
        lambda node, _: node.text("id"),
        lambda node, why: node.text("id"),
    )
    return list(records.all({}))


@pytest.mark.parametrize("leaving", [1, 3, 4])
def test_a_few_that_leave_the_list_hide_no_other(leaving: int) -> None:
    shop = MovingShop(leaving)
    found = read(shop)
    assert set(found) >= set(shop.ids)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("leaving", [5, 10, 20])
def test_two_pages_that_share_nothing_are_a_gap(leaving: int) -> None:
    """As many as are new make up for those that were passed over: the count shows nothing."""
    with pytest.raises(Gap):
        read(MovingShop(leaving))
