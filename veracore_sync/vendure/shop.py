"""A Vendure shop: orders to send, changed orders, and orders in full, by its Admin API."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.config.address import normalised
from veracore_sync.config.schema import VendureSettings
from veracore_sync.domain.errors import BreakerOpen, ConfigError, SyncError, UpstreamError
from veracore_sync.domain.failures import MAY_BE_AN_ENTRYS
from veracore_sync.domain.identity import CHANNEL_UNSET
from veracore_sync.domain.orders import Order, OrderContent
from veracore_sync.domain.texts import marked
from veracore_sync.ports.concurrency import ONE_AT_A_TIME, Concurrency
from veracore_sync.ports.shop import GrantedAccess, Poll, ProcessNames, ServerTraits
from veracore_sync.transport.http import Gate
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure import mapping
from veracore_sync.vendure.answers import TakeRefused
from veracore_sync.vendure.audit import VendureAudit
from veracore_sync.vendure.channel import must_see_all_channels
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import (
    COMPARE_ORDERS,
    LIST_ORDERS,
    NAME_ORDERS,
    POLL_ORDERS,
    READ_ACCESS,
    READ_FEATURES,
    READ_ORDERS,
    READ_PROCESS,
    READ_SHIPPING_METHODS,
    Document,
)
from veracore_sync.vendure.fulfilment import VendureFulfilments
from veracore_sync.vendure.listing import OrderListing, oldest_first, options
from veracore_sync.vendure.lists import Gap, Missing, RecordList, by_code, incomplete, page
from veracore_sync.vendure.node import Node
from veracore_sync.vendure.order_fields import OrderFields, field_permissions
from veracore_sync.vendure.stock import VendureStock
from veracore_sync.vendure.version import version

_CODES_A_REQUEST = 50
_BEYOND_ANY_LIMIT = 2**31 - 1
_NOBODYS = "veracore-sync-list-limit"
_COMPARED_A_REQUEST = 500
"""Above this, Vendure's time for each order grows (docs/vendure.md)."""
_LISTS = ("waiting", "moved", "passed")


def identity_of(settings: VendureSettings) -> str:
    """The shop that the settings name: the Admin API URL and a digest of the channel token."""
    token = settings.channel_token
    digest = hashlib.sha256(token.encode()).hexdigest()[:16] if token else CHANNEL_UNSET
    return f"{normalised(settings.admin_api_url)} {digest}"


