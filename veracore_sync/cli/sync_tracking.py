"""``sync-tracking``: what the warehouse shipped becomes fulfilments with tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, table

if TYPE_CHECKING:
    from veracore_sync.cli.perform import Report
    from veracore_sync.composition.container import Container
    from veracore_sync.jobs.tracking.actions import Action
    from veracore_sync.jobs.tracking.report import TrackingResult
    from veracore_sync.jobs.tracking.run import TrackingRun, Wishes

_COUNTS = ("ordersChecked", "trackingUpdated", "errors")
EMPTY: dict[str, Any] = dict.fromkeys(_COUNTS, 0) | {"orders": []}
COMMAND = "sync-tracking"


@app.command(COMMAND)
def sync_tracking(
    context: typer.Context,
    order: Annotated[
        list[str] | None, typer.Option(help="Only this order: code or id; may be repeated.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Look every open order up; ask although it was just down.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring shipments back as fulfilments with tracking."""
    from veracore_sync.cli.perform import Job, perform
    from veracore_sync.jobs.tracking.run import Wishes

    wishes = Wishes(tuple(order or ()), force, dry_run)
    job = Job(COMMAND, "tracking", record=not dry_run, read_only=dry_run, force=force, empty=EMPTY)
    perform(job, context.obj, as_json, lambda parts: track(parts, wishes, quiet=as_json))


def track(parts: Container, wishes: Wishes, *, quiet: bool = True) -> Report:
    """One run between the parts of a command; what ended it is in the report."""
    from veracore_sync.cli.perform import Report
    from veracore_sync.cli.progress import shown
    from veracore_sync.errors import SyncError

    parts.bind()
    error: SyncError | None = None
    with shown(quiet=quiet) as progress:
        run = tracking_run(parts, wishes)
        run.progress = progress
        try:
            run.run()
        except SyncError as stopped:
            error = stopped
    result = run.result
    recount(parts, result)
    document = tracking_document(result)
    return Report(
        document=document,
        summary={name: document[name] for name in _COUNTS},
        news=result.news,
        error=error,
        show=lambda: show(result),
        asked_for=result.plan is not None,
    )


def tracking_run(parts: Container, wishes: Wishes) -> TrackingRun:
    """A run between the parts of a command."""
    from veracore_sync.jobs.tracking.run import TrackingRun

    return TrackingRun(
        shop=parts.shop,
        warehouse=parts.warehouse,
        ledger=parts.ledger,
        settings=parts.settings,
        clock=parts.clock,
        wishes=wishes,
    )


def recount(parts: Container, result: TrackingResult) -> None:
    """Compute SKUs anew whose level was raised; only where this tool writes stock at all."""
    from veracore_sync.errors import SyncError
    from veracore_sync.jobs.inventory.run import InventoryRun, Wishes

    if not result.raised or parts.ledger.runs.last_ended("sync-inventory") is None:
        return
    wishes = Wishes(skus=tuple(dict.fromkeys(result.raised)))
    try:
        with parts.ledger.runs.lock("inventory", COMMAND):
            InventoryRun(
                parts.shop.stock,
                parts.warehouse,
                parts.ledger,
                parts.settings,
                parts.clock,
                wishes,
            ).run()
    except SyncError as error:
        result.notes.append(f"stock of {', '.join(wishes.skus)} was not recounted: {error.message}")


def tracking_document(result: TrackingResult) -> dict[str, Any]:
    """The ``--json`` document of a run (docs/json.md)."""
    document: dict[str, Any] = {
        "ordersChecked": result.checked,
        "trackingUpdated": result.updated,
        "errors": result.errors,
        "orders": [
            {
                "vendureOrderCode": one.code,
                "slip": one.slip or None,
                "outcome": one.what,
                "detail": one.told or None,
            }
            for one in result.outcomes
        ],
        "stockRaised": result.raised,
        "notes": result.notes,
    }
    if result.plan is not None:
        document["plan"] = [_action_document(code, action) for code, action in result.plan]
    return document


def _action_document(code: str, action: Action) -> dict[str, Any]:
    from veracore_sync.jobs.tracking.actions import Adopt, EndOrder, Fulfil, HandOver, Hold, Report

    document: dict[str, Any] = {"vendureOrderCode": code, "slip": getattr(action, "slip", None)}
    if isinstance(action, Fulfil):
        return document | {
            "action": "fulfil",
            "lines": [{"orderLineId": id, "quantity": n} for id, n in action.lines.items()],
            "method": action.method,
            "trackingCode": action.tracking_code,
        }
    if isinstance(action, Adopt):
        return document | {"action": "adopt", "fulfillmentId": action.fulfilment.id}
    if isinstance(action, Hold):
        return document | {"action": "wait", "reason": action.reason}
    if isinstance(action, HandOver):
        return document | {"action": "hand over", "reason": action.message}
    if isinstance(action, Report):
        return document | {"action": "report", "reason": action.message}
    if isinstance(action, EndOrder):
        return document | {"action": "end"}
    return document | {"action": type(action).__name__.lower()}


def show(result: TrackingResult) -> None:
    """The run as a person reads it."""
    for note in result.notes:
        say(note)
    if result.plan is not None:
        _show_plan(result)
        return
    if result.outcomes:
        rows = [(one.code, one.slip, one.what, one.told) for one in result.outcomes]
        table(["order", "slip", "outcome", ""], rows)
    say(f"{result.checked} orders looked up, {result.updated} fulfilled, {result.errors} errors")


def _show_plan(result: TrackingResult) -> None:
    rows = []
    for code, action in result.plan or ():
        document = _action_document(code, action)
        told = document.get("reason") or document.get("trackingCode") or ""
        rows.append((document["action"], code, document["slip"] or "", told))
    if rows:
        table(["action", "order", "slip", "what"], rows)
    else:
        say("nothing would be fulfilled")
