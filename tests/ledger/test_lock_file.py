"""One run a job, also where a cleaner deletes lock files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from fakes import FakeClock

from veracore_sync.domain.errors import LockHeld
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite import lock_file
from veracore_sync.ledger.sqlite.lock_file import lock_path
from veracore_sync.ports.ledger import Ledger

HOLDS = """
import sys, time
from pathlib import Path
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger
with open_ledger(Path(sys.argv[1])).runs.lock("orders", "sync-orders"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDS, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as other:  # type: ignore[call-overload]
        assert other.stdout.readline() == "held\n"
        yield other
        if other.poll() is None:
            other.stdin.close()
            other.wait(60)


def may_take(ledger: Ledger) -> bool:
    try:
        with ledger.runs.lock("orders", "sync-orders"):
            return True
    except LockHeld:
        return False


def test_a_deleted_lock_file_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path, clock=FakeClock())) as ledger:
        with held_by_another(path):
            assert not may_take(ledger)
            lock_path(path, "orders").unlink()
            assert not may_take(ledger)
            assert ledger.runs.is_running("orders")
            # The second try finds the file that the first one made.
            assert not may_take(ledger)
        assert may_take(ledger)
        assert not ledger.runs.is_running("orders")


def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path, clock=FakeClock())) as ledger, held_by_another(path) as other:
        lock_path(path, "orders").unlink()
        other.kill()
        other.wait(60)
        assert may_take(ledger)


def test_a_released_lock_is_free_though_its_holder_lives_and_its_file_was_deleted(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as listener, closing(open_ledger(path)) as ledger:
        with listener.runs.lock("orders", "serve-webhooks"):
            pass
        lock_path(path, "orders").unlink()
        assert may_take(ledger)


def test_a_lock_whose_file_went_before_it_was_written_down_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next run would lock a new file and find nothing of the first."""
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as ledger:
        first = ledger.database.try_lock("orders", "sync-orders", FakeClock().now())
        assert first is not None
        taken = lock_file.take(lock_path(path, "inventory"))
        lock_path(path, "inventory").unlink()
        monkeypatch.setattr(lock_file, "take", lambda _path: taken)
        assert ledger.database.try_lock("inventory", "sync-inventory", FakeClock().now()) is None
        first.release()


def test_looking_whether_a_job_runs_stops_no_run_that_begins(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    clock = FakeClock()
    with closing(open_ledger(path, clock=clock)) as ledger:
        probe = lock_file.take(lock_path(path, "orders"))
        assert probe is not None

        def sleep(_seconds: float) -> None:
            probe.release()

        clock.sleep = sleep  # type: ignore[method-assign]
        assert may_take(ledger)
