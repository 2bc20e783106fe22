"""No moment that a wrong clock wrote delays anything for longer than its kind ever waits.

A table of every kind of moment that is kept, each with what writes it and what waits for it,
against steps of the clock between the two. The ledger is a real one; the clock is the test's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench import Bench
from fakes import START, FakeClock, make_order, make_settings

from veracore_sync import clock as clock_module
from veracore_sync.clock import from_text, to_text
from veracore_sync.errors import BreakerOpen, Category, RateLimited, TimedOut, Unavailable
from veracore_sync.failure import What
from veracore_sync.jobs.deliver import Delivery
from veracore_sync.jobs.doctor.ledger import ledger as ledger_findings
from veracore_sync.jobs.inventory.names import Names
from veracore_sync.jobs.inventory.read import Reading
from veracore_sync.jobs.metrics import exposition
from veracore_sync.jobs.orders.ageing import KIND as OLD
from veracore_sync.jobs.orders.watch import windows
from veracore_sync.jobs.tracking.adopt import Strangers
from veracore_sync.jobs.tracking.ageing import KIND as WAITING
from veracore_sync.jobs.tracking.ageing import tell_waiting
from veracore_sync.jobs.tracking.plan import Hold, Rules, unready
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.jobs.tracking.unanswered import KIND as UNANSWERED
from veracore_sync.jobs.tracking.unanswered import Unanswered
from veracore_sync.jobs.tracking.window import Listed
from veracore_sync.ledger import Discovery, Intent, Ledger, Seen, Trouble
from veracore_sync.ledger.ahead import ahead, kinds
from veracore_sync.ledger.budget import Budget
from veracore_sync.ledger.inbox import Delivery as Hinted
from veracore_sync.ledger.inbox import Inbox
from veracore_sync.ledger.stock import StockBook
from veracore_sync.model import Package, Shipment, WarehouseRecord
from veracore_sync.transport.hooks import NotTaken
from veracore_sync.transport.http import Answer, retry_after_seconds

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = (-DAY, HOUR, timedelta(days=400))
TROUBLE = Trouble(Category.PROTOCOL, "odd")
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
        self.ledger = Ledger(path, clock=self.clock, hooks=("url",))

    def discover(self, code: str = "A") -> None:
        self.shop.add(make_order(code, placed_at=self.clock.moment, updated_at=self.clock.moment))
        self.ledger.moves.discover([Discovery(code, f"id-{code}", self.clock.moment)])

    def intend(self, code: str = "A") -> int:
        seen = Seen("hash", self.clock.moment)
        return self.ledger.moves.intend(code, Intent(code, (("MUG", 2),), "p", "s", seen))

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
    bed.ledger.breakers.one("veracore", "orders", **wanted).after(What.TIMEOUT)

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
    bed.ledger.moves.fail("A", TROUBLE, bed.clock.now() + HOUR, 10)
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
    bed.ledger.moves.fail("A", TROUBLE, bed.clock.now(), 1)
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
    return lambda: windows(bed.ledger, bed.clock.now(), START - 99 * DAY).deep


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
    path = bed.path.with_name("other.db")
    bed.ledger.close()
    bed.ledger = Ledger(path, clock=bed.clock)
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
    inbox = Inbox(bed.ledger.database, bed.clock)
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


def _event(bed: Bed, *, unreachable: bool) -> Goes:
    bed.ledger.outbox.add("order.synced", "A", {})
    hook = Away(unreachable)
    for _ in range(1 if unreachable else 8):
        Delivery(bed.ledger, {"url": hook}, bed.clock, forced=True).run()
    hook.offered = 0

    def goes() -> bool:
        Delivery(bed.ledger, {"url": hook}, bed.clock).run()
        return hook.offered > 0

    return goes


def event_refused(bed: Bed) -> Goes:
    return _event(bed, unreachable=False)


def hook_away(bed: Bed) -> Goes:
    return _event(bed, unreachable=True)


def hook_fails_too_long(bed: Bed) -> Goes:
    _event(bed, unreachable=True)

    def goes() -> bool:
        Delivery(bed.ledger, {"url": Away(True)}, bed.clock).run()
        return any(one.kind == "hooks.failing" for one in bed.ledger.alerts.standing())

    return goes


# ---- shipments -----------------------------------------------------------------------------------

RULES = Rules(None, None, frozenset(), timedelta(minutes=20), timedelta(seconds=60))  # type: ignore[arg-type]


def _slip(bed: Bed) -> Any:
    facts = [("UPS", "", "1Z", None, False)]
    bed.ledger.shipments.looked("A", "A", reference="A", rows=None, seen={"1": facts})
    return bed.ledger.shipments.slips("A")["1"]


def slip_failed(bed: Bed) -> Goes:
    bed.ledger.shipments.hold(_slip(bed), "odd", bed.clock.now() + HOUR, failed=True)
    return lambda: bed.ledger.shipments.due() == ["A"]


def slip_settles(bed: Bed) -> Goes:
    _slip(bed)
    package = Package("UPS", "", "1Z", START, None)
    shipment = Shipment("1", None, (package,))
    record = WarehouseRecord("A", "A", (), "shipped", is_complete=True)

    def goes() -> bool:
        row = _slip(bed)
        return not isinstance(unready(shipment, row, record, RULES, bed.clock.now()), Hold)

    return goes


def slip_waits_too_long(bed: Bed) -> Goes:
    bed.discover()
    _slip(bed)

    def goes() -> bool:
        tell_waiting(bed.ledger, bed.clock, timedelta(minutes=20), TrackingResult())
        return any(one.kind == WAITING for one in bed.ledger.alerts.standing())

    return goes


def once_told(bed: Bed) -> Goes:
    bed.discover()
    bed.ledger.alerts.open("order.beyond", "odd", code="A")

    def goes() -> bool:
        tell_waiting(bed.ledger, bed.clock, timedelta(0), TrackingResult())
        return not bed.ledger.alerts.standing()

    return goes


def unanswered_too_long(bed: Bed) -> Goes:
    bed.discover()
    error = TimedOut("no answer", upstream="veracore")

    def goes() -> bool:
        unanswered = Unanswered(bed.ledger, bed.clock, TrackingResult())
        unanswered.failed(bed.row("A"), error, quiet=False)
        return any(one.kind == UNANSWERED for one in bed.ledger.alerts.standing())

    goes()
    return goes


def stranger_asked_for(bed: Bed) -> Goes:
    bed.ledger.shipments.asked("A", "A")
    asked: list[str] = []

    def orders(codes: list[str]) -> dict[str, Any]:
        asked.extend(codes)
        return {}

    shop = SimpleNamespace(fulfilments=SimpleNamespace(orders=orders))
    strangers = Strangers(
        shop,
        bed.warehouse,
        bed.ledger,
        bed.clock,
        frozenset(),
        TrackingResult(),  # type: ignore[arg-type]
    )

    def goes() -> bool:
        strangers.adopt([Listed("A", "A")])
        return bool(asked)

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
        bed.ledger.moves.accept(code, bed.intend(code), 1)
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
    book = StockBook(bed.ledger.database, bed.clock)
    return _turn_comes(
        bed, lambda code: book.looked(code, processed=False), lambda: book.unprocessed(1)[0][0]
    )


# ---- stock ---------------------------------------------------------------------------------------


def stock_is_without_it(bed: Bed) -> Goes:
    bed.discover()
    bed.ledger.moves.accept("A", bed.intend(), 1)
    book = StockBook(bed.ledger.database, bed.clock)

    def goes() -> bool:
        read_at = bed.clock.now()
        (held,) = book.held(["A"], read_at, processed_only=False)
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


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = CASES[request.param]
    return found


@pytest.fixture
def bed(tmp_path: Path, case: Case) -> Iterator[Bed]:
    made = Bed(tmp_path / "ledger.db", **case.sections)
    yield made
    made.ledger.close()


def test_it_waits_as_long_as_it_should_by_a_clock_that_is_right(bed: Bed, case: Case) -> None:
    goes = case.write(bed)
    if case.longest > timedelta(minutes=2):
        assert not goes()
    bed.clock.moment += case.longest
    assert goes()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_a_wrong_clock_wrote_is_over_in_time(bed: Bed, case: Case, step: timedelta) -> None:
    bed.clock.off = step
    goes = case.write(bed)
    bed.clock.off = timedelta(0)
    assert _within(bed, case, goes)


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_the_right_clock_wrote_is_over_in_time(bed: Bed, case: Case, step: timedelta) -> None:
    goes = case.write(bed)
    bed.clock.off = step
    if step > timedelta(0) or case.write not in OF_THE_SHOP:
        assert _within(bed, case, goes)
    bed.clock.off = timedelta(0)
    assert goes() or _within(bed, case, goes)


OF_THE_SHOP = (watched_changes, order_exhausted, ledger_made)
"""What the shop does is told by its own clock: a machine that lags behind hears of it later."""


def _within(bed: Bed, case: Case, goes: Goes) -> bool:
    """Whether it goes on by the end of its longest wait, looked at as often as timers do."""
    end = bed.clock.moment + case.longest
    pause = max(case.longest / 20, timedelta(seconds=1))
    while not goes():
        if bed.clock.moment > end:
            return False
        bed.clock.moment = max(bed.clock.moment, min(bed.clock.moment + pause, end))
        if bed.clock.moment == end:
            return goes()
    return True


# ---- what must not be cut short ------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_the_grace_of_a_doubt_is_true_time(plain: Bed, step: timedelta) -> None:
    """Two absences end a doubt; what lies between them is no matter of what the wall shows."""
    plain.shop.add(make_order("A"))
    plain.warehouse.script.append("lost before")
    plain.run()
    plain.clock.forward(seconds=1)
    plain.run()
    plain.clock.off = step
    for _ in range(5):
        plain.clock.forward(seconds=30)
        plain.run()
        assert plain.warehouse.submissions == {"A": 1}
    plain.clock.off = timedelta(0)
    plain.clock.forward(seconds=30)
    plain.run()
    plain.run()
    assert plain.warehouse.submissions == {"A": 2}


def test_an_absence_from_before_a_restart_counts_for_nothing(
    plain: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came up with another time: how long it was down, nobody knows."""
    plain.shop.add(make_order("A"))
    plain.warehouse.script.append("lost before")
    plain.run()
    monkeypatch.setattr(clock_module, "_boot", lambda: "another boot")
    plain.clock.off = timedelta(days=400)
    plain.clock.forward(seconds=20)
    plain.run()
    plain.run()
    assert plain.warehouse.submissions == {"A": 1}
    plain.clock.forward(seconds=180)
    plain.run()
    plain.run()
    assert plain.warehouse.submissions == {"A": 2}


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_the_grace_of_a_fulfilment_is_true_time(plain: Bed, step: timedelta) -> None:
    """A process that died may still have its mutation under way in the shop."""
    row = _slip(plain)
    plain.ledger.shipments.intend(row, {"1": 1}, method="", tracking_code="1Z", known=())
    began = plain.clock.moment
    plain.clock.off = step
    plain.clock.forward(seconds=10)
    row = plain.ledger.shipments.slips("A")["1"]
    assert from_text(row.intended_at or "") - step == from_text(row.since) - step == began


