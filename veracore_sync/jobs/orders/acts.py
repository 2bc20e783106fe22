"""What a person may do about an order, given what look-ups show; pure.

One decision for every act (``retry``, ``resolve --adopt``, ``--new-id``, ``--skip``), because each
of them, done on a guess, ships an order twice or not at all. The table is in docs/invariants.md,
"What a person may do about an order".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from veracore_sync.clock import to_text
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import NeedsPerson, SyncError
from veracore_sync.domain.order_records import AttemptRow, OrderRow, open_attempts
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import HANDED_OVER, AttemptOutcome, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.orders.interpret_lookup import (
    AdoptOrder,
    CancelledThere,
    Conflict,
    another_order,
    interpret_record,
    is_ours,
    not_proven,
)
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed

_MAY_BE_THERE = (OrderState.SENDING, OrderState.IN_DOUBT, OrderState.CONFLICT, OrderState.CANCELLED)
_RETRIED = (OrderState.FAILED, OrderState.PARKED)


class Act(StrEnum):
    """What ``resolve`` was asked to do."""

    ADOPT = "--adopt"
    NEW_ID = "--new-id"
    SKIP = "--skip"


# ---- retry ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requeue:
    """Back into the queue: no attempt can have reached VeraCore."""


@dataclass(frozen=True, slots=True)
class LookUpNow:
    """A look-up decides what follows.

    `doubt_of` is the id of an attempt whose outcome is unknown, if the order is not in doubt yet.
    """

    doubt_of: str | None = None


@dataclass(frozen=True, slots=True)
class NotRetried:
    """The order stays as it is; `reason` says why."""

    reason: str


Retry = Requeue | LookUpNow | NotRetried


def decide_retry(row: OrderRow, attempts: Sequence[AttemptRow]) -> Retry:
    """What ``retry`` does with an order.

    Args:
        attempts: All that were ever made to send it.
    """
    if row.state in (OrderState.IN_DOUBT, OrderState.SENDING):
        return LookUpNow()
    # A failed or parked order may have an older attempt whose answer never came: sending it again
    # without a look-up could ship it twice.
    if row.state in _RETRIED:
        unknown = open_attempts(row, attempts)
        return LookUpNow(unknown[-1].veracore_id) if unknown else Requeue()
    history = command("stats --order CODE", CODE=row.code)
    if row.state == OrderState.CONFLICT:
        return NotRetried(
            f"it is in conflict: {history} says with what; then "
            f"{command('resolve CODE --adopt', CODE=row.code)}, `--new-id` or `--skip`"
        )
    if row.state == OrderState.CANCELLED:
        return NotRetried(
            "it was cancelled at VeraCore: "
            f"{command('resolve CODE --new-id', CODE=row.code)} sends it again"
        )
    if row.state in HANDED_OVER:
        return NotRetried(
            f"it is {STATE_LABELS[row.state]}: sending it again would ship it twice; "
            f"{history} shows what VeraCore has, and whether it is being cancelled"
        )
    if row.state == OrderState.SKIPPED:
        return NotRetried(f"it is {STATE_LABELS[row.state]}: {history} says why")
    return NotRetried(f"it is {STATE_LABELS[row.state]}: the next sync-orders processes it")


# ---- resolve: what look-ups show -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ours:
    """VeraCore has this order under that id and will ship it.

    `record` is what the look-up returned; `differs` says how it differs from what was sent.
    """

    id: str
    record: WarehouseRecord
    differs: str = ""

    @property
    def may_be_cancelled(self) -> bool:
        """Whether nothing shows that VeraCore will ship any of it."""
        return self.record.may_be_cancelled


@dataclass(frozen=True, slots=True)
class Cancelled:
    """VeraCore has this order under that id, cancelled: it will not ship."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """VeraCore has another order under that id; `message` says what differs."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Gone:
    """VeraCore has no order under that id, and none of our requests can still arrive."""

    id: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """Absent now, but our request may still arrive; `first`: never seen absent before."""

    id: str
    again_at: datetime
    first: bool


