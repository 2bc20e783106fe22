"""Refused credentials: one trial an hour, by one process, and none by who cannot claim it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st
from race_kit import race

from veracore_sync.ledger import open_ledger


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2), min_size=288, max_size=288))
def test_a_day_of_three_jobs_tries_once_an_hour(jobs: list[int]) -> None:
    clock = FakeClock()
    ledger = open_ledger(None, clock=clock)
    ledger.refusals.remember("veracore", "old")
    tried: list[datetime] = []
    for job in jobs:
        clock.forward(minutes=5)
        for _ in range(job + 1):
            if ledger.refusals.may_try("veracore", "old"):
                tried.append(clock.now())
    assert 22 <= len(tried) <= 24
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert min(gaps) >= timedelta(hours=1)
    ledger.close()


def test_who_may_not_write_has_no_trial(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "ledger.db"
    writing = open_ledger(path, clock=clock)
    reading = open_ledger(path, read_only=True, clock=clock)
    assert not reading.refusals.blocks("veracore", "old")
    writing.refusals.remember("veracore", "old")
    clock.forward(hours=2)
    assert reading.refusals.blocks("veracore", "old")
    assert not reading.refusals.blocks("veracore", "new")
    assert not reading.refusals.blocks("vendure", "old")
    assert writing.refusals.may_try("veracore", "old"), "the trial is still there"
    reading.close()
    writing.close()


def test_a_refusal_keeps_its_first_date_until_the_credentials_change() -> None:
    clock = FakeClock()
    ledger = open_ledger(None, clock=clock)
    ledger.refusals.remember("veracore", "old")
    since = ledger.refusals.standing("veracore")
    clock.forward(hours=1)
    ledger.refusals.remember("veracore", "old")
    assert ledger.refusals.standing("veracore") == since
    ledger.refusals.remember("veracore", "new, but wrong")
    assert ledger.refusals.standing("veracore") != since
    ledger.close()


RACER = """
import sys
from pathlib import Path
from veracore_sync.ledger import open_ledger
ledger = open_ledger(Path(sys.argv[1]))
print('ready', flush=True)
sys.stdin.readline()
print("tries" if ledger.refusals.may_try("veracore", "old") else "waits")
"""


def test_one_of_four_real_processes_gets_the_trial(tmp_path: Path) -> None:
    clock = FakeClock(datetime.now(UTC) - timedelta(minutes=61))
    ledger = open_ledger(tmp_path / "ledger.db", clock=clock)
    ledger.refusals.remember("veracore", "old")
    assert race(RACER, ledger.path) == ["tries", "waits", "waits", "waits"]
    ledger.close()
