"""How a command runs: settings, container, work, output, exit code."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import typer

from veracore_sync import streams
from veracore_sync.cli import advice, messages, signals
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.interruption import teller
from veracore_sync.cli.journal import ERROR, WARNING
from veracore_sync.cli.logs import RUNS
from veracore_sync.cli.output import (
    error_document,
    error_lines,
    print_json,
    say,
    shows_extras,
    warn,
)
from veracore_sync.cli.settings import load_settings
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import (
    CommandReport,
    Job,
    Work,
    end_ping,
    interrupted,
    run_locked,
)
from veracore_sync.config.file import VARIABLE
from veracore_sync.domain.errors import SyncError, UsageError
from veracore_sync.domain.failures import NOTHING_FOLLOWS
from veracore_sync.domain.readable import in_words
from veracore_sync.files import expanded

# cron mails whatever is written: an outage (69) or a held lock (75) is reported once, not each run.
_REPEATED_QUIETLY = frozenset({69, 75})

_BUG = 1
_UTF_8 = "write it in UTF-8, in a locale such as LC_ALL=C.UTF-8"

Together = Callable[[Mapping[str, CommandReport]], None]
"""Prints what became of several shops, by the name of each."""


def run_command(
    job: Job, options: Globals, as_json: bool, work: Work, together: Together | None = None
) -> None:
    """Run a command, for one shop or for each of a folder, and exit with its code.

    Args:
        job: How it is run.
        options: The global options.
        as_json: Print the document instead of text.
        work: Makes the report.
        together: Prints the documents of several shops at the end, in place of each by itself.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    advice.remember(options)
    if names_a_folder(options):
        # Only those who have several shops wait for this import.
        from veracore_sync.cli.every_shop import run_each

        code = run_each(job, options, as_json, work, together)
        _tell_purpose(job)
        raise typer.Exit(code)
    write = partial(write_report, as_json=as_json)
    try:
        report = run_for_shop(job, options, as_json, work, write)
    except Exception as error:
        # Where the file alone asks for JSON, nothing above knows of it.
        if not messages.is_json():
            raise
        messages.bug(error)
        raise typer.Exit(1) from error
    _tell_purpose(job, report)
    raise typer.Exit(report.exit_code)


def _tell_purpose(job: Job, report: CommandReport | None = None) -> None:
    """Whether it was run for its output: it changes nothing, and shows what was asked for."""
    if not job.read_only or (report is not None and not report.asked_for):
        streams.output_was_extra()


def names_a_folder(options: Globals) -> bool:
    """Whether the command is to run for every shop of a folder."""
    named = options.config or os.environ.get(VARIABLE)
    with suppress(PermissionError):
        return options.every_shop or bool(named and expanded(Path(named)).is_dir())
    return False


def run_for_shop(
    job: Job, options: Globals, as_json: bool, work: Work, write: Callable[..., None]
) -> CommandReport:
    """Run a command for one configuration, write its report, deliver its events; the report."""
    began = time.monotonic()
    with ExitStack() as stack:
        container: Container | None = None
        before: int | None = None
        try:
            signals.catch()
            container = Container(
                load_settings(options, job.secrets_used, may_be_absent=job.without_settings),
                read_only=job.read_only,
                family=job.lock or "other",
                force=job.force,
                rebuilds=job.rebuilds,
                creates=job.creates,
            )
            stack.callback(container.close)
            with _telling(job, container):
                before, report = run_locked(job, container, work)
        except KeyboardInterrupt as stop:
            report = CommandReport(dict(job.empty), error=interrupted(stop))
        except SyncError as error:
            report = CommandReport(dict(job.empty), error=error)
        except Exception as error:
            number = signals.struck()
            if _is_of_an_argument(error):
                refused = UsageError("an argument holds bytes that are not UTF-8 text", hint=_UTF_8)
                report = CommandReport(dict(job.empty), error=refused)
            elif number is None:
                # A bug: the traceback must be seen, and a reader of --json still gets a document.
                if as_json:
                    bug = SyncError(f"unexpected: {type(error).__name__}")
                    print_json(document_of(CommandReport(dict(job.empty), error=bug)))
                _ping(job, container, _BUG)
                raise
            else:
                # A signal was caught, but library code (an import, say) wrapped its exception.
                struck = KeyboardInterrupt(number)
                report = CommandReport(dict(job.empty), error=interrupted(struck))
        report.command = job.command
        _describe_needs(report, container)
        write(report, repeated=before == report.exit_code)
        _log_run(job, report, time.monotonic() - began)
        _ping(job, container, report.exit_code)
        if container is not None:
            _deliver(job, container, report)
    return report


def _describe_needs(report: CommandReport, container: Container | None) -> None:
    """For a machine, add what the ledger knows about each sentence; a person asks `stats`."""
    if not (messages.is_json() and report.news) or container is None or not container.has_ledger:
        return
    from veracore_sync.jobs.needs_person import needs

    with suppress(SyncError):
        report.needs = needs(container.ledger, report.news)


