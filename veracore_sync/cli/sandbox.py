"""``sandbox``: the VeraCore simulator, for tests and rehearsals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli import signals
from veracore_sync.cli.journal import ERROR, INFO
from veracore_sync.cli.output import error_lines, warn
from veracore_sync.domain.errors import SyncError
from veracore_sync.sandbox.like import read_tenant, told
from veracore_sync.sandbox.server import serve


def sandbox(
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port on 127.0.0.1; 0 picks a free one.", metavar="PORT"
        ),
    ] = 8780,
    state: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps the simulator's state. Default: memory only.", metavar="PATH"
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse SKUs that were not added to the simulator's stock."),
    ] = False,
    like: Annotated[
        Path | None,
        typer.Option(
            help="A file of `veracore-sync probe`: answer as that VeraCore does.", metavar="FILE"
        ),
    ] = None,
) -> None:
    """Run a VeraCore simulator until stopped.

    It speaks both dialects on one port, and any SOAP client can start from
    http://127.0.0.1:PORT/pmomsws/oms.asmx?wsdl (or order.asmx). User, secret and client id are
    "sandbox", the system is SANDBOX. The control interface is JSON under /_sandbox/; see
    docs/sandbox.md.
    """
    signals.let_go()
    behaviour = _taken_over(like) if like is not None else None
    try:
        serve(port, state, strict, behaviour)
    except OSError as error:
        warn(f"veracore-sync: cannot listen on 127.0.0.1:{port}: {error.strerror or error}")
        warn("  choose another --port, or stop the process that uses this one")
        raise typer.Exit(74) from error


def _taken_over(path: Path) -> dict[str, Any]:
    try:
        behaviour, not_shown = read_tenant(path)
    except SyncError as error:
        for line in error_lines(error):
            warn(line, ERROR)
        raise typer.Exit(error.exit_code) from error
    for line in told(path, behaviour, not_shown):
        warn(line, INFO)
    return behaviour
