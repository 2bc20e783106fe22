"""What a look-up of an order that is to be cancelled means; pure.

Only look-ups decide: what VeraCore answers to the request is not known (docs/wire.md 3.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.backoff import Backoff
from veracore_sync.domain.cancellations import (
    CancellationRow,
    is_cancelled_wholly,
    left_slips,
    open_slips,
)
from veracore_sync.domain.failures import AN_ANSWER_OF_ITS_OWN
from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.states import CANCELLING
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.orders.interpret_lookup import is_ours
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed
from veracore_sync.waits import CANCELLATION

MAX_ASKED = 4
"""So many requests are made at most until a person asks again; each pause is twice the last."""
MAX_LOOKS = 30
"""So many look-ups with an open pick slip are made before that is reported: a day or two."""


@dataclass(frozen=True, slots=True)
class Ask:
    """It is still open: ask VeraCore."""


@dataclass(frozen=True, slots=True)
class LookLater:
    """Nothing is decided: look again at `at`.

    `message` is what to remember; `is_open`: it is not cancelled, so an earlier sighting of a
    cancellation does not count.
    """

    at: datetime
    message: str | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class SeenOnce:
    """It is cancelled; a second look-up at `at` confirms that."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Two look-ups, the grace apart, showed it cancelled."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """Goods have left."""

    message: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """VeraCore does not cancel it, or asking makes no sense: a person decides."""

    message: str


Decision = Ask | LookLater | SeenOnce | Confirmed | TooLate | GiveUp


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long to wait between look-ups.

    Args:
        now: When the look-up began (UTC).
        grace: How far apart two sightings must be.
    """

    now: datetime
    grace: timedelta

    def after(self, count: int) -> datetime:
        """When to look next, after `count` requests or look-ups without news."""
        longest = max(self.grace, CANCELLATION)
        return self.now + Backoff(self.grace, longest).wait(max(1, count))


def sighting(
    row: CancellationRow, pauses: Pauses, waited: timedelta | None
) -> SeenOnce | Confirmed | LookLater:
    """What follows from a look-up that shows the order wholly cancelled; see `decide`."""
    # After a reboot only the wall clock spans the time, and that may have been set.
    if row.seen_at is None or waited is None:
        return SeenOnce(pauses.now + pauses.grace)
    if waited < pauses.grace:
        return LookLater(pauses.now + pauses.grace - waited)
    return Confirmed()


def decide(
    row: CancellationRow,
    reference: str,
    found: LookUp,
    sent: Sequence[SentLines],
    pauses: Pauses,
    waited: timedelta | None,
    *,
    may_ask: bool,
) -> Decision:
    """What follows from a look-up.

    Args:
        row: The cancellation.
        reference: The code that VeraCore has as the order's reference.
        found: What the look-up returned.
        sent: The lines of each attempt to send the order.
        pauses: The time and the grace.
        waited: How long ago the first sighting of the cancellation was; ``None`` if unknown.
        may_ask: Whether VeraCore may be asked now.
    """
    if isinstance(found, LookUpFailed):
        message = (
            "VeraCore gives no usable answer about it, so nothing shows whether it is cancelled"
        )
        is_of_it = row.state in CANCELLING and found.error in AN_ANSWER_OF_ITS_OWN
        # One such answer among others says less than they do.
        if is_of_it and row.message == message and row.looks >= MAX_ASKED:
            return GiveUp(f"{message}: cancel it there by hand, or it ships")
        return LookLater(pauses.after(row.looks + 1), message if is_of_it else None)
    if isinstance(found, Absent):
        # Not a cancellation: VeraCore keeps cancelled orders. Tracking reports a missing order.
        message = "VeraCore does not find the order"
        return LookLater(pauses.after(row.looks + 1), message, is_open=True)
    record = found.record
    if not is_ours(reference, record, sent):
        return GiveUp(
            f"VeraCore has another order under the id {row.veracore_id}, so it is not asked to "
            "cancel it: compare both sides"
        )
    if is_cancelled_wholly(record):
        return sighting(row, pauses, waited)
    late = _too_late(record)
    if late is not None:
        return TooLate(late)
    return _still_open(row, record, pauses, may_ask=may_ask)


def _too_late(record: WarehouseRecord) -> str | None:
    """What to tell if goods have left; ``None``: none have."""
    gone = left_slips(record)
    slips = f" (slip {', '.join(gone)})" if gone else ""
    is_over = record.is_complete or record.status in ("complete", "cancelled")
    if gone and not is_over:
        return (
            f"VeraCore has shipped a part of it{slips}: cancel the rest at VeraCore by hand, "
            "or it ships too"
        )
    if gone or record.status in ("shipped", "complete"):
        return f"it is too late to cancel it: VeraCore has shipped it{slips}"
    return None


def _still_open(
    row: CancellationRow, record: WarehouseRecord, pauses: Pauses, *, may_ask: bool
) -> Decision:
    if record.status == "cancelled":
        slips = ", ".join(open_slips(record))
        message = f"VeraCore shows it as cancelled, but pick slip {slips} is still open there"
        if row.looks >= MAX_LOOKS:
            return GiveUp(f"{message} and may ship: ask VeraCore")
        return LookLater(pauses.after(row.looks + 1), message, is_open=True)
    if row.state not in CANCELLING or not may_ask:
        return LookLater(pauses.after(max(row.asked, row.looks + 1)), is_open=True)
    if row.asked >= MAX_ASKED:
        said = f" (its last answer: {row.message})" if row.message else ""
        return GiveUp(
            f"VeraCore was asked {row.asked} times to cancel it and does not{said}: cancel it "
            "there by hand, or it ships"
        )
    return Ask()
