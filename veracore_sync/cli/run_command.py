"""One way to run a command: settings, parts, its work, what it says, exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress

import typer

from veracore_sync.cli import signals
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.journal import ERROR, WARNING
from veracore_sync.cli.output import error_document, error_lines, on_terminal, print_json, warn
from veracore_sync.cli.settings import load_settings
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job, Work, interrupted, run_locked
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.failures import NOTHING_FOLLOWS

_REPEATED_QUIETLY = frozenset({69, 75})


def run_command(job: Job, options: Globals, as_json: bool, work: Work) -> None:
    """Run a command and leave the process with its exit code.

    Args:
        job: How it is run.
        options: The global options.
        as_json: Print the document instead of text.
        work: Does it.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    with ExitStack() as stack:
        parts: Container | None = None
        before: int | None = None
        try:
            signals.catch()
            parts = Container(
                load_settings(options),
                read_only=job.read_only,
                family=job.lock or "other",
                force=job.force,
            )
            stack.callback(parts.close)
            before, report = run_locked(job, parts, work)
        except KeyboardInterrupt as stop:
            report = CommandReport(dict(job.empty), error=interrupted(stop))
        except SyncError as error:
            report = CommandReport(dict(job.empty), error=error)
        except Exception as error:
            number = signals.struck()
            if number is None:
                # A bug: its traceback is what we need to know, and --json still gets its document.
                if as_json:
                    bug = SyncError(f"unexpected: {type(error).__name__}")
                    print_json({**job.empty, "error": error_document(bug)})
                raise
            # What was at work, an import for one, wraps what ends it.
            report = CommandReport(dict(job.empty), error=interrupted(KeyboardInterrupt(number)))
        _speak(report, as_json, repeated=before == report.exit_code)
        if parts is not None:
            _deliver(job, parts, report)
    raise typer.Exit(report.exit_code)


def run_standalone(as_json: bool, work: Callable[[], CommandReport]) -> None:
    """Run what needs neither settings nor ledger, and leave with its exit code.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    try:
        signals.catch()
        report = work()
    except (KeyboardInterrupt, typer.Abort) as stop:
        report = CommandReport({}, error=interrupted(stop))
    except SyncError as error:
        report = CommandReport({}, error=error)
    _speak(report, as_json, repeated=False)
    raise typer.Exit(report.exit_code)


def _deliver(job: Job, parts: Container, report: CommandReport) -> None:
    """Events leave once the job is free and everything was said: a slow hook delays nothing."""
    if job.lock is None or job.read_only or job.command == "deliver":
        return
    if report.error in NOTHING_FOLLOWS:
        return
    # Brings httpx: what only looks does not wait for it to be imported.
    from veracore_sync.composition.event_delivery import deliver_at_the_end

    sys.stdout.flush()
    # The run is over: whoever stops it now stops the hook alone.
    with suppress(KeyboardInterrupt):
        deliver_at_the_end(parts)


def _speak(report: CommandReport, as_json: bool, *, repeated: bool) -> None:
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


def _trouble(report: CommandReport, repeated: bool) -> list[str]:
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
