"""The program: the global options and the lookup of a command's module."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from veracore_sync import __version__, streams
from veracore_sync.cli import advice, messages
from veracore_sync.cli.commands import COMMANDS, load_command
from veracore_sync.cli.globals import Globals


class CommandGroup(TyperGroup):
    """Lists every command, but imports only the one that runs."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.summary))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program; for a machine, what is wrong is one JSON object a line."""
        typed = sys.argv[1:] if args is None else args
        messages.from_command_line(typed, os.environ)
        if standalone_mode and messages.is_json():
            sys.exit(
                messages.in_json(
                    lambda: super(CommandGroup, self).main(
                        args, prog_name, complete_var, False, windows_expand_args, **extra
                    )
                )
            )
        return super().main(
            args, prog_name, complete_var, standalone_mode, windows_expand_args, **extra
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that was typed, to run it or to complete its options in a shell."""
        if args[0] in COMMANDS:
            self.add_command(load_command(args[0]), args[0])
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="veracore-sync",
    cls=CommandGroup,
    help="Carries paid orders of a Vendure shop to a VeraCore warehouse exactly once, "
    "and stock and tracking back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=True,
)


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
            help="Configuration file, or a folder of them, one a shop. Default: the first of "
            "$VERACORE_SYNC_CONFIG, ~/.config/veracore-sync/config.toml and "
            "/etc/veracore-sync/config.toml.",
            metavar="PATH",
        ),
    ] = None,
    every_shop: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Run for every shop of a folder. Default: ~/.config/veracore-sync/shops or "
            "/etc/veracore-sync/shops.",
        ),
    ] = False,
    log_level: Annotated[
        str | None,
        typer.Option(
            help="Least severe messages on stderr: debug, info, warning or error.", metavar="LEVEL"
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="Format of the messages: text or json.", metavar="FORMAT")
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Keep the global options for the command that follows."""
    context.obj = Globals(config, log_level, log_format, every_shop)
    advice.remember(context.obj)


def run() -> None:
    """Parse the command line and run one command."""
    try:
        app()
    except SystemExit as end:
        if isinstance(end.code, int | None):
            end.code = streams.exit_code(end.code or 0, messages.write)
        raise
