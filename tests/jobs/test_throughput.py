"""The figures of the last days; pure, and over a ledger."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import Discovery, Intent, ShopVersion
from veracore_sync.domain.states import OrderState
from veracore_sync.domain.throughput import OUTCOME_LABELS, OUTCOMES, Outcome, QueueAge, Spans
from veracore_sync.jobs.throughput import (
    QUEUE_BOUNDS,
    DayRange,
    figures,
    last_days,
    queue_ages,
    spans,
    stock_ages,
)
from veracore_sync.ledger import open_ledger

NEW_YORK = ZoneInfo("America/New_York")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_each_state_has_an_outcome_and_each_outcome_a_label() -> None:
    assert set(OUTCOMES) == set(OrderState)
    assert set(OUTCOMES.values()) == set(OUTCOME_LABELS) == set(Outcome)


@given(
    st.sampled_from([NEW_YORK, KATHMANDU, ZoneInfo("UTC")]),
    st.integers(0, 60 * 24 * 60),
)
@settings(max_examples=60)
def test_a_moment_belongs_to_the_day_of_its_zone(zone: ZoneInfo, minutes: int) -> None:
    # March 2026 has a day of 23 hours in New York.
    days = DayRange(date(2026, 2, 27), date(2026, 5, 3), zone)
    moment = BEGIN + timedelta(minutes=minutes)
    assert days.of(to_text(moment)) == moment.astimezone(zone).date()
    # A quarter of an hour is never split between two days.
    quarter = moment.replace(minute=moment.minute // 15 * 15)
    assert days.of(to_text(quarter)) == days.of(to_text(moment))


def test_days_are_as_long_as_their_zone_has_them() -> None:
    days = DayRange(date(2026, 3, 7), date(2026, 3, 9), NEW_YORK)
    assert [b - a for a, b in zip(days.bounds, days.bounds[1:], strict=False)] == [
        DAY,
        23 * HOUR,
        DAY,
    ]
    assert last_days(datetime(2026, 3, 2, 3, tzinfo=UTC), NEW_YORK, 2).all == [
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]


def pairs(*hours: float) -> list[tuple[str | None, str]]:
    return [(to_text(BEGIN), to_text(BEGIN + hour * HOUR)) for hour in hours]


def test_spans() -> None:
    assert spans([]) == Spans()
    assert spans([(None, to_text(BEGIN))]) == Spans(unknown=1)
    assert spans(pairs(3, 1)) == Spans(2, 2 * HOUR, 3 * HOUR)
    hundred = spans([*pairs(*range(1, 101)), (None, to_text(BEGIN))])
    assert hundred == Spans(100, 50.5 * HOUR, 95 * HOUR, unknown=1)
    # Only a wrong clock or zone lets a thing end before it began.
    assert spans(pairs(-5, 1, 2)) == Spans(3, HOUR, 2 * HOUR, negative=1)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60))
@settings(max_examples=40)
def test_the_middle_and_the_slow_end_are_of_what_was_measured(hours: list[int]) -> None:
    found = spans(pairs(*hours))
    assert found.median is not None
    assert found.p95 is not None
    assert min(hours) * HOUR <= found.median <= found.p95 <= max(hours) * HOUR
    within = sum(hour * HOUR <= found.p95 for hour in hours)
    assert within >= 0.95 * len(hours)


def test_how_old_the_stock_became() -> None:
    days = DayRange(date(2026, 3, 1), date(2026, 3, 5), ZoneInfo("UTC"))
    now = BEGIN + 3 * DAY + 6 * HOUR
    ages = stock_ages([BEGIN + DAY + 12 * HOUR, BEGIN + DAY + 13 * HOUR], days, now)
    # Before the first success nothing is known, and of days to come neither.
    assert ages == {
        date(2026, 3, 2): 11 * HOUR,
        date(2026, 3, 3): 35 * HOUR,
        date(2026, 3, 4): 41 * HOUR,
    }
    assert stock_ages([], days, now) == {}
    earlier = stock_ages([BEGIN - DAY, BEGIN + 6 * HOUR], days, BEGIN + 7 * HOUR)
    assert earlier == {date(2026, 3, 1): 30 * HOUR}


def test_the_queue_by_age() -> None:
    first, *_, last = queue_ages([1, 1, 3, 3, 4, 6])
    assert first == QueueAge(timedelta(0), QUEUE_BOUNDS[0], 1)
    assert last == QueueAge(QUEUE_BOUNDS[-1], None, 2)
    assert [one.count for one in queue_ages([1, 1, 3, 3, 4, 6])] == [1, 0, 2, 0, 1, 2]


def test_the_figures_of_a_ledger() -> None:
    clock = FakeClock(BEGIN)
    zone = ZoneInfo("UTC")
    with closing(open_ledger(None, clock=clock)) as ledger:
        empty = figures(ledger, zone, clock.now(), 3)
        assert [one.day for one in empty.days] == [
            date(2026, 2, 27),
            date(2026, 2, 28),
            date(2026, 3, 1),
        ]
        assert {one.paid_to_sent for one in empty.days} == {Spans()}
        assert (empty.stock_age, empty.waits, sum(one.count for one in empty.queue)) == (
            None,
            None,
            0,
        )
        ledger.transitions.discover(Discovery(code, code, BEGIN - 2 * HOUR) for code in "AB")
        clock.forward(hours=1)
        seen = ShopVersion("", BEGIN)
        intent = Intent("A", (), "hash", "", seen, paid_at=BEGIN - 2 * HOUR)
        attempt = ledger.transitions.intend("A", intent)
        assert attempt is not None
        ledger.transitions.accept("A", attempt, None)
        ledger.runs.end(ledger.runs.begin("sync-inventory"), 0, {})
        clock.forward(hours=3)
        left = ("UPS", "", "1Z", to_text(BEGIN + 3 * HOUR), False)
        ledger.shipments.looked("A", "A", reference="", rows=None, seen={"1": (left,)})
        told = figures(ledger, zone, clock.now(), 2)
    yesterday, today = told.days
    assert yesterday.orders == {Outcome.SENT: 1, Outcome.WAITING: 1}
    assert today.orders == {}
    assert today.paid_to_sent == Spans(1, 3 * HOUR, 3 * HOUR)
    assert today.sent_to_shipped == Spans(1, 2 * HOUR, 2 * HOUR)
    assert (yesterday.stock_age, today.stock_age, told.stock_age) == (None, 3 * HOUR, 3 * HOUR)
    assert told.waits == 4 * HOUR
    assert [one.count for one in told.queue] == [0, 0, 0, 1, 0, 0]
    assert told.zone == "UTC"
