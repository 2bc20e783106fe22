"""The commands by name, and the options that stand before them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync import __version__
from veracore_sync.cli.globals import Globals

app = typer.Typer(
    name="veracore-sync",
    help="Carries paid orders of a Vendure shop to a VeraCore warehouse exactly once, "
    "and stock and tracking back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=True,
)
config_app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"veracore-sync {__version__}\n")
        raise typer.Exit


@app.callback()
def before(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Configuration file; else $VERACORE_SYNC_CONFIG, ./config.toml, XDG, /etc."
        ),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error; on stderr.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """Options that every command knows."""
    context.obj = Globals(config=config, log_level=log_level, log_format=log_format)


def run() -> None:
    """Parse the command line and run one command."""
    from veracore_sync.cli import commands

    commands.register()
    app()
