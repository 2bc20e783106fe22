"""``retry``: put orders back into the queue by hand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer

from veracore_sync.cli.output import say
from veracore_sync.cli.progress import shown
from veracore_sync.cli.reasons import say_notices, say_reasons
from veracore_sync.cli.run_command import run_command
from veracore_sync.cli.run_orders import EMPTY
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.composition.orders import doubt_resolver
from veracore_sync.config.types import closest
from veracore_sync.domain.errors import Category, SyncError, UpstreamError, UsageError
from veracore_sync.jobs.orders.document import orders_document
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.progress import Progress
from veracore_sync.jobs.retry import execute, explain, plan


def retry(
    context: typer.Context,
    orders: Annotated[
        list[str] | None, typer.Argument(metavar="ORDER", help="Code or id of an order.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every order that is failed, parked or in doubt.")
    ] = False,
    error_class: Annotated[
        str | None,
        typer.Option("--class", help="Only orders with this class of failure.", metavar="CLASS"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would be done; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Queue failed and parked orders again.

    Orders in doubt are looked up at VeraCore now.
    """
    names = tuple(orders or ())
    job = Job(
        "retry",
        "orders",
        record=not dry_run,
        read_only=dry_run,
        empty=EMPTY,
        one_shop=bool(names),
    )

    def work(container: Container) -> CommandReport:
        with shown(quiet=as_json) as progress:
            return _work(container, names, every, error_class, dry_run, progress)

    run_command(
        job,
        context.obj,
        as_json,
        work,
    )


def _work(
    container: Container,
    names: tuple[str, ...],
    every: bool,
    error_class: str | None,
    dry_run: bool,
    progress: Progress,
) -> CommandReport:
    _must_be_a_class(error_class)
    chosen = plan(container.ledger, names, every=every, error_class=error_class)
    report = OrdersReport()
    error: SyncError | None = None
    if not dry_run:
        doubts = None
        container.bind(logs_in=bool(chosen.look_up))
        if chosen.look_up:
            doubts = doubt_resolver(container, report, progress)
        try:
            execute(chosen, container.ledger, report, doubts)
        except UpstreamError as failure:
            # What was done until then is kept and shown.
            error = failure
    explain(chosen, container.ledger, report, dry_run=dry_run)
    document = orders_document(report, container.ledger)
    document["refused"] = [
        {"vendureOrderCode": row.code, "reason": why} for row, why in chosen.refused
    ]
    document["lookUps"] = [
        {"vendureOrderCode": code, "found": found} for code, found in report.found.items()
    ]
    if dry_run:
        document["plan"] = [
            {"action": "requeue", "vendureOrderCode": r.code} for r in chosen.requeue
        ]
        document["plan"] += [
            {"action": "look up", "vendureOrderCode": row.code} for row in chosen.look_up
        ]
    # Those are among what needs a person, and not written twice.
    refused = {row.code for row, _ in chosen.refused} if names else set()
    return CommandReport(
        document=document,
        news=report.needs_person
        + ([f"{row.code}: {why}" for row, why in chosen.refused] if names else []),
        error=error,
        show=lambda: _show(report, refused, error_class),
        asked_for=True,
    )


def _show(report: OrdersReport, refused: Collection[str], error_class: str | None) -> None:
    say_notices(report)
    say_reasons(one for one in report.reasons if not set(one.names) <= {*refused})
    if not report.reasons:
        which = f" with the class {error_class}" if error_class is not None else ""
        say(f"nothing to retry: no order is failed, parked or in doubt{which}")


def _must_be_a_class(name: str | None) -> None:
    # A class that is misspelled would find nothing, as if nothing had failed.
    known = [str(one) for one in Category]
    if name is not None and name not in known:
        raise UsageError(
            f"there is no class of failure {name}{closest(name, known)}",
            hint=f"the classes are {', '.join(known)}; `veracore-sync stats --failed` shows them",
        )
