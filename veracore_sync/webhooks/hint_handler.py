"""Processing of hints, by the code of the syncs, for one order or SKU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from veracore_sync.clock import Clock, from_text
from veracore_sync.composition.container import Container
from veracore_sync.composition.inventory import inventory_run
from veracore_sync.composition.orders import doubt_resolver, may_begin, orders_run
from veracore_sync.composition.tracking import recount, tracking_run
from veracore_sync.config import Loaded
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.hints import Kind, WebhookDelivery
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.waits import is_over
from veracore_sync.webhooks.worker import Handler

_LOG = logging.getLogger(__name__)


class HintJobs:
    """Runs the jobs for single names, with a container for each job.

    A container is kept between hints, and replaced after a failure, which may be an expired login.

    Args:
        loaded: The configuration.
        clock: The time.
    """

    def __init__(self, loaded: Loaded, clock: Clock) -> None:
        self._loaded = loaded
        self._clock = clock
        self._kept: dict[str, Container] = {}

    def handlers(self) -> dict[Kind, Handler]:
        """The handler of each kind of hint."""
        return {
            "inventory": Handler("inventory", self._with("inventory", _inventory)),
            "order": Handler("orders", self._with("orders", _order), requests=4),
            "tracking": Handler("tracking", self._with("tracking", _tracking)),
        }

    def _with(self, job: str, work: Callable[[Container, str], None]) -> Callable[[str], None]:
        return lambda name: self._follow(job, work, name)

    def _follow(self, job: str, work: Callable[[Container, str], None], name: str) -> None:
        if job not in self._kept:
            self._kept[job] = Container(self._loaded, self._clock, family=job)
        container = self._kept[job]
        try:
            with container.run_of(job):
                container.bind()
                work(container, name)
        except SyncError as error:
            container.remember_credentials_outcome(error)
            self._kept.pop(job).close()
            raise
        container.remember_credentials_outcome(None)

    def close(self) -> None:
        """Close the containers."""
        for container in self._kept.values():
            container.close()


def _order(container: Container, name: str) -> None:
    HintHandler(
        container,
        shipped=lambda code: container.ledger.inbox.store(
            [WebhookDelivery(None, "tracking", (code,))]
        ),
    ).follow(name)


def _tracking(container: Container, name: str) -> None:
    row = container.ledger.orders.find(name)
    if row is None:
        # Not an order of this ledger; polling handles the shipments of others.
        return
    run = tracking_run(container, RunOptions(only=(row.code,)))
    try:
        run.run()
        recount(container, run.report)
    finally:
        _log_warnings(run.report.needs_person)


def _inventory(container: Container, sku: str) -> None:
    run = inventory_run(container, RunOptions(only=(sku,)))
    try:
        run.run()
    finally:
        _log_warnings(run.report.needs_person)


def _log_warnings(news: Sequence[str]) -> None:
    for sentence in news:
        _LOG.warning("webhooks: %s", sentence)


@dataclass(frozen=True, slots=True)
class HintHandler:
    """Follows hints about orders. The caller holds the lock of the orders job.

    A hint never does what a timer would not: stored waits are kept, parked orders and conflicts
    are left to polling and to a person, and a first backlog is not sent one by one.

    Args:
        container: Both sides and the ledger.
        shipped: Requests a look-up of the shipments of an order that VeraCore has.
    """

    container: Container
    shipped: Callable[[str], object]

    def follow(self, name: str) -> None:
        """Sync one order.

        Args:
            name: Its code, or its id at VeraCore or Vendure.

        Raises:
            UsageError: Neither side knows it.
            SyncError: It failed and may be tried again.
        """
        self.container.ledger.transitions.recover()
        row = self.container.ledger.orders.find(name)
        if row is None or self._is_due(row):
            self._send(row.code if row else name)
        elif row.state is OrderState.IN_DOUBT:
            self._settle(row)
        elif row.state in (OrderState.SYNCED, OrderState.SHIPPED):
            self.shipped(row.code)

    def _is_due(self, row: OrderRow) -> bool:
        if row.state not in (OrderState.PENDING, OrderState.FAILED, OrderState.SKIPPED):
            return False
        until, longest = row.next_attempt_at, self.container.settings.longest_order_wait
        return until is None or is_over(from_text(until), self.container.clock.now(), longest)

    def _send(self, code: str) -> None:
        # Otherwise hints would send, one by one, the backlog that orders.max_first_run holds back.
        if not may_begin(self.container):
            return
        run = orders_run(self.container, RunOptions(only=(code,)))
        try:
            run.run()
        finally:
            _log_report(run.report)

    def _settle(self, row: OrderRow) -> None:
        report = OrdersReport()
        try:
            doubt_resolver(self.container, report).settle([row])
        finally:
            _log_report(report)


def _log_report(report: OrdersReport) -> None:
    _log_warnings(report.needs_person)
    for notice in report.notices:
        _LOG.info("webhooks: %s", notice)
