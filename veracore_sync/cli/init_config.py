"""``init``: ask for the required settings, write a configuration, check it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli.doctor import run_checks
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, warn
from veracore_sync.cli.run_command import run_standalone
from veracore_sync.cli.settings import load_settings
from veracore_sync.clock import SystemClock
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.config import Flag, check
from veracore_sync.config.example import example
from veracore_sync.config.file import SYSTEM_FILE, VARIABLE, places
from veracore_sync.domain.errors import ConfigError, UsageError
from veracore_sync.files import expanded, write_whole
from veracore_sync.trusted import Untrusted, check_trusted

NEXT = "veracore-sync sync-orders --dry-run"


@dataclass(frozen=True, slots=True)
class Question:
    """A required setting.

    Args:
        key: The setting.
        flag: The option that sets it.
        text: The prompt.
        file: For a secret, the file beside the configuration that will contain it.
    """

    key: str
    flag: str
    text: str
    file: str = ""


# The files have the names of systemd's credentials, so that the units find them (systemd/).
QUESTIONS = (
    Question("vendure.admin_api_url", "--vendure-url", "Vendure: address of the Admin API"),
    Question("vendure.username", "--vendure-username", "Vendure: administrator's name"),
    Question("vendure.password", "--password-file", "Vendure: password", "vendure_password"),
    Question("veracore.api_url", "--veracore-url", "VeraCore: address of the API"),
    Question("veracore.client_id", "--veracore-client-id", "VeraCore: client id, or user"),
    Question(
        "veracore.client_secret",
        "--client-secret-file",
        "VeraCore: client secret, or the user's password",
        "veracore_client_secret",
    ),
    Question("veracore.company_id", "--company-id", "VeraCore: company id, or system id"),
)


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
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Only write the files; test no connection.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a commented configuration and test both connections.

    The file is the one that --config names, else veracore-sync/config.toml in the user's
    configuration folder. A setting that no option gives is asked for on the terminal.
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
    switches = ("vendure.allow_http", "veracore.allow_http") if allow_http else ()
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
    path = _wanted(options)
    asked_for = [path.parent / one.file for one in QUESTIONS if one.file and not given[one.key]]
    there = next((file for file in (path, *asked_for) if file.exists()), None)
    if there and not force:
        raise UsageError(
            f"{there} already exists",
            hint="overwrite it with --force, or name another file with --config before `init`",
        )
    answers = _answers(given, switches)
    not_before = SystemClock().now().replace(microsecond=0)
    written = _write(path, answers, switches, not_before, force=force)
    return _looked_at(options, path, written, not_before, offline=offline)


def _wanted(options: Globals) -> Path:
    """The file to write: where every command will find it."""
    named = options.config or os.environ.get(VARIABLE)
    return expanded(Path(named or next(places(os.environ)))).absolute()


def _answers(
    given: Mapping[str, str | Path | None], switches: Sequence[str]
) -> dict[str, str | Path]:
    """Every answer, from its option or the prompt; a secret is a text or the path of its file."""
    missing = [one.flag for one in QUESTIONS if not given[one.key]]
    if missing and not sys.stdin.isatty():
        raise UsageError(
            f"{', '.join(missing)} must be given without a terminal",
            hint="add the options, or run `veracore-sync init` on a terminal",
        )
    found: dict[str, str | Path] = {}
    for one in QUESTIONS:
        answer = given[one.key]
        if answer:
            _check(one, answer, switches)
        found[one.key] = answer or _ask(one, switches)
    return found


def _ask(question: Question, switches: Sequence[str]) -> str:
    while True:
        answer = str(typer.prompt(question.text, hide_input=bool(question.file), err=True)).strip()
        try:
            _check(question, answer, switches)
        except ConfigError as error:
            warn(f"  {error.message}")
        else:
            return answer


def _check(question: Question, answer: str | Path, switches: Sequence[str]) -> None:
    if isinstance(answer, Path):
        if not expanded(answer).is_file():
            raise UsageError(
                f"{question.flag}: there is no file {answer}", hint="name a file that exists"
            )
        return
    allowed = {key: Flag("--allow-http", True) for key in switches}
    check({question.key: Flag(question.flag, answer), **allowed})


def _write(
    path: Path,
    answers: Mapping[str, str | Path],
    switches: Sequence[str],
    not_before: datetime,
    *,
    force: bool,
) -> list[Path]:
    """Write each secret to its own file, then the configuration; returns every file written."""
    values = {"orders.not_before": not_before, **of_the_system(path)}
    values |= dict.fromkeys(switches, True)
    texts: dict[Path, str] = {}
    for one in QUESTIONS:
        answer = answers[one.key]
        if not one.file:
            values[one.key] = answer
            continue
        if not isinstance(answer, Path):
            texts[path.parent / one.file] = f"{answer}\n"
            answer = path.parent / one.file
        values[f"{one.key}_file"] = _as_written(expanded(answer).absolute(), path.parent)
    texts[path] = example(values)
    try:
        _make_folder(path.parent)
        check_trusted(path.parent, folder=True)
        group = _readers(path.parent)
        for file, text in texts.items():
            mode = 0o600 if group is None else 0o640
            write_whole(file, text, mode=mode, group=group, replace=force)
    except Untrusted as error:
        raise ConfigError(
            f"nothing is written: the folder {path.parent} {error.reason}", hint=error.todo
        ) from error
    except PermissionError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})",
            hint="run `init` as the folder's owner (sudo, where it is root's), or name another "
            "file with --config",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})",
            hint="check the folder's owner and mode, or name another file with --config",
        ) from error
    return list(texts)


def _make_folder(folder: Path) -> None:
    """Make it, for the readers of the folder above: shops/shop1 as /etc/veracore-sync is."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    group = _readers(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    if group is not None:
        os.chown(folder, -1, group)
        folder.chmod(0o750)


def _readers(folder: Path) -> int | None:
    """The group that is to read what root writes there: that of the units (docs/install.md)."""
    found = folder.stat()
    shared = found.st_uid == 0 and found.st_gid != 0 and found.st_mode & stat.S_IRGRP
    return found.st_gid if shared and os.geteuid() == 0 else None


def of_the_system(path: Path) -> dict[str, Any]:
    """The ledger of the systemd units for their configuration, so that both use the same one."""
    return {"ledger.path": "/var/lib/veracore-sync/ledger.db"} if path == SYSTEM_FILE else {}


def _as_written(file: Path, folder: Path) -> str:
    """Relative if it is beside the configuration, so that both can be moved together."""
    return file.name if file.parent == folder else str(file)


def _looked_at(
    options: Globals, path: Path, written: list[Path], not_before: datetime, *, offline: bool
) -> CommandReport:
    """Load the file as every command will, and test both connections."""
    options_given = Globals(path, options.log_level, options.log_format)
    document: dict[str, Any] = {
        "path": str(path),
        "files": [str(file) for file in written],
        "notBefore": not_before.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "findings": [],
        "next": NEXT,
    }
    container = Container(load_settings(options_given), read_only=True, force=True)
    try:
        report = CommandReport({}) if offline else run_checks(container)
    finally:
        container.close()

    def show() -> None:
        say("wrote " + ", ".join(map(str, written)))
        say(f"orders placed before {document['notBefore']} are never sent (orders.not_before)")
        if report.show:
            report.show()
        if report.code:
            say("the file is written; fix the failures, then run: veracore-sync doctor")
        else:
            say(f"next: {NEXT}")

    return CommandReport(document | report.document, show=show, asked_for=True, code=report.code)
