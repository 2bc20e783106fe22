"""Every kind of moment that is kept: what writes it, what waits for it, and for how long at most.

The ledger is a real one; the clock is the test's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench import Bench
from fakes import START, FakeClock, PartialShop, UnchangedFulfilments, make_order, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import BreakerOpen, Category, Occurrence, RateLimited, TimedOut
from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.hints import WebhookDelivery as Hinted
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.warehouse import Package, Shipment, WarehouseRecord
from veracore_sync.jobs.deliver import EventDelivery
from veracore_sync.jobs.kernel import RunContext
from veracore_sync.jobs.orders.change_detection import windows
from veracore_sync.jobs.orders.overdue import KIND as OLD
from veracore_sync.jobs.tracking.actions import Hold
from veracore_sync.jobs.tracking.overdue import KIND as WAITING
from veracore_sync.jobs.tracking.overdue import alert_waiting_shipments
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.jobs.tracking.slips import unready
from veracore_sync.jobs.tracking.unanswered import KIND as UNANSWERED
from veracore_sync.jobs.tracking.unanswered import UNKNOWN_ORDERS, Unanswered
from veracore_sync.jobs.tracking.unknown_orders import UnknownOrders
from veracore_sync.jobs.tracking.window import Listed
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.budget import Budget
from veracore_sync.ports.hooks import NotTaken
from veracore_sync.ports.shop import Shop

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = (-DAY, HOUR, timedelta(days=400))
TROUBLE = Failure(Category.PROTOCOL, "odd")
GRACE = timedelta(seconds=180)


class StepClock(FakeClock):
    """Its wall can be set, as machines' are; what counts seconds goes on unmoved."""

    def __init__(self) -> None:
        super().__init__()
        self.off = timedelta(0)

    def now(self) -> datetime:
        return self.moment + self.off


class Bed(Bench):
    """A ledger between a shop and a warehouse in memory, and a clock that can be set."""

    clock: StepClock

    def __init__(self, path: Path, **sections: dict[str, object]) -> None:
        super().__init__(path, clock=StepClock(), settings=make_settings(**sections))
        self.ledger.close()
        self.ledger = open_ledger(path, clock=self.clock, hooks=("url",))

    def discover(self, code: str = "A") -> None:
        self.shop.add(make_order(code, placed_at=self.clock.moment, updated_at=self.clock.moment))
        self.ledger.transitions.discover([Discovery(code, f"id-{code}", self.clock.moment)])

    def intend(self, code: str = "A") -> int:
        seen = ShopVersion("hash", self.clock.moment)
        attempt = self.ledger.transitions.intend(code, Intent(code, (("MUG", 2),), "p", "s", seen))
        assert attempt is not None
        return attempt

    def is_sent(self, code: str = "A") -> bool:
        self.run()
        return self.warehouse.submissions.get(code, 0) > 0


Goes = Callable[[], bool]


@dataclass
class Case:
    """A kind of moment. `write` stores it and returns what tells whether its wait is over."""

    write: Callable[[Bed], Goes]
    longest: timedelta
    sections: dict[str, dict[str, object]] = field(default_factory=dict)


# ---- upstreams -----------------------------------------------------------------------------------


def breaker_open(bed: Bed) -> Goes:
    wanted: dict[str, Any] = {"threshold": 1, "cooldown": timedelta(minutes=5)}
    bed.ledger.breakers.one("veracore", "orders", **wanted).after(Occurrence.TIMEOUT)

    def goes() -> bool:
        try:
            bed.ledger.breakers.one("veracore", "orders", **wanted).before(creating=False)
        except BreakerOpen:
            return False
        return True

    return goes


def breaker_probed(bed: Bed) -> Goes:
    goes = breaker_open(bed)
    bed.clock.forward(minutes=6)
    assert goes(), "it claims the probe, and is killed"
    return goes


def budget_closed(bed: Bed) -> Goes:
    def budget() -> Budget:
        return Budget(bed.ledger.database, bed.clock, "veracore", 60)

    budget().penalise(3600)

    def goes() -> bool:
        try:
            budget().spend()
        except RateLimited:
            return False
        return True

    return goes


def credentials_refused(bed: Bed) -> Goes:
    bed.ledger.refusals.remember("veracore", "secret")
    return lambda: bed.ledger.refusals.may_try("veracore", "secret")


# ---- orders --------------------------------------------------------------------------------------


