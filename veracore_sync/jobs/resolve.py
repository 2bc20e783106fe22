"""``resolve``: a person decides about one order, and look-ups decide what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from veracore_sync.clock import elapsed, from_text
from veracore_sync.domain.advice import ACCEPT, command
from veracore_sync.domain.errors import Category, NeedsPerson, ProtocolError, UsageError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import AttemptRow, Failure, OrderRow, SentLines
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import CANCELLING, HANDED_OVER, Applied, OrderCause, OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.accept import accept
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.acts import (
    ENDED_AS,
    Act,
    Cancelled,
    Decision,
    Foreign,
    Gone,
    Ours,
    Proceed,
    RecordCancelled,
    Refuse,
    Sight,
    TakeOver,
    decide,
    open_ids,
    see,
    sent_ids,
)
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.ids import (
    MAX_ABSENT,
    is_derived,
    other_ids,
    renewed_ids,
    warehouse_id,
)
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.rebuild.slips import as_fulfilled, units_shown
from veracore_sync.jobs.unknown_order import order_to_act_on
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed

_NOT_BELIEVED = (
    "these credentials find no order at VeraCore, so 'absent' proves nothing; nothing was changed"
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was done with an order."""

    code: str
    sentence: str


@dataclass(slots=True)
class Resolver(RunPart[OrdersReport]):
    """Carries out a person's decision about an order. The caller holds the job lock.

    Each method first recovers what a killed run left in `sending`, reads the order again, and looks
    up every id under which VeraCore may have it.
    """

    doubts: DoubtResolver = field(init=False)

    def __post_init__(self) -> None:
        self.doubts = DoubtResolver(self.context)

    @property
    def id_prefix(self) -> str:
        """``orders.id_prefix``."""
        return self.settings.orders.id_prefix

    def adopt(self, name: str, veracore_id: str | None) -> Resolution:
        """Accept the order at VeraCore with that id (default: the order's own) as this order.

        If VeraCore has cancelled it, that is recorded instead.

        Raises:
            UsageError: The order is at VeraCore already, or the id belongs to another order.
            NeedsPerson: VeraCore has no such order, or another order under the id, or this order
                under a second id; or that is not known yet.
            UpstreamError: A look-up failed.
        """
        row, attempts = self._known_order(name)
        wanted = (veracore_id or row.veracore_id or "").strip()
        if not wanted:
            raise UsageError(
                f"{row.code} has no VeraCore id yet",
                hint=f"name it: {command('resolve CODE --adopt ID', CODE=row.code)}",
            )
        if self.ledger.orders.id_sent_for(wanted, row.code):
            raise UsageError(
                f"the id {wanted} belongs to another order of this ledger",
                hint=f"{_history(row)} shows the ids of this one",
            )
        if row.state in HANDED_OVER and not self._was_cancelled(row, attempts, wanted):
            raise _handed_over(row)
        others = [one for one in open_ids(row, attempts) if one.casefold() != wanted.casefold()]
        sights = self._see(others, row, attempts)
        (named,) = self._see([wanted], row, attempts)
        decision = decide(Act.ADOPT, row.code, sights, named)
        if isinstance(decision, TakeOver):
            # Once more: an order that was cancelled a moment ago must not pass as one that ships.
            (named,) = self._see([wanted], row, attempts)
            decision = decide(Act.ADOPT, row.code, sights, named)
        decision = self._decided(decision, row)
        if isinstance(decision, RecordCancelled):
            message = decision.seen.message
            with self.ledger.unit_of_work():
                self._end_attempts(row, sights)
                _must_apply(self.ledger.transitions.cancel(row.code, wanted, message), row)
            self.report.escalate(f"{row.code}: {message}; it is not adopted")
            return Resolution(row.code, "cancelled there")
        assert isinstance(decision, TakeOver)  # noqa: S101 - what else a named id leads to
        return self._take_over(row, decision.seen, sights)

    def _take_over(self, row: OrderRow, seen: Ours, sights: Iterable[Sight]) -> Resolution:
        units = self._units_shown(row, seen.record)
        with self.ledger.unit_of_work():
            self._end_attempts(row, sights)
            moved = self.ledger.transitions.adopt(
                row.code, seen.id, seen.record, wanted=units, counts_fulfilled=True
            )
            _must_apply(moved, row)
            if seen.differs:
                self.ledger.alerts.open(AlertKind.ORDER_DRIFT, seen.differs, code=row.code)
        if seen.differs:
            # Reported even if the alert is already open, because a person has just asked.
            self.report.escalate(f"{row.code}: {seen.differs}")
        return Resolution(row.code, f"adopted, VeraCore has it as {seen.id}")

    def _units_shown(self, row: OrderRow, record: WarehouseRecord) -> SentLines | None:
        """What VeraCore may have of an order that this ledger never sent, if it shows no lines."""
        if record.lines is not None or row.attempt:
            return None  # the shop need not be asked
        for order in self.shop.audit.named([row.reference]):
            if order.content.id == row.vendure_id:
                return units_shown(as_fulfilled(order), record, self.settings, self.clock.now())
        return None

    def new_id(self, name: str, not_ours: str | None = None) -> Resolution:
        """Send the order under a new id, if it cannot arrive under any earlier one.

        Args:
            name: The order.
            not_ours: An id at VeraCore of which the person says that it is another's.

        Raises:
            UsageError: The order is at VeraCore already, or was sent under that id.
            NeedsPerson: VeraCore has it under an earlier id, or that is not known yet.
            UpstreamError: A look-up failed.
        """
        row, attempts = self._open_order(name)
        used = sent_ids(row, attempts)
        if not used:
            # An earlier ledger, now lost, may have sent it.
            used = (self._derived_id(row),)
        _refuse_if_sent(not_ours, row, attempts)
        sights = self._see(used, row, attempts)
        self._decided(decide(Act.NEW_ID, row.code, sights), row)
        fresh = self._fresh_id(row, attempts, used, not_ours)
        with self.ledger.unit_of_work():
            self._end_attempts(row, sights)
            _must_apply(self.ledger.transitions.renew_id(row.code, fresh), row)
            # Sending it again is what the person wants now.
            self.ledger.cancellations.withdraw(row.code)
        when = "with the next sync-orders, unless the shop has cancelled it"
        return Resolution(row.code, f"goes out as {fresh} {when}")

    def _fresh_id(
        self,
        row: OrderRow,
        attempts: list[AttemptRow],
        used: tuple[str, ...],
        not_ours: str | None,
    ) -> str:
        """The first derived id that is free here and at VeraCore.

        Derived from code and count alone: a ledger that was lost finds again what it sent.

        Raises:
            NeedsPerson: VeraCore has the order under one of them, or no id is left.
        """
        ids = self._without_taken(renewed_ids(row.reference, self.id_prefix), row)
        # All of them: a lost ledger may have used any, and a second one would ship the order twice.
        # Those of earlier prefixes are none that it could get now.
        seen = {one.casefold() for one in (*ids, *used, *filter(None, [not_ours]))}
        earlier = [one for one in self._other_ids(row) if one.casefold() not in seen]
        sights = self._see(ids, row, attempts)
        decided = [*sights, *self._see(earlier, row, attempts)]
        self._decided(decide(Act.NEW_ID, row.code, decided), row)
        known = {one.casefold() for one in used}
        absent: list[str] = []
        for fresh, sight in zip(ids, sights, strict=True):
            if not isinstance(sight, Gone):
                absent = []
                continue
            if fresh.casefold() not in known:
                return fresh
            absent.append(fresh)
            if len(absent) == MAX_ABSENT:
                # One more unused id would keep a lost ledger from finding the order again. VeraCore
                # does not have this one, so the order may as well go out under it.
                return fresh
        raise NeedsPerson(
            f"{row.code} has had {len(ids)} other ids; nothing was changed",
            hint="find out at VeraCore why it accepts none of them",
        )

    def _derived_id(self, row: OrderRow) -> str:
        """The id that the order gets with its first intent."""
        is_taken = self.ledger.orders.id_sent_for
        return warehouse_id(row.code, self.id_prefix, lambda one: is_taken(one, row.code))

    def _other_ids(self, row: OrderRow) -> list[str]:
        """The ids under which a lost ledger may have sent the order, besides its own."""
        prefixes, own = self.settings.orders.id_prefixes, row.veracore_id or self._derived_id(row)
        is_taken = self.ledger.orders.id_sent_for
        ids = other_ids(row.reference, prefixes, own, lambda one: is_taken(one, row.code))
        return self._without_taken(ids, row)

    def _without_taken(self, ids: Iterable[str], row: OrderRow) -> list[str]:
        # Another order of the shop may have had the same code, and went out under one of them.
        return [one for one in ids if not self.ledger.orders.id_sent_for(one, row.code)]

    def skip(self, name: str, not_ours: str | None = None) -> Resolution:
        """Never send the order; makes no look-up if no attempt can have reached VeraCore.

        Args:
            name: The order.
            not_ours: As with `new_id`.

        Raises:
            UsageError: The order is at VeraCore already, or was sent under that id.
            NeedsPerson: VeraCore has it and will ship it, or that is not known yet.
            UpstreamError: A look-up failed.
        """
        row, attempts = self._open_order(name)
        _refuse_if_sent(not_ours, row, attempts)
        named, prefixes = (not_ours or "").casefold(), (self.id_prefix,)
        # As with a new id, nobody says so of an id that is this ledger's to give.
        ours = [
            one
            for one in self._skippable_ids(row, attempts)
            if one.casefold() != named or is_derived(one, row.reference, prefixes)
        ]
        sights = self._see(ours, row, attempts)
        self._decided(decide(Act.SKIP, row.code, sights), row)
        with self.ledger.unit_of_work():
            self._end_attempts(row, sights)
            why = "a person decided not to send it"
            _must_apply(self.ledger.transitions.skip(row.code, OrderCause.RESOLVED, why), row)
            self.ledger.cancellations.withdraw(row.code)
        return Resolution(row.code, "skipped for good")

    def accept(self, name: str, reason: str) -> Resolution:
        """Accept what the alerts of an order report, as it is; asks neither side.

        None of them is opened again for the same difference.

        Args:
            name: An order, or the kind of an alert that concerns no order.
            reason: The person's.

        Raises:
            UsageError: There is no reason, no such order, or nothing to accept.
        """
        with self.ledger.unit_of_work():
            ended = accept(self.ledger, name, reason)
            row = self.ledger.orders.find(name)
            if row is not None:
                self.ledger.comparisons.accept(row.code)
        kinds = ", ".join(dict.fromkeys(one.kind for one in ended)) or "what differs of it"
        return Resolution(row.code if row is not None else name, f"accepted: {kinds}")

    def _skippable_ids(self, row: OrderRow, attempts: list[AttemptRow]) -> tuple[str, ...]:
        """The ids under which VeraCore may have the order, including those of a lost ledger."""
        ids = open_ids(row, attempts)
        meta, placed_at = self.ledger.meta, from_text(row.placed_at or row.created_at)
        unknown_until = max(filter(None, (meta.live_for_certain, meta.unknown_until)))
        if row.looked_up or placed_at >= unknown_until:
            return ids
        own = row.veracore_id or self._derived_id(row)
        known = {one.casefold() for one in ids}
        more = (own, *self._other_ids(row))
        return (*ids, *(one for one in more if one.casefold() not in known))

    # ---- what all of them do ------------------------------------------------------------------

    def _was_cancelled(self, row: OrderRow, attempts: list[AttemptRow], wanted: str) -> bool:
        """Whether VeraCore has cancelled an order that it had accepted under that id."""
        if (
            row.state != OrderState.SYNCED
            or wanted.casefold() != (row.veracore_id or "").casefold()
        ):
            return False
        one = self.ledger.cancellations.get(row.code)
        if one and one.veracore_id == row.veracore_id and (one.state in CANCELLING or one.seen_at):
            # `sync-orders` confirms it. Ended here, the wish would outlive a new id of the order.
            return False
        (seen,) = self._see([wanted], row, attempts)
        return isinstance(seen, Cancelled)

    def _open_order(self, name: str) -> tuple[OrderRow, list[AttemptRow]]:
        row, attempts = self._known_order(name)
        if row.state in HANDED_OVER:
            raise _handed_over(row)
        if row.state == OrderState.SKIPPED and row.cause == OrderCause.CHANNEL:
            # Another configuration may have sent it, and here it is skipped anew.
            raise NeedsPerson(
                f"{row.code} was sold in another channel: the configuration that sends those "
                "decides about it; nothing was changed",
                hint="if that is this one by now (orders.channels), "
                f"{command('sync-orders --order CODE', CODE=row.code)} plans it again",
            )
        return row, attempts

    def _known_order(self, name: str) -> tuple[OrderRow, list[AttemptRow]]:
        # The caller holds the job lock, so an order in `sending` was left there by a killed run.
        self.ledger.transitions.recover()
        row = order_to_act_on(self.ledger.orders, name)
        return row, self.ledger.orders.attempts(row.code)

    def _see(self, ids: Iterable[str], row: OrderRow, attempts: list[AttemptRow]) -> list[Sight]:
        open_now = {one.casefold() for one in open_ids(row, attempts)}
        sights: list[Sight] = []
        for veracore_id in ids:
            began = self.doubts.clock.now()
            found = self.doubts.look_up(veracore_id)
            if isinstance(found, Absent) and veracore_id.casefold() in open_now:
                found = self._believed(found)
            grace = self.doubts.grace
            waited = elapsed(row.absent_tick, self.doubts.clock)
            sights.append(
                see(veracore_id, found, row, attempts, now=began, grace=grace, waited=waited)
            )
        return sights

    def _believed(self, absent: Absent) -> LookUp:
        """The absence, if the credentials find a known order; else a failed look-up."""
        # Credentials of another company find nothing. A new id would not be refused as used, so
        # the order would ship twice.
        if self.doubts.finds_orders():
            return absent
        return LookUpFailed(
            ProtocolError(
                _NOT_BELIEVED,
                upstream="veracore",
                hint="check the credentials with `veracore-sync doctor`, then repeat this command",
            )
        )

    def _decided(self, decision: Decision, row: OrderRow) -> Proceed | TakeOver | RecordCancelled:
        """The decision, unless it is a refusal; an absence that counts is remembered.

        Raises:
            SyncError: The decision is a refusal.
        """
        if not isinstance(decision, Refuse):
            return decision
        moves = self.ledger.transitions
        with self.ledger.unit_of_work():
            if decision.remember is not None and row.state == OrderState.IN_DOUBT:
                moves.absent_once(row.code, decision.remember.again_at)
            elif decision.remember is not None:
                moves.absent_for_a_person(row.code)
            if decision.hold is not None:
                hold = Failure(Category.CONFLICT, decision.hold)
                _must_apply(moves.conflict(row.code, None, hold), row)
        raise decision.error

    def _end_attempts(self, row: OrderRow, sights: Iterable[Sight]) -> None:
        """Record attempts that were seen to have failed, so that no later act looks them up."""
        for one in sights:
            if isinstance(one, Cancelled | Foreign | Gone):
                self.ledger.transitions.end_attempts(row.code, one.id, ENDED_AS[type(one)])


