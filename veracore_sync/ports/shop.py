"""The shop's port: orders, stock and access; `shop_fulfilments` is a part of it.

Every read raises `AuthRefused`, `ConfigError` or `UpstreamError` if the answer is not complete. A
list that may be incomplete is an error, because the jobs act on what a list does not contain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from veracore_sync.domain.errors import ConfigError, SyncError
from veracore_sync.domain.orders import Order, OrderContent, OrderStub
from veracore_sync.domain.shop_stock import (
    Changes,
    Level,
    Location,
    NewLevel,
    OpenOrder,
    StockAdjustment,
    StockAllocation,
    StockDefaults,
    Variant,
)
from veracore_sync.domain.whole_orders import WholeOrder
from veracore_sync.ports.shop_fulfilments import ShopFulfilments

# ---- what it answers with ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unlisted:
    """An entry of a list that cannot be read.

    Args:
        name: What to call it: the order's code, or its id, or its position in the list.
        code: The order's code, if known.
        listed_in: The name of the list.
        error: The failure.
    """

    name: str
    code: str | None
    listed_in: str
    error: SyncError


@dataclass(frozen=True, slots=True)
class Poll:
    """The result of one poll of the shop. Each list is complete and oldest placement first.

    `waiting` are orders in a trigger state, `moved` placed orders whose ``updatedAt`` changed, and
    `passed` orders in a state after the trigger states; all three contain every type, Seller and
    Aggregate too. `money_precision` is the number of decimal places of Vendure's amounts.
    `unlisted` are the entries that could not be read, or are counted and not listed. `unread` says
    which of `moved` and `passed` could not be read at all, and why; such a list is empty. `rest`
    reads `moved` and `passed` if that was deferred. `refused` says why no order can be read in
    full: a setting names a custom field that the shop cannot give.
    """

    waiting: tuple[OrderStub, ...]
    moved: tuple[OrderStub, ...]
    passed: tuple[OrderStub, ...]
    money_precision: int
    channel_code: str
    unlisted: tuple[Unlisted, ...] = ()
    unread: Mapping[str, SyncError] = field(default_factory=dict)
    rest: Callable[[], Poll] | None = field(default=None, compare=False)
    refused: ConfigError | None = None

    def completed(self) -> Poll:
        """The poll with every list.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As `ShopOrders.poll`.
        """
        return self.rest() if self.rest is not None else self


@dataclass(frozen=True, slots=True)
class GrantedAccess:
    """Who asks: the channel that is used, the permissions held there, and all channels of the role.

    Vendure shows no others, so there may be more.
    """

    channel_code: str
    permissions: frozenset[str]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerTraits:
    """What the shop's server shows of itself.

    `version` is what it may be, in words; empty if it does not show. `list_limit` is how many
    records it lists in a request at most; ``None`` if it does not say.
    """

    version: str
    list_limit: int | None


@dataclass(frozen=True, slots=True)
class ProcessNames:
    """What the shop calls the states of its orders, and its fulfilment handlers.

    `field_permissions` are those of which a custom field of the order needs one to be shown.
    """

    order_states: tuple[str, ...]
    handlers: tuple[str, ...]
    field_permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)


class UnknownVariant(Exception):
    """The shop has no live variant with that id."""

    def __init__(self, variant_id: str) -> None:
        super().__init__(variant_id)
        self.variant_id = variant_id


# ---- what it is asked -------------------------------------------------------------------------


class ShopOrders(Protocol):
    """The shop's orders: waiting, changed, and in full."""

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the shop's clock was ahead of ours at its last answer; ``None`` if unknown."""

    def poll(
        self,
        *,
        trigger_states: Sequence[str],
        moved_since: datetime | None,
        passed_states: Sequence[str],
        passed_since: datetime | None,
        defer: bool = False,
    ) -> Poll:
        """List what a run needs to know, in one request.

        Args:
            trigger_states: The states whose orders wait to be sent.
            moved_since: List orders whose ``updatedAt`` is after this; ``None``: none. The
                comparison is strict and by the shop's clock, so choose overlapping windows.
            passed_states: The states after the trigger states.
            passed_since: List orders in these states that were placed after this; ``None``: none.
            defer: Leave it to `Poll.completed` to read on in `moved` and `passed` where the one
                request does not return them whole: one bad entry in them may take minutes to find,
                and paid orders need not wait for it.

        Raises:
            AuthRefused: The credentials were refused, or a permission is missing.
            ConfigError: The address, the channel or Vendure's version is wrong.
            UpstreamError: No connection, no answer in time, an answer that is not understood, or
                an incomplete `waiting`.
        """

    def orders(self, codes: Sequence[str]) -> list[Order]:
        """Orders in full, in the order of `codes`; codes that the shop does not have are left out.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As `poll`; then none is returned.
        """

    @property
    def contents_a_request(self) -> int:
        """How many orders `contents` reads in one request; smaller once the shop returned fewer."""

    def contents(self, codes: Sequence[str]) -> list[OrderContent]:
        """What is compared of orders that were handed over; codes that the shop does not have are
        left out.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As `poll`; then none is returned.
        """


