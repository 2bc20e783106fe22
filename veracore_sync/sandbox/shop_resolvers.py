"""What each field of the small shop's GraphQL types is made of.

A field that is not listed here is the record's attribute of the same name, in snake case.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from graphql import GraphQLEnumType, GraphQLError, GraphQLResolveInfo

from veracore_sync.sandbox import shop_prices as prices
from veracore_sync.sandbox.shop_access import Access, Caller, User
from veracore_sync.sandbox.shop_errors import Thrown
from veracore_sync.sandbox.shop_fulfilment import HANDLER
from veracore_sync.sandbox.shop_lists import Columns, Page
from veracore_sync.sandbox.shop_process import FULFILMENT_STATES, ORDER_STATES, PAYMENT_STATES
from veracore_sync.sandbox.shop_records import (
    Allocation,
    FulfilledLine,
    Fulfilment,
    HistoryEntry,
    Level,
    Order,
    OrderLine,
    Payment,
    StockAdjustment,
    Surcharge,
    Variant,
)
from veracore_sync.sandbox.shop_state import ShopState


@dataclass(frozen=True, slots=True)
class Context:
    """What every resolver of one request sees."""

    state: ShopState
    access: Access
    caller: Caller


def field_of(source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    """The value of a field that has no resolver of its own."""
    if isinstance(source, Mapping):
        return source.get(info.field_name)
    return getattr(source, _attribute(info.field_name))


@functools.cache
def _attribute(field_name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", field_name)


def type_of(value: Any, *_: Any) -> str:
    """The GraphQL type of a member of a result union."""
    if isinstance(value, Mapping):
        return str(value["__typename"])
    return _TYPES[type(value)]


_TYPES: Mapping[type, str] = {
    StockAdjustment: "StockAdjustment",
    Allocation: "Allocation",
    Fulfilment: "Fulfillment",
    Order: "Order",
    Payment: "Payment",
    User: "CurrentUser",
}

# ---- orders ---------------------------------------------------------------------------------

HISTORY: Columns[HistoryEntry] = Columns(
    {
        "id": lambda entry: entry.id,
        "isPublic": lambda entry: entry.public,
        "createdAt": lambda entry: entry.created_at,
        "updatedAt": lambda entry: entry.created_at,
        "type": lambda entry: entry.kind,
    },
    {},
)


MOVEMENTS: Columns[Allocation | StockAdjustment] = Columns({}, {})


def _history(
    order: Order, info: GraphQLResolveInfo[Context], options: Any = None
) -> Page[HistoryEntry]:
    context: Context = info.context
    try:
        return HISTORY.page(order.history, options, limit=context.state.list_limit)
    except Thrown as thrown:
        raise GraphQLError(thrown.message, extensions={"code": thrown.code}) from thrown


def _movements(
    variant: Variant, _info: GraphQLResolveInfo[Context], options: Any = None
) -> Page[Allocation | StockAdjustment]:
    """The allocations, or the adjustments; other movements are not kept."""
    wanted = (options or {}).get("type")
    if wanted == "ADJUSTMENT":
        return MOVEMENTS.page(variant.adjustments, options)
    return MOVEMENTS.page(variant.allocations, options)


def _fulfilment_lines(line: OrderLine, info: GraphQLResolveInfo[Context]) -> list[FulfilledLine]:
    context = info.context
    order, _ = context.state.lines[line.id]
    return [part for one in order.fulfilments for part in one.lines if part.line is line]


def _states(
    table: Mapping[str, tuple[str, ...]],
) -> Callable[[Any], list[str]]:
    return lambda record: list(table[record.state])


def _net(unit: Callable[[OrderLine], float], *, times: bool = False) -> Callable[[OrderLine], int]:
    return lambda line: prices.rounded(unit(line) * (line.quantity if times else 1))


def _gross(
    unit: Callable[[OrderLine], float], *, times: bool = False
) -> Callable[[OrderLine], int]:
    return lambda line: prices.rounded(
        prices.with_tax(unit(line), line.tax_rate) * (line.quantity if times else 1)
    )


def _list_price(line: OrderLine) -> float:
    return line.unit_price


_ORDER: Mapping[str, Callable[[Order], Any]] = {
    "nextStates": _states(ORDER_STATES),
    "orderPlacedAt": lambda order: order.placed_at,
    "couponCodes": lambda order: order.coupons,
    "currencyCode": lambda order: order.currency,
    "fulfillments": lambda order: order.fulfilments,
    "totalQuantity": lambda order: sum(line.quantity for line in order.lines),
    "discounts": prices.order_discounts,
    "subTotal": prices.sub_total,
    "subTotalWithTax": prices.sub_total_with_tax,
    "shipping": prices.shipping_total,
    "shippingWithTax": prices.shipping_total,
    "total": prices.total,
    "totalWithTax": prices.total_with_tax,
}
_LINE: Mapping[str, Callable[[OrderLine], Any]] = {
    "updatedAt": lambda line: line.created_at,
    "productVariant": lambda line: line.variant,
    "orderPlacedQuantity": lambda line: line.placed_quantity,
    "unitPriceWithTax": _gross(_list_price),
    "discountedUnitPrice": _net(prices.discounted_unit),
    "discountedUnitPriceWithTax": _gross(prices.discounted_unit),
    "proratedUnitPrice": _net(prices.prorated_unit),
    "proratedUnitPriceWithTax": _gross(prices.prorated_unit),
    "linePrice": _net(_list_price, times=True),
    "linePriceWithTax": _gross(_list_price, times=True),
    "discountedLinePrice": _net(prices.discounted_unit, times=True),
    "discountedLinePriceWithTax": _gross(prices.discounted_unit, times=True),
    "proratedLinePrice": prices.line_price,
    "proratedLinePriceWithTax": prices.line_price_with_tax,
    "lineTax": lambda line: (
        _gross(_list_price, times=True)(line) - _net(_list_price, times=True)(line)
    ),
    "discounts": prices.line_discounts,
}
_SURCHARGE: Mapping[str, Callable[[Surcharge], Any]] = {
    "updatedAt": lambda one: one.created_at,
    "priceWithTax": prices.surcharge_with_tax,
}
_FULFILMENT: Mapping[str, Callable[[Fulfilment], Any]] = {
    "nextStates": _states(FULFILMENT_STATES),
    "summary": lambda fulfilment: fulfilment.lines,
}
_FULFILLED: Mapping[str, Callable[[FulfilledLine], Any]] = {
    "orderLine": lambda part: part.line,
    "orderLineId": lambda part: part.line.id,
    "fulfillment": lambda part: part.fulfilment,
    "fulfillmentId": lambda part: part.fulfilment.id,
}

# ---- the catalogue --------------------------------------------------------------------------


def _levels(variant: Variant, info: GraphQLResolveInfo[Context]) -> list[Level]:
    context = info.context
    return context.state.levels_in(variant, context.caller.channel.id)


def _on_hand(variant: Variant, info: GraphQLResolveInfo[Context]) -> int:
    return sum(level.on_hand for level in _levels(variant, info))


def _allocated(variant: Variant, info: GraphQLResolveInfo[Context]) -> int:
    return sum(level.allocated for level in _levels(variant, info))


def _currency(_variant: Variant, info: GraphQLResolveInfo[Context]) -> str:
    context = info.context
    return context.caller.channel.currency


_VARIANT: Mapping[str, Callable[[Variant], Any]] = {
    "trackInventory": lambda variant: variant.track,
    "outOfStockThreshold": lambda variant: variant.threshold,
    "useGlobalOutOfStockThreshold": lambda variant: variant.global_threshold,
    "priceWithTax": lambda variant: prices.rounded(
        prices.with_tax(variant.price, variant.tax_rate)
    ),
}
_LEVEL: Mapping[str, Callable[[Level], Any]] = {
    "updatedAt": lambda level: level.created_at,
    "stockLocation": lambda level: level.location,
    "stockLocationId": lambda level: level.location.id,
    "stockOnHand": lambda level: level.on_hand,
    "stockAllocated": lambda level: level.allocated,
}

# ---- who and where --------------------------------------------------------------------------


def _user_channels(user: User, info: GraphQLResolveInfo[Context]) -> list[Any]:
    return _shown(user, info.context.state.channels.values())


def _order_channels(order: Order, info: GraphQLResolveInfo[Context]) -> list[Any]:
    context = info.context
    there = [one for id, one in context.state.channels.items() if id in order.channels]
    return _shown(context.caller.user, there)


def _shown(user: User | None, channels: Iterable[Any]) -> list[Any]:
    """Those in which a role of the user is valid: Vendure leaves the others out."""
    if user is None or user.channels is None:
        return list(channels)
    return [one for one in channels if one.id in user.channels]


def _user_permissions(_channel: Any, info: GraphQLResolveInfo[Context]) -> list[str]:
    user = info.context.caller.user
    held = None if user is None else user.permissions
    if held is None:
        return list(cast(GraphQLEnumType, info.schema.type_map["Permission"]).values)
    return ["Authenticated", *sorted(held)]


def _created(record: Any) -> Any:
    return record.created_at


FROM_RECORD: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "Order": _ORDER,
    "OrderLine": _LINE,
    "Surcharge": _SURCHARGE,
    "Fulfillment": _FULFILMENT,
    "FulfillmentLine": _FULFILLED,
    "ProductVariant": _VARIANT,
    "StockLevel": _LEVEL,
    "StockLocation": {"updatedAt": _created},
    "ShippingMethod": {
        "updatedAt": _created,
        "description": lambda _method: "",
        "fulfillmentHandlerCode": lambda _method: HANDLER,
    },
    "ShippingLine": {
        "shippingMethod": lambda line: line.method,
        "priceWithTax": lambda line: line.price,
        "discountedPrice": prices.shipping_price,
        "discountedPriceWithTax": prices.shipping_price,
        "discounts": prices.shipping_discounts,
    },
    "Discount": {
        "adjustmentSource": lambda one: one.source,
        "type": lambda one: one.kind,
    },
    "Customer": {
        "updatedAt": _created,
        "title": lambda _customer: None,
        "phoneNumber": lambda customer: customer.phone,
        "emailAddress": lambda customer: customer.email,
    },
    "CustomerGroup": {"updatedAt": _created},
    "Payment": {
        "nextStates": _states(PAYMENT_STATES),
        "errorMessage": lambda _payment: None,
        "metadata": lambda _payment: {},
    },
    "Refund": {
        "updatedAt": _created,
        "method": lambda _refund: "standard-payment",
        "transactionId": lambda refund: f"refund-{refund.id}",
    },
    "OrderModification": {"updatedAt": _created},
    "HistoryEntry": {
        "updatedAt": _created,
        "type": lambda entry: entry.kind,
        "isPublic": lambda entry: entry.public,
    },
    "Channel": {
        "updatedAt": _created,
        "currencyCode": lambda channel: channel.currency,
        "defaultCurrencyCode": lambda channel: channel.currency,
        "availableCurrencyCodes": lambda channel: [channel.currency],
        "pricesIncludeTax": lambda _channel: False,
    },
    "CurrentUser": {"identifier": lambda user: user.name},
    "Administrator": {
        "updatedAt": _created,
        "firstName": lambda _user: "Super",
        "lastName": lambda _user: "Admin",
        "emailAddress": lambda user: user.name,
    },
    **{
        f"{name}List": {"totalItems": lambda page: page.total}
        for name in (
            "Order",
            "ProductVariant",
            "StockLocation",
            "ShippingMethod",
            "Channel",
            "HistoryEntry",
            "StockMovement",
        )
    },
}
WITH_CONTEXT: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "Order": {"history": _history, "channels": _order_channels},
    "OrderLine": {"fulfillmentLines": _fulfilment_lines},
    "ProductVariant": {
        "stockLevels": _levels,
        "stockMovements": _movements,
        "stockOnHand": _on_hand,
        "stockAllocated": _allocated,
        "currencyCode": _currency,
    },
    "CurrentUser": {"channels": _user_channels},
    "CurrentUserChannel": {"permissions": _user_permissions},
}
