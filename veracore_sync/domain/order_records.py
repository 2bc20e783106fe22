"""The ledger's records of orders, and the values that transitions store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from veracore_sync.domain.comparisons import Facets
from veracore_sync.domain.errors import Category
from veracore_sync.domain.states import AttemptOutcome, OrderCause, OrderState

SentLines = tuple[tuple[str, int], ...]
"""Lines as sent: (offer, units) each."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in the ledger. Times are UTC texts (ISO 8601, milliseconds, ``Z``).

    `code` names the order in the ledger. It is the shop's code, unless the order `is_set_aside`.
    """

    code: str
    vendure_id: str
    veracore_id: str | None
    state: OrderState
    cause: OrderCause | None
    error_class: str | None
    error_message: str | None
    retry_count: int
    attempt: int
    sequence: int | None
    content_hash: str | None
    settings_hash: str | None
    looked_up: int
    placed_at: str | None
    shop_updated_at: str | None
    checked_at: str | None
    doubt_since: str | None
    absent_at: str | None
    last_sync_attempt: str | None
    last_successful_sync: str | None
    next_attempt_at: str | None
    created_at: str
    updated_at: str
    absent_tick: str | None = None
    shop_code: str | None = None
    shop_cancelled_at: str | None = None
    warnings: tuple[str, ...] = ()
    paid_at: str | None = None

    @property
    def reference(self) -> str:
        """The full code that VeraCore has as the order's reference."""
        return self.shop_code or self.code

    @property
    def is_set_aside(self) -> bool:
        """Whether the shop has given the order's code to another order, and no longer has it."""
        return self.shop_code is not None


def fresh_row(code: str, vendure_id: str, now: str) -> OrderRow:
    """The row of an order that is discovered `now` (a UTC text)."""
    values: dict[str, Any] = dict.fromkeys(field.name for field in fields(OrderRow))
    values.update(code=code, vendure_id=vendure_id, state=OrderState.PENDING)
    values.update(retry_count=0, attempt=0, looked_up=0, created_at=now, updated_at=now)
    values["warnings"] = ()
    return OrderRow(**values)


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt to create an order at VeraCore. Times are UTC texts."""

    code: str
    attempt: int
    veracore_id: str
    lines: SentLines
    started_at: str
    ended_at: str | None
    outcome: AttemptOutcome | None
    message: str | None


def open_attempts(row: OrderRow, attempts: Iterable[AttemptRow]) -> list[AttemptRow]:
    """The attempts of an order whose outcome is unknown, oldest first."""
    # An order that is parked as refused has had its answer, even if only a look-up showed that the
    # answer was a refusal.
    was_refused = row.state is OrderState.PARKED and row.cause is OrderCause.REFUSED
    unknown = [one for one in attempts if one.outcome in (None, AttemptOutcome.IN_DOUBT)]
    return [one for one in unknown if not (was_refused and one.attempt == row.attempt)]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an order failed: a class, and one sentence without personal data."""

    category: Category
    message: str


@dataclass(frozen=True, slots=True)
class ShopVersion:
    """A version of the shop's order: a keyed hash of its content, its ``updatedAt`` and facets."""

    content_hash: str
    updated_at: datetime
    facets: Facets | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent.

    Args:
        veracore_id: The order's id at VeraCore.
        lines: Offer and units of each line.
        payload_hash: A keyed hash of everything that is sent.
        settings_hash: A hash of the settings that rendered it.
        seen: The version of the shop's order.
        warnings: What of the order is shortened, rounded or left out, without personal data.
        paid_at: When the order was paid, by the shop's clock, as far as it shows that.
    """

    veracore_id: str
    lines: SentLines
    payload_hash: str
    settings_hash: str
    seen: ShopVersion
    warnings: tuple[str, ...] = ()
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """An order that is new to the ledger. `state` is ``pending``, ``skipped`` or ``conflict``."""

    code: str
    vendure_id: str
    placed_at: datetime | None
    state: OrderState = OrderState.PENDING
    cause: OrderCause | None = None
    trouble: Failure | None = None
    next_attempt_at: datetime | None = None
