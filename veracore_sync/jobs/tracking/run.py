"""The run of ``sync-tracking``: list what shipped, look orders up, plan, fulfil."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from veracore_sync.clock import Clock, to_text
from veracore_sync.config import Settings
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import LOST_RACE, Applied, OrderState
from veracore_sync.errors import (
    ENDS_THE_RUN,
    AuthRefused,
    BreakerOpen,
    LockHeld,
    RateLimited,
    RunOver,
    SyncError,
    UpstreamError,
    UsageError,
)
from veracore_sync.jobs.inventory.names import Names
from veracore_sync.jobs.progress import Progress, unheard
from veracore_sync.jobs.sandbox_rule import only_plans
from veracore_sync.jobs.tracking.adopt import Strangers
from veracore_sync.jobs.tracking.ageing import tell_listed, tell_unlisted, tell_waiting
from veracore_sync.jobs.tracking.carriers import Carriers
from veracore_sync.jobs.tracking.days import Days, days_to_ask
from veracore_sync.jobs.tracking.execute import Fulfiller
from veracore_sync.jobs.tracking.look import Look
from veracore_sync.jobs.tracking.plan import Rules
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.jobs.tracking.targets import WORKABLE, Targets
from veracore_sync.jobs.tracking.unanswered import ORDERS, UNKNOWN_ORDERS, Unanswered, conclude
from veracore_sync.jobs.tracking.window import Listed, by_order
from veracore_sync.ledger import OrderRow
from veracore_sync.ports.ledger import Ledger
from veracore_sync.vendure.shop import Shop
from veracore_sync.veracore.port import Absent, LookUpFailed, Present, Warehouse

_LOG = logging.getLogger(__name__)
_COMPLETE = "tracking.complete_at"
_STATES = ("PaymentSettled", "PartiallyShipped", "PartiallyDelivered")
_ALL = 1_000_000_000
# The longest that our side of a mutation takes: it is sent, refused since the session is dead, a
# login is tried for as long as reads are, and it is sent again.
_CALLS, _BESIDE = 3, timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person, or the timer, asked for.

    Args:
        codes: Only these orders; empty for all.
        force: Look every order up that has not shipped, whatever is listed, and wait for nothing
            that failed; of named ones, try again what was handed to a person.
        dry_run: Plan only: change neither side nor ledger.
    """

    codes: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class TrackingRun:
    """One run. The caller holds the job lock.

    Args:
        shop: Vendure.
        warehouse: VeraCore.
        ledger: Read-only in a dry run.
        settings: All of them.
        clock: The time.
        wishes: What was asked for.
        progress: Told how far the run is.
        result: Filled as the run goes on; still true when it is cut short.
    """

    shop: Shop
    warehouse: Warehouse
    ledger: Ledger
    settings: Settings
    clock: Clock
    wishes: Wishes = field(default_factory=Wishes)
    progress: Progress = unheard
    result: TrackingResult = field(default_factory=TrackingResult)
    _rules: Rules = field(init=False)
    _unanswered: Unanswered = field(init=False)
    _unknown: Unanswered = field(init=False)
    _unlisted: SyncError | None = None

    def __post_init__(self) -> None:
        wanted = self.settings.tracking
        self._rules = Rules(
            names=Names(self.settings.skus),
            carriers=Carriers(wanted.carriers),
            states=frozenset((*_STATES, *self.settings.orders.trigger_states)),
            settle=timedelta(minutes=wanted.settle_minutes),
            grace=timedelta(seconds=wanted.grace_seconds),
            call_limit=_CALLS * timedelta(seconds=self.settings.vendure.timeout_seconds) + _BESIDE,
        )
        self._unanswered = self._remembered(ORDERS)
        self._unknown = self._remembered(UNKNOWN_ORDERS)
        if self.wishes.dry_run:
            self.result.plan = []

    def _remembered(self, key: str) -> Unanswered:
        quiet, retry = self.wishes.dry_run, self.settings.retry
        return Unanswered(self.ledger, self.clock, retry, self.result, quiet, key)

    def run(self) -> TrackingResult:
        """Do it.

        Raises:
            SyncError: The run could not go on; `result` tells what was done until then.
        """
        began = self.clock.now()
        deadline = self.clock.monotonic() + 60 * self.settings.tracking.max_run_minutes
        try:
            is_complete = self._work_through(deadline)
        except (UpstreamError, RunOver):
            # What waits is told, also where every run ends early.
            self._tell()
            raise
        self._tell()
        if self._unlisted is not None:
            raise self._unlisted
        conclude(self._unanswered, self._unknown)
        if is_complete and not self._only_plans:
            self.ledger.meta.put(_COMPLETE, to_text(began))
        return self.result

    def _work_through(self, deadline: float) -> bool:
        """Work on everything; whether all was listed, and all of that looked at."""
        targets, orders = self._named() if self.wishes.codes else self._all()
        if not self._follow_all(orders, targets, deadline):
            return False
        if targets.days is None:
            return False
        # Orders that the ledger does not hold come after all that it answers for.
        adopted = [] if self._only_plans else self._strangers().adopt(list(targets.listed.values()))
        held = self.ledger.orders.held(adopted)
        return self._follow_all([held[code] for code in adopted], targets, deadline)

    def _follow_all(self, orders: Sequence[OrderRow], targets: Targets, deadline: float) -> bool:
        for done, row in enumerate(orders):
            self.progress("looking orders up", done, len(orders))
            if self.clock.monotonic() >= deadline:
                self.result.notes.append("tracking.max_run_minutes is over: the next run goes on")
                return False
            if not self._rests(row):
                self._follow(row, targets)
        return True

    def _rests(self, row: OrderRow) -> bool:
        """Whether it gave no answer a moment ago; a person, or a hint, may ask all the same."""
        if self.wishes.force or self.wishes.codes:
            return False
        return self._unanswered.rests(row.code)

    def _tell(self) -> None:
        if self._only_plans:
            return
        tell_waiting(self.ledger, self.clock, self._rules.settle, self.result)
        self._unanswered.tell()
        self._unknown.tell()

    @property
    def _only_plans(self) -> bool:
        return self.result.plan is not None

    # ---- which orders -------------------------------------------------------------------------

    def _named(self) -> tuple[Targets, list[OrderRow]]:
        found = []
        for name in self.wishes.codes:
            row = self.ledger.orders.find(name)
            if row is None:
                raise UsageError(
                    f"the ledger holds no order {name}", hint="its code is case-sensitive"
                )
            if row.state in WORKABLE:
                if self.wishes.force and not self._only_plans:
                    self.ledger.shipments.reopen(row.code)
                found.append(row)
            else:
                self.result.notes.append(f"{row.code} is {row.state}: nothing of it can ship")
        return Targets(self.ledger, {}, None, 0), found

    def _all(self) -> tuple[Targets, list[OrderRow]]:
        wanted = self.settings.tracking
        if self.wishes.force and not self._only_plans:
            self.ledger.shipments.hasten()
        if not self.warehouse.lists_shipped:
            most = _ALL if self.wishes.force else wanted.status_calls_per_run
            targets = Targets(self.ledger, {}, None, most, self._in_trouble())
            return targets, targets.orders()
        days = self._days()
        listed = self._list(days)
        self._heed_sandbox()
        most = _ALL if self.wishes.force else wanted.lookups_per_run
        asked = days if listed is not None else None
        targets = Targets(self.ledger, listed or {}, asked, most, self._in_trouble())
        return targets, targets.orders()

    def _in_trouble(self) -> list[str]:
        held = self.ledger.orders.held(self._unanswered.codes()).values()
        self._unanswered.keep_only({row.code for row in held if row.state in WORKABLE})
        return self._unanswered.codes()

    def _strangers(self) -> Strangers:
        return Strangers(
            self.shop,
            self.warehouse,
            self.ledger,
            self.clock,
            self._rules.states,
            self._unknown,
            self.result,
        )

    def _days(self) -> Days:
        return days_to_ask(
            self.clock.now(),
            self.settings.tracking_zone,
            last_complete=self.ledger.meta.moment(_COMPLETE),
            not_before=self.settings.orders.not_before or self.ledger.meta.live_since,
            lookback_days=self.settings.tracking.lookback_days,
        )

    def _list(self, days: Days) -> Mapping[str, Listed] | None:
        """What is listed by order; ``None`` where the list cannot be read: then orders are looked
        up all the same, those that are due and as many others as a run may."""
        self.progress("listing what shipped", 0, 0)
        rows = (row for first, last in days.parts() for row in self.warehouse.shipped(first, last))
        try:
            listed = by_order(rows, self.settings.tracking_zone)
        except (AuthRefused, BreakerOpen, RateLimited):
            raise
        except UpstreamError as error:
            _LOG.warning("what shipped cannot be listed: %s", error.message)
            self._unlisted = error
            if not self._only_plans:
                tell_unlisted(self.ledger, self.clock, error.message, self.result)
            return None
        if not self._only_plans:
            tell_listed(self.ledger)
        return listed

    def _heed_sandbox(self) -> None:
        if self._only_plans or not only_plans(self.warehouse, self.settings.vendure):
            return
        self.result.notes.append(
            "this is a VeraCore simulator and the shop is not on this machine: only planned, "
            "nothing written (vendure.rehearsal = true would write)"
        )
        self.result.plan = []

    # ---- one order ----------------------------------------------------------------------------

    def _follow(self, row: OrderRow, targets: Targets) -> None:
        """Look one order up and do what follows.

        Raises:
            SyncError: The other orders could not be worked on either.
        """
        veracore_id = row.veracore_id or row.code
        found = self.warehouse.look_up(veracore_id)
        self.result.checked += 1
        self._heed_sandbox()
        if isinstance(found, LookUpFailed):
            self._unanswered.failed(row.code, found.error)
            return
        self._unanswered.answered("veracore")
        try:
            self._look_at(row, veracore_id, found, targets)
        except ENDS_THE_RUN:
            raise
        except SyncError as error:
            _LOG.warning("order %s: %s", row.code, error.message)
            self._unanswered.failed(row.code, error)
        else:
            self._unanswered.worked(row.code)

    def _look_at(
        self, row: OrderRow, veracore_id: str, found: Present | Absent, targets: Targets
    ) -> None:
        if isinstance(found, Absent):
            self._missing(row, veracore_id)
            return
        look = Look(row, veracore_id, found.record, self.ledger, self._rules, self.clock)
        if not self._only_plans:
            self._work(look, targets)
            return
        order = self.shop.fulfilments.orders([row.code]).get(row.code)
        if order is not None and self.result.plan is not None:
            self.result.plan += [(row.code, one) for one in look.plan(order, look.seen())]

    def _work(self, look: Look, targets: Targets) -> None:
        row, record = look.row, look.record
        self.ledger.alerts.resolve(AlertKind.ORDER_MISSING, code=row.code)
        if record.status == "cancelled" and row.state == OrderState.SYNCED:
            look.remember(targets.rows_to_keep(look.veracore_id))
            message = "it was cancelled at VeraCore after it was placed"
            change = self.ledger.moves.cancel(row.code, look.veracore_id, message)
            if change is Applied.NEWS:
                self.result.news.append(f"{row.code}: {message}")
            elif change is Applied.LOST:
                self.result.notes.append(f"{row.code}: {LOST_RACE}")
            return
        look.remember(targets.rows_to_keep(look.veracore_id))
        if not look.concerns_the_shop():
            for hold, slip in look.holds():
                self.ledger.shipments.hold(slip, hold.reason, hold.until, failed=False)
                self.result.note(row.code, hold.slip, "waiting", hold.reason)
            return
        try:
            self._fulfiller().work(row.code, look.veracore_id, look.plan)
            self._unanswered.answered("vendure")
        except LockHeld as error:
            self.result.notes.append(f"{row.code}: {error.message}")

    def _missing(self, row: OrderRow, veracore_id: str) -> None:
        self.result.errors += 1
        message = f"VeraCore no longer finds it under {veracore_id}"
        self.result.note(row.code, "", "missing", message)
        if self._only_plans:
            return
        self.ledger.shipments.looked(row.code, veracore_id, reference="", rows=None, seen={})
        if self.ledger.alerts.open(AlertKind.ORDER_MISSING, message, code=row.code):
            self.result.news.append(f"{row.code}: {message}")

    def _fulfiller(self) -> Fulfiller:
        return Fulfiller(
            fulfilments=self.shop.fulfilments,
            stock=self.shop.stock,
            ledger=self.ledger,
            carriers=self._rules.carriers,
            handler=self.settings.tracking.handler,
            history_note=self.settings.tracking.history_note,
            retry=self.settings.retry,
            call_limit=self._rules.call_limit,
            grace=self._rules.grace,
            clock=self.clock,
            result=self.result,
        )
