"""The work of ``sync-inventory``, and how a person reads it."""

from __future__ import annotations

from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import inventory
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.jobs.inventory.document import INVENTORY_COUNTS, action_document
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.kernel import RunOptions

EMPTY: dict[str, Any] = dict.fromkeys(INVENTORY_COUNTS, 0)


def run(
    program: Globals,
    as_json: bool,
    *,
    only: tuple[str, ...],
    force: bool,
    allow_mass_change: bool,
    dry_run: bool,
) -> None:
    """Do it, and leave the process with its exit code; what is asked for is as in `RunOptions`.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    options = RunOptions(
        only=only, force=force, allow_mass_change=allow_mass_change, dry_run=dry_run
    )
    job = Job(
        "sync-inventory",
        "inventory",
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
        return inventory.sync_inventory(container, options, show, progress)


def show(report: InventoryReport) -> None:
    """The run as a person reads it."""
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
