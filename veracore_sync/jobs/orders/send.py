"""Sending one order: intent, one request, one outcome."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.backoff import spread
from veracore_sync.domain.advice import command
from veracore_sync.domain.errors import Category, Occurrence, SyncError
from veracore_sync.domain.failures import (
    COUNTS_AGAINST_CREATING,
    CREATING,
    NOT_ALLOWED,
    NOT_ASKED,
    ONLY_THIS_OPERATION,
    Action,
    FailureBudget,
    of_all,
    read_error,
)
from veracore_sync.domain.held_orders import same_units
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Failure, open_attempts
from veracore_sync.domain.states import Applied, OrderCause
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.account import AccountRefusals
from veracore_sync.jobs.orders.bad_records import LOOK_UP, BadRecords, look_ups_must_work
from veracore_sync.jobs.orders.ids import is_derived, most_absent
from veracore_sync.jobs.orders.interpret_lookup import (
    AdoptOrder,
    CancelledThere,
    Conflict,
    as_sent,
    difference,
    interpret_record,
)
from veracore_sync.jobs.orders.plan import SubmitOrder
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.ports.warehouse import (
    Accepted,
    LookUpFailed,
    NotAccepted,
    Present,
    permission_hint,
)
from veracore_sync.waits import ASKED

_LOG = logging.getLogger(__name__)
_LATER = timedelta(seconds=60)
_OTHER_UNITS = (
    "VeraCore already holds this order (sent from an earlier or another ledger), "
    "with different quantities"
)


@dataclass(slots=True)
class Sender(RunPart[OrdersReport]):
    """Sends orders, from several threads.

    Args:
        known_id: The id of an order that VeraCore has, for the control call.
        bad: Orders whose look-up failed, remembered from run to run.
    """

    known_id: str | None
    bad: BadRecords
    stopped_by: SyncError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _budget: FailureBudget = field(default_factory=FailureBudget)
    _answered: set[Occurrence] = field(default_factory=set)
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _account: AccountRefusals = field(init=False)

    def __post_init__(self) -> None:
        self._account = AccountRefusals(self.ledger, self.clock)

    def probe(self, codes: Sequence[str]) -> str | None:
        """The order that is to be tried before the others, if any."""
        return self._account.probe(codes)

    def send(self, action: SubmitOrder) -> None:
        """Send one order, unless the run has been stopped."""
        if self.stopped_by is not None:
            self.report.record(action.code, "pending")
            return
        if self._is_undecided(action.code):
            return
        if action.look_up_first and not self._is_free(action):
            return
        with self._account.turn():
            if self.stopped_by is not None:
                self.report.record(action.code, action.back_to)
                return
            self._create(action)

    def _create(self, action: SubmitOrder) -> None:
        order = action.order
        # The intent is committed before the request, so that a crash in between leaves a doubt and
        # never a second order. No transaction is open during the request: it would block every
        # other process for as long as VeraCore takes.
        moves = self.ledger.transitions
        attempt = self.ledger.together(lambda: moves.intend(action.code, action.intent))
        if attempt is None:
            self.report.applied(action.code, Applied.LOST, "pending")
            return
        pass_failpoint("intent committed")
        outcome = self.warehouse.submit(order)
        pass_failpoint("answered")
        if isinstance(outcome, Accepted):
            sequence = outcome.sequence
            self.ledger.together(lambda: moves.accept(action.code, attempt, sequence))
            self._budget.restore()
            self._account.answered(action.code, None)
            self.report.record(action.code, "submitted")
            for warning in action.warnings:
                self.report.notify(f"{action.code}: sent with a warning: {warning}")
        else:
            self._not_accepted(action, attempt, outcome)
        pass_failpoint("outcome committed")

    def _is_undecided(self, code: str) -> bool:
        """Back into doubt while the outcome of an earlier attempt is unknown: look up, not send."""
        attempts = self.ledger.orders.attempts(code)
        row = self.ledger.orders.get(code) if attempts else None
        unknown = open_attempts(row, attempts) if row else []
        if not unknown:
            return False
        change = self.ledger.transitions.doubt_again(code, unknown[-1].veracore_id)
        self.report.applied(code, change, "in_doubt")
        return True

    def _is_free(self, action: SubmitOrder) -> bool:
        """Look up an older order before its first send; whether it may be sent."""
        dead: tuple[str, CancelledThere | Conflict] | None = None
        doubtful: Conflict | None = None
        absent = 0
        for veracore_id in (action.order.id, *action.other_ids):
            is_own = veracore_id == action.order.id
            if not is_own and self.ledger.orders.id_sent_for(veracore_id, action.code):
                continue  # another order that had the same code went out under it
            # One at a time: several bad records at once would open the breaker before a control
            # look-up could show that VeraCore answers about others.
            with self._looking:
                found = self.warehouse.look_up(veracore_id)
                if isinstance(found, LookUpFailed):
                    self._not_looked_up(action, found.error)
                    return False
            self.bad.answered(LOOK_UP, action.code)
            if not isinstance(found, Present):
                absent += not is_own
                if absent == most_absent(self.settings.orders.id_prefixes):
                    break
                continue
            absent = 0
            # This ledger never sent the order, so its content is compared with nothing; what would
            # be sent now only tells whose order it is, if VeraCore shows no reference or a cut one.
            verdict = interpret_record(action.code, found.record, [], action.intent.lines)
            if isinstance(verdict, AdoptOrder):
                strange = self._may_be_a_strangers(action, veracore_id, found.record)
                if strange is not None:
                    doubtful = doubtful or strange
                    continue
                self._adopt(action, veracore_id, verdict)
                return False
            if isinstance(verdict, CancelledThere) or (isinstance(verdict, Conflict) and is_own):
                dead = (veracore_id, verdict)
        if doubtful is not None:
            # Without the id, which is another order's if a person says so.
            change = self.ledger.transitions.conflict(action.code, None, doubtful.trouble)
            self.report.applied(action.code, change, "conflict", doubtful.trouble.message)
            return False
        if dead is not None:
            # Only now: after either, a person may have sent the order under the next id.
            self._record_dead(action.code, *dead)
            return False
        self.ledger.transitions.touch(action.code)
        return True

    def _may_be_a_strangers(
        self, action: SubmitOrder, veracore_id: str, record: WarehouseRecord
    ) -> Conflict | None:
        """Why other units under an id of an earlier prefix are left to a person."""
        # A prefix may have been given because another shop has the same codes: its orders then have
        # this one's id without the prefix, and its reference.
        code, prefixes, wanted = action.code, self.settings.orders.id_prefixes, action.intent.lines
        if record.lines is None or veracore_id == action.order.id:
            return None
        held = as_sent(record.lines)
        if is_derived(veracore_id, code, prefixes[:1]) or same_units(held, wanted):
            return None
        takes = command("resolve CODE --adopt ID", CODE=code, ID=veracore_id)
        sends = command("resolve CODE --new-id ID", CODE=code, ID=veracore_id)
        words = (
            f"VeraCore has {veracore_id}, an id with an earlier orders.id_prefix, with other units "
            f"({difference(held, wanted, 'in the shop')}): it is this order, changed since, or "
            f"another shop's. {takes} takes it for it; {sends} sends this one, as that is another's"
        )
        return Conflict(Failure(Category.CONFLICT, words))

    def _record_dead(self, code: str, veracore_id: str, verdict: CancelledThere | Conflict) -> None:
        moves = self.ledger.transitions
        if isinstance(verdict, CancelledThere):
            change = moves.cancel(code, veracore_id, verdict.message)
            self.report.applied(code, change, "cancelled", verdict.message)
        else:
            change = moves.conflict(code, veracore_id, verdict.trouble)
            self.report.applied(code, change, "conflict", verdict.trouble.message)

    def _not_looked_up(self, action: SubmitOrder, error: SyncError) -> None:
        """Postpone the order; stop the run if VeraCore answers no look-up at all."""
        if error in NOT_ASKED:
            # No request was made, so the error says nothing about this order.
            with self._lock:
                self.stopped_by = self.stopped_by or error
                self.report.record(action.code, action.back_to)
            return
        # One thread at a time: several failures at once must not look like an outage.
        with self._lock:
            rest = self.bad.failed(LOOK_UP, action.code, error)
            self.report.record(action.code, action.back_to)
            if self.stopped_by is not None:
                return
            try:
                look_ups_must_work(self.warehouse, self.ledger)
            except SyncError as proof:
                self.stopped_by = proof
                return
        trouble = Failure(error.category, error.message)
        self.ledger.transitions.postpone(action.code, trouble, rest.next_attempt_at)

    def _adopt(self, action: SubmitOrder, veracore_id: str, verdict: AdoptOrder) -> None:
        """Adopt what an earlier ledger sent; alert if the shop's quantities differ."""
        code, held = action.code, verdict.lines
        with self.ledger.unit_of_work():
            change = self.ledger.transitions.adopt(
                code,
                veracore_id,
                verdict.record,
                action.intent.seen,
                wanted=action.intent.lines,
            )
            differs = bool(held) and not same_units(held, action.intent.lines)
            if differs and change is not Applied.LOST:
                kind = AlertKind.ORDER_DRIFT
                units = difference(held, action.intent.lines, "in the shop")
                message = f"{_OTHER_UNITS}: {units}; make them equal on both sides"
                raise_alert(self.ledger, self.report, kind, message, code=code)
        self.report.applied(code, change, "adopted")

    def _not_accepted(self, action: SubmitOrder, attempt: int, outcome: NotAccepted) -> None:
        code, moves = action.code, self.ledger.transitions
        what = self._account.answered(code, outcome.what) or outcome.what
        rule = CREATING[what]
        trouble = Failure(rule.category, outcome.text or str(outcome.what))
        if rule.action is Action.PENDING:
            # The connection was never made, so nothing can have arrived: no doubt, no look-up.
            change = moves.withhold(code, attempt, action.back_to, trouble.message, None)
            self.report.applied(code, change, "pending")
        elif rule.action is Action.LATER:
            later = self._later(outcome)
            change = moves.withhold(code, attempt, action.back_to, trouble.message, later)
            self.report.applied(code, change, "pending")
        elif rule.action is Action.PARK:
            # Tried again hourly: the fix is made at VeraCore, which does not report it.
            refusal = Failure(Category.VALIDATION, _with_hint(outcome))
            change = moves.refuse(code, attempt, refusal, self._recheck_at())
            self.report.applied(code, change, "parked", refusal.message)
        else:
            # The request left and no definite answer came: sending again could ship twice, so only
            # a look-up decides (docs/invariants.md, "A doubt and how it ends").
            cause = OrderCause.DUPLICATE if rule.action is Action.LOOK_UP else OrderCause.LOST
            self.report.applied(code, moves.doubt(code, attempt, cause, trouble), "in_doubt")
            if rule.action is Action.DOUBT:
                self._after_an_answer(action, attempt, what, outcome)
        if what in ONLY_THIS_OPERATION:
            self._stop_creating(action, what, outcome)
        elif what in COUNTS_AGAINST_CREATING:
            self._count_failure(
                read_error(
                    what,
                    f"VeraCore: {trouble.message}",
                    upstream="veracore",
                    retry_after=outcome.retry_after,
                )
            )

    def _after_an_answer(
        self, action: SubmitOrder, attempt: int, what: Occurrence, outcome: NotAccepted
    ) -> None:
        """After an unlisted answer: whether it is about this order, or about the account."""
        if not self._was_answered(what):
            return
        shared = self._account.shared_by(action.code, what, outcome.alike)
        for code in shared:
            self._account.release(code)
        if shared or what in NOT_ALLOWED:
            # It stays in doubt as after a lost answer: absent means that it is sent again.
            self._stop_creating(action, what, outcome)
        else:
            self.ledger.transitions.was_answered(action.code, attempt)

    def _stop_creating(self, action: SubmitOrder, what: Occurrence, outcome: NotAccepted) -> None:
        """Stop the run: VeraCore would answer every other order like this one."""
        if what in NOT_ALLOWED:
            self._account.refused(action.code)
        # The order's id would make it look as if this order were at fault.
        said = outcome.text.replace(action.order.id, "…")
        meant = of_all(what)
        hint = permission_hint(outcome.operation) if meant in ONLY_THIS_OPERATION else None
        verb = "refuses" if meant in ONLY_THIS_OPERATION else "does not answer"
        message = f"VeraCore {verb} {outcome.operation}, whatever the order: {said}"
        with self._lock:
            self.stopped_by = self.stopped_by or read_error(
                meant, message, upstream="veracore", hint=hint
            )

    def _later(self, outcome: NotAccepted) -> datetime:
        # A Retry-After of hours, from a proxy with a wrong clock say, must not hold orders back.
        asked = min(timedelta(seconds=outcome.retry_after or 0), ASKED)
        return self.clock.now() + max(asked, _LATER if outcome.retry_after is None else asked)

    def _recheck_at(self) -> datetime:
        recheck = timedelta(minutes=self.settings.orders.parked_recheck_minutes)
        # Jittered, so that orders that were refused together are not all sent again together.
        return self.clock.now() + spread(recheck)

    def _was_answered(self, what: Occurrence) -> bool:
        """After an unlisted answer: whether VeraCore answers the control call.

        Called once a run for each kind of answer. If the control call fails, the answer may be a
        proxy's or a refused login's, and says nothing about the order.
        """
        with self._lock:
            if self.stopped_by is not None:
                return False
            if what not in self._answered:
                try:
                    self.warehouse.check_connection(self.known_id)
                except SyncError as error:
                    self.stopped_by = error
                    return False
                self._answered.add(what)
            return True

    def _count_failure(self, error: SyncError) -> None:
        """Stop the run after three failures in a row: VeraCore fails, not single orders."""
        with self._lock:
            count, most = self._budget.spend(), self._budget.most
            _LOG.info(
                "VeraCore failure %d of %d before the run ends: %s", count, most, error.message
            )
            if self._budget.is_spent() and self.stopped_by is None:
                self.stopped_by = error


def _with_hint(outcome: NotAccepted) -> str:
    return f"VeraCore refused it ({outcome.text}): {outcome.hint}" if outcome.hint else outcome.text
