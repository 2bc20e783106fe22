"""The run of ``sync-tracking``: list shipments, look orders up, plan, fulfil."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import (
    LockHeld,
    ProtocolError,
    SyncError,
)
from veracore_sync.domain.failures import (
    ENDS_THE_RUN,
    OF_AN_UPSTREAM_OR_TIME,
)
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import OrderState
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.reasons import HERE, Why
from veracore_sync.jobs.tracking.alert_ends import AlertEnds
from veracore_sync.jobs.tracking.apart import ReadyOrder
from veracore_sync.jobs.tracking.listing import Listing
from veracore_sync.jobs.tracking.overdue import alert_waiting_shipments
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.rules import Rules, rules_of
from veracore_sync.jobs.tracking.seen import Sightings
from veracore_sync.jobs.tracking.snapshot import OrderSnapshot
from veracore_sync.jobs.tracking.targets import WORKABLE, Targets
from veracore_sync.jobs.tracking.together import FulfilTogether, Worked
from veracore_sync.jobs.tracking.unanswered import (
    ORDERS,
    PARTS,
    UNKNOWN_ORDERS,
    Unanswered,
    conclude,
)
from veracore_sync.jobs.tracking.unknown_orders import UnknownOrders
from veracore_sync.jobs.unknown_order import unknown_order
from veracore_sync.ports.concurrency import WAREHOUSE_LOOK_UPS
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, Present

_LOG = logging.getLogger(__name__)
_COMPLETE = "tracking.complete_at"
_ALL = 1_000_000_000
_TOGETHER = 50
_LONGEST_GROUP = 10.0
# While what was seen is stored, every other process waits for the ledger.
_A_COMMIT = 10


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What VeraCore said of an order."""

    row: OrderRow
    veracore_id: str
    found: LookUp

    @property
    def record(self) -> WarehouseRecord | None:
        """Its record there, if it is there."""
        return self.found.record if isinstance(self.found, Present) else None


