"""``sync-tracking`` as commands, the admin and hints run it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from veracore_sync.composition.container import Container
from veracore_sync.composition.inventory import inventory_run
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.sync_report import sync_report
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.schedule import COMMANDS
from veracore_sync.jobs.tracking.document import TRACKING_COUNTS, tracking_document
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun


def tracking_run(
    container: Container, options: RunOptions, progress: Progress = no_progress
) -> TrackingRun:
    """A run of ``sync-tracking``."""
    return TrackingRun(container.context(TrackingReport(), options, progress))


def sync_tracking(
    container: Container,
    options: RunOptions,
    show: Callable[[TrackingReport], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Record shipments in the shop; the report holds what ended the run early.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    container.bind()
    report = tracking_run(container, options, progress).try_run()
    recount(container, report)
    document = tracking_document(report)
    counts = {name: document[name] for name in TRACKING_COUNTS}
    done = sync_report(report, document, counts, show)
    # Who names an order asks about it: the answer is printed off a terminal, too.
    return replace(done, asked_for=True) if options.only else done


def recount(container: Container, report: TrackingReport) -> None:
    """Recalculate the SKUs whose level was raised to fulfil a shipment."""
    # Without a finished inventory run, stock is not maintained by this program: leave it alone.
    if not report.raised or container.ledger.runs.last_ended(COMMANDS["inventory"]) is None:
        return
    skus = tuple(dict.fromkeys(report.raised))
    try:
        with container.ledger.runs.lock("inventory", COMMANDS["tracking"]):
            inventory_run(container, RunOptions(only=skus)).run()
    except SyncError as error:
        report.notify(f"stock of {', '.join(skus)} was not recounted: {error.message}")
