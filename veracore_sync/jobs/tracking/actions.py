"""What a plan for one order is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.warehouse import Package

DOUBLED = AlertKind.ORDER_DOUBLED
"""A fulfilment stands twice in the shop, and only a person may say which of them is to go."""


@dataclass(frozen=True, slots=True)
class Fulfil:
    """Make a fulfilment of these units by line id, and ship it."""

    slip: str
    lines: Mapping[str, int]
    method: str
    tracking_code: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class AdoptFulfilment:
    """That fulfilment is this slip's; ship it where it is not."""

    slip: str
    fulfilment: Fulfilment
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class AlreadyFulfilled:
    """All of it is in fulfilments that were not made from it."""

    slip: str
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits: until then, or (``None``) until the warehouse shows something new."""

    slip: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Escalate:
    """Nothing more is done about this slip: a person decides."""

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
    """That fulfilment doubles this slip's own: cancel it."""

    slip: str
    fulfilment: Fulfilment


@dataclass(frozen=True, slots=True)
class ReportIssue:
    """Something that a person has to know of."""

    kind: AlertKind
    message: str


@dataclass(frozen=True, slots=True)
class EndOrder:
    """Nothing is left to ship of an order that hangs in a state before Shipped."""


@dataclass(frozen=True, slots=True)
class Close:
    """The shop has cancelled it, and nothing more of it will ship."""


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
