"""How a hint about an order is followed: by the code that ``sync-orders`` runs, for that one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from veracore_sync.clock import Clock, from_text
from veracore_sync.config import Settings
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.jobs.orders.doubts import Doubts
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.ledger import OrderRow
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.shop import Shop
from veracore_sync.veracore.port import Warehouse
from veracore_sync.waits import is_over

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OrderHints:
    """Follows hints about orders. The caller holds the lock of the orders job.

    A hint never does what a timer would not: stored waiting times are kept, parked orders and
    conflicts are left to polling and to a person, and a first backlog is not sent piecemeal.

    Args:
        shop: Vendure.
        warehouse: VeraCore.
        ledger: Where it is written.
        settings: All of them.
        clock: The time.
        shipped: Has an order that VeraCore holds looked at for shipments.
    """

    shop: Shop
    warehouse: Warehouse
    ledger: Ledger
    settings: Settings
    clock: Clock
    shipped: Callable[[str], object]

    def follow(self, name: str) -> None:
        """Look at one order.

        Args:
            name: Its code, or its id at VeraCore or Vendure.

        Raises:
            UsageError: Neither side knows it.
            SyncError: It cannot be done now.
        """
        self.ledger.moves.recover()
        row = self.ledger.orders.find(name)
        if row is None or self._is_due(row):
            self._send(row.code if row else name)
        elif row.state == "in_doubt":
            self._settle(row)
        elif row.state in ("synced", "shipped"):
            self.shipped(row.code)

    def _is_due(self, row: OrderRow) -> bool:
        if row.state not in ("pending", "failed", "skipped"):
            return False
        until, longest = row.next_attempt_at, self.settings.longest_order_wait
        return until is None or is_over(from_text(until), self.clock.now(), longest)

    def _send(self, code: str) -> None:
        if not self._may_begin():
            return
        context = self._context(RunOptions(only=(code,)))
        try:
            OrdersRun(context).run()
        finally:
            _tell(context.report)

    def _may_begin(self) -> bool:
        """Whether a first run of all that waits would be allowed; hints do not get round it."""
        if self.ledger.orders.any_accepted():
            return True
        poll = self.shop.poll(
            trigger_states=self.settings.orders.trigger_states,
            moved_since=None,
            passed_states=(),
            passed_since=None,
        )
        return len(poll.waiting) <= self.settings.orders.max_first_run

    def _settle(self, row: OrderRow) -> None:
        context = self._context(RunOptions())
        try:
            Doubts(context).settle([row])
        finally:
            _tell(context.report)

    def _context(self, options: RunOptions) -> RunContext[OrdersReport]:
        return RunContext(
            OrdersReport(),
            self.shop,
            self.warehouse,
            self.ledger,
            self.settings,
            self.clock,
            options,
        )


def _tell(report: OrdersReport) -> None:
    for sentence in report.needs_person:
        _LOG.warning("webhooks: %s", sentence)
    for notice in report.notices:
        _LOG.info("webhooks: %s", notice)
