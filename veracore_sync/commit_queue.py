"""Group commit: what several threads write is committed by one of them, for all.

A commit waits for the disk. Where each thread makes its own, all others wait for it before theirs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

_LARGEST = 256

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class NotCommitted(Exception):
    """It is not committed: not in time, or the thread that was to do it was ended."""


class _Entry(Generic[ItemT, ResultT]):
    """A waiting item; `woken` is locked until it is committed or must commit itself."""

    __slots__ = ("done", "error", "item", "results", "woken")

    def __init__(self, item: ItemT) -> None:
        self.item = item
        self.woken = threading.Lock()
        self.woken.acquire()
        self.done = False
        self.results: list[ResultT] = []
        self.error: Exception = NotCommitted()


class CommitQueue(Generic[ItemT, ResultT]):
    """Commits items, from any thread.

    The first thread commits everything that has arrived so far; of those that arrive meanwhile, one
    commits next. So a single item needs no other thread, and none waits for more than two commits.

    Args:
        commit: Commits these items in one transaction, and returns a result for each.
        wait_seconds: How long an item waits for its commit to begin; ``None``: as long as it takes.
    """

    def __init__(
        self,
        commit: Callable[[list[ItemT]], Sequence[ResultT]],
        *,
        wait_seconds: float | None = None,
    ) -> None:
        self._commit = commit
        self._wait_seconds = -1.0 if wait_seconds is None else wait_seconds
        self._lock = threading.Lock()
        self._committing = False
        self._waiting: deque[_Entry[ItemT, ResultT]] = deque()

    def __len__(self) -> int:
        """How many items wait, without those whose commit has begun."""
        return len(self._waiting)

    def submit(self, item: ItemT) -> ResultT:
        """Commit an item; returns its result only after the commit that holds it.

        The caller must not be in a transaction: whoever commits for it could not begin one.

        Raises:
            NotCommitted: The wait was too long, or the thread that committed was ended.
            Exception: What the commit raised, in each thread whose item was part of it.
        """
        entry: _Entry[ItemT, ResultT] = _Entry(item)
        with self._lock:
            self._waiting.append(entry)
            leads, self._committing = not self._committing, True
        if not leads:
            self._wait(entry)
        if not entry.done:
            self._commit_as_leader()
        if not entry.results:
            raise entry.error
        return entry.results[0]

    def _wait(self, entry: _Entry[ItemT, ResultT]) -> None:
        """Wait until the item is committed, or must lead the next commit.

        Raises:
            NotCommitted: Neither in time.
        """
        if entry.woken.acquire(timeout=self._wait_seconds):
            return
        with self._lock:
            # It may have been woken since the timeout: then it must lead, or nobody would.
            if entry.woken.acquire(blocking=False):
                return
            if entry in self._waiting:
                self._waiting.remove(entry)
                raise NotCommitted
        entry.woken.acquire()

    def _commit_as_leader(self) -> None:
        """Commit what has arrived, and let one of those that arrived meanwhile lead next."""
        batch: list[_Entry[ItemT, ResultT]] = []
        try:
            with self._lock:
                while self._waiting and len(batch) < _LARGEST:
                    batch.append(self._waiting.popleft())
            results = self._commit([entry.item for entry in batch])
            for entry, result in zip(batch, results, strict=True):
                entry.results.append(result)
        except Exception as error:  # noqa: BLE001 - raised by `submit`, in each of the threads
            for entry in batch:
                entry.error = error
        finally:
            # Also after a failure: threads that are never woken would hang until their time-out.
            with self._lock:
                self._committing = bool(self._waiting)
                if self._committing:
                    self._waiting[0].woken.release()
            for entry in batch:
                entry.done = True
                entry.woken.release()
