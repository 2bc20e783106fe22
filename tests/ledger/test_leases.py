"""Leases: one holder, renewed while it lives, and whoever lost its lease writes nothing more."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from fakes import FakeClock

from veracore_sync.config.services import LedgerSettings
from veracore_sync.domain.errors import ConfigError, LeaseLost, LedgerAway, LedgerError, LockHeld
from veracore_sync.ledger.opening import open_ledger, place_of
from veracore_sync.ledger.postgres import leases
from veracore_sync.ledger.postgres.database import PostgresDatabase
from veracore_sync.ledger.postgres.limits import LeaseLimits
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.runs import Runs
from veracore_sync.ledger.stores import SqlLedger


@pytest.fixture
def place(server_place: PostgresPlace) -> PostgresPlace:
    return server_place


@pytest.fixture
def ledger(server_ledger: SqlLedger) -> SqlLedger:
    return server_ledger


@pytest.fixture
def other(place: PostgresPlace, ledger: SqlLedger) -> Iterator[SqlLedger]:
    """Another host on the same ledger."""
    with closing(open_ledger(place)) as made:
        yield made


def expire(ledger: SqlLedger, job: str = "orders") -> None:
    """Let the server's clock have passed the end of a lease."""
    with ledger.database.transaction() as connection:
        connection.execute(
            "UPDATE leases SET expires_at = clock_timestamp() - interval '1 second' WHERE job = ?",
            (job,),
        )


def epoch(ledger: SqlLedger, job: str = "orders") -> int:
    return int(ledger.database.value("SELECT epoch FROM leases WHERE job = ?", (job,)))


def test_a_job_is_held_until_its_holder_gives_it_free(ledger: SqlLedger, other: SqlLedger) -> None:
    with ledger.runs.lock("orders", "sync-orders"):
        assert other.runs.is_running("orders")
        said = pytest.raises(LockHeld, match=r"sync-orders \(pid \d+ on .+\) is at work since")
        with said, other.runs.lock("orders", "retry"):
            pass
        with other.runs.lock("inventory", "sync-inventory"):
            pass
    with other.runs.lock("orders", "retry"):
        assert epoch(other) == 2


def test_a_process_cannot_take_a_job_twice(ledger: SqlLedger) -> None:
    again = ledger.runs.lock("orders", "sync-orders")
    with ledger.runs.lock("orders", "sync-orders"), pytest.raises(LockHeld), again:
        pass


def test_whoever_lost_its_lease_writes_nothing_more(ledger: SqlLedger, other: SqlLedger) -> None:
    with ledger.runs.lock("orders", "sync-orders"):
        ledger.meta.put("mark", "before")
        expire(other)
        with other.runs.lock("orders", "sync-orders"):
            with pytest.raises(LeaseLost) as lost:
                ledger.meta.put("mark", "after")
            assert lost.value.exit_code == 75
            assert ledger.meta.get("mark") == "before"
            other.meta.put("mark", "the other")
    # What the loser does at its end does not end the lease of the other's next run.
    with other.runs.lock("orders", "sync-orders"):
        assert other.runs.is_running("orders")
        assert ledger.meta.get("mark") == "the other"
        ledger.meta.put("mark", "free again")


def test_an_expired_lease_is_lost_though_nobody_took_it(
    ledger: SqlLedger, other: SqlLedger
) -> None:
    with ledger.runs.lock("orders", "sync-orders"):
        expire(other)
        with pytest.raises(LeaseLost):
            ledger.meta.put("mark", "late")


def test_a_transaction_that_began_in_time_ends_before_another_takes_its_job(
    ledger: SqlLedger, place: PostgresPlace
) -> None:
    program = (
        "import sys\n"
        "from veracore_sync.ledger.opening import open_ledger\n"
        "from veracore_sync.ledger.postgres.database import PostgresPlace\n"
        "ledger = open_ledger(PostgresPlace(*sys.argv[1:3]))\n"
        "print('ready', flush=True)\n"
        "with ledger.runs.lock('orders', 'sync-orders', wait_seconds=600):\n"
        "    print(ledger.meta.get('mark'), flush=True)\n"
    )
    with ledger.runs.lock("orders", "sync-orders"), ledger.unit_of_work():
        ledger.meta.put("mark", "whole")
        with ledger.database.transaction() as connection:
            connection.execute("UPDATE leases SET expires_at = clock_timestamp()", ())
        command = [sys.executable, "-c", program, place.url, place.schema]
        racer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    assert racer.communicate(timeout=600)[0] == "whole\n"


