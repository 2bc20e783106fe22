"""Breakers, budgets and refusals: one ledger, several processes, a clock that is ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import START, FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st
from race_kit import race

from veracore_sync.domain.errors import BreakerOpen, Occurrence, RateLimited
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.breaker import Breaker
from veracore_sync.ledger.budget import Budget
from veracore_sync.ports.ledger import Ledger

COOLDOWN = timedelta(minutes=5)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: FakeClock) -> Iterator[Ledger]:
    made = open_ledger(tmp_path / "ledger.db", clock=clock)
    yield made
    made.close()


def process(ledger: Ledger, *, forced: bool = False, family: str = "orders") -> Breaker:
    """The breaker as another process would see it."""
    return ledger.breakers.one("veracore", family, threshold=3, cooldown=COOLDOWN, forced=forced)


def passes(breaker: Breaker, *, creating: bool = False) -> bool:
    try:
        breaker.before(creating=creating)
    except BreakerOpen:
        return False
    return True


def open_it(ledger: Ledger) -> None:
    for _ in range(3):
        process(ledger).after(Occurrence.TIMEOUT)


def test_failures_of_several_processes_open_it(ledger: Ledger) -> None:
    for _ in range(2):
        one = process(ledger)
        assert passes(one, creating=True)
        one.after(Occurrence.NOT_CONNECTED)
    assert passes(process(ledger))
    process(ledger).after(Occurrence.HTTP_5XX)
    assert not passes(process(ledger))
    assert [alert.kind for alert in ledger.alerts.standing()] == ["veracore.down"]


def test_a_success_between_them_starts_the_count_anew(ledger: Ledger) -> None:
    for what in (
        Occurrence.TIMEOUT,
        Occurrence.TIMEOUT,
        None,
        Occurrence.TIMEOUT,
        Occurrence.TIMEOUT,
    ):
        process(ledger).after(what)
    assert passes(process(ledger))


@pytest.mark.parametrize(
    "what", [Occurrence.HTTP_429, Occurrence.FAULT, Occurrence.HTTP_4XX, Occurrence.REFUSED]
)
def test_answers_of_a_working_upstream_do_not_count(ledger: Ledger, what: Occurrence) -> None:
    for _ in range(9):
        process(ledger).after(what)
    assert passes(process(ledger))


def test_a_family_has_its_own(ledger: Ledger) -> None:
    open_it(ledger)
    assert passes(process(ledger, family="inventory"))


def test_after_the_cool_down_one_process_probes(ledger: Ledger, clock: FakeClock) -> None:
    open_it(ledger)
    clock.forward(minutes=4)
    assert not passes(process(ledger))
    clock.forward(minutes=2)
    first, second = process(ledger), process(ledger)
    assert not passes(first, creating=True), "a probe is a read"
    assert passes(first)
    assert not passes(second)
    assert not passes(first, creating=True)
    first.after(None)
    assert passes(second, creating=True)
    assert ledger.alerts.standing() == []


def test_a_failed_probe_opens_it_for_another_cool_down(ledger: Ledger, clock: FakeClock) -> None:
    open_it(ledger)
    clock.forward(minutes=6)
    prober = process(ledger)
    assert passes(prober)
    prober.after(Occurrence.RESET)
    assert not passes(prober)
    clock.forward(minutes=4)
    assert not passes(process(ledger))
    clock.forward(minutes=2)
    assert passes(process(ledger))


def test_a_killed_prober_is_followed_in_the_next_cool_down(
    ledger: Ledger, clock: FakeClock
) -> None:
    open_it(ledger)
    clock.forward(minutes=6)
    assert passes(process(ledger))
    clock.forward(minutes=4)
    assert not passes(process(ledger))
    clock.forward(minutes=2)
    assert passes(process(ledger))


def test_a_person_may_force_it_or_reset_it(ledger: Ledger) -> None:
    open_it(ledger)
    assert passes(process(ledger, forced=True))
    assert not passes(process(ledger))
    assert ledger.breakers.reset("vendure") == 0
    assert ledger.breakers.reset() == 1
    assert passes(process(ledger), creating=True)


def test_a_healthy_upstream_costs_no_write(ledger: Ledger) -> None:
    one = process(ledger)
    changes = ledger.database.connection.total_changes
    for _ in range(20):
        one.before(creating=True)
        one.after(None)
    assert ledger.database.connection.total_changes == changes


STEP = st.tuples(
    st.integers(0, 2), st.sampled_from(["read", "create", "ok", "fail", "later", "much later"])
)


@settings(max_examples=150)
@given(st.lists(STEP, max_size=60))
def test_never_two_probes_in_a_cool_down_and_never_a_create(steps: list[tuple[int, str]]) -> None:
    clock = FakeClock()
    ledger = open_ledger(None, clock=clock)
    processes = [process(ledger) for _ in range(3)]
    probed_at: list[tuple[int, float]] = []

    def state() -> str:
        rows = ledger.breakers.all()
        return rows[0].state if rows else "closed"

    for who, what in steps:
        one = processes[who]
        if what == "later":
            clock.forward(minutes=1)
        elif what == "much later":
            clock.forward(minutes=6)
        elif what in ("ok", "fail"):
            one.after(None if what == "ok" else Occurrence.TIMEOUT)
        else:
            before, owner = state(), ledger.breakers.all()
            if passes(one, creating=what == "create") and before != "closed":
                assert what == "read"
                mine = owner[0].owner == ledger.breakers.all()[0].owner and before == "half_open"
                if not mine:
                    now = clock.monotonic()
                    assert all(now - at >= 300 or state() == "closed" for _, at in probed_at[-1:])
                    probed_at.append((who, now))
    ledger.close()


def test_a_day_of_outage_costs_one_probe_a_cool_down(ledger: Ledger, clock: FakeClock) -> None:
    requests = 0
    for _ in range(24 * 12):
        run = process(ledger)
        for _ in range(3):
            if not passes(run):
                break
            requests += 1
            run.after(Occurrence.NOT_CONNECTED)
        clock.forward(minutes=5)
    assert requests <= 3 + 24 * 12


def test_two_real_processes_claim_one_probe(ledger: Ledger, clock: FakeClock) -> None:
    open_it(ledger)
    program = (
        "import sys; from datetime import timedelta; from pathlib import Path;"
        "from veracore_sync.ledger import open_ledger;"
        "from veracore_sync.domain.errors import BreakerOpen;"
        "b = open_ledger(Path(sys.argv[1])).breakers.one('veracore', 'orders', threshold=3,"
        " cooldown=timedelta(minutes=5));"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try: b.before(creating=False); print('probes')\n"
        "except BreakerOpen: print('waits')"
    )
    assert race(program, ledger.path) == ["probes", "waits", "waits", "waits"]


# ---- the budget -----------------------------------------------------------------------------


def spend(budget: Budget, clock: FakeClock, seconds: float) -> int:
    """How many requests fit into so many virtual seconds."""
    end, count = clock.monotonic() + seconds, 0
    while clock.monotonic() < end:
        budget.spend()
        count += 1
    return count


def test_the_rate_holds_over_a_minute_and_over_processes(ledger: Ledger, clock: FakeClock) -> None:
    budgets = [Budget(ledger.database, clock, "veracore", 120) for _ in range(3)]
    start, counts = clock.monotonic(), 0
    while clock.monotonic() - start < 120:
        for one in budgets:
            one.spend()
            counts += 1
    assert 200 <= counts <= 120 * 2 + 30 + 15


def test_no_limit_costs_nothing(ledger: Ledger, clock: FakeClock) -> None:
    budget = Budget(ledger.database, clock, "veracore", 0)
    for _ in range(1000):
        budget.spend()
    assert clock.monotonic() == 0


def test_being_asked_to_slow_down_is_obeyed_and_outlived(ledger: Ledger, clock: FakeClock) -> None:
    budget = Budget(ledger.database, clock, "veracore", 120)
    budget.penalise(20)
    before = clock.now()
    budget.spend()
    assert clock.now() - before >= timedelta(seconds=20)
    slow = spend(budget, clock, 60)
    assert slow < 100
    clock.forward(minutes=20)
    assert spend(budget, clock, 60) >= 110


def test_a_wait_that_is_too_long_ends_the_run(ledger: Ledger, clock: FakeClock) -> None:
    budget = Budget(ledger.database, clock, "veracore", 120)
    budget.penalise(600)
    with pytest.raises(RateLimited):
        budget.spend()
    ledger.budgets.clear_penalties()
    Budget(ledger.database, clock, "veracore", 120).spend()


# ---- refused credentials --------------------------------------------------------------------


def test_refused_credentials_are_tried_once_an_hour(ledger: Ledger, clock: FakeClock) -> None:
    assert ledger.refusals.may_try("veracore", "old")
    ledger.refusals.remember("veracore", "old")
    tries = 0
    for _ in range(24 * 12):
        clock.forward(minutes=5)
        if ledger.refusals.may_try("veracore", "old"):
            tries += 1
            ledger.refusals.remember("veracore", "old")
    assert 22 <= tries <= 24
    assert ledger.refusals.standing("veracore") == "2026-03-01T12:00:00.000Z"
    assert START.hour == 12


def test_changed_credentials_are_tried_at_once(ledger: Ledger) -> None:
    ledger.refusals.remember("veracore", "old")
    assert not ledger.refusals.may_try("veracore", "old")
    assert ledger.refusals.may_try("vendure", "old")
    assert ledger.refusals.may_try("veracore", "new")
    ledger.refusals.forget("veracore")
    assert ledger.refusals.may_try("veracore", "old")


def test_no_credential_is_in_the_ledger(ledger: Ledger) -> None:
    ledger.refusals.remember("veracore", "hunter2-in-clear")
    assert ledger.path is not None
    for file in ledger.path.parent.iterdir():
        assert b"hunter2" not in file.read_bytes()
