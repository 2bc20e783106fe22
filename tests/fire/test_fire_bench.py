"""Attacks that need days of trouble or thousands of orders: in memory, over a real ledger."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from bench import Bench
from fakes import ADDRESS, START, FakeWarehouse, make_order, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import AuthRefused, Category, Occurrence, TimedOut, Unavailable
from veracore_sync.domain.order_records import Discovery, Failure
from veracore_sync.domain.warehouse import RecordLine, WarehouseOrder, WarehouseRecord
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, NotAccepted, SubmitOutcome


@dataclass
class Treacherous(FakeWarehouse):
    """`hanging`: ids whose look-up never answers; `hidden`: ids that it does not show yet.
    `password`: False refuses every login. `page`: what a proxy answers to every create."""

    hidden: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    password: bool = True
    page: Occurrence | None = None

    def check_connection(self, known_id: str | None) -> None:
        super().check_connection(known_id)
        if not self.password:
            raise AuthRefused("invalid login", upstream="veracore")

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        if self.password and self.page is None:
            return super().submit(order)
        self.submissions[order.id] = self.submissions.get(order.id, 0) + 1
        if not self.password:
            return NotAccepted(Occurrence.LOGIN_REFUSED, "Invalid login")
        assert self.page is not None
        return NotAccepted(self.page, "<html>")

    def look_up(self, order_id: str) -> LookUp:
        if order_id in self.hanging:
            self.looked_up.append(order_id)
            return LookUpFailed(TimedOut("no answer", upstream="veracore"))
        if order_id in self.hidden:
            return Absent()
        if not self.password:
            return LookUpFailed(AuthRefused("invalid login", upstream="veracore"))
        return super().look_up(order_id)


@pytest.fixture
def hot(bench: Bench) -> tuple[Bench, Treacherous]:
    """A bench over a treacherous warehouse that has taken one order."""
    warehouse = Treacherous()
    bench.warehouse = warehouse
    bench.shop.add(make_order("OK"))
    bench.run()
    return bench, warehouse


Hot = tuple[Bench, Treacherous]


def doubt(hot: Hot, *codes: str) -> None:
    """These orders were sent, and nobody knows whether they arrived."""
    bench, warehouse = hot
    warehouse.hidden.update(codes)
    for code in codes:
        bench.shop.add(make_order(code))
        warehouse.script.append("fault after")
    bench.run()
    assert {bench.state(code) for code in codes} == {"in_doubt"}
    warehouse.hidden.clear()
    bench.clock.forward(minutes=5)


# ---- one bad order never stops the others -------------------------------------------------------


def test_a_look_up_that_hangs_keeps_no_fresh_order(hot: Hot) -> None:
    bench, warehouse = hot
    doubt(hot, "BAD")
    warehouse.hanging.add("BAD")
    bench.shop.add(make_order("FRESH"))
    bench.run()
    assert (bench.state("BAD"), bench.state("FRESH")) == ("in_doubt", "synced")


def test_look_ups_that_hang_keep_no_other_doubt_for_long(hot: Hot) -> None:
    bench, warehouse = hot
    bad = [f"BAD{n}" for n in range(7)]
    doubt(hot, *bad, "GOOD")
    warehouse.hanging.update(bad)
    for _ in range(3):
        bench.run()
        bench.clock.forward(minutes=5)
    assert bench.state("GOOD") == "synced"
    warehouse.hanging.clear()
    for _ in range(3):
        bench.run()
        bench.clock.forward(minutes=5)
    assert {bench.state(code) for code in bad} == {"synced"}


def test_when_the_control_call_fails_too_the_run_ends(hot: Hot) -> None:
    bench, warehouse = hot
    doubt(hot, "A", "B")
    looked = len(warehouse.looked_up)

    def fall(_: WarehouseOrder) -> None:
        warehouse.down = True

    warehouse.before_submit = fall
    bench.shop.add(make_order("C"))
    _, error = bench.stopped()
    assert isinstance(error, Unavailable)
    assert len(warehouse.looked_up) - looked <= 1
    assert {bench.state(code) for code in "AB"} == {"in_doubt"}


def test_a_backlog_of_doubts_is_looked_up_after_the_fresh_order(hot: Hot) -> None:
    bench, warehouse = hot
    doubt(hot, *(f"D{n:03}" for n in range(200)))
    looked = len(warehouse.looked_up)
    seen: list[int] = []
    warehouse.before_submit = lambda order: seen.append(len(warehouse.looked_up) - looked)
    bench.shop.add(make_order("FRESH"))
    bench.run()
    assert seen == [0]
    assert bench.ledger.orders.counts()["in_doubt"] == 0


# ---- what says nothing of an order parks no order -----------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
def test_a_password_rotated_during_a_run_parks_nothing(hot: Hot, workers: int) -> None:
    bench, warehouse = hot
    bench.settings = make_settings(orders={"workers": workers, "max_first_run": 500})
    codes = [f"A{n:03}" for n in range(200)]
    bench.shop.add(*(make_order(code) for code in codes))

    def rotate(order: WarehouseOrder) -> None:
        if len(warehouse.held) >= 100:
            warehouse.password = False

    warehouse.script.append("fault")
    warehouse.before_submit = rotate
    _, error = bench.stopped()
    assert isinstance(error, AuthRefused)
    assert sum(warehouse.submissions.values()) <= 101 + 2 * workers
    warehouse.before_submit = lambda order: None
    warehouse.password = True
    for _ in range(4):
        bench.clock.forward(minutes=5)
        bench.run()
    counts = bench.ledger.orders.counts()
    assert (counts["synced"], counts["parked"]) == (200, 1), "only the order with the odd fault"


@pytest.mark.parametrize(
    "page", [Occurrence.NOT_UNDERSTOOD, Occurrence.HTTP_5XX, Occurrence.TIMEOUT, Occurrence.RESET]
)
def test_a_maintenance_page_during_a_run_stops_it_soon(hot: Hot, page: Occurrence) -> None:
    bench, warehouse = hot
    bench.shop.add(*(make_order(f"A{n:03}") for n in range(40)))
    warehouse.page = page
    bench.stopped()
    assert sum(warehouse.submissions.values()) <= 1 + 3
    warehouse.page = None
    for _ in range(4):
        bench.clock.forward(minutes=5)
        bench.run()
    assert bench.ledger.orders.counts()["synced"] == 41


def test_a_403_for_everything_and_a_control_call_that_fails_park_nothing(hot: Hot) -> None:
    bench, warehouse = hot
    bench.shop.add(*(make_order(f"A{n:03}") for n in range(40)))
    warehouse.page = Occurrence.HTTP_4XX
    bench.warehouse.before_submit = lambda order: None
    real = warehouse.check_connection
    calls = []

    def control(known_id: str | None) -> None:
        calls.append(known_id)
        if len(calls) > 1 and warehouse.page is not None:
            raise Unavailable("403", upstream="veracore")
        real(known_id)

    warehouse.check_connection = control  # type: ignore[method-assign]
    bench.stopped()
    warehouse.page = None
    for _ in range(4):
        bench.clock.forward(minutes=5)
        bench.run()
    counts = bench.ledger.orders.counts()
    assert (counts["synced"], counts["parked"]) == (41, 0)


# ---- nothing is forgotten -----------------------------------------------------------------------


def test_a_cancellation_in_the_shop_is_told_while_the_warehouse_is_down(hot: Hot) -> None:
    bench, warehouse = hot
    bench.shop.add(make_order("NEXT"))
    warehouse.down = True
    bench.clock.forward(minutes=5)
    bench.shop.change("OK", state="Cancelled", updated_at=bench.clock.now())
    result, error = bench.stopped()
    assert error.exit_code == 69
    assert [news for news in result.needs_person if "cancelled in the shop" in news]


def test_an_earlier_attempt_that_arrived_after_all_is_drift(hot: Hot) -> None:
    bench, warehouse = hot
    bench.shop.add(make_order("A"))
    warehouse.script.append("lost before")
    bench.run()
    bench.clock.forward(minutes=5)
    bench.run()
    bench.shop.change("A", lines=(replace(bench.shop.by_code["A"].lines[0], quantity=9),))
    lines = (RecordLine("MUG", 2), RecordLine("TEE", 1))
    warehouse.held["a"] = WarehouseRecord("A", "A", lines, "open")
    result = bench.run()
    assert bench.state("A") == "synced"
    assert [alert.kind for alert in bench.ledger.alerts.standing()] == ["order.drift"]
    assert len(result.needs_person) == 1


def test_down_for_a_day_and_back(hot: Hot) -> None:
    bench, warehouse = hot
    bench.settings = make_settings(orders={"workers": 2})
    warehouse.down = True
    news: list[str] = []
    for run in range(288):
        if run % 10 == 0:
            bench.shop.add(make_order(f"A{run:03}", placed_at=bench.clock.now()))
        result, error = bench.stopped()
        assert error.exit_code == 69
        news += result.needs_person
        bench.clock.forward(minutes=5)
    counts = bench.ledger.orders.counts()
    assert (counts["pending"], counts["parked"], counts["failed"]) == (29, 0, 0)
    assert len(set(news)) == len(news) >= 1
    warehouse.down = False
    for _ in range(2):
        bench.run()
        bench.clock.forward(minutes=5)
    assert bench.ledger.orders.counts()["synced"] == 30
    assert bench.ledger.alerts.standing() == []


def test_ten_thousand_parked_and_failed_and_one_fresh(hot: Hot) -> None:
    bench, warehouse = hot
    nowhere = replace(ADDRESS, city="")
    codes = [f"P{n:05}" for n in range(10_000)]
    bench.shop.add(*(make_order(code, shipping_address=nowhere) for code in codes))
    with bench.ledger.database.transaction():
        bench.ledger.transitions.discover(Discovery(code, f"id-{code}", START) for code in codes)
        for number, code in enumerate(codes):
            trouble = Failure(Category.INTERNAL, "odd")
            if number % 2:
                bench.ledger.transitions.fail(code, trouble, START, 10)
            else:
                bench.ledger.transitions.park(code, trouble, "")
    bench.clock.forward(hours=2)
    bench.shop.add(make_order("FRESH", placed_at=bench.clock.now()))
    sent: list[tuple[str, int]] = []
    warehouse.before_submit = lambda order: sent.append((order.id, bench.shop.reads))
    reads = bench.shop.reads
    result = bench.run()
    assert sent == [("FRESH", reads + 1)], "in the first page that is read"
    assert next(iter(result.outcomes)) == "FRESH"
    assert to_text(bench.clock.now()) >= (bench.row("FRESH").last_successful_sync or "~")
