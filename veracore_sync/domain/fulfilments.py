"""The shop's orders and their fulfilments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

SHIPPED_STATES = ("Shipped", "Delivered")
"""The states of a fulfilment, or of an order, whose goods have left."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order; `quantity` is what is still ordered, in units."""

    id: str
    variant_id: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """A fulfilment in any state; `lines` are units by line id."""

    id: str
    state: str
    tracking_code: str
    lines: Mapping[str, int]

    @property
    def is_live(self) -> bool:
        """Whether its units count as fulfilled."""
        return self.state != "Cancelled"


@dataclass(frozen=True, slots=True)
class FulfilledOrder:
    """An order with its fulfilments. Lines are in the order in which they were added.

    `channels` as in `veracore_sync.domain.orders.Order`.
    """

    id: str
    code: str
    state: str
    type: str
    lines: tuple[Line, ...]
    fulfilments: tuple[Fulfilment, ...]
    placed_at: datetime | None = None
    channels: tuple[str, ...] = ()