def order_failed(bed: Bed) -> Goes:
    bed.discover()
    bed.ledger.transitions.fail("A", TROUBLE, bed.clock.now() + HOUR, 10)
    return bed.is_sent


def order_held_back(bed: Bed) -> Goes:
    bed.shop.add(make_order("A", placed_at=bed.clock.moment))
    bed.shop.add(make_order("B", placed_at=bed.clock.moment))
    bed.run()
    return bed.is_sent


def order_turned_away(bed: Bed) -> Goes:
    bed.shop.add(make_order("A"))
    bed.warehouse.script.append("429")
    bed.run()
    bed.warehouse.submissions.clear()
    return bed.is_sent


def order_refused(bed: Bed) -> Goes:
    bed.shop.add(make_order("A"))
    bed.warehouse.script.append("refused")
    bed.run()
    bed.warehouse.submissions.clear()
    return bed.is_sent


def order_parked_by_us(bed: Bed) -> Goes:
    """Behind as many others as a run plans again, all of them looked at later."""
    code = "A9"
    for number in range(60):
        bed.shop.add(make_order(f"A{number}"))
    bed.run(allow_first_run=True)
    states = {bed.state(one) for one in bed.shop.by_code}
    assert states == {"parked"}
    before = bed.row(code).checked_at

    def goes() -> bool:
        bed.run(allow_first_run=True)
        return bed.row(code).checked_at != before

    return goes


def order_exhausted(bed: Bed) -> Goes:
    """It changes in the shop a minute after it was parked, by the true time."""
    bed.discover()
    bed.ledger.transitions.fail("A", TROUBLE, bed.clock.now(), 1)
    assert bed.state("A") == "parked"

    def goes() -> bool:
        bed.shop.change("A", updated_at=bed.clock.moment - timedelta(seconds=1))
        return bed.is_sent()

    return goes


def doubt_unanswered(bed: Bed) -> Goes:
    """The first absence is seen; how the second one counts is tested below."""
    bed.shop.add(make_order("A"))
    bed.warehouse.script.append("lost before")
    bed.run()
    bed.warehouse.looked_up.clear()

    def goes() -> bool:
        bed.run()
        return bool(bed.warehouse.looked_up)

    return goes


def order_waits_too_long(bed: Bed) -> Goes:
    bed.discover()
    bed.warehouse.control_error = TimedOut("no answer", upstream="veracore")

    def goes() -> bool:
        bed.stopped()
        return any(one.kind == OLD for one in bed.ledger.alerts.standing())

    return goes


def net_thrown_far(bed: Bed) -> Goes:
    bed.run()
    return lambda: windows(bed.ledger, bed.clock.now(), START - 99 * DAY).is_full_scan


def watched_changes(bed: Bed) -> Goes:
    """An order that VeraCore holds is cancelled in the shop a minute later, by the true time."""
    bed.shop.add(make_order("A"))
    bed.run()
    bed.shop.change("A", updated_at=bed.clock.now())
    bed.run()

    def goes() -> bool:
        bed.clock.forward(seconds=1)
        bed.shop.change("A", state="Cancelled", updated_at=bed.clock.moment)
        bed.clock.forward(seconds=1)
        bed.run()
        return any(one.kind == "order.cancelled_in_shop" for one in bed.ledger.alerts.standing())

    return goes


def ledger_made(bed: Bed) -> Goes:
    """Orders placed before the ledger was made are not sent; those placed after are."""
    assert isinstance(bed.path, Path)
    path = bed.path.with_name("other.db")
    bed.ledger.close()
    bed.ledger = open_ledger(path, clock=bed.clock)
    bed.ledger.meta.bind("shop", "warehouse")

    def goes() -> bool:
        bed.ledger.meta.bind("shop", "warehouse")
        bed.clock.forward(seconds=1)
        code = f"A{bed.clock.moment.timestamp():.0f}"
        bed.shop.add(make_order(code, placed_at=bed.clock.moment, updated_at=bed.clock.moment))
        bed.clock.forward(seconds=1)
        return bed.is_sent(code)

    return goes


# ---- webhooks and events -------------------------------------------------------------------------


def hint_put_off(bed: Bed) -> Goes:
    inbox = bed.ledger.inbox
    inbox.store([Hinted("1", "order", ("A",))])
    hint = inbox.due("order")
    assert hint is not None
    inbox.put_off(hint, bed.clock.now() + HOUR, "timeout", "no answer")
    return lambda: inbox.due("order") is not None


