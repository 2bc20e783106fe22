"""A ledger on disk between a shop and a warehouse in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock, FakeShop, FakeWarehouse, make_settings

from veracore_sync.config import Settings
from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ports.order_hooks import NO_HOOKS, OrderHooks


@dataclass
class Bench:
    """A ledger on disk between a shop and a warehouse in memory."""

    path: Path | PostgresPlace
    clock: FakeClock = field(default_factory=FakeClock)
    shop: FakeShop = field(default_factory=FakeShop)
    warehouse: FakeWarehouse = field(default_factory=FakeWarehouse)
    settings: Settings = field(default_factory=make_settings)
    order_hooks: OrderHooks = NO_HOOKS

    def __post_init__(self) -> None:
        self.ledger = open_ledger(self.path, clock=self.clock)

    def run(self, **options: Any) -> OrdersReport:
        """A run that must get through."""
        return self._run(options).run()

    def stopped(self, **options: Any) -> tuple[OrdersReport, SyncError]:
        """A run that must be stopped, and by what."""
        run = self._run(options)
        with pytest.raises(SyncError) as stop:
            run.run()
        return run.report, stop.value

    def _run(self, options: dict[str, Any]) -> OrdersRun:
        return OrdersRun(self.context(**options))

    def context(
        self,
        report: OrdersReport | None = None,
        options: RunOptions | None = None,
        progress: Progress = no_progress,
        **named: Any,
    ) -> RunContext[OrdersReport]:
        """As the container's; options may also be given by name."""
        return RunContext(
            OrdersReport() if report is None else report,
            self.shop,
            self.warehouse,
            self.ledger,
            self.settings,
            self.clock,
            options or RunOptions(**named),
            progress,
            order_hooks=self.order_hooks,
        )

    def row(self, code: str) -> OrderRow:
        row = self.ledger.orders.get(code)
        assert row is not None
        return row

    def state(self, code: str) -> str:
        return self.row(code).state
