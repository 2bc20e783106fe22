"""The work of ``sync-orders``, and how a person reads it."""

from __future__ import annotations

from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import orders
from veracore_sync.composition.locked_run import Job
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.document import ORDER_COUNTS, action_document
from veracore_sync.jobs.orders.plan import Action
from veracore_sync.jobs.orders.report import OrdersReport

EMPTY: dict[str, Any] = dict.fromkeys(ORDER_COUNTS, 0) | {"orders": []}


def run(
    program: Globals,
    as_json: bool,
    *,
    only: tuple[str, ...],
    limit: int | None,
    allow_first_run: bool,
    dry_run: bool,
) -> None:
    """Do it, and leave the process with its exit code; what is asked for is as in `RunOptions`.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    options = RunOptions(only=only, limit=limit, allow_first_run=allow_first_run, dry_run=dry_run)
    job = Job(
        "sync-orders",
        "orders",
        record=not dry_run,
        read_only=dry_run,
        creates=True,
        empty=EMPTY,
        one_shop=bool(only),
    )
    run_command(job, program, as_json, partial(orders.sync_orders, options=options, show=show))


def show(report: OrdersReport) -> None:
    """The run as a person reads it."""
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
