"""Carries out planned actions: one ledger transition for each step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from veracore_sync.domain.errors import ProtocolError, SyncError
from veracore_sync.domain.failures import MAY_PASS, OF_ALL_RECORDS
from veracore_sync.domain.fulfilments import SHIPPED_STATES, FulfilledOrder, Fulfilment
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.shop_texts import LONG, code_text, is_code_of, is_shortened
from veracore_sync.domain.states import LOST_RACE, PickSlipState
from veracore_sync.domain.warehouse import Package
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.report import raise_alert
from veracore_sync.jobs.tracking import actions as planned
from veracore_sync.jobs.tracking.actions import DOUBLED, PENDING_BY_HAND, SHORT_SHIPPED
from veracore_sync.jobs.tracking.apart import ReadyOrder, Variants
from veracore_sync.jobs.tracking.carriers import tracking_code
from veracore_sync.jobs.tracking.events import event_lines, slip_event
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.requests import MovedOn, ShopRequests, must_apply
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.slips import EXCLUDED, REST

_LOG = logging.getLogger(__name__)
_PASSES = 4
_BESIDE_IDS = 200
"""Characters of a note that are kept for the words around the tracking ids."""


class TouchesMore(Exception):
    """The order has variants by now that another one, which is under way, may have too."""


@dataclass(frozen=True, slots=True)
class ShippedSlip:
    """A slip whose fulfilment is Shipped in the shop, and is not yet `done` in the ledger.

    Args:
        code: The tracking code.
        data: Of its event.
    """

    row: SlipRow
    code: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class Fulfiller(RunPart[TrackingReport]):
    """Executes the plans of single orders."""

    rules: Rules

    def work(self, ready: ReadyOrder, variants: Variants | None) -> None:
        """Carry out the plan, and plan again until nothing is left to do.

        The caller holds the stock lock.

        Args:
            ready: The order.
            variants: Those that it may touch; ``None``: any.

        Raises:
            TouchesMore: The order has others by now.
            SyncError: The shop could not be asked, or did not answer; what was written stays.
        """
        row, veracore_id = ready.row, ready.veracore_id
        moved = False
        unanswered: SyncError | None = None
        shipped: Sequence[ShippedSlip] = ()
        self.ledger.shipments.close_requests(veracore_id)
        for left in reversed(range(_PASSES)):
            try:
                order = self._read(row, variants)
            except (SyncError, TouchesMore):
                self._finish(shipped)
                raise
            step = _Step(self.context, self.rules, order, veracore_id)
            before = _Before(ready, step, shipped, moved)
            # What became of the last pass is one commit with its end: until then the slips are
            # `added`, and after a crash the next run finds their fulfilments by their ids.
            with self.ledger.unit_of_work() if shipped else nullcontext():
                actions, is_concluded = self._plan(before)
            if is_concluded:
                break
            try:
                # A list, not `any()` of a generator: every action is tried, also after one that
                # changed something.
                done = [step.execute(action) for action in actions]
            except SyncError:
                self._finish(step.shipped)
                raise
            shipped = step.shipped
            unanswered = step.unanswered or unanswered
            moved = moved or any(done)
            if not any(done) or not left:
                self._finish(shipped)
                self._conclude(order, veracore_id, actions, moved=moved)
                break
        if unanswered is not None:
            raise unanswered

    def _plan(self, before: _Before) -> tuple[Sequence[planned.Action], bool]:
        """Record the last pass, and plan; carry the plan out if that takes no request."""
        step, ready = before.step, before.ready
        self._finish(before.shipped)
        actions = ready.plan(step.order, self.ledger.shipments.slips(ready.veracore_id))
        if any(isinstance(one, planned.ASK_THE_SHOP) for one in actions):
            return actions, False
        for action in actions:
            step.execute(action)
        self._conclude(step.order, ready.veracore_id, actions, moved=before.moved)
        return actions, True

    def _read(self, row: OrderRow, variants: Variants | None) -> FulfilledOrder:
        order = self.shop.fulfilments.orders([row.code]).get(row.code)
        if order is None:
            raise ProtocolError("the shop has no such order", upstream="vendure")
        if is_another(row, order.id, order.placed_at):
            # `sync-orders` sets ours aside; another customer's order gets nothing of it.
            raise ProtocolError("the shop has another order under this code", upstream="vendure")
        if variants is not None and not variants.issuperset(one.variant_id for one in order.lines):
            raise TouchesMore
        return order

    def _finish(self, shipped: Sequence[ShippedSlip]) -> None:
        """Record that these slips' fulfilments are Shipped, with their events."""
        for one in shipped:
            row = one.row
            try:
                with self.ledger.unit_of_work():
                    must_apply(self.ledger.shipments.finish(row))
                    self.ledger.outbox.add(EventKind.TRACKING_UPDATED, row.code, one.data)
            except MovedOn:
                self.report.notify(f"{row.code}: {LOST_RACE}")
                continue
            self.report.updated += 1
            self.report.record(row.code, row.slip, "fulfilled", one.code)

    def _end_of_reports(self, code: str, actions: Sequence[planned.Action]) -> None:
        """Resolve an alert once a person, or VeraCore, has done what it asked for."""
        reported = {one.kind for one in actions if isinstance(one, planned.ReportIssue)}
        ended = {DOUBLED, SHORT_SHIPPED, PENDING_BY_HAND} - reported
        if any(isinstance(one, planned.Hold) for one in actions):
            # While a slip waits, what the order lacks is not examined, nor where its units are.
            ended -= {SHORT_SHIPPED, PENDING_BY_HAND}
        for one in self.ledger.alerts.standing():
            if one.code == code and one.kind in ended:
                self.ledger.alerts.resolve(one.kind, code=code)

    def _conclude(
        self,
        order: FulfilledOrder,
        veracore_id: str,
        actions: Sequence[planned.Action],
        *,
        moved: bool,
    ) -> None:
        self._end_of_reports(order.code, actions)
        data = {"vendureOrderCode": order.code, "veracoreOrderId": veracore_id}
        if order.state in SHIPPED_STATES:
            with self.ledger.unit_of_work():
                if self.ledger.transitions.ship(order.code):
                    self.ledger.outbox.add(EventKind.ORDER_SHIPPED, order.code, data)
                    self.report.record(order.code, "", "shipped")
        elif moved and order.state == "PartiallyShipped":
            self.ledger.outbox.add(EventKind.ORDER_PARTIALLY_SHIPPED, order.code, data)


