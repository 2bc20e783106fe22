"""From codes to outcomes: read in full, plan, and send with a few workers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from veracore_sync.domain.errors import Category, Interrupted, SyncError
from veracore_sync.domain.failures import AN_ANSWER_OF_ITS_OWN
from veracore_sync.domain.identity import is_another
from veracore_sync.domain.order_records import Failure, OrderRow
from veracore_sync.domain.orders import Order
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.inventory.sku_map import SPELLINGS
from veracore_sync.jobs.kernel import RunContext
from veracore_sync.jobs.orders.bad_records import LOOK_UP, SHOP, BadRecords, Reader, in_batches
from veracore_sync.jobs.orders.hooked import Hooked
from veracore_sync.jobs.orders.identity import Identities, stub_of
from veracore_sync.jobs.orders.plan import (
    Action,
    HoldOrder,
    ParkOrder,
    Planner,
    SkipOrder,
    SubmitOrder,
)
from veracore_sync.jobs.orders.render import Renderer, settings_hash
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.send import Sender
from veracore_sync.jobs.orders.silent_hooks import SilentHooks

_LOG = logging.getLogger(__name__)
_UNREAD = "the shop gives no usable answer about it, so it is not sent,"
_GONE = "the shop no longer has it"
# What an unforeseen record may raise in a pure planner. It must not stop the other orders.
_PLANNER_ERRORS = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class _Unplannable:
    """An order that the planner fails on."""

    message: str


class OrderPipeline:
    """Reads orders in full, plans them, and sends what is to be sent."""

    # An order is read right before it is planned, before every send: it may have been changed,
    # cancelled, refunded or fulfilled by hand since it was listed or tried last.

    def __init__(self, context: RunContext[OrdersReport], types: frozenset[str]) -> None:
        ledger, settings = context.ledger, context.settings
        self._context = context
        self._ledger = ledger
        self._settings = settings
        self._clock = context.clock
        self._report = context.report
        self._reader = Reader(context.shop, ledger.meta.probe_id)
        self._bad = BadRecords(ledger, context.clock, settings.retry, context.report)
        self._identities = Identities(context)
        self._given_out: dict[str, str] = {}
        self._done, self._of = 0, 0
        hooks, able = context.order_hooks, context.warehouse.capabilities
        self._silences = SilentHooks(
            ledger.meta, hooks.identity, remembers=not context.must_not_write
        )
        self._unanswered: list[ParkOrder] = []
        self._settings_hash = settings_hash(settings.orders, settings.skus, hooks.identity)
        self._planner = Planner(
            settings=settings.orders,
            renderer=Renderer(
                settings.orders,
                settings.skus,
                ledger.meta.get(SPELLINGS),
                has_charges=able.takes_charges,
                zone=settings.veracore.zone,
                hooked=Hooked(
                    hooks, settings.orders, self._silences, takes_fields=able.takes_fields
                ),
            ),
            settings_hash=self._settings_hash,
            hash_key=ledger.meta.hash_key,
            ledger_created_at=ledger.meta.live_for_certain,
            unknown_until=ledger.meta.unknown_until,
            id_taken=self._id_taken,
            types=types,
            was_sent=self._was_sent,
        )

    def _id_taken(self, candidate: str, code: str) -> bool:
        """Whether the ledger, or this run, gave that id to another order."""
        # Two codes of one run may be shortened to one id before either intent is committed.
        owner = self._given_out.setdefault(candidate.casefold(), code)
        return owner != code or self._ledger.orders.id_sent_for(candidate, code)

    def _was_sent(self, code: str) -> bool:
        row = self._ledger.orders.get(code)
        return row is not None and row.attempt > 0

    def plan_all(self, codes: Sequence[str], held: Mapping[str, OrderRow]) -> list[Action]:
        """The actions for these orders; changes nothing anywhere.

        Raises:
            SyncError: The shop cannot be read.
        """
        first, last = self._bad.asked_last(codes, all_due=True)
        read = (
            order
            for batch in (*in_batches(first), *([code] for code in last))
            for order in self._reader.read(batch, self._note_unread)
        )
        planned = (
            (order.code, self._plan(order, held[order.code]))
            for order in read
            if not is_another(held[order.code], order.id, order.placed_at)
        )
        actions: list[Action] = []
        for code, action in planned:
            if isinstance(action, _Unplannable):
                self._report.unread[code] = action.message
            else:
                actions.append(action)
        return actions

    def _note_unread(self, code: str, error: SyncError) -> None:
        self._report.unread[code] = error.message
        self._report.notify(f"{code} cannot be read: {error.message}")

    def _plan(self, order: Order, row: OrderRow) -> Action | _Unplannable:
        try:
            return self._planner.decide(order, row)
        except _PLANNER_ERRORS as error:
            _LOG.debug("order %s cannot be planned", order.code, exc_info=True)
            return _Unplannable(f"it cannot be planned: {type(error).__name__}")

    def send_all(self, sender: Sender, codes: Sequence[str]) -> None:
        """Read, plan and send, with several orders in progress at once.

        Args:
            sender: Stops the run by setting `stopped_by`.
            codes: The orders, in the sequence in which they are sent.

        Raises:
            SyncError: The shop as a whole cannot be read, or the ledger cannot be written.
        """
        workers, options = self._settings.orders.workers, self._context.options
        first, last = self._bad.asked_last(codes, all_due=bool(options.only))
        # Earlier bad records are read one by one: in a batch, one of them fails the others too.
        probe = sender.probe(first)
        rest = [code for code in first if code != probe]
        # An order that a hook hung on comes last: those before it may show that it is the order's.
        rest.sort(key=self._silences.codes.__contains__)
        batches = [*in_batches(rest), *([code] for code in last)]
        if probe is not None:
            batches.insert(0, [probe])
        self._of = min(len(codes), options.limit or len(codes))
        self._count(0)
        with ThreadPoolExecutor(max_workers=workers) as pool:
            under_way: set[Future[None]] = set()
            try:
                for action in islice(self._actions(batches, sender), options.limit):
                    under_way.add(pool.submit(sender.send, action))
                    if action.code == probe:
                        under_way = self._reap(under_way)
                    # Two orders per worker: none waits for the planner, and no order is planned
                    # long before it is sent.
                    if len(under_way) >= 2 * workers:
                        under_way = self._reap(under_way)
                while under_way:
                    under_way = self._reap(under_way)
            except BaseException:
                # Requests in progress still get their outcome recorded; queued ones are dropped.
                sender.stopped_by = sender.stopped_by or Interrupted("the run was stopped")
                raise

    def _reap(self, under_way: set[Future[None]]) -> set[Future[None]]:
        """Wait for a worker, and raise a worker's unexpected error."""
        done, left = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()
        self._count(len(done))
        return left

    def _count(self, more: int) -> None:
        """Say how far the sending is."""
        self._done += more
        self._context.progress("sending orders", min(self._done, self._of), self._of)

    def _actions(self, batches: Sequence[Sequence[str]], sender: Sender) -> Iterator[SubmitOrder]:
        """Read and plan; record what needs no request, and yield what does."""
        for batch in batches:
            if sender.stopped_by is not None:
                return
            if self._context.ends_here():
                return
            yield from self._of_batch(batch)
        # Only now: had a hook hung on them all, the run would have ended, and none is at fault.
        for parked in self._unanswered:
            self._write(parked)

    def _of_batch(self, batch: Sequence[str]) -> Iterator[SubmitOrder]:
        """What is to be sent of one batch; orders that need a look-up first come last."""
        held = self._ledger.orders.held(batch)
        left = dict(held)
        known = self._bad.known()
        looked_up_first: list[SubmitOrder] = []

        def unread(code: str, error: SyncError) -> None:
            self._unread(left.pop(code), error)
            self._count(1)

        for order in self._reader.read(batch, unread):
            # Checked for each order: with a slow VeraCore one batch lasts for many minutes.
            if self._context.ends_here():
                return
            row = left.pop(order.code)
            known.answered(SHOP, order.code)
            if is_another(row, order.id, order.placed_at):
                self._identities.set_aside(row, stub_of(order))
                continue
            action = self._plan(order, row)
            if not (isinstance(action, SubmitOrder) and action.look_up_first):
                known.answered(LOOK_UP, order.code)
            if isinstance(action, _Unplannable):
                self._fail(row, action.message)
                self._count(1)
            elif not isinstance(action, SubmitOrder):
                if isinstance(action, ParkOrder) and action.code in self._silences.suspects:
                    self._unanswered.append(action)
                else:
                    self._write(action)
                self._count(1)
            elif action.look_up_first:
                looked_up_first.append(action)
            else:
                yield action
        for code in left:
            known.answered(SHOP, code)
            self._write(SkipOrder(code, _GONE, OrderCause.STATE))
            self._report.notify(f"{code}: {_GONE}")
        for action in looked_up_first:
            if self._context.ends_here():
                return
            yield action

    def _fail(self, row: OrderRow, message: str) -> None:
        retry = self._settings.retry
        change = self._ledger.transitions.fail(
            row.code,
            Failure(Category.INTERNAL, message),
            self._clock.now() + retry.backoff.wait(row.retry_count + 1),
            retry.max_attempts,
        )
        self._report.applied(row.code, change, "failed", message)

    def _unread(self, row: OrderRow, error: SyncError) -> None:
        """Record that the shop answers, but not about this order."""
        # Only an error about this order counts as an attempt: `retry.max_attempts` of those park
        # it, and a failing shop must not park orders.
        rest = self._bad.failed(SHOP, row.code, error)
        if row.state not in (OrderState.PENDING, OrderState.FAILED):
            self._report.record(row.code, row.state)
        elif error in AN_ANSWER_OF_ITS_OWN:
            self._fail(row, error.message)
        else:
            trouble = Failure(error.category, error.message)
            change = self._ledger.transitions.postpone(row.code, trouble, rest.next_attempt_at)
            self._report.applied(row.code, change, row.state)
        # After the state has changed, which ends the order's earlier alerts. That of a parked order
        # says the same.
        now = self._ledger.orders.get(row.code)
        if now is not None and now.state != OrderState.PARKED:
            self._bad.alert_overdue(rest, _UNREAD)

    def _write(self, action: Action) -> None:
        moves, code = self._ledger.transitions, action.code
        if isinstance(action, ParkOrder):
            change = moves.park(code, action.trouble, self._settings_hash)
            self._report.applied(code, change, "parked", action.trouble.message)
        elif isinstance(action, SkipOrder):
            change = moves.skip(
                code,
                action.cause,
                action.reason,
                settings_hash=self._settings_hash,
                alert=action.alert,
            )
            self._report.applied(code, change, "skipped", action.reason)
        elif isinstance(action, HoldOrder):
            self._report.applied(code, moves.wait(code, action.reason), "pending")
