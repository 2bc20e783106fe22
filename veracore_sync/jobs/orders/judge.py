"""What a look-up means for an order; pure (docs/invariants.md, "A doubt and how it ends")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.errors import Category, SyncError
from veracore_sync.ledger import AttemptRow, OrderRow, Sent, Trouble
from veracore_sync.model import RecordLine, WarehouseRecord
from veracore_sync.veracore.port import Absent, LookUp, LookUpFailed


@dataclass(frozen=True, slots=True)
class Adopt:
    """It is there and ours.

    `lines` is what VeraCore holds, as far as it tells; `outdated`: not what we sent last, but what
    an earlier attempt had sent.
    """

    lines: Sent
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something else is there under our id."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class CancelledThere:
    """It is there, ours, and cancelled."""

    message: str


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Absent, but not for long enough: look again at `at` (UTC)."""

    at: datetime
    first: bool


@dataclass(frozen=True, slots=True)
class Resend:
    """Absent for good, and no answer ever came: it may be sent again, with the same id."""


@dataclass(frozen=True, slots=True)
class WasRefused:
    """Absent for good, and VeraCore had answered: that answer was a refusal."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Unknown:
    """The look-up told nothing."""

    error: SyncError


Verdict = Adopt | Conflict | CancelledThere | LookAgain | Resend | WasRefused | Unknown


def judge_doubt(
    row: OrderRow,
    found: LookUp,
    attempts: Sequence[AttemptRow],
    *,
    now: datetime,
    grace: timedelta,
    waited: timedelta | None,
) -> Verdict:
    """What a look-up of an order in doubt means.

    Args:
        row: The order, in doubt.
        found: What the look-up said.
        attempts: All that we ever sent for it.
        now: When the look-up began (UTC).
        grace: Between two believed absences, and between the doubt and the last of them.
        waited: How long ago the first absence was at least; ``None`` where nobody knows.
    """
    if isinstance(found, LookUpFailed):
        return Unknown(found.error)
    if isinstance(found, Absent):
        return _judge_absence(row, now, grace, waited)
    return judge_record(row.code, found.record, [attempt.lines for attempt in attempts])


def judge_record(code: str, record: WarehouseRecord, sent: Sequence[Sent]) -> Verdict:
    """What a record found under our id means.

    Args:
        code: The order's code in the shop.
        record: What VeraCore holds.
        sent: The lines of each of our attempts; empty when this ledger never sent it.
    """
    if record.reference is not None and record.reference.strip() != code:
        return Conflict(
            Trouble(
                Category.CONFLICT,
                f"VeraCore holds another order under the id {record.id}: "
                f"its reference is {record.reference.strip()[:50]!r}",
            )
        )
    if record.status == "cancelled":
        return CancelledThere(f"the order {record.id} was cancelled at VeraCore")
    held = as_sent(record.lines or ())
    if record.lines is None or not sent:
        return Adopt(held)
    if not any(same_units(held, lines) for lines in sent):
        return Conflict(
            Trouble(
                Category.CONFLICT,
                f"VeraCore holds other content under the id {record.id}: "
                + _difference(held, sent[-1]),
            )
        )
    return Adopt(held, outdated=not same_units(held, sent[-1]))


def as_sent(lines: Iterable[RecordLine]) -> Sent:
    """The warehouse's lines in the form that attempts are kept in."""
    return tuple((line.sku, line.quantity) for line in lines)


def _judge_absence(
    row: OrderRow, now: datetime, grace: timedelta, waited: timedelta | None
) -> Verdict:
    message = row.error_message or "no answer"
    if row.cause == "duplicate":
        return Conflict(
            Trouble(
                Category.CONFLICT,
                f"VeraCore refuses the id {row.veracore_id} as used ({message}), "
                "but a look-up does not find it",
            )
        )
    if row.absent_at is None or row.doubt_since is None or waited is None:
        # Also after a reboot: how long it took, only the wall clock says, and that may be wrong.
        return LookAgain(now + grace, first=True)
    if waited < grace:
        return LookAgain(now + grace - waited, first=False)
    if row.cause == "answer":
        return WasRefused(Trouble(Category.VALIDATION, f"VeraCore did not take it: {message}"))
    return Resend()


def _totals(lines: Sent) -> Counter[str]:
    totals: Counter[str] = Counter()
    for sku, units in lines:
        totals[sku.strip().casefold()] += units
    return totals


def same_units(held: Sent, sent: Sent) -> bool:
    """Whether two sets of lines hold the same units of each SKU."""
    return _totals(held) == _totals(sent)


def _difference(held: Sent, sent: Sent) -> str:
    theirs, ours = _totals(held), _totals(sent)
    names = {sku.strip().casefold(): sku.strip() for sku, _ in (*held, *sent)}
    parts = [
        f"{names[key]} {theirs[key]} there, {ours[key]} sent"
        for key in sorted(theirs.keys() | ours.keys())
        if theirs[key] != ours[key]
    ]
    return "; ".join(parts[:10])
