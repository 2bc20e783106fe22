"""Threads under a limit: how many are at work, and who hears of an overload."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from queue import Queue

import pytest
from at_once import GivenLimit, so_many_at_once

from veracore_sync.domain.errors import AuthRefused, Occurrence
from veracore_sync.ledger.opening import open_ledger
from veracore_sync.transport.concurrency import LimitedConcurrency
from veracore_sync.transport.gate import LedgerGate
from veracore_sync.transport.overload import note_overload

KIND = "vendure.things"


@dataclass
class Meeting:
    """Each one waits until so many are there; says how many were there at most."""

    wanted: int
    here: int = 0
    most: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    is_over: bool = False

    def join(self, one: int) -> int:
        with self.changed:
            self.here += 1
            self.most = max(self.most, self.here)
            self.is_over |= self.here >= self.wanted
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.is_over, 60)
            self.here -= 1
        return one


@pytest.mark.parametrize("most", [2, 5, 8])
def test_as_many_are_at_work_as_the_limit_says(most: int) -> None:
    meeting = Meeting(most)
    concurrency = so_many_at_once(most, of=8)
    assert list(concurrency.map(KIND, meeting.join, range(50))) == list(range(50))
    assert meeting.most == most
    concurrency.close()


def test_all_kinds_of_an_upstream_share_what_it_may_have() -> None:
    others = "vendure.others"
    meeting = Meeting(4)
    concurrency = so_many_at_once(4)
    outcomes = [
        concurrency.submit(kind, meeting.join, one) for one in range(20) for kind in (KIND, others)
    ]
    assert [one.result(60) for one in outcomes[::2]] == list(range(20))
    assert list(concurrency.map(others, meeting.join, range(20))) == list(range(20))
    assert meeting.most == 4
    concurrency.close()


def test_another_upstream_has_its_own_number() -> None:
    concurrency = LimitedConcurrency(1, {"vendure": 3})
    assert concurrency.limit_of(KIND) == 1
    assert concurrency._lane(KIND).upstream.most == 3
    assert concurrency._lane("veracore.look-ups").upstream.most == 1


def test_a_slow_one_holds_up_few_others() -> None:
    """It is the first, and those behind it go on meanwhile, up to a bound."""
    may_end = threading.Event()
    done: list[int] = []
    many = threading.Event()

    def act(one: int) -> int:
        if one == 0:
            assert may_end.wait(60)
        else:
            done.append(one)
            if len(done) == 15:
                many.set()
        return one

    def items() -> list[int]:
        return list(range(100))

    def wait_for_many() -> None:
        assert many.wait(60)
        may_end.set()

    helper = threading.Thread(target=wait_for_many)
    helper.start()
    concurrency = so_many_at_once(8, of=8)
    found = concurrency.map(KIND, act, items())
    assert next(found) == 0
    assert len(done) < 24
    assert list(found) == items()[1:]
    helper.join()
    concurrency.close()


def test_an_interrupted_caller_drops_what_has_not_begun_and_waits_for_the_rest() -> None:
    began, may_end = threading.Event(), threading.Event()
    ended: list[int] = []

    def act(one: int) -> int:
        began.set()
        assert may_end.wait(60)
        ended.append(one)
        return one

    class Stop(KeyboardInterrupt):
        pass

    def items() -> Iterator[int]:
        yield 0
        assert began.wait(60)
        threading.Timer(0, may_end.set).start()
        raise Stop

    concurrency = so_many_at_once(4, of=8)
    with pytest.raises(Stop):
        list(concurrency.map(KIND, act, items()))
    assert ended == [0]
    concurrency.close()


def test_the_limit_hears_of_an_overload_also_if_a_repeat_succeeded() -> None:
    concurrency = so_many_at_once(2, of=8)

    def act(one: int) -> int:
        if one == 3:
            note_overload()
        return one

    limit = concurrency._lane(KIND).limit
    list(concurrency.map(KIND, act, range(6)))
    assert isinstance(limit, GivenLimit)
    assert sum(limit.heard) == 1
    concurrency.close()


@pytest.mark.parametrize(
    ("what", "retry_after", "is_one"),
    [
        (None, None, False),
        (Occurrence.HTTP_429, None, True),
        (Occurrence.HTTP_5XX, 0.0, True),
        (Occurrence.HTTP_5XX, None, False),
        (Occurrence.TIMEOUT, None, True),
        (Occurrence.RESET, None, True),
        (Occurrence.HTTP_4XX, None, False),
    ],
)
def test_the_gate_tells_which_answers_mean_too_many(
    tmp_path: Path, what: Occurrence | None, retry_after: float | None, is_one: bool
) -> None:
    ledger = open_ledger(tmp_path / "ledger.db")
    breaker = ledger.breakers.one("vendure", "test", threshold=5, cooldown=timedelta(minutes=5))
    gate = LedgerGate(breaker, None, lambda: None)
    concurrency = so_many_at_once(2, of=8)
    limit = concurrency._lane(KIND).limit
    list(concurrency.map(KIND, lambda _: gate.after(what, retry_after), range(1)))
    assert isinstance(limit, GivenLimit)
    assert limit.heard == [is_one]
    concurrency.close()
    ledger.close()


def test_refused_credentials_are_tried_once_for_all_threads(tmp_path: Path) -> None:
    """The hourly trial is claimed by the first thread; the others must not be refused by that."""
    ledger = open_ledger(tmp_path / "ledger.db")
    ledger.refusals.remember("vendure", "credentials")
    claims: list[bool] = []

    def admit() -> None:
        claims.append(True)
        if len(claims) > 1:
            raise AuthRefused("claimed already", upstream="vendure")

    meeting = Meeting(4)
    breaker = ledger.breakers.one("vendure", "test", threshold=5, cooldown=timedelta(minutes=5))
    gate = LedgerGate(breaker, ledger.budgets.of("vendure", 100_000), admit)

    def ask(one: int) -> int:
        meeting.join(one)
        gate.before(creating=False)
        gate.after(None, None)
        return one

    concurrency = so_many_at_once(4, of=8)
    assert list(concurrency.map(KIND, ask, range(40))) == list(range(40))
    assert claims == [True]
    concurrency.close()
    ledger.close()


def test_threads_end_when_it_is_closed() -> None:
    concurrency = so_many_at_once(4, of=8)
    list(concurrency.map(KIND, lambda one: one, range(20)))
    ours = [one for one in threading.enumerate() if one.name.startswith(KIND)]
    assert ours
    concurrency.close()
    for one in ours:
        one.join(60)
        assert not one.is_alive()


def test_what_waits_when_it_is_closed_is_cancelled_and_later_calls_still_work() -> None:
    may_end = threading.Event()
    begun = Queue[int]()

    def act(one: int) -> bool:
        begun.put(one)
        return may_end.wait(60)

    concurrency = so_many_at_once(2, of=8)
    outcomes = [concurrency.submit(KIND, act, one) for one in range(6)]
    # Which two of the threads are the first to see that there is room is nobody's promise.
    first = {begun.get(timeout=60), begun.get(timeout=60)}
    concurrency.close()
    may_end.set()
    assert all(outcomes[one].result(60) for one in first)
    for one in set(range(6)) - first:
        with pytest.raises(CancelledError):
            outcomes[one].result(60)
    assert list(concurrency.map(KIND, lambda one: one, range(3))) == [0, 1, 2]
    assert concurrency.submit(KIND, lambda one: one, 7).result(60) == 7


class Died(BaseException):
    """More than an error: the thread should end."""


def test_one_that_takes_its_thread_along_holds_up_no_later_one() -> None:
    def act(one: int) -> int:
        if one == 3:
            raise Died
        return one

    concurrency = so_many_at_once(2, of=8)
    for _ in range(5):
        with pytest.raises(Died):
            list(concurrency.map(KIND, act, range(8)))
    assert list(concurrency.map(KIND, act, range(3))) == [0, 1, 2]
    concurrency.close()