class VendureShop:
    """A Vendure shop; usable by several threads.

    Args:
        settings: ``[vendure]``.
        retry: How reads are repeated.
        gate: Breaker and rate budget.
        clock: The time to measure by.
        custom_fields: The order's custom fields to read, by the setting that names each.
        reads_parts: Also read the codes of Aggregate and Seller orders, which costs the shop one
            more query for each order.
        channels: ``orders.channels``; if any, the orders' channels are read, which costs as much.
        reads_groups: Also read the groups of each order's customer.
        concurrency: Pages of long lists are read side by side.
    """

    def __init__(
        self,
        settings: VendureSettings,
        *,
        retry: RetryPolicy,
        gate: Gate | None = None,
        clock: Clock | None = None,
        custom_fields: Mapping[str, str] | None = None,
        reads_parts: bool = False,
        channels: Collection[str] = (),
        reads_groups: bool = False,
        concurrency: Concurrency = ONE_AT_A_TIME,
    ) -> None:
        self._settings = settings
        self._concurrency = concurrency
        self._fields = OrderFields(custom_fields or {})
        read_orders = READ_ORDERS.with_parts() if reads_parts else READ_ORDERS
        read_orders = read_orders.with_custom_fields(self._fields.names)
        read_orders = read_orders.with_groups() if reads_groups else read_orders
        self._channels = channels
        self._read_orders = self._asked(read_orders)
        poll_orders = POLL_ORDERS.with_order_fields() if custom_fields else POLL_ORDERS
        self._poll_orders = self._asked(poll_orders)
        self._list_orders = self._asked(LIST_ORDERS)
        self._compare_orders = COMPARE_ORDERS.with_custom_fields(self._fields.names)
        self._client = Client(settings, retry=retry, gate=gate, clock=clock)
        self._methods = RecordList(
            self._client,
            "shippingMethods",
            READ_SHIPPING_METHODS,
            READ_SHIPPING_METHODS,
            lambda item, _listing: item.text("code"),
            lambda item, _why: marked(item.prose("code")),
        )

    @property
    def identity(self) -> str:
        """Which shop this is."""
        return identity_of(self._settings)

    @cached_property
    def stock(self) -> VendureStock:
        """The shop's stock."""
        return VendureStock(self._client, self._concurrency)

    @cached_property
    def fulfilments(self) -> VendureFulfilments:
        """The shop's fulfilments."""
        return VendureFulfilments(self._client, reads_channels=bool(self._channels))

    @cached_property
    def audit(self) -> VendureAudit:
        """The shop's orders with everything that is compared."""
        return VendureAudit(
            self._client,
            reads_channels=bool(self._channels),
            fields=self._fields,
            know_fields=self._know_fields,
        )

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the shop's clock was ahead of ours at its newest answer; else ``None``."""
        return self._client.clock_ahead_seconds

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def access(self) -> GrantedAccess:
        """The channel and our permissions in it; see the port."""
        root = Node(self._client.execute(READ_ACCESS, {}))
        channel = root.node("activeChannel").text("code")
        held = {
            one.text("code"): frozenset(one.texts("permissions"))
            for one in root.node("me").nodes("channels")
        }
        return GrantedAccess(channel, held.get(channel, frozenset()), tuple(held))

    def has_several_channels(self) -> bool:
        """Whether the shop has more channels than the default one; see the port."""
        return self._client.refuses_unknown_channel()

    def server(self) -> ServerTraits:
        """What the shop's server shows of itself; see the port. Two requests."""
        try:
            name = version(Node(self._client.execute(READ_FEATURES, {})))
        except ConfigError:
            # Introspection is switched off.
            name = ""
        return ServerTraits(name, self._list_limit())

    def _list_limit(self) -> int | None:
        """How many records the shop lists at once; ``None`` if it lists as many as it is asked."""
        # Of an order that does not exist: a shop without a limit must not list everything.
        wanted = options({"code": {"eq": _NOBODYS}}, 0, _BEYOND_ANY_LIMIT)
        try:
            self._client.execute(NAME_ORDERS, {"options": wanted})
        except TakeRefused as refusal:
            return refusal.limit
        return None

    def process_names(self) -> ProcessNames:
        """The order states and fulfilment handlers; see the port."""
        names = self._fields.names
        asked = READ_PROCESS.with_field_permissions() if names else READ_PROCESS
        root = Node(self._client.execute(asked, {}))
        config = root.node("globalSettings").node("serverConfig")
        return ProcessNames(
            order_states=tuple(one.text("name") for one in config.nodes("orderProcess")),
            handlers=tuple(one.text("code") for one in root.nodes("fulfillmentHandlers")),
            field_permissions=field_permissions(config) if names else {},
        )

    def shipping_methods(self) -> list[str]:
        """The codes of the shipping methods of the channel; see the port."""
        try:
            return list(self._methods.all({}))
        except (Gap, Missing):
            raise incomplete("shipping methods") from None

    def poll(
        self,
        *,
        trigger_states: Sequence[str],
        moved_since: datetime | None,
        passed_states: Sequence[str],
        passed_since: datetime | None,
        defer: bool = False,
    ) -> Poll:
        """Read the lists; see the port. One request, and one more for each further page."""
        filters = {
            "waiting": _waiting(trigger_states),
            "moved": _moved(moved_since),
            "passed": _passed(passed_states, passed_since),
        }
        wanted = {name: one for name, one in filters.items() if one}
        root, pages = self._first_pages(wanted)
        poll = Poll(
            waiting=(),
            moved=(),
            passed=(),
            money_precision=mapping.money_precision(root),
            channel_code=root.node("activeChannel").text("code"),
            refused=self._fields.refusal(root),
        )
        if not defer or "waiting" not in wanted:
            return self._listed(poll, wanted, pages)
        sides = {name: one for name, one in wanted.items() if name != "waiting"}
        poll = self._listed(poll, {"waiting": wanted["waiting"]}, pages)
        return replace(poll, rest=lambda: self._listed(poll, sides, pages))

    def _listed(
        self, poll: Poll, wanted: Mapping[str, dict[str, Any]], pages: Mapping[str, Node]
    ) -> Poll:
        """The poll with these lists, of which the first pages may be at hand."""
        found = {"waiting": poll.waiting, "moved": poll.moved, "passed": poll.passed}
        unlisted = list(poll.unlisted)
        unread: dict[str, SyncError] = {}
        for name, one in wanted.items():
            listing = OrderListing(
                name,
                one,
                lambda item, _page: mapping.order_stub(item),
                self._list,
                self._names,
                self._without_lists,
                unlisted=unlisted,
            )
            try:
                found[name] = oldest_first(chain.from_iterable(listing.pages(pages.get(name))))
            except UpstreamError as error:
                # The other lists only report changes; without them paid orders are still sent.
                if name == "waiting":
                    raise
                unread[name] = error
        return Poll(
            waiting=found["waiting"],
            moved=found["moved"],
            passed=found["passed"],
            money_precision=poll.money_precision,
            channel_code=poll.channel_code,
            unlisted=tuple(unlisted),
            unread=unread,
            refused=poll.refused,
        )

    def _first_pages(self, wanted: Mapping[str, dict[str, Any]]) -> tuple[Node, dict[str, Node]]:
        """The first page of each list, in one request; none if a bad entry fails it."""
        try:
            root = self._root(self._poll_orders, self._poll_variables(wanted))
        except SyncError as error:
            if error not in MAY_BE_AN_ENTRYS:
                raise
            try:
                return self._without_lists(), {}
            except BreakerOpen:
                # Failures of this very run opened it: the first says what happened, it does not.
                raise error from None
        return root, {name: root.node(name) for name in wanted}

    def _without_lists(self) -> Node:
        return self._root(self._poll_orders, self._poll_variables({}))

    def _asked(self, document: Document) -> Document:
        return document.with_channels() if self._channels else document

    def _root(self, document: Document, variables: Mapping[str, Any]) -> Node:
        root = Node(self._client.execute(document, variables))
        must_see_all_channels(root, self._channels)
        return root

    def _poll_variables(self, wanted: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        variables: dict[str, Any] = {}
        for name in _LISTS:
            variables[f"with{name.title()}"] = name in wanted
            if name in wanted:
                variables[name] = options(wanted[name], skip=0)
        return variables

    def _list(self, wanted: Mapping[str, Any]) -> Node:
        root = Node(page(self._client, self._list_orders, wanted))
        must_see_all_channels(root, self._channels)
        return root.node("orders")

    def _names(self, wanted: Mapping[str, Any]) -> Node:
        return Node(page(self._client, NAME_ORDERS, wanted)).node("orders")

    def orders(self, codes: Sequence[str]) -> list[Order]:
        """Orders in full; see the port. One request for each fifty."""
        self._know_fields()
        found: dict[str, Order] = {}
        try:
            read = list(by_code(self._client, self._read_orders, codes, _CODES_A_REQUEST))
        except ConfigError:
            # The shop's fields may have changed since.
            self._learn_fields()
            raise
        for root, items in read:
            must_see_all_channels(root, self._channels)
            precision = mapping.money_precision(root)
            orders = [mapping.order(item, precision, self._fields.texts(item)) for item in items]
            found.update((order.code, order) for order in orders)
        return [found[code] for code in dict.fromkeys(codes) if code in found]

    def _know_fields(self) -> None:
        if not self._fields.are_known:
            self._learn_fields()

    def _learn_fields(self) -> None:
        if self._fields.names and (refusal := self._fields.refusal(self._without_lists())):
            raise refusal

    @property
    def contents_a_request(self) -> int:
        """How many orders `contents` reads in one request; see the port."""
        return self._client.at_once(_COMPARED_A_REQUEST)

    def contents(self, codes: Sequence[str]) -> list[OrderContent]:
        """What is compared of orders; see the port."""
        self._know_fields()
        found: list[OrderContent] = []
        for root, items in by_code(self._client, self._compare_orders, codes, _COMPARED_A_REQUEST):
            precision = mapping.money_precision(root)
            found += (
                mapping.order_content(item, precision, self._fields.texts(item)) for item in items
            )
        # A database that ignores case returns other codes, too.
        asked = frozenset(codes)
        return [order for order in found if order.code in asked]


def _waiting(states: Sequence[str]) -> dict[str, Any] | None:
    return {"state": {"in": list(states)}} if states else None


def _moved(since: datetime | None) -> dict[str, Any] | None:
    if since is None:
        return None
    # updatedAt does not move with a state, a payment, a fulfilment or a refund, only when an order
    # is modified or cancelled (docs/vendure.md): it shows changes, never what to send. A draft is
    # not active either, but was never placed.
    return {
        "active": {"eq": False},
        "orderPlacedAt": {"isNull": False},
        "updatedAt": {"after": to_text(since)},
    }


def _passed(states: Sequence[str], since: datetime | None) -> dict[str, Any] | None:
    if since is None or not states:
        return None
    return {
        "active": {"eq": False},
        "state": {"in": list(states)},
        "orderPlacedAt": {"after": to_text(since)},
    }
