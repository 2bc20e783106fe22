"""``sync-tracking``: record shipments as fulfilments with tracking."""

from __future__ import annotations

from typing import Annotated

import typer


def sync_tracking(
    context: typer.Context,
    order: Annotated[
        list[str] | None,
        typer.Option(help="Look up only this order, by code or id. Repeatable.", metavar="CODE"),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Look up every open order; ignore an open circuit breaker.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Record VeraCore's shipments as fulfilments in the shop."""
    # Brings the job: its help does without.
    from veracore_sync.cli.run_tracking import run

    run(context.obj, as_json, only=tuple(order or ()), force=force, dry_run=dry_run)
