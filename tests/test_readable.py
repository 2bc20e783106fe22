"""Times, spans and states as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from veracore_sync.domain.readable import STATE_LABELS, counted, exact, local, relative, span
from veracore_sync.domain.states import OrderState

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (864_000, "10 d"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


def test_a_moment_lies_behind_ahead_or_is_now() -> None:
    assert relative(NOW - timedelta(minutes=3), NOW) == "3 min ago"
    assert relative(NOW + timedelta(hours=2), NOW) == "in 2 h"
    assert relative(NOW + timedelta(milliseconds=400), NOW) == "now"


def test_a_local_time_names_its_zone() -> None:
    assert local(NOW, timezone(timedelta(hours=1), "CET")) == "2026-11-29 13:00 CET"


def test_an_exact_time_is_utc_and_a_count_has_its_noun() -> None:
    assert exact(NOW.astimezone(timezone(timedelta(hours=1)))) == "2026-11-29 12:00:00 UTC"
    assert [counted(one, "order") for one in (0, 1, 2_000)] == [
        "0 orders",
        "1 order",
        "2,000 orders",
    ]
    assert counted(2, "entry", "entries") == "2 entries"


def test_every_state_has_a_label() -> None:
    assert set(STATE_LABELS) == set(OrderState)
    assert len(set(STATE_LABELS.values())) == len(STATE_LABELS)
