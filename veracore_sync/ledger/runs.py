"""Runs: who did what, when, and how it ended; and the lock that lets one run a job at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.errors import LedgerError, LockHeld
from veracore_sync.ledger.sqlite import lock_file
from veracore_sync.ledger.sqlite.database import Database
from veracore_sync.ledger.sqlite.lock_file import LockFile

_LOCK_POLL = 0.05
# `is_running` takes a free lock for an instant: a run that begins just then must not give up.
_PROBE_SECONDS = 0.2

JOBS = ("orders", "inventory", "tracking", "stock", "deliver", "webhooks", "admin")
"""Every job that one process at a time may do."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command. Times are UTC texts; ``ended_at`` is ``None`` while it lasts, or for
    ever when it was killed."""

    id: int
    command: str
    pid: int
    started_at: str
    ended_at: str | None
    exit_code: int | None
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who took a job. `since` is a UTC text."""

    command: str
    pid: int
    since: str


class Runs:
    """The run records and the job locks of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def begin(self, command: str) -> int:
        """Record that `command` begins; its number."""
        with self._db.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (command, pid, started_at) VALUES (?, ?, ?)",
                (command, os.getpid(), to_text(self._clock.now())),
            )
        return int(cursor.lastrowid or 0)

    def end(self, run: int, exit_code: int, result: Mapping[str, Any]) -> None:
        """Record how it ended. `result` holds counts and classes, no personal data."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE runs SET ended_at = ?, exit_code = ?, result = ? WHERE id = ?",
                (to_text(self._clock.now()), exit_code, json.dumps(dict(result)), run),
            )

    def latest(self, limit: int = 20) -> list[Run]:
        """The newest runs, newest first."""
        return [_run(row) for row in self._db.rows(_SELECT + "ORDER BY id DESC LIMIT ?", (limit,))]

    def last_ended(self, command: str) -> Run | None:
        """The newest run of `command` that came to an end; not one that found its job taken."""
        row = self._db.row(
            _SELECT + "WHERE command = ? AND exit_code <> ? ORDER BY id DESC LIMIT 1",
            (command, LockHeld.exit_code),
        )
        return _run(row) if row else None

    def holder(self, job: str) -> Holder | None:
        """Who took the job last, by its own word; whether it still holds it is `is_running`."""
        row = self._db.row("SELECT command, pid, since FROM job_locks WHERE job = ?", (job,))
        return Holder(**dict(row)) if row else None

    @contextmanager
    def lock(self, job: str, command: str, *, wait_seconds: float = 0) -> Iterator[None]:
        """Hold the job for the length of the block.

        The kernel frees the lock when this process dies, and never while it lives; the row says who
        holds it, and by which file.

        Args:
            job: What may be done by one at a time, for example ``orders`` or ``stock``.
            command: Who asks, for the message that others get.
            wait_seconds: How long to wait for a holder to finish.

        Raises:
            LockHeld: Another process holds it, and still did after the wait.
        """
        if self._db.path is None:
            yield
            return
        lock = self._take_within(job, command, wait_seconds)
        if lock is None:
            raise LockHeld(f"{job}: {self._holder(job)}", hint="the other run does the work")
        try:
            yield
        finally:
            lock.release()

    def _take_within(self, job: str, command: str, wait_seconds: float) -> LockFile | None:
        deadline = self._clock.monotonic() + max(wait_seconds, _PROBE_SECONDS)
        while True:
            lock = self._take(job, command)
            if lock is not None or self._clock.monotonic() >= deadline:
                return lock
            self._clock.sleep(_LOCK_POLL)

    def _take(self, job: str, command: str) -> LockFile | None:
        """Lock the file and write down who did, or neither."""
        if self._db.path is None:
            raise ValueError("a ledger in memory has no lock files")
        lock = lock_file.take(lock_file.lock_path(self._db.path, job))
        if lock is None:
            return None
        try:
            if self._name_holder(job, command, lock):
                return lock
        except BaseException:
            lock.release()
            raise
        lock.release()
        return None

    def is_running(self, job: str) -> bool:
        """Whether a process holds the job now."""
        if self._db.path is None:
            return False
        path = lock_file.lock_path(self._db.path, job)
        if not path.exists():
            return self._is_held_elsewhere(job, None)
        try:
            lock = lock_file.take(path)
        except LedgerError:
            return False
        if lock is None:
            return True
        try:
            return self._is_held_elsewhere(job, lock.inode)
        finally:
            lock.release()

    def _name_holder(self, job: str, command: str, lock: LockFile) -> bool:
        """Write down who holds the job; ``False`` where another still does, by a deleted file."""
        with self._db.transaction() as connection:
            if self._is_held_elsewhere(job, lock.inode):
                return False
            connection.execute(
                "INSERT OR REPLACE INTO job_locks (job, command, pid, since, lock_inode) "
                "VALUES (?, ?, ?, ?, ?)",
                (job, command, os.getpid(), to_text(self._clock.now()), lock.inode),
            )
        # Deleted before it was written down, it would not have been seen by who took the next one.
        return lock.is_in_place()

    def _is_held_elsewhere(self, job: str, inode: int | None) -> bool:
        row = self._db.row("SELECT pid, lock_inode FROM job_locks WHERE job = ?", (job,))
        if row is None or row["lock_inode"] in (None, inode):
            return False
        return lock_file.is_held_by(row["pid"], row["lock_inode"])

    def _holder(self, job: str) -> str:
        holder = self.holder(job)
        if holder is None:
            return "another run is at work"
        return f"{holder.command} (pid {holder.pid}) is at work since {holder.since}"


_SELECT = "SELECT id, command, pid, started_at, ended_at, exit_code, result FROM runs "


def _run(row: Any) -> Run:
    values: dict[str, Any] = dict(row)
    values["result"] = json.loads(values["result"] or "{}")
    return Run(**values)
