"""``ledger rebuild``: fill a fresh ledger from what both sides show, or compare one with that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from veracore_sync.cli.output import say, table
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import UsageError
from veracore_sync.jobs.rebuild.check import NOT_KNOWN
from veracore_sync.jobs.rebuild.rebuilt import Certainty
from veracore_sync.jobs.rebuild.report import MAX_NAMED, RebuildReport

_YEARS = 20
_MEANING = {
    Certainty.PROVEN: "VeraCore shows them, or they never go there",
    Certainty.PROBABLE: "a person decides; nothing of them is sent before",
    Certainty.ABSENT: "VeraCore does not have them; looked up again before any is sent",
}


def rebuild_ledger(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Rebuild orders placed since then (UTC), and older ones that are open or were "
            "shipped since then.",
            show_default="orders.not_before, at most 90 days before now",
        ),
    ] = None,
    applies: Annotated[
        bool, typer.Option("--apply", help="Record it; without, it is only shown.")
    ] = False,
    checks: Annotated[
        bool,
        typer.Option("--check", help="Compare the present ledger with both sides; write nothing."),
    ] = False,
    lookups: Annotated[
        int | None,
        typer.Option(
            "--lookups",
            min=1,
            help="Look up so many ids at VeraCore in this run; --apply goes on with the next run.",
            metavar="N",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Fill a fresh ledger from the shop's orders and VeraCore's records.

    For a ledger that was lost. Until it has ended, every command that writes exits with 78.
    """

    def work(container: Container) -> CommandReport:
        from veracore_sync.composition.rebuild import check, rebuild

        if checks and applies:
            raise UsageError("--check and --apply exclude each other", hint="choose one of them")
        placed = since.replace(tzinfo=UTC) if since else None
        now = container.clock.now()
        if placed is not None and not now - timedelta(366 * _YEARS) <= placed <= now:
            # VeraCore's list is read day by day: a year that was mistyped would take for ever.
            raise UsageError(
                f"--from {since:%Y-%m-%d} is not within the last {_YEARS} years",
                hint=f"name a day since the shop's first orders: --from {now:%Y}-01-01, say",
            )
        with shown(quiet=as_json) as progress:
            if checks:
                return check(
                    container,
                    since=placed,
                    lookups=lookups,
                    show=show_check,
                    progress=progress,
                )
            return rebuild(
                container,
                since=placed,
                lookups=lookups,
                applies=applies,
                show=lambda report: show_rebuild(report, applied=applies),
                progress=progress,
            )

    job = Job(
        "ledger rebuild",
        read_only=checks or not applies,
        one_shop=True,
        rebuilds=not checks,
        creates=applies,
    )
    run_command(job, context.obj, as_json, work)


def show_rebuild(report: RebuildReport, *, applied: bool) -> None:
    """Write what a rebuild found as text."""
    verb = "recorded" if applied else "found"
    say(f"{report.total} orders {verb}, placed since {_day(report.since)} or open")
    table(
        ["", "orders", ""],
        [(str(one), report.certainties[one], _MEANING[one]) for one in Certainty],
    )
    table(["state", "orders"], sorted(report.states.items()))
    if report.known:
        say(f"{report.known} were recorded before")
    say(f"{report.lookups} look-ups")
    if not report.by_content:
        say("VeraCore shows here only that an order exists: its units were not compared")
    if report.foreign:
        say(f"{report.foreign} shipped orders are none of the shop's")
    for one in report.probable[:MAX_NAMED]:
        say(f"probable: {one.code} ({one.state}): {one.why}")
    for name in report.unread[:MAX_NAMED]:
        say(f"not readable in the shop, left to sync-orders: {name}")
    for notice in report.notices:
        say(notice)
    say(_end(report, applied=applied))


def _end(report: RebuildReport, *, applied: bool) -> str:
    if report.has_ended:
        live = f"; orders go to VeraCore since {_day(report.live_since)}"
        known = live if report.live_since else ""
        if applied:
            return f"the ledger is rebuilt{known}: start the timers"
        return f"nothing was recorded{known}; `veracore-sync ledger rebuild --apply` does it"
    if applied and not report.has_begun:
        return "nothing was recorded, and the ledger is open: run it again when both sides answer"
    if applied:
        return (
            f"{report.left} orders are left: `veracore-sync ledger rebuild --apply` goes on; until "
            "then commands that write exit with 78"
        )
    return f"{report.left} orders were not looked up"


def show_check(report: RebuildReport) -> None:
    """Write how far a ledger is from what both sides show."""
    differing = len({one.code for one in report.differences})
    unknown = report.unknowable.total()
    say(
        f"{report.equal} orders are as both sides show them, {differing} differ, {unknown} cannot "
        f"be known; {report.lookups} look-ups"
    )
    if report.differences:
        table(
            ["order", "field", "ledger", "both sides"],
            [
                (one.code, one.field, one.ledger, one.shown)
                for one in report.differences[:MAX_NAMED]
            ],
        )
    for why, count in sorted(report.unknowable.items()):
        say(f"not knowable: {count}, {why}")
    if report.left:
        say(f"{report.left} orders were not looked up")
    for name in report.unread[:MAX_NAMED]:
        say(f"not readable in the shop: {name}")
    for notice in report.notices:
        say(notice)
    say(f"never compared, because neither side shows it: {'; '.join(NOT_KNOWN)}")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "an unknown day"
