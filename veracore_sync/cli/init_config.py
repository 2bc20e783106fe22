"""``init``: ask for the required settings, write or correct a configuration, check it."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli.advice import advised, remember
from veracore_sync.cli.doctor import run_checks
from veracore_sync.cli.doctor_lines import say_wrapped
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.init_files import (
    change,
    found_at,
    is_there,
    settings_of_a_new_file,
    write_new,
)
from veracore_sync.cli.init_questions import Standing, answers
from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import names_a_folder, run_standalone
from veracore_sync.cli.settings import load_settings
from veracore_sync.clock import SystemClock
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.config.file import SYSTEM_FILE, VARIABLE, places
from veracore_sync.domain.errors import UsageError
from veracore_sync.files import expanded

NEXT = "veracore-sync sync-orders --dry-run"
_UNITS_USER = "veracore-sync"
_SWITCHES = ("vendure.allow_http", "veracore.allow_http")


def init_config(
    context: typer.Context,
    vendure_url: Annotated[
        str,
        typer.Option(help="Address of Vendure's Admin API, ending in /admin-api.", metavar="URL"),
    ] = "",
    vendure_username: Annotated[
        str, typer.Option(help="Vendure administrator to log in as.", metavar="NAME")
    ] = "",
    password_file: Annotated[
        Path | None, typer.Option(help="File with that administrator's password.", metavar="PATH")
    ] = None,
    veracore_url: Annotated[
        str, typer.Option(help="Base address of VeraCore.", metavar="URL")
    ] = "",
    veracore_client_id: Annotated[
        str, typer.Option(help="OAuth client id (rest) or web service user (oms).", metavar="ID")
    ] = "",
    client_secret_file: Annotated[
        Path | None,
        typer.Option(help="File with that client's secret or user's password.", metavar="PATH"),
    ] = None,
    company_id: Annotated[
        str, typer.Option(help="Company id (rest) or system id (oms).", metavar="ID")
    ] = "",
    allow_http: Annotated[
        bool,
        typer.Option("--allow-http", help="Accept http:// addresses of other machines."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write a new configuration over the one there.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only write the files; test no connection.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write or correct the configuration and test both connections.

    The file is the one that --config names, else veracore-sync/config.toml in the user's
    configuration folder. A setting that no option gives is asked for on the terminal. Of a file
    that is there the values are proposed, and only what is typed or given is changed.
    """
    given: dict[str, str | Path | None] = {
        "vendure.admin_api_url": vendure_url,
        "vendure.username": vendure_username,
        "vendure.password": password_file,
        "veracore.api_url": veracore_url,
        "veracore.client_id": veracore_client_id,
        "veracore.client_secret": client_secret_file,
        "veracore.company_id": company_id,
    }
    switches = _SWITCHES if allow_http else ()
    run_standalone(
        as_json, lambda: _work(context.obj, given, switches, force=force, offline=offline)
    )


def _work(
    options: Globals,
    given: Mapping[str, str | Path | None],
    switches: Sequence[str],
    *,
    force: bool,
    offline: bool,
) -> CommandReport:
    remember(options)
    path = _wanted(options)
    standing = Standing() if force else found_at(path)
    is_new = force or not is_there(path)
    allowed = {*switches, *(one for one in _SWITCHES if standing.value(one) is True)}
    answered = answers(given, standing, sorted(allowed))
    if is_new:
        now = SystemClock().now().replace(microsecond=0)
        settings = settings_of_a_new_file(path, os.environ, switches, now)
        written = write_new(path, answered, standing, settings, force=force)
    else:
        written = change(path, answered, standing, switches)
    return _looked_at(options, path, written, offline=offline)


def _wanted(options: Globals) -> Path:
    """The file to write: where every command will find it."""
    if names_a_folder(options):
        raise UsageError("`init` writes one shop's file", hint="name it: --config FOLDER/NAME.toml")
    named = options.config or os.environ.get(VARIABLE)
    return expanded(Path(named or next(places(os.environ)))).absolute()


def _who_runs_it(path: Path) -> str:
    """What a command begins with that the units' user has to run: the ledger is theirs."""
    if not path.is_relative_to(SYSTEM_FILE.parent):
        return ""
    try:
        user = pwd.getpwnam(_UNITS_USER)
    except KeyError:
        return ""
    return "" if user.pw_uid == os.geteuid() else f"sudo -u {_UNITS_USER} "


def _looked_at(
    options: Globals, path: Path, written: list[Path], *, offline: bool
) -> CommandReport:
    """Load the file as every command will, and test both connections."""
    options_given = Globals(path, options.log_level, options.log_format)
    container = Container(load_settings(options_given), read_only=True, force=True)
    first = f"{_who_runs_it(path)}{NEXT}"
    try:
        report = (
            CommandReport({}) if offline else run_checks(container, unless_it_fails=f"`{first}`")
        )
    finally:
        container.close()
    moment = container.settings.orders.not_before
    not_before = moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
    next_command = advised(f"`{first}`").strip("`")
    document: dict[str, Any] = {
        "path": str(path),
        "files": [str(file) for file in written],
        "notBefore": not_before,
        "findings": [],
        "next": next_command,
    }

    def show() -> None:
        say(f"wrote {', '.join(map(str, written))}" if written else f"{path} stays as it is")
        if not_before:
            say(f"orders placed before {not_before} are never sent (orders.not_before)")
        if report.show:
            report.show()
        if report.code:
            say_wrapped(
                "the file is written: correct what failed with `veracore-sync init`, which "
                "proposes what is there, or by hand and `veracore-sync doctor`"
            )
        elif offline:
            say_wrapped(f"next: `{next_command}`")

    return CommandReport(document | report.document, show=show, asked_for=True, code=report.code)
