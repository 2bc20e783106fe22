"""``sync-inventory``: what the warehouse can promise becomes what the shop sells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, table

if TYPE_CHECKING:
    from veracore_sync.cli.perform import Report
    from veracore_sync.composition.container import Container
    from veracore_sync.domain.staged_stock import Planned
    from veracore_sync.jobs.inventory.report import InventoryReport
    from veracore_sync.jobs.kernel import RunOptions

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
    from veracore_sync.jobs.kernel import RunOptions

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
    perform(job, context.obj, as_json, lambda parts: write(parts, options, quiet=as_json))


def write(parts: Container, options: RunOptions, *, quiet: bool = True) -> Report:
    """One run between the parts of a command; what ended it is in the report."""
    from veracore_sync.cli.perform import Report
    from veracore_sync.cli.progress import shown
    from veracore_sync.jobs.inventory.report import InventoryReport
    from veracore_sync.jobs.inventory.run import InventoryRun

    parts.bind()
    with shown(quiet=quiet) as progress:
        report = InventoryRun(parts.context(InventoryReport(), options, progress)).try_run()
    document = inventory_document(report)
    return Report(
        document=document,
        summary={name: document[name] for name in (*_COUNTS, "withheld", "guard")},
        news=report.needs_person,
        error=report.stopped_by,
        show=lambda: show(report),
        asked_for=report.plan is not None,
    )


def inventory_document(report: InventoryReport) -> dict[str, Any]:
    """The ``--json`` document of a run (docs/json.md)."""
    document: dict[str, Any] = {
        "totalProcessed": report.processed,
        "updated": report.updated,
        "errors": report.errors,
        "skipped": report.skipped,
        "withheld": report.withheld,
        "guard": report.guard,
        "unknown": report.unknown,
        "ambiguous": report.ambiguous,
        "missing": report.missing,
        "refused": [{"sku": sku, "error": said} for sku, said in report.refused.items()],
        "unreadable": [{"record": name, "error": why} for name, why in report.unreadable.items()],
        "drift": [
            {"sku": one.sku, "allocated": one.allocated, "ordered": one.ordered}
            for one in report.drift
        ],
        "notes": report.notices,
    }
    if report.plan is not None:
        document["planned"] = report.planned
        document["plan"] = [_action_document(action) for action in report.plan]
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
        for level in _action_document(action)["levels"]
    ]
    if rows:
        table(["SKU", "location", "for sale", "would be", "on hand"], rows)
    more = report.planned - len(report.plan or ())
    say(f"{report.planned} of {report.processed} variants would be written")
    if more > 0:
        say(f"({more} of them are not shown)")