def expires_at(ledger: SqlLedger) -> object:
    return ledger.database.value("SELECT expires_at FROM leases WHERE job = 'orders'")


def test_a_lease_is_renewed_while_its_holder_lives(other: SqlLedger) -> None:
    place = other.place
    assert isinstance(place, PostgresPlace)
    brief = PostgresPlace(place.url, place.schema, lease_seconds=3)
    with closing(open_ledger(brief)) as ledger, ledger.runs.lock("orders", "sync-orders"):
        first = expires_at(other)
        until = time.monotonic() + 600
        while expires_at(other) == first:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert other.runs.is_running("orders")
        ledger.meta.put("mark", "alive")
        assert epoch(ledger) == 1


def test_a_lease_that_nobody_took_meanwhile_is_taken_anew(
    ledger: SqlLedger, other: SqlLedger
) -> None:
    """A server that was away for longer than the lease ends no listener."""
    assert isinstance(ledger.database, PostgresDatabase)
    with ledger.runs.lock("webhooks", "serve-webhooks"):
        expire(other, "webhooks")
        ledger.database.leases.renew()
        ledger.meta.put("mark", "goes on")
        assert epoch(other, "webhooks") == 2
        expire(other, "webhooks")
        with other.runs.lock("webhooks", "serve-webhooks"):
            ledger.database.leases.renew()
            with pytest.raises(LeaseLost):
                ledger.meta.put("mark", "two listeners")


