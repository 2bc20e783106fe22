"""The run of ``sync-orders``: listen, choose, settle doubts, send, watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import Clock, to_text
from veracore_sync.config import Settings
from veracore_sync.domain.states import UNSENT, OrderCause, OrderState
from veracore_sync.errors import Category, LedgerError, NeedsPerson, RunOver, SyncError, UsageError
from veracore_sync.failure import OF_AN_UPSTREAM_OR_THE_SETTINGS
from veracore_sync.jobs.orders.ageing import tell_ages
from veracore_sync.jobs.orders.bad_records import SHOP, BadRecords, Reader
from veracore_sync.jobs.orders.dispatch import Dispatch
from veracore_sync.jobs.orders.doubts import Doubts
from veracore_sync.jobs.orders.render import settings_hash
from veracore_sync.jobs.orders.report import OrdersResult
from veracore_sync.jobs.orders.select import Selection, Selector
from veracore_sync.jobs.orders.send import Sender
from veracore_sync.jobs.orders.watch import Watch, Windows, passed_states, windows
from veracore_sync.jobs.sandbox_rule import only_plans
from veracore_sync.ledger import Discovery, OrderRow, Trouble, fresh_row
from veracore_sync.model import Order, OrderStub
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.shop import Poll, ShopOrders
from veracore_sync.veracore.port import Warehouse

_DOUBT_PASSES = 2
_NAMED_MOST = 10


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person, or the timer, asked for.

    Args:
        codes: Only these orders; empty for all.
        limit: Send at most this many; ``None`` for all.
        allow_first_run: Send although nothing was ever sent and many are waiting.
        dry_run: Plan only: change neither side nor ledger.
    """

    codes: tuple[str, ...] = ()
    limit: int | None = None
    allow_first_run: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class OrdersRun:
    """One run. The caller holds the job lock.

    Args:
        shop: Vendure.
        warehouse: VeraCore.
        ledger: Read-only in a dry run.
        settings: All of them.
        clock: The time.
        wishes: What was asked for.
        result: Filled as the run goes on; still true when it is cut short.
    """

    shop: ShopOrders
    warehouse: Warehouse
    ledger: Ledger
    settings: Settings
    clock: Clock
    wishes: Wishes = field(default_factory=Wishes)
    result: OrdersResult = field(default_factory=OrdersResult)
    _unread: dict[str, SyncError] = field(default_factory=dict)
    _deadline: float = field(init=False)

    def run(self) -> OrdersResult:
        """Do it.

        Raises:
            SyncError: The run could not go on; `result` tells what was done until then.
        """
        try:
            self._run()
        except LedgerError:
            raise
        except SyncError:
            self._tell_ages()
            raise
        self._tell_ages()
        return self.result

    def _tell_ages(self) -> None:
        if not self.wishes.dry_run and self.result.plan is None:
            min_age = timedelta(minutes=self.settings.orders.min_age_minutes)
            tell_ages(self.ledger, self.clock, min_age, self.result)

    def _run(self) -> None:
        now = self.clock.now()
        self._deadline = self.clock.monotonic() + 60 * self.settings.orders.max_run_minutes
        if not self.wishes.dry_run:
            self.ledger.moves.recover()
        span = windows(self.ledger, now, self._not_before())
        poll = self._listen(span)
        if not self.wishes.dry_run:
            self.ledger.meta.note_shop_clock(self.shop.clock_ahead_seconds)
        not_before = self._not_before()
        chosen = self._choose(poll, now, not_before)
        self._guard_first_run(chosen)
        doubts = [] if self.wishes.dry_run else self._doubts_due(now)
        if self.wishes.dry_run:
            self._plan_only(chosen)
            return
        try:
            only_planned = self._must_only_plan(chosen, doubts)
            if not only_planned:
                self._note_early(chosen)
                self._work(chosen, doubts, now)
        except RunOver:
            self._discover(chosen)
            raise
        except SyncError as error:
            if error in OF_AN_UPSTREAM_OR_THE_SETTINGS:
                # Neither what is new nor what the shop changed waits for VeraCore.
                self._discover(chosen)
                self._try_to_watch(poll, span)
            raise
        if only_planned:
            self._plan_only(chosen)
            return
        self._watch(poll, span)
        self._conclude()

    def _not_before(self) -> datetime:
        return self.settings.orders.not_before or self.ledger.meta.live_since

    def _conclude(self) -> None:
        """Say of an order that a person named why it could not be read."""
        bad = BadRecords(self.ledger, self.clock, self.settings.retry, self.result)
        for code, error in self._unread.items():
            bad.failed(SHOP, code, error)
            self.result.tell(f"{code} cannot be read: {error.message}")
        for error in self._unread.values():
            raise error

    # ---- listening and choosing ---------------------------------------------------------------

    def _listen(self, span: Windows) -> Poll:
        triggers = self.settings.orders.trigger_states
        if not self.wishes.codes:
            return self.shop.poll(
                trigger_states=triggers,
                moved_since=span.moved_since,
                passed_states=passed_states(triggers),
                passed_since=span.passed_since,
            )
        reader = Reader(self.shop, self.ledger.meta.probe_id)
        orders = list(reader.read(self.wishes.codes, self._unread.__setitem__))
        found = {order.code for order in orders}
        missing = sorted(set(self.wishes.codes) - found - self._unread.keys())
        if missing:
            raise UsageError(
                f"the shop has no order {', '.join(missing)}",
                hint="check the code; it is case-sensitive",
            )
        poll = self.shop.poll(
            trigger_states=(), moved_since=None, passed_states=(), passed_since=None
        )
        return Poll(
            waiting=tuple(_stub(order) for order in orders if order.state in triggers),
            moved=(),
            passed=(),
            money_precision=poll.money_precision,
            channel_code=poll.channel_code,
        )

    def _choose(self, poll: Poll, now: datetime, not_before: datetime) -> Selection:
        held = self.ledger.orders.held([stub.code for stub in poll.waiting])
        rows = self.ledger.orders.in_states(UNSENT)
        if self.wishes.codes:
            rows = list(self.ledger.orders.held(self.wishes.codes).values())
        if not self.wishes.dry_run:
            back = [
                row.code for row in rows if row.cause == OrderCause.WAITING and row.code in held
            ]
            self.ledger.moves.came_back(back)
        known = {row.code for row in rows}
        rows += [
            row
            for row in held.values()
            if row.code not in known and row.state == OrderState.SKIPPED
        ]
        selector = Selector(
            settings=self.settings.orders,
            settings_hash=settings_hash(self.settings.orders, self.settings.skus),
            not_before=not_before,
            now=now,
            longest=self.settings.longest_order_wait,
            explicit=bool(self.wishes.codes),
            unread=self.ledger.unread.of(SHOP),
        )
        return selector.select(poll.waiting, held, rows, poll.channel_code)

    def _guard_first_run(self, chosen: Selection) -> None:
        most = self.settings.orders.max_first_run
        if (
            chosen.candidates <= most
            or self.wishes.allow_first_run
            or self.wishes.dry_run
            or self.ledger.orders.any_accepted()
        ):
            return
        raise NeedsPerson(
            f"{chosen.candidates} orders are waiting and this ledger has never sent one; "
            "nothing was sent or recorded",
            hint="see them with `veracore-sync sync-orders --dry-run`; if they have not been sent "
            "by other means, run `veracore-sync sync-orders --allow-first-run`; else set "
            "orders.not_before to the moment from which this tool is responsible",
        )

    def _doubts_due(self, now: datetime) -> list[OrderRow]:
        grace = timedelta(seconds=self.settings.orders.grace_seconds)
        due = self.ledger.orders.doubts_due(now, grace)
        if self.wishes.codes:
            return [row for row in due if row.code in self.wishes.codes]
        return due

    # ---- planning only ------------------------------------------------------------------------

    def _must_only_plan(self, chosen: Selection, doubts: Sequence[OrderRow]) -> bool:
        """The control call, where there is anything to do; and what it shows of the other end."""
        if not (chosen.candidates or chosen.rechecks or doubts):
            return False
        self.warehouse.control(self._known_id())
        if not only_plans(self.warehouse, self.settings.vendure):
            return False
        self.result.tell(
            "this is a VeraCore simulator and the shop is not on this machine: only planned, "
            "nothing sent or recorded (vendure.rehearsal = true would send)"
        )
        return True

    def _known_id(self) -> str | None:
        newest = self.ledger.orders.newest_synced()
        return newest.veracore_id if newest else None

    def _plan_only(self, chosen: Selection) -> None:
        now = to_text(self.clock.now())
        held = self.ledger.orders.held(chosen.due + chosen.rechecks)
        held |= {stub.code: fresh_row(stub.code, stub.id, now) for stub in chosen.new}
        fresh = [stub.code for stub in chosen.new]
        codes = [*fresh, *chosen.due, *chosen.rechecks]
        self.result.plan = self._dispatch().plan_all(codes, held)

    def _dispatch(self) -> Dispatch:
        return Dispatch(self.shop, self.ledger, self.settings, self.clock, self.result)

    # ---- doing --------------------------------------------------------------------------------

    def _try_to_watch(self, poll: Poll, span: Windows) -> None:
        try:
            self._watch(poll, span)
        except SyncError as error:
            if error not in OF_AN_UPSTREAM_OR_THE_SETTINGS:
                raise

    def _watch(self, poll: Poll, span: Windows) -> None:
        if self.wishes.codes:
            return
        bad = BadRecords(self.ledger, self.clock, self.settings.retry, self.result)
        bad.listed(poll)
        watch = Watch(self.shop, self.ledger, self.clock, self.settings, self.result)
        watch.changed(poll.moved, poll.waiting)
        if "passed" not in poll.unread:
            watch.passed(poll.passed, span)

    def _discover(self, chosen: Selection) -> None:
        wait_for = timedelta(minutes=self.settings.orders.min_age_minutes)
        due_at = self.clock.now() + wait_for if wait_for and not self.wishes.codes else None
        found = [
            Discovery(stub.code, stub.id, stub.placed_at, next_attempt_at=due_at)
            for stub in chosen.new
        ]
        self.ledger.moves.discover(found)
        fresh = [stub.code for stub in chosen.new]
        if due_at is None:
            chosen.due = fresh + chosen.due
        for code in fresh:
            self.result.note(code, "pending")
        chosen.new = []

    def _note_early(self, chosen: Selection) -> None:
        """Said once: they are in a trigger state, and nobody sends them."""
        if not chosen.early:
            return
        self.ledger.moves.discover(_early(stub) for stub in chosen.early)
        for stub in chosen.early:
            self.result.note(stub.code, "skipped")
        codes = ", ".join(stub.code for stub in chosen.early[:_NAMED_MOST])
        more = len(chosen.early) - _NAMED_MOST
        told = (
            f"placed before {to_text(self._not_before())} (orders.not_before) and so never sent: "
            f"{codes}{f' and {more} more' if more > 0 else ''}"
        )
        # Where nobody chose that moment, somebody should see what it leaves out.
        (self.result.tell if self.settings.orders.not_before else self.result.warn)(told)

    def _work(self, chosen: Selection, doubts: Sequence[OrderRow], now: datetime) -> None:
        if not (chosen.due or chosen.rechecks or chosen.new or doubts):
            return
        deadline = self._deadline
        self._discover(chosen)
        sender = Sender(
            warehouse=self.warehouse,
            ledger=self.ledger,
            clock=self.clock,
            recheck=timedelta(minutes=self.settings.orders.parked_recheck_minutes),
            result=self.result,
            known_id=self._known_id(),
            bad=BadRecords(self.ledger, self.clock, self.settings.retry, self.result),
        )
        self._dispatch().send_all(
            sender,
            chosen.due + chosen.rechecks,
            limit=self.wishes.limit,
            deadline=deadline,
            named=bool(self.wishes.codes),
        )
        if sender.stopped_by is not None:
            raise sender.stopped_by
        self._settle(doubts, now, deadline)

    def _settle(self, doubts: Sequence[OrderRow], since: datetime, deadline: float) -> None:
        """Look doubts up: new ones first and at once, for most of them are there."""
        settling = make_doubts(self.warehouse, self.ledger, self.settings, self.clock)
        for _ in range(_DOUBT_PASSES):
            due = [row for row in self._doubts_due(self.clock.now()) if _began(row, since)]
            if not due:
                break
            settling.settle(due, self.result, deadline)
        settling.settle(doubts, self.result, deadline)


def make_doubts(warehouse: Warehouse, ledger: Ledger, settings: Settings, clock: Clock) -> Doubts:
    """What ends doubts, by these settings."""
    veracore, orders = settings.veracore, settings.orders
    secret = veracore.client_secret.get_secret_value()
    return Doubts(
        warehouse=warehouse,
        ledger=ledger,
        clock=clock,
        grace=timedelta(seconds=orders.grace_seconds),
        recheck=timedelta(minutes=orders.parked_recheck_minutes),
        credentials="\n".join((veracore.company_id, veracore.client_id, secret)),
        retry=settings.retry,
    )


def _began(row: OrderRow, since: datetime) -> bool:
    return row.doubt_since is not None and row.doubt_since >= to_text(since)


def _stub(order: Order) -> OrderStub:
    return OrderStub(
        id=order.id,
        code=order.code,
        state=order.state,
        type=order.type,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
    )


def _early(stub: OrderStub) -> Discovery:
    return Discovery(
        code=stub.code,
        vendure_id=stub.id,
        placed_at=stub.placed_at,
        state=OrderState.SKIPPED,
        cause=OrderCause.EARLY,
        trouble=Trouble(Category.VALIDATION, "it was placed before orders.not_before"),
    )