@dataclass(slots=True)
class TrackingRun(JobRun[TrackingReport]):
    """Turns the warehouse's shipments into fulfilments with tracking."""

    _rules: Rules = field(init=False)
    _unanswered: Unanswered = field(init=False)
    _unknown: Unanswered = field(init=False)
    _parts: Unanswered = field(init=False)
    _unlisted: SyncError | None = field(default=None, init=False)
    _finds_orders: bool = field(default=False, init=False)
    _is_cut: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._rules = rules_of(self.settings)
        self._unanswered = Unanswered(self.context, ORDERS)
        self._unknown = Unanswered(self.context, UNKNOWN_ORDERS)
        self._parts = Unanswered(self.context, PARTS)

    def run(self) -> TrackingReport:
        """Run to the end.

        Raises:
            SyncError: The run could not continue; the report has what was done until then.
        """
        began = self.clock.now()
        self.context.begin()
        if self.context.must_not_write:
            self.report.plan = []
        try:
            is_complete = self._work_through()
            if not self.context.must_not_write and not self.context.ends_here():
                AlertEnds(self.context).look()
        except SyncError as error:
            if error in OF_AN_UPSTREAM_OR_TIME:
                # During a long outage every run ends here; shipments that wait still alert.
                self._alert_overdue()
            raise
        self._alert_overdue()
        if self._unlisted is not None:
            raise self._unlisted
        conclude(self._unanswered, self._unknown)
        if is_complete and not self.context.must_not_write:
            # Only at the end: days that were not processed completely are listed again.
            self.ledger.meta.put(_COMPLETE, to_text(began))
        return self.report

    def _work_through(self) -> bool:
        """Work on everything; whether all was listed and looked up."""
        targets, orders = self._named() if self.options.only else self._all()
        if not self._follow_all(orders, targets):
            return False
        if targets.days is None:
            return False
        if self.context.must_not_write:
            return True
        # Orders that the ledger does not know come last: they must not delay its own.
        unknown = UnknownOrders(self.context, self._rules.states, self._unknown)
        adopted = unknown.adopt(list(targets.listed.values()))
        held = self.ledger.orders.held(adopted)
        return self._follow_all([held[code] for code in adopted], targets)

    def _follow_all(self, orders: Sequence[OrderRow], targets: Targets) -> bool:
        """Look orders up and carry out what follows; whether all were, before the time was up."""
        self._is_cut = False
        sightings = Sightings(self.context, targets)
        with closing(self._groups(orders)) as groups:
            for group in groups:
                self._work_on(group, sightings)
        return not self._is_cut

    def _work_on(self, group: Sequence[_LookedUp], sightings: Sightings) -> None:
        if self.context.must_not_write:
            for looked in group:
                self._plan_only(looked, sightings)
            return
        ready = list(self._remember(group, sightings))
        bad = frozenset(self._unanswered.codes()) if ready else ()
        together = FulfilTogether(self.context, self._rules, bad)
        self._is_cut |= not together.work(ready, self._conclude)

    def _groups(self, orders: Sequence[OrderRow]) -> Generator[list[_LookedUp], None, None]:
        """What was found, some orders at a time, so that one commit and one lock do for several."""
        group: list[_LookedUp] = []
        began = self.clock.monotonic()
        all_found = self.context.concurrency.map(
            WAREHOUSE_LOOK_UPS, self._look_up, self._begun(orders)
        )
        try:
            with closing(all_found):
                for looked in all_found:
                    if self._is_answered(looked):
                        group.append(looked)
                    is_long = self.clock.monotonic() - began >= _LONGEST_GROUP
                    if len(group) >= _TOGETHER or (group and is_long):
                        yield group
                        group, began = [], self.clock.monotonic()
        except SyncError:
            # It ends the run, but not what is known of the orders before.
            if group:
                yield group
            raise
        if group:
            yield group

    def _begun(self, orders: Sequence[OrderRow]) -> Iterator[OrderRow]:
        """Those to be looked up, while there is time."""
        for done, row in enumerate(orders):
            self.context.progress("looking orders up", done, len(orders))
            if self.context.ends_here():
                self._is_cut = True
                return
            if not self._rests(row):
                yield row

    def _rests(self, row: OrderRow) -> bool:
        """Whether the order failed lately and has to wait; not if a person or a hint named it."""
        if self.options.force or self.options.only:
            return False
        return self._unanswered.rests(row.code)

    def _alert_overdue(self) -> None:
        if self.context.must_not_write:
            return
        alert_waiting_shipments(self.ledger, self.clock, self._rules.settle, self.report)
        self._unanswered.alert_overdue()
        self._unknown.alert_overdue()
        self._parts.alert_overdue()

    def _check_warehouse(self) -> None:
        """After each answer: from then on a rehearsal must not write."""
        self.context.check_warehouse()
        if self.context.must_not_write and self.report.plan is None:
            self.report.plan = []

    # ---- which orders -------------------------------------------------------------------------

    def _named(self) -> tuple[Targets, list[OrderRow]]:
        found = []
        for name in self.options.only:
            row = self.ledger.orders.find(name)
            if row is None:
                raise unknown_order(name)
            if row.state in WORKABLE:
                if self.options.force and not self.context.must_not_write:
                    self.ledger.shipments.reopen(row.code)
                found.append(row)
            else:
                self.report.notify_once(f"{row.code} is {row.state}: it has nothing to ship")
                self.report.reasons.add(_not_followed(row), row.code)
        return Targets(self.ledger, {}, None, 0), found

    def _all(self) -> tuple[Targets, list[OrderRow]]:
        wanted = self.settings.tracking
        if self.options.force and not self.context.must_not_write:
            self.ledger.shipments.retry_now()
        if not self.warehouse.capabilities.lists_shipped:
            most = _ALL if self.options.force else wanted.status_calls_per_run
            targets = Targets(self.ledger, {}, None, most, self._bad_orders())
            return targets, targets.orders()
        listing = Listing(self.context)
        days = listing.days(self.ledger.meta.moment(_COMPLETE))
        listed, self._unlisted = listing.read(days)
        self._check_warehouse()
        most = _ALL if self.options.force else wanted.lookups_per_run
        asked = days if listed is not None else None
        targets = Targets(self.ledger, listed or {}, asked, most, self._bad_orders())
        return targets, targets.orders()

    def _bad_orders(self) -> list[str]:
        held = self.ledger.orders.held(self._unanswered.codes()).values()
        self._unanswered.keep_only({row.code for row in held if row.state in WORKABLE})
        held = self.ledger.orders.held(self._parts.codes()).values()
        self._parts.keep_only({row.code for row in held if row.state == OrderState.SYNCED})
        return self._unanswered.codes()

    # ---- one order ----------------------------------------------------------------------------

    def _look_up(self, row: OrderRow) -> _LookedUp:
        """Ask VeraCore; called in other threads."""
        veracore_id = row.veracore_id or row.code
        return _LookedUp(row, veracore_id, self.warehouse.look_up(veracore_id))

    def _is_answered(self, looked: _LookedUp) -> bool:
        """Whether the look-up shows anything.

        Raises:
            SyncError: The other orders could not be worked on either.
        """
        row, found = looked.row, looked.found
        self.report.checked += 1
        self._check_warehouse()
        if isinstance(found, LookUpFailed) and row.state not in WORKABLE:
            # It was cancelled there: only that it left all the same would be news.
            self.report.notify(f"{row.code}, cancelled at VeraCore: {found.error.message}")
            return False
        if isinstance(found, LookUpFailed):
            self._unanswered.failed(row.code, found.error)
            return False
        if isinstance(found, Absent) and found.unless is not None:
            self._must_find_another(row, found.unless)
        self._finds_orders |= isinstance(found, Present)
        self._unanswered.answered("veracore")
        return True

    def _must_find_another(self, row: OrderRow, refusal: SyncError) -> None:
        """Prove that look-ups find orders at all.

        VeraCore accepted this one, and answers as for an order that cannot exist. If it does so for
        every order, the account may not look them up.

        Raises:
            SyncError: No other order is found: `refusal`.
        """
        newest = self.ledger.orders.newest_synced()
        if not self._finds_orders and newest is not None and newest.code != row.code:
            found = self.warehouse.look_up(newest.veracore_id or newest.code)
            self._finds_orders = isinstance(found, Present)
        if not self._finds_orders:
            raise refusal

    def _remember(self, group: Sequence[_LookedUp], sightings: Sightings) -> Iterator[ReadyOrder]:
        """Store what was seen; the orders about which the shop has to be asked."""
        for at in range(0, len(group), _A_COMMIT):
            with self.ledger.unit_of_work():
                ready = [self._see(one, sightings) for one in group[at : at + _A_COMMIT]]
            yield from (one for one in ready if one is not None)

    def _see(self, looked: _LookedUp, sightings: Sightings) -> ReadyOrder | None:
        before = len(self.report.outcomes)
        if looked.record is None:
            sightings.absent(looked.row, looked.veracore_id)
            ready = None
        else:
            ready = sightings.present(self._snapshot(looked, looked.record))
        if ready is None:
            is_idle = len(self.report.outcomes) == before
            self._worked(looked.row, looked.record, self.report, is_idle=is_idle)
        return ready

    def _snapshot(self, looked: _LookedUp, record: WarehouseRecord) -> OrderSnapshot:
        return OrderSnapshot(
            looked.row, looked.veracore_id, record, self.ledger, self._rules, self.clock
        )

    def _conclude(self, worked: Worked) -> None:
        """Judge what became of an order in the shop.

        Raises:
            SyncError: The other orders could not be worked on either.
        """
        one, error = worked.order, worked.error
        if isinstance(error, LockHeld):
            one.report.notify(f"{one.row.code}: {error.message}")
        elif error is None:
            self._unanswered.answered("vendure")
        else:
            self._failed(one.row, error, one.report)
            return
        self._worked(one.row, one.record, one.report, is_idle=not one.report.outcomes)

    def _failed(self, row: OrderRow, error: SyncError, report: TrackingReport) -> None:
        # One bad order must not stop the others, unless the error concerns all of them.
        if error in ENDS_THE_RUN:
            raise error
        _LOG.warning("order %s: %s", row.code, error.message)
        self._unanswered.failed(row.code, error, report)

    def _worked(
        self,
        row: OrderRow,
        record: WarehouseRecord | None,
        report: TrackingReport,
        *,
        is_idle: bool,
    ) -> None:
        self._unanswered.worked(row.code)
        self._note_parts(row, record, report)
        if is_idle:
            report.idle(row.code, _idle(record))

    def _note_parts(
        self, row: OrderRow, record: WarehouseRecord | None, report: TrackingReport
    ) -> None:
        """Note slips that cannot be read. They wait; the order does not, so its others go on."""
        slips = record.shipments if record is not None else ()
        problems = [f"slip {one.slip}: {one.problem}" for one in slips if one.problem]
        if problems and row.state == OrderState.SYNCED:
            words = f"VeraCore: {'; '.join(problems[:3])}"
            self._parts.failed(row.code, ProtocolError(words, upstream="veracore"), report)
            self._parts.answered("veracore")
        else:
            self._parts.worked(row.code)

    def _plan_only(self, looked: _LookedUp, sightings: Sightings) -> None:
        """Of a run that must not write: add what it would do to the report's plan."""
        row, plan = looked.row, self.report.plan
        before = len(self.report.outcomes) + len(plan or ())
        if looked.record is None:
            sightings.absent(row, looked.veracore_id)
        else:
            snapshot = self._snapshot(looked, looked.record)
            try:
                order = self.shop.fulfilments.orders([row.code]).get(row.code)
            except SyncError as error:
                self._failed(row, error, self.report)
                return
            if order is not None and is_another(row, order.id, order.placed_at):
                order = None
            if order is not None and plan is not None:
                plan += [(row.code, one) for one in snapshot.plan(order, snapshot.seen())]
        is_idle = len(self.report.outcomes) + len(plan or ()) == before
        self._worked(row, looked.record, self.report, is_idle=is_idle)


def _idle(record: WarehouseRecord | None) -> str:
    if record is None:
        return "VeraCore no longer has it"
    if record.status == "cancelled":
        return "it is cancelled at VeraCore"
    if not any(one.packages for one in record.shipments):
        return "VeraCore has shipped nothing of it yet"
    return "the shop has what VeraCore shipped of it"


def _not_followed(row: OrderRow) -> Why:
    todo = f"`veracore-sync sync-orders --order {HERE}` says where it stands"
    return Why("not looked up", f"it is {STATE_LABELS[row.state]}, so nothing of it can ship", todo)
