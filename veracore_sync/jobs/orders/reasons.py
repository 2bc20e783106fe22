"""Why an order is where it is, and what can be done: the one place where each gets its reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.clock import from_text
from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.states import HANDED_OVER, CancelState, OrderCause, OrderState
from veracore_sync.jobs.orders.changes import UNPAID_STATES
from veracore_sync.jobs.orders.plan import (
    WAITING_STATES,
    Action,
    HoldOrder,
    ParkOrder,
    SubmitOrder,
    elsewhere_reason,
    foreign_reason,
)
from veracore_sync.jobs.reasons import HERE, Why

_S, _C = OrderState, OrderCause
NOT_SENT, WAITING, UNPAID, SENT = "not sent", "waiting", "waiting for payment", "sent"

_AT_VERACORE = f"`veracore-sync stats --order {HERE}` shows its history"
_EARLY = (
    "to send them, set orders.not_before to an earlier time; `veracore-sync config show` shows "
    "what it is and where it is set"
)
_AT_ONCE = f"at once: `veracore-sync sync-orders --order {HERE}`"
_OURS = f"once the order or the setting is corrected, the next run sends it; {_AT_ONCE}"
_REFUSED = f"once that is corrected, it is sent by itself; {_AT_ONCE}"
_EXHAUSTED = f"once the cause is gone: `veracore-sync retry {HERE}`"
_DOUBT = (
    "nothing to do: every run looks it up, and sends it only if VeraCore does not have it; "
    f"at once: `veracore-sync retry {HERE}`"
)
_CONFLICT = (
    f"`veracore-sync stats --order {HERE}` shows both sides; then `veracore-sync resolve {HERE} "
    f"--adopt`, `veracore-sync resolve {HERE} --new-id` or `veracore-sync resolve {HERE} --skip`"
)
_CANCELLED = f"to send it again: `veracore-sync resolve {HERE} --new-id`"
_CHANNEL = (
    "if no other configuration has sent it: name its channel in orders.channels (unless it was "
    f"deleted), then `veracore-sync sync-orders --order {HERE}`"
)
_TYPE = "to send orders of that type, name it in orders.order_types"
_LATER = "nothing to do: it is sent once the shop shows it in such a state"
UNREAD = "every run tries again; `veracore-sync doctor` checks the shop"


@dataclass(frozen=True, slots=True)
class ReasonRules:
    """What of the run and its settings a reason depends on.

    Args:
        triggers: The states of the shop in which orders are sent.
        types: The types that are sent.
        not_before: Orders placed before this time (UTC) are never sent.
        now: The time (UTC).
        rest: Why the run did not come to the orders that are still due: it ended, say.
    """

    triggers: Collection[str]
    types: Collection[str]
    not_before: datetime
    now: datetime
    rest: str = ""

    def of(self, row: OrderRow | None, stub: OrderStub | None = None) -> Why:
        """Where an order stands.

        Args:
            row: The order in the ledger, if it is there.
            stub: The order as the shop lists it, if it was listed.
        """
        if row is None:
            return self._in_the_shop(stub) or self._due("")
        message = row.error_message or ""
        if row.state in HANDED_OVER:
            return Why(_at_veracore(row), "", _AT_VERACORE)
        if row.state is _S.SKIPPED:
            return self._skipped(row, stub)
        if row.state is _S.CONFLICT:
            return Why("in conflict", message or "a person decides", _CONFLICT)
        if row.state is _S.CANCELLED:
            return Why("cancelled at VeraCore", message, _CANCELLED)
        if row.state is _S.IN_DOUBT:
            return Why("in doubt", message or "no answer came", _DOUBT, self._due_at(row))
        if row.state is _S.SENDING:
            reason = "a run is sending it, or ended while it did"
            return Why("in doubt", reason, "nothing to do: the next run looks it up")
        if row.state is _S.PARKED:
            return self._parked(row, message)
        return self._queued(row, stub, message)

    def _parked(self, row: OrderRow, message: str) -> Why:
        reason = message or "it needs a person"
        if row.cause is _C.REFUSED:
            return Why("parked", reason, _REFUSED, self._due_at(row))
        return Why("parked", reason, _EXHAUSTED if row.cause is _C.EXHAUSTED else _OURS)

    def _queued(self, row: OrderRow, stub: OrderStub | None, message: str) -> Why:
        shop = self._in_the_shop(stub) if stub is not None else None
        if shop is not None:
            return shop
        if row.cause is _C.WAITING:
            return Why(WAITING, message, _LATER)
        due_at = self._due_at(row)
        if row.state is _S.FAILED:
            return Why("failed", message or "it failed", "tried again by itself", due_at)
        if due_at is not None and not message:
            return Why(WAITING, "its time has not come (orders.min_age_minutes)", "", due_at)
        return self._due(message, due_at)

    def _due(self, message: str, at: datetime | None = None) -> Why:
        reason = message or self.rest or "its turn has not come"
        return Why(WAITING, reason, "nothing to do: the next run sends it", at)

    def _due_at(self, row: OrderRow) -> datetime | None:
        at = from_text(row.next_attempt_at) if row.next_attempt_at else None
        return at if at is not None and at > self.now else None

    def _skipped(self, row: OrderRow, stub: OrderStub | None) -> Why:
        if row.cause is _C.EARLY:
            return self.early()
        if row.cause is _C.CHANNEL:
            return Why(NOT_SENT, row.error_message or "sold in another channel", _CHANNEL)
        if row.cause is _C.TYPE:
            return Why(NOT_SENT, row.error_message or "a type that is not sent", _TYPE)
        if row.cause is _C.RESOLVED:
            return Why(NOT_SENT, row.error_message or "a person decided so", _CANCELLED)
        if row.cause is _C.STATE and stub is not None and stub.state not in self.triggers:
            return self._in_the_shop(stub) or Why(NOT_SENT, row.error_message or "")
        return Why(NOT_SENT, row.error_message or "a setting excludes it")

    def early(self) -> Why:
        """Placed before ``orders.not_before``."""
        day = f"{self.not_before:%Y-%m-%d %H:%M} UTC"
        return Why(NOT_SENT, f"placed before orders.not_before, {day}", _EARLY)

    def _in_the_shop(self, stub: OrderStub | None) -> Why | None:
        """What the shop's side alone decides; ``None``: nothing speaks against sending it."""
        if stub is None:
            return None
        if stub.state not in self.triggers:
            is_waiting = stub.state in WAITING_STATES
            reason = (
                f"it is {stub.state} in the shop; orders are sent when they are "
                f"{' or '.join(self.triggers)} (orders.trigger_states)"
            )
            if not is_waiting:
                return Why(NOT_SENT, reason)
            return Why(UNPAID if stub.state in UNPAID_STATES else WAITING, reason, _LATER)
        if stub.type not in self.types:
            return Why(NOT_SENT, foreign_reason(stub.type), _TYPE)
        if stub.placed_at is not None and stub.placed_at < self.not_before:
            return self.early()
        return None


