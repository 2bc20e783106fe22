"""``ledger``: check, back up, restore, rebuild, move, prune and export the ledger."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.cli.ledger_rebuild import rebuild_ledger
from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.opening import move, place_of, restore
from veracore_sync.ports.ledger import Ledger

ledger_app = typer.Typer(
    help="Check, back up, restore, rebuild, move, prune and export the ledger.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _existing(container: Container) -> Ledger:
    if container.ledger.place is None:
        raise container.no_ledger()
    return container.ledger


@ledger_app.command("check")
def check_ledger(context: typer.Context, as_json: AsJson = False) -> None:
    """Check the ledger for damage."""

    def work(container: Container) -> CommandReport:
        found = _existing(container).upkeep.check()
        error = None
        if found:
            error = LedgerError(
                f"the ledger {container.ledger.place} is damaged: {found[0]}",
                hint="run `veracore-sync ledger restore FILE` with the newest backup; the next "
                "sync-orders looks up orders before it sends any",
            )
        return CommandReport(
            {"problems": found}, error=error, show=lambda: _show_problems(found), asked_for=True
        )

    run_command(Job("ledger check", read_only=True), context.obj, as_json, work)


def _show_problems(found: list[str]) -> None:
    say(*(found or ["no problem found"]))


@ledger_app.command("backup")
def backup_ledger(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="Backup file to create; must not exist.", metavar="FILE")
    ],
    as_json: AsJson = False,
) -> None:
    """Copy the ledger to a file; safe while other commands write."""

    def work(container: Container) -> CommandReport:
        size = _existing(container).upkeep.backup(file)
        return CommandReport(
            {"path": str(file), "bytes": size}, show=lambda: say(f"{file}: {size} bytes")
        )

    run_command(Job("ledger backup", read_only=True, one_shop=True), context.obj, as_json, work)


@ledger_app.command("restore")
def restore_ledger(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup made by `ledger backup`.", metavar="FILE")],
    as_json: AsJson = False,
) -> None:
    """Replace the ledger with a backup that passes its check.

    The old ledger is kept beside it, in PostgreSQL as a schema of another name.
    """

    def work(container: Container) -> CommandReport:
        container.require("ledger")
        place = place_of(container.settings.ledger)
        done = restore(file, place, container.clock, container.must_belong)
        kept = str(done.kept) if done.kept else None
        summary = f"{done.orders} orders restored from {file}"
        return CommandReport(
            {"orders": done.orders, "kept": kept},
            show=lambda: say(f"{summary}; the old ledger is kept as {kept}" if kept else summary),
        )

    run_command(Job("ledger restore", one_shop=True), context.obj, as_json, work)


ledger_app.command("rebuild")(rebuild_ledger)


@ledger_app.command("move")
def move_ledger(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option("--to", help="Address of PostgreSQL, or a file.", metavar="PLACE"),
    ],
    as_json: AsJson = False,
) -> None:
    """Move the ledger into PostgreSQL, or back into a file.

    The old ledger is sealed: every command refuses it from then on. Repeat a move that was
    interrupted.
    """

    def work(container: Container) -> CommandReport:
        container.require("ledger")
        settings = container.settings.ledger
        done = move(settings, to, container.clock, container.must_belong)
        total = sum(done.rows.values())
        lines = [
            f"{done.rows['orders']} orders, {total} rows in all: from {done.source} to "
            f"{done.target}; the old ledger is sealed",
            *([f"an older ledger there is kept as {done.kept}"] if done.kept else []),
            f"now, on every host, {done.setting}; then start the timers and the listeners",
        ]
        document = {
            "from": done.source,
            "to": done.target,
            "orders": done.rows["orders"],
            "rows": total,
            "kept": done.kept,
        }
        return CommandReport(document, show=lambda: say(*lines), asked_for=True)

    run_command(Job("ledger move", one_shop=True), context.obj, as_json, work)


@ledger_app.command("prune")
def prune_ledger(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, help="Keep this many days.", metavar="DAYS")] = 90,
    as_json: AsJson = False,
) -> None:
    """Delete old runs and resolved alerts.

    Orders and their attempts are kept.
    """

    def work(container: Container) -> CommandReport:
        before = container.clock.now() - timedelta(days=days)
        gone = _existing(container).upkeep.prune(before)
        summary = ", ".join(f"{count} {name}" for name, count in gone.items())
        return CommandReport({"pruned": gone}, show=lambda: say(f"pruned {summary}"))

    run_command(Job("ledger prune"), context.obj, as_json, work)


@ledger_app.command("export")
def export_ledger(context: typer.Context) -> None:
    """Print every order with its attempts, one JSON object per line."""

    def work(container: Container) -> CommandReport:
        for line in _existing(container).upkeep.export():
            say(line)
        return CommandReport({})

    run_command(Job("ledger export", read_only=True, one_shop=True), context.obj, False, work)
