"""The contract of the port `Ledger`: threads that write together share a commit, and no failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from commit_counts import counted
from ledger_beds import LedgerBed

from veracore_sync.domain.hints import WebhookDelivery
from veracore_sync.ports.ledger import Ledger


class Act:
    """A thread that has something written together with others."""

    def __init__(self, ledger: Ledger, act: Callable[[], Any]) -> None:
        self.answer: Any = None
        self._ledger, self._act = ledger, act
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self.answer = self._ledger.together(self._act)
        except ValueError as error:
            self.answer = error

    def ends(self) -> Any:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.answer


class Held:
    """A first act whose commit is held until `release`, so that others have to wait."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger: Any = ledger
        self._begun, self._gate = threading.Event(), threading.Event()
        self._first = Act(ledger, self._wait)
        assert self._begun.wait(60)

    def _wait(self) -> None:
        self._begun.set()
        assert self._gate.wait(60)

    def release(self, waiting: int) -> None:
        """Let it commit once so many others wait."""
        for _ in range(1000):
            if len(self._ledger._queue) == waiting:
                break
            self._gate.wait(0.01)
        else:
            raise AssertionError("they never came")
        self._gate.set()
        self._first.ends()


def put(ledger: Ledger, name: str) -> str:
    ledger.meta.put(name, "there")
    return name


def fail(ledger: Ledger, name: str) -> None:
    put(ledger, name)
    raise ValueError(name)


def test_who_comes_during_a_commit_shares_the_next(ledger: Ledger) -> None:
    with counted(ledger) as counts:
        first = Held(ledger)
        acts = [Act(ledger, partial(put, ledger, f"of {n}")) for n in range(7)]
        first.release(7)
        assert [one.ends() for one in acts] == [f"of {n}" for n in range(7)]
    assert counts.commits == 2
    assert [ledger.meta.get(f"of {n}") for n in range(7)] == ["there"] * 7


def test_what_fails_takes_nothing_from_the_others(ledger: Ledger) -> None:
    first = Held(ledger)
    good = [Act(ledger, partial(put, ledger, f"of {n}")) for n in range(3)]
    bad = Act(ledger, lambda: fail(ledger, "bad"))
    first.release(4)
    assert [one.ends() for one in good] == ["of 0", "of 1", "of 2"]
    assert isinstance(bad.ends(), ValueError)
    assert [ledger.meta.get(f"of {n}") for n in range(3)] == ["there"] * 3
    assert ledger.meta.get("bad") is None


def test_it_returns_only_after_the_commit(shared: LedgerBed) -> None:
    ledger, other = shared.open(), shared.open()
    try:
        seen: list[str | None] = []

        def act() -> None:
            put(ledger, "A")
            seen.append(other.meta.get("A"))

        ledger.together(act)
        assert (seen, other.meta.get("A")) == ([None], "there")
    finally:
        ledger.close()
        other.close()


def test_a_failure_alone_is_raised_where_it_was_asked_for(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="A"):
        ledger.together(lambda: fail(ledger, "A"))
    assert ledger.meta.get("A") is None
    assert ledger.together(lambda: put(ledger, "B")) == "B"


def test_in_a_unit_of_work_it_is_refused(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError, match="unit of work"), ledger.unit_of_work():
        with ledger.unit_of_work():
            put(ledger, "outer")
        ledger.together(lambda: put(ledger, "A"))
    assert [ledger.meta.get(name) for name in ("outer", "A")] == [None, None]
    with pytest.raises(RuntimeError, match="unit of work"):
        ledger.together(lambda: ledger.together(lambda: put(ledger, "A")))
    # Neither is left behind, and what another thread has open is no reason.
    assert ledger.together(lambda: put(ledger, "B")) == "B"
    with ledger.unit_of_work():
        other = Act(ledger, lambda: put(ledger, "C"))
        put(ledger, "D")
    assert other.ends() == "C"


def test_a_batch_of_deliveries_stores_each_id_once_and_counts_each_name(ledger: Ledger) -> None:
    ledger.inbox.store([WebhookDelivery("known", "order", ("A",))])
    batch = [
        WebhookDelivery("known", "order", ("A",)),
        WebhookDelivery("new", "order", ("A", "B")),
        WebhookDelivery("new", "tracking", ("A",)),
        WebhookDelivery(None, "order", ("A",)),
        WebhookDelivery(None, "order", ("A",)),
        WebhookDelivery("other", "tracking", ("A",)),
        WebhookDelivery("new", "order", ("A",)),
        WebhookDelivery("\"'\\{}", "inventory", ()),
    ]
    assert ledger.inbox.store(batch) == [False, True, False, True, True, True, False, True]
    assert ledger.inbox.store(batch[-1:]) == [False]
    hint = ledger.inbox.due("order")
    assert hint is not None
    assert (hint.name, hint.asked) == ("A", 4)
    tracking = ledger.inbox.due("tracking")
    assert tracking is not None
    assert (tracking.name, tracking.asked) == ("A", 1)
    assert ledger.inbox.store([]) == []