class Away:
    def __init__(self, unreachable: bool) -> None:
        self.unreachable = unreachable
        self.offered = 0

    def deliver(self, event_id: str, body: bytes) -> None:
        self.offered += 1
        raise NotTaken("no", unreachable=self.unreachable)

    def close(self) -> None:
        """Nothing is kept."""


@dataclass
class AskedShop(UnchangedFulfilments):
    """Knows no order, and remembers the codes that it was asked for."""

    asked: list[str] = field(default_factory=list)

    def orders(self, codes: Sequence[str]) -> dict[str, FulfilledOrder]:
        self.asked += codes
        return {}


def _event(bed: Bed, *, unreachable: bool) -> Goes:
    bed.ledger.outbox.add(EventKind.ORDER_SYNCED, "A", {})
    hook = Away(unreachable)
    for _ in range(1 if unreachable else 8):
        EventDelivery(bed.ledger, {"url": hook}, bed.clock, forced=True).run()
    hook.offered = 0

    def goes() -> bool:
        EventDelivery(bed.ledger, {"url": hook}, bed.clock).run()
        return hook.offered > 0

    return goes


def event_refused(bed: Bed) -> Goes:
    return _event(bed, unreachable=False)


def hook_away(bed: Bed) -> Goes:
    return _event(bed, unreachable=True)


def hook_fails_too_long(bed: Bed) -> Goes:
    _event(bed, unreachable=True)

    def goes() -> bool:
        EventDelivery(bed.ledger, {"url": Away(True)}, bed.clock).run()
        return any(one.kind == "hooks.failing" for one in bed.ledger.alerts.standing())

    return goes


# ---- shipments -----------------------------------------------------------------------------------

RULES = Rules(None, None, frozenset(), timedelta(minutes=20), timedelta(seconds=60))  # type: ignore[arg-type]


def make_slip(bed: Bed) -> Any:
    facts = [("UPS", "", "1Z", None, False)]
    bed.ledger.shipments.looked("A", "A", reference="A", rows=None, seen={"1": facts})
    return bed.ledger.shipments.slips("A")["1"]


def slip_failed(bed: Bed) -> Goes:
    bed.ledger.shipments.hold(make_slip(bed), "odd", bed.clock.now() + HOUR, failed=True)
    return lambda: bed.ledger.shipments.due() == ["A"]


def slip_settles(bed: Bed) -> Goes:
    make_slip(bed)
    package = Package("UPS", "", "1Z", START, None)
    shipment = Shipment("1", None, (package,))
    record = WarehouseRecord("A", "A", (), "shipped", is_complete=True)

    def goes() -> bool:
        row = make_slip(bed)
        return not isinstance(unready(shipment, row, record, RULES, bed.clock.now()), Hold)

    return goes


def slip_waits_too_long(bed: Bed) -> Goes:
    bed.discover()
    make_slip(bed)

    def goes() -> bool:
        alert_waiting_shipments(bed.ledger, bed.clock, timedelta(minutes=20), TrackingReport())
        return any(one.kind == WAITING for one in bed.ledger.alerts.standing())

    return goes


def once_told(bed: Bed) -> Goes:
    bed.discover()
    bed.ledger.alerts.open(AlertKind.ORDER_BEYOND, "odd", code="A")

    def goes() -> bool:
        alert_waiting_shipments(bed.ledger, bed.clock, timedelta(0), TrackingReport())
        return not bed.ledger.alerts.standing()

    return goes


def tracking_context(bed: Bed, shop: Shop | None = None) -> RunContext[TrackingReport]:
    return RunContext(
        TrackingReport(), shop or bed.shop, bed.warehouse, bed.ledger, bed.settings, bed.clock
    )


def unanswered_too_long(bed: Bed) -> Goes:
    bed.discover()
    error = TimedOut("no answer", upstream="veracore")

    def goes() -> bool:
        unanswered = Unanswered(tracking_context(bed))
        unanswered.failed("A", error)
        unanswered.alert_overdue()
        return any(one.kind == UNANSWERED for one in bed.ledger.alerts.standing())

    goes()
    return goes


def stranger_asked_for(bed: Bed) -> Goes:
    bed.ledger.shipments.asked("A", "A")
    fulfilments = AskedShop()
    context = tracking_context(bed, PartialShop(fulfilments=fulfilments))
    strangers = UnknownOrders(context, frozenset(), Unanswered(context, UNKNOWN_ORDERS))

    def goes() -> bool:
        strangers.adopt([Listed("A", "A")])
        return bool(fulfilments.asked)

    return goes


