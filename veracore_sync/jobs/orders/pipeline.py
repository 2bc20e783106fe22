"""From codes to outcomes: read in full, plan, and send with a few workers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from veracore_sync.domain.errors import Category, Interrupted, SyncError
from veracore_sync.domain.failures import AN_ANSWER_OF_ITS_OWN
from veracore_sync.domain.order_records import Failure, OrderRow
from veracore_sync.domain.orders import Order
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.kernel import RunContext
from veracore_sync.jobs.orders.bad_records import LOOK_UP, SHOP, BadRecords, Reader, in_batches
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

_LOG = logging.getLogger(__name__)
_GONE = "the shop no longer has it"
# What a record that nobody foresaw may raise in a pure planner: it must not stop the others.
_ODD = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class _Odd:
    """An order that no planner foresaw, and why."""

    message: str


class OrderPipeline:
    """Plans orders by one set of settings, and sends what is to be sent.

    Orders are read in full in this run, right before they are planned.
    """

    def __init__(self, context: RunContext[OrdersReport]) -> None:
        ledger, settings = context.ledger, context.settings
        self._context = context
        self._ledger = ledger
        self._settings = settings
        self._clock = context.clock
        self._report = context.report
        self._reader = Reader(context.shop, ledger.meta.probe_id)
        self._bad = BadRecords(ledger, context.clock, settings.retry, context.report)
        self._given_out: dict[str, str] = {}
        self._settings_hash = settings_hash(settings.orders, settings.skus)
        self._planner = Planner(
            settings=settings.orders,
            renderer=Renderer(settings.orders, settings.skus),
            settings_hash=self._settings_hash,
            hash_key=ledger.meta.hash_key,
            ledger_created_at=ledger.meta.live_for_certain,
            unknown_until=ledger.meta.unknown_until,
            id_taken=self._id_taken,
        )

    def _id_taken(self, candidate: str, code: str) -> bool:
        """Whether the ledger, or this very run, gave that id to another order."""
        owner = self._given_out.setdefault(candidate.casefold(), code)
        return owner != code or self._ledger.orders.id_taken(candidate, code)

    def plan_all(self, codes: Sequence[str], held: Mapping[str, OrderRow]) -> list[Action]:
        """The actions for these orders; changes nothing anywhere.

        Raises:
            SyncError: The shop cannot be read.
        """
        first, last = self._bad.asked_last(codes, all_due=True)
        read = (
            order
            for batch in (*in_batches(first), *([code] for code in last))
            for order in self._reader.read(batch, self._say_unread)
        )
        planned = (self._plan(order, held[order.code]) for order in read)
        return [action for action in planned if not isinstance(action, _Odd)]

    def _say_unread(self, code: str, error: SyncError) -> None:
        self._report.notify(f"{code} cannot be read: {error.message}")

    def _plan(self, order: Order, row: OrderRow) -> Action | _Odd:
        try:
            return self._planner.decide(order, row)
        except _ODD as error:
            _LOG.debug("order %s cannot be planned", order.code, exc_info=True)
            return _Odd(f"it cannot be planned: {type(error).__name__}")

    def send_all(self, sender: Sender, codes: Sequence[str]) -> None:
        """Read, plan and do; several orders are under way at once.

        Args:
            sender: Does the sending; stops the run through `stopped_by`.
            codes: The orders, in the sequence in which they shall leave.

        Raises:
            SyncError: The shop as a whole cannot be read, or the ledger cannot be written.
        """
        workers, options = self._settings.orders.workers, self._context.options
        first, last = self._bad.asked_last(codes, all_due=bool(options.only))
        # Each of the last by itself: it must not spoil the answer that others come with.
        batches = [*in_batches(first), *([code] for code in last)]
        with ThreadPoolExecutor(max_workers=workers) as pool:
            under_way: set[Future[None]] = set()
            try:
                for action in islice(self._actions(batches, sender), options.limit):
                    under_way.add(pool.submit(sender.send, action))
                    if len(under_way) >= 2 * workers:
                        under_way = _reap(under_way, FIRST_COMPLETED)
                _reap(under_way, ALL_COMPLETED)
            except BaseException:
                # What is under way gets its outcome written; what only waits in line is left.
                sender.stopped_by = sender.stopped_by or Interrupted("the run was stopped")
                raise

    def _actions(self, batches: Sequence[Sequence[str]], sender: Sender) -> Iterator[SubmitOrder]:
        """Read, plan, write what needs no sending, and give out what does."""
        for batch in batches:
            if sender.stopped_by is not None:
                return
            if self._context.ends_here():
                return
            yield from self._of_batch(batch)

    def _of_batch(self, batch: Sequence[str]) -> Iterator[SubmitOrder]:
        """What is to be sent of one batch; what has to be looked up first comes last."""
        held = self._ledger.orders.held(batch)
        left = dict(held)
        looked_up_first: list[SubmitOrder] = []

        def unread(code: str, error: SyncError) -> None:
            self._unread(left.pop(code), error)

        for order in self._reader.read(batch, unread):
            # Each order again: a slow VeraCore makes a whole batch last for many minutes.
            if self._context.ends_here():
                return
            row = left.pop(order.code)
            self._bad.answered(SHOP, order.code)
            action = self._plan(order, row)
            if not (isinstance(action, SubmitOrder) and action.look_up_first):
                self._bad.answered(LOOK_UP, order.code)
            if isinstance(action, _Odd):
                self._fail(row, action.message)
            elif not isinstance(action, SubmitOrder):
                self._write(action)
            elif action.look_up_first:
                looked_up_first.append(action)
            else:
                yield action
        for code in left:
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
        """The shop answers, but not for this order. Only an answer of its own counts against it."""
        rest = self._bad.failed(SHOP, row.code, error)
        if row.state not in (OrderState.PENDING, OrderState.FAILED):
            self._report.record(row.code, row.state)
        elif error in AN_ANSWER_OF_ITS_OWN:
            self._fail(row, error.message)
        else:
            trouble = Failure(error.category, error.message)
            change = self._ledger.transitions.postpone(row.code, trouble, rest.next_attempt_at)
            self._report.applied(row.code, change, row.state)

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


def _reap(under_way: set[Future[None]], until: str) -> set[Future[None]]:
    """Wait; an unforeseen error of a worker comes out here."""
    done, left = wait(under_way, return_when=until)
    for future in done:
        future.result()
    return left
