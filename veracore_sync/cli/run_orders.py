"""The work of ``sync-orders``, and how a person reads it."""

from __future__ import annotations

from functools import partial
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import on_terminal, say, table
from veracore_sync.cli.reasons import say_notices, say_reasons
from veracore_sync.cli.run_sync import run_sync
from veracore_sync.composition.orders import sync_orders
from veracore_sync.domain.advice import command
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.document import ORDER_COUNTS
from veracore_sync.jobs.orders.plan import SubmitOrder
from veracore_sync.jobs.orders.report import OrdersReport

EMPTY: dict[str, Any] = dict.fromkeys(ORDER_COUNTS, 0) | {"orders": [], "reasons": []}


def run(
    program: Globals,
    as_json: bool,
    *,
    only: tuple[str, ...],
    limit: int | None,
    allow_first_run: bool,
    dry_run: bool,
) -> None:
    """Do it; see `RunOptions` and `run_sync`."""
    options = RunOptions(
        only=only,
        limit=limit,
        allow_first_run=allow_first_run,
        dry_run=dry_run,
        is_read=on_terminal(),
    )
    run_sync(program, as_json, "orders", options, partial(sync_orders, show=show), EMPTY)


def show(report: OrdersReport) -> None:
    """The run as a person reads it."""
    say_notices(report)
    submits = [one for one in report.plan or () if isinstance(one, SubmitOrder)]
    if submits:
        table(["order", "would be sent"], [(one.code, _units(one)) for one in submits])
    # An order of the table has had its line.
    shown = {one.code for one in submits}
    say_reasons(one for one in report.reasons if not shown.issuperset(one.names))
    if report.plan is not None:
        say(_would(submits))
    elif not report.reasons and report.stopped_by is None:
        say("nothing to do: no order waits to be sent")


def _units(action: SubmitOrder) -> str:
    units = ", ".join(f"{line.quantity} x {line.sku}" for line in action.order.lines)
    first = " (looked up first)" if action.look_up_first else ""
    return units + first + "".join(f"; warning: {one}" for one in action.warnings)


def _would(submits: list[SubmitOrder]) -> str:
    if not submits:
        return "nothing would be sent"
    if len(submits) > 1:
        return f"{len(submits):,} orders would be sent"
    sends = command("sync-orders --order CODE", CODE=submits[0].code)
    return f"1 order would be sent; {sends} sends it"