def test_stock_is_not_counted_by_a_clock_that_is_set_meanwhile(plain: Bed) -> None:
    reading = Reading(
        SimpleNamespace(open_orders=list),  # type: ignore[arg-type]
        SimpleNamespace(stock=lambda part: ()),  # type: ignore[arg-type]
        plain.ledger,
        StockBook(plain.ledger.database, plain.clock),
        plain.settings,
        Names(plain.settings.skus),
        plain.clock,
        plain.clock.monotonic() + 600,
    )
    reading.book.clear()
    began, _ = reading.stock((), SimpleNamespace(order=("1",)))  # type: ignore[arg-type]
    plain.clock.forward(seconds=30)
    assert reading.demand(began).parts == {}
    plain.clock.off = -HOUR
    with pytest.raises(Unavailable, match="the clock was set"):
        reading.demand(began)


def test_a_clock_that_is_behind_makes_no_ledger_older(plain: Bed) -> None:
    """Orders that others dealt with before it was made would be sent."""
    plain.settings = make_settings(orders={"not_before": None})
    plain.shop.add(make_order("A", placed_at=START - HOUR))
    plain.run()
    assert plain.state("A") == "skipped"
    plain.clock.off = -DAY
    for _ in range(2):
        plain.ledger.meta.bind("shop", "warehouse")
        plain.run()
        plain.clock.off = timedelta(0)
        plain.clock.forward(hours=1)
    assert plain.state("A") == "skipped"