@dataclass(frozen=True, slots=True)
class Unseen:
    """The look-up gave no usable answer."""

    id: str
    error: SyncError


Sight = Ours | Cancelled | Foreign | Gone | NotYet | Unseen

ENDED_AS = {
    Cancelled: AttemptOutcome.CANCELLED,
    Foreign: AttemptOutcome.CONFLICT,
    Gone: AttemptOutcome.ABSENT,
}
"""The outcome of our open attempts under an id, by what the look-up of that id showed."""


def sent_ids(row: OrderRow, attempts: Sequence[AttemptRow]) -> tuple[str, ...]:
    """Every id that the order has or was ever sent under; the current one first."""
    return _distinct([row.veracore_id, *(one.veracore_id for one in reversed(attempts))])


def open_ids(row: OrderRow, attempts: Sequence[AttemptRow]) -> tuple[str, ...]:
    """The ids under which VeraCore may have the order: no attempt's outcome rules them out."""
    present = row.veracore_id if row.state in _MAY_BE_THERE else None
    unknown = {one.attempt for one in open_attempts(row, attempts)}
    sent = [
        one.veracore_id
        for one in reversed(attempts)
        if one.attempt in unknown or one.outcome == AttemptOutcome.ACCEPTED
    ]
    return _distinct([present, *sent])


def see(
    veracore_id: str,
    found: LookUp,
    row: OrderRow,
    attempts: Sequence[AttemptRow],
    *,
    now: datetime,
    grace: timedelta,
    waited: timedelta | None,
) -> Sight:
    """What one look-up shows of an order.

    Args:
        veracore_id: The id that was looked up.
        found: The answer; an absence only from credentials that have found an order.
        attempts: All that were ever made to send it.
        now: When the look-up began (UTC).
        grace: How far apart two absences must be.
        waited: How long ago the first absence was at least; ``None`` if that is unknown.
    """
    if isinstance(found, LookUpFailed):
        return Unseen(veracore_id, found.error)
    if isinstance(found, Absent):
        open_now = {one.casefold() for one in open_ids(row, attempts)}
        is_open = veracore_id.casefold() in open_now
        again = not_proven(row, now, grace, waited) if is_open else None
        return NotYet(veracore_id, again.at, again.first) if again else Gone(veracore_id)
    record, sent = found.record, [one.lines for one in attempts]
    if not is_ours(row.reference, record, sent):
        return Foreign(veracore_id, another_order(row.reference, record, sent).trouble.message)
    verdict = interpret_record(row.reference, replace(record, reference=row.reference), sent)
    if isinstance(verdict, CancelledThere):
        return Cancelled(veracore_id, verdict.message)
    differs = verdict.trouble.message if isinstance(verdict, Conflict) else ""
    if isinstance(verdict, AdoptOrder) and verdict.outdated:
        differs = verdict.outdated_words
    return Ours(veracore_id, record, differs)


def _distinct(ids: Iterable[str | None]) -> tuple[str, ...]:
    """Without repetitions; VeraCore compares ids without case (docs/wire.md 3.4)."""
    found: dict[str, str] = {}
    for one in ids:
        if one:
            found.setdefault(one.casefold(), one)
    return tuple(found.values())


# ---- resolve: what may be done -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proceed:
    """The act may be carried out."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Accept the record that was found as this order."""

    seen: Ours


@dataclass(frozen=True, slots=True)
class RecordCancelled:
    """The order to adopt is cancelled at VeraCore."""

    seen: Cancelled


@dataclass(frozen=True, slots=True)
class Refuse:
    """The act is refused.

    `remember`: a first absence, which counts for the next look-up. `hold`: why nothing may be sent
    until a person decides, if another send would be a second order.
    """

    error: SyncError
    remember: NotYet | None = None
    hold: str | None = None


Decision = Proceed | TakeOver | RecordCancelled | Refuse


