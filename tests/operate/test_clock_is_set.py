"""A clock that is set: what it must not cut short, others' clocks, and what doctor says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import START, PartialShop, make_order, make_settings
from inventory_world import HERE, World
from moments_kit import (
    DAY,
    HOUR,
    STEPS,
    Bed,
    breaker_open,
    hint_put_off,
    make_slip,
    net_thrown_far,
    slip_failed,
)

from veracore_sync import clock as clock_module
from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.hints import WebhookDelivery as Hinted
from veracore_sync.domain.ledger_records import MomentKind
from veracore_sync.jobs.doctor.ledger import ledger as ledger_findings
from veracore_sync.jobs.health import overdue
from veracore_sync.jobs.inventory.location_map import LocationMap
from veracore_sync.jobs.inventory.read import Reading
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.inventory.unread import UnreadStock
from veracore_sync.jobs.kernel import RunContext
from veracore_sync.jobs.metrics import exposition
from veracore_sync.ledger.ahead import ahead, kinds
from veracore_sync.transport.http import HttpAnswer, retry_after_seconds

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
    row = make_slip(plain)
    began = plain.clock.moment
    plain.ledger.shipments.intend(
        row, {"1": 1}, method="", tracking_code="1Z", known=(), ends_by=began
    )
    plain.clock.off = step
    plain.clock.forward(seconds=10)
    row = plain.ledger.shipments.slips("A")["1"]
    assert from_text(row.intended_at or "") - step == from_text(row.since) - step == began


def test_stock_is_not_counted_by_a_clock_that_is_set_meanwhile(plain: Bed, tmp_path: Path) -> None:
    nothing = World(tmp_path / "nothing.db")
    context = RunContext(
        InventoryReport(),
        PartialShop(stock=nothing.shop),
        nothing.warehouse,
        plain.ledger,
        plain.settings,
        plain.clock,
    )
    reading = Reading(
        context,
        plain.ledger.stock,
        SkuMap(plain.settings.skus),
        UnreadStock(plain.ledger, plain.clock, context.report),
    )
    reading.book.clear()
    began, _ = reading.stock((), LocationMap((HERE,), None))
    plain.clock.forward(seconds=30)
    assert reading.demand(began).parts == {}
    plain.clock.off = -HOUR
    with pytest.raises(Unavailable, match="the clock was set"):
        reading.demand(began)
    nothing.ledger.close()


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
    with plain.ledger.database.transaction() as connection:
        connection.execute("UPDATE orders SET shop_updated_at = '2030-01-01T00:00:00.000Z'")
    plain.clock.forward(minutes=5)
    plain.shop.change("A", state="Cancelled", updated_at=plain.clock.now())
    plain.run()
    assert [one.kind for one in plain.ledger.alerts.standing()] == ["order.cancelled_in_shop"]


@pytest.mark.parametrize("text", ["999999999", "Sat, 01 Jan 2033 00:00:00 GMT", "7200"])
def test_nobody_is_left_alone_for_longer_than_an_hour(plain: Bed, text: str) -> None:
    answer = HttpAnswer(429, {"retry-after": text}, b"")
    assert retry_after_seconds(answer, plain.clock) == HOUR.total_seconds()


# ---- hints and figures ---------------------------------------------------------------------------


def test_a_new_delivery_wakes_what_was_put_off_for_years(plain: Bed) -> None:
    """One about a name that just failed does not: its wait stands."""
    inbox = plain.ledger.inbox
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
    shown = exposition(plain.ledger, plain.clock.now(), plain.settings)
    for name in ("last_success", "last_run"):
        assert f'{name}_timestamp_seconds{{command="sync-orders"}} {true!r}' in shown


# ---- all of them ---------------------------------------------------------------------------------

TOLD_ONLY = {
    "breakers.opened_at",
    "refusals.refused_at",
    "orders.placed_at",
    "orders.paid_at",
    "slips.left_at",
    "orders.updated_at",
    "orders.absent_at",  # its tick counts
    "orders.shop_cancelled_at",
    "cancellations.wanted_at",
    "cancellations.asked_at",
    "cancellations.seen_at",  # its tick counts
    "cancellations.left_at",
    "cancellations.updated_at",
    "attempts.started_at",
    "attempts.ended_at",
    "runs.ended_at",
    "alerts.resolved_at",
    "accepted.accepted_at",
    "compared.accepted_at",
    "inbox.received_at",
    "hints.asked_at",
    "hints.covered_at",
    "deliveries.done_at",
    "tracked.first_seen_at",
    "slips.intended_at",  # its tick counts
    "slips.first_seen_at",
    "slips.updated_at",
    "held.processed_at",
    "receipts.seen_at",
    "receipts.asked_at",  # its tick counts
    "job_locks.since",
    "events.at",
    "audit.at",
    "history.at",
    "audit.ended_at",
    "agreed.at",  # one that lies ahead is as none
    "differences.since",
    "differences.first_seen_at",
    "differences.last_seen_at",
    "differences.ended_at",
    "differences.accepted_at",
}
"""Moments that are shown, or that bound what is forgotten: nothing waits for them."""


def moments(plain: Bed) -> tuple[MomentKind, ...]:
    wanted = plain.settings
    return kinds(
        cooldown=timedelta(seconds=wanted.retry.breaker_cooldown_seconds),
        grace=timedelta(seconds=wanted.orders.grace_seconds),
        order_wait=wanted.longest_order_wait,
    )


def test_doctor_knows_every_moment_of_the_schema(plain: Bed) -> None:
    known = {kind.place for kind in moments(plain)}
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
    found = {one.kind.place: one for one in ahead(plain.ledger.database, moments(plain), START)}
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
    assert "2027-01-01T00:00:00.000Z, which is in the future" in found.message


def test_doctor_tells_of_one_wrong_clock_once(plain: Bed) -> None:
    for name in ("net.checked_at", "net.deep_at"):
        plain.ledger.meta.put(name, to_text(START + 400 * DAY))
    wanted = make_settings(ledger={"path": plain.path})
    findings = ledger_findings(wanted, lambda: plain.ledger, plain.clock)
    [found] = [one for one in findings if one.name == "clock"]
    assert "meta.net.checked_at: 1, the last" in found.message
    assert "meta.net.deep_at: 1, the last" in found.message


def test_a_success_of_the_future_hides_no_silence(plain: Bed) -> None:
    plain.clock.off = 400 * DAY
    number = plain.ledger.runs.begin("sync-orders")
    plain.ledger.runs.end(number, 0, {})
    plain.clock.off = timedelta(0)
    plain.ledger.runs.end(plain.ledger.runs.begin("sync-orders"), 69, {"errorClass": "timeout"})
    plain.clock.forward(hours=1)
    found = overdue(plain.ledger, plain.settings, plain.clock.now(), "orders")
    assert found is not None
    assert "never succeeded" in found.message
