"""An order's history, from the checkout to now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from veracore_sync.clock import from_text
from veracore_sync.domain.audit import AuditEntry
from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.differences import ORDER_TYPES, DifferenceRow
from veracore_sync.domain.ledger_records import PastAlert
from veracore_sync.domain.order_history import (
    ABSENT,
    CANCEL_WORDS,
    IN_DOUBT,
    outcome,
    wanted,
)
from veracore_sync.domain.order_records import AttemptRow, OrderRow
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import CANCELLING, CancelAct, PickSlipState
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
    """An order's entries by time; the current state and the next attempt come last.

    The rows of the ledger say how each thing stands now, the history what they said before.
    """
    history = [
        TimelineEntry(one.at, one.event, one.message)
        for one in ledger.reporting.history_of(row.code)
    ]
    stands = [*_beginnings(row), *_doubts(row)]
    for attempt in ledger.orders.attempts(row.code):
        stands += _attempt(attempt, {one.message for one in history})
    stands += _cancellation(ledger.cancellations.get(row.code), row, history)
    for slip in ledger.shipments.slips_of(row.code):
        stands += _slip(slip, history)
    for alert in ledger.reporting.alerts_of(row.code):
        stands += _alert(alert)
    for accepted in ledger.alerts.accepted(row.code):
        stands.append(
            TimelineEntry(accepted.at, "accepted", f"alert {accepted.kind}: {accepted.reason}")
        )
    for differs in ledger.differences.of([row.code]):
        if differs.difference.type in ORDER_TYPES:
            stands += _difference(differs)
    for type, since, until in ledger.reporting.differences_ended(row.code):
        if type in ORDER_TYPES:
            stands.append(TimelineEntry(since, "difference", f"reconcile found {type}"))
            stands.append(TimelineEntry(until, "difference", f"{type} has ended"))
    stands += [_act(one) for one in ledger.reporting.acts_on(row.code)]
    return _in_order(stands, history, _now(row))


_ONE_AT_A_TIME = ("doubt", "absent")
_SAME = timedelta(seconds=1)
"""A transition reads the clock once for the row and once for the history."""


def _in_order(
    stands: list[TimelineEntry], history: list[TimelineEntry], now: Iterator[TimelineEntry]
) -> list[TimelineEntry]:
    """All entries, each once, by time; those of now come last."""
    last = list(now)
    said = {(one.event, one.message) for one in last}
    # What a row says of its own and the history says too happened once.
    past = [one for one in stands if one not in history and not _is_told(one, history)]
    past += [one for one in history if (one.event, one.message) not in said]
    # A stable sort: entries of the same millisecond keep the sequence of cause and effect.
    past.sort(key=lambda entry: entry.at or "")
    return [*past, *last]


def _is_told(entry: TimelineEntry, history: Sequence[TimelineEntry]) -> bool:
    """Whether the history has this moment of the order's row, to the second."""
    if entry.at is None:
        return False
    at = from_text(entry.at)
    return any(
        one.event == entry.event
        and (one.event in _ONE_AT_A_TIME or one.message == entry.message)
        and one.at is not None
        and abs(from_text(one.at) - at) < _SAME
        for one in history
    )


def _beginnings(row: OrderRow) -> Iterator[TimelineEntry]:
    if row.placed_at:
        yield TimelineEntry(row.placed_at, "placed", "placed in the shop")
    yield TimelineEntry(row.created_at, "seen", "first seen")


def _doubts(row: OrderRow) -> Iterator[TimelineEntry]:
    if row.doubt_since:
        yield TimelineEntry(row.doubt_since, "doubt", IN_DOUBT)
    if row.absent_at:
        yield TimelineEntry(row.absent_at, "absent", ABSENT)


def _attempt(attempt: AttemptRow, said: Collection[str]) -> Iterator[TimelineEntry]:
    lines = ", ".join(f"{units} x {sku}" for sku, units in attempt.lines)
    yield TimelineEntry(
        attempt.started_at,
        "attempt",
        f"attempt {attempt.attempt}: sent as {attempt.veracore_id}: {lines}",
    )
    if attempt.outcome:
        # A message that an earlier outcome left is that one's.
        earlier = any(
            one.startswith(f"attempt {attempt.attempt}: ") and one.endswith(f"({attempt.message})")
            for one in said
        )
        words = outcome(attempt.attempt, attempt.outcome, None if earlier else attempt.message)
        yield TimelineEntry(attempt.ended_at, "outcome", words)


def _cancellation(
    wish: CancellationRow | None, row: OrderRow, history: Sequence[TimelineEntry]
) -> Iterator[TimelineEntry]:
    if row.shop_cancelled_at:
        yield TimelineEntry(row.shop_cancelled_at, "cancel", "the shop has cancelled it")
    if wish is None:
        return
    yield TimelineEntry(wish.wanted_at, "cancel", wanted(wish.wanted_by))
    known = {one.message for one in history if one.event == "cancel"}
    if wish.asked_at and CANCEL_WORDS[CancelAct.ASK] not in known:
        yield TimelineEntry(
            wish.asked_at, "cancel", f"VeraCore was asked to cancel it, {wish.asked} x"
        )
    if wish.seen_at and CANCEL_WORDS[CancelAct.SAW_CANCELLED] not in known:
        yield TimelineEntry(wish.seen_at, "cancel", "a look-up showed it as cancelled")
    why = f": {wish.message}" if wish.message else ""
    yield TimelineEntry(wish.updated_at, "cancel", f"cancellation {wish.state}{why}")
    if wish.next_attempt_at and wish.state in CANCELLING:
        yield TimelineEntry(wish.next_attempt_at, "cancel", "the next look-up, at the earliest")


_LAST_WORD = (PickSlipState.DONE, PickSlipState.COVERED, PickSlipState.HANDED)


def _slip(slip: SlipRow, history: Sequence[TimelineEntry]) -> Iterator[TimelineEntry]:
    name = f"slip {slip.slip}"
    yield TimelineEntry(slip.first_seen_at, "shipment", f"{name}: seen at VeraCore")
    detail = slip.tracking_code or slip.reason
    known = [one.at for one in history if one.message.startswith(f"{name}: ")]
    # Each look-up renews the time of the row, so the history knows when the slip got its state.
    at = max(map(str, known)) if known and slip.state in _LAST_WORD else slip.updated_at
    yield TimelineEntry(at, "shipment", f"{name}: {slip.state}{f' ({detail})' if detail else ''}")


def _act(entry: AuditEntry) -> TimelineEntry:
    how = {"page": "the page", "api": "the Admin API"}[entry.actor.way]
    ended = f": {entry.outcome}" if entry.outcome else ""
    return TimelineEntry(entry.at, "person", f"{entry.action} through {how}{ended}")


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
    yield TimelineEntry(row.updated_at, "state", f"{str(row.state).replace('_', ' ')}{why}")
    if row.next_attempt_at:
        yield TimelineEntry(
            row.next_attempt_at, "next", "the next attempt or look-up, at the earliest"
        )
