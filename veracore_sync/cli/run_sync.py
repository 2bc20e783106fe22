"""How the commands that timers start do their work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.jobs.kernel import RunOptions


def run_sync(
    program: Globals,
    as_json: bool,
    name: str,
    options: RunOptions,
    work: Callable[..., CommandReport],
    empty: dict[str, Any],
) -> None:
    """Do it, and leave the process with its exit code.

    Args:
        program: The options before the command.
        as_json: Print one document.
        name: The job, and the command without ``sync-``.
        options: What is asked for.
        work: Takes the container, the options, and as `progress` how far it is.
        empty: The document of a run that did not begin.

    Raises:
        typer.Exit: Always, with the exit code.
    """

    def in_sight(container: Container) -> CommandReport:
        with shown(quiet=as_json) as progress:
            return work(container, options, progress=progress)

    job = Job(
        f"sync-{name}",
        name,
        record=not options.dry_run,
        read_only=options.dry_run,
        creates=True,
        force=options.force,
        empty=empty,
        one_shop=bool(options.only),
    )
    run_command(job, program, as_json, in_sight)
