"""``sync-orders``: send paid orders, each exactly once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say, table
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import syncs
from veracore_sync.composition.locked_run import Job
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.document import ORDER_COUNTS, action_document
from veracore_sync.jobs.orders.plan import Action
from veracore_sync.jobs.orders.report import OrdersReport

EMPTY: dict[str, Any] = dict.fromkeys(ORDER_COUNTS, 0) | {"orders": []}


def sync_orders(
    context: typer.Context,
    order: Annotated[
        list[str] | None,
        typer.Option(help="Send only the order with this code. Repeatable.", metavar="CODE"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Send at most this many orders.", metavar="N")
    ] = None,
    allow_first_run: Annotated[
        bool, typer.Option(help="Send even if nothing was ever sent and many orders wait.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Send paid orders to VeraCore, each exactly once."""
    options = RunOptions(
        only=tuple(order or ()), limit=limit, allow_first_run=allow_first_run, dry_run=dry_run
    )
    job = Job("sync-orders", "orders", record=not dry_run, read_only=dry_run, empty=EMPTY)
    run_command(
        job, context.obj, as_json, lambda container: syncs.sync_orders(container, options, show)
    )


def show(report: OrdersReport) -> None:
    """Write the report as text."""
    for notice in report.notices:
        say(notice)
    if report.plan is not None:
        _show_plan(report.plan)
        return
    if report.outcomes:
        table(["order", "outcome"], report.outcomes.items())
    counts = {name: report.count(kind) for name, kind in ORDER_COUNTS.items()}
    summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(summary or "nothing to do")


def _show_plan(plan: list[Action]) -> None:
    if not plan:
        say("nothing would be sent")
        return
    rows = []
    for action in plan:
        document = action_document(action)
        lines = document.get("lines", ())
        units = ", ".join(f"{line['quantity']} x {line['sku']}" for line in lines)
        if document.get("lookUpFirst"):
            units += " (looked up first)"
        rows.append((document["action"], action.code, document.get("reason") or units))
    table(["action", "order", "what"], rows)
