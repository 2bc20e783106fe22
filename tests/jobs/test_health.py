"""A job that does not do its work is trouble: by time alone, however its runs end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import START, FakeClock, make_settings

from veracore_sync.clock import to_text
from veracore_sync.jobs.health import JobTrouble, troubles
from veracore_sync.jobs.schedule import COMMANDS, EXPECTED, interval, longest_run
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite import job_locks

SETTINGS = make_settings()
SECOND = timedelta(seconds=1)


class Bed:
    """A ledger, and a second process's view of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.ledger = open_ledger(folder / "ledger.db", clock=self.clock)
        self.other = open_ledger(folder / "ledger.db", clock=self.clock)

    def run(self, job: str, code: int | None, error: str = "") -> None:
        number = self.ledger.runs.begin(EXPECTED[job])
        if code is not None:
            result = {"errorClass": "unavailable", "error": error} if error else {}
            self.ledger.runs.end(number, code, result)

    def troubles(self) -> list[JobTrouble]:
        return troubles(self.ledger, SETTINGS, self.clock)

    def pass_by(self, span: timedelta) -> None:
        self.clock.moment += span

    def close(self) -> None:
        self.other.close()
        self.ledger.close()


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.close()


def text(moment: datetime) -> str:
    return to_text(moment)


def test_a_job_that_never_ran_is_not_expected_to(bed: Bed) -> None:
    bed.pass_by(timedelta(days=400))
    assert bed.troubles() == []


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("job", EXPECTED)
def test_three_intervals_without_a_success(bed: Bed, job: str, code: int) -> None:
    bed.run(job, code)
    bed.pass_by(3 * interval(SETTINGS, job))
    assert bed.troubles() == []
    bed.pass_by(SECOND)
    (trouble,) = bed.troubles()
    assert (trouble.job, trouble.kind, trouble.since) == (job, "overdue", text(START))
    assert EXPECTED[job] in trouble.message
    assert "timer" in trouble.message
    bed.run(job, code)
    assert bed.troubles() == []


@pytest.mark.parametrize("code", [1, 3, 69, 74, 75, 77, 78, 130, 143, None])
@pytest.mark.parametrize("job", EXPECTED)
def test_runs_that_always_fail_hide_nothing(bed: Bed, job: str, code: int | None) -> None:
    """Also those that never came to their end, and those that a guard ends with 3 each time."""
    bed.run(job, 0)
    for _ in range(4):
        bed.pass_by(interval(SETTINGS, job))
        bed.run(job, code, "VeraCore is not reachable")
    (trouble,) = bed.troubles()
    assert (trouble.kind, trouble.since) == ("overdue", text(START))
    if code is not None:
        assert f"with {code}: VeraCore is not reachable" in trouble.message
    else:
        assert "has not ended" in trouble.message


def test_a_job_that_never_succeeded_counts_from_its_first_run(bed: Bed) -> None:
    for _ in range(4):
        bed.run("orders", 69, "down")
        assert bed.troubles() == []
        bed.pass_by(interval(SETTINGS, "orders"))
    bed.pass_by(SECOND)
    (trouble,) = bed.troubles()
    assert trouble.since == text(START)
    assert "never succeeded" in trouble.message


def test_a_run_that_is_at_work_may_yet_succeed(bed: Bed) -> None:
    """Orders every 5 minutes, for 10 at a time: its successes lie further apart than usual."""
    bed.run("orders", 0)
    bed.pass_by(3 * interval(SETTINGS, "orders") + SECOND)
    with bed.other.runs.lock("orders", "sync-orders"):
        assert bed.troubles() == []
        bed.pass_by(timedelta(minutes=1))
        assert [one.kind for one in bed.troubles()] == ["overdue"]


def test_pruning_leaves_the_last_success(bed: Bed) -> None:

    bed.run("orders", 0)
    bed.run("orders", 0)
    bed.run("orders", 69, "down")
    bed.pass_by(timedelta(days=100))
    assert bed.ledger.upkeep.prune(bed.clock.now())["runs"] == 2
    (trouble,) = bed.troubles()
    assert trouble.since == text(START)


@pytest.mark.parametrize("job", COMMANDS)
def test_a_job_that_is_held_for_longer_than_any_run_may_last(bed: Bed, job: str) -> None:
    longest = longest_run(SETTINGS, job)
    assert longest is not None
    with bed.other.runs.lock(job, COMMANDS[job]):
        bed.pass_by(longest)
        assert bed.troubles() == []
        bed.pass_by(timedelta(minutes=6))
        (trouble,) = bed.troubles()
        assert (trouble.job, trouble.kind, trouble.since) == (job, "stuck", text(START))
        assert EXPECTED[job] in trouble.message
    assert bed.troubles() == [], "it was let go"


def test_who_has_just_taken_a_job_is_not_taken_for_its_predecessor(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is the kernel's, its holder's name is written a moment later."""
    with bed.other.runs.lock("orders", "sync-orders"):
        """An old holder, whose name stays."""
    bed.pass_by(timedelta(days=1))
    name, sleep = job_locks._record_holder, bed.clock.sleep

    def late(*holder: Any) -> bool:
        def meanwhile(seconds: float) -> None:
            sleep(seconds)
            name(*holder)

        bed.clock.sleep = meanwhile  # type: ignore[method-assign]
        assert bed.troubles() == []
        return name(*holder)

    monkeypatch.setattr(job_locks, "_record_holder", late)
    with bed.other.runs.lock("orders", "sync-orders"):
        assert bed.troubles() == []
