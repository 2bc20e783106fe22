"""What the shop's owner sets up: variants, stock, locations, channels, shipping, promotions."""

from __future__ import annotations

import functools
import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, TypeVar

from veracore_sync.sandbox.shop_errors import Thrown, not_found
from veracore_sync.sandbox.shop_lists import LIMIT
from veracore_sync.sandbox.shop_records import (
    Channel,
    Level,
    Location,
    Promotion,
    ShippingMethod,
    StockAdjustment,
    Variant,
)

DEFAULT_CHANNEL = "1"
_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S", bound="Catalogue")


def locked(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """Let one thread at a time in, as Vendure's SQLite does."""

    @functools.wraps(method)
    def alone(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.lock:
            return method(self, *args, **kwargs)

    return alone


class Catalogue:
    """Variants and all that is not an order.

    Args:
        clock: Returns the time, aware, UTC.
    """

    list_limit = LIMIT
    """The most records that a list has in one answer: Vendure's ``adminListQueryLimit``."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self.track_inventory = True
        self.threshold = 0
        self.money_precision = 2
        self.channels: dict[str, Channel] = {}
        self.locations: dict[str, Location] = {}
        self.variants: dict[str, Variant] = {}
        self.by_sku: dict[str, list[Variant]] = defaultdict(list)
        self.shipping_methods: dict[str, ShippingMethod] = {}
        self.promotions: dict[str, Promotion] = {}
        self._listed: dict[str, list[Variant]] = {}
        self._numbers: dict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self.opened_at = self.now()
        self.add_channel("__default_channel__")
        self.add_location("Default Stock Location")
        self.add_shipping_method("standard-shipping", "Standard Shipping", 500)
        self.add_shipping_method("express-shipping", "Express Shipping", 1000)

    def now(self) -> datetime:
        """The time, in whole milliseconds, as it is shown."""
        moment = self._clock()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def new_id(self, kind: str) -> str:
        """The next free id of a kind of record."""
        return str(next(self._numbers[kind]))

    @locked
    def delete_channel(self, id: str) -> None:
        """Delete a channel; what it sold and its orders stay in the default channel."""
        del self.channels[id]

    @locked
    def add_channel(self, code: str, currency: str = "USD", token: str | None = None) -> Channel:
        """Open a channel that sells everything there is now, from all locations there are."""
        id = self.new_id("channel")
        channel = Channel(id, self.now(), code, token or f"{code}-token", currency)
        self.channels[id] = channel
        for variant in self.variants.values():
            variant.channels.add(id)
        for location in self.locations.values():
            location.channels.add(id)
        self._listed.clear()
        return channel

    @locked
    def add_location(self, name: str) -> Location:
        """Open a stock location, for all channels."""
        location = Location(self.new_id("location"), self.now(), name, set(self.channels))
        self.locations[location.id] = location
        return location

    @locked
    def add_shipping_method(self, code: str, name: str, price: int) -> ShippingMethod:
        """Offer a shipping method at a flat price."""
        id = self.new_id("shippingMethod")
        method = ShippingMethod(id, self.now(), code, name, price)
        self.shipping_methods[id] = method
        return method

    def shipping_method(self, code: str) -> ShippingMethod:
        """The shipping method with that code.

        Raises:
            KeyError: There is none.
        """
        for method in self.shipping_methods.values():
            if method.code == code:
                return method
        raise KeyError(code)

    @locked
    def add_promotion(
        self,
        name: str,
        percent: float,
        coupon: str | None = None,
        skus: Iterable[str] | None = None,
    ) -> Promotion:
        """Take `percent` off the whole order, or off `skus`; with a `coupon` only for its bearers.

        It holds for orders placed or modified from now on.
        """
        only = None if skus is None else frozenset(skus)
        promotion = Promotion(self.new_id("promotion"), name, percent, coupon, only)
        self.promotions[promotion.id] = promotion
        return promotion

    # ---- variants --------------------------------------------------------------------------

    @locked
    def add_variant(
        self,
        sku: str,
        name: str = "",
        price: int = 1000,
        on_hand: int = 100,
        *,
        tax_rate: float = 20.0,
        track: str = "INHERIT",
        levels: Mapping[str, int] | None = None,
        channels: Iterable[str] | None = None,
    ) -> Variant:
        """Sell a variant from now on.

        Args:
            sku: Need not be unique.
            name: Else made of the SKU.
            price: Net, in minor units.
            on_hand: Units at the first location.
            tax_rate: In percent.
            track: ``INHERIT``, ``TRUE`` or ``FALSE``.
            levels: Units by location id, in place of `on_hand`.
            channels: Ids of the channels that sell it; None: all.
        """
        now = self.now()
        variant = Variant(
            self.new_id("variant"), now, now, sku, name or f"Variant {sku}", price, tax_rate, track
        )
        variant.channels = set(self.channels if channels is None else channels)
        self.variants[variant.id] = variant
        self.by_sku[sku].append(variant)
        self._listed.clear()
        first = next(iter(self.locations))
        for location, units in ({first: on_hand} if levels is None else levels).items():
            self.level(variant, location).on_hand = units
        return variant

    def variant(self, key: str) -> Variant:
        """The oldest live variant with the SKU `key`, else the one with that id.

        Raises:
            Thrown: There is none.
        """
        for variant in self.by_sku.get(key, ()):
            if not variant.deleted:
                return variant
        found = self.variants.get(key)
        if found is None or found.deleted:
            raise not_found("ProductVariant", key)
        return found

    @locked
    def set_sku(self, key: str, sku: str) -> None:
        """Give a variant another SKU; lines already ordered show the new one."""
        variant = self.variant(key)
        self.by_sku[variant.sku].remove(variant)
        variant.sku, variant.updated_at = sku, self.now()
        self.by_sku[sku].append(variant)
        self.by_sku[sku].sort(key=lambda one: int(one.id))

    @locked
    def delete_variant(self, key: str) -> None:
        """Take a variant out of all lists; the lines that ordered it keep it."""
        self.variant(key).deleted = True
        self._listed.clear()

    def listed(self, channel: str) -> list[Variant]:
        """The live variants that a channel sells, oldest first; not to be changed."""
        if channel not in self._listed:
            self._listed[channel] = [
                variant
                for variant in self.variants.values()
                if channel in variant.channels and not variant.deleted
            ]
        return self._listed[channel]

    # ---- stock -----------------------------------------------------------------------------

    def level(self, variant: Variant, location: str) -> Level:
        """The stock of a variant at a location; the record comes into being at the first look.

        Raises:
            Thrown: There is no such location; without a code, as a database says it.
        """
        level = variant.levels.get(location)
        if level is None:
            if location not in self.locations:
                raise Thrown("SqliteError: FOREIGN KEY constraint failed", None)
            id = self.new_id("level")
            level = Level(id, variant.created_at, self.locations[location])
            variant.levels[location] = level
        return level

    @locked
    def set_stock(self, key: str, on_hand: int, location: str | None = None) -> None:
        """Set what is on hand at one location (the first, if not named)."""
        place = location or next(iter(self.locations))
        self.adjust(self.variant(key), place, on_hand)

    def adjust(self, variant: Variant, location: str, on_hand: int) -> None:
        """Set what is on hand at a location, and keep by how much that changed it."""
        level = self.level(variant, location)
        by = on_hand - level.on_hand
        level.on_hand = on_hand
        if by:
            made = StockAdjustment(self.new_id("movement"), self.now(), by)
            variant.adjustments.append(made)

    def stock(self, key: str) -> dict[str, Level]:
        """The stock of a variant by location id."""
        return self.variant(key).levels

    def tracked(self, variant: Variant) -> bool:
        """Whether sales move the variant's stock."""
        return variant.track == "TRUE" or (variant.track == "INHERIT" and self.track_inventory)

    def levels_in(self, variant: Variant, channel: str) -> list[Level]:
        """The levels of a variant at the locations that serve a channel."""
        return [one for one in variant.levels.values() if channel in one.location.channels]

    def kept_back(self, variant: Variant) -> int:
        """The units of a variant that are not sold; below zero, so many are oversold."""
        return self.threshold if variant.global_threshold else variant.threshold

    def saleable(self, key: str, channel: str = DEFAULT_CHANNEL) -> int | None:
        """The units that a customer could order now; None: any number."""
        variant = self.variant(key)
        if not self.tracked(variant):
            return None
        levels = self.levels_in(variant, channel)
        free = sum(level.on_hand - level.allocated for level in levels)
        return free - self.kept_back(variant)


def system_clock() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)
