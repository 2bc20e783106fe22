"""The kernel of a run: whether it may write, when it is over, and what it puts before a person."""

from __future__ import annotations

import pytest
from bench import Bench

from veracore_sync.domain.errors import NeedsPerson, TimedOut
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.kernel import JobRun, RunContext
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import RunReport, raise_alert
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.unanswered import ORDERS, Unanswered

REPORTS = (OrdersReport, InventoryReport, TrackingReport)


def of(bench: Bench, report: RunReport) -> RunContext[RunReport]:
    return RunContext(
        report, bench.shop, bench.warehouse, bench.ledger, bench.settings, bench.clock
    )


def far_away(bench: Bench, *, rehearsal: bool = False) -> None:
    """VeraCore is a simulator, and the shop may be a real one."""
    bench.warehouse.is_sandbox = True
    vendure = {"admin_api_url": "https://shop.example.com/admin-api", "rehearsal": rehearsal}
    bench.settings = bench.settings.model_copy(
        update={"vendure": bench.settings.vendure.model_copy(update=vendure)}
    )


def test_a_dry_run_must_not_write_from_its_beginning_and_says_nothing_of_it(bench: Bench) -> None:
    context = bench.context(dry_run=True)
    assert context.must_not_write
    far_away(bench)
    context.check_warehouse()
    assert context.report.notices == []


@pytest.mark.parametrize(
    ("report", "words"),
    [(OrdersReport, "sent or recorded"), (InventoryReport, "written"), (TrackingReport, "written")],
)
def test_a_simulator_of_a_real_shop_is_told_once_and_nothing_is_written(
    bench: Bench, report: type[RunReport], words: str
) -> None:
    far_away(bench)
    context = of(bench, report())
    assert not context.must_not_write  # nothing has answered yet
    context.check_warehouse()
    context.check_warehouse()
    assert context.must_not_write
    [sentence] = context.report.notices
    assert f"only planned, nothing {words} (to " in sentence
    assert sentence.endswith("set vendure.rehearsal = true)")


def test_a_rehearsal_that_was_asked_for_writes(bench: Bench) -> None:
    far_away(bench, rehearsal=True)
    context = bench.context()
    context.check_warehouse()
    assert (context.must_not_write, context.report.notices) == (False, [])


@pytest.mark.parametrize("report", REPORTS)
def test_a_run_is_over_after_its_own_minutes_and_says_so_once(
    bench: Bench, report: type[RunReport]
) -> None:
    context = of(bench, report())
    bench.clock.forward(hours=24)
    assert not context.ends_here()  # it has not begun
    context.begin()
    minutes = getattr(bench.settings, report.job).max_run_minutes
    bench.clock.forward(minutes=minutes - 1)
    assert not context.ends_here()
    assert context.report.notices == []
    bench.clock.forward(minutes=1)
    assert context.is_over
    assert [context.ends_here(" with the rest") for _ in range(2)] == [True, True]
    assert context.report.notices == [
        f"{report.job}.max_run_minutes is over: the next run goes on with the rest"
    ]


def test_an_alert_is_a_sentence_only_while_it_is_new(bench: Bench) -> None:
    report = OrdersReport()
    assert raise_alert(bench.ledger, report, AlertKind.ORDER_DRIFT, "other units", code="A")
    assert not raise_alert(bench.ledger, report, AlertKind.ORDER_DRIFT, "other units", code="A")
    assert raise_alert(bench.ledger, report, AlertKind.STOCK_DRIFT, "other stock")
    assert raise_alert(bench.ledger, report, AlertKind.HOOKS_FAILING, "it fails", about="crm")
    assert report.needs_person == ["A: other units", "other stock", "it fails"]
    assert raise_alert(bench.ledger, report, AlertKind.ORDER_DRIFT, "again", code="A", again=True)
    assert report.needs_person[3:] == ["A: again"]
    standing = {(one.kind, one.about, one.message) for one in bench.ledger.alerts.standing()}
    assert standing == {
        ("order.drift", "A", "again"),
        ("stock.drift", "", "other stock"),
        ("hooks.failing", "crm", "it fails"),
    }


def test_what_stops_a_run_is_in_its_report(bench: Bench) -> None:
    class Stops(JobRun[OrdersReport]):
        def run(self) -> OrdersReport:
            self.report.record("A", "pending")
            raise NeedsPerson("a person has to decide")

    report = Stops(bench.context()).try_run()
    assert isinstance(report.stopped_by, NeedsPerson)
    assert report.outcomes == {"A": "pending"}


def test_a_bug_is_no_end_of_a_run(bench: Bench) -> None:
    class Breaks(JobRun[OrdersReport]):
        def run(self) -> OrdersReport:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Breaks(bench.context()).try_run()


def test_a_rehearsal_remembers_no_bad_record(bench: Bench) -> None:
    """What was made before the first answer showed the simulator must not write either."""
    far_away(bench)
    context = RunContext(
        TrackingReport(),
        bench.shop,
        bench.warehouse,
        bench.ledger,
        bench.settings,
        bench.clock,
    )
    memory = Unanswered(context, ORDERS)
    context.check_warehouse()
    memory.failed("A", TimedOut("no answer", upstream="veracore"))
    bench.clock.forward(hours=2)
    memory.alert_overdue()
    assert (bench.ledger.meta.get(ORDERS), bench.ledger.alerts.standing()) == (None, [])
    assert context.report.errors == 1
