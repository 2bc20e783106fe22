"""How orders, shipments and stock move: what the ledger tells of it, and the figures of a day.

The rows are as the ledger has them, their times UTC texts. The figures are what the page draws and
`report` prints; `veracore_sync.jobs.throughput` computes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from veracore_sync.domain.pick_slips import PackageFact
from veracore_sync.domain.states import OrderState


class Outcome(StrEnum):
    """What became of an order, as one counts orders by day."""

    SHIPPED = "shipped"
    SENT = "sent"  # VeraCore has it, and has not shipped all of it
    WAITING = "waiting"  # it leaves this state without a person
    STOPPED = "stopped"  # a person decides
    NOT_SENT = "notSent"
    CANCELLED = "cancelled"


OUTCOME_LABELS = {
    Outcome.SHIPPED: "shipped",
    Outcome.SENT: "at VeraCore",
    Outcome.WAITING: "waiting",
    Outcome.STOPPED: "needs you",
    Outcome.NOT_SENT: "not sent",
    Outcome.CANCELLED: "cancelled",
}
"""Each outcome in words."""

OUTCOMES = {
    OrderState.SHIPPED: Outcome.SHIPPED,
    OrderState.SYNCED: Outcome.SENT,
    OrderState.PENDING: Outcome.WAITING,
    OrderState.SENDING: Outcome.WAITING,
    OrderState.IN_DOUBT: Outcome.WAITING,
    OrderState.FAILED: Outcome.WAITING,
    OrderState.PARKED: Outcome.STOPPED,
    OrderState.CONFLICT: Outcome.STOPPED,
    OrderState.SKIPPED: Outcome.NOT_SENT,
    OrderState.CANCELLED: Outcome.CANCELLED,
}
"""The outcome of each state of an order."""


# ---- what the ledger tells --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderCount:
    """How many orders of that state were placed within the quarter of an hour from `since` on."""

    since: str
    state: OrderState
    count: int


@dataclass(frozen=True, slots=True)
class SentOrder:
    """An order that this ledger sent; `paid_at` is ``None`` if it was not noted."""

    paid_at: str | None
    sent_at: str


@dataclass(frozen=True, slots=True)
class Departure:
    """A slip of which the last package left. `sent_at`: ``None`` if another ledger sent the order.

    `freight` and `charges` are decimal texts; ``None`` if VeraCore did not show them.
    """

    left_at: str
    sent_at: str | None
    packages: tuple[PackageFact, ...]
    freight: str | None
    charges: str | None


# ---- the figures ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spans:
    """How long something took: the middle one, and that which 95 of 100 did not exceed.

    `unknown` were not measured, because a time was never noted; `negative` of those measured ended
    before they began, which only a wrong clock or time zone shows: they count as 0.
    """

    count: int = 0
    median: timedelta | None = None
    p95: timedelta | None = None
    unknown: int = 0
    negative: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """One day.

    Args:
        day: As the zone of the figures has it.
        orders: How many orders were placed that day, by what has become of them since.
        paid_to_sent: Of the orders that were sent that day.
        sent_to_shipped: Of the shipments whose last package left that day.
        stock_age: How old the shop's stock became that day, at most; ``None``: that is unknown.
    """

    day: date
    orders: Mapping[Outcome, int]
    paid_to_sent: Spans
    sent_to_shipped: Spans
    stock_age: timedelta | None


@dataclass(frozen=True, slots=True)
class QueueAge:
    """How many orders have waited for at least `least`, and less than `most` (``None``: longer)."""

    least: timedelta
    most: timedelta | None
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The last days, oldest first, and how things stand now.

    Args:
        zone: The name of the zone in which the days begin.
        stock_age: How long ago the shop's stock was last brought up to date; ``None``: never.
        queue: The waiting orders by how long ago they were first seen; the youngest first.
        waits: How long the order that waits longest has waited; ``None``: none waits.
    """

    zone: str
    days: Sequence[Day]
    stock_age: timedelta | None
    queue: Sequence[QueueAge]
    waits: timedelta | None
