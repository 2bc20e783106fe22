"""``sync-inventory``: set the shop's stock from the warehouse's."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say, table
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import syncs
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.jobs.inventory.document import INVENTORY_COUNTS, action_document
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.kernel import RunOptions

EMPTY: dict[str, Any] = dict.fromkeys(INVENTORY_COUNTS, 0)


def sync_inventory(
    context: typer.Context,
    sku: Annotated[
        list[str] | None, typer.Option(help="Sync only this SKU. Repeatable.", metavar="SKU")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Rewrite unchanged levels too; ignore an open circuit breaker."
        ),
    ] = False,
    allow_mass_change: Annotated[
        bool,
        typer.Option(
            "--allow-mass-change", help="Write however many SKUs change, also on a first run."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Set the shop's stock to what VeraCore has available."""
    options = RunOptions(
        only=tuple(sku or ()), force=force, allow_mass_change=allow_mass_change, dry_run=dry_run
    )
    job = Job(
        "sync-inventory",
        "inventory",
        record=not dry_run,
        read_only=dry_run,
        force=force,
        empty=EMPTY,
    )
    run_command(
        job, context.obj, as_json, lambda container: _work(container, options, quiet=as_json)
    )


def _work(container: Container, options: RunOptions, *, quiet: bool) -> CommandReport:
    with shown(quiet=quiet) as progress:
        return syncs.sync_inventory(container, options, show, progress)


def show(report: InventoryReport) -> None:
    """Write the report as text."""
    for notice in report.notices:
        say(notice)
    if report.plan is not None:
        _show_plan(report)
        return
    say(
        f"{report.processed} variants, {report.updated} updated, {report.errors} errors, "
        f"{report.skipped} skipped"
    )


def _show_plan(report: InventoryReport) -> None:
    rows = [
        (action.sku, level["location"], level["before"], level["saleable"], level["stockOnHand"])
        for action in report.plan or ()
        for level in action_document(action)["levels"]
    ]
    if rows:
        table(["SKU", "location", "for sale", "would be", "on hand"], rows)
    more = report.planned - len(report.plan or ())
    say(f"{report.planned} of {report.processed} variants would be written")
    if more > 0:
        say(f"({more} of them are not shown)")