def test_a_lease_that_may_have_expired_sends_nothing(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known without asking the server: the check stands before each request."""
    at = 0.0
    monkeypatch.setattr(leases, "_seconds", lambda: at)
    with closing(open_ledger(place)) as ledger:
        with ledger.runs.lock("orders", "sync-orders"):
            at = 59.0
            ledger.runs.confirm()
            at = 61.0
            with pytest.raises(LeaseLost):
                ledger.runs.confirm()
        ledger.runs.confirm()


# ---- taking over from the dead ------------------------------------------------------------------


class Waiting(FakeClock):
    """Counts the waits; at a moment, the server finds the lease of the dead expired."""

    def __init__(self, ledger: SqlLedger, expires: float) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._ledger = ledger
        self._expires = expires

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.waits.append(seconds)
        if self.monotonic() >= self._expires > self.monotonic() - seconds:
            expire(self._ledger)


def test_the_first_attempt_after_a_lease_is_over_has_the_job_without_a_wait(
    ledger: SqlLedger, other: SqlLedger
) -> None:
    with ledger.runs.lock("orders", "sync-orders"):
        expire(other)
        clock = Waiting(ledger, 0)
        with Runs(other.database, clock).lock("orders", "sync-orders"):
            assert clock.waits == []
            assert epoch(other) == 2


def test_who_waits_for_a_job_has_it_within_a_second_of_the_end_of_its_lease(
    ledger: SqlLedger, other: SqlLedger
) -> None:
    with ledger.runs.lock("orders", "sync-orders"):
        clock = Waiting(ledger, 3.0)
        with Runs(other.database, clock).lock("orders", "sync-orders", wait_seconds=30):
            assert 3.0 <= clock.monotonic() < 4.0
            assert max(clock.waits) <= 1


def test_a_timer_that_finds_the_job_held_does_not_wait_for_the_lease(
    ledger: SqlLedger, other: SqlLedger
) -> None:
    """The next timer takes over: a command that waited would pile up behind a living holder."""
    clock = Waiting(ledger, 3.0)
    held = Runs(other.database, clock).lock("orders", "sync-orders")
    with ledger.runs.lock("orders", "sync-orders"), pytest.raises(LockHeld), held:
        pass
    assert clock.monotonic() < 1


@pytest.mark.parametrize(("held_up_for", "told"), [(0.0, LedgerAway), (3600.0, LeaseLost)])
def test_who_was_held_up_within_a_transaction_is_told_so_and_not_of_the_connection(
    ledger: SqlLedger,
    monkeypatch: pytest.MonkeyPatch,
    held_up_for: float,
    told: type[LedgerError],
) -> None:
    with ledger.runs.lock("orders", "sync-orders"), monkeypatch.context() as patched:
        now = leases._seconds
        with pytest.raises(LedgerError) as ended, ledger.database.transaction() as statements:
            patched.setattr(leases, "_seconds", lambda: now() + held_up_for)
            statements.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert type(ended.value) is told


# ---- what goes with a lease ---------------------------------------------------------------------


@pytest.mark.parametrize("lease", [5, 12, 60, 3600])
@pytest.mark.parametrize("servers", [1, 2, 3])
def test_nothing_on_the_server_takes_so_long_that_a_lease_is_not_renewed(
    lease: float, servers: int
) -> None:
    limits = LeaseLimits(lease, servers)
    for hold_up in (limits.statement, limits.lock, limits.idle, limits.silent):
        assert 1 <= hold_up <= lease - limits.renewal
    assert limits.idle < limits.lock <= limits.statement
    assert limits.connect * servers <= max(lease - limits.renewal, 2 * servers)
    assert limits.connect <= limits.most_connect
    PostgresPlace(f"postgresql:///x?host={','.join('abc'[:servers])}", "shop1").check()


def test_limits_do_not_grow_with_a_long_lease() -> None:
    limits = LeaseLimits(3600)
    longest = (limits.statement, limits.lock, limits.idle, limits.connect, limits.silent)
    assert longest == (60, 30, 10, 10, 30)


@pytest.mark.parametrize(
    ("lease", "more", "refused"),
    [
        (60, "connect_timeout=60", ""),
        (60, "connect_timeout=61", "connect_timeout=61 leaves no time"),
        (60, "connect_timeout=0", "connect_timeout=0 leaves no time"),
        (60, "connect_timeout=31&host=a,b", "set it to 30 at most for each"),
        (5, "connect_timeout=10", "set it to 5 at most"),
        (5, "tcp_user_timeout=30000", "set it to 5000 at most"),
        (5, "tcp_user_timeout=0", "tcp_user_timeout=0 leaves no time"),
        (60, "tcp_user_timeout=30000", ""),
    ],
)
def test_patience_that_costs_a_lease_is_refused(lease: float, more: str, refused: str) -> None:
    settings = LedgerSettings(url=f"postgresql:///x?{more}", lease_seconds=lease)
    if not refused:
        place_of(settings)
        return
    with pytest.raises(ConfigError) as told:
        place_of(settings)
    assert refused in f"{told.value.message}; {told.value.hint}"
    assert told.value.exit_code == 78


KILLED = """
import sys, os, signal
from datetime import UTC, datetime
from veracore_sync.domain.order_records import Discovery, Intent, ShopVersion
from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace
ledger = open_ledger(PostgresPlace(*sys.argv[1:3]))
with ledger.runs.lock("orders", "sync-orders"):
    now = datetime.now(UTC)
    ledger.transitions.discover([Discovery("A", "1", now)])
    ledger.transitions.intend("A", Intent("A", (("MUG", 1),), "p", "s", ShopVersion("c", now)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_dead_host_was_sending_is_in_doubt_once_its_lease_is_over(
    ledger: SqlLedger, place: PostgresPlace
) -> None:
    command = [sys.executable, "-c", KILLED, place.url, place.schema]
    assert subprocess.run(command, check=False).returncode == -9
    row = ledger.orders.get("A")
    assert row is not None
    assert row.state == "sending"
    assert isinstance(ledger, SqlLedger)
    with pytest.raises(LockHeld), ledger.runs.lock("orders", "sync-orders"):
        pass
    expire(ledger)
    with ledger.runs.lock("orders", "sync-orders"):
        assert ledger.transitions.recover() == ["A"]
    assert ledger.orders.counts()["in_doubt"] == 1
