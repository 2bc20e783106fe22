"""The shop's stock, and the open orders for which it allocates units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

NOT_LISTED = "that it counts and does not list"


@dataclass(frozen=True, slots=True)
class Location:
    """A stock location of the channel; `unreadable` says why its name is unknown."""

    id: str
    name: str
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """Stock of one variant at one location, in units; both figures may be below zero."""

    location: str
    on_hand: int
    allocated: int


@dataclass(frozen=True, slots=True)
class Variant:
    """A live variant. `sku` is as the shop spells it; if not `tracked`, Vendure counts no stock.

    `threshold` is the units that Vendure keeps back; below zero, it sells so many more than it has.
    A variant that is not `enabled` is not sold. `unreadable` says why
    nothing else is known; then `sku` may be empty too, and `id` if the shop counts a variant that
    it does not list.
    """

    id: str
    sku: str
    tracked: bool
    levels: tuple[Level, ...]
    unreadable: str | None = None
    enabled: bool = True
    threshold: int = 0

    @property
    def oversold(self) -> int:
        """Units that Vendure sells beyond on hand less allocated, at all locations together."""
        return max(0, -self.threshold)

    @property
    def name(self) -> str:
        """What to call the variant in a message."""
        if not self.id:
            return NOT_LISTED
        return self.sku.strip() or f"with the id {self.id}"


@dataclass(frozen=True, slots=True)
class StockDefaults:
    """What holds for each variant that has no setting of its own; `threshold` as in `Variant`."""

    tracked: bool
    threshold: int


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A line of an open order: units ordered, and live fulfilments as (units, when made, UTC)."""

    variant_id: str
    sku: str
    quantity: int
    fulfilments: tuple[tuple[int, datetime], ...]

    @property
    def open_quantity(self) -> int:
        """Units ordered and in no live fulfilment; never below zero."""
        return max(0, self.quantity - sum(units for units, _ in self.fulfilments))


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order in a state that allocates.

    `unreadable` says why nothing else is known; then `code` and `type` may be empty too, and `id`
    if the shop counts an order that it does not list. Vendure allocates the units of an Aggregate
    order and those of its Seller orders.
    """

    code: str
    placed_at: datetime | None
    lines: tuple[OpenLine, ...]
    id: str = ""
    unreadable: str | None = None
    type: str = "Regular"

    @property
    def name(self) -> str:
        """What to call the order in a message."""
        if not self.id:
            return self.code or NOT_LISTED
        return self.code or f"the order with the id {self.id}"


@dataclass(frozen=True, slots=True)
class StockAllocation:
    """Units that Vendure allocated to some order at `at`; it does not tell to which."""

    at: datetime
    units: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class StockAdjustment:
    """At `at` somebody, or one of our own runs, changed what is on hand by so many units."""

    at: datetime
    units: int


@dataclass(frozen=True, slots=True)
class Changes:
    """When an order changed in a way that allocates stock, and what was cancelled of it since.

    Args:
        at: The moments, each with a number that grows in the order in which the shop wrote its
            changes; 0 if the shop shows no such order.
        cancelled: Units by variant id.
        returned: Units by variant id, of cancelled fulfilments: they were allocated anew.
    """

    at: Mapping[datetime, int]
    cancelled: Mapping[str, int]
    returned: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewLevel:
    """Units on hand to write for one variant at one location; below zero is allowed."""

    variant_id: str
    location: str
    on_hand: int
