"""The rate budget between processes: nobody before Retry-After, nobody starved, bounded waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.domain.errors import RateLimited
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.budget import Budget
from veracore_sync.ports.ledger import Ledger

BURST = 30  # a quarter of a minute at 120
BLOCK = 5


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> Iterator[Ledger]:
    made = open_ledger(None, clock=clock)
    yield made
    made.close()


def budget(ledger: Ledger, clock: FakeClock, per_minute: int = 120) -> Budget:
    return Budget(ledger.database, clock, "veracore", per_minute)


def test_a_block_taken_before_does_not_outweigh_a_retry_after(
    ledger: Ledger, clock: FakeClock
) -> None:
    ours, other = budget(ledger, clock), budget(ledger, clock)
    ours.spend()
    other.spend()
    ours.penalise(20)
    asked_at = clock.now()
    other.spend()
    assert clock.now() - asked_at >= timedelta(seconds=20)


def test_a_slow_down_without_a_time_halves_the_rate_and_pauses_nobody(
    ledger: Ledger, clock: FakeClock
) -> None:
    ours = budget(ledger, clock)
    ours.penalise(0)
    asked_at = clock.now()
    ours.spend()
    assert clock.now() == asked_at
    sent, end = 0, clock.now() + timedelta(seconds=30)
    while clock.now() < end:
        ours.spend()
        sent += 1
    assert sent <= 60 * 0.65, "half of 60 in half a minute, a little recovered"


def test_a_shorter_retry_after_does_not_shorten_a_longer_one(
    ledger: Ledger, clock: FakeClock
) -> None:
    ours, other = budget(ledger, clock), budget(ledger, clock)
    asked_at = clock.now()
    ours.penalise(25)
    other.penalise(1)
    other.spend()
    assert clock.now() - asked_at >= timedelta(seconds=25)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=200, max_size=400))
def test_no_minute_holds_more_than_the_rate_and_a_burst(order: list[int]) -> None:
    clock = FakeClock()
    ledger = open_ledger(None, clock=clock)
    processes = [budget(ledger, clock) for _ in range(3)]
    sent: list[datetime] = []
    for who in order:
        processes[who].spend()
        sent.append(clock.now())
    for first, moment in enumerate(sent):
        within = sum(1 for later in sent[first:] if later - moment < timedelta(minutes=1))
        assert within <= 120 + BURST + 3 * BLOCK
    ledger.close()


def test_processes_that_ask_in_turn_get_equal_shares(ledger: Ledger, clock: FakeClock) -> None:
    shares = [0, 0]
    processes = [budget(ledger, clock), budget(ledger, clock)]
    waits: list[list[float]] = [[], []]
    for turn in range(400):
        asked_at = clock.now()
        processes[turn % 2].spend()
        shares[turn % 2] += 1
        waits[turn % 2].append((clock.now() - asked_at).total_seconds())
    assert shares == [200, 200]
    assert max(max(one) for one in waits) <= 2.6, "a block's refill, never longer"
    assert 0.4 <= sum(waits[0]) / sum(waits[1]) <= 2.5


def test_a_run_waits_half_a_minute_at_most_in_all(ledger: Ledger, clock: FakeClock) -> None:
    ours = budget(ledger, clock)
    ours.penalise(31)
    asked_at = clock.now()
    with pytest.raises(RateLimited) as refused:
        ours.spend()
    assert clock.now() == asked_at, "what is too long is not begun"
    assert refused.value.retry_after == pytest.approx(31, abs=0.01)
    ours.penalise(20)
    clock.forward(seconds=5)
    ours.spend()
    assert clock.now() - asked_at >= timedelta(seconds=31)


class SlowDownWhileWaiting(FakeClock):
    """While one thread waits, the answer of another thread asks to slow down."""

    def __init__(self) -> None:
        super().__init__()
        self.budget: Budget | None = None
        self.upstream_answered = False

    def sleep(self, seconds: float) -> None:
        if self.budget is not None and not self.upstream_answered:
            answer = threading.Thread(target=self.budget.penalise, args=(1.0,))
            answer.start()
            answer.join(60)
            self.upstream_answered = not answer.is_alive()
        super().sleep(seconds)


def test_an_answer_is_heard_while_another_thread_waits() -> None:
    clock = SlowDownWhileWaiting()
    ledger = open_ledger(None, clock=clock)
    clock.budget = budget(ledger, clock)
    while not clock.upstream_answered and clock.monotonic() < 60:
        clock.budget.spend()
    assert clock.upstream_answered
    ledger.close()


def test_no_transaction_is_open_while_waiting(ledger: Ledger, clock: FakeClock) -> None:
    open_while_waiting: list[bool] = []

    class Watching(FakeClock):
        def sleep(self, seconds: float) -> None:
            open_while_waiting.append(ledger.database.connection.in_transaction)
            super().sleep(seconds)

    ours = Budget(ledger.database, Watching(), "veracore", 120)
    for _ in range(60):
        ours.spend()
    assert open_while_waiting
    assert not any(open_while_waiting)


def test_a_clock_set_back_stops_nobody_for_long(ledger: Ledger, clock: FakeClock) -> None:
    ours = budget(ledger, clock)
    for _ in range(40):
        ours.spend()
    clock.moment -= timedelta(days=1)
    for _ in range(40):
        ours.spend()


def test_forgiven_at_one_upstream_only(ledger: Ledger, clock: FakeClock) -> None:
    ours = budget(ledger, clock)
    ours.penalise(600)
    ledger.budgets.clear_penalties("vendure")
    with pytest.raises(RateLimited):
        budget(ledger, clock).spend()
    ledger.budgets.clear_penalties("veracore")
    budget(ledger, clock).spend()
