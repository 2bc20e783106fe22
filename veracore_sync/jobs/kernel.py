"""What every run of a job is made of: options, context, parts; its report is in `jobs.report`."""

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
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.shop import Shop
from veracore_sync.ports.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the person, or the timer, asked for; a job heeds what its command offers.

    Args:
        only: Only these: orders by code, for stock SKUs; empty for all.
        limit: Send at most this many orders; ``None`` for all.
        allow_first_run: Send although nothing was ever sent and many orders wait.
        allow_mass_change: No guard holds the plan of stock back.
        force: Of stock, write what is right already, too. Of shipments, look every order up that
            has not shipped, and wait for nothing that failed; of named ones, try again what was
            handed to a person.
        dry_run: Plan only: change neither side nor ledger.
    """

    only: tuple[str, ...] = ()
    limit: int | None = None
    allow_first_run: bool = False
    allow_mass_change: bool = False
    force: bool = False
    dry_run: bool = False


ReportT = TypeVar("ReportT", bound=RunReport)


@dataclass(slots=True)
class RunContext(Generic[ReportT]):
    """What one run works with.

    Args:
        report: Filled as the run goes on.
        ledger: Read-only in a dry run.
        progress: Told how far the run is.
    """

    report: ReportT
    shop: Shop
    warehouse: Warehouse
    ledger: Ledger
    settings: Settings
    clock: Clock
    options: RunOptions = field(default_factory=RunOptions)
    progress: Progress = no_progress
    _is_rehearsal: bool = field(default=False, init=False)
    _ends_at: float = field(default=math.inf, init=False)
    _said_over: bool = field(default=False, init=False)

    # ---- whether it may write -----------------------------------------------------------------

    @property
    def must_not_write(self) -> bool:
        """Whether the run only plans: neither a side nor the ledger is changed."""
        return self.options.dry_run or self._is_rehearsal

    def check_warehouse(self) -> None:
        """Only plan from here on where a simulator would swallow what a real shop has sold.

        Once the warehouse has answered: only its answers tell what it is.
        """
        if self.must_not_write:
            return
        if is_simulator_of_a_real_shop(self.warehouse, self.settings.vendure):
            self._is_rehearsal = True
            done, would = self.report.writing
            self.report.notify(
                "this is a VeraCore simulator and the shop is not on this machine: only planned, "
                f"nothing {done} (vendure.rehearsal = true would {would})"
            )

    # ---- how long it lasts --------------------------------------------------------------------

    def begin(self) -> None:
        """``max_run_minutes`` count from now on; what is never begun has no limit."""
        limit = max_run(self.settings, self.report.job)
        self._ends_at = self.clock.monotonic() + limit.total_seconds()

    @property
    def is_over(self) -> bool:
        """Whether ``max_run_minutes`` are over, so that nothing new may begin."""
        return self.clock.monotonic() >= self._ends_at

    def ends_here(self, rest: str = "") -> bool:
        """Whether it is over before the work is done, which is said once.

        Args:
            rest: What the next run goes on with, as the sentence ends.
        """
        if self.is_over and not self._said_over:
            self._said_over = True
            self.report.notify(
                f"{self.report.job}.max_run_minutes is over: the next run goes on{rest}"
            )
        return self.is_over


@dataclass(slots=True)
class RunPart(Generic[ReportT]):
    """Whatever works within a run: the run's context is its own."""

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
        """The ledger."""
        return self.context.ledger

    @property
    def settings(self) -> Settings:
        """All of them."""
        return self.context.settings

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.context.clock

    @property
    def options(self) -> RunOptions:
        """What was asked for."""
        return self.context.options

    @property
    def report(self) -> ReportT:
        """What was done."""
        return self.context.report


@dataclass(slots=True)
class JobRun(RunPart[ReportT]):
    """One run of a job. The caller holds the job lock."""

    def run(self) -> ReportT:
        """Do it.

        Raises:
            SyncError: The run could not go on; the report tells what was done until then.
        """
        raise NotImplementedError

    def try_run(self) -> ReportT:
        """Do it; what ended it early is in the report."""
        try:
            self.run()
        except SyncError as error:
            self.report.stopped_by = error
        return self.report
