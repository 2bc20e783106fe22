"""The root fields of the small shop's GraphQL schema: its queries and mutations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from veracore_sync.sandbox import shop_prices as prices
from veracore_sync.sandbox.shop_access import User
from veracore_sync.sandbox.shop_catalogue import DEFAULT_CHANNEL
from veracore_sync.sandbox.shop_errors import Refusal, Thrown, not_found
from veracore_sync.sandbox.shop_fulfilment import HANDLER
from veracore_sync.sandbox.shop_lists import Columns, Page
from veracore_sync.sandbox.shop_process import ORDER_STATES
from veracore_sync.sandbox.shop_records import (
    Channel,
    Fulfilment,
    Location,
    Order,
    Payment,
    ShippingMethod,
    Variant,
)
from veracore_sync.sandbox.shop_resolvers import Context
from veracore_sync.sandbox.shop_state import ShopState

Options = Mapping[str, Any] | None
Input = Mapping[str, Any]
Root = Callable[..., Any]


def guarded(name: str, root: Root) -> Callable[..., Any]:
    """A root field behind its permission, with both ways of saying no in GraphQL's words."""

    def resolve(_source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        context = info.context
        try:
            context.caller.check(name)
            return root(context, **arguments)
        except Refusal as refusal:
            return refusal.document()
        except Thrown as thrown:
            extensions = {"code": thrown.code} if thrown.code else None
            raise GraphQLError(thrown.message, extensions=extensions) from thrown

    return resolve


# ---- queries --------------------------------------------------------------------------------


def _order_columns(state: ShopState) -> Columns[Order]:
    return Columns(
        {
            "id": lambda order: order.id,
            "code": lambda order: order.code,
            "state": lambda order: order.state,
            "type": lambda order: order.type,
            "active": lambda order: order.active,
            "createdAt": lambda order: order.created_at,
            "updatedAt": lambda order: order.updated_at,
            "orderPlacedAt": lambda order: order.placed_at,
            "currencyCode": lambda order: order.currency,
            "customerLastName": lambda order: order.customer and order.customer.last_name,
            "totalQuantity": lambda order: sum(line.quantity for line in order.lines),
            "subTotal": prices.sub_total,
            "subTotalWithTax": prices.sub_total_with_tax,
            "shipping": prices.shipping_total,
            "shippingWithTax": prices.shipping_total,
            "total": prices.total,
            "totalWithTax": prices.total_with_tax,
        },
        {
            "id": lambda id: _those(state.orders.get(id)),
            "code": lambda code: _those(state.by_code.get(code)),
        },
    )


def _variant_columns(state: ShopState) -> Columns[Variant]:
    return Columns(
        {
            "id": lambda variant: variant.id,
            "sku": lambda variant: variant.sku,
            "name": lambda variant: variant.name,
            "enabled": lambda variant: variant.enabled,
            "price": lambda variant: variant.price,
            "trackInventory": lambda variant: variant.track,
            "outOfStockThreshold": lambda variant: variant.threshold,
            "useGlobalOutOfStockThreshold": lambda variant: variant.global_threshold,
            "createdAt": lambda variant: variant.created_at,
            "updatedAt": lambda variant: variant.updated_at,
        },
        {
            "id": lambda id: _those(state.variants.get(id)),
            "sku": lambda sku: state.by_sku.get(sku, ()),
        },
    )


def _those(found: Any) -> tuple[Any, ...]:
    return () if found is None else (found,)


_NAMED: Mapping[str, Callable[[Any], Any]] = {
    "id": lambda record: record.id,
    "createdAt": lambda record: record.created_at,
    "updatedAt": lambda record: record.created_at,
}
_LOCATIONS: Columns[Location] = Columns(
    {
        **_NAMED,
        "name": lambda location: location.name,
        "description": lambda location: location.description,
    },
    {},
)
_METHODS: Columns[ShippingMethod] = Columns(
    {
        **_NAMED,
        "code": lambda method: method.code,
        "name": lambda method: method.name,
        "description": lambda _method: "",
        "fulfillmentHandlerCode": lambda _method: HANDLER,
    },
    {},
)
_CHANNELS: Columns[Channel] = Columns(
    {**_NAMED, "code": lambda channel: channel.code, "token": lambda channel: channel.token}, {}
)


def _orders(context: Context, options: Options = None) -> Page[Order]:
    state, channel = context.state, context.caller.channel.id
    only = None if channel == DEFAULT_CHANNEL else lambda order: channel in order.channels
    return _order_columns(state).page(list(state.orders.values()), options, only, state.list_limit)


def _order(context: Context, id: str) -> Order | None:
    order = context.state.orders.get(id)
    return order if order and context.caller.channel.id in order.channels else None


def _variants(context: Context, options: Options = None, **_: Any) -> Page[Variant]:
    state, channel = context.state, context.caller.channel.id
    # An index also finds variants that are deleted or of other channels.
    filtered = bool(options and options.get("filter"))
    only = (lambda variant: _sold(variant, channel)) if filtered else None
    return _variant_columns(state).page(state.listed(channel), options, only, state.list_limit)


def _variant(context: Context, id: str) -> Variant | None:
    variant = context.state.variants.get(id)
    return variant if variant and _sold(variant, context.caller.channel.id) else None


def _sold(variant: Variant, channel: str) -> bool:
    return channel in variant.channels and not variant.deleted


def _locations(context: Context, options: Options = None) -> Page[Location]:
    channel = context.caller.channel.id
    only = [one for one in context.state.locations.values() if channel in one.channels]
    return _LOCATIONS.page(only, options, limit=context.state.list_limit)


def _shipping_methods(context: Context, options: Options = None) -> Page[ShippingMethod]:
    state = context.state
    return _METHODS.page(list(state.shipping_methods.values()), options, limit=state.list_limit)


def _channels(context: Context, options: Options = None) -> Page[Channel]:
    state = context.state
    return _CHANNELS.page(list(state.channels.values()), options, limit=state.list_limit)


_CUSTOM_FIELDS = [
    {
        "__typename": f"{kind}CustomFieldConfig",
        "name": name,
        "type": kind.lower(),
        "list": False,
        "requiresPermission": None,
    }
    for name, kind in {
        "giftMessage": "Text",
        "deliveryDate": "DateTime",
        "express": "Boolean",
        "poNumber": "String",
    }.items()
]
"""As ``shop_custom_fields.graphql`` has them."""


def _settings(context: Context) -> Input:
    state = context.state
    return {
        "id": "1",
        "createdAt": state.opened_at,
        "updatedAt": state.opened_at,
        "trackInventory": state.track_inventory,
        "outOfStockThreshold": state.threshold,
        "serverConfig": {
            "moneyStrategyPrecision": state.money_precision,
            "customFieldConfig": {"Order": _CUSTOM_FIELDS},
            "entityCustomFields": [{"entityName": "Order", "customFields": _CUSTOM_FIELDS}],
            "orderProcess": [{"name": name, "to": to} for name, to in ORDER_STATES.items()],
        },
    }


def _handlers(_context: Context) -> list[Input]:
    return [{"code": HANDLER, "args": [], "description": "Manually enter fulfillment details"}]


def _administrator(context: Context) -> User | None:
    context.caller.become_anonymous()
    return None if context.caller.by_key else context.caller.user


def _me(context: Context) -> User:
    context.caller.become_anonymous()
    if context.caller.user is None or context.caller.by_key:
        raise context.caller.refuse()
    return context.caller.user


QUERIES: Mapping[str, Root] = {
    "orders": _orders,
    "order": _order,
    "productVariants": _variants,
    "productVariant": _variant,
    "stockLocations": _locations,
    "shippingMethods": _shipping_methods,
    "channels": _channels,
    "globalSettings": _settings,
    "fulfillmentHandlers": _handlers,
    "activeChannel": lambda context: context.caller.channel,
    "activeAdministrator": _administrator,
    "me": _me,
}

# ---- mutations ------------------------------------------------------------------------------


def _login(context: Context, username: str, password: str, **_: Any) -> User:
    return context.access.log_in(context.caller, username, password)


def _logout(context: Context) -> Input:
    return {"success": context.access.log_out(context.caller)}


def _update_variants(context: Context, input: list[Input]) -> list[Variant]:
    state = context.state
    _refuse_strangers(context, [one["id"] for one in input])
    state.write_levels([(one["id"], _places(state, one)) for one in input])
    for one in input:
        _change(state, one)
    return [state.variants[id] for id in sorted({one["id"] for one in input}, key=int)]


def _refuse_strangers(context: Context, ids: list[str]) -> None:
    for id in ids:
        if _variant(context, id) is None:
            raise not_found("ProductVariant", id)


def _places(state: ShopState, given: Input) -> list[tuple[str, int]]:
    levels = given.get("stockLevels") or ()
    places = [(level["stockLocationId"], level["stockOnHand"]) for level in levels]
    old = given.get("stockOnHand")
    if old is None:
        return places
    if old < state.kept_back(state.variants[given["id"]]):
        raise Thrown("stockOnHand cannot be a negative value", "USER_INPUT_ERROR")
    return [(next(iter(state.locations)), old), *places]


_CHANGEABLE = {
    "enabled": "enabled",
    "price": "price",
    "trackInventory": "track",
    "outOfStockThreshold": "threshold",
    "useGlobalOutOfStockThreshold": "global_threshold",
}


def _change(state: ShopState, given: Input) -> None:
    variant = state.variants[given["id"]]
    # Whatever is given, and also where it is as before (docs/vendure.md, "Stock").
    variant.updated_at = state.now()
    if given.get("sku") is not None:
        state.set_sku(variant.id, given["sku"])
    for name, attribute in _CHANGEABLE.items():
        if given.get(name) is not None:
            setattr(variant, attribute, given[name])


def _fulfil(context: Context, input: Input) -> Fulfilment:
    lines = [(line["orderLineId"], line["quantity"]) for line in input["lines"]]
    handler = input["handler"]
    arguments = {one["name"]: one["value"] for one in handler["arguments"]}
    channel = context.caller.channel.id
    return context.state.add_fulfilment(lines, handler["code"], arguments, channel)


def _transition_fulfilment(context: Context, id: str, state: str) -> Fulfilment:
    found = context.state.fulfilments.get(id)
    channel = context.caller.channel.id
    if found is None or any(channel not in order.channels for order in found.orders):
        raise not_found("Fulfillment", id)
    context.state.transition_fulfilment(found, state)
    return found


def _known_order(context: Context, id: str) -> Order:
    order = _order(context, id)
    if order is None:
        raise not_found("Order", id)
    return order


def _transition_order(context: Context, id: str, state: str) -> Order:
    order = _known_order(context, id)
    context.state.transition(order, state)
    return order


def _add_note(context: Context, input: Input) -> Order:
    order = _known_order(context, input["id"])
    context.state.add_note(order, input["note"], input["isPublic"])
    return order


def _cancel(context: Context, input: Input) -> Order:
    order = _known_order(context, input["orderId"])
    given = input.get("lines")
    lines = None
    if given is not None:
        lines = [(line["orderLineId"], line["quantity"]) for line in given]
    shipping = bool(input.get("cancelShipping"))
    context.state.cancel_lines(order, lines, input.get("reason"), shipping)
    return order


def _settle_payment(context: Context, id: str) -> Payment:
    return context.state.settle_payment(id)


MUTATIONS: Mapping[str, Root] = {
    "login": _login,
    "logout": _logout,
    "updateProductVariants": _update_variants,
    "addFulfillmentToOrder": _fulfil,
    "transitionFulfillmentToState": _transition_fulfilment,
    "transitionOrderToState": _transition_order,
    "addNoteToOrder": _add_note,
    "cancelOrder": _cancel,
    "settlePayment": _settle_payment,
}
