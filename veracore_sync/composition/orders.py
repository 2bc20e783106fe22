"""``sync-orders`` as commands, admin and hints run it: the one place that builds its run."""

from __future__ import annotations

from collections.abc import Callable

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import CommandReport
from veracore_sync.composition.sync_report import sync_report
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.document import ORDER_COUNTS, orders_document
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.resolve import Resolver


def orders_run(parts: Container, options: RunOptions) -> OrdersRun:
    """A run of ``sync-orders``."""
    return OrdersRun(parts.context(OrdersReport(), options))


def sync_orders(
    parts: Container, options: RunOptions, show: Callable[[OrdersReport], None] | None = None
) -> CommandReport:
    """Send paid orders; what ended the run early is in the report.

    Args:
        parts: What runs it.
        options: What was asked for.
        show: Prints the result for a person.

    Raises:
        ConfigError: A setting is missing, or the ledger belongs to another pair.
    """
    parts.bind()
    report = orders_run(parts, options).try_run()
    document = orders_document(report, parts.ledger)
    counts = {name: document[name] for name in ORDER_COUNTS}
    return sync_report(report, document, counts, show)


def doubt_resolver(parts: Container, report: OrdersReport) -> DoubtResolver:
    """What looks orders in doubt up, and reports there."""
    return DoubtResolver(parts.context(report))


def order_resolver(parts: Container, report: OrdersReport) -> Resolver:
    """What does a person's decision about one order."""
    return Resolver(parts.context(report))
