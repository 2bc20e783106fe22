"""``sync-returns`` as commands run it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.sync_report import sync_report
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.returns.document import RETURNS_COUNTS, returns_document
from veracore_sync.jobs.returns.report import ReturnsReport
from veracore_sync.jobs.returns.run import ReturnsRun


def returns_run(
    container: Container, options: RunOptions, progress: Progress = no_progress
) -> ReturnsRun:
    """A run of ``sync-returns``."""
    return ReturnsRun(container.context(ReturnsReport(), options, progress))


def sync_returns(
    container: Container,
    options: RunOptions,
    show: Callable[[ReturnsReport], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Report what came back to VeraCore; the report holds what ended the run early.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    container.bind()
    report = returns_run(container, options, progress).try_run()
    document = returns_document(report)
    counts = {name: document[name] for name in RETURNS_COUNTS}
    return sync_report(report, document, counts, show)