# ---- others' clocks ------------------------------------------------------------------------------


def test_one_order_of_2030_hides_no_other(plain: Bed) -> None:
    for code in "AB":
        plain.shop.add(make_order(code))
    plain.run()
    plain.shop.change("A", updated_at=START + 4 * 365 * DAY)
    plain.clock.forward(minutes=5)
    plain.run()
    reads = plain.shop.reads
    for code in "BA":
        plain.clock.forward(minutes=5)
        plain.run()
        assert plain.shop.reads == reads, "it is not compared anew by every run"
        plain.shop.change(code, state="Cancelled", updated_at=plain.clock.now())
        plain.run()
        standing = plain.ledger.alerts.standing()
        assert code in {one.code for one in standing if one.kind == "order.cancelled_in_shop"}


def test_a_ledger_that_was_blinded_sees_again(plain: Bed) -> None:
    """As earlier versions left it."""
    plain.shop.add(make_order("A"))
    plain.run()
    for key in ("watch.updated_at", "net.checked_at", "net.deep_at"):
        plain.ledger.meta.put(key, "2030-01-01T00:00:00.000Z")
    plain.ledger.moves.touch("A", shop_updated_at="2030-01-01T00:00:00.000Z")
    plain.clock.forward(minutes=5)
    plain.shop.change("A", state="Cancelled", updated_at=plain.clock.now())
    plain.run()
    assert [one.kind for one in plain.ledger.alerts.standing()] == ["order.cancelled_in_shop"]


