"""One rule for what has lasted for too long, and the limit of each kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import START

from veracore_sync import overdue
from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.jobs.orders.overdue import Ages
from veracore_sync.overdue import is_overdue

MOMENT = timedelta(milliseconds=1)
HOUR, DAY, MINUTES = timedelta(hours=1), timedelta(days=1), timedelta(minutes=30)


def test_the_limit_of_each_kind() -> None:
    limits = {name: one for name, one in vars(overdue).items() if name.isupper() and name[0] != "_"}
    assert limits == {
        "ORDER_PENDING": HOUR,
        "ORDER_HELD_BACK": DAY,
        "ORDER_IN_DOUBT": HOUR,
        "ORDER_FAILED": DAY,
        "ORDER_REFUSED": DAY,
        "SHIPMENT_WAITING": DAY,
        "SHIPMENTS_UNLISTED": HOUR,
        "RECORD_UNREADABLE": HOUR,
        "HOOK_FAILING": HOUR,
        "HOOK_SILENT": timedelta(minutes=10),
        "EVENT_REFUSED": MINUTES,
    }


@pytest.mark.parametrize("limit", [HOUR, DAY])
def test_it_is_overdue_when_it_has_lasted_for_the_limit(limit: timedelta) -> None:
    assert not is_overdue(START, START, limit)
    assert not is_overdue(START, START + limit - MOMENT, limit)
    assert is_overdue(START, START + limit, limit)
    assert is_overdue(START, START + 400 * DAY, limit)


def test_what_a_wrong_clock_dated_is_told_at_once() -> None:
    assert is_overdue(START + MOMENT, START, HOUR)
    assert is_overdue(START + 400 * DAY, START, HOUR)


def _order(state: str, cause: str | None) -> OrderRow:
    now = to_text(START)
    return replace(fresh_row("A", "id-A", now), state=state, cause=cause, doubt_since=now)


@pytest.mark.parametrize(
    ("state", "cause", "limit"),
    [
        ("pending", None, HOUR + MINUTES),
        ("pending", "waiting", DAY + MINUTES),
        ("in_doubt", "lost", HOUR),
        ("failed", None, DAY),
        ("parked", "refused", DAY),
    ],
)
def test_how_old_an_order_may_grow(state: str, cause: str | None, limit: timedelta) -> None:
    row = _order(state, cause)
    assert not list(Ages(START + limit - MOMENT, MINUTES).too_old([row]))
    assert [one.code for one in Ages(START + limit, MINUTES).too_old([row])] == ["A"]


@pytest.mark.parametrize(
    ("state", "cause"),
    [("parked", "mapping"), ("synced", None), ("sending", None), ("skipped", "state")],
)
def test_what_waits_for_a_person_or_nobody_grows_not_old(state: str, cause: str | None) -> None:
    assert not list(Ages(START + 400 * DAY, MINUTES).too_old([_order(state, cause)]))
