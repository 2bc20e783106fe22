"""``config show``: every setting, its value and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from veracore_sync.cli.app import config_app
from veracore_sync.cli.output import say, table, warn

if TYPE_CHECKING:
    from veracore_sync.cli.perform import Report
    from veracore_sync.composition.container import Container


@config_app.command("show")
def config_show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show each setting with its origin; secrets are masked."""
    from veracore_sync.cli.perform import Job, perform

    perform(Job("config show", read_only=True), context.obj, as_json, _work)


def _work(parts: Container) -> Report:
    from veracore_sync.cli.perform import Report
    from veracore_sync.config import rows

    found = rows(parts.loaded)
    path = str(parts.loaded.path) if parts.loaded.path else None

    def show() -> None:
        say(f"configuration file: {path or 'none; defaults and environment alone'}")
        table(["setting", "value", "origin"], found)
        for warning in parts.loaded.warnings:
            warn(f"veracore-sync: {warning}")

    return Report(
        {
            "path": path,
            "settings": [
                {"key": key, "value": value, "origin": origin} for key, value, origin in found
            ],
            "warnings": list(parts.loaded.warnings),
        },
        show=show,
        asked_for=True,
    )
