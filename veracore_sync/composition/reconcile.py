"""``reconcile`` as commands run it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport, job_lock
from veracore_sync.composition.repairs import repairs
from veracore_sync.domain.differences import DifferenceRow, DifferenceType
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.reconcile.apply import MAX_APPLIED, Applier, ApplyReport, chosen
from veracore_sync.jobs.reconcile.book import Book
from veracore_sync.jobs.reconcile.document import accepted_document, reconcile_document, totals
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.run import ReconcileRun, Wanted
from veracore_sync.jobs.reconcile.stock import StockExaminer
from veracore_sync.jobs.reconcile.telling import accept
from veracore_sync.jobs.schedule import COMMANDS


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """What a person asked ``reconcile`` for.

    Args:
        run: Orders by name, and whether nothing is stored.
        wanted: What of everything is compared.
        shown: Only differences of these types are shown; empty: all.
        apply: Types of differences that are repaired.
        most: How many repairs are begun.
        names: Only these SKUs are repaired, beside the orders that were named; empty: all.
    """

    run: RunOptions = field(default_factory=RunOptions)
    wanted: Wanted = field(default_factory=Wanted)
    shown: frozenset[DifferenceType] = frozenset()
    apply: tuple[DifferenceType, ...] = ()
    most: int = MAX_APPLIED
    names: tuple[str, ...] = ()


def reconcile_run(
    container: Container, options: ReconcileOptions, progress: Progress = no_progress
) -> ReconcileRun:
    """A run of ``reconcile``."""
    context = container.context(ReconcileReport(), options.run, progress)
    return ReconcileRun(context, options.wanted)


def reconcile(
    container: Container,
    options: ReconcileOptions,
    show: Callable[[ReconcileReport, ApplyReport | None], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Compare ledger, shop and warehouse, and repair; the report holds what ended it early.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    container.bind()
    run = reconcile_run(container, options, progress)
    report, applied = run.try_run(), None
    reported = _reported_before(container)
    summary: dict[str, Any] = totals(report)
    document = reconcile_document(report, container.clock.now(), options.shown)
    if options.apply and report.stopped_by is None:
        applied = _apply(container, run, options)
        document["applied"] = [one.document() for one in applied.applied]
        document["notes"] += applied.needs_person
        summary["applied"] = applied.counts()
    return CommandReport(
        document,
        summary,
        _news(container, report, applied, reported),
        report.stopped_by or (applied.stopped_by if applied else None),
        show=partial(show, report, applied) if show else None,
        asked_for=True,
    )


def _apply(container: Container, run: ReconcileRun, options: ReconcileOptions) -> ApplyReport:
    """Repair what the run found, and what earlier runs found and nobody has seen gone."""
    rows = {one.difference.key: one for one in container.ledger.differences.standing()}
    now = to_text(container.clock.now())
    for one in run.report.found:
        # A run that must not write has stored nothing.
        rows.setdefault(one.difference.key, DifferenceRow(one.difference, now, now))
    try:
        orders = run.examiner()
    except SyncError as error:
        return ApplyReport(stopped_by=error)
    applier = Applier(
        orders=orders,
        stock=StockExaminer(run.context),
        repairs=repairs(container),
        lock=lambda job: job_lock(container, job, COMMANDS["reconcile"]),
        record=Book(run.context).record,
        is_over=run.context.ends_here,
        most=options.most,
        plan_only=run.context.must_not_write,
    )
    ledger = container.ledger
    found = [(name, ledger.orders.find(name)) for name in options.run.only]
    named = [row.code if row is not None else name for name, row in found]
    return applier.apply(chosen(rows.values(), options.apply, [*named, *options.names]))


def _reported_before(container: Container) -> dict[str, str]:
    """The key of each alert that stands, by its sentence as a run reports it."""
    return {
        f"{one.code}: {one.message}" if one.code else one.message: one.key
        for one in container.ledger.alerts.standing()
    }


def _news(
    container: Container,
    report: ReconcileReport,
    applied: ApplyReport | None,
    reported: Mapping[str, str],
) -> list[str]:
    """What needs a person: not what the run found, and has repaired."""
    if applied is None:
        return report.needs_person
    settled = {f"{AlertKind.ORDER_DIFFERS}:{name}:{type}" for name, type in applied.settled()}
    open_keys = {one.key for one in container.ledger.alerts.standing()} - settled
    news = [one for one in report.needs_person if one not in reported or reported[one] in open_keys]
    return news + applied.needs_person


def accept_difference(
    container: Container,
    type: DifferenceType,
    name: str,
    reason: str,
    show: Callable[[list[DifferenceRow]], None] = lambda _rows: None,
) -> CommandReport:
    """A person accepts a difference as it is.

    Raises:
        UsageError: There is no reason, or nothing to accept; nothing was changed.
    """
    container.bind()
    rows = accept(container.ledger, type, name, reason)
    document = accepted_document(rows, container.clock.now())
    return CommandReport(document, show=partial(show, rows), asked_for=True)