@pytest.mark.parametrize("text", ["999999999", "Sat, 01 Jan 2033 00:00:00 GMT", "7200"])
def test_nobody_is_left_alone_for_longer_than_an_hour(plain: Bed, text: str) -> None:
    answer = Answer(429, {"retry-after": text}, b"")
    assert retry_after_seconds(answer, plain.clock) == HOUR.total_seconds()


# ---- hints and figures ---------------------------------------------------------------------------


def test_a_new_delivery_wakes_what_was_put_off_for_years(plain: Bed) -> None:
    """One about a name that just failed does not: its wait stands."""
    inbox = Inbox(plain.ledger.database, plain.clock)
    plain.clock.off = 400 * DAY
    hint_put_off(plain)
    plain.clock.off = timedelta(0)
    inbox.store([Hinted("2", "order", ("A",))])
    sql = "SELECT due_at FROM hints WHERE name = 'A'"
    assert plain.ledger.database.value(sql) == to_text(plain.clock.now())
    hint = inbox.due("order")
    assert hint is not None
    inbox.put_off(hint, plain.clock.now() + timedelta(minutes=5), "timeout", "no answer")
    inbox.store([Hinted("3", "order", ("A",))])
    assert inbox.due("order") is None


def test_a_success_that_is_still_to_come_hides_no_silence(plain: Bed) -> None:
    runs = plain.ledger.runs
    runs.end(runs.begin("sync-orders"), 0, {})
    true = plain.clock.now().timestamp()
    plain.clock.off = 400 * DAY
    runs.end(runs.begin("sync-orders"), 0, {})
    plain.clock.off = timedelta(0)
    plain.clock.forward(hours=5)
    shown = exposition(plain.ledger, plain.clock.now())
    for name in ("last_success", "last_run"):
        assert f'{name}_timestamp_seconds{{command="sync-orders"}} {true!r}' in shown


# ---- all of them ---------------------------------------------------------------------------------

TOLD_ONLY = {
    "breakers.opened_at",
    "refusals.refused_at",
    "orders.placed_at",
    "orders.updated_at",
    "orders.absent_at",  # its tick counts
    "attempts.started_at",
    "runs.ended_at",
    "alerts.resolved_at",
    "inbox.received_at",
    "hints.asked_at",
    "hints.covered_at",
    "deliveries.done_at",
    "tracked.first_seen_at",
    "slips.intended_at",  # its tick counts
    "slips.first_seen_at",
    "slips.updated_at",
    "stock_processed.processed_at",
    "job_locks.since",
    "events.at",
}
"""Moments that are shown, or that bound what is forgotten: nothing waits for them."""


def test_doctor_knows_every_moment_of_the_schema(plain: Bed) -> None:
    known = {kind.place for kind in kinds(plain.settings)}
    tables = plain.ledger.database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    found = {
        f"{table['name']}.{column['name']}"
        for table in tables
        for column in plain.ledger.database.rows(f"PRAGMA table_info({table['name']})")
        if re.search(r"(^|_)(at|since|until|attempt|sync)$", column["name"])
        and column["type"] == "TEXT"
        and not table["name"].startswith("_")
    }
    found -= {"orders.last_sync_attempt"}
    assert found - known == TOLD_ONLY
    assert {place for place in known if not place.startswith("meta.")} <= found


def test_doctor_tells_what_a_wrong_clock_left(plain: Bed) -> None:
    plain.clock.off = 400 * DAY
    breaker_open(plain)
    hint_put_off(plain)
    slip_failed(plain)
    net_thrown_far(plain)
    plain.clock.off = timedelta(0)
    found = {one.kind.place: one for one in ahead(plain.ledger.database, plain.settings, START)}
    assert found.keys() == {
        "breakers.retry_at",
        "hints.due_at",
        "slips.next_attempt_at",
        "slips.since",
        "tracked.looked_at",
        "meta.net.checked_at",
        "meta.net.deep_at",
        "alerts.opened_at",
    }
    assert found["hints.due_at"].count == 1
    assert found["hints.due_at"].last == to_text(START + 400 * DAY + HOUR)


def test_doctor_tells_of_a_beginning_that_is_still_to_come(plain: Bed) -> None:
    """It may be meant; or `init` was run by a clock that was wrong."""
    later = {"not_before": "2027-01-01T00:00:00Z"}
    wanted = make_settings(orders=later, ledger={"path": plain.path})
    (found, *_) = ledger_findings(wanted, lambda: plain.ledger, plain.clock)
    assert (found.name, found.level) == ("clock", "warn")
    assert "2027-01-01T00:00:00.000Z, which is still to come" in found.message
