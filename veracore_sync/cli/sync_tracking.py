"""``sync-tracking``: record shipments as fulfilments with tracking."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say, table
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import syncs
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.tracking.document import TRACKING_COUNTS, action_document
from veracore_sync.jobs.tracking.report import TrackingReport

EMPTY: dict[str, Any] = dict.fromkeys(TRACKING_COUNTS, 0) | {"orders": []}


def sync_tracking(
    context: typer.Context,
    order: Annotated[
        list[str] | None,
        typer.Option(help="Look up only this order, by code or id. Repeatable.", metavar="CODE"),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Look up every open order; ignore an open circuit breaker.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Record VeraCore's shipments as fulfilments in the shop."""
    options = RunOptions(only=tuple(order or ()), force=force, dry_run=dry_run)
    job = Job(
        "sync-tracking", "tracking", record=not dry_run, read_only=dry_run, force=force, empty=EMPTY
    )
    run_command(
        job, context.obj, as_json, lambda container: _work(container, options, quiet=as_json)
    )


def _work(container: Container, options: RunOptions, *, quiet: bool) -> CommandReport:
    with shown(quiet=quiet) as progress:
        return syncs.sync_tracking(container, options, show, progress)


def show(report: TrackingReport) -> None:
    """Write the report as text."""
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
