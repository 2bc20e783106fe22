"""Whole orders, page by page: every order once, whatever is broken, cut, or placed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from fakes import START
from hypothesis import assume, given
from hypothesis import strategies as st

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.errors import (
    ConfigError,
    Occurrence,
    ProtocolError,
    SyncError,
    UpstreamError,
)
from veracore_sync.domain.failures import read_error
from veracore_sync.ports.shop import Unlisted
from veracore_sync.vendure import audit as module
from veracore_sync.vendure.answers import TakeRefused
from veracore_sync.vendure.audit import VendureAudit
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import LIST_ORDERS, NAME_ORDERS, READ_CHANNEL, Document

PAGE = 4


@dataclass
class Entry:
    """An order: a cart before it is placed."""

    id: int
    placed_at: datetime | None

    @property
    def code(self) -> str:
        return f"A{self.id}"

    def fields(self) -> dict[str, Any]:
        placed_at = to_text(self.placed_at) if self.placed_at else None
        return {
            "id": str(self.id),
            "code": self.code,
            "state": "PaymentSettled",
            "type": "Regular",
            "orderPlacedAt": placed_at,
            "updatedAt": placed_at,
            "currencyCode": "USD",
            "totalWithTax": 100,
            "shippingAddress": None,
            "lines": [],
            "shippingLines": [],
            "surcharges": [],
            "payments": [],
            "fulfillments": [],
        }


@dataclass
class Shop(Client):
    """Orders by ascending id, as Vendure lists them.

    Args:
        entries: All orders and carts.
        failing: A page with one of them in full fails; so does its name where that is `nameless`.
        null: Listed as null.
        odd: Listed with a field of another kind.
        left_out: Counted, and not listed.
        limit: How many are listed at once.
        heaviest: With more whole orders than this in it a page fails; it is too large.
        before_page: Called before each page of whole orders.
    """

    entries: list[Entry]
    failing: set[int] = field(default_factory=set)
    nameless: set[int] = field(default_factory=set)
    null: set[int] = field(default_factory=set)
    odd: set[int] = field(default_factory=set)
    left_out: set[int] = field(default_factory=set)
    limit: int = 1000
    heaviest: int = 1000
    error: SyncError = field(
        default_factory=lambda: read_error(Occurrence.NOT_UNDERSTOOD, "null", upstream="vendure")
    )
    before_page: Callable[[], None] = lambda: None
    is_down: bool = False
    asked: list[str] = field(default_factory=list)

    def execute(
        self, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        self.asked.append(document.operation)
        if self.is_down:
            raise read_error(Occurrence.NOT_CONNECTED, "down", upstream="vendure")
        if document is READ_CHANNEL:
            return {"activeChannel": {"code": "x"}}
        if document not in (LIST_ORDERS, NAME_ORDERS):
            self.before_page()
        return {
            "globalSettings": {"serverConfig": {"moneyStrategyPrecision": 2}},
            "orders": self._listing(document, variables["options"]),
        }

    def _listing(self, document: Document, options: Mapping[str, Any]) -> dict[str, Any]:
        if options["take"] > self.limit:
            refusal = TakeRefused("fewer", upstream="vendure")
            refusal.limit = self.limit
            raise refusal
        found = [one for one in self.entries if _passes(one, options["filter"])]
        if "orderPlacedAt" in options["sort"]:
            found.sort(key=lambda one: one.placed_at or START, reverse=True)
        skip = options.get("skip", 0)
        page = found[skip : skip + options["take"]]
        numbers = {one.id for one in page}
        is_whole = document not in (LIST_ORDERS, NAME_ORDERS)
        if is_whole and (numbers & self.failing or len(page) > self.heaviest):
            raise self.error
        if numbers & self.nameless:
            raise self.error
        items = [self._item(one) for one in page if one.id not in self.left_out]
        return {"totalItems": len(found), "items": items}

    def _item(self, entry: Entry) -> dict[str, Any] | None:
        if entry.id in self.null:
            return None
        return entry.fields() | ({"totalWithTax": "odd"} if entry.id in self.odd else {})


def _passes(entry: Entry, wanted: Mapping[str, Any]) -> bool:
    if "code" in wanted:
        # As a database that ignores case.
        return entry.code.lower() in {code.lower() for code in wanted["code"]["in"]}
    assert wanted["active"] == {"eq": False}
    when = wanted["orderPlacedAt"]
    if entry.placed_at is None or entry.placed_at <= from_text(when["after"]):
        return False
    return "before" not in when or entry.placed_at < from_text(when["before"])


@pytest.fixture(autouse=True, scope="module")
def short_pages() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ORDERS_A_REQUEST", PAGE)
        yield


def placed(count: int) -> list[Entry]:
    return [Entry(number, START + timedelta(minutes=number)) for number in range(1, count + 1)]


def read(shop: Shop) -> tuple[list[str], list[Unlisted]]:
    pages = list(VendureAudit(shop).placed(START))
    found = list(chain.from_iterable(pages))
    assert max(map(len, pages), default=0) <= PAGE + 1
    codes = [one.code for one in found if not isinstance(one, Unlisted)]
    return codes, [one for one in found if isinstance(one, Unlisted)]


def codes_of(entries: list[Entry], *, without: Collection[int] = ()) -> list[str]:
    return [one.code for one in entries if one.id not in without]


COUNT = 2 * PAGE + 2
KINDS = ("failing", "null", "odd", "left_out")


@pytest.mark.parametrize("limit", [1, 3, PAGE, 1000])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", range(1, COUNT + 1))
def test_a_bad_entry_at_every_place_of_pages_of_every_length(
    place: int, kind: str, limit: int
) -> None:
    shop = Shop(placed(COUNT), limit=limit)
    getattr(shop, kind).add(place)
    codes, unlisted = read(shop)
    assert codes == codes_of(shop.entries, without={place})
    (one,) = unlisted
    named = {
        "failing": f"A{place}",
        "null": f"entry {place} of the placed orders",
        "odd": f"A{place}",
        "left_out": "an entry of the placed orders that is counted and not listed",
    }
    assert (one.name, one.listed_in) == (named[kind], "placed")
    assert one.code == (f"A{place}" if kind in ("failing", "odd") else None)


@pytest.mark.parametrize("count", range(2 * PAGE + 2))
@pytest.mark.parametrize("limit", [1, 2, PAGE, 1000])
def test_a_list_of_any_length_ends_where_it_ends(count: int, limit: int) -> None:
    shop = Shop([*placed(count), Entry(count + 1, None), Entry(count + 2, START)], limit=limit)
    assert read(shop) == (codes_of(shop.entries[:count]), [])
    # A first refusal says how long a page may be.
    pages = max(1, -(-count // min(PAGE, limit)))
    assert shop.asked.count("ReadWholeOrders") == pages + (limit < PAGE)


@given(
    count=st.integers(0, 25),
    bad=st.dictionaries(st.integers(1, 25), st.sampled_from(KINDS), max_size=4),
    limit=st.sampled_from([1, 2, 3, PAGE, 1000]),
    carts=st.sets(st.integers(1, 25), max_size=6),
)
def test_every_order_is_listed_once_or_named(
    count: int, bad: dict[int, str], limit: int, carts: set[int]
) -> None:
    shop = Shop(placed(count), limit=limit)
    for number, kind in bad.items():
        getattr(shop, kind).add(number)
    waiting = [one for one in shop.entries if one.id in carts and one.id not in bad]
    there = [one for one in shop.entries if one not in waiting]
    for one in waiting:
        one.placed_at = None

    def place_one() -> None:
        # Its id is anywhere among those that are being listed.
        if waiting and len(shop.asked) > 1:
            waiting.pop().placed_at = START + timedelta(days=1)

    shop.before_page = place_one
    expected = codes_of(there, without=bad)
    here = [kind for number, kind in bad.items() if number <= count]
    missing = here.count("left_out")
    assume(missing <= max(1, len(expected)))
    late = codes_of(waiting)
    codes, unlisted = read(shop)
    assert [code for code in codes if code not in late] == expected
    assert len(codes) == len(set(codes))
    told = len(here) - max(0, missing - 1)
    if not there or bad.get(there[-1].id) not in ("null", "left_out"):
        assert codes == expected
        # Beside one that is not listed an entry without a name may be seen in two pages.
        assert len(unlisted) == told or {"null", "left_out"} <= set(here)
    # Else it is unknown which is the newest, and those that are placed meanwhile are counted.
    assert len(unlisted) >= told


def test_an_order_of_an_unknown_newest_that_moves_the_others_is_no_double() -> None:
    shop = Shop(placed(COUNT))
    cart = shop.entries[1]
    cart.placed_at = None
    shop.nameless.add(COUNT)
    shop.failing.add(COUNT)

    def place_it() -> None:
        if shop.asked.count("ReadWholeOrders") == 2:
            cart.placed_at = START + timedelta(days=1)

    shop.before_page = place_it
    codes, unlisted = read(shop)
    assert codes == codes_of(shop.entries, without={2, COUNT})
    assert [one.name for one in unlisted] == [
        f"entry {COUNT} of the placed orders",
        "an entry of the placed orders that is counted and not listed",
    ]


def test_an_order_of_the_far_future_hides_no_other() -> None:
    shop = Shop([*placed(3), Entry(4, datetime.max.replace(tzinfo=UTC))])
    assert read(shop) == (["A1", "A2", "A3", "A4"], [])


def test_an_order_that_leaves_the_list_hides_no_other_in_silence() -> None:
    shop = Shop(placed(COUNT))

    def remove_one() -> None:
        if shop.asked.count("ReadWholeOrders") == 2:
            del shop.entries[0]

    shop.before_page = remove_one
    codes, unlisted = read(shop)
    assert codes == codes_of(placed(COUNT), without={PAGE + 1})
    assert len(unlisted) == 1


def test_many_entries_that_are_counted_and_not_listed_are_an_error() -> None:
    shop = Shop(placed(40), left_out=set(range(20, 32)))
    with pytest.raises(ProtocolError, match="incompletely"):
        read(shop)


def test_many_bad_entries_in_a_row_are_an_error() -> None:
    shop = Shop(placed(20), failing=set(range(5, 17)))
    with pytest.raises(ProtocolError):
        read(shop)


def test_pages_are_long_again_after_a_bad_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORDERS_A_REQUEST", 500)
    shop = Shop(placed(5000), failing={2222})
    found = list(VendureAudit(shop).placed(START))
    assert sum(map(len, found)) == 5000
    assert shop.asked.count("ReadWholeOrders") < 40
    assert len(found[-2]) == 500


def test_a_page_that_is_too_much_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ORDERS_A_REQUEST", 500)
    shop = Shop(placed(1000), heaviest=60)
    shop.error = read_error(Occurrence.TIMEOUT, "no answer in time", upstream="vendure")
    found = list(VendureAudit(shop).placed(START))
    assert sum(map(len, found)) == 1000
    assert shop.asked.count("ReadWholeOrders") == 1 + 1000 // 50


@pytest.mark.parametrize("whole_pages", range(3))
def test_a_shop_that_stops_answering_ends_no_list(whole_pages: int) -> None:
    shop = Shop(placed(COUNT))

    def stop() -> None:
        shop.is_down = shop.asked.count("ReadWholeOrders") > whole_pages

    shop.before_page = stop
    pages = VendureAudit(shop).placed(START)
    assert sum(len(next(pages)) for _ in range(whole_pages)) == min(PAGE * whole_pages, COUNT)
    shop.is_down = True
    with pytest.raises(UpstreamError):
        list(pages)


# ---- named orders ---------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, PAGE, 1000])
def test_named_orders_are_read_as_many_at_once_as_the_shop_lists(limit: int) -> None:
    shop = Shop(placed(COUNT), limit=limit)
    codes = codes_of(shop.entries)[::-1]
    found = VendureAudit(shop).named([*codes, "NONE", "a1", codes[0]])
    assert [one.code for one in found] == codes


def test_orders_that_are_too_much_for_one_answer_are_read_in_several() -> None:
    shop = Shop(placed(COUNT), heaviest=1)
    shop.error = read_error(Occurrence.TOO_LARGE, "too large", upstream="vendure")
    codes = codes_of(shop.entries)
    assert [one.code for one in VendureAudit(shop).named(codes)] == codes
    shop.heaviest = 0
    with pytest.raises(UpstreamError, match="too large"):
        VendureAudit(shop).named(codes)


@pytest.mark.parametrize("kind", ["failing", "odd", "left_out", "null"])
def test_named_orders_are_complete_or_none(kind: str) -> None:
    shop = Shop(placed(3))
    getattr(shop, kind).add(2)
    with pytest.raises(UpstreamError):
        VendureAudit(shop).named(["A1", "A2", "A3"])


# ---- channels -------------------------------------------------------------------------------


class InChannels(Shop):
    """With channels, of which we may see two."""

    there = 2

    def execute(
        self, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        data = super().execute(document, variables)
        if "me { channels { code } }" in document.text:
            data["me"] = {"channels": [{"code": "default"}, {"code": "east"}]}
            data["channels"] = {"totalItems": self.there}
            for item in data["orders"]["items"]:
                item["channels"] = [{"code": "default"}, {"code": "east"}]
        return data


def test_channels_are_read_where_they_are_asked_for() -> None:
    shop = InChannels(placed(1))
    whole = VendureAudit(shop, reads_channels=True)
    (order,) = whole.named(["A1"])
    assert order.channels == ("default", "east")
    assert list(whole.placed(START)) == [[order]]
    shop.there = 3
    with pytest.raises(ConfigError, match=r"orders\.channels"):
        whole.named(["A1"])
    with pytest.raises(ConfigError, match=r"orders\.channels"):
        list(whole.placed(START))
