"""Running a command under its lock, within its time limit, with a run record."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from veracore_sync.composition.container import Container
from veracore_sync.composition.textfile import write_metrics
from veracore_sync.domain.errors import Interrupted, LedgerError, LockHeld, SyncError
from veracore_sync.domain.hints import WORKER
from veracore_sync.domain.kinds import stuck_kind
from veracore_sync.jobs.schedule import BACKUP, PINGED

if TYPE_CHECKING:
    from veracore_sync.jobs.needs_person import PersonNeed

_NEEDS_PERSON = 3
_WORKER_WAIT_SECONDS = 30.0


@dataclass(slots=True)
class CommandReport:
    """The result of a command.

    Args:
        document: For ``--json``.
        summary: Counts for the run record; no personal data.
        news: What newly needs a person, one sentence each.
        error: What ended the command early.
        show: Prints the result for a person; ``None``: nothing to print.
        sentences: What was done, for the page of the admin.
        asked_for: Print even if stdout is not a terminal.
        code: The exit code if there is neither an error nor news.
        command: As typed.
        needs: The news with what the ledger knows about each, for a log that machines read.
    """

    document: dict[str, Any]
    summary: Mapping[str, Any] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    error: SyncError | None = None
    show: Callable[[], None] | None = None
    sentences: Sequence[str] = ()
    asked_for: bool = False
    code: int = 0
    command: str = ""
    needs: Sequence[PersonNeed] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the error; else 3 if there is news; else `code`."""
        if self.error is not None:
            return self.error.exit_code
        return _NEEDS_PERSON if self.news else self.code


@dataclass(frozen=True, slots=True)
class Job:
    """How a command is run.

    Args:
        command: Its name, as typed.
        lock: The job to lock; ``None`` for commands that only read.
        record: Whether to record the run in the ledger.
        read_only: Whether to open the ledger read-only.
        force: A person asked: ignore breakers' waits and remembered refusals.
        empty: The ``--json`` document of a run that could do nothing.
        one_shop: Whether it makes sense for one shop only, and not for each of a folder.
        secrets_used: The secrets of a process that holds no other; None is every secret.
        rebuilds: Whether it may open a ledger that is being rebuilt.
        without_settings: Whether it has something to say where nothing is configured at all.
        creates: Whether it begins the ledger if there is none: jobs and servers do. A command that
            looks or repairs would show or change an empty one, as another user or with other
            settings, and everything would seem well.
    """

    command: str
    lock: str | None = None
    record: bool = False
    read_only: bool = False
    force: bool = False
    empty: Mapping[str, Any] = field(default_factory=dict)
    one_shop: bool = False
    secrets_used: frozenset[str] | None = None
    rebuilds: bool = False
    without_settings: bool = False
    creates: bool = False

    @property
    def pinged(self) -> str:
        """As which job its runs are reported to `hooks.ping_url`; empty: they are not."""
        # A run about one order says nothing of the others. A backup only reads, and is a whole one.
        in_part = (self.read_only or self.one_shop) and self.command != BACKUP
        return "" if in_part else PINGED.get(self.command, "")


Work = Callable[[Container], CommandReport]
"""The work of a command; it may raise any `SyncError`."""


def run_locked(job: Job, container: Container, work: Work) -> tuple[int | None, CommandReport]:
    """Run a command's work under its lock, and record it.

    Returns:
        The exit code of the previous run (``None``: not recorded), and the report, whose error is
        `LockHeld` if another run holds the job.

    Raises:
        LedgerError: The ledger cannot be opened.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(job, container))
        except LockHeld as error:
            news = _found_taken(job, container, error)
            return None, CommandReport(dict(job.empty), news=news, error=error)
        _begin_ping(job, container)
        before = _previous_exit(container, job)
        stack.enter_context(container.run_of(job.lock))
        return before, _recorded(job, container, work)


def _begin_ping(job: Job, container: Container) -> None:
    """Tell the monitor that the run begins, where one is set."""
    if not job.pinged or not (url := container.settings.hooks.ping_of(job.pinged)):
        return
    # Imports httpx, for which commands that only use the ledger should not wait.
    from veracore_sync.composition.pings import Ping

    container.ping = Ping(url, container.settings.hooks)
    container.ping.start()


def end_ping(job: Job, container: Container, exit_code: int) -> None:
    """Tell the monitor how the run ended; the caller has reported it, and holds no lock.

    Raises:
        KeyboardInterrupt: A signal arrived meanwhile.
    """
    if not job.pinged or not (url := container.settings.hooks.ping_of(job.pinged)):
        return
    from veracore_sync.composition.pings import Ping

    # A run that could not begin (no ledger, say) has failed, too.
    (container.ping or Ping(url, container.settings.hooks)).end(exit_code)


def interrupted(stop: BaseException) -> Interrupted:
    """The error for a `KeyboardInterrupt`; its first argument is the signal's number, if any."""
    number = stop.args[0] if stop.args else signal.SIGINT
    return Interrupted("stopped", signal_number=int(number))


@contextmanager
def _locked(job: Job, container: Container) -> Iterator[None]:
    if job.lock is None or job.read_only:
        yield
        return
    with job_lock(container, job.lock, job.command):
        yield


@contextmanager
def job_lock(container: Container, lock: str, command: str) -> Iterator[None]:
    """Hold a job during the block.

    Raises:
        LockHeld: Another process holds it.
    """
    wait = _wait_seconds(container, lock, command)
    with container.ledger.runs.lock(lock, command, wait_seconds=wait):
        container.ledger.alerts.resolve(stuck_kind(lock))
        yield


def _found_taken(job: Job, container: Container, error: LockHeld) -> list[str]:
    if job.lock is None or not job.record:
        return []
    # Rare, and it brings every record of the ledger.
    from veracore_sync.jobs.health import found_taken

    return found_taken(
        container.ledger, container.settings, container.clock, job.command, job.lock, error
    )


def _wait_seconds(container: Container, lock: str, command: str) -> float:
    # The webhook worker holds a job for one hint, so a command waits for it. Another run takes
    # minutes and does the work anyway. Without the wait, a flood of hints would starve the timers.
    if command == WORKER:
        return 0.0
    holder = container.ledger.runs.holder(lock)
    return _WORKER_WAIT_SECONDS if holder and holder.command == WORKER else 0.0


def _previous_exit(container: Container, job: Job) -> int | None:
    if not job.record:
        return None
    last = container.ledger.runs.last_ended(job.command)
    return last.exit_code if last else None


def _recorded(job: Job, container: Container, work: Work) -> CommandReport:
    if not job.record:
        return work(container)
    runs = container.ledger.runs
    number = runs.begin(job.command)
    report = _worked(job, container, work)
    error = report.error
    said = {"errorClass": str(error.category), "error": error.message} if error else {}
    try:
        container.remember_credentials_outcome(error)
        runs.end(number, report.exit_code, {**report.summary, "errorClass": None, **said})
    except LedgerError as failure:
        report.error = error or failure
    write_metrics(container)
    return report


def _worked(job: Job, container: Container, work: Work) -> CommandReport:
    try:
        return work(container)
    except KeyboardInterrupt as stop:
        return CommandReport(dict(job.empty), error=interrupted(stop))
    except SyncError as error:
        return CommandReport(dict(job.empty), error=error)
