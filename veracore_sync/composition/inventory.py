"""``sync-inventory`` as commands, the admin and hints run it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.sync_report import sync_report
from veracore_sync.jobs.inventory.document import INVENTORY_COUNTS, inventory_document
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.progress import Progress, no_progress


def inventory_run(
    container: Container, options: RunOptions, progress: Progress = no_progress
) -> InventoryRun:
    """A run of ``sync-inventory``."""
    return InventoryRun(container.context(InventoryReport(), options, progress))


def sync_inventory(
    container: Container,
    options: RunOptions,
    show: Callable[[InventoryReport], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Set the shop's stock to what VeraCore can promise; the report holds what ended the run.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    container.bind()
    report = inventory_run(container, options, progress).try_run()
    document = inventory_document(report)
    stored = ("mode", "fullBecause", *INVENTORY_COUNTS, "withheld", "guard")
    counts = {name: document[name] for name in stored}
    done = sync_report(report, document, counts, show)
    # Who names a SKU asks about it: the answer is printed off a terminal, too.
    return replace(done, asked_for=True) if options.only else done
