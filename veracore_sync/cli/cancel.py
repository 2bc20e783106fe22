"""``cancel``: have VeraCore cancel orders."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition import decisions
from veracore_sync.composition.container import Container
from veracore_sync.composition.decisions import NOTHING_CANCELLED
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.jobs.cancel.command import plan

_WOULD = {
    "ask": "VeraCore would be asked to cancel it",
    "look up": "it would be looked up, and VeraCore asked if it has it",
    "withdraw": "it would be withdrawn, and never sent",
    "nothing": "nothing to do",
    "refuse": "it would not be cancelled",
}


def cancel(
    context: typer.Context,
    orders: Annotated[list[str], typer.Argument(metavar="ORDER", help="Code or id of an order.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would be done; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask VeraCore to cancel orders.

    Look-ups show whether it did; the next runs of sync-orders make them. The shop is not changed.
    """
    job = Job(
        "cancel",
        "orders",
        record=not dry_run,
        read_only=dry_run,
        empty=NOTHING_CANCELLED,
        one_shop=True,
    )

    def work(container: Container) -> CommandReport:
        if dry_run:
            return _planned(container, orders)
        with shown(quiet=as_json) as progress:
            return decisions.cancel(container, orders, lambda lines: say(*lines), progress)

    run_command(job, context.obj, as_json, work)


def _planned(container: Container, names: list[str]) -> CommandReport:
    steps = plan(container.ledger, names, can_cancel=container.warehouse.capabilities.can_cancel)
    lines = [f"{one.row.code}: {_WOULD[one.deed]} ({one.reason})" for one in steps]
    document = NOTHING_CANCELLED | {"plan": [one.document() for one in steps]}
    return CommandReport(document, show=lambda: say(*lines), asked_for=True)
