"""The contract of the port `ShopOrders`: our client of the small shop, and the fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from shop_beds import ORDERS, START, OrdersBed

from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.orders import OrderContent, OrderStub
from veracore_sync.ports.shop import Poll, ShopOrders

PAID, AUTHORISED = "PaymentSettled", "PaymentAuthorized"
BEHIND = ("PartiallyShipped", "Shipped", "Delivered", "Cancelled")


@pytest.fixture(params=ORDERS)
def bed(request: pytest.FixtureRequest) -> Iterator[OrdersBed]:
    with ORDERS[request.param]() as made:
        yield made


@pytest.fixture
def orders(bed: OrdersBed) -> ShopOrders:
    return bed.orders


def look(
    orders: ShopOrders,
    *triggers: str,
    moved_since: datetime | None = None,
    passed_since: datetime | None = None,
) -> Poll:
    return orders.poll(
        trigger_states=triggers,
        moved_since=moved_since,
        passed_states=BEHIND,
        passed_since=passed_since,
    )


def codes(stubs: tuple[OrderStub, ...]) -> list[str]:
    return [stub.code for stub in stubs]


def test_what_waits_is_in_a_trigger_state(bed: OrdersBed, orders: ShopOrders) -> None:
    paid = bed.place(("MUG", 1))
    authorised = bed.place(("MUG", 1), state=AUTHORISED)
    bed.place(("MUG", 1), state="AddingItems")
    assert codes(look(orders, PAID).waiting) == [paid]
    assert codes(look(orders, PAID, AUTHORISED).waiting) == [paid, authorised]
    poll = look(orders)
    assert (poll.waiting, poll.moved, poll.passed) == ((), (), ())
    assert (poll.money_precision, poll.channel_code) == (2, "__default_channel__")
    assert (poll.unlisted, poll.unread) == ((), {})


def test_the_oldest_placement_comes_first(bed: OrdersBed, orders: ShopOrders) -> None:
    first, second, third = (bed.place(("MUG", 2)) for _ in range(3))
    bed.cancel_units(first, "MUG", 1)
    poll = look(orders, PAID, moved_since=START)
    assert codes(poll.waiting) == [first, second, third]
    assert codes(poll.moved) == [first, second, third]


def test_what_moved_is_strictly_later_and_was_placed(bed: OrdersBed, orders: ShopOrders) -> None:
    changed, still = bed.place(("MUG", 2)), bed.place(("MUG", 2))
    placed_at = bed.clock.now()
    bed.cancel_units(changed, "MUG", 1)
    bed.place(("MUG", 1), state="AddingItems")
    assert codes(look(orders, moved_since=placed_at).moved) == [changed]
    overlapping = placed_at - timedelta(seconds=30)
    assert codes(look(orders, moved_since=overlapping).moved) == [changed, still]


def test_what_passed_was_placed_after_the_moment(bed: OrdersBed, orders: ShopOrders) -> None:
    early = bed.place(("MUG", 1))
    between = bed.clock.now() + timedelta(seconds=1)
    late, waiting = bed.place(("MUG", 1)), bed.place(("MUG", 1))
    bed.ship(early)
    bed.ship(late)
    poll = look(orders, PAID, passed_since=between)
    assert codes(poll.passed) == [late]
    assert codes(poll.waiting) == [waiting]
    assert codes(look(orders, passed_since=START).passed) == [early, late]
    assert look(orders, passed_since=START).passed[0].state == "Shipped"


def test_orders_come_in_the_order_asked_for_and_once(bed: OrdersBed, orders: ShopOrders) -> None:
    first, second = bed.place(("MUG", 2), ("TEE", 1)), bed.place(("MUG", 1))
    found = orders.orders([second, "NOPE", first, second])
    assert [order.code for order in found] == [second, first]
    assert orders.orders(["NOPE"]) == []
    assert orders.orders([]) == []


def test_an_order_is_read_in_full(bed: OrdersBed, orders: ShopOrders) -> None:
    code = bed.place(("MUG", 2), ("TEE", 1))
    (order,) = orders.orders([code])
    (stub,) = look(orders, PAID).waiting
    told = (order.id, order.code, order.state, order.type, order.placed_at, order.updated_at)
    assert told == (stub.id, code, PAID, "Regular", stub.placed_at, stub.updated_at)
    assert stub.placed_at == bed.clock.now()
    lines = [(one.sku, one.quantity, one.fulfilled) for one in order.lines]
    assert lines == [("MUG", 2, 0), ("TEE", 1, 0)]
    assert order.currency == "USD"
    assert order.paid > 0
    assert order.paid_at is not None
    assert order.refunded == Decimal(0)


def test_cancelled_and_fulfilled_units_are_told(bed: OrdersBed, orders: ShopOrders) -> None:
    code = bed.place(("MUG", 2), ("TEE", 1))
    bed.cancel_units(code, "TEE", 1)
    bed.ship(code)
    (order,) = orders.orders([code])
    lines = [(one.sku, one.quantity, one.fulfilled, one.open_quantity) for one in order.lines]
    assert lines == [("MUG", 2, 2, 0), ("TEE", 0, 0, 0)]


def test_one_that_cannot_be_read_fails_the_read_and_is_listed(
    bed: OrdersBed, orders: ShopOrders
) -> None:
    bad, good = bed.place(("MUG", 1)), bed.place(("MUG", 1))
    bed.garble(bad)
    with pytest.raises(UpstreamError):
        orders.orders([good, bad])
    assert [order.code for order in orders.orders([good])] == [good]
    assert codes(look(orders, PAID).waiting) == [bad, good]


def test_silence_is_an_error_and_never_an_empty_list(bed: OrdersBed, orders: ShopOrders) -> None:
    code = bed.place(("MUG", 1))
    bed.stop()
    with pytest.raises(UpstreamError):
        look(orders, PAID)
    with pytest.raises(UpstreamError):
        orders.orders([code])


def test_what_is_compared_is_that_of_the_full_order(bed: OrdersBed, orders: ShopOrders) -> None:
    first, second = bed.place(("MUG", 2), ("TEE", 1)), bed.place(("MUG", 1))
    bed.cancel_units(first, "MUG", 1)
    bed.ship(second)
    found = {one.code: one for one in orders.contents([second, "NOPE", first, second])}
    assert found.keys() == {first, second}
    for order in orders.orders([first, second]):
        compared = found[order.code]
        # What a line costs is sent and not compared.
        lines = tuple(replace(line, sum_gross=None, sum_net=None) for line in order.lines)
        read = replace(order, lines=lines)
        for one in fields(OrderContent):
            assert getattr(compared, one.name) == getattr(read, one.name), one.name
    assert orders.contents_a_request >= len(found)
    assert orders.contents([]) == []


def test_one_that_cannot_be_compared_fails_the_read(bed: OrdersBed, orders: ShopOrders) -> None:
    bad, good = bed.place(("MUG", 1)), bed.place(("MUG", 1))
    bed.garble(bad)
    with pytest.raises(UpstreamError):
        orders.contents([good, bad])
    assert [one.code for one in orders.contents([good])] == [good]
    bed.stop()
    with pytest.raises(UpstreamError):
        orders.contents([good])