class ShopAudit(Protocol):
    """The shop's orders as they are compared with the warehouse."""

    def placed(self, since: datetime) -> Iterator[Sequence[WholeOrder | Unlisted]]:
        """Every order that was placed since then, of every type and state, in pages by id.

        An order that is placed meanwhile may be left out. Only a stream that ends without an error
        is complete. An entry that cannot be read is yielded as `Unlisted`; it hides no other.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop; also in the middle.
        """

    def named(self, codes: Sequence[str]) -> list[WholeOrder]:
        """These orders, each once, in this order; codes that the shop does not have are left out.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop; then none is
                returned.
        """


class ShopAccess(Protocol):
    """The account in use, and settings of the shop."""

    def access(self) -> GrantedAccess:
        """The channel and the permissions of the account in use.

        Raises:
            AuthRefused: The credentials were refused, or they are an API key, whose permissions
                Vendure does not show.
            ConfigError, UpstreamError: As every read of the shop.
        """

    def has_several_channels(self) -> bool:
        """Whether the shop has another channel beside the default one; False if that is unknown.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def server(self) -> ServerTraits:
        """What the shop's server shows of itself.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def process_names(self) -> ProcessNames:
        """The names of the shop's order states and fulfilment handlers.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def shipping_methods(self) -> list[str]:
        """The codes of the shipping methods of the channel.

        Raises:
            AuthRefused: The credentials, or the permission ``ReadShippingMethod``, were refused.
            ConfigError, UpstreamError: As every read of the shop.
        """


class ShopStock(Protocol):
    """The shop's stock: variants with their levels, open orders, and the write."""

    def locations(self) -> list[Location]:
        """The stock locations of the channel.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def variants(self) -> Iterator[Variant]:
        """Every live variant of the channel, each once, as a stream.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read; also in the middle.
        """

    def variants_like(self, skus: Sequence[str]) -> list[Variant]:
        """The variants whose SKU contains one of `skus`, roughly ignoring case.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def variants_by_id(self, ids: Sequence[str]) -> dict[str, Variant]:
        """These variants by id; deleted and unreadable ones are left out.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def variants_updated(self, since: datetime) -> list[Variant]:
        """The variants that somebody changed after that (the shop's clock, UTC), or whose level was
        set, by us too. What only their product or the shop's defaults say is not theirs.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def defaults(self) -> StockDefaults:
        """What holds for variants without a setting of their own.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def orders_touched(self, since: datetime) -> list[OpenOrder]:
        """The orders, in any state, that were placed after that (the shop's clock, UTC), or changed
        in a way that the shop dates.

        Not dated is a transition, a fulfilment, or fewer units with a refund: `open_orders` shows
        these.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def open_orders(self) -> list[OpenOrder]:
        """All orders in a state that allocates, of every type: Vendure allocates units for an
        Aggregate order and again for its Seller orders.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def allocations(self, variant_id: str, since: datetime) -> list[StockAllocation]:
        """What Vendure allocated of a variant since then, and perhaps some of what it did before.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def adjustments(self, variant_id: str, since: datetime) -> list[StockAdjustment]:
        """How what is on hand of a variant was changed since then, other than by fulfilments; our
        own writes too.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def changes(self, codes: Sequence[str]) -> dict[str, Changes]:
        """When the state or the lines of these orders changed; an allocation made by such a change
        has the same moment where the database takes it from the transaction.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def size_of(self, level: NewLevel) -> int:
        """The bytes that the level takes in a request's body, at most."""

    def set_levels(self, levels: Sequence[NewLevel]) -> dict[str, tuple[Level, ...]]:
        """Write all levels or none, and return the shop's levels afterwards, by variant id.

        Raises:
            UnknownVariant: One of the variants does not exist; nothing was written.
            UpstreamError: It is unknown whether they were written.
        """


class Shop(ShopOrders, ShopAccess, Protocol):
    """A shop; thread-safe."""

    @property
    def stock(self) -> ShopStock:
        """The shop's stock."""

    @property
    def fulfilments(self) -> ShopFulfilments:
        """The shop's fulfilments."""

    @property
    def audit(self) -> ShopAudit:
        """The shop's orders with everything that is compared."""

    def close(self) -> None:
        """Close the connections."""
