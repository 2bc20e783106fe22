"""``sync-tracking``: what the warehouse shipped becomes fulfilments with tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, table

if TYPE_CHECKING:
    from veracore_sync.cli.perform import Report
    from veracore_sync.composition.container import Container
    from veracore_sync.jobs.kernel import RunOptions
    from veracore_sync.jobs.tracking.actions import Action
    from veracore_sync.jobs.tracking.report import TrackingReport

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
    from veracore_sync.jobs.kernel import RunOptions

    options = RunOptions(only=tuple(order or ()), force=force, dry_run=dry_run)
    job = Job(COMMAND, "tracking", record=not dry_run, read_only=dry_run, force=force, empty=EMPTY)
    perform(job, context.obj, as_json, lambda parts: track(parts, options, quiet=as_json))


def track(parts: Container, options: RunOptions, *, quiet: bool = True) -> Report:
    """One run between the parts of a command; what ended it is in the report."""
    from veracore_sync.cli.perform import Report
    from veracore_sync.cli.progress import shown
    from veracore_sync.jobs.tracking.report import TrackingReport
    from veracore_sync.jobs.tracking.run import TrackingRun

    parts.bind()
    with shown(quiet=quiet) as progress:
        report = TrackingRun(parts.context(TrackingReport(), options, progress)).try_run()
    recount(parts, report)
    document = tracking_document(report)
    return Report(
        document=document,
        summary={name: document[name] for name in _COUNTS},
        news=report.needs_person,
        error=report.stopped_by,
        show=lambda: show(report),
        asked_for=report.plan is not None,
    )


def recount(parts: Container, report: TrackingReport) -> None:
    """Compute SKUs anew whose level was raised; only where this tool writes stock at all."""
    from veracore_sync.errors import SyncError
    from veracore_sync.jobs.inventory.report import InventoryReport
    from veracore_sync.jobs.inventory.run import InventoryRun
    from veracore_sync.jobs.kernel import RunOptions

    if not report.raised or parts.ledger.runs.last_ended("sync-inventory") is None:
        return
    skus = tuple(dict.fromkeys(report.raised))
    try:
        with parts.ledger.runs.lock("inventory", COMMAND):
            InventoryRun(parts.context(InventoryReport(), RunOptions(only=skus))).run()
    except SyncError as error:
        report.notify(f"stock of {', '.join(skus)} was not recounted: {error.message}")


def tracking_document(report: TrackingReport) -> dict[str, Any]:
    """The ``--json`` document of a run (docs/json.md)."""
    document: dict[str, Any] = {
        "ordersChecked": report.checked,
        "trackingUpdated": report.updated,
        "errors": report.errors,
        "orders": [
            {
                "vendureOrderCode": one.code,
                "slip": one.slip or None,
                "outcome": one.what,
                "detail": one.told or None,
            }
            for one in report.outcomes
        ],
        "stockRaised": report.raised,
        "notes": report.notices,
    }
    if report.plan is not None:
        document["plan"] = [_action_document(code, action) for code, action in report.plan]
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


def show(report: TrackingReport) -> None:
    """The run as a person reads it."""
    for notice in report.notices:
        say(notice)
    if report.plan is not None:
        _show_plan(report)
        return
    if report.outcomes:
        rows = [(one.code, one.slip, one.what, one.told) for one in report.outcomes]
        table(["order", "slip", "outcome", ""], rows)
    say(f"{report.checked} orders looked up, {report.updated} fulfilled, {report.errors} errors")


def _show_plan(report: TrackingReport) -> None:
    rows = []
    for code, action in report.plan or ():
        document = _action_document(code, action)
        told = document.get("reason") or document.get("trackingCode") or ""
        rows.append((document["action"], code, document["slip"] or "", told))
    if rows:
        table(["action", "order", "slip", "what"], rows)
    else:
        say("nothing would be fulfilled")