def elsewhere(stub: OrderStub) -> Why:
    """Sold in channels whose orders are not sent here."""
    return Why(NOT_SENT, elsewhere_reason(stub.channels), _CHANNEL)


def being_cancelled(row: CancellationRow) -> Why:
    """VeraCore was asked to cancel it, or will be, and look-ups have not confirmed it yet."""
    if row.seen_at is not None:
        reason = "a look-up shows it as cancelled; a second one confirms that"
    elif row.state is CancelState.WANTED:
        reason = row.message or "VeraCore has not been asked yet"
    else:
        reason = row.message or "VeraCore was asked; look-ups show whether it did"
    at = from_text(row.next_attempt_at) if row.next_attempt_at else None
    todo = "nothing to do: the runs of sync-orders look it up"
    return Why("being cancelled at VeraCore", reason, todo, at)


def planned(action: Action, row: OrderRow | None) -> Why:
    """What a run that may write would do about an order; `row`: as it is now."""
    if isinstance(action, SubmitOrder):
        first = (
            "looked up at VeraCore first, sent if it is not there" if action.look_up_first else ""
        )
        return Why("would be sent", first, f"`veracore-sync sync-orders --order {HERE}` sends it")
    if isinstance(action, ParkOrder):
        is_parked = row is not None and row.state is _S.PARKED
        return Why(f"would {'stay' if is_parked else 'be'} parked", action.trouble.message, _OURS)
    if isinstance(action, HoldOrder):
        return Why("would wait", action.reason, _LATER)
    is_skipped = row is not None and row.state is _S.SKIPPED
    return Why(NOT_SENT if is_skipped else "would not be sent", action.reason)


def _at_veracore(row: OrderRow) -> str:
    verb = "shipped" if row.state is _S.SHIPPED else "at VeraCore"
    return f"{verb}, as {row.veracore_id}" if row.veracore_id != row.code else verb
