"""The run of a job: options, context and parts; its report is in `jobs.report`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from veracore_sync.clock import Clock
from veracore_sync.config import Settings
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.progress import Progress, no_progress
from veracore_sync.jobs.rehearsal import is_simulator_of_a_real_shop
from veracore_sync.jobs.report import RunReport
from veracore_sync.jobs.schedule import max_run
from veracore_sync.ports.concurrency import ONE_AT_A_TIME, Concurrency
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.order_hooks import NO_HOOKS, OrderHooks
from veracore_sync.ports.shop import Shop
from veracore_sync.ports.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a command; each job uses those that its command offers.

    Args:
        only: Only these: orders by code, for stock SKUs; empty for all.
        limit: Send at most this many orders; ``None`` for all.
        allow_first_run: Send even if nothing was ever sent and many orders wait.
        allow_mass_change: Let no guard stop the plan of stock.
        force: Stock: also write unchanged levels. Shipments: look up every order that has not
            shipped, without pauses after failures; named orders: also retry slips that were handed
            to a person.
        full: Stock: read the shop's whole catalogue, though only what changed were enough.
        dry_run: Plan only: change neither side nor ledger.
        is_read: A person reads the result: also ask for what only explains it.
    """

    only: tuple[str, ...] = ()
    limit: int | None = None
    allow_first_run: bool = False
    allow_mass_change: bool = False
    force: bool = False
    full: bool = False
    dry_run: bool = False
    is_read: bool = False


ReportT = TypeVar("ReportT", bound=RunReport)


@dataclass(slots=True)
class RunContext(Generic[ReportT]):
    """What one run works with.

    Args:
        report: Filled as the run goes on.
        ledger: Read-only in a dry run.
        progress: Called as the run advances.
        order_hooks: The merchant's own code, which changes and refuses orders.
        concurrency: What is done side by side.
    """

    report: ReportT
    shop: Shop
    warehouse: Warehouse
    ledger: Ledger
    settings: Settings
    clock: Clock
    options: RunOptions = field(default_factory=RunOptions)
    progress: Progress = no_progress
    order_hooks: OrderHooks = NO_HOOKS
    concurrency: Concurrency = ONE_AT_A_TIME
    _is_rehearsal: bool = field(default=False, init=False)
    _ends_at: float = field(default=math.inf, init=False)
    _said_over: bool = field(default=False, init=False)

    # ---- whether it may write -----------------------------------------------------------------

    @property
    def must_not_write(self) -> bool:
        """Whether the run only plans, and changes neither side nor the ledger."""
        return self.options.dry_run or self._is_rehearsal

    def check_warehouse(self) -> None:
        """Only plan from here on if the warehouse is a simulator and the shop may be real.

        To be called after the warehouse has answered: only its answers show that it is a simulator.
        """
        if self.must_not_write:
            return
        if is_simulator_of_a_real_shop(self.warehouse, self.settings.vendure):
            self._is_rehearsal = True
            done, would = self.report.writing
            self.report.notify(
                "VeraCore is a simulator and the shop is not on this machine: only planned, "
                f"nothing {done} (to {would} anyway, set vendure.rehearsal = true)"
            )

    # ---- how long it lasts --------------------------------------------------------------------

    def begin(self) -> None:
        """Start counting ``max_run_minutes``; without this call there is no limit."""
        # Monotonic: setting the machine's clock must neither end a run nor prolong it.
        limit = max_run(self.settings, self.report.job)
        self._ends_at = self.clock.monotonic() + limit.total_seconds()

    @property
    def is_over(self) -> bool:
        """Whether ``max_run_minutes`` have passed, so that nothing new may begin."""
        return self.clock.monotonic() >= self._ends_at

    def ends_here(self, rest: str = "") -> bool:
        """Whether the run is over; the first time, add a notice.

        Args:
            rest: The end of the notice, if the next run has a certain part left.
        """
        if self.is_over and not self._said_over:
            self._said_over = True
            self.report.notify(
                f"{self.report.job}.max_run_minutes is over: the next run goes on{rest}"
            )
        return self.is_over


@dataclass(slots=True)
class RunPart(Generic[ReportT]):
    """A part of a run, with the run's context."""

    context: RunContext[ReportT]

    @property
    def shop(self) -> Shop:
        """Vendure."""
        return self.context.shop

    @property
    def warehouse(self) -> Warehouse:
        """VeraCore."""
        return self.context.warehouse

    @property
    def ledger(self) -> Ledger:
        """Where state is kept."""
        return self.context.ledger

    @property
    def settings(self) -> Settings:
        """The whole configuration."""
        return self.context.settings

    @property
    def clock(self) -> Clock:
        """The run's clock."""
        return self.context.clock

    @property
    def options(self) -> RunOptions:
        """The command's options."""
        return self.context.options

    @property
    def report(self) -> ReportT:
        """The run's report so far."""
        return self.context.report


@dataclass(slots=True)
class JobRun(RunPart[ReportT]):
    """One run of a job. The caller holds the job lock."""

    def run(self) -> ReportT:
        """Run to the end.

        Raises:
            SyncError: The run could not continue; the report has what was done until then.
        """
        raise NotImplementedError

    def try_run(self) -> ReportT:
        """Run; an error that ended the run is in the report."""
        try:
            self.run()
        except SyncError as error:
            self.report.stopped_by = error
        return self.report