def _log_run(job: Job, report: CommandReport, seconds: float) -> None:
    counts = {name: one for name, one in report.summary.items() if type(one) is int}
    done = ", ".join(f"{one:,} {in_words(name)}" for name, one in counts.items() if one)
    text = f"{job.command}: {done or 'done'}; exit code {report.exit_code} after {seconds:.1f} s"
    fields = {
        "event": "run",
        "command": job.command,
        "job": job.lock,
        "counts": counts,
        "seconds": round(seconds, 3),
        "exitCode": report.exit_code,
        "dryRun": job.read_only if job.lock else None,
    }
    RUNS.info("%s", text, extra={"fields": fields})


def _telling(job: Job, container: Container) -> AbstractContextManager[None]:
    """Within it, the first Ctrl-C says how the command ends."""
    tell = teller(job, container)
    return nullcontext() if tell is None else signals.telling(tell)


def _is_of_an_argument(error: Exception) -> bool:
    """Whether it comes from an argument in another encoding, which Python keeps as surrogates."""
    return isinstance(error, UnicodeEncodeError) and any(
        "\udc80" <= char <= "\udcff" for char in "".join(sys.argv)
    )


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
    write_report(report, as_json, repeated=False)
    streams.output_was_extra()
    raise typer.Exit(report.exit_code)


def _ping(job: Job, container: Container | None, exit_code: int) -> None:
    """Tell a monitor how the run ended, after its lock is free and its output is written."""
    if container is None:
        return  # without settings nobody knows where
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        end_ping(job, container, exit_code)


def _deliver(job: Job, container: Container, report: CommandReport) -> None:
    """Deliver events after the lock is free and all output is written: a slow hook delays none."""
    if job.lock is None or job.read_only or job.command == "deliver":
        return
    # A ledger that could not be opened was reported, and has no events to give.
    if report.error in NOTHING_FOLLOWS or not container.has_ledger:
        return
    # Imports httpx, for which commands that only read the ledger should not wait.
    from veracore_sync.composition.event_delivery import deliver_at_the_end

    sys.stdout.flush()
    # The run is complete and reported: a signal now ends only the delivery.
    with suppress(KeyboardInterrupt):
        deliver_at_the_end(container)


def write_report(report: CommandReport, as_json: bool, *, repeated: bool) -> None:
    """Write a report as the command's output.

    Args:
        report: The report.
        as_json: As one document.
        repeated: Whether the run before ended with the same code.
    """
    if as_json:
        print_json(document_of(report))
    else:
        show_result(report)
    if messages.is_json():
        write_events(report, repeated)
    elif not as_json:
        for line in failure_lines(report, repeated):
            warn(line, WARNING if report.error is None else ERROR)


def show_result(report: CommandReport, heading: str = "") -> None:
    """Write the result of a command to stdout, if somebody reads it or asked for it."""
    if report.show is not None and (report.asked_for or shows_extras()):
        if heading:
            say(heading)
        report.show()
    sys.stdout.flush()


def document_of(report: CommandReport) -> dict[str, Any]:
    """The document of ``--json``, with the failure."""
    failure = {"error": error_document(report.error)} if report.error is not None else {}
    return dict(_as_typed({**report.document, **failure}))


def _as_typed(value: Any) -> Any:
    """With each command in its sentences about the shop that this run is about."""
    if isinstance(value, str):
        return advice.advised(value)
    if isinstance(value, dict):
        return {key: _as_typed(one) for key, one in value.items()}
    return [_as_typed(one) for one in value] if isinstance(value, list | tuple) else value


def failure_lines(report: CommandReport, repeated: bool) -> list[str]:
    """What is written to stderr: what newly needs a person, and the failure."""
    lines = []
    if report.news:
        lines.append("veracore-sync: needs a person:")
        lines += [f"  - {sentence}" for sentence in report.news]
        lines.append("  see `veracore-sync stats`")
    if report.error is not None and not _is_old_news(report.error, repeated):
        lines += error_lines(report.error)
    return lines


def write_events(report: CommandReport, repeated: bool) -> None:
    """Write the same to stderr for a machine: one object for each need and for the failure."""
    command = report.command or None
    if not report.needs:
        see = {"event": "needs_person", "command": command, "hint": "see `veracore-sync stats`"}
        for sentence in report.news:
            messages.write(sentence, WARNING, see)
    for need in report.needs:
        fields = {
            "event": "needs_person",
            "command": command,
            "class": need.error_class,
            "kind": need.kind,
            "vendureOrderCode": need.code,
            "hint": need.hint,
        }
        messages.write(need.message, WARNING, fields)
    if report.error is not None and not _is_old_news(report.error, repeated):
        failure = {"event": "failure", "command": command, **error_document(report.error)}
        failure["upstream"] = getattr(report.error, "upstream", None)
        messages.write(failure.pop("message"), ERROR, failure)


def _is_old_news(error: SyncError, repeated: bool) -> bool:
    """Whether the failure was reported at the end of an earlier run."""
    if sys.stderr.isatty():
        return False
    return error.exit_code == 75 or (error.exit_code in _REPEATED_QUIETLY and repeated)
