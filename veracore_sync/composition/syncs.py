"""The three syncs, as commands and the admin run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.runs import inventory_run, orders_run, recount, tracking_run
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.inventory.document import INVENTORY_COUNTS, inventory_document
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.document import ORDER_COUNTS, orders_document
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.tracking.document import TRACKING_COUNTS, tracking_document
from veracore_sync.jobs.tracking.report import TrackingReport


class _Planned(Protocol):
    needs_person: list[str]
    stopped_by: SyncError | None

    @property
    def plan(self) -> object:
        """The plan of a dry run; ``None`` of any other run."""


Report = TypeVar("Report", bound=_Planned)


def sync_orders(
    parts: Container, options: RunOptions, show: Callable[[OrdersReport], None] | None = None
) -> CommandReport:
    """Send paid orders; the report holds what ended the run early.

    Args:
        parts: The process's parts.
        options: The options of the run.
        show: Prints the result for a person.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    parts.bind()
    report = orders_run(parts, options).try_run()
    document = orders_document(report, parts.ledger)
    counts = {name: document[name] for name in ORDER_COUNTS}
    return _report(report, document, counts, show)


def sync_inventory(
    parts: Container,
    options: RunOptions,
    show: Callable[[InventoryReport], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Set the shop's stock to what VeraCore can promise; the report holds what ended the run.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    parts.bind()
    report = inventory_run(parts, options, progress).try_run()
    document = inventory_document(report)
    counts = {name: document[name] for name in (*INVENTORY_COUNTS, "withheld", "guard")}
    return _report(report, document, counts, show)


def sync_tracking(
    parts: Container,
    options: RunOptions,
    show: Callable[[TrackingReport], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Record shipments in the shop; the report holds what ended the run early.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    parts.bind()
    report = tracking_run(parts, options, progress).try_run()
    recount(parts, report)
    document = tracking_document(report)
    counts = {name: document[name] for name in TRACKING_COUNTS}
    return _report(report, document, counts, show)


def _report(
    report: Report,
    document: dict[str, Any],
    counts: Mapping[str, Any],
    show: Callable[[Report], None] | None,
) -> CommandReport:
    return CommandReport(
        document,
        counts,
        report.needs_person,
        report.stopped_by,
        show=partial(show, report) if show else None,
        asked_for=report.plan is not None,
    )
