"""What a rebuilt ledger gets of one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from veracore_sync.domain.order_records import SentLines, ShopVersion
from veracore_sync.domain.pick_slips import PackageFact, Rows, ShippingCost
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord


class Certainty(StrEnum):
    """How well it is known what became of an order."""

    PROVEN = "proven"  # a record of VeraCore shows it, or the order never goes to VeraCore
    PROBABLE = "probable"  # a person decides; nothing is sent before
    ABSENT = "absent"  # VeraCore has none: the shop alone decides, after another look-up


@dataclass(frozen=True, slots=True)
class BoundSlip:
    """A slip whose units are in the shop already.

    `fulfilment_id` is the fulfilment that was made of it; ``None``: they are in fulfilments that
    were not made from it. `lines` are units by line id.
    """

    slip: str
    fulfilment_id: str | None
    lines: Mapping[str, int]
    tracking_code: str


@dataclass(frozen=True, slots=True)
class Shipped:
    """What a look-up showed of the shipping of an order: packages and costs by slip, and what is
    bound."""

    seen: Mapping[str, tuple[PackageFact, ...]] = field(default_factory=dict)
    bound: tuple[BoundSlip, ...] = ()
    rows: Rows = field(default_factory=dict)
    costs: Mapping[str, ShippingCost] = field(default_factory=dict)

    @property
    def units(self) -> Counter[str]:
        """The units of all that is bound, by line id."""
        return sum((Counter(one.lines) for one in self.bound), Counter[str]())


@dataclass(frozen=True, slots=True)
class RebuiltOrder:
    """A row of a rebuilt ledger, and everything that belongs to it.

    Args:
        code: The order's code in the shop.
        vendure_id: Its id there.
        placed_at: When it was placed (UTC).
        state: The state in which it is recorded.
        certainty: How well that is known.
        why: Why it is in that state, in one sentence; no personal data.
        cause: As in `OrderRow`.
        veracore_id: Its id at VeraCore, if it has one.
        record: What VeraCore has of it.
        version: The shop's version that later ones are compared with.
        wanted: Offers and units that the shop's order asks for.
        shipped: What VeraCore shipped of it.
        drift: In what VeraCore's record and the shop's order differ; empty: in nothing.
        is_cancelled_in_shop: Whether the shop has cancelled it.
        is_partly_shipped: Part of it was shipped without VeraCore, and the rest is not sent.
        is_unanswered: VeraCore gave no usable answer about it, while it did about another.
    """

    code: str
    vendure_id: str
    placed_at: datetime | None
    state: OrderState
    certainty: Certainty
    why: str
    cause: OrderCause | None = None
    veracore_id: str | None = None
    record: WarehouseRecord | None = None
    version: ShopVersion | None = None
    wanted: SentLines = ()
    shipped: Shipped = Shipped()
    drift: str = ""
    is_cancelled_in_shop: bool = False
    is_partly_shipped: bool = False
    is_unanswered: bool = False
