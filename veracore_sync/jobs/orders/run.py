"""The run of ``sync-orders``: list, choose, send, end doubts, detect changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import (
    Category,
    HooksUnusable,
    LedgerError,
    NeedsPerson,
    RunOver,
    SyncError,
)
from veracore_sync.domain.failures import OF_AN_UPSTREAM_OR_THE_SETTINGS, ONLY_THIS_OPERATION
from veracore_sync.domain.order_records import Discovery, Failure, OrderRow, fresh_row
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.cancel.run import Canceller
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.orders.bad_records import BadRecords
from veracore_sync.jobs.orders.candidates import Candidates
from veracore_sync.jobs.orders.change_detection import ChangeDetector, Windows, windows
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.explain import Explainer
from veracore_sync.jobs.orders.overdue import alert_overdue_orders
from veracore_sync.jobs.orders.passed_by import end_passed_by
from veracore_sync.jobs.orders.pipeline import OrderPipeline
from veracore_sync.jobs.orders.plan import elsewhere_reason, foreign_reason
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.select import Selection
from veracore_sync.jobs.orders.send import Sender
from veracore_sync.ports.shop import Poll

_DOUBT_PASSES = 2
_MAX_NAMED = 10


@dataclass(slots=True)
class OrdersRun(JobRun[OrdersReport]):
    """Sends paid orders to VeraCore, each exactly once."""

    _candidates: Candidates = field(init=False)
    _explainer: Explainer = field(init=False)

    def __post_init__(self) -> None:
        self._candidates = Candidates(self.context)
        self._explainer = Explainer(self.context)

    def run(self) -> OrdersReport:
        """Run to the end.

        Raises:
            SyncError: The run could not continue; the report has what was done until then.
        """
        self.context.begin()
        try:
            self._work_through()
        except LedgerError:
            raise
        except SyncError as error:
            # During a long outage every run ends here; orders that wait too long still alert.
            self._alert_overdue()
            with suppress(LedgerError):
                self._explainer.explain(error)
            raise
        self._alert_overdue()
        self._explainer.explain()
        return self.report

    def _work_through(self) -> None:
        now = self.clock.now()
        if not self.context.must_not_write:
            # A run that was killed leaves orders in `sending`: only a look-up shows whether they
            # arrived.
            self.ledger.transitions.recover()
            Canceller(self.context).withdraw_unsent()
        self._explainer.not_before = self._candidates.not_before
        span = windows(self.ledger, now, self._candidates.not_before)
        self.context.progress("reading the shop", 0, 0)
        poll = self._explainer.poll = self._candidates.list_orders(span)
        if not self.context.must_not_write:
            self.ledger.meta.note_shop_clock(self.shop.clock_ahead_seconds)
        chosen = self._explainer.chosen = self._candidates.choose(poll, now)
        self._guard_first_run(chosen)
        try:
            doubts = [] if self.context.must_not_write else self._doubts_due(now)
            self._control(chosen, doubts)
            if not self.context.must_not_write:
                self._note_early(chosen)
                self._note_foreign(chosen)
                self._note_elsewhere(chosen)
                stopped_by = self._send(chosen, doubts)
                if stopped_by is None or _is_of_sending(stopped_by):
                    self._end_doubts(doubts, now)
                if stopped_by is not None:
                    raise stopped_by
        except RunOver:
            self._discover(chosen)
            raise
        except SyncError as error:
            if error in OF_AN_UPSTREAM_OR_THE_SETTINGS and not self.context.must_not_write:
                # While VeraCore is down, new orders are still recorded and changes detected.
                self._discover(chosen)
                self._try_to_detect_changes(poll, span)
                if _is_of_sending(error):
                    # Else goods that the shop no longer sells would leave. A run that is over says
                    # less than what stopped the sending.
                    with suppress(RunOver):
                        Canceller(self.context).run_due(self.options.only)
            raise
        if self.context.must_not_write:
            self._plan_only(chosen)
            return
        # After sending: an old order that cannot be read must not keep a paid one from leaving.
        self._detect_changes(poll, span)
        Canceller(self.context).run_due(self.options.only)
        self._candidates.raise_unread()

    # ---- before anything is sent --------------------------------------------------------------

    def _guard_first_run(self, chosen: Selection) -> None:
        """Stop before a new ledger sends a whole backlog, which may have shipped already."""
        most = self.settings.orders.max_first_run
        if (
            chosen.candidates <= most
            or self.options.allow_first_run
            or self.ledger.orders.any_accepted()
        ):
            return
        if self.context.must_not_write:
            self.report.notify(
                f"without --allow-first-run nothing would be sent: {chosen.candidates} orders wait "
                f"and this ledger has never sent one (orders.max_first_run is {most})"
            )
            return
        raise NeedsPerson(
            f"{chosen.candidates} orders are waiting and this ledger has never sent one; "
            "nothing was sent or recorded",
            hint="list them with `veracore-sync sync-orders --dry-run`; if they were not sent by "
            "other means, run `veracore-sync sync-orders --allow-first-run`; otherwise set "
            "orders.not_before to the time from which veracore-sync sends orders",
        )

    def _doubts_due(self, now: datetime) -> list[OrderRow]:
        grace = timedelta(seconds=self.settings.orders.grace_seconds)
        due = self.ledger.orders.doubts_due(now, grace)
        if self.options.only:
            return [row for row in due if row.code in self.options.only]
        return due

    def _control(self, chosen: Selection, doubts: Sequence[OrderRow]) -> None:
        """If there is anything to send or look up, make the control call first.

        With a wrong address or a refused login, the creates would put every order in doubt.
        """
        if self.context.must_not_write and (chosen.candidates or chosen.rechecks):
            # Without its hooks a plan would show what is never sent.
            self.context.order_hooks.start()
        if self.context.must_not_write or not (chosen.candidates or chosen.rechecks or doubts):
            return
        self.context.progress("signing in at VeraCore", 0, 0)
        self.warehouse.check_connection(self._known_id())
        self.context.check_warehouse()

    def _known_id(self) -> str | None:
        newest = self.ledger.orders.newest_synced()
        return newest.veracore_id if newest else None

    def _plan_only(self, chosen: Selection) -> None:
        now = to_text(self.clock.now())
        held = self.ledger.orders.held(chosen.due + chosen.rechecks)
        held |= {stub.code: fresh_row(stub.code, stub.id, now) for stub in chosen.new}
        fresh = [stub.code for stub in chosen.new]
        codes = [*fresh, *chosen.due, *chosen.rechecks]
        self.report.plan = OrderPipeline(self.context, chosen.types).plan_all(codes, held)

    # ---- what is new --------------------------------------------------------------------------

    def _discover(self, chosen: Selection) -> None:
        wait_for = timedelta(minutes=self.settings.orders.min_age_minutes)
        due_at = self.clock.now() + wait_for if wait_for and not self.options.only else None
        found = [
            Discovery(stub.code, stub.id, stub.placed_at, next_attempt_at=due_at)
            for stub in chosen.new
        ]
        self.ledger.transitions.discover(found)
        fresh = [stub.code for stub in chosen.new]
        if due_at is None:
            chosen.due = fresh + chosen.due
        for code in fresh:
            self.report.record(code, "pending")
        chosen.new = []

    def _note_early(self, chosen: Selection) -> None:
        """Record orders placed before ``orders.not_before``, and report them once."""
        if not chosen.early:
            return
        self.ledger.transitions.discover(_early(stub) for stub in chosen.early)
        for stub in chosen.early:
            self.report.record(stub.code, "skipped")
        codes = ", ".join(stub.code for stub in chosen.early[:_MAX_NAMED])
        more = len(chosen.early) - _MAX_NAMED
        sentence = (
            f"not sent, because placed before {to_text(self._candidates.not_before)} "
            f"(orders.not_before): {codes}{f' and {more} more' if more > 0 else ''}"
        )
        # The default is when the ledger was created; nobody chose to leave these orders out.
        is_chosen = self.settings.orders.not_before is not None
        (self.report.notify_once if is_chosen else self.report.escalate)(sentence)

    def _note_foreign(self, chosen: Selection) -> None:
        """Record orders of a type that is not sent, and report them once."""
        if not chosen.foreign:
            return
        self.ledger.transitions.discover(_foreign(stub) for stub in chosen.foreign)
        for stub in chosen.foreign:
            self.report.record(stub.code, "skipped")
        counts = Counter(stub.type for stub in chosen.foreign)
        types = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        codes = ", ".join(stub.code for stub in chosen.foreign[:_MAX_NAMED])
        more = len(chosen.foreign) - _MAX_NAMED
        self.report.notify_once(
            f"not sent, because of their type (orders.order_types; {types}): "
            f"{codes}{f' and {more} more' if more > 0 else ''}"
        )

    def _note_elsewhere(self, chosen: Selection) -> None:
        """Record orders of other channels, and report them once."""
        if not chosen.elsewhere:
            return
        self.ledger.transitions.discover(_elsewhere(stub) for stub in chosen.elsewhere)
        for stub in chosen.elsewhere:
            self.report.record(stub.code, "skipped")
        codes = ", ".join(stub.code for stub in chosen.elsewhere[:_MAX_NAMED])
        more = len(chosen.elsewhere) - _MAX_NAMED
        self.report.notify_once(
            "not sent, because sold in other channels (orders.channels): "
            f"{codes}{f' and {more} more' if more > 0 else ''}"
        )

    # ---- sending, doubts, and what the shop changed since -------------------------------------

    def _send(self, chosen: Selection, doubts: Sequence[OrderRow]) -> SyncError | None:
        """Send what is due; what stopped it, if anything did."""
        if not (chosen.due or chosen.rechecks or chosen.new or doubts):
            return None
        # Recorded before the first request: a run that is killed leaves no order unknown.
        self._discover(chosen)
        bad = BadRecords(self.ledger, self.clock, self.settings.retry, self.report)
        sender = Sender(self.context, self._known_id(), bad)
        codes = chosen.due + chosen.rechecks
        try:
            if codes:
                # A hook that cannot be run says nothing about one order: all of them wait.
                self.context.order_hooks.start()
            OrderPipeline(self.context, chosen.types).send_all(sender, codes)
        except HooksUnusable as error:
            return error
        return sender.stopped_by

    def _end_doubts(self, doubts: Sequence[OrderRow], since: datetime) -> None:
        """Look up orders in doubt: this run's own first, because most of those were accepted."""
        resolver = DoubtResolver(self.context)
        for _ in range(_DOUBT_PASSES):
            due = [row for row in self._doubts_due(self.clock.now()) if _began(row, since)]
            if not due:
                break
            resolver.settle(due)
        # A doubt that a dead run left began as this one did, and has had its turn: a second
        # look-up would find it moved on and report a race that nobody lost.
        resolver.settle(row for row in doubts if not _began(row, since))

    def _try_to_detect_changes(self, poll: Poll, span: Windows) -> None:
        try:
            self._detect_changes(poll, span)
        except SyncError as error:
            if error not in OF_AN_UPSTREAM_OR_THE_SETTINGS:
                raise

    def _detect_changes(self, poll: Poll, span: Windows) -> None:
        if self.options.only:
            return
        self.context.progress("looking for changes in the shop", 0, 0)
        bad = BadRecords(self.ledger, self.clock, self.settings.retry, self.report)
        poll = poll.completed()
        bad.listed(poll)
        detector = ChangeDetector(self.context)
        detector.changed(poll.moved, poll.waiting)
        if "passed" not in poll.unread:
            types = self.settings.orders.sent_types(poll.channel_code)
            claim = self.settings.orders.claim
            passed = [
                one for one in poll.passed if one.type in types and claim(one.channels) != "others"
            ]
            detector.passed(passed, span)
        end_passed_by(self.ledger, self.shop)

    def _alert_overdue(self) -> None:
        if not self.context.must_not_write:
            min_age = timedelta(minutes=self.settings.orders.min_age_minutes)
            alert_overdue_orders(self.ledger, self.clock, min_age, self.report)


def _is_of_sending(error: SyncError) -> bool:
    """Whether it only keeps orders from being sent: VeraCore still answers everything else."""
    return isinstance(error, HooksUnusable) or error in ONLY_THIS_OPERATION


def _foreign(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.SKIPPED,
        cause=OrderCause.TYPE,
        trouble=Failure(Category.VALIDATION, foreign_reason(stub.type)),
    )


def _elsewhere(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.SKIPPED,
        cause=OrderCause.CHANNEL,
        trouble=Failure(Category.VALIDATION, elsewhere_reason(stub.channels)),
    )


def _began(row: OrderRow, since: datetime) -> bool:
    return row.doubt_since is not None and row.doubt_since >= to_text(since)


def _early(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.SKIPPED,
        cause=OrderCause.EARLY,
        trouble=Failure(Category.VALIDATION, "it was placed before orders.not_before"),
    )
