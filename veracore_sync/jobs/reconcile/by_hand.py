"""Which levels somebody set in the shop since the last stock run.

Vendure keeps each change of a level that no order made, with its time and without a name. Our own
runs make such changes too, so those that fall into a run of ours are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.shop_stock import StockAdjustment
from veracore_sync.jobs.kernel import RunContext, RunPart
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.schedule import COMMANDS, interval
from veracore_sync.waits import is_ahead

_WRITERS = frozenset({"sync-inventory", "sync-tracking", "reconcile"})
"""The commands that write levels."""
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


@dataclass(slots=True)
class SetByHand(RunPart[ReconcileReport]):
    """Finds what somebody set since the last stock run."""

    _since: datetime | None = field(default=None, init=False)
    _ours: list[tuple[datetime, datetime]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        ahead = timedelta(seconds=self.shop.clock_ahead_seconds or 0.0)
        apart = abs(ahead) > _AGREE
        shift, slack = (ahead, _AGREE) if apart else (timedelta(0), timedelta(0))
        ended_at = last_stock_run(self.context).ended_at
        if ended_at is None:
            return
        # The stored end is cut to a millisecond.
        self._since = ended_at + shift + slack
        now = to_text(self.clock.now())
        for run in self.ledger.runs.latest(_RUNS):
            if run.command in _WRITERS and (run.ended_at or now) >= to_text(ended_at):
                began, ended = from_text(run.started_at), from_text(run.ended_at or now)
                if run.ended_at is None and run.command == "reconcile":
                    # This one, which has written nothing yet.
                    continue
                self._ours.append((began + shift - slack, ended + shift + slack))

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
