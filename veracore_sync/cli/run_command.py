"""How a command runs: settings, container, work, output, exit code."""

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

# cron mails whatever is written: an outage (69) or a held lock (75) is reported once, not each run.
_REPEATED_QUIETLY = frozenset({69, 75})


def run_command(job: Job, options: Globals, as_json: bool, work: Work) -> None:
    """Run a command and exit with its code.

    Args:
        job: How it is run.
        options: The global options.
        as_json: Print the document instead of text.
        work: Makes the report.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    with ExitStack() as stack:
        container: Container | None = None
        before: int | None = None
        try:
            signals.catch()
            container = Container(
                load_settings(options),
                read_only=job.read_only,
                family=job.lock or "other",
                force=job.force,
            )
            stack.callback(container.close)
            before, report = run_locked(job, container, work)
        except KeyboardInterrupt as stop:
            report = CommandReport(dict(job.empty), error=interrupted(stop))
        except SyncError as error:
            report = CommandReport(dict(job.empty), error=error)
        except Exception as error:
            number = signals.struck()
            if number is None:
                # A bug: the traceback must be seen, and a reader of --json still gets a document.
                if as_json:
                    bug = SyncError(f"unexpected: {type(error).__name__}")
                    print_json({**job.empty, "error": error_document(bug)})
                raise
            # A signal was caught, but library code (an import, say) wrapped its exception.
            report = CommandReport(dict(job.empty), error=interrupted(KeyboardInterrupt(number)))
        _write_report(report, as_json, repeated=before == report.exit_code)
        if container is not None:
            _deliver(job, container, report)
    raise typer.Exit(report.exit_code)


def run_standalone(as_json: bool, work: Callable[[], CommandReport]) -> None:
    """Run work that needs neither settings nor ledger, and exit with its code.

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
    _write_report(report, as_json, repeated=False)
    raise typer.Exit(report.exit_code)


def _deliver(job: Job, container: Container, report: CommandReport) -> None:
    """Deliver events after the lock is free and all output is written: a slow hook delays none."""
    if job.lock is None or job.read_only or job.command == "deliver":
        return
    if report.error in NOTHING_FOLLOWS:
        return
    # Imports httpx, for which commands that only read the ledger should not wait.
    from veracore_sync.composition.event_delivery import deliver_at_the_end

    sys.stdout.flush()
    # The run is complete and reported: a signal now ends only the delivery.
    with suppress(KeyboardInterrupt):
        deliver_at_the_end(container)


def _write_report(report: CommandReport, as_json: bool, *, repeated: bool) -> None:
    if as_json:
        document = dict(report.document)
        if report.error is not None:
            document["error"] = error_document(report.error)
        print_json(document)
        return
    if report.show is not None and (report.asked_for or on_terminal()):
        report.show()
    sys.stdout.flush()
    for line in _failure_lines(report, repeated):
        warn(line, WARNING if report.error is None else ERROR)


def _failure_lines(report: CommandReport, repeated: bool) -> list[str]:
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
