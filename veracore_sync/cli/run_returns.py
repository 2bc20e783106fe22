"""The work of ``sync-returns``, and how a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import returns
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.returns import Receipt
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.returns.document import RETURNS_COUNTS
from veracore_sync.jobs.returns.report import ReturnsReport

EMPTY: dict[str, Any] = dict.fromkeys(RETURNS_COUNTS, 0) | {"receipts": []}


def run(program: Globals, as_json: bool, *, dry_run: bool) -> None:
    """Do it, and leave the process with its exit code.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    options = RunOptions(dry_run=dry_run)
    job = Job(
        "sync-returns",
        "returns",
        record=not dry_run,
        read_only=dry_run,
        creates=True,
        empty=EMPTY,
    )
    run_command(job, program, as_json, partial(_work, options=options, quiet=as_json))


def _work(container: Container, options: RunOptions, *, quiet: bool) -> CommandReport:
    with shown(quiet=quiet) as progress:
        return returns.sync_returns(container, options, show, progress)


def show(report: ReturnsReport) -> None:
    """The run as a person reads it."""
    for notice in report.notices:
        say(notice)
    if report.plan is not None:
        _show(report.plan)
        say(f"{len(report.plan)} of {report.listed} receipts would be reported")
        return
    _show(report.received)
    say(f"{len(report.received)} of {report.listed} receipts are new, {report.notes} notes written")


def _show(receipts: Sequence[tuple[str | None, Receipt]]) -> None:
    rows = [
        (code or row.order_id, row.slip, row.product, row.quantity, one.day, row.disposition)
        for code, one in receipts
        for row in (one.row,)
    ]
    if rows:
        table(["order", "slip", "product", "units", "came back", "disposition"], rows)
