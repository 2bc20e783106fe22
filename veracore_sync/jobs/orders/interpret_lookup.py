"""What a look-up means for an order; pure (docs/invariants.md, "A doubt and how it ends")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.domain.errors import Category, SyncError
from veracore_sync.domain.held_orders import same_units, totals
from veracore_sync.domain.order_records import AttemptRow, Failure, OrderRow, SentLines
from veracore_sync.domain.states import OrderCause
from veracore_sync.domain.warehouse import RecordLine, WarehouseRecord
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed

SHORTEST_CUT = 20
"""A shorter reference is never taken as the beginning of a longer one."""


@dataclass(frozen=True, slots=True)
class AdoptOrder:
    """The record is this order.

    `record` is what the look-up returned; `outdated`: its content is not that of the last attempt,
    but of an earlier one; `differs` says in what.
    """

    record: WarehouseRecord
    outdated: bool = False
    differs: str = ""

    @property
    def outdated_words(self) -> str:
        """The alert's sentence about an adoption that is `outdated`."""
        what = f" ({self.differs})" if self.differs else ""
        return (
            "VeraCore accepted an earlier attempt, from before the order was changed in the "
            f"shop{what}: change it there too"
        )

    @property
    def lines(self) -> SentLines:
        """The lines of the record; none if the dialect does not show them."""
        return as_sent(self.record.lines or ())


@dataclass(frozen=True, slots=True)
class Conflict:
    """VeraCore has something else under our id."""

    trouble: Failure


@dataclass(frozen=True, slots=True)
class CancelledThere:
    """The record is this order, cancelled."""

    message: str


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Absent, but not for long enough: look again at `at` (UTC)."""

    at: datetime
    first: bool


@dataclass(frozen=True, slots=True)
class Resend:
    """Proven absent, and the answer was lost: send it again, with the same id."""


@dataclass(frozen=True, slots=True)
class WasRefused:
    """Proven absent, and VeraCore had answered: that answer was a refusal."""

    trouble: Failure


@dataclass(frozen=True, slots=True)
class Unknown:
    """The look-up gave no usable answer."""

    error: SyncError


Verdict = AdoptOrder | Conflict | CancelledThere | LookAgain | Resend | WasRefused | Unknown


def found_words(verdict: Verdict) -> str:
    """What a look-up found at VeraCore, and what follows, for a person."""
    if isinstance(verdict, AdoptOrder):
        newer = ", as it was before it was changed in the shop" if verdict.outdated else ""
        return f"VeraCore has it as {verdict.record.id}{newer}: it is not sent again"
    if isinstance(verdict, Conflict):
        return verdict.trouble.message
    if isinstance(verdict, CancelledThere):
        return verdict.message
    if isinstance(verdict, LookAgain):
        return (
            "VeraCore does not have it so far, and the request may still arrive: looked up again "
            f"after {verdict.at:%Y-%m-%d %H:%M} UTC"
        )
    if isinstance(verdict, Resend):
        return "VeraCore does not have it, and the request can no longer arrive: it is sent again"
    if isinstance(verdict, WasRefused):
        return f"VeraCore does not have it: {verdict.trouble.message}"
    return f"VeraCore gave no usable answer about it: {verdict.error.message}"


def interpret_doubt(
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
        attempts: All that were ever made to send the order.
        now: When the look-up began (UTC).
        grace: How far apart two absences must be, and the doubt and the last of them.
        waited: How long ago the first absence was at least; ``None`` if that is unknown.
    """
    if isinstance(found, LookUpFailed):
        return Unknown(found.error)
    if isinstance(found, Absent):
        return _interpret_absence(row, now, grace, waited)
    return interpret_record(row.reference, found.record, [attempt.lines for attempt in attempts])


def interpret_record(
    code: str,
    record: WarehouseRecord,
    sent: Sequence[SentLines],
    would_send: SentLines | None = None,
) -> Verdict:
    """What a record found under our id means.

    Args:
        code: The order's code in the shop.
        sent: The lines of each of our attempts; empty if this ledger never sent it.
        would_send: The lines that would be sent now. They decide whose order it is if the reference
            does not; where it does, other units are no conflict.
    """
    units = [*sent, would_send] if would_send is not None else sent
    if not is_ours(code, record, units):
        return another_order(code, record, units)
    if record.status == "cancelled":
        return CancelledThere(f"the order {record.id} was cancelled at VeraCore")
    held = as_sent(record.lines or ())
    # `rest` shows existence alone, and a lost ledger no longer knows what it sent: with nothing to
    # compare, the reference decides (docs/wire.md 8).
    if record.lines is None or not sent:
        return AdoptOrder(record)
    if not any(same_units(held, lines) for lines in sent):
        return Conflict(
            Failure(
                Category.CONFLICT,
                f"VeraCore has other content under the id {record.id}: "
                + difference(held, sent[-1]),
            )
        )
    if same_units(held, sent[-1]):
        return AdoptOrder(record)
    return AdoptOrder(record, outdated=True, differs=difference(held, sent[-1]))


