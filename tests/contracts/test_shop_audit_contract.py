"""The contract of the port `ShopAudit`: our client of the small shop, and the fake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import pytest
from shop_beds import ORDERS, START, OrdersBed

from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.ports.shop import Unlisted


@pytest.fixture(params=ORDERS)
def bed(request: pytest.FixtureRequest) -> Iterator[OrdersBed]:
    with ORDERS[request.param]() as made:
        yield made


def entries(bed: OrdersBed) -> list[WholeOrder | Unlisted]:
    return list(chain.from_iterable(bed.audit.placed(START)))


def codes(found: Sequence[WholeOrder | Unlisted]) -> list[str | None]:
    return [one.code for one in found]


def test_every_placed_order_is_listed_once_whatever_its_state(bed: OrdersBed) -> None:
    paid, shipped, part = (bed.place(("MUG", 2)) for _ in range(3))
    authorised = bed.place(("MUG", 1), state="PaymentAuthorized")
    bed.place(("MUG", 1), state="AddingItems")
    bed.ship(shipped)
    bed.cancel_units(part, "MUG", 1)
    assert codes(entries(bed)) == [paid, shipped, part, authorised]


def test_what_was_placed_before_is_left_out(bed: OrdersBed) -> None:
    bed.place(("MUG", 1))
    since = bed.clock.now()
    later = bed.place(("MUG", 1))
    assert codes(list(chain.from_iterable(bed.audit.placed(since)))) == [later]
    assert list(chain.from_iterable(bed.audit.placed(bed.clock.now()))) == []


def test_an_order_is_whole(bed: OrdersBed) -> None:
    code = bed.place(("MUG", 2), ("PEN", 3))
    bed.ship(code)
    listed = entries(bed)
    assert listed == bed.audit.named([code])
    (order,) = listed
    assert isinstance(order, WholeOrder)
    assert order.content == bed.orders.contents([code])[0]
    assert order.content.state == "Shipped"
    (fulfilment,) = order.fulfilments
    assert fulfilment.state == "Shipped"
    assert fulfilment.lines == {one.id: one.quantity for one in order.content.lines}
    assert [one.fulfilled for one in order.content.lines] == [2, 3]
    assert order.channels == ()


def test_an_unreadable_order_is_named_and_hides_no_other(bed: OrdersBed) -> None:
    before, broken, after = (bed.place(("MUG", 1)) for _ in range(3))
    bed.garble(broken)
    found = entries(bed)
    assert sorted(map(str, codes(found))) == sorted([before, broken, after])
    (unlisted,) = (one for one in found if isinstance(one, Unlisted))
    assert (unlisted.code, unlisted.listed_in) == (broken, "placed")
    with pytest.raises(UpstreamError):
        bed.audit.named([before, broken])
    assert codes(bed.audit.named([after, before])) == [after, before]


def test_only_codes_of_the_shop_are_found_and_each_once(bed: OrdersBed) -> None:
    code = bed.place(("MUG", 1))
    assert codes(bed.audit.named(["NONE", code, code])) == [code]
    assert bed.audit.named([]) == []


def test_a_shop_that_does_not_answer_has_not_no_orders(bed: OrdersBed) -> None:
    code = bed.place(("MUG", 1))
    bed.stop()
    with pytest.raises(UpstreamError):
        entries(bed)
    with pytest.raises(UpstreamError):
        bed.audit.named([code])
