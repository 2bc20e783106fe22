"""A command's work under its lock, within its time, recorded in the ledger."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from veracore_sync.composition.container import Container
from veracore_sync.composition.textfile import write_metrics
from veracore_sync.domain.errors import Interrupted, LedgerError, LockHeld, SyncError
from veracore_sync.domain.hints import WORKER
from veracore_sync.domain.kinds import stuck_kind

_NEEDS_PERSON = 3
_WORKER_WAIT_SECONDS = 30.0


@dataclass(slots=True)
class CommandReport:
    """What a command has to say.

    Args:
        document: For ``--json``.
        summary: Counts for the run record; no personal data.
        news: What newly needs a person, one sentence each.
        error: What ended the command early.
        show: Prints the result for a person; ``None`` where a job is silent off a terminal.
        asked_for: Printed off a terminal too.
        code: The exit code when there is neither an error nor news.
    """

    document: dict[str, Any]
    summary: Mapping[str, Any] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    error: SyncError | None = None
    show: Callable[[], None] | None = None
    asked_for: bool = False
    code: int = 0

    @property
    def exit_code(self) -> int:
        """The process's exit code: an error's own, else 3 for news."""
        if self.error is not None:
            return self.error.exit_code
        return _NEEDS_PERSON if self.news else self.code


@dataclass(frozen=True, slots=True)
class Job:
    """How a command is run.

    Args:
        command: Its name, as typed.
        lock: The job it must hold alone; ``None`` for commands that only read.
        record: Whether the run is recorded in the ledger.
        read_only: Whether the ledger may only be read.
        force: A person asked: breakers' waits and remembered refusals do not count.
        empty: The ``--json`` document when nothing could be done.
    """

    command: str
    lock: str | None = None
    record: bool = False
    read_only: bool = False
    force: bool = False
    empty: Mapping[str, Any] = field(default_factory=dict)


Work = Callable[[Container], CommandReport]
"""What a command does; it may raise any `SyncError`."""


def run_locked(job: Job, parts: Container, work: Work) -> tuple[int | None, CommandReport]:
    """Run a command's work under its lock, and record it.

    Returns:
        How the run before this one ended (``None``: not recorded), and the report; where another
        run of the job is at work, that is its error.

    Raises:
        LedgerError: The ledger cannot be opened.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_alone_at_work(job, parts))
        except LockHeld as error:
            news = _found_taken(job, parts, error)
            return None, CommandReport(dict(job.empty), news=news, error=error)
        before = _previous_exit(parts, job)
        stack.enter_context(parts.run_of(job.lock))
        return before, _recorded(job, parts, work)


def interrupted(stop: BaseException) -> Interrupted:
    """What a signal ended: its number is the first argument; without one it was Ctrl-C."""
    number = stop.args[0] if stop.args else signal.SIGINT
    return Interrupted("stopped", signal_number=int(number))


@contextmanager
def _alone_at_work(job: Job, parts: Container) -> Iterator[None]:
    if job.lock is None or job.read_only:
        yield
        return
    with parts.ledger.runs.lock(job.lock, job.command, wait_seconds=_patience(parts, job)):
        parts.ledger.alerts.resolve(stuck_kind(job.lock))
        yield


def _found_taken(job: Job, parts: Container, error: LockHeld) -> list[str]:
    if job.lock is None or not job.record:
        return []
    # Rare, and it brings every record of the ledger.
    from veracore_sync.jobs.health import found_taken

    return found_taken(parts.ledger, parts.settings, parts.clock, job.command, job.lock, error)


def _patience(parts: Container, job: Job) -> float:
    """The webhook worker holds a job for one hint only: it is waited for, other runs are not."""
    if job.lock is None or job.command == WORKER:
        return 0.0
    holder = parts.ledger.runs.holder(job.lock)
    return _WORKER_WAIT_SECONDS if holder and holder.command == WORKER else 0.0


def _previous_exit(parts: Container, job: Job) -> int | None:
    if not job.record:
        return None
    last = parts.ledger.runs.last_ended(job.command)
    return last.exit_code if last else None


def _recorded(job: Job, parts: Container, work: Work) -> CommandReport:
    if not job.record:
        return work(parts)
    runs = parts.ledger.runs
    number = runs.begin(job.command)
    report = _worked(job, parts, work)
    error = report.error
    said = {"errorClass": str(error.category), "error": error.message} if error else {}
    try:
        parts.remember_credentials_outcome(error)
        runs.end(number, report.exit_code, {**report.summary, "errorClass": None, **said})
    except LedgerError as failure:
        report.error = error or failure
    write_metrics(parts)
    return report


def _worked(job: Job, parts: Container, work: Work) -> CommandReport:
    try:
        return work(parts)
    except KeyboardInterrupt as stop:
        return CommandReport(dict(job.empty), error=interrupted(stop))
    except SyncError as error:
        return CommandReport(dict(job.empty), error=error)
