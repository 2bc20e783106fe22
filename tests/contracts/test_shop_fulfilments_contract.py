"""The contract of the ports `ShopFulfilments` and `ShopAccess`: our client of the small shop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shop_beds import SmallBed, small_bed

from veracore_sync.domain.errors import UpstreamError
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.ports.shop_fulfilments import MutationRefused, ShopFulfilments

HANDLER = "manual-fulfillment"


@pytest.fixture
def bed() -> Iterator[SmallBed]:
    with small_bed() as made:
        yield made


@pytest.fixture
def shop(bed: SmallBed) -> ShopFulfilments:
    return bed.shop.fulfilments


@pytest.fixture
def code(bed: SmallBed) -> str:
    """A paid order of two mugs and a shirt."""
    bed.stock_up("MUG", "TEE")
    return bed.small.state.place_order([("MUG", 2), ("TEE", 1)]).code


def add(shop: ShopFulfilments, lines: dict[str, int], handler: str = HANDLER) -> str:
    return shop.add(lines, handler=handler, method="UPS Ground", tracking_code="1Z999")


def order_of(shop: ShopFulfilments, code: str) -> FulfilledOrder:
    return shop.orders([code])[code]


def line_ids(shop: ShopFulfilments, code: str) -> tuple[str, str]:
    mug, tee = order_of(shop, code).lines
    assert (mug.sku, mug.quantity, tee.sku, tee.quantity) == ("MUG", 2, "TEE", 1)
    return mug.id, tee.id


def test_orders_by_code_as_far_as_there_are_any(shop: ShopFulfilments, code: str) -> None:
    found = shop.orders([code, "NOPE", code])
    assert found.keys() == {code}
    order = found[code]
    assert (order.code, order.state, order.type) == (code, "PaymentSettled", "Regular")
    assert order.fulfilments == ()
    assert shop.orders([]) == {}


def test_units_are_fulfilled_step_by_step(shop: ShopFulfilments, code: str) -> None:
    mug, tee = line_ids(shop, code)
    first = add(shop, {mug: 1})
    (one,) = order_of(shop, code).fulfilments
    assert (one.id, one.state, one.tracking_code, one.lines) == (
        first,
        "Pending",
        "1Z999",
        {mug: 1},
    )
    assert order_of(shop, code).state == "PaymentSettled"
    shop.ship(first)
    assert order_of(shop, code).state == "PartiallyShipped"
    shop.ship(add(shop, {mug: 1, tee: 1}))
    order = order_of(shop, code)
    assert order.state == "Shipped"
    assert [one.state for one in order.fulfilments] == ["Shipped", "Shipped"]


def test_what_was_cancelled_is_open_again(shop: ShopFulfilments, code: str) -> None:
    mug, _ = line_ids(shop, code)
    shop.cancel(add(shop, {mug: 2}))
    (one,) = order_of(shop, code).fulfilments
    assert (one.state, one.is_live) == ("Cancelled", False)
    again = add(shop, {mug: 2})
    assert [one.id for one in order_of(shop, code).fulfilments if one.is_live] == [again]


def test_a_refusal_is_a_value_of_its_own_and_changes_nothing(
    bed: SmallBed, shop: ShopFulfilments, code: str
) -> None:
    mug, tee = line_ids(shop, code)
    with pytest.raises(MutationRefused) as too_many:
        add(shop, {mug: 3})
    assert too_many.value.code == "ITEMS_ALREADY_FULFILLED_ERROR"
    with pytest.raises(MutationRefused) as handler:
        add(shop, {mug: 1}, handler="nobody")
    assert handler.value.code == "INVALID_FULFILLMENT_HANDLER_ERROR"
    bed.small.state.set_stock("TEE", 0)
    with pytest.raises(MutationRefused) as short:
        add(shop, {tee: 1})
    assert short.value.code == "INSUFFICIENT_STOCK_ON_HAND_ERROR"
    assert short.value.variant_id == order_of(shop, code).lines[1].variant_id
    assert order_of(shop, code).fulfilments == ()
    assert "Vendure refused the fulfilment" in short.value.as_error("the fulfilment").message


def test_what_is_shipped_goes_nowhere_from_there_by_itself(
    shop: ShopFulfilments, code: str
) -> None:
    mug, _ = line_ids(shop, code)
    made = add(shop, {mug: 1})
    shop.cancel(made)
    with pytest.raises(MutationRefused):
        shop.ship(made)
    assert [one.state for one in order_of(shop, code).fulfilments] == ["Cancelled"]


def test_an_order_with_nothing_left_is_ended(
    bed: SmallBed, shop: ShopFulfilments, code: str
) -> None:
    mug, _ = line_ids(shop, code)
    shop.ship(add(shop, {mug: 2}))
    with pytest.raises((MutationRefused, UpstreamError)):
        shop.end(order_of(shop, code).id)
    state = bed.small.state
    state.cancel(state.order(code), [("TEE", 1)])
    shop.end(order_of(shop, code).id)
    assert order_of(shop, code).state == "Shipped"


def test_a_note_is_private(bed: SmallBed, shop: ShopFulfilments, code: str) -> None:
    shop.note(order_of(shop, code).id, "Ä & <b>")
    note = bed.small.state.order(code).history[-1]
    assert (note.kind, note.public) == ("ORDER_NOTE", False)
    assert note.data["note"] == "Ä & \u2039b\u203a"


def test_private_notes_are_read_newest_first_however_many(
    bed: SmallBed, shop: ShopFulfilments, code: str
) -> None:
    id = order_of(shop, code).id
    assert list(shop.notes(id)) == []
    for number in range(120):
        shop.note(id, f"note {number}")
    bed.small.state.add_note(bed.small.state.order(code), "for everyone", public=True)
    assert list(shop.notes(id)) == [f"note {number}" for number in reversed(range(120))]
    assert list(shop.notes("987654")) == []


def test_silence_is_an_error(bed: SmallBed, shop: ShopFulfilments, code: str) -> None:
    mug, _ = line_ids(shop, code)
    bed.stop()
    with pytest.raises(UpstreamError):
        shop.orders([code])
    with pytest.raises(UpstreamError):
        add(shop, {mug: 1})


def test_whoever_asks_is_told_their_permissions(bed: SmallBed) -> None:
    access = bed.shop.access()
    assert access.channel_code == "__default_channel__"
    assert "SuperAdmin" in access.permissions
    assert "standard-shipping" in bed.shop.shipping_methods()
