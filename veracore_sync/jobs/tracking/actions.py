"""What a plan for one order is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.domain.fulfilments import FulfilledOrder, Fulfilment
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.warehouse import Package

DOUBLED = AlertKind.ORDER_DOUBLED
"""A fulfilment exists twice in the shop, and only a person can decide which one to cancel."""

PENDING_BY_HAND = AlertKind.ORDER_PENDING_BY_HAND
"""Units that shipped are in a fulfilment that a person made and has not finished."""

SHORT_SHIPPED = AlertKind.ORDER_SHORT_SHIPPED
"""VeraCore completed the order with fewer units than ordered."""


@dataclass(frozen=True, slots=True)
class Fulfil:
    """Add a fulfilment of these units by line id, and mark it as shipped."""

    slip: str
    lines: Mapping[str, int]
    method: str
    tracking_code: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class AdoptFulfilment:
    """That fulfilment is this slip's; mark it as shipped if it is not yet."""

    slip: str
    fulfilment: Fulfilment
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class AlreadyFulfilled:
    """All units of the slip are in fulfilments that were not made from it."""

    slip: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """The slip waits: until `until`, or (``None``) until the warehouse shows a change."""

    slip: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Escalate:
    """The slip is handed to a person; no run works on it any more."""

    slip: str
    kind: AlertKind
    message: str


@dataclass(frozen=True, slots=True)
class Correct:
    """A slip was relabelled after it was fulfilled."""

    slip: str
    before: str
    after: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """Cancel that fulfilment: it duplicates this slip's own."""

    slip: str
    fulfilment: Fulfilment


@dataclass(frozen=True, slots=True)
class ReportIssue:
    """Open an alert about the order; `difference` as in `raise_alert`."""

    kind: AlertKind
    message: str
    difference: str | None = None


@dataclass(frozen=True, slots=True)
class EndOrder:
    """Move an order to Shipped of which nothing is left to ship."""


@dataclass(frozen=True, slots=True)
class Close:
    """End an order in the ledger of which nothing more will ship; the shop's stays as it is.

    Args:
        reason: Why, for a person.
        is_shipped: Its units have shipped; otherwise the shop has cancelled it.
    """

    reason: str = "the shop has cancelled it"
    is_shipped: bool = False


Action = (
    Fulfil
    | AdoptFulfilment
    | AlreadyFulfilled
    | Hold
    | Escalate
    | Correct
    | Undo
    | ReportIssue
    | EndOrder
    | Close
)

ASK_THE_SHOP = (Fulfil, AdoptFulfilment, Undo, EndOrder)
"""The actions that make requests; the others change the ledger alone."""

Plan = Callable[[FulfilledOrder, Mapping[str, SlipRow]], Sequence[Action]]
"""Plans one order from its present state in the shop and in the ledger."""