def tracking_complete(bed: Bed) -> Goes:
    """The days of the last complete run are read again, whatever it took for its time."""
    bed.ledger.meta.put("tracking.complete_at", to_text(bed.clock.now()))
    written = bed.clock.moment

    def goes() -> bool:
        last = bed.ledger.meta.moment("tracking.complete_at")
        return last is None or last <= written

    return goes


def _turn_comes(bed: Bed, look: Callable[[str], None], first: Callable[[], str]) -> Goes:
    """B was looked at a minute after A: A's turn is next, and B's after it."""
    for code in "AB":
        bed.discover(code)
        bed.ledger.transitions.accept(code, bed.intend(code), 1)
    look("B")
    off, bed.clock.off = bed.clock.off, timedelta(0)
    bed.clock.forward(days=2)
    look("A")
    bed.clock.off = off

    def goes() -> bool:
        bed.clock.forward(minutes=1)
        before = first()
        look(before)
        return before == "B"

    return goes


def unseen_looked_at(bed: Bed) -> Goes:
    def look(code: str) -> None:
        bed.ledger.shipments.looked(code, code, reference="", rows=None, seen={})

    return _turn_comes(bed, look, lambda: bed.ledger.shipments.longest_unseen(1)[0])


def unprocessed_looked_at(bed: Bed) -> Goes:
    holdings = bed.ledger.holdings

    def looked(code: str) -> None:
        holdings.saw(code, WarehouseRecord(code, code, None, "open"))

    return _turn_comes(bed, looked, lambda: holdings.unprocessed(1)[0][0])


# ---- stock ---------------------------------------------------------------------------------------


def stock_is_without_it(bed: Bed) -> Goes:
    bed.discover()
    bed.ledger.transitions.accept("A", bed.intend(), 1)

    def goes() -> bool:
        read_at = bed.clock.now()
        (held,) = bed.ledger.holdings.of(["A"], to_text(read_at), processed_only=False)
        return not held.is_unseen(to_text(read_at))

    return goes


CASES = {
    "a breaker that is open": Case(breaker_open, timedelta(minutes=5, seconds=30)),
    "a breaker that is probed": Case(breaker_probed, timedelta(minutes=5, seconds=30)),
    "an upstream that asked to be left alone": Case(budget_closed, HOUR),
    "credentials that were refused": Case(credentials_refused, HOUR),
    "an order that failed": Case(order_failed, HOUR * 1.1),
    "an order that is held back": Case(
        order_held_back, HOUR * 1.1, {"orders": {"min_age_minutes": 30}}
    ),
    "an order that was turned away": Case(order_turned_away, HOUR * 1.1),
    "an order that VeraCore refused": Case(order_refused, HOUR * 1.1),
    "an order that we parked": Case(
        order_parked_by_us,
        HOUR,
        {"orders": {"freight": {"other": {"carrier": "UPS", "service": "Ground"}}}},
    ),
    "an order that failed too often": Case(order_exhausted, timedelta(minutes=1)),
    "an order in doubt": Case(doubt_unanswered, GRACE),
    "an order that waits for too long": Case(order_waits_too_long, HOUR + timedelta(seconds=1)),
    "the net over what passed by": Case(net_thrown_far, DAY),
    "the watch over what changed": Case(watched_changes, timedelta(0)),
    "when the ledger was made": Case(ledger_made, timedelta(0), {"orders": {"not_before": None}}),
    "a hint that was put off": Case(hint_put_off, HOUR),
    "an event that was refused": Case(event_refused, HOUR),
    "a hook that is away": Case(hook_away, HOUR),
    "a hook that fails for too long": Case(hook_fails_too_long, HOUR),
    "a shipment that failed": Case(slip_failed, DAY),
    "labels that settle": Case(slip_settles, timedelta(minutes=20)),
    "a shipment that waits for too long": Case(slip_waits_too_long, DAY + timedelta(minutes=20)),
    "what is told for a week": Case(once_told, timedelta(days=7, seconds=1)),
    "look-ups without an answer": Case(unanswered_too_long, HOUR),
    "a stranger's shipment": Case(stranger_asked_for, DAY),
    "the last complete tracking run": Case(tracking_complete, timedelta(0)),
    "whose turn it is to be looked at": Case(unseen_looked_at, timedelta(minutes=2)),
    "whose turn it is to be seen processed": Case(unprocessed_looked_at, timedelta(minutes=2)),
    "stock that is without an order": Case(stock_is_without_it, timedelta(seconds=1)),
}
