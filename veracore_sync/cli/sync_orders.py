"""``sync-orders``: paid orders go out, exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.output import say, table

if TYPE_CHECKING:
    from veracore_sync.cli.perform import Report
    from veracore_sync.composition.container import Container
    from veracore_sync.jobs.kernel import RunOptions
    from veracore_sync.jobs.orders.plan import Action
    from veracore_sync.jobs.orders.report import OrdersReport
    from veracore_sync.ports.ledger import Ledger

_COUNTS = {
    "submitted": "submitted",
    "adopted": "adopted",
    "failed": "failed",
    "parked": "parked",
    "inDoubt": "in_doubt",
    "conflict": "conflict",
    "skipped": "skipped",
    "pending": "pending",
}
EMPTY: dict[str, Any] = dict.fromkeys(_COUNTS, 0) | {"orders": []}


@app.command("sync-orders")
def sync_orders(
    context: typer.Context,
    order: Annotated[
        list[str] | None, typer.Option(help="Only this order (its code); may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Send at most this many.")] = None,
    allow_first_run: Annotated[
        bool, typer.Option(help="Send although nothing was ever sent and many orders wait.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Send paid orders to VeraCore, each exactly once."""
    from veracore_sync.cli.perform import Job, perform
    from veracore_sync.jobs.kernel import RunOptions

    options = RunOptions(
        only=tuple(order or ()), limit=limit, allow_first_run=allow_first_run, dry_run=dry_run
    )
    job = Job("sync-orders", "orders", record=not dry_run, read_only=dry_run, empty=EMPTY)
    perform(job, context.obj, as_json, lambda parts: send(parts, options))


def send(parts: Container, options: RunOptions) -> Report:
    """One run between the parts of a command; what ended it is in the report."""
    from veracore_sync.cli.perform import Report
    from veracore_sync.jobs.orders.report import OrdersReport
    from veracore_sync.jobs.orders.run import OrdersRun

    parts.bind()
    report = OrdersRun(parts.context(OrdersReport(), options)).try_run()
    document = orders_document(report, parts.ledger)
    counts = {name: document[name] for name in _COUNTS}
    return Report(
        document=document,
        summary=counts,
        news=report.needs_person,
        error=report.stopped_by,
        show=lambda: show(report, counts),
        asked_for=report.plan is not None,
    )


def orders_document(report: OrdersReport, ledger: Ledger) -> dict[str, Any]:
    """The ``--json`` document of a run (docs/json.md)."""
    from veracore_sync.jobs.stats import order_document

    rows = ledger.orders.held(list(report.outcomes))
    document: dict[str, Any] = {name: report.count(kind) for name, kind in _COUNTS.items()}
    document["orders"] = [order_document(rows[code]) for code in report.outcomes if code in rows]
    if report.notices:
        document["notes"] = list(report.notices)
    if report.plan is not None:
        document["plan"] = [_action_document(action) for action in report.plan]
    return document


def _action_document(action: Action) -> dict[str, Any]:
    from veracore_sync.jobs.orders.plan import HoldOrder, ParkOrder, SubmitOrder

    if isinstance(action, SubmitOrder):
        return {
            "action": "submit",
            "vendureOrderCode": action.code,
            "veracoreOrderId": action.order.id,
            "lookUpFirst": action.look_up_first,
            "lines": [{"sku": one.sku, "quantity": one.quantity} for one in action.order.lines],
            "warnings": list(action.warnings),
        }
    if isinstance(action, ParkOrder):
        return {
            "action": "park",
            "vendureOrderCode": action.code,
            "errorClass": str(action.trouble.category),
            "reason": action.trouble.message,
        }
    verb = "hold" if isinstance(action, HoldOrder) else "skip"
    return {"action": verb, "vendureOrderCode": action.code, "reason": action.reason}


def show(report: OrdersReport, counts: dict[str, int]) -> None:
    """The run as a person reads it."""
    for notice in report.notices:
        say(notice)
    if report.plan is not None:
        _show_plan(report.plan)
        return
    if report.outcomes:
        table(["order", "outcome"], report.outcomes.items())
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(told or "nothing to do")


def _show_plan(plan: list[Action]) -> None:
    if not plan:
        say("nothing would be sent")
        return
    rows = []
    for action in plan:
        document = _action_document(action)
        lines = document.get("lines", ())
        units = ", ".join(f"{line['quantity']} x {line['sku']}" for line in lines)
        if document.get("lookUpFirst"):
            units += " (looked up first)"
        rows.append((document["action"], action.code, document.get("reason") or units))
    table(["action", "order", "what"], rows)
