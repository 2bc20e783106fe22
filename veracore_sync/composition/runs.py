"""Every run of a job, built in one place: each function here is the one way to get its run."""

from __future__ import annotations

from veracore_sync.composition.container import Container
from veracore_sync.errors import SyncError
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.inventory.run import Wishes as InventoryWishes
from veracore_sync.jobs.orders.doubts import Doubts
from veracore_sync.jobs.orders.run import OrdersRun, make_doubts
from veracore_sync.jobs.orders.run import Wishes as OrdersWishes
from veracore_sync.jobs.progress import Progress, unheard
from veracore_sync.jobs.resolve import Resolver
from veracore_sync.jobs.schedule import COMMANDS
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.jobs.tracking.run import TrackingRun
from veracore_sync.jobs.tracking.run import Wishes as TrackingWishes


def orders_run(parts: Container, wishes: OrdersWishes) -> OrdersRun:
    """A run of ``sync-orders``."""
    return OrdersRun(
        shop=parts.shop,
        warehouse=parts.warehouse,
        ledger=parts.ledger,
        settings=parts.settings,
        clock=parts.clock,
        wishes=wishes,
    )


def inventory_run(
    parts: Container, wishes: InventoryWishes, progress: Progress = unheard
) -> InventoryRun:
    """A run of ``sync-inventory``."""
    return InventoryRun(
        shop=parts.shop.stock,
        warehouse=parts.warehouse,
        ledger=parts.ledger,
        settings=parts.settings,
        clock=parts.clock,
        wishes=wishes,
        progress=progress,
    )


def tracking_run(
    parts: Container, wishes: TrackingWishes, progress: Progress = unheard
) -> TrackingRun:
    """A run of ``sync-tracking``."""
    return TrackingRun(
        shop=parts.shop,
        warehouse=parts.warehouse,
        ledger=parts.ledger,
        settings=parts.settings,
        clock=parts.clock,
        wishes=wishes,
        progress=progress,
    )


def recount(parts: Container, result: TrackingResult) -> None:
    """Compute SKUs anew whose level was raised; only where this tool writes stock at all."""
    if not result.raised or parts.ledger.runs.last_ended(COMMANDS["inventory"]) is None:
        return
    wishes = InventoryWishes(skus=tuple(dict.fromkeys(result.raised)))
    try:
        with parts.ledger.runs.lock("inventory", COMMANDS["tracking"]):
            inventory_run(parts, wishes).run()
    except SyncError as error:
        result.notes.append(f"stock of {', '.join(wishes.skus)} was not recounted: {error.message}")


def doubt_resolver(parts: Container) -> Doubts:
    """What looks orders in doubt up."""
    return make_doubts(parts.warehouse, parts.ledger, parts.settings, parts.clock)


def order_resolver(parts: Container) -> Resolver:
    """What does a person's decision about one order."""
    return Resolver(parts.ledger, doubt_resolver(parts), parts.settings.orders.id_prefix)
