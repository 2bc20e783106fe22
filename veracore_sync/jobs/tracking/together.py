"""Fulfilling a group of orders side by side, under one hold of the stock lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import dataclass

from veracore_sync.domain.errors import LockHeld, SyncError
from veracore_sync.domain.failures import ENDS_THE_RUN
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.tracking.apart import Apart, ReadyOrder, Variants
from veracore_sync.jobs.tracking.execute import Fulfiller, TouchesMore
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.rules import Rules
from veracore_sync.ports.concurrency import FULFILMENTS

STOCK_LOCK = "stock"
_COMMAND = "sync-tracking"
_LOCK_WAIT = 30.0
# `sync-inventory` waits 30 s for the lock, and looks every 50 ms whether it is free.
_LONGEST_HOLD = 5.0
_GAP = 0.1


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of an order; its report has the details.

    Args:
        error: Why it could not be worked on.
        again: It has variants that another order may have: it is to be worked on alone.
    """

    order: ReadyOrder
    error: SyncError | None = None
    again: bool = False


@dataclass(slots=True)
class FulfilTogether(RunPart[TrackingReport]):
    """Carries out the plans of orders, several at once.

    Args:
        bad: Codes of orders that could not be read lately: they are read alone.
    """

    rules: Rules
    bad: Collection[str] = ()

    def work(self, orders: Sequence[ReadyOrder], took: Callable[[Worked], None]) -> bool:
        """Work on all of them; whether each was, before the run's time was up.

        Their reports become parts of the run's, in the sequence of `orders`.

        Args:
            orders: The most urgent first.
            took: Called in this thread with each as it ends; where it raises, no other begins.

        Raises:
            SyncError: What `took` raised, or the reason why none could be worked on.
        """
        left = list(orders)
        try:
            while left and not self.context.ends_here():
                left = self._hold(left, took)
                if left and not self.context.is_over:
                    self.clock.sleep(_GAP)
        finally:
            for one in orders:
                self.report.include(one.report)
        return not left

    def _hold(
        self, orders: Sequence[ReadyOrder], took: Callable[[Worked], None]
    ) -> list[ReadyOrder]:
        """Work on orders for as long as the lock may be held; those that are left."""
        with ExitStack() as held:
            try:
                # Shared with `sync-inventory`: a fulfilment changes the allocation that a level is
                # based on. Each order is read under the lock, so that its plan sees every
                # fulfilment that exists.
                lock = self.ledger.runs.lock(STOCK_LOCK, _COMMAND, wait_seconds=_LOCK_WAIT)
                held.enter_context(lock)
            except LockHeld as error:
                for one in orders:
                    took(Worked(one, error))
                return []
            ends_at = self.clock.monotonic() + _LONGEST_HOLD

            def may_begin() -> bool:
                return not self.context.ends_here() and self.clock.monotonic() < ends_at

            apart = Apart(orders, self._variants(orders), may_begin)
            alone = Apart(self._side_by_side(apart, took), {}, may_begin)
            self._side_by_side(alone, took)
            return [*apart.left, *alone.left]

    def _variants(self, orders: Sequence[ReadyOrder]) -> Mapping[str, Variants]:
        """The variants of each order by code, as far as they can be read together."""
        codes = [one.row.code for one in orders if one.row.code not in self.bad]
        if len(codes) < 2:
            return {}
        try:
            found = self.shop.fulfilments.orders(codes)
        except SyncError as error:
            if error in ENDS_THE_RUN:
                raise
            # Each alone, which also shows whose fault it is.
            return {}
        return {
            code: frozenset(line.variant_id for line in order.lines)
            for code, order in found.items()
        }

    def _side_by_side(self, apart: Apart, took: Callable[[Worked], None]) -> list[ReadyOrder]:
        """Work on what `apart` hands out; those that have to be worked on alone."""

        def act(one: ReadyOrder) -> Worked | None:
            with apart.begun(one) as may:
                return self._one(one, apart) if may else None

        again: list[ReadyOrder] = []
        failed: SyncError | None = None
        try:
            with closing(self.context.concurrency.map(FULFILMENTS, act, apart)) as outcomes:
                for worked in outcomes:
                    if worked is None:
                        continue
                    if worked.again:
                        again.append(worked.order)
                        continue
                    try:
                        took(worked)
                    except SyncError as error:
                        # Others are under way: their outcome is recorded before the run ends.
                        failed = failed or error
                        apart.stop()
        finally:
            # Nothing may be under way any more when the lock is given back.
            apart.close()
        if failed is not None:
            raise failed
        return again

    def _one(self, one: ReadyOrder, apart: Apart) -> Worked:
        context = copy(self.context)
        context.report = one.report
        try:
            Fulfiller(context, self.rules).work(one, apart.variants_of(one))
        except TouchesMore:
            return Worked(one, again=True)
        except SyncError as error:
            if error in ENDS_THE_RUN:
                apart.stop()
            return Worked(one, error)
        return Worked(one)
