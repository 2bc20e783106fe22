"""The stock of a Vendure shop, as the port `ShopStock`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import ProtocolError
from veracore_sync.domain.held_orders import spellings
from veracore_sync.domain.shop_stock import (
    Changes,
    Level,
    Location,
    NewLevel,
    OpenLine,
    OpenOrder,
    StockAdjustment,
    StockAllocation,
    StockDefaults,
    Variant,
)
from veracore_sync.domain.texts import marked
from veracore_sync.ports.concurrency import ONE_AT_A_TIME, Concurrency
from veracore_sync.ports.shop import UnknownVariant
from veracore_sync.vendure.answers import UnknownEntity
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import (
    LIST_LOCATIONS,
    LIST_ORDERS,
    LIST_VARIANTS,
    READ_LOCATIONS,
    READ_MOMENTS,
    READ_MOVEMENTS,
    READ_OPEN_ORDERS,
    READ_STOCK_DEFAULTS,
    READ_VARIANTS,
    SET_STOCK,
)
from veracore_sync.vendure.lists import Gap, Missing, RecordList, by_code, incomplete
from veracore_sync.vendure.node import Node

ALLOCATING_STATES = (
    "PaymentAuthorized",
    "PaymentSettled",
    "Modifying",
    "ArrangingAdditionalPayment",
    "PartiallyShipped",
    "PartiallyDelivered",
)
"""The order states in which Vendure allocates units (docs/vendure.md, "Stock")."""

_VARIANTS_A_PAGE = 250
"""What a variant costs the shop grows beyond this (docs/benchmarks.md)."""
_ORDERS_A_PAGE = 250
_MOST_DIGITS = 20
_LISTINGS = 3
_MOMENTS_A_REQUEST = 50
# States of an order: on the way to a payment, and after it, nothing is allocated.
_ALLOCATES_NOTHING = {
    "AddingItems",
    "ArrangingPayment",
    "PartiallyShipped",
    "Shipped",
    "PartiallyDelivered",
    "Delivered",
    "Cancelled",
}


class VendureStock:
    """The stock of one shop.

    Args:
        client: Of its Admin API.
        concurrency: Pages of variants are read side by side.
    """

    def __init__(self, client: Client, concurrency: Concurrency = ONE_AT_A_TIME) -> None:
        self._client = client
        self._variants = RecordList(
            client,
            "productVariants",
            READ_VARIANTS,
            LIST_VARIANTS,
            _variant,
            _broken_variant,
            concurrency,
        )
        self._locations = RecordList(
            client, "stockLocations", READ_LOCATIONS, LIST_LOCATIONS, _location, _broken_location
        )
        self._orders = RecordList(
            client, "orders", READ_OPEN_ORDERS, LIST_ORDERS, _open_order, _broken_order
        )

    def locations(self) -> list[Location]:
        """The stock locations of the channel; see the port."""
        try:
            return list(self._locations.all({}))
        except (Gap, Missing):
            # How many there are decides whether a mapping is needed, so none may be overlooked.
            raise incomplete("stock locations") from None

    def variants(self) -> Iterator[Variant]:
        """Every live variant by ascending id; see the port. A few pages are in memory."""
        return self._listed({})

    def _listed(self, options: Mapping[str, Any]) -> Iterator[Variant]:
        try:
            yield from self._variants.all({**options, "take": _VARIANTS_A_PAGE})
        except Gap:
            raise incomplete("variants") from None
        except Missing as missing:
            yield Variant("", "", True, (), _missing(missing))

    def variants_like(self, skus: Sequence[str]) -> list[Variant]:
        """The variants whose SKU contains one of `skus`, roughly without regard to case."""
        cases = {form for sku in skus for form in (sku, sku.lower(), sku.upper())}
        named = {form for one in cases for form in spellings(one)}
        wanted = {"_or": [{"sku": {"contains": one}} for one in sorted(named)]}
        return list(self._listed({"filter": wanted}))

    def variants_by_id(self, ids: Sequence[str]) -> dict[str, Variant]:
        """These variants by id; deleted and unreadable ones are left out."""
        found = self._variants.by_id(ids)
        return {id: variant for id, variant in found.items() if variant.unreadable is None}

    def variants_updated(self, since: datetime) -> list[Variant]:
        """The variants that were changed after that; see the port."""
        return list(self._listed({"filter": {"updatedAt": {"after": to_text(since)}}}))

    def defaults(self) -> StockDefaults:
        """What holds for variants without a setting of their own; see the port."""
        return _defaults(Node(self._client.execute(READ_STOCK_DEFAULTS, {})))

    def orders_touched(self, since: datetime) -> list[OpenOrder]:
        """The orders that were placed or changed after that; see the port."""
        # No carts: they change all the time, and allocate nothing.
        moments = [{name: {"after": to_text(since)}} for name in ("updatedAt", "orderPlacedAt")]
        return self._listed_orders({"active": {"eq": False}, "_or": moments})

    def open_orders(self) -> list[OpenOrder]:
        """All orders in a state that allocates; see the port."""
        return self._listed_orders({"state": {"in": ALLOCATING_STATES}})

    def _listed_orders(self, wanted: Mapping[str, Any]) -> list[OpenOrder]:
        options = {"filter": wanted, "take": _ORDERS_A_PAGE}
        # An order missed here would leave its units for sale a second time.
        missing: Missing | None = None
        for _ in range(_LISTINGS):
            found: list[OpenOrder] = []
            try:
                for order in self._orders.all(options):
                    found.append(order)
                return found
            except Gap:
                missing = None
            except Missing as error:
                missing = error
        if missing is None:
            raise incomplete("orders")
        return [*found, OpenOrder("", None, (), "", _missing(missing))]

    def allocations(self, variant_id: str, since: datetime) -> list[StockAllocation]:
        """What was allocated of a variant since then; see the port."""
        return self._moved("ALLOCATION", variant_id, since)

    def adjustments(self, variant_id: str, since: datetime) -> list[StockAdjustment]:
        """How what is on hand of a variant was changed since then; see the port."""
        moved = self._moved("ADJUSTMENT", variant_id, since)
        return [StockAdjustment(one.at, one.units) for one in moved if one.at >= since]

    def _moved(self, kind: str, variant_id: str, since: datetime) -> list[StockAllocation]:
        """The movements of that kind since then, and perhaps some before.

        Vendure lists all of them and sorts none; in practice the newest are the last, and a variant
        may have many thousands. So the pages are read from the last one on.
        """
        first = self._movements(kind, variant_id, 0)
        if first is None:
            return []
        items, total = first.nodes("items"), first.integer("totalItems")
        found = {one.text("id"): _movement(one) for one in items}
        size, begin = len(items), total
        while size and begin > size:
            begin = max(size, begin - size)
            page = self._movements(kind, variant_id, begin)
            read = [(one.text("id"), _movement(one)) for one in page.nodes("items")] if page else []
            if not read:
                raise incomplete("movements of stock")
            found.update(read)
            if all(one.at < since for _, one in read):
                break
        return sorted(found.values(), key=lambda one: (one.at, one.number))

    def _movements(self, kind: str, variant_id: str, skip: int) -> Node | None:
        variables = {"id": variant_id, "kind": kind, "skip": skip}
        data = self._client.execute(READ_MOVEMENTS, variables)
        variant = Node(data).node_or_none("productVariant")
        return variant.node("stockMovements") if variant else None

    def changes(self, codes: Sequence[str]) -> dict[str, Changes]:
        """When these orders were changed; see the port."""
        found: dict[str, Changes] = {}
        for _, orders in by_code(self._client, READ_MOMENTS, codes, _MOMENTS_A_REQUEST):
            found.update((one.text("code"), changes_of(one)) for one in orders)
        return found

    def set_levels(self, levels: Sequence[NewLevel]) -> dict[str, tuple[Level, ...]]:
        """Write levels, all or none of them; see the port."""
        wanted: dict[str, list[dict[str, Any]]] = {}
        for level in levels:
            place = {"stockLocationId": level.location, "stockOnHand": level.on_hand}
            wanted.setdefault(level.variant_id, []).append(place)
        given = [{"id": id, "stockLevels": places} for id, places in wanted.items()]
        try:
            data = self._client.execute(SET_STOCK, {"input": given}, mutation=True)
        except UnknownEntity as error:
            if error.entity_id in wanted:
                raise UnknownVariant(error.entity_id) from error
            raise
        items = Node(data).nodes("updateProductVariants")
        return {item.text("id"): _levels(item) for item in items}

    def size_of(self, level: NewLevel) -> int:
        """At most how many bytes of a request the level takes; see the port."""
        place = {"stockLocationId": level.location, "stockOnHand": level.on_hand}
        return len(json.dumps({"id": level.variant_id, "stockLevels": [place]})) + 2


def _movement(node: Node) -> StockAllocation:
    return StockAllocation(node.moment("createdAt"), node.integer("quantity"), _number(node))


def changes_of(node: Node) -> Changes:
    """When an order of `READ_MOMENTS` was changed, and what was taken from it."""
    cancelled: Counter[str] = Counter()
    variants: dict[str, str] = {}
    for line in node.nodes("lines"):
        variant = variants[line.text("id")] = line.node("productVariant").text("id")
        fewer = line.integer("orderPlacedQuantity") - line.integer("quantity")
        cancelled[variant] += max(0, fewer)
    returned: Counter[str] = Counter()
    for one in node.nodes("fulfillments"):
        if one.text("state") != "Cancelled":
            continue
        for line in one.nodes("lines"):
            # A fulfilment may have lines of other orders too.
            if line.text("orderLineId") in variants:
                returned[variants[line.text("orderLineId")]] += line.integer("quantity")
    history = node.node("history")
    entries = history.nodes("items")
    if len(entries) < history.integer("totalItems"):
        raise incomplete("the history of an order")
    moments = {entry.moment("createdAt"): _number(entry) for entry in entries if _allocates(entry)}
    return Changes(moments, cancelled, returned)


def _allocates(entry: Node) -> bool:
    """Whether stock may have been allocated then.

    Another order's allocation of the same millisecond must not be taken for this one's.
    """
    to = entry.node("data").fields.get("to")
    if entry.text("type") == "ORDER_FULFILLMENT_TRANSITION":
        # Its units are put back, and allocated anew.
        return to == "Cancelled"
    return to not in _ALLOCATES_NOTHING


def _number(node: Node) -> int:
    """The place of a record among those written before and after it; 0 if its id is no number."""
    id = node.text("id")
    return int(id) if id.isdecimal() and len(id) < _MOST_DIGITS else 0


def _location(node: Node, _listing: Node) -> Location:
    return Location(node.text("id"), node.text("name"))


def _broken_location(node: Node, why: str) -> Location:
    return Location(node.text("id"), _known(node, "name"), why)


def _variant(node: Node, listing: Node) -> Variant:
    tracking = node.text("trackInventory")
    shop = _defaults(listing)
    by_shop = node.fields.get("useGlobalOutOfStockThreshold") is not False
    return Variant(
        id=node.text("id"),
        sku=node.text("sku"),
        tracked=shop.tracked if tracking == "INHERIT" else tracking == "TRUE",
        levels=_levels(node),
        enabled=node.fields.get("enabled") is not False,
        threshold=shop.threshold if by_shop else node.integer("outOfStockThreshold"),
    )


def _defaults(listing: Node) -> StockDefaults:
    shop = listing.node("globalSettings")
    tracked = shop.fields.get("trackInventory") is not False
    return StockDefaults(tracked, shop.integer("outOfStockThreshold"))


def _broken_variant(node: Node, why: str) -> Variant:
    return Variant(node.text("id"), _known(node, "sku"), True, (), why)


def _broken_order(node: Node, why: str) -> OpenOrder:
    try:
        placed_at = node.moment_or_none("orderPlacedAt")
    except ProtocolError:
        placed_at = None
    return OpenOrder(
        _known(node, "code"), placed_at, (), node.text("id"), why, _known(node, "type")
    )


def _missing(missing: Missing) -> str:
    return f"Vendure counts {missing.count} more than it lists"


def _known(node: Node, name: str) -> str:
    """The text, or an empty one if it is of another kind."""
    value = node.fields.get(name)
    return marked(node.prose(name)) if isinstance(value, str) else ""


def _levels(node: Node) -> tuple[Level, ...]:
    return tuple(
        Level(
            one.text("stockLocationId"), one.integer("stockOnHand"), one.integer("stockAllocated")
        )
        for one in node.nodes("stockLevels")
    )


def _open_order(node: Node, _listing: Node) -> OpenOrder:
    return OpenOrder(
        code=node.text("code"),
        placed_at=node.moment_or_none("orderPlacedAt"),
        lines=tuple(_line(line) for line in node.nodes("lines")),
        id=node.text("id"),
        type=node.text("type"),
    )


def _line(node: Node) -> OpenLine:
    variant = node.node("productVariant")
    return OpenLine(
        variant_id=variant.text("id"),
        sku=variant.text("sku"),
        quantity=node.integer("quantity"),
        fulfilments=tuple(_fulfilments(node.nodes_or_none("fulfillmentLines"))),
    )


def _fulfilments(parts: Iterable[Node]) -> Iterator[tuple[int, datetime]]:
    for part in parts:
        fulfilment = part.node("fulfillment")
        if fulfilment.text("state") != "Cancelled":
            yield part.integer("quantity"), fulfilment.moment("createdAt")
