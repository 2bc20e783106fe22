"""``sandbox``: the VeraCore simulator, for tests and a merchant's rehearsal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.cli import signals
from veracore_sync.cli.output import warn
from veracore_sync.sandbox.server import serve


def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 8780,
    state: Annotated[
        Path | None, typer.Option(help="File that keeps what the simulator knows.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Only SKUs put in through its stock exist.")
    ] = False,
) -> None:
    """Run a VeraCore simulator, in both dialects on one port, until it is stopped."""
    signals.let_go()
    try:
        serve(port, state, strict)
    except OSError as error:
        warn(f"veracore-sync: cannot listen on 127.0.0.1:{port}: {error.strerror or error}")
        warn("  choose another --port, or stop what listens there")
        raise typer.Exit(74) from error
