"""``timers``: the configured intervals for systemd or cron; checks the installed ones."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli.globals import INSTALLED_UNITS
from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import ConfigError, NeedsPerson, SyncError, UsageError
from veracore_sync.files import write_whole
from veracore_sync.jobs.timers import Timer, difference, instance_of, other_crontab
from veracore_sync.jobs.timers import timers as configured
from veracore_sync.trusted import Untrusted

_INSTANCE = re.compile(r"[A-Za-z0-9_.:@\\-]{0,200}")
"""The names of systemd's instances (systemd.unit(5))."""


def timers(
    context: typer.Context,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare with the installed units; exit 3 if they differ."),
    ] = False,
    crontab: Annotated[
        bool, typer.Option("--crontab", help="Print crontab lines instead of systemd drop-ins.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(help="Write the drop-ins into this directory of units.", metavar="DIR"),
    ] = None,
    systemd_dir: Annotated[
        Path, typer.Option(help="Directory of the installed units, for --check.", metavar="DIR")
    ] = INSTALLED_UNITS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Render the job intervals for systemd or cron.

    The interval_minutes of each job become systemd drop-ins, or crontab lines.
    """
    folder = systemd_dir if check else write or INSTALLED_UNITS

    def work(container: Container) -> CommandReport:
        _refuse_both(check=check, crontab=crontab, write=write is not None)
        return _work(container, folder, check=check, crontab=crontab, write=write is not None)

    run_command(Job("timers", read_only=True), context.obj, as_json, work)


def _refuse_both(**given: bool) -> None:
    named = [f"--{name}" for name, wanted in given.items() if wanted]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} exclude each other", hint="give one of them")


def _work(
    container: Container, folder: Path, *, check: bool, crontab: bool, write: bool
) -> CommandReport:
    shop = instance_of(container.loaded)
    if not crontab and not _INSTANCE.fullmatch(shop):
        raise ConfigError(
            f"systemd takes no unit of the shop {shop}",
            hint="name its file with at most 200 letters, digits and -_.:@ alone, or print lines "
            "for cron: `veracore-sync timers --crontab`",
        )
    found = configured(container.settings, shop)
    program = _program(container.loaded.path)
    differences = _differences(found, folder) if check else []
    if write:
        _write(found, folder)

    def show() -> None:
        for one in found:
            if crontab:
                say(f"# {one.setting} = {one.minutes}", *one.crontab(program).split("\n"))
            elif not check:
                say(f"# {folder / one.path}", *one.drop_in.split("\n"))
        if crontab:
            say("# docs/operate.md#units, docs/backups.md")
            say(*other_crontab(container.settings, program))
        if write:
            say("written; next: `sudo systemctl daemon-reload`")
        if check and not differences:
            say("the installed timers match the configuration")

    return CommandReport(
        {
            "timers": [_document(one, folder, program) for one in found],
            "differences": differences if check else None,
        },
        error=_difference_error(differences, folder),
        show=show,
        asked_for=True,
    )


def _document(timer: Timer, folder: Path, program: str) -> dict[str, Any]:
    return {
        "unit": timer.unit,
        "command": timer.job,
        "setting": timer.setting,
        "minutes": timer.minutes,
        "path": str(folder / timer.path),
        "text": timer.drop_in,
        "crontab": timer.crontab(program),
    }


def _program(config: Path | None) -> str:
    """The command line that starts this program with this configuration."""
    # Absolute paths: cron has neither our PATH nor our working directory.
    script = Path(sys.executable).with_name("veracore-sync")
    words = [str(script)] if script.exists() else [sys.executable, "-m", "veracore_sync"]
    if config is not None:
        words += ["--config", str(config)]
    return shlex.join(words)


def _differences(found: Sequence[Timer], folder: Path) -> list[str]:
    try:
        return [line for line in (difference(one, folder) for one in found) if line]
    except Untrusted as error:
        raise ConfigError(f"{error.filename} {error.reason}", hint=error.todo) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the units in {folder} cannot be read ({error})",
            hint="run the command as root, or name their directory with --systemd-dir",
        ) from error


_NOT_INSTALLED = " is not installed in "


def _difference_error(differences: list[str], folder: Path) -> SyncError | None:
    if not differences:
        return None
    if all(_NOT_INSTALLED in one for one in differences):
        return NeedsPerson(
            f"no timer of veracore-sync is installed in {folder}",
            hint="install the units (docs/operate.md#units); with cron nothing is compared: "
            "`veracore-sync timers --crontab` prints its lines",
        )
    return NeedsPerson(
        "the installed timers differ from the configuration: " + "; ".join(differences),
        hint=f"run `sudo veracore-sync timers --write {shlex.quote(str(folder))} && "
        "sudo systemctl daemon-reload`; "
        "mask a timer that you do not want",
    )


def _write(found: Sequence[Timer], folder: Path) -> None:
    try:
        for one in found:
            path = folder / one.path
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, one.drop_in)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written ({error.strerror})",
            hint="run the command as root, or name another directory with --write",
        ) from error
