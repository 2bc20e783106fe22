"""Transitions of the ledger, and what it does when its file fails."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import START, FakeClock

from veracore_sync.domain.errors import Category, ConfigError, LedgerError, LockHeld
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.states import Applied
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger

SEEN = ShopVersion("hash", START)
TROUBLE = Failure(Category.PROTOCOL, "odd")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = open_ledger(tmp_path / "ledger.db", clock=FakeClock())
    made.transitions.discover([Discovery("A", "1", START)])
    yield made
    made.close()


def intend(ledger: Ledger, identity: str = "A") -> int:
    return ledger.transitions.intend(
        "A", Intent(identity, (("MUG", 2),), "payload", "settings", SEEN)
    )


def state(ledger: Ledger) -> str:
    row = ledger.orders.get("A")
    assert row is not None
    return row.state


def test_a_late_acceptance_is_kept(ledger: Ledger) -> None:
    attempt = intend(ledger)
    ledger.transitions.recover()
    assert state(ledger) == "in_doubt"
    ledger.transitions.accept("A", attempt, 7)
    assert state(ledger) == "synced"


@pytest.mark.parametrize("verb", ["doubt", "withhold", "refuse"])
def test_a_late_outcome_that_is_no_acceptance_is_dropped(ledger: Ledger, verb: str) -> None:
    attempt = intend(ledger)
    ledger.transitions.accept("A", attempt, 7)
    if verb == "doubt":
        ledger.transitions.doubt("A", attempt, "lost", TROUBLE)
    elif verb == "withhold":
        ledger.transitions.withhold("A", attempt, "pending", "late", None)
    else:
        ledger.transitions.refuse("A", attempt, TROUBLE, START)
    assert state(ledger) == "synced"


def test_the_outcome_of_an_older_attempt_changes_nothing(ledger: Ledger) -> None:
    old = intend(ledger)
    ledger.transitions.withhold("A", old, "pending", "", None)
    intend(ledger)
    ledger.transitions.doubt("A", old, "lost", TROUBLE)
    assert state(ledger) == "sending"


def test_a_transition_is_all_or_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = intend(ledger)

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("no")

    monkeypatch.setattr(ledger.alerts, "open", fail)
    with pytest.raises(LedgerError):
        ledger.transitions.refuse("A", attempt, TROUBLE, START)
    assert state(ledger) == "sending"
    assert ledger.orders.attempts("A")[0].outcome is None


def test_alerts_open_once_and_resolve_when_the_order_is_taken(ledger: Ledger) -> None:
    assert ledger.transitions.park("A", TROUBLE, "s") is Applied.NEWS
    assert ledger.transitions.park("A", TROUBLE, "s") is Applied.DONE
    ledger.transitions.accept("A", intend(ledger), 1)
    assert ledger.alerts.standing() == []
    assert ledger.transitions.cancel("A", "A", "it was cancelled") is Applied.NEWS
    assert ledger.transitions.conflict("A", None, TROUBLE) is Applied.NEWS


def test_failures_are_counted_and_park_at_the_limit(ledger: Ledger) -> None:
    news = [ledger.transitions.fail("A", TROUBLE, START, 3) for _ in range(3)]
    assert news == [Applied.DONE, Applied.DONE, Applied.NEWS]
    row = ledger.orders.get("A")
    assert row is not None
    assert (row.state, row.retry_count) == ("parked", 3)
    ledger.transitions.requeue("A")
    assert state(ledger) == "pending"


def test_the_file_is_private(ledger: Ledger, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


def test_it_belongs_to_one_pair(ledger: Ledger) -> None:
    ledger.meta.bind("shop", "warehouse")
    intend(ledger)
    with pytest.raises(ConfigError, match="another"):
        try:
            ledger.meta.bind("shop", "another")
        except ConfigError as error:
            assert "ledger.path" in error.hint
            raise


def test_one_run_a_job(ledger: Ledger) -> None:
    with ledger.runs.lock("orders", "sync-orders"):
        assert ledger.runs.is_running("orders")
        other = open_ledger(ledger.path)
        with pytest.raises(LockHeld, match="sync-orders"), other.runs.lock("orders", "retry"):
            pass
        with other.runs.lock("inventory", "sync-inventory"):
            pass
        other.close()
    assert not ledger.runs.is_running("orders")


def test_runs_are_recorded(ledger: Ledger) -> None:
    number = ledger.runs.begin("sync-orders")
    ledger.runs.end(number, 0, {"submitted": 3})
    last = ledger.runs.last_ended("sync-orders")
    assert last is not None
    assert (last.exit_code, dict(last.result)) == (0, {"submitted": 3})


def test_a_full_disk_is_an_error_that_keeps_what_was(ledger: Ledger) -> None:
    pages = ledger.database.value("PRAGMA page_count")
    ledger.database.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError) as caught:
        ledger.transitions.discover(Discovery(f"B{n}", "1", None) for n in range(5000))
    assert "free some space" in caught.value.hint
    assert caught.value.exit_code == 74
    assert ledger.orders.counts()["pending"] == 1


@pytest.mark.parametrize("offset", [0, 4096])
def test_a_damaged_file_is_left_alone(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "ledger.db"
    made = open_ledger(path)
    made.transitions.discover(Discovery(f"B{n}", "1", None) for n in range(500))
    made.database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    made.close()
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * (path.stat().st_size - offset))
    damaged = path.read_bytes()
    with pytest.raises(LedgerError) as caught, closing(open_ledger(path)) as opened:
        opened.orders.in_states(["pending"])
    assert "restore" in caught.value.hint
    assert path.read_bytes() == damaged


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    made = open_ledger(path)
    made.database.connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('veracore-sync', 'm999_new')"
    )
    made.close()
    with pytest.raises(LedgerError, match="newer"):
        open_ledger(path)


def test_a_read_only_ledger_reads_and_refuses_to_write(ledger: Ledger) -> None:
    reader = open_ledger(ledger.path, read_only=True)
    assert reader.orders.get("A") is not None
    with pytest.raises(LedgerError):
        reader.transitions.requeue("A")
    reader.close()


def test_many_processes_start_on_a_fresh_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    program = (
        "import sys; from pathlib import Path; from veracore_sync.ledger import open_ledger;"
        "l = open_ledger(Path(sys.argv[1])); print(l.meta.probe_id)"
    )
    command = [sys.executable, "-c", program, str(path)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    ended = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0] * 8, ended
    assert len({out for out, _ in ended}) == 1


def test_a_ledger_where_nothing_may_be_written_says_so(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        missing = Path("/proc/veracore-sync/ledger.db")
    else:
        tmp_path.chmod(0o500)
        missing = tmp_path / "sub" / "ledger.db"
    with pytest.raises(LedgerError) as caught:
        open_ledger(missing)
    assert caught.value.exit_code == 74


def test_doubts_are_due_when_their_time_has_come(ledger: Ledger) -> None:
    ledger.transitions.doubt("A", intend(ledger), "lost", TROUBLE)
    grace = timedelta(minutes=3)
    assert len(ledger.orders.doubts_due(START, grace)) == 1
    ledger.transitions.absent_once("A", START + grace)
    assert ledger.orders.doubts_due(START, grace) == []
    assert len(ledger.orders.doubts_due(START + grace, grace)) == 1
