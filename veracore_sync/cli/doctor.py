"""``doctor``: is everything as it should be, and if not, what to do."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.cli.globals import INSTALLED_UNITS
from veracore_sync.cli.output import say, table
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.event_delivery import notify_hook
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config import require
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.doctor.finding import CheckResult, fail, warn
from veracore_sync.jobs.doctor.ledger import ledger
from veracore_sync.jobs.doctor.machine import machine
from veracore_sync.jobs.doctor.shop import shop
from veracore_sync.jobs.doctor.skus import skus
from veracore_sync.jobs.doctor.warehouse import warehouse
from veracore_sync.jobs.doctor.wire import Met, clocks, network
from veracore_sync.webhooks.doctor import listener

_PRECEDENCE = (78, 77, 74, 69)


def doctor(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Contact neither side.")] = False,
    systemd_dir: Annotated[
        Path, typer.Option(help="Where the units are installed.")
    ] = INSTALLED_UNITS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check configuration, ledger, machine and both sides; each line says what to do."""
    run_command(
        Job("doctor", read_only=True, force=True),
        context.obj,
        as_json,
        lambda parts: run_checks(parts, offline=offline, systemd_dir=systemd_dir),
    )


def run_checks(
    parts: Container, *, offline: bool = False, systemd_dir: Path = INSTALLED_UNITS
) -> CommandReport:
    """Every finding; the worst failure's exit code is the report's."""
    found = list(machine(parts.loaded, systemd_dir, notify_hook))
    found += ledger(parts.settings, lambda: parts.ledger, parts.clock)
    if not offline:
        found += _online(parts) if _readable(found) else [_not_asked()]
    codes = [one.exit_code for one in found if one.level == "fail"]
    return CommandReport(
        {"findings": [_document(one) for one in found]},
        show=lambda: _show(found),
        asked_for=True,
        code=next((code for code in _PRECEDENCE if code in codes), 1 if codes else 0),
    )


def _readable(found: list[CheckResult]) -> bool:
    return not any(one.name == "ledger" and one.level == "fail" for one in found)


def _not_asked() -> CheckResult:
    message = "neither side was asked, as the ledger cannot be read"
    return warn("ledger", message, "repair the ledger, then run `veracore-sync doctor` again")


def _online(parts: Container) -> Iterator[CheckResult]:
    """Both sides, then what only the two together show, then our own listener."""
    settings = parts.settings
    try:
        require(settings, "vendure", "veracore")
        sides = (parts.shop, parts.warehouse)
    except SyncError as error:
        yield fail("configuration", error)
        return
    both = yield from _met(parts, "Vendure", shop(settings, sides[0], sides[1].capabilities))
    there = warehouse(settings.veracore, sides[1], parts.other_dialects())
    both = (yield from _met(parts, "VeraCore", there)) and both
    if both:
        yield from skus(settings.skus, sides[0].stock, sides[1])
    yield listener(settings.webhooks, parts.clock)


def _met(
    parts: Container, name: str, findings: Iterator[CheckResult]
) -> Generator[CheckResult, None, bool]:
    """A side's findings, and where it let us in its speed and its clock; whether it did."""
    began = parts.clock.monotonic()
    first = next(findings)
    took = parts.clock.monotonic() - began
    yield first
    yield from findings
    if first.level == "fail":
        return False
    of_vendure = name == "Vendure"
    wanted = parts.settings.vendure if of_vendure else parts.settings.veracore
    client = parts.shop if of_vendure else parts.warehouse
    met = Met(name, took, wanted.timeout_seconds, client.clock_ahead_seconds)
    yield network(met)
    skew = clocks(met)
    if skew is not None:
        yield skew
    return True


def _document(finding: CheckResult) -> dict[str, str]:
    return {
        "name": finding.name,
        "level": finding.level,
        "message": finding.message,
        "todo": finding.todo,
    }


def _show(found: list[CheckResult]) -> None:
    table(["", "what", "how it is"], [(one.level, one.name, one.message) for one in found])
    for one in found:
        if one.todo:
            say(f"{one.name}: {one.todo}")
