"""One function for each run of a job; commands, hints and the admin build runs only here."""

from __future__ import annotations

from veracore_sync.composition.container import Container
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.jobs.schedule import COMMANDS
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun


def orders_run(parts: Container, options: RunOptions) -> OrdersRun:
    """A run of ``sync-orders``."""
    return OrdersRun(parts.context(OrdersReport(), options))


def inventory_run(
    parts: Container, options: RunOptions, progress: Progress = no_progress
) -> InventoryRun:
    """A run of ``sync-inventory``."""
    return InventoryRun(parts.context(InventoryReport(), options, progress))


def tracking_run(
    parts: Container, options: RunOptions, progress: Progress = no_progress
) -> TrackingRun:
    """A run of ``sync-tracking``."""
    return TrackingRun(parts.context(TrackingReport(), options, progress))


def recount(parts: Container, report: TrackingReport) -> None:
    """Recalculate the SKUs whose level was raised to fulfil a shipment."""
    # Without a finished inventory run, stock is not maintained by this program: leave it alone.
    if not report.raised or parts.ledger.runs.last_ended(COMMANDS["inventory"]) is None:
        return
    skus = tuple(dict.fromkeys(report.raised))
    try:
        with parts.ledger.runs.lock("inventory", COMMANDS["tracking"]):
            inventory_run(parts, RunOptions(only=skus)).run()
    except SyncError as error:
        report.notify(f"stock of {', '.join(skus)} was not recounted: {error.message}")


def doubt_resolver(parts: Container, report: OrdersReport) -> DoubtResolver:
    """Looks orders in doubt up; results go into `report`."""
    return DoubtResolver(parts.context(report))


def order_resolver(parts: Container, report: OrdersReport) -> Resolver:
    """Carries out a person's decision about one order; results go into `report`."""
    return Resolver(parts.context(report))
