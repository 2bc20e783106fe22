"""Which levels somebody set in the shop since the last stock run.

Vendure keeps each change of a level that no order made, with its time and without a name. Our own
runs make such changes too, so those that fall into a run of ours are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text
from veracore_sync.domain.ledger_records import Run
from veracore_sync.domain.shop_stock import StockAdjustment
from veracore_sync.jobs.kernel import RunContext, RunPart
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.schedule import COMMANDS, interval, longest_run
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import is_ahead

_WRITERS = {COMMANDS[job]: job for job in ("inventory", "tracking", "reconcile")}
"""The commands that write levels, and their jobs."""
_RUNS = 300
_AGREE = timedelta(seconds=2)
"""Clocks that are no further apart count as one: HTTP shows whole seconds."""


@dataclass(frozen=True, slots=True)
class LastStockRun:
    """The last run of ``sync-inventory`` that did its work.

    Args:
        ended_at: When it ended (UTC); ``None``: there was none.
        stale: Why levels are not compared with it; empty: they are.
    """

    ended_at: datetime | None
    stale: str = ""


def last_stock_run(context: RunContext[ReconcileReport]) -> LastStockRun:
    """The last run that set the levels, and whether it is too old to compare them."""
    now, command = context.clock.now(), COMMANDS["inventory"]
    ended = context.ledger.reporting.run_history(command, now).succeeded_at
    if ended is None:
        return LastStockRun(None, f"no run of {command} has succeeded yet")
    at = from_text(ended)
    if now - at > 2 * interval(context.settings, "inventory") or is_ahead(at, now):
        sentence = (
            f"the last successful {command} ended at {ended}, more than two of its intervals ago: "
            "run it, then compare"
        )
        return LastStockRun(at, sentence)
    return LastStockRun(at)


def has_worked(run: Run) -> bool:
    """Whether the run did its work; with exit code 3 it also reported something new."""
    return run.exit_code == 0 or (run.exit_code == 3 and not run.result.get("errorClass"))


def recent_runs(ledger: Ledger) -> list[Run]:
    """The newest runs, newest first, and the last one that wrote the stock, however old it is."""
    runs = ledger.runs.latest(_RUNS)
    last = ledger.runs.last_ended(COMMANDS["inventory"])
    if last is not None and all(one.id != last.id for one in runs):
        runs.append(last)
    return runs


def _last_of_all_skus(runs: Sequence[Run]) -> datetime | None:
    """When the newest stock run ended that was about more than single SKUs (UTC)."""
    command = COMMANDS["inventory"]
    worked = [one for one in runs if one.command == command and has_worked(one)]
    counts = {one.id: int(one.result.get("totalProcessed") or 0) for one in worked}
    most = max(counts.values(), default=0)
    ended = (one.ended_at for one in worked if 2 * counts[one.id] >= most)
    return next((from_text(one) for one in ended if one is not None), None)


@dataclass(slots=True)
class SetByHand(RunPart[ReconcileReport]):
    """Finds what somebody set since the last stock run."""

    _since: datetime | None = field(default=None, init=False)
    _ours: list[tuple[datetime, datetime]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        ahead = timedelta(seconds=self.shop.clock_ahead_seconds or 0.0)
        apart = abs(ahead) > _AGREE
        shift, slack = (ahead, _AGREE) if apart else (timedelta(0), timedelta(0))
        runs = recent_runs(self.ledger)
        ended_at = _last_of_all_skus(runs)
        if ended_at is None:
            return
        self._since = ended_at + shift + slack
        # The newest one is ours, and writes nothing before it has compared everything.
        this = next((one.id for one in runs if one.command == COMMANDS["reconcile"]), None)
        for run in runs:
            job = _WRITERS.get(run.command)
            if job is None or (run.id == this and run.ended_at is None):
                continue
            began, ended = from_text(run.started_at), self._ended(run, job)
            if ended >= ended_at:
                self._ours.append((began + shift - slack, ended + shift + slack))

    def _ended(self, run: Run, job: str) -> datetime:
        if run.ended_at is not None:
            return from_text(run.ended_at)
        # It runs, or was killed.
        longest = longest_run(self.settings, job) or timedelta(0)
        return min(self.clock.now(), from_text(run.started_at) + longest)

    def of(self, variant_id: str) -> list[StockAdjustment]:
        """What somebody changed of a variant since the last stock run, oldest first.

        Raises:
            SyncError: The shop cannot tell.
        """
        if self._since is None:
            return []
        changes = self.shop.stock.adjustments(variant_id, self._since)
        return [one for one in changes if one.at > self._since and not self._is_ours(one.at)]

    def _is_ours(self, at: datetime) -> bool:
        return any(began <= at <= ended for began, ended in self._ours)