def decide(act: Act, code: str, sights: Sequence[Sight], named: Sight | None = None) -> Decision:
    """Whether an act may be carried out, given what the look-ups showed.

    Args:
        sights: One for each id under which VeraCore may have the order; with ``--adopt`` without
            the id to adopt.
        named: With ``--adopt``, what was seen under that id.
    """
    # The order of these checks is the rule: an order that will ship forbids everything else, and
    # an answer that is missing or too early counts as "it may be there".
    for one in sights:
        if isinstance(one, Ours):
            return Refuse(_there(act, code, one, named))
    hold = _hold(named) if isinstance(named, Ours) else None
    everything = [*sights, named] if named is not None else list(sights)
    for one in everything:
        if isinstance(one, Unseen):
            return Refuse(one.error, hold=hold)
    for one in everything:
        if isinstance(one, NotYet):
            error = _wait(act, code, one, named.id if hold and named else None)
            return Refuse(error, one if one.first else None, hold)
    if named is None:
        return Proceed()
    if isinstance(named, Ours):
        return Refuse(_unclear(code, named)) if named.may_be_cancelled else TakeOver(named)
    if isinstance(named, Cancelled):
        return RecordCancelled(named)
    if isinstance(named, Foreign):
        return Refuse(
            NeedsPerson(
                f"{named.message}, and not {code}; nothing was changed",
                hint=f"if it is this order after all, set its reference number to {code} at "
                "VeraCore, then repeat this command",
            )
        )
    return Refuse(
        NeedsPerson(
            f"VeraCore has no order {named.id}; nothing was changed",
            hint="check the id at VeraCore, or send it with "
            f"{command('resolve CODE --new-id', CODE=code)}",
        )
    )


def _hold(named: Ours) -> str:
    return (
        f"VeraCore has it as {named.id}, and an earlier attempt under another id may still arrive "
        f"there: repeat `--adopt {named.id}` once that is known"
    )


def _unclear(code: str, named: Ours) -> NeedsPerson:
    return NeedsPerson(
        f"VeraCore shows the order {named.id} as cancelled, and nothing of it as left to ship; "
        "nothing was changed",
        hint="look at it at VeraCore: cancel all of it there, then "
        f"{command('resolve CODE --adopt ID', CODE=code, ID=named.id)} records that",
    )


def _there(act: Act, code: str, seen: Ours, named: Sight | None) -> NeedsPerson:
    adopt = command("resolve CODE --adopt ID", CODE=code, ID=seen.id)
    if act is Act.SKIP:
        return NeedsPerson(
            f"VeraCore has {code} as {seen.id} and will ship it; nothing was changed",
            hint=f"{adopt}; if it must not ship, cancel it at VeraCore, then repeat this command",
        )
    if act is Act.NEW_ID:
        return NeedsPerson(
            f"VeraCore has {code} as {seen.id}: a new id would ship it twice; nothing was changed",
            hint=f"{adopt}, or cancel that one at VeraCore, then repeat this command",
        )
    other = f" and as {named.id}" if named is not None else ""
    return NeedsPerson(
        f"VeraCore has {code} as {seen.id}{other}; nothing was changed",
        hint=f"{adopt}, or cancel that one at VeraCore, then repeat this command",
    )


def _wait(act: Act, code: str, seen: NotYet, held_for: str | None) -> NeedsPerson:
    """`held_for`: the id to adopt; the order is not sent until a person decides."""
    meanwhile = "only this absence was recorded"
    settled = "`veracore-sync sync-orders` also looks it up"
    if held_for is not None:
        meanwhile, settled = "the order is in conflict", "it is not sent meanwhile"
    elif act is Act.SKIP:
        settled = "if it is cancelled in the shop, it is not sent meanwhile"
    named = " ID" if act is Act.ADOPT else ""
    again = command(f"resolve CODE {act}{named}", CODE=code, ID=held_for or seen.id)
    return NeedsPerson(
        f"VeraCore has no order {seen.id}, but the request may still arrive there; {meanwhile}",
        hint=f"repeat this after {to_text(seen.again_at)}: {again}; {settled}",
    )
