"""Asks VeraCore to cancel orders, and records what look-ups show of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from veracore_sync.clock import elapsed, to_text
from veracore_sync.domain.cancellations import CancellationRow, is_cancelled_wholly
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.failures import ANOTHER_RECORD_TELLS, FailureBudget, read_error
from veracore_sync.domain.order_records import OrderRow, open_attempts
from veracore_sync.domain.states import (
    CANCELLING,
    LOST_RACE,
    UNSENT,
    Applied,
    CancelState,
    OrderCause,
    OrderState,
)
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.cancel.plan import (
    Ask,
    Confirmed,
    Decision,
    GiveUp,
    LookLater,
    Pauses,
    SeenOnce,
    TooLate,
    decide,
    sighting,
)
from veracore_sync.jobs.cancel.words import FORBIDDEN, cancelled_in_shop, not_permitted, standing
from veracore_sync.jobs.kernel import ReportT, RunContext, RunPart
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.ports.warehouse import (
    CancelNotPermitted,
    CancelNotSent,
    LookUpFailed,
    Present,
)
from veracore_sync.waits import CANCELLATION, NET

_LOG = logging.getLogger(__name__)
OPEN_TO_WITHDRAW = (*UNSENT, OrderState.SKIPPED)
"""The states of an order that VeraCore does not have, if no attempt may have arrived."""


@dataclass(slots=True)
class Canceller(RunPart[OrdersReport]):
    """Works on cancellations. The caller holds the lock of the orders job.

    Args:
        is_by_person: A person asks, and hears of each order what came of it.

    `failure` is why VeraCore could not be looked up or asked, if it could not.
    """

    is_by_person: bool = False
    failure: SyncError | None = field(default=None, init=False)
    _budget: FailureBudget = field(default_factory=FailureBudget, init=False)

    def run_due(self, only: Sequence[str] = ()) -> None:
        """Ask for what the shop cancelled (``auto``), and look up what is due.

        Args:
            only: Only these orders; empty: all.

        Raises:
            RunOver: The run's time is over.
        """
        if self.settings.orders.cancel == "auto":
            self._want_what_the_shop_cancelled()
        due = self.ledger.cancellations.due(max(self._grace, CANCELLATION))
        self.work(row for row in due if not only or row.code in only)

    def withdraw_unsent(self) -> None:
        """Give up orders that are to be cancelled and turned out never to have been sent.

        To be called before anything is sent.
        """
        self.ledger.cancellations.recover()
        wanted = {row.code for row in self.ledger.cancellations.wanted()}
        for code, order in self.ledger.orders.held(sorted(wanted)).items():
            if order.state == OrderState.CANCELLED:
                self.ledger.cancellations.withdraw(code)  # A doubt ended so: nothing is left to do.
            if order.state not in OPEN_TO_WITHDRAW:
                continue
            if open_attempts(order, self.ledger.orders.attempts(code)):
                continue
            self.withdraw(order)

    def withdraw(self, order: OrderRow) -> None:
        """Never send an order that no attempt has brought to VeraCore."""
        why = "a person cancelled it before it was sent"
        with self.ledger.unit_of_work():
            change = self.ledger.transitions.skip(order.code, OrderCause.RESOLVED, why)
            if change is not Applied.LOST:
                self.ledger.cancellations.withdraw(order.code)
        self.report.applied(order.code, change, "skipped")

    def work(self, rows: Iterable[CancellationRow]) -> None:
        """Look each of them up, and do what follows, until VeraCore stops answering.

        Raises:
            RunOver: The run's time is over.
        """
        due = list(rows)
        for done, row in enumerate(due):
            if self._budget.is_spent() or self.context.ends_here():
                return
            self.context.progress("cancelling at VeraCore", done, len(due))
            self._work_on(row.code)
            if self.context.must_not_write:
                return

    @property
    def _grace(self) -> timedelta:
        return timedelta(seconds=self.settings.orders.grace_seconds)

    # ---- what the shop cancelled --------------------------------------------------------------

    def _want_what_the_shop_cancelled(self) -> None:
        if not self.warehouse.capabilities.can_cancel or self._is_forbidden():
            return
        for code, order in self.ledger.orders.held(standing(self.context)).items():
            if order.state != OrderState.SYNCED or order.shop_cancelled_at is None:
                continue
            earlier = self.ledger.cancellations.get(code)
            # One that has ended without success was reported and stays with a person; one under an
            # earlier id was of an order that was sent again.
            is_new = earlier is None or earlier.veracore_id != order.veracore_id
            if is_new and order.veracore_id:
                self.ledger.cancellations.want(code, order.veracore_id, "shop")
                if self.ledger.meta.get(FORBIDDEN):
                    return  # After a day one order shows whether the account may cancel by now.

    def _is_forbidden(self) -> bool:
        """Whether VeraCore has said within a day that this account may not cancel."""
        since = self.ledger.meta.moment(FORBIDDEN)
        return since is not None and self.clock.now() - since < NET

    # ---- one order ----------------------------------------------------------------------------

    def _work_on(self, code: str) -> None:
        row, order = self.ledger.cancellations.get(code), self.ledger.orders.get(code)
        if row is None or order is None:
            return
        row = self._under_the_id_of(order, row)
        if order.state == OrderState.SHIPPED:
            self._has_shipped(row)
            return
        if order.state not in (OrderState.SYNCED, OrderState.CANCELLED):
            return  # In doubt: `sync-orders` looks it up first.
        decision = self._look(row, order, may_ask=order.state == OrderState.SYNCED)
        if isinstance(decision, Ask):
            if self._is_forbidden():
                self._leave_to_a_person(row)
            elif self._asks(row):
                # Look at once: most cancellations show immediately.
                fresh = self.ledger.cancellations.get(code)
                if fresh is not None and fresh.state in CANCELLING:
                    self._apply(fresh, self._look(fresh, order, may_ask=False))
            return
        self._apply(row, decision)

    def _under_the_id_of(self, order: OrderRow, row: CancellationRow) -> CancellationRow:
        """The wish, for the id under which a person has adopted the order since, if any."""
        adopted = order.veracore_id
        if row.state != CancelState.WANTED or adopted in (None, row.veracore_id):
            return row
        store = self.ledger.cancellations
        with self.ledger.unit_of_work():
            if store.withdraw(row.code, "VeraCore has it under another id") is not Applied.LOST:
                store.want(row.code, adopted, row.wanted_by)
        return store.get(row.code) or row

    def _has_shipped(self, row: CancellationRow) -> None:
        message = "VeraCore shipped it although it was to be cancelled"
        change = self.ledger.cancellations.leave(row.code, message)
        if change is Applied.LOST:
            # Told before.
            self.ledger.cancellations.look_again(row.code, None, None, is_open=True)
        else:
            self._told(row.code, change, message)

    def _look(self, row: CancellationRow, order: OrderRow, *, may_ask: bool) -> Decision | None:
        pauses = Pauses(self.clock.now(), self._grace)
        found = self.warehouse.look_up(row.veracore_id)
        self.context.check_warehouse()
        if self.context.must_not_write:
            return None
        if isinstance(found, LookUpFailed):
            _LOG.info("order %s, to be cancelled: %s", row.code, found.error.message)
            self.failure = found.error
            if found.error in ANOTHER_RECORD_TELLS:
                self._budget.spend()
        else:
            self._budget.restore()
        if isinstance(found, Present):
            self.ledger.holdings.saw(row.code, found.record)
        sent = [one.lines for one in self.ledger.orders.attempts(order.code)]
        waited = elapsed(row.seen_tick, self.clock)
        return decide(row, order.reference, found, sent, pauses, waited, may_ask=may_ask)

    def _asks(self, row: CancellationRow) -> bool:
        """Ask VeraCore; whether a look-up may show what that did."""
        store, code = self.ledger.cancellations, row.code
        if store.ask(code) is Applied.LOST:
            self.report.notify(f"{code}: {LOST_RACE}")
            return False
        pass_failpoint("cancellation intended")
        outcome = self.warehouse.cancel(row.veracore_id)
        pass_failpoint("cancellation answered")
        if isinstance(outcome, CancelNotSent):
            self._budget.spend()
            self.failure = read_error(
                outcome.what, outcome.text, upstream="veracore", retry_after=outcome.retry_after
            )
            _LOG.info("order %s: VeraCore was not asked to cancel it: %s", code, outcome.text)
            store.not_asked(code, outcome.text, None)
            return False
        if isinstance(outcome, CancelNotPermitted):
            self._forbid(code, outcome.text)
            return False
        if self.ledger.meta.get(FORBIDDEN):
            self.ledger.meta.put(FORBIDDEN, "")
        store.asked(code, outcome.text, None)
        pass_failpoint("cancellation recorded")
        self.report.notify(f"{code}: VeraCore was asked to cancel it; look-ups decide")
        return True

    def _forbid(self, code: str, text: str) -> None:
        # About the account: asking for other orders would get the same answer.
        message = not_permitted(code, text)
        with self.ledger.unit_of_work():
            self.ledger.meta.put(FORBIDDEN, to_text(self.clock.now()))
            change = self.ledger.cancellations.refuse(code, message)
        self._told(code, change, message)

    def _leave_to_a_person(self, row: CancellationRow) -> None:
        """End one for which VeraCore is not asked, because the account may not: it ships."""
        code = row.code
        # A cancellation in the shop that a person has accepted does not count again by itself.
        follows = self.settings.orders.cancel == "auto" and code in standing(self.context)
        if row.state != CancelState.WANTED or not follows or self.is_by_person:
            message = not_permitted(code)
            self._told(code, self.ledger.cancellations.refuse(code, message), message)
            return
        # Not refused: once the account may cancel, the shop's wish counts again by itself.
        with self.ledger.unit_of_work():
            change = self.ledger.cancellations.withdraw(code, "the account may not cancel")
            message = cancelled_in_shop(self.context, code)
            self.ledger.transitions.cancelled_in_shop(code, message)
        if change is not Applied.LOST:
            self.report.escalate(f"{code}: {message}")

    def _apply(self, row: CancellationRow, decision: Decision | None) -> None:
        store, code = self.ledger.cancellations, row.code
        if decision is None or isinstance(decision, Ask):
            return
        if isinstance(decision, LookLater):
            store.look_again(code, decision.at, decision.message, is_open=decision.is_open)
        elif isinstance(decision, SeenOnce):
            store.saw_cancelled(code, decision.at)
        elif isinstance(decision, Confirmed):
            change = store.confirm(code, NOW_IN_THE_SHOP)
            self.report.applied(code, change, "cancelled", NOW_IN_THE_SHOP)
        elif isinstance(decision, TooLate) and row.state != CancelState.TOO_LATE:
            self._told(code, store.miss(code, decision.message), decision.message)
        elif isinstance(decision, GiveUp) and row.state in CANCELLING:
            self._told(code, store.refuse(code, decision.message), decision.message)
        else:
            # Told before; a cancellation that was seen since did not last.
            store.look_again(code, None, None, is_open=True)

    def _told(self, code: str, change: Applied, message: str) -> None:
        if change is Applied.LOST:
            self.report.notify(f"{code}: {LOST_RACE}")
        elif change is Applied.NEWS:
            self.report.escalate(f"{code}: {message}")


NOW_IN_THE_SHOP = (
    "it is cancelled at VeraCore as asked, and not in the shop: cancel and refund it there, or "
    "accept it, if it was shipped by hand"
)
"""What is reported of an order that only a person wanted cancelled."""


# ---- what tracking sees -------------------------------------------------------------------------


def note_sighting(
    context: RunContext[ReportT], order: OrderRow, record: WarehouseRecord
) -> Applied | None:
    """Count a look-up of tracking that shows an order cancelled which is to be cancelled.

    Returns:
        ``None`` if no cancellation of the order is known; else what came of it.
    """
    store, clock = context.ledger.cancellations, context.clock
    row = store.get(order.code)
    if row is None or row.veracore_id != order.veracore_id:
        return None
    if not is_cancelled_wholly(record):
        return Applied.DONE
    grace = timedelta(seconds=context.settings.orders.grace_seconds)
    decision = sighting(row, Pauses(clock.now(), grace), elapsed(row.seen_tick, clock))
    if isinstance(decision, Confirmed):
        return store.confirm(order.code, NOW_IN_THE_SHOP)
    if isinstance(decision, SeenOnce):
        store.saw_cancelled(order.code, decision.at)
    return Applied.DONE
