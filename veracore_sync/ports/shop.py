"""The shop as the jobs see it: its orders, its stock, its fulfilments, and who is asking.

Every read raises `AuthRefused`, `ConfigError` or `UpstreamError` where it gave no complete answer;
a list that may be incomplete is such an error, since what is missing from it would be acted upon.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from veracore_sync.domain.errors import Occurrence, SyncError
from veracore_sync.domain.failures import read_error
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.orders import Order, OrderStub
from veracore_sync.domain.shop_stock import Level, Location, NewLevel, OpenOrder, Variant

# ---- what it answers with ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unlisted:
    """An entry of a list that cannot be read.

    Args:
        name: What to call it: the order's code, else its id, else its place in the list.
        code: The order's code, where that is known.
        listed_in: The name of the list.
        error: What came instead.
    """

    name: str
    code: str | None
    listed_in: str
    error: SyncError


@dataclass(frozen=True, slots=True)
class Poll:
    """What one look at the shop showed. Each list is complete and oldest placement first.

    `waiting` are now in a trigger state, `moved` placed orders whose ``updatedAt`` moved, `passed`
    orders in a state that lies behind the trigger states. All types are in them, Seller and
    Aggregate too. `money_precision` is the number of decimal places of Vendure's amounts.
    `unlisted` are the entries that could not be read; `unread` tells which of `moved` and `passed`
    could not be read at all, and why: it is empty then.
    """

    waiting: tuple[OrderStub, ...]
    moved: tuple[OrderStub, ...]
    passed: tuple[OrderStub, ...]
    money_precision: int
    channel_code: str
    unlisted: tuple[Unlisted, ...] = ()
    unread: Mapping[str, SyncError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GrantedAccess:
    """Who asks: the channel that is used, and the permissions held there."""

    channel_code: str
    permissions: frozenset[str]


class UnknownVariant(Exception):
    """The shop has no live variant of that id."""

    def __init__(self, variant_id: str) -> None:
        super().__init__(variant_id)
        self.variant_id = variant_id


class MutationRefused(Exception):
    """The shop refused a mutation with an ErrorResult; nothing was changed.

    Args:
        code: Its ``errorCode``.
        message: One line of its own words.
        variant_id: The variant that is short, for ``INSUFFICIENT_STOCK_ON_HAND_ERROR``.
    """

    def __init__(self, code: str, message: str, variant_id: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.variant_id = variant_id

    def as_error(self, operation: str) -> SyncError:
        """The error of a refusal where none was to be expected."""
        return read_error(
            Occurrence.NOT_UNDERSTOOD, f"Vendure refused {operation}: {self}", upstream="vendure"
        )


# ---- what it is asked -------------------------------------------------------------------------


class ShopOrders(Protocol):
    """The shop's orders: what waits, what moved, and orders in full."""

    @property
    def clock_ahead_seconds(self) -> float | None:
        """How far the shop's clock was ahead of ours at its newest answer; else ``None``."""

    def poll(
        self,
        *,
        trigger_states: Sequence[str],
        moved_since: datetime | None,
        passed_states: Sequence[str],
        passed_since: datetime | None,
    ) -> Poll:
        """Look at the shop once.

        Args:
            trigger_states: The states whose orders wait to be sent.
            moved_since: List what moved after this moment; ``None`` lists nothing. The comparison
                is strict and the clock the shop's, so overlap.
            passed_states: The states behind the trigger states.
            passed_since: List of those what was placed after this; ``None`` lists nothing.

        Raises:
            AuthRefused: The credentials were refused, or a permission is missing.
            ConfigError: The address, the channel or Vendure's version is not what it should be.
            UpstreamError: Not reached, not in time, not understood, or `waiting` came incomplete.
        """

    def orders(self, codes: Sequence[str]) -> list[Order]:
        """Orders in full, in the order of `codes`; a code that the shop has not is left out.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As of `poll`; then none is returned.
        """


class ShopAccess(Protocol):
    """What the shop says of whoever asks, and of its settings."""

    def access(self) -> GrantedAccess:
        """Who we are to the shop.

        Raises:
            AuthRefused: The credentials were refused; or they are an API key, of which Vendure
                tells nothing.
            ConfigError, UpstreamError: As every read of the shop.
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
        """Every live variant of the channel, each once, as they stream in.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop; also in the middle.
        """

    def variants_like(self, skus: Sequence[str]) -> list[Variant]:
        """The variants whose SKU contains one of `skus`, roughly without regard to case.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def variants_by_id(self, ids: Sequence[str]) -> dict[str, Variant]:
        """These variants by id, as far as they live and can be read.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def open_orders(self) -> list[OpenOrder]:
        """All orders in a state that allocates; never Aggregate ones, whose parts are orders too.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """

    def size_of(self, level: NewLevel) -> int:
        """At most how many bytes of a request's body the level takes."""

    def set_levels(self, levels: Sequence[NewLevel]) -> dict[str, tuple[Level, ...]]:
        """Write levels, all or none of them, and return what the shop then says, by variant id.

        Raises:
            UnknownVariant: One of the variants is gone; nothing was written.
            UpstreamError: Nothing is known of what was written.
        """


class FulfilmentReader(Protocol):
    """Orders as far as their shipping goes."""

    def orders(self, codes: Sequence[str]) -> dict[str, FulfilledOrder]:
        """These orders by code, as far as the shop has them.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every read of the shop.
        """


class ShopFulfilments(FulfilmentReader, Protocol):
    """The shop's fulfilments: what an order has, and the mutations.

    What Vendure leaves unchecked (negative units, a line named twice, states in which nothing
    should ship; docs/vendure.md, "Fulfilment") is the planner's to avoid.
    """

    def add(
        self, lines: Mapping[str, int], *, handler: str, method: str, tracking_code: str
    ) -> str:
        """Make a fulfilment of these units by line id; its id. It is Pending then.

        Raises:
            MutationRefused: An ErrorResult: nothing was made.
            UpstreamError: Nothing is known of whether it was made.
        """

    def ship(self, fulfilment_id: str) -> None:
        """Bring a fulfilment to Shipped; its order follows by itself.

        Raises:
            MutationRefused: It may not go there from where it is.
            UpstreamError: Nothing is known of whether it went.
        """

    def cancel(self, fulfilment_id: str) -> None:
        """Cancel a fulfilment: its units are open again, and back in the shop's stock.

        Raises:
            MutationRefused: It may not go there from where it is.
            UpstreamError: Nothing is known of whether it went.
        """

    def end(self, order_id: str) -> None:
        """Bring an order to Shipped of which nothing is left to ship.

        Raises:
            MutationRefused: It may not go there.
            UpstreamError: Nothing is known of whether it went.
        """

    def note(self, order_id: str, text: str) -> None:
        """Write a private note into the order's history.

        Raises:
            AuthRefused, ConfigError, UpstreamError: As every mutation.
        """


class Shop(ShopOrders, ShopAccess, Protocol):
    """All of a shop; usable by several threads."""

    @property
    def stock(self) -> ShopStock:
        """The shop's stock."""

    @property
    def fulfilments(self) -> ShopFulfilments:
        """The shop's fulfilments."""

    def close(self) -> None:
        """Close the connections."""
