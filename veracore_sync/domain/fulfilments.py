"""What the shop says of the shipping of its orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SHIPPED_STATES = ("Shipped", "Delivered")
"""The states of a fulfilment, or of an order, whose goods have left."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order: units that are still ordered."""

    id: str
    variant_id: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """A fulfilment, in whatever state: units by line id."""

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
    """An order as far as its shipping goes. Lines are in the order in which they were added."""

    id: str
    code: str
    state: str
    type: str
    lines: tuple[Line, ...]
    fulfilments: tuple[Fulfilment, ...]
