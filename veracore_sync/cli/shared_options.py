"""The global options behind a command's name: the same options, added to every command."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import typer

from veracore_sync.cli import advice
from veracore_sync.cli.globals import Globals

OF_THE_PROGRAM = frozenset({"install_completion", "show_completion"})
"""Options that no command has."""


def add_shared(command: Any, options: Sequence[Any]) -> None:
    """Give a command and those inside it the options of the program.

    Args:
        command: Of typer; a group or a command.
        options: The program's. One whose name the command uses itself is left out: there it goes
            before the command.
    """
    command.add_help_option = False
    own = {name for one in command.params for name in one.opts}
    for one in options:
        if one.name in OF_THE_PROGRAM or not own.isdisjoint(one.opts):
            continue
        shared = copy(one)
        # Kept with those before the command; the command's own function does not get it.
        shared.expose_value = False
        if not one.is_eager:
            shared.callback = _keep
        command.params.append(shared)
    for inside in getattr(command, "commands", {}).values():
        add_shared(inside, options)


def _keep(context: Any, option: Any, value: Any) -> None:
    if not value:
        return
    before = context.obj if isinstance(context.obj, Globals) else Globals()
    if option.count:
        value += getattr(before, option.name)
    context.obj = checked(replace(before, **{option.name: value}))
    advice.remember(context.obj)


def checked(options: Globals) -> Globals:
    """The options, if they go together.

    Raises:
        typer.BadParameter: They do not.
    """
    if options.quiet and options.verbose:
        raise typer.BadParameter("-q and -v exclude each other")
    return options
