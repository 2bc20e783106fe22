"""From actions to fulfilments: each with its intent, and one ledger transition a step."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from veracore_sync.clock import Clock
from veracore_sync.config import RetrySettings
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.states import LOST_RACE, Applied, PickSlipState
from veracore_sync.errors import (
    ENDS_THE_RUN,
    AuthRefused,
    BreakerOpen,
    ConfigError,
    ProtocolError,
    RateLimited,
    SyncError,
    TimedOut,
    Unavailable,
)
from veracore_sync.failpoint import hit
from veracore_sync.jobs.tracking import actions as planned
from veracore_sync.jobs.tracking.actions import DOUBLED
from veracore_sync.jobs.tracking.carriers import Carriers
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.model import Package
from veracore_sync.ports.ledger import Ledger
from veracore_sync.vendure.fulfilment import (
    GONE,
    FulfilledOrder,
    Fulfilment,
    Refused,
    ShopFulfilments,
    refusal_as_error,
)
from veracore_sync.vendure.stock import Level, NewLevel, ShopStock

_LOG = logging.getLogger(__name__)
STOCK_LOCK = "stock"
_COMMAND = "sync-tracking"
_LOCK_WAIT = 30.0
_PASSES = 4
_SHORT = "INSUFFICIENT_STOCK_ON_HAND_ERROR"
_NO_HANDLER = "INVALID_FULFILLMENT_HANDLER_ERROR"

# What no other slip, and no other order, would fare better with.
_OF_ALL = (AuthRefused, BreakerOpen, RateLimited, *ENDS_THE_RUN)
# Held back or turned away unread: the shop has not begun.
_NOT_DONE = (AuthRefused, BreakerOpen, RateLimited)

Plan = Callable[[FulfilledOrder, Mapping[str, SlipRow]], Sequence[planned.Action]]
"""Plans one order from what the shop and the ledger say of it now."""


@dataclass(slots=True)
class Fulfiller:
    """Executes the plans of single orders.

    Args:
        fulfilments: Of the shop.
        stock: Of the shop; for levels that are too low to fulfil what has left already.
        ledger: Where every step is written.
        carriers: For what events tell.
        handler: The code of Vendure's fulfilment handler.
        history_note: Whether to write into the order's history, too.
        retry: How long a slip that failed waits, and when a person gets it.
        call_limit: How long our side of a request may take at most.
        grace: How long the shop may be at work on it after that.
        clock: The time.
        result: Counts.
    """

    fulfilments: ShopFulfilments
    stock: ShopStock
    ledger: Ledger
    carriers: Carriers
    handler: str
    history_note: bool
    retry: RetrySettings
    call_limit: timedelta
    grace: timedelta
    clock: Clock
    result: TrackingResult

    def work(self, code: str, veracore_id: str, plan: Plan) -> None:
        """Do what the plan says, and plan again, until it says nothing more.

        Writing stock and adding fulfilments share one lock; the order is read under it.

        Raises:
            LockHeld: Somebody else held the stock lock for long.
            SyncError: The shop could not be asked, or did not answer; what was written stays.
        """
        moved = False
        unanswered: SyncError | None = None
        order: FulfilledOrder | None = None
        actions: Sequence[planned.Action] = ()
        with self.ledger.runs.lock(STOCK_LOCK, _COMMAND, wait_seconds=_LOCK_WAIT):
            self.ledger.shipments.close_requests(veracore_id)
            for _ in range(_PASSES):
                order = self.fulfilments.orders([code]).get(code)
                if order is None:
                    raise ProtocolError("the shop has no such order", upstream="vendure")
                step = _Step(self, order, veracore_id)
                actions = plan(order, self.ledger.shipments.slips(veracore_id))
                # Each must be tried: the first that is done must not keep the others waiting.
                done = [step.execute(action) for action in actions]
                unanswered = step.unanswered or unanswered
                if not any(done):
                    break
                moved = True
        self._end_of_doubles(code, actions)
        if order is not None:
            self._conclude(order, veracore_id, moved=moved)
        if unanswered is not None:
            raise unanswered

    def _end_of_doubles(self, code: str, actions: Sequence[planned.Action]) -> None:
        """What a person was asked to cancel in the shop is gone."""
        if any(isinstance(one, planned.Report) and one.kind == DOUBLED for one in actions):
            return
        if any((one.kind, one.code) == (DOUBLED, code) for one in self.ledger.alerts.standing()):
            self.ledger.alerts.resolve(DOUBLED, code=code)

    def _conclude(self, order: FulfilledOrder, veracore_id: str, *, moved: bool) -> None:
        data = {"vendureOrderCode": order.code, "veracoreOrderId": veracore_id}
        if order.state in GONE:
            with self.ledger.unit_of_work():
                if self.ledger.moves.ship(order.code):
                    self.ledger.outbox.add(EventKind.ORDER_SHIPPED, order.code, data)
                    self.result.note(order.code, "", "shipped")
        elif moved and order.state == "PartiallyShipped":
            self.ledger.outbox.add(EventKind.ORDER_PARTIALLY_SHIPPED, order.code, data)


class _MovedOn(Exception):
    """Another run was first: the slip is no longer where its plan found it.

    `made` is what the shop had been asked to make of it by then, which nothing binds to it now.
    """

    def __init__(self, made: str) -> None:
        super().__init__(made)
        self.made = made


@dataclass(slots=True)
class _Step:
    """One pass over one order. Each method tells whether something changed in the shop."""

    by: Fulfiller
    order: FulfilledOrder
    veracore_id: str
    unanswered: SyncError | None = None

    def execute(self, action: planned.Action) -> bool:
        try:
            return self._execute(action)
        except _MovedOn as lost:
            sentence = f"{self.order.code}: {LOST_RACE}"
            if lost.made:
                self.by.result.news.append(f"{sentence}, and the shop made {lost.made} of it")
            else:
                self.by.result.notes.append(sentence)
            return False

    def _execute(self, action: planned.Action) -> bool:
        if isinstance(action, planned.EndOrder):
            return self._end_order()
        if isinstance(action, planned.Close):
            self._close()
            return False
        if isinstance(action, planned.Report):
            self._tell(action.kind, action.message)
            return False
        row = self.by.ledger.shipments.slips(self.veracore_id)[action.slip]
        if isinstance(action, planned.Fulfil):
            return self._guarded(row, lambda: self._fulfil(row, action))
        if isinstance(action, planned.Adopt):
            return self._guarded(row, lambda: self._adopt(row, action))
        if isinstance(action, planned.Undo):
            return self._undo(row, action.fulfilment)
        self._write(row, action)
        return False

    def _write(
        self,
        row: SlipRow,
        action: planned.Cover | planned.Hold | planned.HandOver | planned.Correct,
    ) -> None:
        """The actions that change the ledger alone."""
        shipments, code = self.by.ledger.shipments, row.code
        if isinstance(action, planned.Hold):
            _must_apply(shipments.hold(row, action.reason, action.until, failed=False))
            self.by.result.note(code, row.slip, "waiting", action.reason)
        elif isinstance(action, planned.HandOver):
            with self.by.ledger.unit_of_work():
                _must_apply(shipments.hand_over(row, action.message))
                self._tell(action.kind, action.message)
            self.by.result.note(code, row.slip, "handed over", action.message)
        elif isinstance(action, planned.Correct):
            with self.by.ledger.unit_of_work():
                _must_apply(shipments.correct(row, action.after))
                self._corrected(row, action.before, action.after, action.packages)
            self.by.result.note(code, row.slip, "corrected", action.after)
        else:
            self._cover(row, action)

    def _cover(self, row: SlipRow, action: planned.Cover) -> None:
        code = ", ".join(one.tracking for one in action.packages if one.tracking)
        with self.by.ledger.unit_of_work():
            _must_apply(self.by.ledger.shipments.cover(row, code))
            if code:
                # The shop's fulfilments of these units bear another code, or none.
                self._corrected(row, "", code, action.packages)
        self.by.result.note(row.code, row.slip, "covered", "fulfilled by other means")

    # ---- fulfilling ---------------------------------------------------------------------------

    def _guarded(self, row: SlipRow, work: Callable[[], bool]) -> bool:
        """One bad slip never stops the others.

        Raises:
            SyncError: It says something of the shop, the settings or the ledger as a whole.
        """
        try:
            return work()
        except _OF_ALL:
            raise
        except SyncError as error:
            self._failed(row, error)
            return False

    def _failed(self, row: SlipRow, error: SyncError) -> None:
        _LOG.warning("order %s, slip %s: %s", row.code, row.slip, error.message)
        later = self.by.clock.now() + self.by.retry.after(row.tries + 1)
        if isinstance(error, Unavailable | TimedOut):
            # It may pass, so it is never given up; the run remembers the order.
            self.unanswered = error
            self.by.ledger.shipments.hold(row, error.message, later, failed=True)
            return
        self.by.result.errors += 1
        if row.tries + 1 >= self.by.retry.max_attempts:
            message = f"slip {row.slip} could not be fulfilled: {error.message}"
            with self.by.ledger.unit_of_work():
                _must_apply(self.by.ledger.shipments.hand_over(row, error.message, failed=True))
                self._tell(AlertKind.ORDER_UNFULFILLABLE, message)
            return
        self.by.ledger.shipments.hold(row, error.message, later, failed=True)
        self.by.result.note(row.code, row.slip, "failed", error.message)

    def _fulfil(self, row: SlipRow, action: planned.Fulfil) -> bool:
        try:
            made = self._make(row, action)
        except Refused as refusal:
            raise self._refusal(refusal) from refusal
        hit("fulfilment added")
        added = self.by.ledger.shipments.add(row, made, action.lines, action.tracking_code)
        _must_apply(added, f"fulfilment {made}")
        hit("fulfilment recorded")
        self._ship(made)
        hit("fulfilment shipped")
        if row.state == PickSlipState.INTENDED and row.intended_at:
            # An earlier request for it was never answered. It is looked at once more when even
            # that one has ended for certain: what it may have made since is undone then.
            later = self.by.clock.now() + self.by.grace
            self.by.ledger.shipments.hold(row, "it was asked for twice", later, failed=True)
            return True
        self._done(row, made, action.lines, action.tracking_code, action.packages)
        return True

    def _make(self, row: SlipRow, action: planned.Fulfil) -> str:
        try:
            return self._ask(row, action)
        except Refused as refusal:
            if refusal.code != _SHORT:
                raise
        # The goods are gone: the shop's level is wrong, not the shipment.
        self._raise_stock(action.lines)
        return self._ask(row, action)

    def _ask(self, row: SlipRow, action: planned.Fulfil) -> str:
        """One request, with its intent; what is known of its end is in the ledger.

        Raises:
            Refused: Nothing was made.
            SyncError: Nothing is known, or (one of `_NOT_DONE`) nothing was made.
        """
        shipments = self.by.ledger.shipments
        intended = shipments.intend(
            row,
            action.lines,
            method=action.method,
            tracking_code=action.tracking_code,
            known=[one.id for one in self.order.fulfilments],
            ends_by=self.by.clock.now() + self.by.call_limit,
        )
        _must_apply(intended)
        hit("fulfilment intended")
        try:
            return self.by.fulfilments.add(
                action.lines,
                handler=self.by.handler,
                method=action.method,
                tracking_code=action.tracking_code,
            )
        except (Refused, *_NOT_DONE):
            shipments.withdraw(row)
            raise
        except SyncError as error:
            shipments.unanswered(row, has_ended=getattr(error, "has_ended", False))
            raise

    def _refusal(self, refusal: Refused) -> SyncError:
        if refusal.code == _NO_HANDLER:
            return ConfigError(
                f"Vendure has no fulfilment handler {self.by.handler!r}",
                hint="set tracking.handler to the code of one of its fulfilment handlers",
            )
        return refusal_as_error(refusal, "the fulfilment")

    def _adopt(self, row: SlipRow, action: planned.Adopt) -> bool:
        ours = action.fulfilment
        if row.state != PickSlipState.ADDED:
            shipments = self.by.ledger.shipments
            _must_apply(shipments.add(row, ours.id, ours.lines, ours.tracking_code))
        if ours.state not in GONE:
            self._ship(ours.id)
        self._done(row, ours.id, ours.lines, ours.tracking_code, action.packages)
        return True

    def _undo(self, row: SlipRow, double: Fulfilment) -> bool:
        _LOG.warning("order %s: cancelling fulfilment %s, a double", row.code, double.id)
        try:
            self.by.fulfilments.cancel(double.id)
        except Refused as refusal:
            if self._state_of(double.id) != "Cancelled":
                raise refusal_as_error(refusal, "to cancel a double") from refusal
        self.by.result.note(row.code, row.slip, "undone", f"fulfilment {double.id}, a double")
        return True

    def _ship(self, fulfilment_id: str) -> None:
        try:
            self.by.fulfilments.ship(fulfilment_id)
        except Refused as refusal:
            if self._state_of(fulfilment_id) not in GONE:
                raise refusal_as_error(refusal, "to ship a fulfilment") from refusal
        except ProtocolError:
            # Two at once: the other one's transition won (docs/vendure.md, "Concurrency").
            if self._state_of(fulfilment_id) not in GONE:
                raise

    def _state_of(self, fulfilment_id: str) -> str:
        order = self.by.fulfilments.orders([self.order.code]).get(self.order.code)
        found = order.fulfilments if order else ()
        return next((one.state for one in found if one.id == fulfilment_id), "")

    def _done(
        self,
        row: SlipRow,
        fulfilment_id: str,
        lines: Mapping[str, int],
        code: str,
        packages: Sequence[Package],
    ) -> None:
        if self.by.history_note:
            self._note(f"VeraCore shipped slip {row.slip}{f': {code}' if code else ''}")
        with self.by.ledger.unit_of_work():
            _must_apply(self.by.ledger.shipments.finish(row))
            data = self._told(row, code, packages) | {
                "fulfillmentId": fulfilment_id,
                "lines": self._told_lines(lines),
            }
            self.by.ledger.outbox.add(EventKind.TRACKING_UPDATED, row.code, data)
        self.by.result.updated += 1
        self.by.result.note(row.code, row.slip, "fulfilled", code)

    def _note(self, text: str) -> None:
        try:
            self.by.fulfilments.note(self.order.id, text)
        except ProtocolError as error:
            # The shipment is in the shop; a note that Vendure does not take must not undo that.
            _LOG.warning("order %s: %s", self.order.code, error.message)

    # ---- the shop's stock ---------------------------------------------------------------------

    def _raise_stock(self, lines: Mapping[str, int]) -> None:
        wanted: Counter[str] = Counter()
        for line in self.order.lines:
            wanted[line.variant_id] += lines.get(line.id, 0)
        variants = self.by.stock.variants_by_id([id for id, units in wanted.items() if units])
        levels = []
        for variant in variants.values():
            lacking = wanted[variant.id] - sum(level.on_hand for level in variant.levels)
            if lacking > 0 and variant.tracked and variant.levels:
                # Vendure takes the goods from where they were allocated.
                at = max(variant.levels, key=_allocated)
                levels.append(NewLevel(variant.id, at.location, at.on_hand + lacking))
                self.by.result.raised.append(variant.sku)
        if levels:
            self.by.stock.set_levels(levels)

    # ---- the order, events, and what a person has to know --------------------------------------

    def _end_order(self) -> bool:
        try:
            self.by.fulfilments.end(self.order.id)
        except Refused as refusal:
            _LOG.warning("order %s stays %s: %s", self.order.code, self.order.state, refusal)
            return False
        except ProtocolError as error:
            _LOG.warning("order %s: %s", self.order.code, error.message)
            self.by.result.errors += 1
            return False
        return True

    def _close(self) -> None:
        if self.by.ledger.moves.ship(self.order.code):
            self.by.result.note(self.order.code, "", "closed", "the shop has cancelled it")

    def _tell(self, kind: AlertKind, message: str) -> None:
        if self.by.ledger.alerts.open(kind, message, code=self.order.code):
            self.by.result.news.append(f"{self.order.code}: {message}")

    def _corrected(
        self, row: SlipRow, before: str, after: str, packages: Sequence[Package]
    ) -> None:
        data = self._told(row, after, packages) | {
            "fulfillmentId": row.fulfilment_id,
            "lines": self._told_lines(row.lines or {}),
            "previous": before,
        }
        self.by.ledger.outbox.add(EventKind.TRACKING_CORRECTED, row.code, data)

    def _told(self, row: SlipRow, code: str, packages: Sequence[Package]) -> dict[str, Any]:
        carriers = self.by.carriers
        first = packages[0] if packages else None
        return {
            "vendureOrderCode": row.code,
            "veracoreOrderId": row.veracore_id,
            "slip": row.slip,
            "carrier": carriers.label(first.carrier) if first else "",
            "service": first.service if first else "",
            "trackingCode": code,
            "packages": [
                {
                    "carrier": carriers.label(one.carrier),
                    "service": one.service,
                    "tracking": one.tracking,
                    "url": carriers.url(one),
                }
                for one in packages
            ],
        }

    def _told_lines(self, lines: Mapping[str, int]) -> list[dict[str, Any]]:
        skus = {line.id: line.sku for line in self.order.lines}
        return [{"sku": skus.get(id, ""), "quantity": units} for id, units in lines.items()]


def _must_apply(change: Applied, made: str = "") -> None:
    if change is Applied.LOST:
        raise _MovedOn(made)


def _allocated(level: Level) -> int:
    return level.allocated
