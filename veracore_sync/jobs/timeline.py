"""An order's history, from the checkout to now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.differences import ORDER_TYPES, DifferenceRow
from veracore_sync.domain.ledger_records import PastAlert
from veracore_sync.domain.order_records import AttemptRow, OrderRow
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import CANCELLING
from veracore_sync.ports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened to an order, or is scheduled.

    Args:
        at: A UTC text; ``None`` if unknown.
        event: One of a fixed set (docs/json.md).
        message: For a person; without personal data.
    """

    at: str | None
    event: str
    message: str

    def document(self) -> dict[str, Any]:
        """As in ``stats --order --json``."""
        return {"at": self.at, "event": self.event, "message": self.message}


def timeline_of(ledger: Ledger, row: OrderRow) -> list[TimelineEntry]:
    """An order's entries by time; the current state and the next attempt come last."""
    past = [*_beginnings(row), *_doubts(row)]
    for attempt in ledger.orders.attempts(row.code):
        past += _attempt(attempt)
    past += _cancellation(ledger.cancellations.get(row.code), row)
    for slip in ledger.shipments.slips_of(row.code):
        past += _slip(slip)
    for alert in ledger.reporting.alerts_of(row.code):
        past += _alert(alert)
    for accepted in ledger.alerts.accepted(row.code):
        past.append(
            TimelineEntry(accepted.at, "accepted", f"alert {accepted.kind}: {accepted.reason}")
        )
    for differs in ledger.differences.of([row.code]):
        if differs.difference.type in ORDER_TYPES:
            past += _difference(differs)
    # A stable sort: entries of the same millisecond keep the sequence of cause and effect.
    past.sort(key=lambda entry: entry.at or "")
    return [*past, *_now(row)]


def _beginnings(row: OrderRow) -> Iterator[TimelineEntry]:
    if row.placed_at:
        yield TimelineEntry(row.placed_at, "placed", "placed in the shop")
    yield TimelineEntry(row.created_at, "seen", "first seen")


def _doubts(row: OrderRow) -> Iterator[TimelineEntry]:
    if row.doubt_since:
        yield TimelineEntry(row.doubt_since, "doubt", "in doubt: VeraCore may or may not have it")
    if row.absent_at:
        yield TimelineEntry(
            row.absent_at, "absent", "a look-up did not find it; a second one decides"
        )


def _attempt(attempt: AttemptRow) -> Iterator[TimelineEntry]:
    name = f"attempt {attempt.attempt}"
    lines = ", ".join(f"{units} x {sku}" for sku, units in attempt.lines)
    yield TimelineEntry(
        attempt.started_at, "attempt", f"{name}: sent as {attempt.veracore_id}: {lines}"
    )
    if attempt.outcome:
        why = f" ({attempt.message})" if attempt.message else ""
        yield TimelineEntry(attempt.ended_at, "outcome", f"{name}: {attempt.outcome}{why}")


def _cancellation(wish: CancellationRow | None, row: OrderRow) -> Iterator[TimelineEntry]:
    if row.shop_cancelled_at:
        yield TimelineEntry(row.shop_cancelled_at, "cancel", "the shop has cancelled it")
    if wish is None:
        return
    by = "by a person" if wish.wanted_by == "person" else "because the shop cancelled it"
    yield TimelineEntry(wish.wanted_at, "cancel", f"to be cancelled at VeraCore, {by}")
    if wish.asked_at:
        yield TimelineEntry(
            wish.asked_at, "cancel", f"VeraCore was asked to cancel it, {wish.asked} x"
        )
    if wish.seen_at:
        yield TimelineEntry(wish.seen_at, "cancel", "a look-up showed it as cancelled")
    why = f": {wish.message}" if wish.message else ""
    yield TimelineEntry(wish.updated_at, "cancel", f"cancellation {wish.state}{why}")
    if wish.next_attempt_at and wish.state in CANCELLING:
        yield TimelineEntry(wish.next_attempt_at, "cancel", "the next look-up, at the earliest")


def _slip(slip: SlipRow) -> Iterator[TimelineEntry]:
    name = f"slip {slip.slip}"
    yield TimelineEntry(slip.first_seen_at, "shipment", f"{name}: seen at VeraCore")
    detail = slip.tracking_code or slip.reason
    yield TimelineEntry(
        slip.updated_at, "shipment", f"{name}: {slip.state}{f' ({detail})' if detail else ''}"
    )


def _alert(alert: PastAlert) -> Iterator[TimelineEntry]:
    yield TimelineEntry(alert.opened_at, "alert", f"alert {alert.kind}: {alert.message}")
    if alert.resolved_at:
        yield TimelineEntry(alert.resolved_at, "resolved", f"alert {alert.kind} is resolved")


def _difference(row: DifferenceRow) -> Iterator[TimelineEntry]:
    type = row.difference.type
    yield TimelineEntry(row.first_seen_at, "difference", f"reconcile found {type}")
    if row.is_accepted:
        yield TimelineEntry(row.accepted_at, "accepted", f"difference {type}: {row.reason}")


def _now(row: OrderRow) -> Iterator[TimelineEntry]:
    why = f": {row.error_message}" if row.error_message else ""
    yield TimelineEntry(row.updated_at, "state", f"{row.state}{why}")
    if row.next_attempt_at:
        yield TimelineEntry(
            row.next_attempt_at, "next", "the next attempt or look-up, at the earliest"
        )
