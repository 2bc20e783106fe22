"""``ledger rebuild`` as the command runs it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.domain.errors import LedgerError, SyncError, UsageError
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.rebuild.check import CheckRun
from veracore_sync.jobs.rebuild.report import RebuildReport, check_document, rebuild_document
from veracore_sync.jobs.rebuild.run import RebuildRun
from veracore_sync.ledger.opening import every_job, place_of

COMMAND = "ledger rebuild"
Show = Callable[[RebuildReport], None]


def rebuild(
    container: Container,
    *,
    since: datetime | None,
    lookups: int | None,
    applies: bool,
    show: Show,
    progress: Progress = no_progress,
) -> CommandReport:
    """Fill a fresh ledger, or show how it would be filled.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
        LockHeld: A job or a listener is at work on this ledger.
        SyncError: A side as a whole cannot be read; the next run goes on.
    """
    container.bind()
    report = RebuildReport()
    context = container.context(report, None, progress)
    run = RebuildRun(context, since, lookups, applies)
    error: SyncError | None = None
    place = place_of(container.settings.ledger)
    with every_job(container.ledger, place, COMMAND, "rebuilt") if applies else ExitStack():
        try:
            run.run()
        except SyncError as stop:
            error = stop
    document = rebuild_document(report, applied=applies)
    # Of a ledger that is refused there is nothing to show.
    is_refused = isinstance(error, UsageError)
    return CommandReport(
        document,
        news=report.needs_person,
        error=error,
        show=None if is_refused else lambda: show(report),
        asked_for=True,
    )


def check(
    container: Container,
    *,
    since: datetime | None,
    lookups: int | None,
    show: Show,
    progress: Progress = no_progress,
) -> CommandReport:
    """Say how far the ledger is from what both sides show.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
        LedgerError: There is no ledger.
        SyncError: A side as a whole cannot be read.
    """
    if container.ledger.place is None:
        missing = container.no_ledger()
        raise LedgerError(
            missing.message, hint="`veracore-sync ledger rebuild` shows what a new one would hold"
        )
    container.bind()
    report = CheckRun(container.context(RebuildReport(), None, progress), since, lookups).run()
    return CommandReport(
        check_document(report),
        show=lambda: show(report),
        asked_for=True,
        code=3 if report.differences else 0,
    )
