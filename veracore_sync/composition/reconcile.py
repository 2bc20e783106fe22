"""``reconcile`` as commands run it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.domain.differences import DifferenceRow, DifferenceType
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.reconcile.document import accepted_document, reconcile_document, totals
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.run import ReconcileRun, Wanted
from veracore_sync.jobs.reconcile.telling import accept


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """What a person asked ``reconcile`` for.

    Args:
        run: Orders by name, and whether nothing is stored.
        wanted: What of everything is compared.
        shown: Only differences of these types are shown; empty: all.
    """

    run: RunOptions = field(default_factory=RunOptions)
    wanted: Wanted = field(default_factory=Wanted)
    shown: frozenset[DifferenceType] = frozenset()


def reconcile_run(
    container: Container, options: ReconcileOptions, progress: Progress = no_progress
) -> ReconcileRun:
    """A run of ``reconcile``."""
    context = container.context(ReconcileReport(), options.run, progress)
    return ReconcileRun(context, options.wanted)


def reconcile(
    container: Container,
    options: ReconcileOptions,
    show: Callable[[ReconcileReport], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Compare ledger, shop and warehouse; the report holds what ended the run early.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    container.bind()
    report = reconcile_run(container, options, progress).try_run()
    document = reconcile_document(report, container.clock.now(), options.shown)
    return CommandReport(
        document,
        totals(report),
        report.needs_person,
        report.stopped_by,
        show=partial(show, report) if show else None,
        asked_for=True,
    )


def accept_difference(
    container: Container,
    type: DifferenceType,
    name: str,
    reason: str,
    show: Callable[[list[DifferenceRow]], None],
) -> CommandReport:
    """A person accepts a difference as it is.

    Raises:
        UsageError: There is no reason, or nothing to accept; nothing was changed.
    """
    container.bind()
    rows = accept(container.ledger, type, name, reason)
    document = accepted_document(rows, container.clock.now())
    return CommandReport(document, show=partial(show, rows), asked_for=True)
