"""``config show``: every setting with its value and origin. ``config validate``: is it right.

Neither opens the ledger or connects to anything.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.cli.output import say, table, warn
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config import rows
from veracore_sync.config.absent import absent, is_absent
from veracore_sync.config.given import TO_CORRECT, fault
from veracore_sync.config.lines import with_lines
from veracore_sync.domain.errors import ConfigError

config_app = typer.Typer(
    help="Show the configuration, or check it.", no_args_is_help=True, rich_markup_mode=None
)


@config_app.command("show")
def config_show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show each setting with its value and origin; secrets are masked."""
    job = Job("config show", read_only=True, without_settings=True)
    run_command(job, context.obj, as_json, _show)


@config_app.command("validate")
def config_validate(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The file, or a folder of several. Default: what every command would read.",
            metavar="FILE",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check a configuration file: no connection is made and no ledger is opened.

    Every fault is named with its key and its line. What the environment sets counts too, as for
    every command.
    """
    options = context.obj if file is None else replace(context.obj, config=file)
    job = Job("config validate", read_only=True, empty={"path": None, "valid": False})
    run_command(job, options, as_json, _validate)


def _validate(container: Container) -> CommandReport:
    loaded = container.loaded
    where = str(loaded.path) if loaded.path else None
    report = CommandReport(
        {"path": where, "valid": True, "warnings": list(loaded.warnings)}, asked_for=True
    )
    try:
        if loaded.unusable:
            raise fault(loaded.unusable.values())
        container.require("vendure", "veracore")
    except ConfigError as error:
        # Both kinds at once: who corrects a file wants to do it once.
        missing = [*error.problems, *_missing(container)] if loaded.unusable else error.problems
        report.error = fault(dict.fromkeys(with_lines(missing)), hint=TO_CORRECT)
        report.document["valid"] = False

    def show() -> None:
        if report.error is None:
            say(f"{where or 'the environment'} is right")
        for warning in loaded.warnings:
            warn(f"veracore-sync: {warning}")

    report.show = show
    return report


def _missing(container: Container) -> tuple[str, ...]:
    try:
        container.require("vendure", "veracore")
    except ConfigError as error:
        return error.problems
    return ()


def _show(container: Container) -> CommandReport:
    found = rows(container.loaded)
    path = str(container.loaded.path) if container.loaded.path else None

    def show() -> None:
        say(f"configuration file: {path or 'none; only defaults and environment variables'}")
        table(["setting", "value", "origin"], found)
        for warning in container.loaded.warnings:
            warn(f"veracore-sync: {warning}")

    unusable = container.loaded.unusable
    error = fault(with_lines(unusable.values())) if unusable else None
    return CommandReport(
        {
            "path": path,
            "settings": [
                {"key": key, "value": value, "origin": origin} for key, value, origin in found
            ],
            "warnings": list(container.loaded.warnings),
        },
        error=absent(os.environ) if is_absent(container.loaded) else error,
        show=show,
        asked_for=True,
    )
