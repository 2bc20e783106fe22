"""The program with every command's module imported, to look at its commands and options."""

from __future__ import annotations

from typing import Any

import typer

from veracore_sync.cli.app import app
from veracore_sync.cli.commands import COMMANDS, load_command


def whole_program() -> Any:
    """The group of all commands; its ``commands`` are by name."""
    group: Any = typer.main.get_command(app)
    for name in COMMANDS:
        group.add_command(load_command(name), name)
    return group
