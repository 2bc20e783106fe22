"""``sync-orders``: send paid orders, each exactly once."""

from __future__ import annotations

from typing import Annotated

import typer


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
    # Brings the job: its help does without.
    from veracore_sync.cli.run_orders import run

    run(
        context.obj,
        as_json,
        only=tuple(order or ()),
        limit=limit,
        allow_first_run=allow_first_run,
        dry_run=dry_run,
    )
