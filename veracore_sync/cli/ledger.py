"""``ledger``: check, back up, restore, rebuild, rebind, move, prune and export the ledger."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from veracore_sync.cli.ledger_rebuild import rebuild_ledger
from veracore_sync.cli.output import on_terminal, say
from veracore_sync.cli.progress import shown
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.backups import backup_recorded
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.composition.rebind import COMMAND, MovedSide, rebind
from veracore_sync.domain.errors import LedgerError, UsageError
from veracore_sync.ledger.opening import back_up, is_there, move, place_of, read_backup, restore
from veracore_sync.ports.ledger import Ledger

ledger_app = typer.Typer(
    help="Check, back up, restore, rebuild, rebind, move, prune and export the ledger.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_MOST_DAYS = 36500
_APPLY = "`veracore-sync ledger rebind --apply`"
_APPLY_ALL_THE_SAME = "`veracore-sync ledger rebind --apply --allow-missing`"
_NOT_REBOUND = (
    "nothing was changed; {} does it. A copy looks the same: "
    "never let two installations serve one shop or one account"
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _existing(container: Container) -> Ledger:
    if container.ledger.place is None:
        raise container.no_ledger()
    return container.ledger


@ledger_app.command("check")
def check_ledger(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="A backup to read to its end, instead of the ledger.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the ledger, or a backup of it, for damage."""

    def work(container: Container) -> CommandReport:
        if file is not None and not _is_the_ledger(file, container):
            return _backup_checked(file)
        container.use_an_outdated_ledger_as_it_is()
        found = _existing(container).upkeep.check()
        error = None
        if found:
            error = LedgerError(
                f"the ledger {container.ledger.place} is damaged: {found[0]}",
                hint="run `veracore-sync ledger restore FILE` with the newest backup; the next "
                "`veracore-sync sync-orders` looks up orders before it sends any",
            )
        return CommandReport(
            {"problems": found}, error=error, show=lambda: _show_problems(found), asked_for=True
        )

    job = Job("ledger check", read_only=True, one_shop=file is not None)
    run_command(job, context.obj, as_json, work)


def _is_the_ledger(file: Path, container: Container) -> bool:
    place = place_of(container.settings.ledger)
    return isinstance(place, Path) and place.exists() and file.exists() and place.samefile(file)


def _backup_checked(file: Path) -> CommandReport:
    found = read_backup(file)
    error = None
    if found.problems:
        error = LedgerError(
            f"the backup {file} is damaged: {found.problems[0]}", hint="restore from an older one"
        )
    held = f"; it holds {found.orders} orders" if found.orders is not None else ""
    lines = found.problems or [f"no problem found in {file}{held}"]
    document = {"problems": found.problems, "path": str(file), "orders": found.orders}
    return CommandReport(document, error=error, show=lambda: say(*lines), asked_for=True)


def _show_problems(found: list[str]) -> None:
    say(*(found or ["no problem found"]))


@ledger_app.command("backup")
def backup_ledger(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="Backup file to create, which must not exist; or a folder, which gets a file "
            "named by ledger and time.",
            metavar="FILE",
        ),
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Keep the N newest backups of this ledger in that folder and delete older ones, "
            "once the new one was read to its end.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the ledger to a file or into a folder; safe while other commands write."""

    def work(container: Container) -> CommandReport:
        # Also before the first run after an upgrade: this is the ledger to go back to.
        container.use_an_outdated_ledger_as_it_is()
        with backup_recorded(container, is_scheduled=keep is not None):
            return _backup(_existing(container), file, container.clock.now(), keep)

    run_command(Job("ledger backup", read_only=True, one_shop=True), context.obj, as_json, work)


def _backup(ledger: Ledger, file: Path, now: datetime, keep: int | None) -> CommandReport:
    if file.is_dir():
        return _into_folder(ledger, file, now, keep)
    if keep is not None:
        raise UsageError(
            f"--keep needs a folder, and {file} is none",
            hint=f"make it: install -d -m 0700 {shlex.quote(str(file))}",
        )
    size = ledger.upkeep.backup(file)
    return CommandReport(
        {"path": str(file), "bytes": size}, show=lambda: say(f"{file}: {size} bytes")
    )


def _into_folder(ledger: Ledger, folder: Path, now: datetime, keep: int | None) -> CommandReport:
    done = back_up(ledger, folder, now, keep)
    document = {
        "path": str(done.path),
        "bytes": done.size,
        "removed": [str(one) for one in done.removed],
    }
    lines = [f"{done.path}: {done.size} bytes", *(f"deleted {one}" for one in done.removed)]
    return CommandReport(document, show=lambda: say(*lines))


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


@ledger_app.command("rebind")
def rebind_ledger(
    context: typer.Context,
    applies: Annotated[
        bool, typer.Option("--apply", help="Record it; without, it is only shown.")
    ] = False,
    may_miss: Annotated[
        bool,
        typer.Option("--allow-missing", help="Also if some of the newest orders are not there."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bind the ledger to the new address of its shop or its VeraCore.

    The ledger's newest orders must be there.
    """

    def show(sides: Sequence[MovedSide]) -> None:
        for one in sides:
            say(f"{one.side}: the ledger is bound to {one.bound}, and {one.wanted} is set")
            say(f"{one.found} of the {one.compared} newest orders are there")
        if not sides:
            say("the ledger is bound to what is set: nothing has to be changed")
        elif all(one.refusal(may_miss=may_miss) is None for one in sides):
            does = _APPLY_ALL_THE_SAME if any(one.missing for one in sides) else _APPLY
            done = "rebound: start the timers and the listeners"
            say(done if applies else _NOT_REBOUND.format(does))

    def work(container: Container) -> CommandReport:
        container.require("ledger")
        if not is_there(place_of(container.settings.ledger)):
            raise container.no_ledger()
        with shown(quiet=as_json) as progress:
            return rebind(container, show, progress, applies=applies, may_miss=may_miss)

    job = Job(COMMAND, read_only=not applies, force=True, one_shop=True, rebuilds=True)
    run_command(job, context.obj, as_json, work)


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
        with shown(quiet=as_json) as progress:
            done = move(
                settings,
                to,
                container.clock,
                container.must_belong,
                lambda rows: progress("copying and comparing rows", rows, 0),
            )
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
    days: Annotated[
        int,
        typer.Option(min=1, max=_MOST_DAYS, help="Keep this many days.", metavar="DAYS"),
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """Delete old runs, resolved alerts, events and history of orders.

    Orders and their attempts are kept: they prevent a second order.
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
        ledger = _existing(container)
        # On a terminal, the lines themselves show how far it is.
        with shown(quiet=on_terminal(), results_go_elsewhere=True) as progress:
            of = sum(ledger.orders.counts().values())
            for done, line in enumerate(ledger.upkeep.export()):
                progress("exporting orders", done, of)
                say(line)
        return CommandReport({})

    run_command(Job("ledger export", read_only=True, one_shop=True), context.obj, False, work)
