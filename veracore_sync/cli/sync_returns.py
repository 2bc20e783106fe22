"""``sync-returns``: report goods that came back."""

from __future__ import annotations

from typing import Annotated

import typer


def sync_returns(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the plan; change nothing anywhere.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Report goods that came back to VeraCore.

    Nothing is refunded, and no stock is changed.
    """
    # Brings the job: its help does without.
    from veracore_sync.cli.run_returns import run

    run(context.obj, as_json, dry_run=dry_run)
