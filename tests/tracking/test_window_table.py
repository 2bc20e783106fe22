"""What is new in the warehouse's list of shipments, against what was listed before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from veracore_sync.domain.warehouse import ShippedRow, UnreadableShipment
from veracore_sync.jobs.tracking.days import Days
from veracore_sync.jobs.tracking.window import (
    by_order,
    has_changed,
    readable,
    remembered,
    unreadable_rows,
)

DAYS = Days(date(2026, 3, 10), date(2026, 3, 14))
BEFORE, FIRST, SECOND, LAST = "2026-03-09", "2026-03-10", "2026-03-11", "2026-03-13"
CENTRAL = ZoneInfo("America/Chicago")
ROW = ShippedRow("A1", "A1", "S1", "UPS", "Ground", "1Z9", datetime(2026, 3, 11, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("listed", "seen", "is_news"),
    [
        ({}, {}, False),
        ({"x": SECOND}, {"x": SECOND}, False),
        # added
        ({"x": SECOND}, {}, True),
        ({"x": SECOND, "y": SECOND}, {"x": SECOND}, True),
        # gone: a label was made void, or the row was changed
        ({}, {"x": SECOND}, True),
        ({"x": SECOND}, {"x": SECOND, "y": LAST}, True),
        # what was not listed proves nothing, nor does the first day, of which a part may be
        ({}, {"x": BEFORE}, False),
        ({}, {"x": FIRST}, False),
        ({}, {"x": ""}, False),
        ({}, {"x": FIRST, "y": SECOND}, True),
        ({"x": SECOND}, {"x": SECOND, "y": FIRST}, False),
    ],
)
def test_which_orders_are_looked_up(
    listed: dict[str, str], seen: dict[str, str], is_news: bool
) -> None:
    assert has_changed(listed, seen, DAYS) is is_news


@pytest.mark.parametrize(
    ("listed", "seen", "kept"),
    [
        ({"x": SECOND}, {}, {"x": SECOND}),
        ({"x": SECOND}, {"y": SECOND}, {"x": SECOND}),
        ({"x": SECOND}, {"y": FIRST}, {"x": SECOND}),
        # the days before were not listed: what is known of them stays
        ({"x": SECOND}, {"y": BEFORE}, {"x": SECOND, "y": BEFORE}),
        ({}, {"y": BEFORE, "z": FIRST}, {"y": BEFORE}),
        ({"x": SECOND}, {"x": BEFORE}, {"x": SECOND}),
    ],
)
def test_what_is_remembered(
    listed: dict[str, str], seen: dict[str, str], kept: dict[str, str]
) -> None:
    assert remembered(listed, seen, DAYS) == kept


def test_packages_by_order() -> None:
    rows = [
        ROW,
        replace(ROW, order_id="a1", tracking="1Z8"),
        replace(ROW, order_id="B", reference="B"),
    ]
    found = by_order(rows, CENTRAL)
    assert {key: (one.veracore_id, len(one.rows)) for key, one in found.items()} == {
        "a1": ("A1", 2),
        "b": ("B", 1),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"slip": "S2"},
        {"carrier": "FedEx"},
        {"service": "Air"},
        {"tracking": "1Z8"},
        {"shipped_at": datetime(2026, 3, 11, 13, tzinfo=UTC)},
        {"shipped_at": None},
        # fields are told apart, wherever one ends
        {"carrier": "UPSG", "service": "round"},
    ],
)
def test_a_changed_package_is_another_one(change: dict[str, object]) -> None:
    (one,) = by_order([ROW], CENTRAL)["a1"].rows
    (other,) = by_order([replace(ROW, **change)], CENTRAL)["a1"].rows  # type: ignore[arg-type]
    assert one != other
    assert list(by_order([replace(ROW)], CENTRAL)["a1"].rows) == [one]
    assert len(one) == 16


@pytest.mark.parametrize(
    ("shipped", "day"),
    [
        (datetime(2026, 3, 11, 12, tzinfo=UTC), "2026-03-11"),
        # the warehouse's day, not that of UTC
        (datetime(2026, 3, 12, 3, tzinfo=UTC), "2026-03-11"),
        (None, ""),
    ],
)
def test_the_day_of_a_package(shipped: datetime | None, day: str) -> None:
    (found,) = by_order([replace(ROW, shipped_at=shipped)], CENTRAL)["a1"].rows.values()
    assert found == day


def test_rows_that_cannot_be_read_are_told_apart_and_named() -> None:
    bad = [UnreadableShipment(f"S{n}" if n else "", "no order") for n in range(13)]
    unreadable: list[UnreadableShipment] = []
    assert list(readable([bad[0], ROW, *bad[1:]], unreadable)) == [ROW]
    assert unreadable == bad
    words = unreadable_rows(bad)
    assert words.startswith("13 packages that VeraCore lists as shipped cannot be read (S1, S2,")
    assert words.endswith("S10): no order; their orders are found by later look-ups")
    assert " (" not in unreadable_rows(bad[:1])


def test_days_are_listed_a_week_at_a_time() -> None:
    first = date(2026, 3, 1)
    parts = list(Days(first, first + timedelta(days=16)).parts())
    assert parts == [
        (date(2026, 3, 1), date(2026, 3, 8)),
        (date(2026, 3, 8), date(2026, 3, 15)),
        (date(2026, 3, 15), date(2026, 3, 17)),
    ]
    assert list(Days(first, first + timedelta(days=7)).parts()) == [(first, date(2026, 3, 8))]
    assert list(Days(first, first).parts()) == []
