"""``sync-inventory``: what the warehouse can promise becomes what the shop sells."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say, table
from veracore_sync.cli.perform import run_command
from veracore_sync.cli.progress import shown
from veracore_sync.composition import syncs
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.jobs.inventory.document import INVENTORY_COUNTS, action_document
from veracore_sync.jobs.inventory.result import InventoryResult
from veracore_sync.jobs.inventory.run import Wishes

EMPTY: dict[str, Any] = dict.fromkeys(INVENTORY_COUNTS, 0)


def sync_inventory(
    context: typer.Context,
    sku: Annotated[list[str] | None, typer.Option(help="Only this SKU; may be repeated.")] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Write what is right already too; ask although it was just down."
        ),
    ] = False,
    allow_mass_change: Annotated[
        bool,
        typer.Option(
            "--allow-mass-change", help="Write however many SKUs change; also on a first run."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring the shop's stock to what VeraCore can really promise."""
    wishes = Wishes(tuple(sku or ()), force, allow_mass_change, dry_run)
    job = Job(
        "sync-inventory",
        "inventory",
        record=not dry_run,
        read_only=dry_run,
        force=force,
        empty=EMPTY,
    )
    run_command(job, context.obj, as_json, lambda parts: _work(parts, wishes, quiet=as_json))


def _work(parts: Container, wishes: Wishes, *, quiet: bool) -> CommandReport:
    with shown(quiet=quiet) as progress:
        return syncs.sync_inventory(parts, wishes, show, progress)


def show(result: InventoryResult) -> None:
    """The run as a person reads it."""
    for note in result.notes:
        say(note)
    if result.plan is not None:
        _show_plan(result)
        return
    say(
        f"{result.processed} variants, {result.updated} updated, {result.errors} errors, "
        f"{result.skipped} skipped"
    )


def _show_plan(result: InventoryResult) -> None:
    rows = [
        (action.sku, level["location"], level["before"], level["saleable"], level["stockOnHand"])
        for action in result.plan or ()
        for level in action_document(action)["levels"]
    ]
    if rows:
        table(["SKU", "location", "for sale", "would be", "on hand"], rows)
    more = result.planned - len(result.plan or ())
    say(f"{result.planned} of {result.processed} variants would be written")
    if more > 0:
        say(f"({more} of them are not shown)")
