"""The program: the global options and the lookup of a command's module."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from veracore_sync import __version__, streams
from veracore_sync.cli import advice, messages
from veracore_sync.cli.commands import COMMANDS, load_command
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.shared_options import add_shared, checked


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

    def make_context(self, *given: Any, **named: Any) -> Any:
        """Parse the options before the command."""
        if named.get("resilient_parsing"):
            _complete_values(self)
        with _explained():
            return super().make_context(*given, **named)

    def invoke(self, ctx: Any) -> Any:
        """Parse the rest, and run the command."""
        with _explained():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that was typed, to run it or to complete its options in a shell."""
        given = ctx.params.get("config")
        every_shop = bool(ctx.params.get("every_shop"))
        # Also for what is said of a command that there is not.
        advice.remember(Globals(Path(given) if given else None, every_shop=every_shop))
        if args[0] in COMMANDS:
            command = load_command(args[0])
            add_shared(command, self.params)
            if ctx.resilient_parsing:
                _complete_values(command)
            self.add_command(command, args[0])
        return super().resolve_command(ctx, args)


def _complete_values(command: Any) -> None:
    # Only a shell that completes needs it.
    from veracore_sync.cli.completion import add_values

    add_values(command)


@contextmanager
def _explained() -> Iterator[None]:
    """Let an error of the parser say what is wrong in words of this program."""
    try:
        yield
    except typer.TyperException as error:
        # Brings the words about mistakes: a line without any does without.
        from veracore_sync.cli.usage_errors import explain

        explain(error)
        raise


app = typer.Typer(
    name="veracore-sync",
    cls=CommandGroup,
    help="Carries paid orders of a Vendure shop to a VeraCore warehouse exactly once, "
    "and stock and tracking back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=True,
    add_help_option=False,
    suggest_commands=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"veracore-sync {__version__}\n")
        raise typer.Exit


def _print_help(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        # Runs of a command do without it.
        from veracore_sync.cli.help_page import page_of, text_of, width_here

        sys.stdout.write(text_of(page_of(context), width_here()))
        raise typer.Exit


def _named(text: str) -> Path:
    # What a script leaves empty would be the folder here, or the default: another shop's.
    if not text:
        raise typer.BadParameter("it is empty; name a file or a folder")
    return Path(text)


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
            parser=_named,
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
    quiet: Annotated[
        bool,
        typer.Option(
            "-q",
            "--quiet",
            help="Print errors and what was asked for only: no progress, no summary of a run.",
        ),
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            help="Print messages of level info, also off a terminal; -vv: of level debug.",
        ),
    ] = 0,
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
    help_wanted: Annotated[
        bool,
        typer.Option(
            "-h", "--help", callback=_print_help, is_eager=True, help="Show this help and exit."
        ),
    ] = False,
) -> None:
    """Keep the global options for the command that follows."""
    context.obj = checked(
        Globals(config, log_level, log_format, every_shop=every_shop, verbose=verbose, quiet=quiet)
    )


def run() -> None:
    """Parse the command line and run one command."""
    try:
        app()
    except SystemExit as end:
        if isinstance(end.code, int | None):
            end.code = streams.exit_code(end.code or 0, messages.write)
        raise
