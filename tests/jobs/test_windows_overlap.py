"""Each run lists again what the last one may have missed; and failures in a row end a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from bench import Bench
from fakes import make_order

from veracore_sync.clock import to_text
from veracore_sync.jobs.orders.change_detection import windows

PASSED = {"A": "Shipped", "B": "PartiallyShipped", "C": "Delivered", "D": "PartiallyDelivered"}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "ledger.db")
    with closing(bench.ledger):
        yield bench


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(hours=23)])
def test_what_was_placed_long_before_the_last_run_is_found_when_it_has_passed(
    fresh: Bench, age: timedelta
) -> None:
    """It was in Modifying when the last run looked, and was fulfilled by hand since."""
    fresh.run()
    for code, state in PASSED.items():
        fresh.shop.add(make_order(code, state=state, placed_at=fresh.clock.now() - age))
    fresh.clock.forward(hours=1)
    fresh.run()
    assert [fresh.state(code) for code in PASSED] == ["skipped"] * 4


def test_changes_are_listed_from_before_the_newest_one_seen(fresh: Bench) -> None:
    """The shop's clock may be behind, and on SQLite `updatedAt` has whole seconds."""
    now = fresh.clock.now()
    newest = now - timedelta(hours=3)
    fresh.ledger.meta.put("watch.updated_at", to_text(newest))
    since = windows(fresh.ledger, now, now - timedelta(days=90)).moved_since
    assert since is not None
    assert since <= newest - timedelta(minutes=1)


def test_a_change_in_the_future_hides_no_other(fresh: Bench) -> None:
    """One order that a wrong clock changed must not move the window past all others."""
    now = fresh.clock.now()
    fresh.shop.add(make_order("A", updated_at=now + timedelta(days=400)), make_order("B"))
    fresh.run()
    assert fresh.ledger.meta.get("watch.updated_at") == to_text(now)


def test_once_a_day_the_last_thirty_days_are_listed(fresh: Bench) -> None:
    long_ago = fresh.clock.now() - timedelta(days=90)
    fresh.run()
    now = fresh.clock.now()
    within = windows(fresh.ledger, now + timedelta(hours=23), long_ago)
    assert (within.is_full_scan, within.passed_since) == (False, now - timedelta(days=1))
    after = windows(fresh.ledger, now + timedelta(days=1), long_ago)
    assert (after.is_full_scan, after.passed_since) == (True, now - timedelta(days=29))


def test_failures_that_are_not_in_a_row_end_no_run(fresh: Bench) -> None:
    """Two, an order that leaves, two more: VeraCore works, and the run goes on."""
    fresh.shop.add(*(make_order(f"A{n}") for n in range(9)))
    no = "not connected"
    fresh.warehouse.script.extend([no, no, "", no, no, "", no, no, ""])
    assert fresh.run().count("submitted") == 3
