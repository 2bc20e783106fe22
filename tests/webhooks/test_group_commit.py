"""Deliveries share commits: none returns before its own, none is left waiting."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest

from veracore_sync import commit_queue
from veracore_sync.domain.errors import LedgerError
from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.ledger.inbox import Inbox
from veracore_sync.webhooks.group_commit import CannotStore, GroupCommitWriter


@dataclass
class SlowInbox:
    """Stores when it is let; `commits` are the batches that were committed, by their ids."""

    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    commits: list[list[str]] = field(default_factory=list)
    begun: list[list[str]] = field(default_factory=list)
    broken: bool = False
    fault: BaseException | None = None

    def store(self, batch: Sequence[WebhookDelivery]) -> list[bool]:
        self.begun.append([str(one.id) for one in batch])
        assert self.gate.acquire(timeout=60)
        if self.broken:
            raise LedgerError("the disk is full")
        if self.fault is not None:
            raise self.fault
        known = {name for commit in self.commits for name in commit}
        self.commits.append([str(one.id) for one in batch])
        return [one.id not in known for one in batch]


@dataclass
class Sender:
    """A thread that stores one delivery."""

    writer: GroupCommitWriter
    name: str
    answer: object = None

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            self.answer = self.writer.store(WebhookDelivery(self.name, "order", ("CODE",)))
        except (CannotStore, SystemExit) as error:
            self.answer = type(error)

    def ends(self) -> object:
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.answer


def until(true: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(6000):
        if true():
            return
        waited.wait(0.01)
    raise AssertionError("never")


def crowd(inbox: SlowInbox, writer: GroupCommitWriter, count: int) -> list[Sender]:
    """One whose commit has begun, and others who came meanwhile, in that order."""
    first = Sender(writer, "0")
    until(lambda: inbox.begun == [["0"]])
    others = []
    for number in range(1, count):
        others.append(Sender(writer, str(number)))
        until(partial(waits, writer, number))
    return [first, *others]


def waits(writer: GroupCommitWriter, count: int) -> bool:
    return len(writer._queue) == count


def made(inbox: SlowInbox, wait_seconds: float = 600.0) -> GroupCommitWriter:
    return GroupCommitWriter(cast(Inbox, inbox), lambda: None, wait_seconds=wait_seconds)


def test_who_comes_during_a_commit_shares_the_next() -> None:
    inbox = SlowInbox()
    senders = crowd(inbox, made(inbox), 5)
    assert all(one.answer is None for one in senders)
    inbox.gate.release()
    assert senders[0].ends() is True
    until(lambda: len(inbox.begun) == 2)
    assert all(one.answer is None for one in senders[1:])
    inbox.gate.release()
    assert [one.ends() for one in senders[1:]] == [True] * 4
    assert inbox.commits == [["0"], ["1", "2", "3", "4"]]


def test_after_a_failure_the_next_commit_is_made() -> None:
    inbox = SlowInbox(broken=True)
    writer = made(inbox)
    senders = crowd(inbox, writer, 3)
    inbox.gate.release()
    assert senders[0].ends() is CannotStore
    assert writer.failing
    inbox.broken = False
    inbox.gate.release()
    assert [one.ends() for one in senders[1:]] == [True, True]
    assert not writer.failing
    inbox.gate.release()
    assert Sender(writer, "3").ends() is True


def test_who_waited_too_long_is_not_stored_later() -> None:
    inbox = SlowInbox()
    writer = made(inbox, wait_seconds=0.05)
    # Who gives up leaves: they need not wait side by side.
    first = Sender(writer, "0")
    until(lambda: inbox.begun == [["0"]])
    senders = [first, *(Sender(writer, str(number)) for number in (1, 2))]
    assert [one.ends() for one in senders[1:]] == [CannotStore, CannotStore]
    inbox.gate.release(5)
    assert senders[0].ends() is True
    assert inbox.commits == [["0"]]


@dataclass
class Over:
    """When the time limits of waits are over: when the test says so."""

    is_over: threading.Event = field(default_factory=threading.Event)
    late: int = 0


class LateLock:
    """A lock, with such a limit."""

    def __init__(self, clock: Over) -> None:
        self._lock, self._clock = threading.Lock(), clock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if timeout < 0:
            return self._lock.acquire(blocking)
        while not self._lock.acquire(timeout=0.01):
            if self._clock.is_over.is_set():
                self._clock.late += 1
                return False
        return True

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_whose_commit_has_begun_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = SlowInbox()
    clock = Over()
    monkeypatch.setattr(commit_queue, "threading", SimpleNamespace(Lock=lambda: LateLock(clock)))
    senders = crowd(inbox, made(inbox), 3)
    inbox.gate.release()
    until(lambda: len(inbox.begun) == 2)
    clock.is_over.set()
    until(lambda: clock.late == 1)
    inbox.gate.release()
    assert [one.ends() for one in senders] == [True] * 3


@pytest.mark.parametrize("broken", [False, True])
def test_a_crowd_comes_to_its_end(broken: bool) -> None:
    inbox = SlowInbox(gate=threading.Semaphore(10_000), broken=broken)
    writer = made(inbox)
    senders = [Sender(writer, str(number)) for number in range(200)]
    assert {one.ends() for one in senders} == {CannotStore if broken else True}
    if not broken:
        assert sorted(name for commit in inbox.commits for name in commit) == sorted(
            str(number) for number in range(200)
        )


FAULTS = [
    LedgerError("the disk is full"),
    sqlite3.OperationalError("disk I/O error"),
    OSError(28, "No space left on device"),
    MemoryError(),
    RuntimeError("can't start new thread"),
]


@pytest.mark.parametrize("fault", [*FAULTS, SystemExit(1)], ids=lambda fault: type(fault).__name__)
def test_whatever_ends_a_leader_strands_nobody(fault: BaseException) -> None:
    inbox = SlowInbox(fault=fault)
    writer = made(inbox)
    senders = crowd(inbox, writer, 4)
    inbox.gate.release()
    assert senders[0].ends() is (SystemExit if isinstance(fault, SystemExit) else CannotStore)
    inbox.fault = None
    inbox.gate.release()
    assert [one.ends() for one in senders[1:]] == [True] * 3
    assert inbox.commits == [["1", "2", "3"]]
    assert not writer.failing
    inbox.gate.release()
    assert Sender(writer, "4").ends() is True


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_shared_commit_that_fails_is_nobodys(fault: BaseException) -> None:
    inbox = SlowInbox()
    writer = made(inbox)
    senders = crowd(inbox, writer, 4)
    inbox.gate.release()
    until(lambda: len(inbox.begun) == 2)
    inbox.fault = fault
    inbox.gate.release()
    assert [one.ends() for one in senders] == [True, *[CannotStore] * 3]
    assert inbox.commits == [["0"]]
