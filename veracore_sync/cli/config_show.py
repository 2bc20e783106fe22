"""``config show``: every setting with its value and origin."""

from __future__ import annotations

from typing import Annotated

import typer

from veracore_sync.cli.output import say, table, warn
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config import rows
from veracore_sync.config.given import fault

config_app = typer.Typer(
    help="Show the configuration.", no_args_is_help=True, rich_markup_mode=None
)


@config_app.command("show")
def config_show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show each setting with its value and origin; secrets are masked."""
    run_command(Job("config show", read_only=True), context.obj, as_json, _work)


def _work(container: Container) -> CommandReport:
    found = rows(container.loaded)
    path = str(container.loaded.path) if container.loaded.path else None

    def show() -> None:
        say(f"configuration file: {path or 'none; only defaults and environment variables'}")
        table(["setting", "value", "origin"], found)
        for warning in container.loaded.warnings:
            warn(f"veracore-sync: {warning}")

    return CommandReport(
        {
            "path": path,
            "settings": [
                {"key": key, "value": value, "origin": origin} for key, value, origin in found
            ],
            "warnings": list(container.loaded.warnings),
        },
        error=fault(container.loaded.unusable.values()) if container.loaded.unusable else None,
        show=show,
        asked_for=True,
    )
