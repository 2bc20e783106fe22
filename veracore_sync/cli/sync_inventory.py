"""``sync-inventory``: what the warehouse can promise becomes what the shop sells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, table

if TYPE_CHECKING:
    from veracore_sync.cli.parts import Parts
    from veracore_sync.cli.perform import Report
    from veracore_sync.domain.staged_stock import Planned
    from veracore_sync.jobs.inventory.result import InventoryResult
    from veracore_sync.jobs.inventory.run import Wishes

_COUNTS = ("totalProcessed", "updated", "errors", "skipped")
EMPTY: dict[str, Any] = dict.fromkeys(_COUNTS, 0)


@app.command("sync-inventory")
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
    from veracore_sync.cli.perform import Job, perform
    from veracore_sync.jobs.inventory.run import Wishes

    wishes = Wishes(tuple(sku or ()), force, allow_mass_change, dry_run)
    job = Job(
        "sync-inventory",
        "inventory",
        record=not dry_run,
        read_only=dry_run,
        force=force,
        empty=EMPTY,
    )
    perform(job, context.obj, as_json, lambda parts: write(parts, wishes, quiet=as_json))


def write(parts: Parts, wishes: Wishes, *, quiet: bool = True) -> Report:
    """One run between the parts of a command; what ended it is in the report."""
    from veracore_sync.cli.perform import Report
    from veracore_sync.cli.progress import shown
    from veracore_sync.errors import SyncError
    from veracore_sync.jobs.inventory.run import InventoryRun

    parts.bind()
    error: SyncError | None = None
    with shown(quiet=quiet) as progress:
        run = InventoryRun(
            shop=parts.shop.stock,
            warehouse=parts.warehouse,
            ledger=parts.ledger,
            settings=parts.settings,
            clock=parts.clock,
            wishes=wishes,
            progress=progress,
        )
        try:
            run.run()
        except SyncError as stopped:
            error = stopped
    result = run.result
    document = inventory_document(result)
    return Report(
        document=document,
        summary={name: document[name] for name in (*_COUNTS, "withheld", "guard")},
        news=result.news,
        error=error,
        show=lambda: show(result),
        asked_for=result.plan is not None,
    )


def inventory_document(result: InventoryResult) -> dict[str, Any]:
    """The ``--json`` document of a run (docs/json.md)."""
    document: dict[str, Any] = {
        "totalProcessed": result.processed,
        "updated": result.updated,
        "errors": result.errors,
        "skipped": result.skipped,
        "withheld": result.withheld,
        "guard": result.guard,
        "unknown": result.unknown,
        "ambiguous": result.ambiguous,
        "missing": result.missing,
        "refused": [{"sku": sku, "error": said} for sku, said in result.refused.items()],
        "unreadable": [{"record": name, "error": why} for name, why in result.unreadable.items()],
        "drift": [
            {"sku": one.sku, "allocated": one.allocated, "ordered": one.ordered}
            for one in result.drift
        ],
        "notes": result.notes,
    }
    if result.plan is not None:
        document["planned"] = result.planned
        document["plan"] = [_action_document(action) for action in result.plan]
    return document


def _action_document(action: Planned) -> dict[str, Any]:
    return {
        "action": "set",
        "sku": action.sku,
        "vendureVariantId": action.id,
        "levels": [
            {
                "location": at,
                "saleable": units,
                "before": action.before[at],
                "stockOnHand": units + action.allocated[at],
            }
            for at, units in action.saleable.items()
        ],
    }


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
        for level in _action_document(action)["levels"]
    ]
    if rows:
        table(["SKU", "location", "for sale", "would be", "on hand"], rows)
    more = result.planned - len(result.plan or ())
    say(f"{result.planned} of {result.processed} variants would be written")
    if more > 0:
        say(f"({more} of them are not shown)")
