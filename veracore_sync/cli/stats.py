"""``stats``: the state of the ledger, overall or of one order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from veracore_sync.cli.globals import Globals
from veracore_sync.cli.output import say, table
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import UsageError
from veracore_sync.jobs.health import troubles
from veracore_sync.jobs.stats import (
    audit_document,
    coverage_sentence,
    difference_document,
    order_document,
    order_life,
    overall,
    run_document,
    trouble_document,
)

_FAILED = ("failed", "parked", "in_doubt", "conflict", "cancelled")
_COUNTS = ("totalPending", "totalFailed", "totalParked", "totalInDoubt", "totalConflict")
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
        bool, typer.Option("--failed", help="Show the orders with a failure, and why.")
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
                hint="for example: veracore-sync stats --watch 5",
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
        raise UsageError(
            f"the ledger holds no order {name}",
            hint="check the code, which is case-sensitive; `veracore-sync sync-orders "
            f"--order {name}` says why an order of the shop is not sent",
        )
    document = order_life(container.ledger, row)

    def show() -> None:
        at_veracore = f", {row.veracore_id} at VeraCore" if row.veracore_id else ""
        say(f"order {row.code} ({row.vendure_id} in Vendure{at_veracore}): {row.state}")
        if row.is_set_aside:
            say(f"its code was {row.shop_code} until the shop gave that to another order")
        for one in document["earlierOrders"]:
            at = f", {one['veracoreOrderId']} at VeraCore" if one["veracoreOrderId"] else ""
            name, status = one["vendureOrderCode"], one["syncStatus"]
            say(f"another order had the code {row.reference}: {name}{at}: {status}")
        if row.retry_count:
            say(f"failed attempts: {row.retry_count}")
        for warning in row.warnings:
            say(f"warning: {warning}")
        for one in document["differences"]:
            sides = f"ledger: {one['ledger']}; shop: {one['shop']}; VeraCore: {one['warehouse']}"
            about = f" ({one['detail']})" if one["detail"] else ""
            say(f"differs since {one['firstSeenAt']}: {one['type']}{about}: {sides}. {_to_do(one)}")
        say()
        table(
            ["when", "", "what"],
            [(one["at"], one["event"], one["message"]) for one in document["timeline"]],
        )

    return CommandReport(document, show=show, asked_for=True)


def _failed(container: Container) -> CommandReport:
    rows = container.ledger.orders.in_states(_FAILED)
    documents = [order_document(row) for row in rows]

    def show() -> None:
        if not rows:
            say("no order has a failure")
            return
        table(
            ["order", "state", "class", "next attempt", "why"],
            [(r.code, r.state, r.error_class, r.next_attempt_at, r.error_message) for r in rows],
        )

    return CommandReport({"orders": documents}, show=show, asked_for=True)


def _runs(container: Container) -> CommandReport:
    found = container.ledger.runs.latest(_RUNS)

    def show() -> None:
        rows = [(r.started_at, r.command, r.exit_code, r.ended_at or "-", r.pid) for r in found]
        table(["started", "command", "exit", "ended", "pid"], rows)

    return CommandReport({"runs": [run_document(run) for run in found]}, show=show, asked_for=True)


def _audit(container: Container) -> CommandReport:
    found = [audit_document(one) for one in container.ledger.audit.latest(_ACTS)]

    def show() -> None:
        names = ("at", "who", "way", "address", "action", "target", "outcome")
        table(
            ["when", "who", "by", "from", "action", "on", "outcome"],
            [tuple(one[name] or "-" for name in names) for one in found],
        )

    return CommandReport({"audit": found}, show=show, asked_for=True)


def _differences(container: Container) -> CommandReport:
    found = [difference_document(row) for row in container.ledger.differences.standing()]

    def show() -> None:
        if not found:
            say("nothing is known to differ")
            return
        names = ("firstSeenAt", "type", "name", "detail", "ledger", "shop", "warehouse")
        table(
            ["since", "type", "name", "about", "ledger", "shop", "VeraCore", "what to do"],
            [(*(one[name] or "-" for name in names), _to_do(one)) for one in found],
        )

    return CommandReport({"differences": found}, show=show, asked_for=True)


def _to_do(one: dict[str, Any]) -> str:
    return f"accepted: {one['reason']}" if one["isAccepted"] else str(one["advice"])


def _overall(container: Container, check: bool) -> CommandReport:
    document = overall(container.ledger)
    found = troubles(container.ledger, container.settings, container.clock)
    document["jobs"] = [trouble_document(one) for one in found]
    trouble = bool(document["alerts"] or found or document["rebuilding"])
    return CommandReport(
        document,
        show=lambda: show_overall(document),
        asked_for=True,
        code=3 if check and trouble else 0,
    )


def show_shops(reports: Mapping[str, CommandReport]) -> None:
    """Write one line for each shop, then what is wrong with it."""
    columns = ["shop", "waiting", "failed", "parked", "in doubt", "conflict", "alerts"]
    table(
        [*columns, "last sync of orders"],
        [(name, *_shop_line(report)) for name, report in reports.items()],
    )
    for name, report in reports.items():
        if report.error is not None:
            say(f"{name}: {report.error.message}")
        for trouble in report.document.get("jobs", ()):
            say(f"{name}: {trouble['kind']}: {trouble['message']}")


def _shop_line(report: CommandReport) -> tuple[object, ...]:
    if report.error is not None:
        return (*[""] * (len(_COUNTS) + 1), "cannot be read")
    orders = report.document["orders"]
    counts = (orders[name] for name in _COUNTS)
    return (*counts, len(report.document["alerts"]), _last_sync(orders))


def show_overall(document: dict[str, Any]) -> None:
    """Write the document of `stats` as text."""
    orders = document["orders"]
    if document["rebuilding"]:
        say(
            "the ledger is being rebuilt, and nothing is sent before that has ended: "
            "`veracore-sync ledger rebuild --apply` goes on"
        )
    counts = [(name.removeprefix("total"), orders[name]) for name in orders if "total" in name]
    table(["orders", "count"], counts)
    for job in ("orders", "inventory", "tracking"):
        say(f"last sync of {job}: {_last_sync(document[job])}")
    _show_returns(document["returns"])
    _show_reconcile(document["reconcile"])
    _show_upstreams(document["upstreams"])
    if orders["recentErrors"]:
        say()
        table(
            ["order", "state", "why"],
            [
                (one["vendureOrderCode"], one["syncStatus"], one["errorMessage"])
                for one in orders["recentErrors"]
            ],
        )
    _show_events(document["events"])
    for trouble in document.get("jobs", ()):
        say(f"{trouble['kind']}: {trouble['message']}")
    for alert in document["alerts"]:
        code = f" {alert['vendureOrderCode']}" if alert["vendureOrderCode"] else ""
        say(f"alert since {alert['openedAt']}: {alert['kind']}{code}: {alert['message']}")


def _show_returns(part: dict[str, Any]) -> None:
    """Write what came back, if that is followed at all."""
    if part["lastSyncTime"] is None:
        return
    say(f"last sync of returns: {_last_sync(part)}")
    notes = f", {part['notesWaiting']} notes wait" if part["notesWaiting"] else ""
    say(f"receipts of returned goods: {part['totalReceived']}{notes}")
    if part["unavailableSince"]:
        say(f"VeraCore has not listed returned goods since {part['unavailableSince']}")


def _show_reconcile(part: dict[str, Any]) -> None:
    """Write what the last comparison of both sides showed, if there was one."""
    if part["lastSyncTime"] is None and not part["standing"]:
        return
    say(f"last reconcile: {_last_sync(part)}")
    coverage = part["coverage"]
    if coverage is not None:
        complete = coverage["completeAt"] or "never"
        say(f"{coverage_sentence(coverage)}; last complete: {complete}")
    accepted = f", {part['accepted']} of them accepted" if part["accepted"] else ""
    types = ", ".join(f"{name} {one['standing']}" for name, one in part["types"].items())
    say(f"differences: {part['standing']}{accepted}{f': {types}' if types else ''}")


def _last_sync(part: dict[str, Any]) -> str:
    """The last success, and the last run if that was not a success."""
    text = part["lastSuccessTime"] or "never"
    if part["lastSyncTime"] != part["lastSuccessTime"]:
        error = f": {part['lastError']}" if part["lastError"] else ""
        text += f", last run {part['lastSyncTime']} ended with {part['lastExitCode']}{error}"
    return text + (", running now" if part["isRunning"] else "")


def _show_events(events: dict[str, Any]) -> None:
    """Write the events that cannot be delivered."""
    for one in events["failing"]:
        say(f"the hook {one['hook']} has not accepted events since {one['since']}: {one['error']}")
    if events["blocked"]:
        say()
        table(
            ["refused event", "hook", "type", "order", "since", "tries", "behind", "why"],
            [
                (
                    one["id"],
                    one["hook"],
                    one["type"],
                    one["vendureOrderCode"],
                    one["since"],
                    one["tries"],
                    one["waitingBehind"],
                    one["error"],
                )
                for one in events["blocked"]
            ],
        )


def _show_upstreams(upstreams: dict[str, Any]) -> None:
    """Write the upstreams with an open breaker or refused credentials."""
    for name, one in upstreams.items():
        if one["state"] != "closed":
            state = one["state"].replace("_", " ")
            say(
                f"breaker of {name}: {state} since {one['openedAt']}, retried at {one['nextProbe']}"
            )
        if one["credentialsRefused"]:
            say(f"{name} has refused the credentials since {one['credentialsRefusedSince']}")
