"""The run of ``sync-inventory``: read both sides, plan, guard, write, list the orders again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from veracore_sync.domain.failures import FailureBudget
from veracore_sync.domain.staged_stock import Planned
from veracore_sync.jobs.inventory.alerts import StockAlerts
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.execute import MAX_REFUSED, StockWriter
from veracore_sync.jobs.inventory.explain import explain_guard, explain_skipped
from veracore_sync.jobs.inventory.plan import Guard, PlanSummary, guard, plan_variant
from veracore_sync.jobs.inventory.planning import ALLOWED, StockPlanning
from veracore_sync.jobs.inventory.preview import Preview
from veracore_sync.jobs.inventory.report import InventoryReport, RunMode
from veracore_sync.jobs.inventory.sellable import SellableCalculator
from veracore_sync.jobs.inventory.sku_map import SPELLINGS
from veracore_sync.jobs.inventory.unread import UnreadStock
from veracore_sync.jobs.kernel import JobRun
from veracore_sync.ports.stock_baseline import StockBaseline

_REPLANS = 3
_PAGE = 500


@dataclass(slots=True)
class InventoryRun(JobRun[InventoryReport]):
    """Writes what the warehouse can promise as the shop's stock levels."""

    _planning: StockPlanning = field(init=False)
    _book: StockBaseline = field(init=False)
    _last: UnheldDemand = field(init=False)
    _alerts: StockAlerts = field(init=False)
    _unread: UnreadStock = field(init=False)

    def __post_init__(self) -> None:
        self._unread = UnreadStock(self.ledger, self.clock, self.report)
        self._planning = StockPlanning(self.context, self._unread)
        self._book = self._planning.book
        self._alerts = StockAlerts(self.context)

    def run(self) -> InventoryReport:
        """Run to the end.

        Raises:
            SyncError: The run could not continue; the report has what was done until then.
        """
        self.context.begin()
        # The order of reading matters: levels, stock, then open orders (see `read`).
        found = self._planning.read()
        if isinstance(found, Guard):
            return self._reject_read(found)
        calculator = found
        demand = self._planning.demand()
        self._planning.changes.note_first(demand)
        summary = self._plan(calculator, demand, decreases_only=False)
        if self.report.mode is RunMode.CHANGES and self._book.count_plan():
            # These orders were listed before the levels were read: one that was placed in between
            # would be allocated and not be demand. What is written needs a later list.
            demand = self._planning.demand()
            summary = self._plan(calculator, demand, decreases_only=False)
        summary = self._planning.changes.whole(summary)
        held_back = self._guard(summary)
        if self.context.must_not_write:
            return self._plan_only(calculator, demand, held_back)
        if held_back is not None and held_back.decreases:
            # Whatever is wrong with the read, selling fewer units oversells nothing.
            self._plan(calculator, demand, decreases_only=True)
        self._unread.conclude(complete=self._is_full)
        self._alerts.short(demand)
        if self._is_full and not demand.unread:
            self._alerts.drift(self._book, demand)
        elif self.report.mode is RunMode.CHANGES:
            self._alerts.shortfalls_among(self._book, demand, self._planning.demand)
        complete = held_back is None or held_back.decreases
        self._last = demand
        if complete:
            complete = self._write(calculator, decreases_only=bool(held_back))
        self._conclude(held_back, complete=complete)
        if held_back is not None:
            self._planning.changes.held_back()
        elif complete:
            self._planning.changes.keep(summary, self._last)
        return self.report

    @property
    def _is_full(self) -> bool:
        """Whether all variants were read: only then the whole can be concluded from."""
        return self.report.mode is RunMode.FULL

    # ---- reading ------------------------------------------------------------------------------

    def _reject_read(self, found: Guard) -> InventoryReport:
        self.report.guard = found.name
        if not self.context.must_not_write:
            self._alerts.guarded(found)
            # The open orders were not read, so unreadable ones must stay recorded.
            self._unread.conclude(complete=False)
            explain_guard(self.report, found)
            return self.report
        if found.name == "empty":
            self._unread.summarise()
            self.report.notify_once(found.prospect)
            self.report.plan = Preview()
            explain_guard(self.report, found)
            return self.report
        # Whoever asks for the plan wants to see what such a read would do to the shop.
        return self._plan_only(self._planning.calculator(), self._planning.demand(), found)

    # ---- planning -----------------------------------------------------------------------------

    def _plan(
        self,
        calculator: SellableCalculator,
        demand: UnheldDemand,
        *,
        decreases_only: bool,
        written_only: bool = False,
    ) -> PlanSummary:
        """Plan every matched variant again into the staging table."""
        summary = PlanSummary()
        self._book.clear_plan()
        actions: list[Planned] = []
        everything = self.options.force and not written_only
        for one in self._planning.variants(
            calculator,
            demand,
            decreases_only=decreases_only,
            everything=everything,
            written_only=written_only,
        ):
            summary.add(one.now, one.offer)
            if one.changes:
                actions.append(calculator.action(one.match, one.now, one.changes))
            if len(actions) >= _PAGE:
                self._book.add_plan(actions)
                actions.clear()
        self._book.add_plan(actions)
        return summary

    def _guard(self, summary: PlanSummary) -> Guard | None:
        if self.options.allow_mass_change:
            return None
        first = self.ledger.meta.get(ALLOWED) is None
        found = guard(summary, self.settings.inventory, first=first)
        if found is not None:
            self.report.guard = found.name
            self.report.withheld = summary.rising if found.decreases else summary.changing
        return found

    def _plan_only(
        self, calculator: SellableCalculator, demand: UnheldDemand, held_back: Guard | None
    ) -> InventoryReport:
        plan = self.report.plan = Preview()
        everything = self.options.force
        for one in self._planning.variants(calculator, demand, everything=everything):
            if not one.changes:
                continue
            written: Mapping[str, int] = one.changes
            if held_back is not None:
                written = {}
                if held_back.decreases:
                    written = plan_variant(
                        one.now, one.offer, decreases_only=True, everything=everything
                    )
            whole = calculator.action(one.match, one.now, one.changes)
            plan.add(whole, one.now, one.offer, written)
        if held_back is not None:
            self.report.withheld = plan.withheld_count
            self.report.notify_once(held_back.prospect)
        self._unread.summarise()
        self._count_skipped()
        explain_guard(self.report, held_back)
        return self.report

    # ---- writing ------------------------------------------------------------------------------

    def _write(self, calculator: SellableCalculator, *, decreases_only: bool) -> bool:
        """Write, list the open orders again, correct what changed meanwhile; whether in time."""
        done, in_time = 0, True
        refusals = FailureBudget(MAX_REFUSED)
        for planning in range(1 + _REPLANS):
            total = self._book.count_plan()
            if not total:
                break
            self._planning.changes.before_writing()
            self.context.progress("writing", done, total)

            def show_progress(count: int, total: int = total) -> None:
                nonlocal done
                done += count
                self.context.progress("writing", done, total)

            everything = self.options.force and planning == 0
            writer = StockWriter(
                self.context,
                self._book,
                refusals,
                everything=everything,
                first_location=calculator.places.order[0],
                progress=show_progress,
            )
            in_time = writer.write(self._book.planned())
            self.report.updated = self._book.count_written()
            if not in_time:
                break
            if planning < _REPLANS:
                # Orders placed while the run wrote were not in its plan; without another listing
                # their units would stay for sale until the next run.
                demand = self._last = self._planning.demand()
                self._plan(calculator, demand, decreases_only=decreases_only, written_only=True)
        return in_time

    # ---- reporting ----------------------------------------------------------------------------

    def _conclude(self, held_back: Guard | None, *, complete: bool) -> None:
        self._count_skipped()
        explain_guard(self.report, held_back)
        by_change = self.report.mode is RunMode.CHANGES
        if not by_change:
            # A part of the catalogue shows neither what is unknown in all of it, nor what is new.
            self._alerts.unknown(self._book, full=self._is_full)
        if held_back is not None:
            self._alerts.guarded(held_back)
        elif self._is_full:
            self._alerts.not_guarded()
        # A refused SKU stays marked, so that a run of changes tries it again as well.
        is_whole = self.report.mode is not RunMode.NAMED
        self._alerts.refused(complete=is_whole and complete and held_back is None)
        # The stock was read as a whole by both, so what is missing in it counts.
        is_all_stock = self._is_full or by_change
        self._book.remember(
            complete=is_all_stock and not self._unread.nameless, whole=not by_change
        )
        if is_all_stock:
            self._keep_spellings()
        if self._is_full and complete and self.options.allow_mass_change:
            self.ledger.meta.put(ALLOWED, "1")

    def _keep_spellings(self) -> None:
        """Store VeraCore's own spelling of parts that are not in NFC, for the orders."""
        # A part in both forms is two offers, and the order's SKU decides.
        found = {
            key: name
            for key, name in self._planning.reading.spelled.items()
            if not self._book.is_spelled_twice(key)
        }
        spelled = json.dumps(found, sort_keys=True)
        if spelled != (self.ledger.meta.get(SPELLINGS) or "{}"):
            self.ledger.meta.put(SPELLINGS, spelled)

    def _count_skipped(self) -> None:
        matched = self._book.count_variants("plain", "kit")
        self.report.skipped += self.report.processed - matched
        for kind, names in (
            ("unknown", self.report.unknown),
            ("ambiguous", self.report.ambiguous),
            ("missing", self.report.missing),
        ):
            names.extend(self._book.names(kind, 100))
        explain_skipped(self.report, self._book)
