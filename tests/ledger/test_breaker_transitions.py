"""The breaker as a table of transitions, and under random interleavings of two processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.domain.errors import BreakerOpen, Occurrence
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.readable import exactly
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.breaker import Breaker
from veracore_sync.ports.ledger import Ledger

COOLDOWN = timedelta(minutes=5)
THRESHOLD = 3
PAST_COOLDOWN = 5 * 1.1 + 0.1  # minutes: the jitter is a tenth at most


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> Iterator[Ledger]:
    made = open_ledger(None, clock=clock)
    yield made
    made.close()


def process(
    ledger: Ledger, family: str = "orders", *, forced: bool = False, read_only: bool = False
) -> Breaker:
    return ledger.breakers.one(
        "veracore",
        family,
        threshold=THRESHOLD,
        cooldown=COOLDOWN,
        forced=forced,
        read_only=read_only,
    )


def passes(breaker: Breaker, *, creating: bool = False) -> bool:
    try:
        breaker.before(creating=creating)
    except BreakerOpen:
        return False
    return True


def state(ledger: Ledger) -> tuple[str, int]:
    rows = ledger.breakers.all()
    return (rows[0].state, rows[0].failures) if rows else ("closed", 0)


def bring(ledger: Ledger, clock: FakeClock, wanted: str) -> tuple[Breaker, Breaker]:
    """One breaker in the wanted state; the process that matters to it, and another one."""
    ours, other = process(ledger), process(ledger)
    failures = {"new": 0, "closed": 2}.get(wanted, THRESHOLD)
    for _ in range(failures):
        ours.after(Occurrence.TIMEOUT)
    if wanted in ("due", "half open"):
        clock.forward(minutes=PAST_COOLDOWN)
    if wanted == "half open":
        assert passes(ours)
    return ours, other


OURS, OTHER = 0, 1
AFTER = [
    ("new", OURS, None, ("closed", 0)),
    ("new", OURS, Occurrence.TIMEOUT, ("closed", 1)),
    ("new", OURS, Occurrence.HTTP_429, ("closed", 0)),
    ("closed", OURS, None, ("closed", 0)),
    ("closed", OTHER, None, ("closed", 0)),
    ("closed", OURS, Occurrence.HTTP_429, ("closed", 2)),
    ("closed", OURS, Occurrence.NOT_CONNECTED, ("open", 3)),
    ("closed", OTHER, Occurrence.HTTP_5XX, ("open", 3)),
    ("open", OURS, None, ("open", 3)),
    ("open", OURS, Occurrence.HTTP_429, ("open", 3)),
    ("open", OTHER, Occurrence.RESET, ("open", 4)),
    ("due", OURS, None, ("open", 3)),
    ("half open", OURS, None, ("closed", 0)),
    ("half open", OURS, Occurrence.HTTP_429, ("closed", 0)),
    ("half open", OURS, Occurrence.RESET, ("open", 4)),
    ("half open", OTHER, None, ("half_open", 3)),
    ("half open", OTHER, Occurrence.HTTP_429, ("half_open", 3)),
    ("half open", OTHER, Occurrence.TIMEOUT, ("half_open", 4)),
]


@pytest.mark.parametrize(("start", "who", "what", "end"), AFTER)
def test_what_an_outcome_does(
    ledger: Ledger,
    clock: FakeClock,
    start: str,
    who: int,
    what: Occurrence | None,
    end: tuple[str, int],
) -> None:
    bring(ledger, clock, start)[who].after(what)
    assert state(ledger) == end


BEFORE = [
    # start, who, read passes, create passes
    ("new", OURS, True, True),
    ("closed", OTHER, True, True),
    ("open", OURS, False, False),
    ("open", OTHER, False, False),
    ("due", OURS, True, False),
    ("due", OTHER, True, False),
    ("half open", OURS, True, False),
    ("half open", OTHER, False, False),
]


@pytest.mark.parametrize(("start", "who", "read", "create"), BEFORE)
def test_what_passes(
    ledger: Ledger, clock: FakeClock, start: str, who: int, read: bool, create: bool
) -> None:
    one = bring(ledger, clock, start)[who]
    assert passes(one, creating=True) is create
    assert passes(one) is read


def test_a_refusal_says_since_when_until_when_and_what_to_do(
    ledger: Ledger, clock: FakeClock
) -> None:
    ours, _ = bring(ledger, clock, "open")
    row = ledger.breakers.all()[0]
    with pytest.raises(BreakerOpen) as refused:
        ours.before(creating=False)
    assert f"down since {exactly(row.opened_at)}" in refused.value.message
    assert f"next try at {exactly(row.retry_at)}" in refused.value.message
    assert "veracore-sync breaker reset" in refused.value.hint
    assert "--force" in refused.value.hint


def test_the_alert_opens_once_and_stands_while_any_family_is_open(
    ledger: Ledger, clock: FakeClock
) -> None:
    bring(ledger, clock, "open")
    assert [one.kind for one in ledger.alerts.standing()] == ["veracore.down"]
    inventory = process(ledger, "inventory")
    inventory.after(Occurrence.TIMEOUT)
    inventory.after(None)
    assert len(ledger.alerts.standing()) == 1, "orders are still held back"
    clock.forward(minutes=PAST_COOLDOWN)
    prober = process(ledger)
    assert passes(prober)
    prober.after(Occurrence.TIMEOUT)
    assert not ledger.alerts.open(AlertKind.VERACORE_DOWN, "again"), "it never closed in between"
    clock.forward(minutes=PAST_COOLDOWN)
    assert passes(prober)
    prober.after(None)
    assert ledger.alerts.standing() == []


def test_the_outage_is_dated_from_its_beginning(ledger: Ledger, clock: FakeClock) -> None:
    bring(ledger, clock, "open")
    began = ledger.breakers.all()[0].opened_at
    for _ in range(3):
        clock.forward(minutes=PAST_COOLDOWN)
        prober = process(ledger)
        assert passes(prober)
        prober.after(Occurrence.TIMEOUT)
    assert ledger.breakers.all()[0].opened_at == began


def test_a_healthy_upstream_costs_one_select_a_request(ledger: Ledger) -> None:
    one = process(ledger)
    one.after(Occurrence.TIMEOUT)
    one.before(creating=False)
    one.after(None)
    told: list[str] = []
    ledger.database.connection.set_trace_callback(told.append)
    for _ in range(10):
        one.before(creating=True)
        one.after(None)
    ledger.database.connection.set_trace_callback(None)
    assert [sql.split()[0] for sql in told] == ["SELECT"] * 10


def test_a_success_ends_the_row_that_another_thread_began_meanwhile(ledger: Ledger) -> None:
    shared = process(ledger)
    shared.before(creating=False)
    shared.before(creating=False)
    shared.after(Occurrence.TIMEOUT)
    shared.after(None)
    assert state(ledger) == ("closed", 0)


def test_who_may_not_write_keeps_the_wait_and_leaves_no_trace(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "ledger.db"
    writing = open_ledger(path, clock=clock)
    reading = open_ledger(path, read_only=True, clock=clock)
    dry_run = process(reading, read_only=True)
    assert passes(dry_run)
    for _ in range(9):
        dry_run.after(Occurrence.TIMEOUT)
    assert state(writing) == ("closed", 0)
    bring(writing, clock, "open")
    assert not passes(dry_run)
    clock.forward(minutes=PAST_COOLDOWN)
    assert passes(dry_run)
    assert not passes(dry_run, creating=True)
    dry_run.after(None)
    assert state(writing) == ("open", 3)
    assert passes(process(writing)), "the probe was left to a run that counts"
    assert not passes(dry_run)
    reading.close()
    writing.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from([OURS, OTHER]),
        st.one_of(
            st.sampled_from(["read", "create", "die"]),
            st.sampled_from([None, Occurrence.TIMEOUT, Occurrence.RESET, Occurrence.HTTP_429]),
            st.floats(0.1, 7).map(lambda minutes: timedelta(minutes=minutes)),
        ),
    ),
    max_size=80,
)


@settings(max_examples=300)
@given(STEPS)
def test_two_processes_interleaved_probe_once_a_cool_down(
    steps: list[tuple[int, str | Occurrence | timedelta | None]],
) -> None:
    clock = FakeClock()
    ledger = open_ledger(None, clock=clock)
    processes = [process(ledger), process(ledger)]
    asked_at: datetime | None = None  # when it opened, or was last probed
    for who, what in steps:
        before = ledger.breakers.all()
        closed = not before or before[0].state == "closed"
        if isinstance(what, timedelta):
            clock.moment += what
        elif what == "die":
            processes[who] = process(ledger)
        elif what in ("read", "create"):
            creating = what == "create"
            if passes(processes[who], creating=creating) and not closed:
                assert not creating, "a probe is a read"
                now_held_by = ledger.breakers.all()[0].owner
                if now_held_by != before[0].owner:
                    assert asked_at is not None
                    assert clock.now() - asked_at >= COOLDOWN - timedelta(milliseconds=1)
                    asked_at = clock.now()
        else:
            processes[who].after(what)  # type: ignore[arg-type]
            if closed and state(ledger)[0] == "open":
                asked_at = clock.now()
    clock.forward(minutes=PAST_COOLDOWN)
    fresh = process(ledger)
    assert passes(fresh), "no history keeps everybody out for longer than a cool-down"
    fresh.after(None)
    assert state(ledger) == ("closed", 0)
    ledger.close()


KILLED = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger
ledger = open_ledger(Path(sys.argv[1]))
breaker = ledger.breakers.one("veracore", "orders", threshold=3, cooldown=timedelta(minutes=5))
breaker.before(creating=False)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_prober_that_was_killed_is_followed_after_a_cool_down(tmp_path: Path) -> None:
    clock = FakeClock(datetime.now(UTC) - timedelta(minutes=10))
    ledger = open_ledger(tmp_path / "ledger.db", clock=clock)
    bring(ledger, clock, "open")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(ledger.path)], env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    assert state(ledger) == ("half_open", 3)
    clock.moment = datetime.now(UTC)
    assert not passes(process(ledger)), "its claim outlives it, for one cool-down"
    clock.forward(minutes=PAST_COOLDOWN)
    first, second = process(ledger), process(ledger)
    assert [passes(first), passes(second)] == [True, False]
    ledger.close()
