"""One way to run a command: settings, parts, lock, run record, report, exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import typer

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.journal import ERROR, WARNING
from veracore_sync.cli.output import error_document, error_lines, on_terminal, print_json, warn
from veracore_sync.composition.container import Container
from veracore_sync.composition.textfile import write_metrics
from veracore_sync.errors import Interrupted, LedgerError, LockHeld, SyncError
from veracore_sync.failure import NOTHING_FOLLOWS

_NEEDS_PERSON = 3
_WORKER_WAIT_SECONDS = 30.0
_SIGNALS: list[int] = []
"""The one that stopped this process, if any did."""
_REPEATED_QUIETLY = frozenset({69, 75})


@dataclass(slots=True)
class Report:
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


def perform(job: Job, options: Globals, as_json: bool, work: Callable[[Container], Report]) -> None:
    """Run a command and leave the process with its exit code.

    Args:
        job: How it is run.
        options: The global options.
        as_json: Print the document instead of text.
        work: Does it; may raise any `SyncError`.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    _catch_signals()
    with ExitStack() as stack:
        parts: Container | None = None
        before: int | None = None
        try:
            parts = Container(
                options.load(),
                read_only=job.read_only,
                family=job.lock or "other",
                force=job.force,
            )
            stack.callback(parts.close)
            before, report = run_locked(job, parts, work)
        except KeyboardInterrupt as stop:
            report = Report(dict(job.empty), error=_stopped(stop))
        except SyncError as error:
            report = Report(dict(job.empty), error=error)
        except Exception as error:
            if not _SIGNALS:
                # A bug: its traceback is what we need to know, and --json still gets its document.
                if as_json:
                    bug = SyncError(f"unexpected: {type(error).__name__}")
                    print_json({**job.empty, "error": error_document(bug)})
                raise
            # What was at work, pydantic while it is imported for one, wraps what ends it.
            report = Report(dict(job.empty), error=_stopped(KeyboardInterrupt(*_SIGNALS)))
        _speak(report, as_json, repeated=before == report.exit_code)
        if parts is not None:
            _deliver(job, parts, report)
    raise typer.Exit(report.exit_code)


def run_locked(
    job: Job, parts: Container, work: Callable[[Container], Report]
) -> tuple[int | None, Report]:
    """Run a command's work under its lock, and record it.

    Returns:
        How the run before this one ended (``None``: not recorded), and the report; where another
        run of the job is at work, that is its error.

    Raises:
        LedgerError: The ledger cannot be opened.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_held(job, parts))
        except LockHeld as error:
            return None, Report(dict(job.empty), news=_found_taken(job, parts, error), error=error)
        before = _previous_exit(parts, job)
        stack.enter_context(parts.run_of(job.lock))
        return before, _recorded(job, parts, work)


def _held(job: Job, parts: Container) -> AbstractContextManager[None]:
    if job.lock is None or job.read_only:
        return nullcontext()
    return _alone_at_work(job.lock, job, parts)


@contextmanager
def _alone_at_work(lock: str, job: Job, parts: Container) -> Iterator[None]:
    from veracore_sync.jobs.health import stuck_kind

    with parts.ledger.runs.lock(lock, job.command, wait_seconds=_patience(parts, job)):
        parts.ledger.alerts.resolve(stuck_kind(lock))
        yield


def _found_taken(job: Job, parts: Container, error: LockHeld) -> list[str]:
    if job.lock is None or not job.record:
        return []
    from veracore_sync.jobs.health import found_taken

    return found_taken(parts.ledger, parts.settings, parts.clock, job.command, job.lock, error)


def _deliver(job: Job, parts: Container, report: Report) -> None:
    """Events leave once the job is free and everything was said: a slow hook delays nothing."""
    from veracore_sync.cli.deliver import deliver_at_the_end

    if job.lock is None or job.read_only or report.error in NOTHING_FOLLOWS:
        return
    if job.command != "deliver":
        sys.stdout.flush()
        # The run is over: whoever stops it now stops the hook alone.
        with suppress(KeyboardInterrupt):
            deliver_at_the_end(parts)


def alone(as_json: bool, work: Callable[[], Report]) -> None:
    """Run what needs neither settings nor ledger, and leave with its exit code.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    _catch_signals()
    try:
        report = work()
    except (KeyboardInterrupt, typer.Abort) as stop:
        report = Report({}, error=_stopped(stop))
    except SyncError as error:
        report = Report({}, error=error)
    _speak(report, as_json, repeated=False)
    raise typer.Exit(report.exit_code)


def _patience(parts: Container, job: Job) -> float:
    """The webhook worker holds a job for one hint only: it is waited for, other runs are not."""
    from veracore_sync.ledger.inbox import WORKER

    if job.lock is None or job.command == WORKER:
        return 0.0
    holder = parts.ledger.runs.holder(job.lock)
    return _WORKER_WAIT_SECONDS if holder and holder.command == WORKER else 0.0


def _previous_exit(parts: Container, job: Job) -> int | None:
    if not job.record:
        return None
    last = parts.ledger.runs.last_ended(job.command)
    return last.exit_code if last else None


def _recorded(job: Job, parts: Container, work: Callable[[Container], Report]) -> Report:
    if not job.record:
        return work(parts)
    runs = parts.ledger.runs
    number = runs.begin(job.command)
    report = _worked(job, parts, work)
    error = report.error
    said = {"errorClass": str(error.category), "error": error.message} if error else {}
    try:
        parts.learn(error)
        runs.end(number, report.exit_code, {**report.summary, "errorClass": None, **said})
    except LedgerError as failure:
        report.error = error or failure
    write_metrics(parts)
    return report


def _worked(job: Job, parts: Container, work: Callable[[Container], Report]) -> Report:
    try:
        return work(parts)
    except KeyboardInterrupt as stop:
        return Report(dict(job.empty), error=_stopped(stop))
    except SyncError as error:
        return Report(dict(job.empty), error=error)


def _speak(report: Report, as_json: bool, *, repeated: bool) -> None:
    if as_json:
        document = dict(report.document)
        if report.error is not None:
            document["error"] = error_document(report.error)
        print_json(document)
        return
    if report.show is not None and (report.asked_for or on_terminal()):
        report.show()
    sys.stdout.flush()
    for line in _trouble(report, repeated):
        warn(line, WARNING if report.error is None else ERROR)


def _trouble(report: Report, repeated: bool) -> list[str]:
    lines = []
    if report.news:
        lines.append("veracore-sync: needs a person:")
        lines += [f"  - {sentence}" for sentence in report.news]
        lines.append("  see `veracore-sync stats`")
    if report.error is not None:
        code = report.error.exit_code
        quiet = not sys.stderr.isatty() and (code == 75 or (code in _REPEATED_QUIETLY and repeated))
        lines += [] if quiet else error_lines(report.error)
    return lines


def _catch_signals() -> None:
    _SIGNALS.clear()

    def stop(number: int, _frame: FrameType | None) -> None:
        _SIGNALS[:] = [number]
        # As Ctrl-C does: whatever takes failures for an answer must not take this for one.
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, stop)


def _stopped(stop: BaseException) -> Interrupted:
    number = stop.args[0] if stop.args else signal.SIGINT
    return Interrupted("stopped", signal_number=int(number))
