"""``stats``: the state of the ledger, overall or of one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import typer

from veracore_sync.cli import stats_text as text
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.run_command import run_command
from veracore_sync.clock import SystemClock
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.stats import (
    audit_document,
    by_gravity,
    difference_document,
    failing,
    order_life,
    run_document,
    stats_document,
)
from veracore_sync.jobs.status import is_unused, status_document, status_of
from veracore_sync.jobs.unknown_order import unknown_order

_RUNS = 20
_ACTS = 100
_WATCH_SECONDS = 2.0


def stats(
    context: typer.Context,
    seconds: Annotated[
        float | None,
        typer.Argument(metavar="SECONDS", help="Interval of --watch. Default: 2."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Show the history of this order, by code or id.", metavar="CODE"),
    ] = None,
    failed: Annotated[
        bool,
        typer.Option(
            "--failed",
            help="Show the orders with a failure or an alert, and what to do about each.",
        ),
    ] = False,
    runs: Annotated[bool, typer.Option("--runs", help="Show the latest runs.")] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Show who acted through serve-admin, on what.")
    ] = False,
    differences: Annotated[
        bool,
        typer.Option("--differences", help="Show what reconcile found to differ and still stands."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 if anything needs attention, for monitoring.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh in place every SECONDS until Ctrl-C.")
    ] = False,
    every_shop: Annotated[
        bool, typer.Option("--all", help="Show every shop of the folder of configurations.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the state of orders and syncs, and all alerts.

    Reads only the ledger.
    """
    options: Globals = context.obj
    if every_shop:
        options = replace(options, every_shop=True)

    def work(container: Container) -> CommandReport:
        if check and (failed or runs or audit or differences or order is not None):
            # These views end with 0 whatever they show: a monitor would take that for well.
            raise UsageError(
                "--check is about everything, so it goes with no view of a part",
                hint="run `veracore-sync stats --check`",
            )
        if order is not None:
            return _one(container, order)
        if failed:
            return _failed(container)
        if runs:
            return _runs(container)
        if audit:
            return _audit(container)
        if differences:
            return _differences(container)
        return _overall(container, check)

    def watched(container: Container) -> CommandReport:
        if as_json or check or not watch:
            raise UsageError(
                "SECONDS needs --watch, and --watch excludes --json and --check",
                hint="for example `veracore-sync stats --watch 5`",
            )
        # Imports rich, which a single report does not need.
        from veracore_sync.cli.watch import watched as look

        return look(container, work, _WATCH_SECONDS if seconds is None else seconds)

    again = watch or seconds is not None
    job = Job("stats", read_only=True, one_shop=again or order is not None)
    together = None if failed or runs or audit or differences else show_shops
    run_command(job, options, as_json, watched if again else work, together)


def _one(container: Container, name: str) -> CommandReport:
    row = container.ledger.orders.find(name)
    if row is None:
        _in_a_ledger(container)
        raise unknown_order(name)
    document = order_life(container.ledger, row)
    return _shown(container, document, lambda now: text.show_order(document, now))


def _failed(container: Container) -> CommandReport:
    found = failing(container.ledger)
    return _shown(
        container, {"orders": found}, lambda now: text.show_failed(by_gravity(found), now)
    )


def _runs(container: Container) -> CommandReport:
    found = [run_document(run) for run in container.ledger.runs.latest(_RUNS)]
    return _shown(container, {"runs": found}, lambda now: text.show_runs(found, now))


def _audit(container: Container) -> CommandReport:
    found = [audit_document(one) for one in container.ledger.audit.latest(_ACTS)]
    return _shown(container, {"audit": found}, lambda now: text.show_audit(found, now))


def _differences(container: Container) -> CommandReport:
    found = [difference_document(row) for row in container.ledger.differences.standing()]
    return _shown(container, {"differences": found}, lambda now: text.show_differences(found, now))


def _overall(container: Container, check: bool) -> CommandReport:
    if check:
        _in_a_ledger(container)
    document = stats_document(container.ledger, container.settings, container.clock)
    status = status_of(document, container.clock.now())
    document["status"] = status_document(status)
    report = _shown(container, document, lambda now: text.show_overall(document, now))
    # Also where nothing is wrong that is known: a ledger in which nothing ran knows nothing.
    trouble = document["alerts"] or document["jobs"] or is_unused(document) or not status.is_good
    report.code = 3 if check and trouble else 0
    return report


def _in_a_ledger(container: Container) -> None:
    """Refuse to answer from an empty ledger in memory, as if there were one.

    Raises:
        LedgerError: There is no ledger.
    """
    if container.ledger.place is None:
        raise container.no_ledger()


def _shown(
    container: Container, document: dict[str, Any], show: Callable[[datetime], None]
) -> CommandReport:
    """The report of a view; where there is no ledger, its text says so first."""
    now = container.clock.now()
    missing = container.no_ledger() if container.ledger.place is None else None

    def shown() -> None:
        if missing is not None:
            say(missing.message, missing.hint, "")
        show(now)

    return CommandReport(document, show=shown, asked_for=True)


def show_shops(reports: Mapping[str, CommandReport]) -> None:
    """Write one line for each shop and the sum of all, then what each is like."""
    now = SystemClock().now()
    lines = {name: _counts(report) for name, report in reports.items()}
    rows: list[tuple[object, ...]] = [
        (name, *(counts or _NO_COUNTS), _last_success(reports[name], now))
        for name, counts in lines.items()
    ]
    known = [counts for counts in lines.values() if counts]
    if len(known) > 1:
        rows.append(("in all", *map(sum, zip(*known, strict=True)), ""))
    table(["shop", *_STATES, "alerts", "last success"], rows)
    for name, report in reports.items():
        if report.error is not None:
            say(f"{name}: {report.error.message}")
        else:
            say(f"{name}: {report.document['status']['sentence']}")
        for trouble in report.document.get("jobs", ()):
            say(f"{name}: {trouble['kind']}: {trouble['message']}")


_STATES = {
    "waiting": (OrderState.PENDING, OrderState.SENDING),
    "in doubt": (OrderState.IN_DOUBT,),
    "failed": (OrderState.FAILED,),
    "parked": (OrderState.PARKED,),
    "conflict": (OrderState.CONFLICT,),
    "at VeraCore": (OrderState.SYNCED,),
    "shipped": (OrderState.SHIPPED,),
}
_NO_COUNTS = ("",) * (len(_STATES) + 1)


def _counts(report: CommandReport) -> list[int]:
    """The numbers of a shop's line; none if it cannot be read."""
    if report.error is not None:
        return []
    counts = text.state_counts(report.document["orders"])
    numbers = [sum(counts[state] for state in states) for states in _STATES.values()]
    return [*numbers, len(report.document["alerts"])]


def _last_success(report: CommandReport, now: datetime) -> str:
    if report.error is not None:
        return "cannot be read"
    return text.ago(report.document["orders"]["lastSuccessTime"], now)
