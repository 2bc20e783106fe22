"""The run of ``sync-tracking``: list shipments, look orders up, plan, fulfil."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from veracore_sync.clock import to_text
from veracore_sync.domain.cancellations import left_slips
from veracore_sync.domain.errors import (
    LockHeld,
    ProtocolError,
    SyncError,
    UpstreamError,
)
from veracore_sync.domain.failures import (
    ENDS_THE_RUN,
    NOT_BEGUN,
    OF_AN_UPSTREAM_OR_TIME,
    ONLY_THIS_OPERATION,
)
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import (
    LOST_RACE,
    OPEN_SLIPS,
    Applied,
    OrderState,
    PickSlipState,
)
from veracore_sync.domain.warehouse import UnreadableShipment
from veracore_sync.jobs.cancel.run import NOW_IN_THE_SHOP, note_sighting
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.jobs.progress import LISTING, counted
from veracore_sync.jobs.reasons import HERE, Why
from veracore_sync.jobs.report import raise_alert
from veracore_sync.jobs.tracking.alert_ends import AlertEnds
from veracore_sync.jobs.tracking.days import Days, days_to_ask
from veracore_sync.jobs.tracking.execute import Fulfiller
from veracore_sync.jobs.tracking.overdue import alert_waiting_shipments, note_listed, note_unlisted
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.rules import Rules, rules_of
from veracore_sync.jobs.tracking.snapshot import OrderSnapshot
from veracore_sync.jobs.tracking.targets import WORKABLE, Targets
from veracore_sync.jobs.tracking.unanswered import (
    ORDERS,
    PARTS,
    UNKNOWN_ORDERS,
    Unanswered,
    conclude,
)
from veracore_sync.jobs.tracking.unknown_orders import UnknownOrders
from veracore_sync.jobs.tracking.window import Listed, by_order, readable, unreadable_rows
from veracore_sync.jobs.unknown_order import unknown_order
from veracore_sync.ports.warehouse import Absent, LookUpFailed, Present

_LOG = logging.getLogger(__name__)
_COMPLETE = "tracking.complete_at"
_ALL = 1_000_000_000


@dataclass(slots=True)
class TrackingRun(JobRun[TrackingReport]):
    """Turns the warehouse's shipments into fulfilments with tracking."""

    _rules: Rules = field(init=False)
    _unanswered: Unanswered = field(init=False)
    _unknown: Unanswered = field(init=False)
    _parts: Unanswered = field(init=False)
    _unlisted: SyncError | None = field(default=None, init=False)
    _finds_orders: bool = field(default=False, init=False)

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
        for done, row in enumerate(orders):
            self.context.progress("looking orders up", done, len(orders))
            if self.context.ends_here():
                return False
            if not self._rests(row):
                self._follow(row, targets)
        return True

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
        days = self._days()
        listed = self._list(days)
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

    def _days(self) -> Days:
        return days_to_ask(
            self.clock.now(),
            self.settings.tracking_zone,
            last_complete=self.ledger.meta.moment(_COMPLETE),
            not_before=self.settings.orders.not_before or self.ledger.meta.live_since,
            lookback_days=self.settings.tracking.lookback_days,
        )

    def _list(self, days: Days) -> Mapping[str, Listed] | None:
        """What is listed, by order; ``None`` if the list cannot be read."""
        self.context.progress(LISTING, 0, 0)
        rows = (row for first, last in days.parts() for row in self.warehouse.shipped(first, last))
        unreadable: list[UnreadableShipment] = []
        try:
            one_by_one = counted(rows, self.context.progress, LISTING)
            listed = by_order(readable(one_by_one, unreadable), self.settings.tracking_zone)
        except SyncError as error:
            is_upstreams = isinstance(error, UpstreamError) and error not in NOT_BEGUN
            if not is_upstreams and error not in ONLY_THIS_OPERATION:
                raise
            # Without the list, due orders and some others are still looked up one by one.
            _LOG.warning("shipments cannot be listed: %s", error.message)
            self._unlisted = error
            if not self.context.must_not_write:
                note_unlisted(self.ledger, self.clock, error.message, self.report)
            return None
        if not self.context.must_not_write:
            note_listed(self.ledger)
        if unreadable:
            self.report.notify(unreadable_rows(unreadable))
        return listed

    # ---- one order ----------------------------------------------------------------------------

    def _follow(self, row: OrderRow, targets: Targets) -> None:
        """Look up one order and carry out what follows.

        Raises:
            SyncError: The other orders could not be worked on either.
        """
        veracore_id = row.veracore_id or row.code
        found = self.warehouse.look_up(veracore_id)
        self.report.checked += 1
        self._check_warehouse()
        if isinstance(found, LookUpFailed) and row.state not in WORKABLE:
            # It was cancelled there: only that it left all the same would be news.
            self.report.notify(f"{row.code}, cancelled at VeraCore: {found.error.message}")
            return
        if isinstance(found, LookUpFailed):
            self._unanswered.failed(row.code, found.error)
            return
        if isinstance(found, Absent) and found.unless is not None:
            self._must_find_another(row, found.unless)
        self._finds_orders |= isinstance(found, Present)
        self._unanswered.answered("veracore")
        before = len(self.report.outcomes) + len(self.report.plan or ())
        try:
            self._look_at(row, veracore_id, found, targets)
        except SyncError as error:
            # One bad order must not stop the others, unless the error concerns all of them.
            if error in ENDS_THE_RUN:
                raise
            _LOG.warning("order %s: %s", row.code, error.message)
            self._unanswered.failed(row.code, error)
        else:
            self._unanswered.worked(row.code)
            self._note_parts(row, found)
            if len(self.report.outcomes) + len(self.report.plan or ()) == before:
                self.report.idle(row.code, _idle(found))

    def _note_parts(self, row: OrderRow, found: Present | Absent) -> None:
        """Note slips that cannot be read. They wait; the order does not, so its others go on."""
        slips = found.record.shipments if isinstance(found, Present) else ()
        problems = [f"slip {one.slip}: {one.problem}" for one in slips if one.problem]
        if problems and row.state == OrderState.SYNCED:
            words = f"VeraCore: {'; '.join(problems[:3])}"
            self._parts.failed(row.code, ProtocolError(words, upstream="veracore"))
            self._parts.answered("veracore")
        else:
            self._parts.worked(row.code)

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

    def _look_at(
        self, row: OrderRow, veracore_id: str, found: Present | Absent, targets: Targets
    ) -> None:
        if isinstance(found, Absent):
            self._missing(row, veracore_id)
            return
        snapshot = OrderSnapshot(
            row, veracore_id, found.record, self.ledger, self._rules, self.clock
        )
        if not self.context.must_not_write:
            self._work(snapshot, targets)
            return
        order = self.shop.fulfilments.orders([row.code]).get(row.code)
        if order is not None and is_another(row, order.id, order.placed_at):
            order = None
        if order is not None and self.report.plan is not None:
            self.report.plan += [(row.code, one) for one in snapshot.plan(order, snapshot.seen())]

    def _work(self, snapshot: OrderSnapshot, targets: Targets) -> None:
        row, record = snapshot.row, snapshot.record
        self.ledger.alerts.resolve(AlertKind.ORDER_MISSING, code=row.code)
        if row.is_set_aside:
            self._follow_apart(snapshot, targets)
            return
        snapshot.remember(targets.rows_to_keep(snapshot.veracore_id))
        self._tell_what_left(snapshot)
        if row.state == OrderState.CANCELLED:
            return
        if record.status == "cancelled" and self._is_to_be_cancelled(snapshot):
            return
        if record.status == "cancelled" and row.state == OrderState.SYNCED:
            message = "it was cancelled at VeraCore after it was placed"
            change = self.ledger.transitions.cancel(row.code, snapshot.veracore_id, message)
            if change is Applied.NEWS:
                self.report.escalate(f"{row.code}: {message}")
            elif change is Applied.LOST:
                self.report.notify(f"{row.code}: {LOST_RACE}")
            return
        if not snapshot.concerns_the_shop():
            for hold, slip in snapshot.holds():
                self.ledger.shipments.hold(slip, hold.reason, hold.until, failed=False)
                self.report.record(row.code, hold.slip, "waiting", hold.reason, hold.until)
            return
        try:
            Fulfiller(self.context, self._rules).work(row, snapshot.veracore_id, snapshot.plan)
            self._unanswered.answered("vendure")
        except LockHeld as error:
            self.report.notify(f"{row.code}: {error.message}")

    def _follow_apart(self, snapshot: OrderSnapshot, targets: Targets) -> None:
        """Follow an order that the shop no longer has to its end at VeraCore.

        Nothing is read or written in the shop: another order has its code there now.
        """
        row, record = snapshot.row, snapshot.record
        rows = targets.rows_to_keep(snapshot.veracore_id)
        snapshot.remember(rows, slips=False)
        if record.status == "cancelled" and row.state == OrderState.SYNCED:
            with self.ledger.unit_of_work():
                message = "it was cancelled at VeraCore, and the shop no longer has it"
                self.ledger.transitions.cancel(row.code, snapshot.veracore_id, message)
                # Nobody has to refund it in the shop, which is what ends this alert.
                self.ledger.alerts.resolve(AlertKind.ORDER_CANCELLED, code=row.code)
            self.report.record(row.code, "", "closed", message)
        elif record.is_complete and self.ledger.transitions.ship(row.code):
            self.report.record(row.code, "", "closed", "the shop no longer has it")

    def _is_to_be_cancelled(self, snapshot: OrderSnapshot) -> bool:
        """Whether the order is to be cancelled, so that a second look-up has to confirm it."""
        change = note_sighting(self.context, snapshot.row, snapshot.record)
        if change is Applied.NEWS:
            self.report.escalate(f"{snapshot.row.code}: {NOW_IN_THE_SHOP}")
        return change is not None

    def _tell_what_left(self, snapshot: OrderSnapshot) -> None:
        """Report goods of an order that left although it was cancelled, or was to be."""
        row, gone = snapshot.row, left_slips(snapshot.record)
        wish = self.ledger.cancellations.get(row.code) if gone else None
        if not gone or (wish is None and row.state != OrderState.CANCELLED):
            return
        known = self.ledger.shipments.slips(snapshot.veracore_id)
        # Told before the fulfilment is made, so what has one already left before the wish.
        ended = (PickSlipState.DONE, PickSlipState.COVERED)
        earlier = {one.slip for one in known.values() if one.state in ended}
        slips = [slip for slip in gone if slip not in earlier]
        if not slips:
            return
        left = f"VeraCore shipped slip {', '.join(slips)}"
        if row.state == OrderState.CANCELLED:
            self._left_cancelled(row, [known[slip] for slip in slips if slip in known], left)
            return
        message = f"{left} although it was asked to cancel the order"
        if self.ledger.cancellations.leave(row.code, message) is Applied.NEWS:
            self.report.escalate(f"{row.code}: {message}")

    def _left_cancelled(self, row: OrderRow, slips: Sequence[SlipRow], left: str) -> None:
        """Report goods of an order that VeraCore showed as cancelled, and hand them to a person."""
        message = f"{left} although it showed the order as cancelled"
        with self.ledger.unit_of_work():
            for slip in slips:
                if slip.state in OPEN_SLIPS:
                    self.ledger.shipments.hand_over(slip, message)
            kind = AlertKind.ORDER_SHIPPED_CANCELLED
            raise_alert(self.ledger, self.report, kind, message, code=row.code)

    def _missing(self, row: OrderRow, veracore_id: str) -> None:
        self.report.errors += 1
        message = f"VeraCore no longer has it under {veracore_id}"
        self.report.record(row.code, "", "missing", message)
        if self.context.must_not_write:
            return
        self.ledger.shipments.looked(row.code, veracore_id, reference="", rows=None, seen={})
        if row.state == OrderState.SHIPPED:
            return  # nothing of it is left to ship, so it may be gone
        raise_alert(self.ledger, self.report, AlertKind.ORDER_MISSING, message, code=row.code)


def _idle(found: Present | Absent) -> str:
    if isinstance(found, Absent):
        return "VeraCore no longer has it"
    record = found.record
    if record.status == "cancelled":
        return "it is cancelled at VeraCore"
    if not any(one.packages for one in record.shipments):
        return "VeraCore has shipped nothing of it yet"
    return "the shop has what VeraCore shipped of it"


def _not_followed(row: OrderRow) -> Why:
    todo = f"`veracore-sync sync-orders --order {HERE}` says where it stands"
    return Why("not looked up", f"it is {STATE_LABELS[row.state]}, so nothing of it can ship", todo)
