"""``ledger``: check, back up, restore, prune and export the one file that holds all state."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.opening import restore
from veracore_sync.ports.ledger import Ledger

ledger_app = typer.Typer(
    help="Check, back up, restore, prune and export the ledger.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _existing(parts: Container) -> Ledger:
    if parts.ledger.path is None:
        raise LedgerError(
            f"there is no ledger at {parts.settings.ledger.path}",
            hint="the first sync command makes it; check ledger.path",
        )
    return parts.ledger


@ledger_app.command("check")
def check_ledger(context: typer.Context, as_json: AsJson = False) -> None:
    """Let SQLite check the file."""

    def work(parts: Container) -> CommandReport:
        found = _existing(parts).upkeep.check()
        error = None
        if found:
            error = LedgerError(
                f"the ledger {parts.ledger.path} is damaged: {found[0]}",
                hint="restore the newest backup; the next sync-orders looks up before it sends",
            )
        return CommandReport(
            {"problems": found}, error=error, show=lambda: _tell(found), asked_for=True
        )

    run_command(Job("ledger check", read_only=True), context.obj, as_json, work)


def _tell(found: list[str]) -> None:
    say("\n".join(found) if found else "the ledger is well")


@ledger_app.command("backup")
def backup_ledger(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The copy; must not exist.")],
    as_json: AsJson = False,
) -> None:
    """Copy the ledger consistently, while others may write."""

    def work(parts: Container) -> CommandReport:
        size = _existing(parts).upkeep.backup(file)
        return CommandReport(
            {"path": str(file), "bytes": size}, show=lambda: say(f"{file}: {size} bytes")
        )

    run_command(Job("ledger backup", read_only=True), context.obj, as_json, work)


@ledger_app.command("restore")
def restore_ledger(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `ledger backup` made.")],
    as_json: AsJson = False,
) -> None:
    """Put a backup in the ledger's place, checked first; the old ledger is kept beside it."""

    def work(parts: Container) -> CommandReport:
        done = restore(file, parts.settings.ledger.path, parts.clock, parts.must_belong)
        kept = str(done.kept) if done.kept else None
        summary = f"{done.orders} orders restored from {file}"
        return CommandReport(
            {"orders": done.orders, "kept": kept},
            show=lambda: say(f"{summary}; the old ledger is kept as {kept}" if kept else summary),
        )

    run_command(Job("ledger restore"), context.obj, as_json, work)


@ledger_app.command("prune")
def prune_ledger(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, help="Keep this many days.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Forget old runs and resolved alerts; orders and attempts stay."""

    def work(parts: Container) -> CommandReport:
        before = parts.clock.now() - timedelta(days=days)
        gone = _existing(parts).upkeep.prune(before)
        summary = ", ".join(f"{count} {name}" for name, count in gone.items())
        return CommandReport({"pruned": gone}, show=lambda: say(f"pruned {summary}"))

    run_command(Job("ledger prune"), context.obj, as_json, work)


@ledger_app.command("export")
def export_ledger(context: typer.Context) -> None:
    """Print every order with its attempts, a JSON object a line."""

    def work(parts: Container) -> CommandReport:
        for line in _existing(parts).upkeep.export():
            say(line)
        return CommandReport({})

    run_command(Job("ledger export", read_only=True), context.obj, False, work)