@dataclass(slots=True)
class _Step(RunPart[TrackingReport]):
    """One pass over one order. Methods return whether something changed in the shop."""

    rules: Rules
    order: FulfilledOrder
    veracore_id: str
    unanswered: SyncError | None = None
    shipped: list[ShippedSlip] = field(default_factory=list)
    _requests: ShopRequests = field(init=False)

    def __post_init__(self) -> None:
        self._requests = ShopRequests(self.context, self.rules, self.order)

    def execute(self, action: planned.Action) -> bool:
        try:
            return self._execute(action)
        except MovedOn as lost:
            sentence = f"{self.order.code}: {LOST_RACE}"
            if lost.made:
                self.report.escalate(
                    f"{sentence}, and the shop made {lost.made} for it: check it in the shop"
                )
            else:
                self.report.notify(sentence)
            return False

    def _execute(self, action: planned.Action) -> bool:
        if isinstance(action, planned.EndOrder):
            return self._requests.end_order()
        if isinstance(action, planned.Close):
            self._close(action)
            return False
        if isinstance(action, planned.ReportIssue):
            self._alert(action.kind, action.message, action.difference)
            return False
        row = self._slip(action.slip)
        if isinstance(action, planned.Fulfil):
            return self._guarded(row, lambda: self._fulfil(row, action))
        if isinstance(action, planned.AdoptFulfilment):
            return self._guarded(row, lambda: self._adopt(row, action))
        if isinstance(action, planned.Undo):
            return self._undo(row, action.fulfilment)
        self._write(row, action)
        return False

    def _slip(self, slip: str) -> SlipRow:
        shipments = self.ledger.shipments
        if slip == EXCLUDED and slip not in shipments.slips(self.veracore_id):
            # VeraCore lists no such slip: its row is made when there is something to do.
            shipments.looked(
                self.order.code, self.veracore_id, reference="", rows=None, seen={slip: ()}
            )
        return shipments.slips(self.veracore_id)[slip]

    # ---- the actions that change the ledger alone ---------------------------------------------

    def _write(
        self,
        row: SlipRow,
        action: planned.AlreadyFulfilled | planned.Hold | planned.Escalate | planned.Correct,
    ) -> None:
        shipments, code = self.ledger.shipments, row.code
        if isinstance(action, planned.Hold):
            must_apply(shipments.hold(row, action.reason, action.until, failed=False))
            self.report.record(code, row.slip, "waiting", action.reason, action.until)
        elif isinstance(action, planned.Escalate):
            with self.ledger.unit_of_work():
                must_apply(shipments.hand_over(row, action.message))
                self._alert(action.kind, action.message)
            self.report.record(code, row.slip, "handed over", action.message)
        elif isinstance(action, planned.Correct):
            with self.ledger.unit_of_work():
                must_apply(shipments.correct(row, action.after))
                self._corrected(row, action.before, action.after, action.packages)
            self.report.record(code, row.slip, "corrected", action.after)
        else:
            self._cover(row, action)

    def _cover(self, row: SlipRow, action: planned.AlreadyFulfilled) -> None:
        code = ", ".join(one.tracking for one in action.packages if one.tracking)
        with self.ledger.unit_of_work():
            must_apply(self.ledger.shipments.cover(row, code))
            if code:
                # The shop's fulfilments of these units have another code, or none.
                self._corrected(row, "", code, action.packages)
        is_a_rest = row.slip in (REST, EXCLUDED)
        why = "nothing is left to fulfil" if is_a_rest else "fulfilled by other means"
        self.report.record(row.code, row.slip, "covered", why)

    def _corrected(
        self, row: SlipRow, before: str, after: str, packages: Sequence[Package]
    ) -> None:
        data = slip_event(row, row.fulfilment_id, after, packages, self.rules.carriers) | {
            "lines": event_lines(self.order, row.lines or {}),
            "previous": before,
        }
        self.ledger.outbox.add(EventKind.TRACKING_CORRECTED, row.code, data)

    def _close(self, action: planned.Close) -> None:
        why = action.reason if action.is_shipped else None
        if self.ledger.transitions.ship(self.order.code, why):
            what = "shipped" if action.is_shipped else "closed"
            self.report.record(self.order.code, "", what, action.reason)

    def _alert(self, kind: AlertKind, message: str, difference: str | None = None) -> None:
        code = self.order.code
        raise_alert(self.ledger, self.report, kind, message, code=code, difference=difference)

    # ---- fulfilling ---------------------------------------------------------------------------

    def _guarded(self, row: SlipRow, work: Callable[[], bool]) -> bool:
        """Do the work; record a failure of this slip alone.

        Raises:
            SyncError: An error that concerns the shop, the settings or the ledger as a whole.
        """
        try:
            return work()
        except SyncError as error:
            # One bad slip must not stop the others.
            if error in OF_ALL_RECORDS:
                raise
            self._failed(row, error)
            return False

    def _failed(self, row: SlipRow, error: SyncError) -> None:
        _LOG.warning("order %s, slip %s: %s", row.code, row.slip, error.message)
        retry = self.settings.retry
        later = self.clock.now() + retry.backoff.wait(row.tries + 1)
        if error in MAY_PASS:
            # A temporary failure is retried for as long as it lasts; the run remembers the order.
            self.unanswered = error
            self.ledger.shipments.hold(row, error.message, later, failed=True)
            return
        self.report.errors += 1
        if row.tries + 1 >= retry.max_attempts:
            message = f"slip {row.slip} could not be fulfilled: {error.message}"
            with self.ledger.unit_of_work():
                must_apply(self.ledger.shipments.hand_over(row, error.message, failed=True))
                self._alert(AlertKind.ORDER_UNFULFILLABLE, message)
            self.report.record(row.code, row.slip, "handed over", error.message)
            return
        self.ledger.shipments.hold(row, error.message, later, failed=True)
        self.report.record(row.code, row.slip, "failed", error.message, later)

    def _fulfil(self, row: SlipRow, action: planned.Fulfil) -> bool:
        made = self._requests.fulfil(row, action)
        pass_failpoint("fulfilment added")
        shipments, code = self.ledger.shipments, action.tracking_code
        added = self.ledger.together(lambda: shipments.add(row, made, action.lines, code))
        must_apply(added, f"fulfilment {made}")
        pass_failpoint("fulfilment recorded")
        self._requests.ship(made)
        pass_failpoint("fulfilment shipped")
        if row.state == PickSlipState.INTENDED and row.intended_at:
            # An earlier request for this fulfilment was never answered. The slip is examined again
            # once that request must have ended, to undo a duplicate that it may have made.
            later = self.clock.now() + self.rules.grace
            self.ledger.shipments.hold(row, "it was requested twice", later, failed=True)
            return True
        self._has_shipped(row, made, action.lines, action.tracking_code, action.packages)
        return True

    def _adopt(self, row: SlipRow, action: planned.AdoptFulfilment) -> bool:
        ours = action.fulfilment
        # The shop may hold a part of it only; the ledger has the whole, to see later changes.
        codes = (row.tracking_code or "", tracking_code(action.packages))
        shown = ours.tracking_code
        code = next((one for one in codes if is_code_of(shown, one)), shown)
        if row.state != PickSlipState.ADDED:
            must_apply(self.ledger.shipments.add(row, ours.id, ours.lines, code))
        if ours.state not in SHIPPED_STATES:
            self._requests.ship(ours.id)
        self._has_shipped(row, ours.id, ours.lines, code, action.packages)
        return True

    def _undo(self, row: SlipRow, double: Fulfilment) -> bool:
        self._requests.cancel(double.id)
        self.report.record(row.code, row.slip, "undone", f"fulfilment {double.id}, a duplicate")
        return True

    def _has_shipped(
        self,
        row: SlipRow,
        fulfilment_id: str,
        lines: Mapping[str, int],
        code: str,
        packages: Sequence[Package],
    ) -> None:
        if self.settings.tracking.history_note or is_shortened(code):
            ids = code_text(code, LONG - _BESIDE_IDS)
            text = f"VeraCore shipped slip {row.slip}{f': {ids}' if ids else ''}"
            self._requests.note(text, once=is_shortened(code))
        data = slip_event(row, fulfilment_id, code, packages, self.rules.carriers) | {
            "lines": event_lines(self.order, lines)
        }
        self.shipped.append(ShippedSlip(row, code, data))


@dataclass(frozen=True, slots=True)
class _Before:
    """How an order stands when a pass is planned.

    Args:
        shipped: What the last pass made.
        moved: Whether an earlier one changed anything.
    """

    ready: ReadyOrder
    step: _Step
    shipped: Sequence[ShippedSlip]
    moved: bool
