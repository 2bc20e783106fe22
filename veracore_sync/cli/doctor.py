"""``doctor``: check the installation, with a remedy for each problem found."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from veracore_sync.cli.advice import advised
from veracore_sync.cli.doctor_lines import CheckLine, show, summary_of
from veracore_sync.cli.globals import INSTALLED_UNITS
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.event_delivery import notify_hooks
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.composition.outward import ways
from veracore_sync.config import Loaded
from veracore_sync.config.absent import is_absent
from veracore_sync.config.shops import collision_with_neighbours, in_the_way
from veracore_sync.domain.errors import PRECEDENCE, ConfigError, SyncError
from veracore_sync.jobs.doctor.about import settings_about
from veracore_sync.jobs.doctor.finding import CheckResult, fail, warn
from veracore_sync.jobs.doctor.ledger import ledger
from veracore_sync.jobs.doctor.machine import machine
from veracore_sync.jobs.doctor.order_hooks import order_hooks
from veracore_sync.jobs.doctor.shop import shop
from veracore_sync.jobs.doctor.skus import skus
from veracore_sync.jobs.doctor.warehouse import warehouse
from veracore_sync.jobs.doctor.wire import Met, clocks, network
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.timers import instance_of
from veracore_sync.webhooks.doctor import listener


def doctor(
    context: typer.Context,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not contact Vendure or VeraCore.")
    ] = False,
    systemd_dir: Annotated[
        Path, typer.Option(help="Directory of the installed systemd units.", metavar="DIR")
    ] = INSTALLED_UNITS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check the configuration, the ledger and both connections.

    The hooks and the systemd units are checked too. Each problem comes with a remedy.
    """

    def work(container: Container) -> CommandReport:
        with shown(quiet=as_json) as progress:
            return run_checks(
                container, offline=offline, systemd_dir=systemd_dir, progress=progress
            )

    run_command(
        Job("doctor", read_only=True, force=True, without_settings=True),
        context.obj,
        as_json,
        work,
    )


def run_checks(
    container: Container,
    *,
    offline: bool = False,
    systemd_dir: Path = INSTALLED_UNITS,
    unless_it_fails: str = "",
    progress: Progress = no_progress,
) -> CommandReport:
    """Every finding; the report has the exit code of the worst failure.

    Args:
        container: The parts of this process.
        offline: Contact neither side.
        systemd_dir: Where units are installed.
        unless_it_fails: What the summary names next where nothing fails.
        progress: Called with what is being asked.
    """
    found = list(machine(container.loaded, systemd_dir, notify_hooks))
    found += _neighbours(container.loaded)
    found += ways(container.settings, os.environ)
    found += order_hooks(container.settings.orders, container.order_hooks)
    found += ledger(container.settings, lambda: container.ledger, container.clock)
    unusable = [one for one in found if one.name == "ledger" and one.level == "fail"]
    found += _whose(container)
    if not offline and not is_absent(container.loaded):
        found += [_not_asked(unusable[0])] if unusable else _online(container, found, progress)
    codes = [one.exit_code for one in found if one.level == "fail"]
    lines = [CheckLine(one, settings_about(one, container.loaded)) for one in found]
    summary = summary_of(found, unless_it_fails)
    return CommandReport(
        {"findings": [_document(one) for one in lines], "summary": summary.document()},
        show=lambda: show(lines, summary, container.loaded.path),
        asked_for=True,
        code=next((code for code in PRECEDENCE if code in codes), 1 if codes else 0),
    )


def _neighbours(loaded: Loaded) -> Iterator[CheckResult]:
    # The units of several shops run each by itself, so nothing else compares them.
    error = collision_with_neighbours(loaded, os.environ)
    if error is not None:
        yield warn("shops", error.message, error.hint)
    of_one_account, of_one_shop = in_the_way(loaded, os.environ)
    if of_one_shop:
        yield warn(
            "shops",
            f"{', '.join(of_one_shop)} and this shop send the orders of one Vendure to two "
            "VeraCore accounts: each order ships twice",
            "correct vendure.admin_api_url, or part them by orders.channels or skus.exclude",
        )
    if of_one_account:
        yield warn(
            "shops",
            f"{', '.join(of_one_account)} and this shop send to one VeraCore account without an "
            "orders.id_prefix of their own: if two orders have one code, only one of them leaves",
            "give each an orders.id_prefix before its first order, unless their codes can never be "
            "equal (Vendure's own are random)",
        )


def _whose(container: Container) -> Iterator[CheckResult]:
    """Nothing, unless the ledger belongs to another shop or warehouse."""
    with suppress(SyncError):
        # What keeps either from being known was said before.
        container.require("pair")
        _ = container.ledger
        try:
            container.bind(logs_in=False)
        except ConfigError as error:
            yield fail("ledger", error)


def _not_asked(unusable: CheckResult) -> CheckResult:
    message = "Vendure and VeraCore were not contacted, because the ledger cannot be used"
    return warn("ledger", message, f"{unusable.todo}; then run `veracore-sync doctor` again")


def _online(
    container: Container, offline: Sequence[CheckResult], progress: Progress
) -> Iterator[CheckResult]:
    """Both connections, then the SKUs of both together, then our webhook listener."""
    settings = container.settings
    try:
        container.require("vendure", "veracore")
        container.do_without_an_outdated_ledger()
        sides = (container.shop, container.warehouse)
    except SyncError as error:
        yield fail("configuration", error)
        return
    progress("asking Vendure", 0, 0)
    both = yield from _met(container, "Vendure", shop(settings, sides[0], sides[1].capabilities))
    newest = container.ledger.orders.newest_synced()
    known_id = newest.veracore_id if newest else None
    known = {one.name for one in offline}
    there = warehouse(settings.veracore, sides[1], container.other_dialects(), known_id, known)
    progress("asking VeraCore", 0, 0)
    both = (yield from _met(container, "VeraCore", there)) and both
    if both:
        progress("comparing SKUs", 0, 0)
        yield from skus(
            settings.skus,
            sides[0].stock,
            sides[1],
            buffers=settings.inventory.buffers,
            backorders=settings.inventory.backorders,
        )
    yield listener(settings.webhooks, container.clock, instance_of(container.loaded))


def _met(
    container: Container, name: str, findings: Iterator[CheckResult]
) -> Generator[CheckResult, None, bool]:
    """The findings of one side, with latency and clock skew if it accepted us; returns whether."""
    began = container.clock.monotonic()
    first = next(findings)
    took = container.clock.monotonic() - began
    yield first
    yield from findings
    if first.level == "fail":
        return False
    of_vendure = name == "Vendure"
    wanted = container.settings.vendure if of_vendure else container.settings.veracore
    client = container.shop if of_vendure else container.warehouse
    met = Met(name, took, wanted.timeout_seconds, client.clock_ahead_seconds)
    yield network(met)
    skew = clocks(met)
    if skew is not None:
        yield skew
    return True


def _document(line: CheckLine) -> dict[str, Any]:
    found = line.found
    return {
        "name": found.name,
        "level": found.level,
        "message": found.message,
        "todo": advised(found.todo),
        "settings": [one._asdict() for one in line.settings],
    }
