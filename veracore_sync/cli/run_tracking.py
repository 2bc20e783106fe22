"""The work of ``sync-tracking``, and how a person reads it."""

from __future__ import annotations

from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import tracking
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.tracking.document import TRACKING_COUNTS, action_document
from veracore_sync.jobs.tracking.report import TrackingReport

EMPTY: dict[str, Any] = dict.fromkeys(TRACKING_COUNTS, 0) | {"orders": []}


def run(
    program: Globals,
    as_json: bool,
    *,
    only: tuple[str, ...],
    force: bool,
    dry_run: bool,
) -> None:
    """Do it, and leave the process with its exit code; what is asked for is as in `RunOptions`.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    options = RunOptions(only=only, force=force, dry_run=dry_run)
    job = Job(
        "sync-tracking",
        "tracking",
        record=not dry_run,
        read_only=dry_run,
        creates=True,
        force=force,
        empty=EMPTY,
        one_shop=bool(only),
    )
    run_command(job, program, as_json, partial(_work, options=options, quiet=as_json))


def _work(container: Container, options: RunOptions, *, quiet: bool) -> CommandReport:
    with shown(quiet=quiet) as progress:
        return tracking.sync_tracking(container, options, show, progress)


def show(report: TrackingReport) -> None:
    """The run as a person reads it."""
    for notice in report.notices:
        say(notice)
    if report.plan is not None:
        _show_plan(report)
        return
    if report.outcomes:
        rows = [(one.code, one.slip, one.what, one.detail) for one in report.outcomes]
        table(["order", "slip", "outcome", ""], rows)
    say(f"{report.checked} orders looked up, {report.updated} fulfilled, {report.errors} errors")


def _show_plan(report: TrackingReport) -> None:
    rows = []
    for code, action in report.plan or ():
        document = action_document(code, action)
        detail = document.get("reason") or document.get("trackingCode") or ""
        rows.append((document["action"], code, document["slip"] or "", detail))
    if rows:
        table(["action", "order", "slip", "what"], rows)
    else:
        say("nothing would be fulfilled")
