"""``ledger rebuild`` as the command runs it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.domain.errors import LedgerError, LockHeld, SyncError
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.rebuild.check import CheckRun
from veracore_sync.jobs.rebuild.report import RebuildReport, check_document, rebuild_document
from veracore_sync.jobs.rebuild.run import RebuildRun
from veracore_sync.ledger.opening import place_of
from veracore_sync.ledger.runs import JOBS

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
    with _every_job(container) if applies else ExitStack():
        try:
            run.run()
        except SyncError as stop:
            error = stop
    document = rebuild_document(report, applied=applies)
    return CommandReport(
        document, news=report.needs_person, error=error, show=lambda: show(report), asked_for=True
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


@contextmanager
def _every_job(container: Container) -> Iterator[None]:
    """Hold every job of the ledger: whatever works on it meanwhile would not know its orders.

    Raises:
        LockHeld: One is at work; nothing was changed.
    """
    runs = container.ledger.runs
    with ExitStack() as stack:
        for job in JOBS:
            try:
                stack.enter_context(runs.lock(job, COMMAND, wait_seconds=_patience(container, job)))
            except LockHeld as error:
                raise LockHeld(
                    f"{error.message}; nothing was rebuilt",
                    hint="stop the timers and the listeners on every host, then run it again",
                ) from None
        yield


def _patience(container: Container, job: str) -> float:
    """How long to wait for a job: for the leases of a rebuild that was killed, until they end."""
    place = place_of(container.settings.ledger)
    if isinstance(place, Path):
        return 0
    holder = container.ledger.runs.holder(job)
    return place.lease_seconds + 1 if holder is not None and holder.command == COMMAND else 0
