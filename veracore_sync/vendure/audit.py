"""The orders of a Vendure shop with everything that is compared, as the port `ShopAudit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import SyncError, UpstreamError
from veracore_sync.domain.failures import MAY_BE_AN_ENTRYS, TOO_MUCH_AT_ONCE
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.ports.shop import Unlisted
from veracore_sync.vendure import mapping
from veracore_sync.vendure.channel import must_see_all_channels
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import (
    LIST_ORDERS,
    NAME_ORDERS,
    READ_CHANNEL,
    READ_WHOLE_ORDERS,
)
from veracore_sync.vendure.listing import OrderListing, options
from veracore_sync.vendure.lists import by_code, page
from veracore_sync.vendure.node import Node
from veracore_sync.vendure.order_fields import OrderFields

ORDERS_A_REQUEST = 250
"""Above this, Vendure's time for each order grows (docs/vendure.md)."""
_A_MOMENT = timedelta(milliseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - _A_MOMENT


class VendureAudit:
    """The orders of one shop, as they are compared.

    Args:
        client: Of its Admin API.
        reads_channels: Also read the orders' channels.
        fields: The order's custom fields to read.
        know_fields: Has the shop say of which kind they are, unless it has.
    """

    def __init__(
        self,
        client: Client,
        *,
        reads_channels: bool = False,
        fields: OrderFields | None = None,
        know_fields: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._fields = fields or OrderFields({})
        self._know_fields = know_fields
        reads = READ_WHOLE_ORDERS.with_channels() if reads_channels else READ_WHOLE_ORDERS
        self._reads = reads.with_custom_fields(self._fields.names)

    def placed(self, since: datetime) -> Iterator[Sequence[WholeOrder | Unlisted]]:
        """Every order that was placed since then, in pages; see the port."""
        self._know_fields()
        listing = OrderListing(
            "placed",
            _placed(since, self._newest(since)),
            lambda item, page: self._whole(item, mapping.money_precision(page)),
            self._list,
            self._names,
            self._must_answer,
            most=ORDERS_A_REQUEST,
            is_closed=True,
        )
        for orders in listing.pages():
            yield [*orders, *listing.unlisted]
            listing.unlisted.clear()
        if listing.unlisted:
            yield listing.unlisted

    def named(self, codes: Sequence[str]) -> list[WholeOrder]:
        """These orders; see the port."""
        self._know_fields()
        asked = list(dict.fromkeys(codes))
        # A database that ignores case returns other codes, too.
        found = {order.code: order for order in self._named(asked)}
        return [found[code] for code in asked if code in found]

    def _named(self, codes: list[str]) -> list[WholeOrder]:
        found: list[WholeOrder] = []
        try:
            for root, items in by_code(
                self._client, self._reads, codes, ORDERS_A_REQUEST, _of_codes
            ):
                must_see_all_channels(root)
                precision = mapping.money_precision(root)
                found += (self._whole(item, precision) for item in items)
            return found
        except UpstreamError as error:
            # Orders with very many lines may be more than one answer may hold.
            if error not in TOO_MUCH_AT_ONCE or len(codes) == 1:
                raise
        middle = len(codes) // 2
        return self._named(codes[:middle]) + self._named(codes[middle:])

    def _whole(self, item: Node, precision: int) -> WholeOrder:
        return mapping.whole_order(item, precision, self._fields.texts(item))

    def _newest(self, since: datetime) -> datetime | None:
        """When the newest order was placed, by the shop's clock; ``None`` if that is unknown."""
        # An order that is placed while pages are read may stand anywhere among them, by its id:
        # it was a cart before. So the list ends with the newest one of now.
        wanted = {"filter": _placed(since, None), "sort": {"orderPlacedAt": "DESC"}, "take": 1}
        try:
            listing = Node(page(self._client, LIST_ORDERS, wanted)).node("orders")
            items = listing.nodes("items")
            if items:
                newest = items[0].moment("orderPlacedAt")
                return newest if newest <= _LAST else None
            return since if listing.integer("totalItems") == 0 else None
        except SyncError as error:
            if error not in MAY_BE_AN_ENTRYS:
                raise
            self._must_answer()
            return None

    def _list(self, wanted: Mapping[str, Any]) -> Node:
        root = Node(page(self._client, self._reads, wanted))
        must_see_all_channels(root)
        # The money precision is kept beside the page.
        return Node({**root.node("orders").fields, **root.fields}, "orders")

    def _names(self, wanted: Mapping[str, Any]) -> Node:
        return Node(page(self._client, NAME_ORDERS, wanted)).node("orders")

    def _must_answer(self) -> None:
        self._client.execute(READ_CHANNEL, {})


def _placed(since: datetime, until: datetime | None) -> dict[str, Any]:
    when = {"after": to_text(since)}
    if until is not None:
        # What the shop shows is cut to milliseconds.
        when["before"] = to_text(until + _A_MOMENT)
    return {"active": {"eq": False}, "orderPlacedAt": when}


def _of_codes(codes: Sequence[str]) -> dict[str, Any]:
    return {"options": options({"code": {"in": codes}}, 0, len(codes))}