def another_order(code: str, record: WarehouseRecord, units: Sequence[SentLines] = ()) -> Conflict:
    """The verdict on a record that is not this order.

    Args:
        code: The order's code in the shop.
        units: What its lines were compared with, the newest last.
    """
    reference = (record.reference or "").strip()
    words = f"VeraCore has another order under the id {record.id}: its reference is "
    words += repr(reference[:50])
    if may_stand_for(reference, code) and units:
        words += f", and its units differ: {difference(as_sent(record.lines or ()), units[-1])}"
    return Conflict(Failure(Category.CONFLICT, words))


def not_proven(
    row: OrderRow, now: datetime, grace: timedelta, waited: timedelta | None
) -> LookAgain | None:
    """When to look up an absent order again; ``None``: the absence is proven.

    Args:
        row: The order; a new doubt clears its first absence.
        now: When the look-up began (UTC).
        grace: How far apart two absences must be.
        waited: How long ago the first absence was at least; ``None`` if that is unknown.
    """
    # One absence proves nothing: a request that was lost may still be on its way, and an order
    # that was accepted may not be visible yet.
    if row.absent_at is None or waited is None:
        # Also after a reboot: only the wall clock spans it, and a clock that was set must not
        # shorten the grace.
        return LookAgain(now + grace, first=True)
    return LookAgain(now + grace - waited, first=False) if waited < grace else None


def is_ours(code: str, record: WarehouseRecord, sent: Sequence[SentLines]) -> bool:
    """Whether a record is this order: by its reference, or by a remnant of it and our units.

    The one rule for every caller that may adopt an order, or send it because another one has its
    id. A dialect without references (``None``) shows that the id exists, and nothing else.

    Args:
        code: The order's code in the shop.
        sent: The lines of each of our attempts, or those that would be sent now.
    """
    if record.reference is None or record.reference.strip() == code:
        return True
    if not may_stand_for(record.reference, code) or not record.lines:
        return False
    held = as_sent(record.lines)
    return any(same_units(held, lines) for lines in sent)


def may_stand_for(reference: str, code: str) -> bool:
    """Whether a reference that is not the code may be what VeraCore kept of it.

    That is nothing (``ReferenceNo`` is optional), the code in another case, or its beginning, cut
    at 20 characters or more. It is never proof: our own code may begin with another order's.
    """
    # No source says at which length VeraCore cuts a reference (docs/wire.md 3.5). Below 20, the
    # shortest limit of any of its fields, it is the code of another order: 1001 beside 10012.
    known, whole = reference.strip().casefold(), code.strip().casefold()
    if not known or known == whole:
        return True
    return len(known) >= SHORTEST_CUT and whole.startswith(known)


def as_sent(lines: Iterable[RecordLine]) -> SentLines:
    """The warehouse's lines in the form in which attempts store them."""
    return tuple((line.sku, line.quantity) for line in lines)


def _interpret_absence(
    row: OrderRow, now: datetime, grace: timedelta, waited: timedelta | None
) -> Verdict:
    message = row.error_message or "no answer"
    if row.cause == OrderCause.DUPLICATE:
        return Conflict(
            Failure(
                Category.CONFLICT,
                f"VeraCore refuses the id {row.veracore_id} as already used ({message}), "
                "but a look-up does not find it",
            )
        )
    again = not_proven(row, now, grace, waited)
    if again is not None:
        return again
    if row.cause == OrderCause.ANSWER:
        # Sending the same order again would get the same answer.
        return WasRefused(Failure(Category.VALIDATION, f"VeraCore did not accept it: {message}"))
    return Resend()


def difference(held: SentLines, sent: SentLines, ours_are: str = "sent") -> str:
    """The SKUs whose units differ, with what VeraCore holds and what is ours."""
    theirs, ours = totals(held), totals(sent)
    names = {sku.strip().casefold(): sku.strip() for sku, _ in (*held, *sent)}
    parts = [
        f"{names[key]} {theirs[key]} there, {ours[key]} {ours_are}"
        for key in sorted(theirs.keys() | ours.keys())
        if theirs[key] != ours[key]
    ]
    return "; ".join(parts[:10])
