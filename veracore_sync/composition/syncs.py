"""The three syncs as commands and the admin run them: to their end, with a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.runs import inventory_run, orders_run, recount, tracking_run
from veracore_sync.errors import SyncError
from veracore_sync.jobs.inventory.document import INVENTORY_COUNTS, inventory_document
from veracore_sync.jobs.inventory.result import InventoryResult
from veracore_sync.jobs.inventory.run import Wishes as InventoryWishes
from veracore_sync.jobs.orders.document import ORDER_COUNTS, orders_document
from veracore_sync.jobs.orders.result import OrdersResult
from veracore_sync.jobs.orders.run import Wishes as OrdersWishes
from veracore_sync.jobs.progress import Progress, unheard
from veracore_sync.jobs.tracking.document import TRACKING_COUNTS, tracking_document
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.jobs.tracking.run import Wishes as TrackingWishes


class _Run(Protocol):
    def run(self) -> object:
        """Do it, or raise a `SyncError`."""


class _Result(Protocol):
    news: list[str]

    @property
    def plan(self) -> object:
        """Of a dry run; else ``None``."""


Result = TypeVar("Result", bound=_Result)


def sync_orders(
    parts: Container, wishes: OrdersWishes, show: Callable[[OrdersResult], None] | None = None
) -> CommandReport:
    """Send paid orders; what ended the run early is in the report.

    Args:
        parts: What runs it.
        wishes: What was asked for.
        show: Prints the result for a person.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    parts.bind()
    run = orders_run(parts, wishes)
    error = _stopped_by(run)
    document = orders_document(run.result, parts.ledger)
    counts = {name: document[name] for name in ORDER_COUNTS}
    return _report(run.result, document, counts, error, show)


def sync_inventory(
    parts: Container,
    wishes: InventoryWishes,
    show: Callable[[InventoryResult], None] | None = None,
    progress: Progress = unheard,
) -> CommandReport:
    """Bring the shop's stock to what VeraCore can promise; what ended the run is in the report.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    parts.bind()
    run = inventory_run(parts, wishes, progress)
    error = _stopped_by(run)
    document = inventory_document(run.result)
    counts = {name: document[name] for name in (*INVENTORY_COUNTS, "withheld", "guard")}
    return _report(run.result, document, counts, error, show)


def sync_tracking(
    parts: Container,
    wishes: TrackingWishes,
    show: Callable[[TrackingResult], None] | None = None,
    progress: Progress = unheard,
) -> CommandReport:
    """Bring shipments back; what ended the run is in the report.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    parts.bind()
    run = tracking_run(parts, wishes, progress)
    error = _stopped_by(run)
    recount(parts, run.result)
    document = tracking_document(run.result)
    counts = {name: document[name] for name in TRACKING_COUNTS}
    return _report(run.result, document, counts, error, show)


def _stopped_by(run: _Run) -> SyncError | None:
    try:
        run.run()
    except SyncError as error:
        return error
    return None


def _report(
    result: Result,
    document: dict[str, Any],
    counts: Mapping[str, Any],
    error: SyncError | None,
    show: Callable[[Result], None] | None,
) -> CommandReport:
    return CommandReport(
        document,
        counts,
        result.news,
        error,
        show=partial(show, result) if show else None,
        asked_for=result.plan is not None,
    )
