"""The contract of the port `Concurrency`: one at a time, and as many as the server gains from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from at_once import so_many_at_once

from veracore_sync.ports.concurrency import ONE_AT_A_TIME, Concurrency
from veracore_sync.transport.concurrency import LimitedConcurrency

KIND = "vendure.things"
MADE: dict[str, Callable[[], Concurrency]] = {
    "one at a time": lambda: ONE_AT_A_TIME,
    "at most one": lambda: LimitedConcurrency(1),
    "at most two": lambda: LimitedConcurrency(2),
    "so many at once": lambda: so_many_at_once(4),
    "at most eight": lambda: LimitedConcurrency(8, {"vendure": 8}),
}


@pytest.fixture(params=MADE)
def concurrency(request: pytest.FixtureRequest) -> Iterator[Concurrency]:
    made = MADE[request.param]()
    yield made
    if isinstance(made, LimitedConcurrency):
        made.close()


def test_results_come_in_the_order_of_the_items(concurrency: Concurrency) -> None:
    for count in (0, 1, 2, 100):
        found = concurrency.map(KIND, lambda one: one * 2, range(count))
        assert list(found) == [one * 2 for one in range(count)]


def test_items_are_taken_in_the_callers_thread_and_not_before_they_are_needed(
    concurrency: Concurrency,
) -> None:
    taken: list[int] = []
    threads: set[threading.Thread] = set()

    def items() -> Iterator[int]:
        for one in range(1000):
            threads.add(threading.current_thread())
            taken.append(one)
            yield one

    found = concurrency.map(KIND, lambda one: one, items())
    assert not taken
    assert next(found) == 0
    assert len(taken) < 40
    found.close()
    assert threads == {threading.current_thread()}


def test_a_failure_comes_in_its_turn_and_nothing_begins_after_it(concurrency: Concurrency) -> None:
    begun: list[int] = []

    def act(one: int) -> int:
        begun.append(one)
        if one == 10:
            raise ValueError("ten")
        return one

    found = concurrency.map(KIND, act, range(1000))
    assert [next(found) for _ in range(10)] == list(range(10))
    with pytest.raises(ValueError, match="ten"):
        next(found)
    count = len(begun)
    assert count < 60
    assert list(found) == []
    assert len(begun) == count


def test_what_fails_among_the_items_comes_after_those_before_it(concurrency: Concurrency) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise LookupError("no sixth")

    found = concurrency.map(KIND, lambda one: one, items())
    assert [next(found) for _ in range(5)] == list(range(5))
    with pytest.raises(LookupError, match="no sixth"):
        next(found)


def test_whoever_stops_leaves_nothing_under_way(concurrency: Concurrency) -> None:
    begun, ended = [], []

    def act(one: int) -> int:
        begun.append(one)
        ended.append(one)
        return one

    found = concurrency.map(KIND, act, range(1000))
    for _ in range(20):
        next(found)
    found.close()
    count = len(begun)
    assert sorted(begun) == sorted(ended) == list(range(count))
    assert count < 100
    # And the next can begin.
    assert list(concurrency.map(KIND, act, [1])) == [1]


def test_one_that_is_submitted_is_done_while_nobody_waits(concurrency: Concurrency) -> None:
    outcomes = [concurrency.submit(KIND, lambda one: one * 2, one) for one in range(50)]
    assert [one.result(60) for one in outcomes] == [one * 2 for one in range(50)]


def test_a_failure_of_one_that_is_submitted_is_its_own(concurrency: Concurrency) -> None:
    def act(one: int) -> int:
        return 1 // one

    outcomes = [concurrency.submit(KIND, act, one) for one in (1, 0, 1)]
    assert isinstance(outcomes[1].exception(60), ZeroDivisionError)
    assert [outcomes[one].result(60) for one in (0, 2)] == [1, 1]


def test_what_is_done_side_by_side_may_itself_use_it(concurrency: Concurrency) -> None:
    def act(one: int) -> int:
        more = concurrency.submit(KIND, lambda inner: inner, one).result(60)
        return more + sum(concurrency.map(KIND, lambda inner: inner, range(one)))

    assert list(concurrency.map(KIND, act, range(6))) == [0, 1, 3, 6, 10, 15]


def test_two_at_once_take_turns(concurrency: Concurrency) -> None:
    first = concurrency.map(KIND, lambda one: one, range(30))
    second = concurrency.map("vendure.others", lambda one: -one, range(30))
    pairs = list(zip(first, second, strict=True))
    assert pairs == [(one, -one) for one in range(30)]
