"""``reconcile``: what ledger, shop and warehouse disagree about."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

_TYPES = "TYPE[,TYPE]"


def reconcile(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Compare orders placed or ended since then (UTC), and all open ones.",
            show_default="reconcile.days before now",
        ),
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(
            "--order", metavar="ORDER", help="Only this order, by code or id; may be repeated."
        ),
    ] = None,
    types: Annotated[
        str, typer.Option("--type", metavar=_TYPES, help="Show only differences of these types.")
    ] = "",
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="REASON",
            help="Accept the difference of --type about --order or --name as it is; say why. The "
            "reason is stored, so it should not name a customer.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="With --accept or --apply: the SKU, or VeraCore's id of an order.",
        ),
    ] = None,
    apply: Annotated[
        str | None,
        typer.Option(
            "--apply",
            metavar=_TYPES,
            help="Repair the differences of these types; with --order or --name only those, and "
            "also what was accepted.",
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            "--max",
            min=1,
            metavar="N",
            help="With --apply: begin at most this many.",
            show_default="20",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            "-n",
            help="Compare, and store nothing; with --apply, show what would be done.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare ledger, shop and VeraCore, and show what they disagree about.

    Without --apply, neither side is changed. What differs is stored in the ledger, and alerted
    once.
    """
    # Brings the job: its help does without.
    from veracore_sync.cli.run_reconcile import run

    run(
        context.obj,
        as_json,
        since=since,
        orders=tuple(order or ()),
        types=types,
        accept=accept,
        name=name,
        apply=apply,
        most=most,
        dry_run=dry_run,
    )