def _history(row: OrderRow) -> str:
    return command("stats --order CODE", CODE=row.code)


def _handed_over(row: OrderRow) -> UsageError:
    return UsageError(
        f"{row.code} is {STATE_LABELS[row.state]}; its id there is {row.veracore_id}",
        hint=f"{command('cancel CODE', CODE=row.code)} asks VeraCore to cancel it; "
        f"{command(ACCEPT, CODE=row.code)} accepts what the shop changed; "
        "anything else is changed at VeraCore by hand",
    )


def _refuse_if_sent(not_ours: str | None, row: OrderRow, attempts: list[AttemptRow]) -> None:
    """Raise if this ledger had the order sent under an id that is said to be another's.

    Raises:
        UsageError: It had.
    """
    sent = {one.casefold() for one in sent_ids(row, attempts)}
    if not_ours is not None and not_ours.casefold() in sent:
        raise UsageError(
            f"{row.code} was sent as {not_ours}, so look-ups decide what that is",
            hint=f"repeat the command without the id; {_history(row)} shows the ids of this order",
        )


def _must_apply(change: Applied, row: OrderRow) -> None:
    """Raise if another process was first, which rolls back the unit of work around the call.

    Raises:
        NeedsPerson: Another process was first.
    """
    if change is Applied.LOST:
        raise NeedsPerson(
            f"{row.code} was changed by another run meanwhile; this command changed nothing",
            hint=f"check it with {_history(row)}, then decide again",
        )
