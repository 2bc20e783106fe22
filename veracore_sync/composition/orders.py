"""``sync-orders`` as commands, the admin and hints run it; only this module builds its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.sync_report import sync_report
from veracore_sync.jobs.cancel.command import CancelOrders
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.document import ORDER_COUNTS, orders_document
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.resolve import Resolver


def orders_run(
    container: Container, options: RunOptions, progress: Progress = no_progress
) -> OrdersRun:
    """A run of ``sync-orders``."""
    return OrdersRun(container.context(OrdersReport(), options, progress))


def sync_orders(
    container: Container,
    options: RunOptions,
    show: Callable[[OrdersReport], None] | None = None,
    progress: Progress = no_progress,
) -> CommandReport:
    """Send paid orders; the report holds what ended the run early.

    Args:
        container: What runs it.
        options: What was asked for.
        show: Prints the result for a person.
        progress: Called as the run advances.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    container.bind()
    report = orders_run(container, options, progress).try_run()
    document = orders_document(report, container.ledger)
    counts = {name: document[name] for name in ORDER_COUNTS}
    done = sync_report(report, document, counts, show)
    # Who names an order asks about it: the answer is printed off a terminal, too.
    return replace(done, asked_for=True) if options.only else done


def may_begin(container: Container) -> bool:
    """Whether a first run over the whole backlog would be allowed, so that one order may be sent.

    Raises:
        SyncError: The shop cannot be read.
    """
    if container.ledger.orders.any_accepted():
        return True
    poll = container.shop.poll(
        trigger_states=container.settings.orders.trigger_states,
        moved_since=None,
        passed_states=(),
        passed_since=None,
    )
    return len(poll.waiting) <= container.settings.orders.max_first_run


def doubt_resolver(
    container: Container, report: OrdersReport, progress: Progress = no_progress
) -> DoubtResolver:
    """Looks orders in doubt up; results go into `report`."""
    return DoubtResolver(container.context(report, progress=progress))


def order_canceller(
    container: Container, report: OrdersReport, progress: Progress = no_progress
) -> CancelOrders:
    """Has VeraCore cancel orders; results go into `report`."""
    return CancelOrders(container.context(report, progress=progress))


def order_resolver(container: Container, report: OrdersReport) -> Resolver:
    """Carries out a person's decision about one order; results go into `report`."""
    return Resolver(container.context(report))
