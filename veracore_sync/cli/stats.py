"""``stats``: one person at a shell sees everything."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from veracore_sync.cli.output import say, table
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import UsageError
from veracore_sync.jobs.health import troubles
from veracore_sync.jobs.stats import (
    order_document,
    order_life,
    overall,
    run_document,
    trouble_document,
)

_FAILED = ("failed", "parked", "in_doubt", "conflict", "cancelled")
_RUNS = 20
_WATCH_SECONDS = 2.0


def stats(
    context: typer.Context,
    seconds: Annotated[
        float | None,
        typer.Argument(metavar="[SECONDS]", help="With --watch: between two looks; else 2."),
    ] = None,
    order: Annotated[str | None, typer.Option(help="One order: code or id.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="The orders with trouble.")] = False,
    runs: Annotated[bool, typer.Option("--runs", help="The newest runs.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 if anything needs attention, for monitors.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh every SECONDS, in place, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show what is waiting, sent, failed and in doubt, and what needs a person."""

    def work(parts: Container) -> CommandReport:
        if order is not None:
            return _one(parts, order)
        if failed:
            return _failed(parts)
        if runs:
            return _runs(parts)
        return _overall(parts, check)

    def watched(parts: Container) -> CommandReport:
        if as_json or check or not watch:
            raise UsageError(
                "SECONDS goes with --watch, and --watch with neither --json nor --check",
                hint="veracore-sync stats --watch 5",
            )
        # Brings rich, which one look does without.
        from veracore_sync.cli.watch import watched as look

        return look(parts, work, _WATCH_SECONDS if seconds is None else seconds)

    again = watch or seconds is not None
    run_command(Job("stats", read_only=True), context.obj, as_json, watched if again else work)


def _one(parts: Container, name: str) -> CommandReport:
    row = parts.ledger.orders.find(name)
    if row is None:
        raise UsageError(f"the ledger holds no order {name}", hint="its code is case-sensitive")
    document = order_life(parts.ledger, row)

    def show() -> None:
        there = f", {row.veracore_id} at VeraCore" if row.veracore_id else ""
        say(f"order {row.code} ({row.vendure_id} in Vendure{there}): {row.state}")
        if row.retry_count:
            say(f"it failed {row.retry_count} times of its own")
        say()
        table(
            ["when", "", "what"],
            [(one["at"], one["event"], one["message"]) for one in document["timeline"]],
        )

    return CommandReport(document, show=show, asked_for=True)


def _failed(parts: Container) -> CommandReport:
    rows = parts.ledger.orders.in_states(_FAILED)
    documents = [order_document(row) for row in rows]

    def show() -> None:
        if not rows:
            say("no order has trouble")
            return
        table(
            ["order", "state", "class", "next attempt", "why"],
            [(r.code, r.state, r.error_class, r.next_attempt_at, r.error_message) for r in rows],
        )

    return CommandReport({"orders": documents}, show=show, asked_for=True)


def _runs(parts: Container) -> CommandReport:
    found = parts.ledger.runs.latest(_RUNS)

    def show() -> None:
        rows = [(r.started_at, r.command, r.exit_code, r.ended_at or "-", r.pid) for r in found]
        table(["started", "command", "exit", "ended", "pid"], rows)

    return CommandReport({"runs": [run_document(run) for run in found]}, show=show, asked_for=True)


def _overall(parts: Container, check: bool) -> CommandReport:
    document = overall(parts.ledger)
    found = troubles(parts.ledger, parts.settings, parts.clock)
    document["jobs"] = [trouble_document(one) for one in found]
    trouble = bool(document["alerts"] or found)
    return CommandReport(
        document,
        show=lambda: show_overall(document),
        asked_for=True,
        code=3 if check and trouble else 0,
    )


def show_overall(document: dict[str, Any]) -> None:
    """The document of `stats` as a person reads it."""
    orders = document["orders"]
    counts = [(name.removeprefix("total"), orders[name]) for name in orders if "total" in name]
    table(["orders", "count"], counts)
    for job in ("orders", "inventory", "tracking"):
        say(f"last sync of {job}: {_last_sync(document[job])}")
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


def _last_sync(part: dict[str, Any]) -> str:
    """The last success; beside it the last run, where that was none."""
    words = part["lastSuccessTime"] or "never"
    if part["lastSyncTime"] != part["lastSuccessTime"]:
        error = f": {part['lastError']}" if part["lastError"] else ""
        words += f", last run {part['lastSyncTime']} ended with {part['lastExitCode']}{error}"
    return words + (", running now" if part["isRunning"] else "")


def _show_events(events: dict[str, Any]) -> None:
    """Only what does not get on."""
    for one in events["failing"]:
        say(f"the hook {one['hook']} has not taken events since {one['since']}: {one['error']}")
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
    """Only what is not as it should be."""
    for name, one in upstreams.items():
        if one["state"] != "closed":
            state = one["state"].replace("_", " ")
            say(f"breaker of {name}: {state} since {one['openedAt']}, asks at {one['nextProbe']}")
        if one["credentialsRefused"]:
            say(f"{name} refuses the credentials since {one['credentialsRefusedSince']}")
