"""Vendure's answers as our model, field by field (docs/order-mapping.md).

Every function raises `ProtocolError`, naming the field, for an answer of another shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.orders import (
    Address,
    Customer,
    Order,
    OrderContent,
    OrderLine,
    OrderStub,
    ShippingLine,
)
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.vendure.node import Node

_PAID = ("Settled", "Authorized")
_MOST_DECIMALS = 12


def money_precision(root: Node) -> int:
    """How many decimal places Vendure's whole-number amounts have."""
    # The same in every currency, yen included (docs/vendure.md).
    config = root.node("globalSettings").node("serverConfig")
    precision = config.integer("moneyStrategyPrecision")
    if not 0 <= precision <= _MOST_DECIMALS:
        raise config.unusable("moneyStrategyPrecision")
    return precision


def channels(node: Node) -> tuple[str, ...]:
    """The codes of an order's channels; none if they were not asked for."""
    if "channels" not in node.fields:
        return ()
    found = tuple(one.text("code") for one in node.nodes("channels"))
    if not found:
        raise node.unusable("channels")
    return found


def order_stub(node: Node) -> OrderStub:
    """An item of a listing."""
    return OrderStub(
        id=node.text("id"),
        code=node.text("code"),
        state=node.text("state"),
        type=node.text("type"),
        placed_at=node.moment_or_none("orderPlacedAt"),
        updated_at=node.moment("updatedAt"),
        channels=channels(node),
    )


def order(node: Node, precision: int, custom_fields: Mapping[str, str] | None = None) -> Order:
    """An item of ``ReadOrders``. Amounts are divided by 10^`precision`.

    Args:
        custom_fields: The texts of the custom fields that the settings name.
    """
    payments = node.nodes_or_none("payments")
    shipping_address = node.node_or_none("shippingAddress")
    return Order(
        id=node.text("id"),
        code=node.text("code"),
        state=node.text("state"),
        type=node.text("type"),
        placed_at=node.moment_or_none("orderPlacedAt"),
        updated_at=node.moment("updatedAt"),
        currency=node.text("currencyCode"),
        paid=_paid(payments, precision),
        refunded=_refunded(payments, precision),
        customer=_customer(node.node_or_none("customer")),
        shipping_address=_address(shipping_address) if shipping_address else Address(),
        billing_address=_billing_address(node.node_or_none("billingAddress")),
        lines=tuple(_summed_line(line, precision) for line in node.nodes("lines")),
        shipping_lines=tuple(_shipping(line, precision) for line in node.nodes("shippingLines")),
        note=_note(node.node("history")),
        custom_fields=custom_fields or {},
        same_goods=tuple(_same_goods(node)),
        channels=channels(node),
        total=node.money("totalWithTax", precision),
        surcharges_gross=_surcharges(node, "priceWithTax", precision),
        surcharges_net=_surcharges(node, "price", precision),
        paid_at=_paid_at(payments),
    )


def _same_goods(node: Node) -> Iterator[str]:
    if node.fields.get("aggregateOrder") is not None:
        yield node.node("aggregateOrder").text("code")
    if node.fields.get("sellerOrders") is not None:
        yield from (one.text("code") for one in node.nodes("sellerOrders"))


def order_content(node: Node, precision: int) -> OrderContent:
    """An order with what the fragment ``Content`` reads. Amounts are divided by 10^`precision`."""
    payments = node.nodes_or_none("payments")
    shipping_address = node.node_or_none("shippingAddress")
    return OrderContent(
        id=node.text("id"),
        code=node.text("code"),
        state=node.text("state"),
        type=node.text("type"),
        placed_at=node.moment_or_none("orderPlacedAt"),
        updated_at=node.moment("updatedAt"),
        currency=node.text("currencyCode"),
        paid=_paid(payments, precision),
        refunded=_refunded(payments, precision),
        shipping_address=_address(shipping_address) if shipping_address else Address(),
        lines=in_order(_line(line, precision) for line in node.nodes("lines")),
        shipping_lines=tuple(_shipping(line, precision) for line in node.nodes("shippingLines")),
        total=node.money("totalWithTax", precision),
        surcharges_gross=_surcharges(node, "priceWithTax", precision),
        surcharges_net=_surcharges(node, "price", precision),
    )


def whole_order(node: Node, precision: int) -> WholeOrder:
    """An item of ``ReadWholeOrders``. Amounts are divided by 10^`precision`."""
    # A state of the order moves no time of its own (docs/vendure.md); that of a payment does.
    paid = [one.moment("updatedAt") for one in node.nodes_or_none("payments")]
    return WholeOrder(
        order_content(node, precision), fulfilments(node), channels(node), max(paid, default=None)
    )


