"""``sandbox``: the VeraCore simulator, for tests and rehearsals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli import signals
from veracore_sync.cli.journal import ERROR, INFO
from veracore_sync.cli.output import error_lines, warn
from veracore_sync.domain.errors import SyncError
from veracore_sync.sandbox.like import description_of, read_tenant
from veracore_sync.sandbox.server import serve
from veracore_sync.sandbox.shop import SmallShop


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
    with_shop: Annotated[
        bool,
        typer.Option(
            "--shop",
            help="Run a small shop beside it, on the next port: a customer pays each half minute.",
        ),
    ] = False,
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
        shop_port = (port + 1 if port else 0) if with_shop else None
        serve(port, state, strict, behaviour, shop_port, _tell_how_to_try)
    except OSError as error:
        ports = f"{port} and {port + 1}" if with_shop and port else str(port)
        warn(f"veracore-sync: cannot listen on 127.0.0.1:{ports}: {error.strerror or error}")
        warn("  choose another --port, or stop the process that uses this one")
        raise typer.Exit(74) from error


def _tell_how_to_try(url: str, shop: SmallShop) -> None:
    for line in (
        "to try it: `veracore-sync init --config trial.toml` in another terminal, with",
        f"  Vendure   {shop.admin_url}, user {shop.username}, password {shop.password}",
        f"  VeraCore  {url}, user sandbox, password sandbox, system SANDBOX",
        "a customer pays each half minute; what was paid before `init` is left alone",
    ):
        warn(line, INFO)


def _taken_over(path: Path) -> dict[str, Any]:
    try:
        behaviour, not_shown = read_tenant(path)
    except SyncError as error:
        for line in error_lines(error):
            warn(line, ERROR)
        raise typer.Exit(error.exit_code) from error
    for line in description_of(path, behaviour, not_shown):
        warn(line, INFO)
    return behaviour
