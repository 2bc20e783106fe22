"""``sync-inventory``: set the shop's stock from the warehouse's."""

from __future__ import annotations

from typing import Annotated

import typer


def sync_inventory(
    context: typer.Context,
    sku: Annotated[
        list[str] | None, typer.Option(help="Sync only this SKU. Repeatable.", metavar="SKU")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Rewrite unchanged levels too; ignore an open circuit breaker."
        ),
    ] = False,
    allow_mass_change: Annotated[
        bool,
        typer.Option(
            "--allow-mass-change", help="Write however many SKUs change, also on a first run."
        ),
    ] = False,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Read the shop's whole catalogue, not only what may have changed."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Set the shop's stock to what VeraCore has available."""
    # Brings the job: its help does without.
    from veracore_sync.cli.run_inventory import run

    run(
        context.obj,
        as_json,
        only=tuple(sku or ()),
        force=force,
        allow_mass_change=allow_mass_change,
        full=full,
        dry_run=dry_run,
    )