def fulfilments(node: Node) -> tuple[Fulfilment, ...]:
    """The fulfilments of an order, as the fragment ``Fulfilments`` reads them."""
    return in_order(_fulfilment(one) for one in node.nodes_or_none("fulfillments"))


class _WithId(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_WithId)


def in_order(records: Iterable[T]) -> tuple[T, ...]:
    """Parts of an order, as they were added; PostgreSQL returns them in any order."""
    return tuple(sorted(records, key=lambda one: (len(one.id), one.id)))


def _fulfilment(node: Node) -> Fulfilment:
    units: dict[str, int] = {}
    for line in node.nodes("lines"):
        id = line.text("orderLineId")
        units[id] = units.get(id, 0) + line.integer("quantity")
    return Fulfilment(
        node.text("id"), node.text("state"), node.text_or_empty("trackingCode"), units
    )


def _surcharges(node: Node, price: str, precision: int) -> Decimal:
    return sum((one.money(price, precision) for one in node.nodes("surcharges")), Decimal(0))


def _line(node: Node, precision: int) -> OrderLine:
    variant = node.node("productVariant")
    return OrderLine(
        id=node.text("id"),
        variant_id=variant.text("id"),
        sku=variant.text("sku"),
        quantity=node.integer("quantity"),
        fulfilled=_fulfilled(node.nodes_or_none("fulfillmentLines")),
        unit_price_gross=node.money("proratedUnitPriceWithTax", precision),
        unit_price_net=node.money("proratedUnitPrice", precision),
    )


def _summed_line(node: Node, precision: int) -> OrderLine:
    return replace(
        _line(node, precision),
        sum_gross=node.money("proratedLinePriceWithTax", precision),
        sum_net=node.money("proratedLinePrice", precision),
    )


def _fulfilled(parts: Iterable[Node]) -> int:
    return sum(
        part.integer("quantity")
        for part in parts
        # Units of a cancelled fulfilment have to be shipped again.
        if part.node("fulfillment").text("state") != "Cancelled"
    )


def _shipping(node: Node, precision: int) -> ShippingLine:
    method = node.node("shippingMethod")
    return ShippingLine(
        method_code=method.text("code"),
        price_gross=node.money("discountedPriceWithTax", precision),
        price_net=node.money("discountedPrice", precision),
        method_id=method.text("id"),
    )


def _paid(payments: Iterable[Node], precision: int) -> Decimal:
    # A Declined or Cancelled payment never brought money.
    live = (payment for payment in payments if payment.text("state") in _PAID)
    return sum((payment.money("amount", precision) for payment in live), Decimal(0))


def _paid_at(payments: Iterable[Node]) -> datetime | None:
    # A state of the order moves no time of its own (docs/vendure.md); that of a payment does.
    live = (one.moment_or_none("updatedAt") for one in payments if one.text("state") in _PAID)
    return max((at for at in live if at is not None), default=None)


def _refunded(payments: Iterable[Node], precision: int) -> Decimal:
    refunds = (refund for payment in payments for refund in payment.nodes("refunds"))
    live = (refund for refund in refunds if refund.text("state") != "Failed")
    return sum((refund.money("total", precision) for refund in live), Decimal(0))


def _customer(node: Node | None) -> Customer:
    if node is None:
        return Customer()
    return Customer(
        first_name=node.text_or_empty("firstName"),
        last_name=node.text_or_empty("lastName"),
        email=node.text_or_empty("emailAddress"),
        phone=node.text_or_empty("phoneNumber"),
    )


def _address(node: Node) -> Address:
    return Address(
        full_name=node.text_or_empty("fullName"),
        company=node.text_or_empty("company"),
        street1=node.text_or_empty("streetLine1"),
        street2=node.text_or_empty("streetLine2"),
        city=node.text_or_empty("city"),
        province=node.text_or_empty("province"),
        postal_code=node.text_or_empty("postalCode"),
        country_code=node.text_or_empty("countryCode"),
        phone=node.text_or_empty("phoneNumber"),
    )


def _billing_address(node: Node | None) -> Address | None:
    # An order without a billing address has one whose fields are all null (docs/vendure.md).
    address = _address(node) if node else Address()
    return address if any(getattr(address, field.name) for field in fields(address)) else None


def _note(history: Node) -> str:
    newest = history.nodes("items")[:1]
    return newest[0].node("data").text_or_empty("note") if newest else ""
