"""Days of the warehouse: its time zone, both changes of the clocks, and uploads that come late."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking_world import CATALOGUE, TestClock, World

from veracore_sync.jobs.tracking.days import days_to_ask
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

LA = ZoneInfo("America/Los_Angeles")
START = datetime(2020, 1, 1, tzinfo=UTC)


@given(
    st.integers(0, 5 * 365 * 24 * 60),
    st.integers(0, 400),
    st.integers(0, 90),
    st.sampled_from(("America/Los_Angeles", "Europe/Berlin", "Pacific/Kiritimati", "UTC")),
)
def test_the_days_hold_every_moment_since_the_last_run(
    minutes: int, hours: int, lookback: int, zone: str
) -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    last = moment - timedelta(hours=hours)
    days = days_to_ask(
        moment, ZoneInfo(zone), last_complete=last, not_before=START, lookback_days=lookback
    )
    local = moment.astimezone(ZoneInfo(zone)).date()
    assert days.first <= last.astimezone(ZoneInfo(zone)).date() - timedelta(
        days=max(0, lookback - 1)
    )
    assert days.last == local + timedelta(days=2)
    parts = list(days.parts())
    assert (parts[0][0], parts[-1][1]) == (days.first, days.last)
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert all(timedelta(0) < end - start <= timedelta(days=7) for start, end in parts)


def test_a_first_run_reaches_back_to_not_before_and_thirty_days_at_most() -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    far = days_to_ask(now, LA, last_complete=None, not_before=START, lookback_days=3)
    assert far.first == date(2026, 2, 8)
    near = days_to_ask(
        now, LA, last_complete=None, not_before=now - timedelta(days=2), lookback_days=3
    )
    assert near.first == date(2026, 3, 8)


@pytest.mark.parametrize(
    "change", [datetime(2026, 3, 8, tzinfo=LA), datetime(2026, 11, 1, tzinfo=LA)]
)
@pytest.mark.parametrize("window_end", ["inclusive", "exclusive"])
def test_los_angeles_across_a_change_of_the_clocks(
    tmp_path: Path, change: datetime, window_end: str
) -> None:
    clock = TestClock((change - timedelta(days=2)).astimezone(UTC))
    with Sandbox(clock=clock.now) as sandbox, SmallShop(clock=clock.now) as shop:
        for sku in CATALOGUE:
            shop.state.add_variant(sku, sku.title(), 1000, on_hand=1000)
        env = {
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "0",
            "VERACORE_SYNC_VERACORE__TIMEZONE": "America/Los_Angeles",
        }
        bed = World(tmp_path, sandbox, shop, clock, env)
        bed.control("behaviour", {"timezone": "America/Los_Angeles", "window_end": window_end})
        shipped = _ship_around_the_clock(bed, hours=96)
        for order in shipped:
            assert len(bed.fulfilments(order)) == 1
            assert bed.state(order) == "shipped"
        bed.close()


def _ship_around_the_clock(bed: World, hours: int) -> list[object]:
    """An order every two hours; each third is uploaded a day late, with the time it left at."""
    late: list[tuple[datetime, object]] = []
    shipped: list[object] = []
    for hour in range(0, hours, 2):
        order = bed.place(("MUG", 1))
        bed.send()
        if hour % 3:
            bed.ship(order, tracking=f"1Z999AA10123450{hour:03}")
        else:
            late.append((bed.clock.now(), order))
        for at, waiting in [one for one in late if bed.clock.now() - one[0] >= timedelta(days=1)]:
            bed.ship(waiting, tracking=f"1Z999AA1012{at:%d%H%M}0", at=at.isoformat())
            late.remove((at, waiting))
        shipped.append(order)
        bed.track()
        bed.clock.forward(hours=2)
    for at, waiting in late:
        bed.ship(waiting, tracking=f"1Z999AA1012{at:%d%H%M}0", at=at.isoformat())
    bed.track()
    return shipped
