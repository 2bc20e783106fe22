"""How hints are followed: by the code that the syncs run, for one order or SKU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from veracore_sync.clock import Clock, from_text
from veracore_sync.composition.container import Container
from veracore_sync.composition.inventory import inventory_run
from veracore_sync.composition.orders import doubt_resolver, orders_run
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
    """Runs the jobs for single names, with parts of its own for each job.

    They are kept from hint to hint, and made again after a failure: what failed may be the login.

    Args:
        loaded: The configuration.
        clock: The time.
    """

    def __init__(self, loaded: Loaded, clock: Clock) -> None:
        self._loaded = loaded
        self._clock = clock
        self._kept: dict[str, Container] = {}

    def handlers(self) -> dict[Kind, Handler]:
        """How each kind of hint is followed."""
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
        parts = self._kept[job]
        try:
            with parts.run_of(job):
                parts.bind()
                work(parts, name)
        except SyncError as error:
            parts.remember_credentials_outcome(error)
            self._kept.pop(job).close()
            raise
        parts.remember_credentials_outcome(None)

    def close(self) -> None:
        """Close what was kept."""
        for parts in self._kept.values():
            parts.close()


def _order(parts: Container, name: str) -> None:
    HintHandler(
        parts,
        shipped=lambda code: parts.ledger.inbox.store([WebhookDelivery(None, "tracking", (code,))]),
    ).follow(name)


def _tracking(parts: Container, name: str) -> None:
    row = parts.ledger.orders.find(name)
    if row is None:
        # Polling finds the shipments of orders that this ledger did not send.
        return
    run = tracking_run(parts, RunOptions(only=(row.code,)))
    try:
        run.run()
        recount(parts, run.report)
    finally:
        _warn(run.report.needs_person)


def _inventory(parts: Container, sku: str) -> None:
    run = inventory_run(parts, RunOptions(only=(sku,)))
    try:
        run.run()
    finally:
        _warn(run.report.needs_person)


def _warn(news: Sequence[str]) -> None:
    for sentence in news:
        _LOG.warning("webhooks: %s", sentence)


@dataclass(frozen=True, slots=True)
class HintHandler:
    """Follows hints about orders. The caller holds the lock of the orders job.

    A hint never does what a timer would not: stored waiting times are kept, parked orders and
    conflicts are left to polling and to a person, and a first backlog is not sent piecemeal.

    Args:
        parts: Both sides, and the ledger where it is written.
        shipped: Has an order that VeraCore holds looked at for shipments.
    """

    parts: Container
    shipped: Callable[[str], object]

    def follow(self, name: str) -> None:
        """Look at one order.

        Args:
            name: Its code, or its id at VeraCore or Vendure.

        Raises:
            UsageError: Neither side knows it.
            SyncError: It cannot be done now.
        """
        self.parts.ledger.transitions.recover()
        row = self.parts.ledger.orders.find(name)
        if row is None or self._is_due(row):
            self._send(row.code if row else name)
        elif row.state is OrderState.IN_DOUBT:
            self._settle(row)
        elif row.state in (OrderState.SYNCED, OrderState.SHIPPED):
            self.shipped(row.code)

    def _is_due(self, row: OrderRow) -> bool:
        if row.state not in (OrderState.PENDING, OrderState.FAILED, OrderState.SKIPPED):
            return False
        until, longest = row.next_attempt_at, self.parts.settings.longest_order_wait
        return until is None or is_over(from_text(until), self.parts.clock.now(), longest)

    def _send(self, code: str) -> None:
        if not self._may_begin():
            return
        run = orders_run(self.parts, RunOptions(only=(code,)))
        try:
            run.run()
        finally:
            _tell(run.report)

    def _may_begin(self) -> bool:
        """Whether a first run of all that waits would be allowed; hints do not get round it."""
        if self.parts.ledger.orders.any_accepted():
            return True
        poll = self.parts.shop.poll(
            trigger_states=self.parts.settings.orders.trigger_states,
            moved_since=None,
            passed_states=(),
            passed_since=None,
        )
        return len(poll.waiting) <= self.parts.settings.orders.max_first_run

    def _settle(self, row: OrderRow) -> None:
        report = OrdersReport()
        try:
            doubt_resolver(self.parts, report).settle([row])
        finally:
            _tell(report)


def _tell(report: OrdersReport) -> None:
    _warn(report.needs_person)
    for notice in report.notices:
        _LOG.info("webhooks: %s", notice)
