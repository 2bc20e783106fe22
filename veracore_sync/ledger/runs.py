"""Run records, and the locks that allow one run of a job at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.errors import LockHeld
from veracore_sync.domain.ledger_records import Holder, Run
from veracore_sync.domain.readable import exactly
from veracore_sync.ledger.database import Database, JobLock

_LOCK_POLL = 0.05
# `is_running` holds a free lock for a moment: a run that begins just then must not give up.
_PROBE_SECONDS = 0.2

JOBS = (
    "orders",
    "inventory",
    "tracking",
    "returns",
    "reconcile",
    "stock",
    "deliver",
    "webhooks",
    "hints",
    "admin",
)
"""Every job, each of which one process at a time may do: `webhooks` receives, `hints` follows."""


class Runs:
    """The run records and the job locks of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def begin(self, command: str) -> int:
        """Record that a run of `command` begins; returns its number."""
        with self._db.transaction() as connection:
            (number,) = connection.execute(
                "INSERT INTO runs (command, pid, started_at) VALUES (?, ?, ?) RETURNING id",
                (command, os.getpid(), to_text(self._clock.now())),
            ).fetchone()
        return int(number)

    def end(self, run: int, exit_code: int, result: Mapping[str, Any]) -> None:
        """Record how the run ended. `result` holds counts and classes, no personal data."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE runs SET ended_at = ?, exit_code = ?, result = ? WHERE id = ?",
                (to_text(self._clock.now()), exit_code, json.dumps(dict(result)), run),
            )

    def latest(self, limit: int = 20) -> list[Run]:
        """The newest runs, newest first."""
        return [_run(row) for row in self._db.rows(_SELECT + "ORDER BY id DESC LIMIT ?", (limit,))]

    def last_ended(self, command: str) -> Run | None:
        """The newest finished run of `command`, not counting runs that found their job locked."""
        row = self._db.row(
            _SELECT + "WHERE command = ? AND exit_code <> ? ORDER BY id DESC LIMIT 1",
            (command, LockHeld.exit_code),
        )
        return _run(row) if row else None

    def last_done(self, command: str, mode: str = "") -> Run | None:
        """The newest run of `command` that did its work; see the port."""
        row = self._db.row(_SELECT + _DONE, (command, mode))
        return _run(row) if row else None

    def holder(self, job: str) -> Holder | None:
        """Who locked the job last, as recorded; `is_running` says whether it still holds it."""
        return self._db.holder(job)

    @contextmanager
    def lock(self, job: str, command: str, *, wait_seconds: float = 0) -> Iterator[None]:
        """Hold the job during the block; released when the process ends, never before.

        Args:
            job: One of `JOBS`.
            command: The holder's name, for the error that others get.
            wait_seconds: How long to wait for the job.

        Raises:
            LockHeld: Another process holds the job, and still did after the wait.
        """
        lock = self._take_within(job, command, wait_seconds)
        if lock is None:
            # Not that the other run does this: a decision about an order is nobody else's work.
            todo = "nothing was done here; run it again when that has ended, unless a timer will"
            raise LockHeld(f"{job}: {self._holder(job)}", hint=todo)
        try:
            yield
        finally:
            lock.release()

    def _take_within(self, job: str, command: str, wait_seconds: float) -> JobLock | None:
        deadline = self._clock.monotonic() + max(wait_seconds, _PROBE_SECONDS)
        while True:
            lock = self._db.try_lock(job, command, self._clock.now())
            if lock is not None or self._clock.monotonic() >= deadline:
                return lock
            self._clock.sleep(_LOCK_POLL)

    def is_running(self, job: str) -> bool:
        """Whether a process holds the job."""
        return self._db.is_locked(job)

    def confirm(self) -> None:
        """Check, without asking anybody, that this process still holds its jobs; see the port."""
        self._db.confirm_locks()

    def _holder(self, job: str) -> str:
        holder = self.holder(job)
        if holder is None:
            return "another run is at work"
        where = f" on {holder.host}" if holder.host else ""
        since = exactly(holder.since)
        return f"{holder.command} (pid {holder.pid}{where}) is at work since {since}"


_SELECT = "SELECT id, command, pid, started_at, ended_at, exit_code, result FROM runs "
_DONE = (
    "WHERE command = ?1 AND exit_code IN (0, 3) AND json_extract(result, '$.errorClass') IS NULL "
    "AND (?2 = '' OR (json_extract(result, '$.mode') = ?2 "
    "AND json_extract(result, '$.guard') IS NULL)) ORDER BY id DESC LIMIT 1"
)


def _run(row: Any) -> Run:
    values: dict[str, Any] = dict(row)
    values["result"] = json.loads(values["result"] or "{}")
    return Run(**values)
