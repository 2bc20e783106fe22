"""Levels of the shop that are wrong, and that no stock run is about to correct.

Between two runs of `sync-inventory` a level may differ from the plan for good reasons: goods came
in, another system took some, a kit was sold whose parts are sold alone too. The next run writes
those. What is reported here is what it is not there for: a level that somebody set since the last
run, and one that a run must not or cannot write. Both sides are read as by a dry run, suspects
twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest

from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.domain.errors import ConfigError, SyncError, UpstreamError, UsageError
from veracore_sync.domain.failures import NOT_BEGUN, ONLY_THIS_OPERATION, FailureBudget
from veracore_sync.domain.held_orders import unit_key
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.inventory.alerts import GUARD, REFUSED
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.plan import Guard, PlanSummary, guard
from veracore_sync.jobs.inventory.planning import ALLOWED, StockPlanning
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.sellable import SellableCalculator
from veracore_sync.jobs.inventory.unread import UnreadStock
from veracore_sync.jobs.kernel import RunContext, RunOptions, RunPart
from veracore_sync.jobs.reconcile.by_hand import SetByHand, last_stock_run
from veracore_sync.jobs.reconcile.findings import PartFindings
from veracore_sync.jobs.reconcile.left_behind import LeftBehind
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.short import ShortAllocations
from veracore_sync.jobs.reconcile.sides import Examined
from veracore_sync.jobs.reconcile.stock_words import Suspect, difference, suspect

STOCK_TYPES = frozenset({DifferenceType.STOCK_DIFFERS, DifferenceType.ALLOCATED_SHORT})
"""What is found by reading the stock of both sides."""

_STOCK = "the stock"
_MOST = 5000
_ALONE = 20
_MOST_ASKED = 1000
_MOVED = "its level, its stock or its orders moved while it was compared"
_WAITS = "both sides moved since the last sync-inventory; the next one writes it"
_LEFT = "sync-inventory has run since it was seen first, and left it so"
_REFUSES = "Vendure refuses the level"
_GUARDED, _REFUSED = AlertKind.STOCK_GUARDED, AlertKind.STOCK_REFUSED
_TOO_MANY = f"in a run no more than {_MOST_ASKED} SKUs are looked at for who set them"
_BEYOND = f"more than {_MOST:,} SKUs differ; no more are looked at in a run"
_GONE = "the shop no longer has it, or its stock cannot be compared"


@dataclass(slots=True)
class _Decided:
    """What was decided of suspects, by the variant's id; `why` of those about which nothing is."""

    differences: dict[str, Difference] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class StockExaminer(RunPart[ReconcileReport]):
    """Compares the shop's levels with what they should be; an `Examiner` of SKUs."""

    # ---- all of it ----------------------------------------------------------------------------

    def everything(self) -> list[PartFindings]:
        """Compare every level, and what Vendure allocated to the open orders.

        Raises:
            SyncError: The run cannot go on.
        """
        stock = PartFindings(DifferenceType.STOCK_DIFFERS)
        short = PartFindings(DifferenceType.ALLOCATED_SHORT)
        last = last_stock_run(self.context)
        if last.ended_at is None:
            # A shop whose stock is not synced need not have settings for it.
            stock.notes.append(f"stock and allocations are not compared: {last.stale}")
            return [stock, short]
        try:
            self._everything(stock, short)
        except SyncError as error:
            is_upstreams = isinstance(error, UpstreamError) and error not in NOT_BEGUN
            if not (is_upstreams or error in ONLY_THIS_OPERATION or isinstance(error, ConfigError)):
                raise
            # What was found until then may be half of it.
            for part in (stock, short):
                part.differences, part.compared, part.count = [], [], None
            stock.unseen = [(_STOCK, error.message)]
            stock.error = error if isinstance(error, UpstreamError) else None
        return [stock, short]

    def _everything(self, stock: PartFindings, short: PartFindings) -> None:
        planning = self._planning()
        calculator = planning.read()
        demand = planning.demand()
        # The staging tables hold what was read last, so this comes before any second look.
        ShortAllocations(self.context, planning, demand, short).find()
        stock.unseen += planning.unread.report.unreadable.items()
        stale = last_stock_run(self.context).stale
        if isinstance(calculator, Guard):
            stock.unseen.append((_STOCK, calculator.sentence))
        elif stale:
            # Else a shop that was never synced, or not for a day, had thousands of differences.
            stock.unseen.append((_STOCK, stale))
        else:
            self._levels(stock, planning, calculator, demand)

    def _levels(
        self,
        stock: PartFindings,
        planning: StockPlanning,
        calculator: SellableCalculator,
        demand: UnheldDemand,
    ) -> None:
        summary = PlanSummary()
        count = differing = 0

        def suspected() -> Iterator[Suspect]:
            nonlocal count, differing
            for one in _planned(planning, calculator, demand, summary):
                count += 1
                if one.changes:
                    differing += 1
                    yield one

        # What is sold beyond the stock comes first, where not all can be kept.
        kept = nlargest(_MOST, suspected(), key=lambda one: one.beyond)
        suspects = {one.id: one for one in kept}
        stock.count, beyond = count, differing - len(suspects)
        if beyond:
            stock.unseen.append((f"{beyond:,} SKUs", _BEYOND))
        decided = self._decide(suspects, self._withheld(summary))
        self._left_behind(suspects, decided, all_of_them=True)
        by_name = {one.name: one for one in decided.differences.values()}
        stock.differences = list(by_name.values())
        for why in sorted(set(decided.waiting.values())):
            count = sum(1 for one in decided.waiting.values() if one == why)
            stock.notes.append(
                f"stock: {count} of {stock.count} SKUs differ and are not reported: {why}"
            )
        undecided = {id for id, why in decided.waiting.items() if why == _MOVED}
        stock.unseen += [(suspects[id].name, why) for id, why in decided.unread.items()]
        names = {suspects[id].name for id in (*undecided, *decided.unread)}
        # One that is no longer sold, or excluded by now, is compared too; with bad records, and
        # with more suspects than are kept, it is unknown which those are.
        if not stock.unseen:
            stock.compared = sorted(self._standing() - names)
        elif not beyond:
            bad = {unit_key(name) for name, _ in stock.unseen}
            stock.compared = sorted(
                one
                for one in self._standing() - names
                if not any(unit_key(one) in name for name in bad)
            )

    def _standing(self) -> set[str]:
        rows = self.ledger.differences.standing()
        kind = DifferenceType.STOCK_DIFFERS
        return {row.difference.name for row in rows if row.difference.type is kind}

    # ---- some of it ---------------------------------------------------------------------------

    def examine(self, codes: Sequence[str]) -> list[Examined]:
        """Compare these SKUs, each suspect twice.

        Raises:
            SyncError: A side as a whole cannot be read.
        """
        return [self._one(sku) for sku in codes]

    def _one(self, sku: str) -> Examined:
        planning = self._planning((sku,))
        try:
            calculator = planning.read()
        except UsageError:
            return Examined(sku, unseen=_GONE)
        stale = last_stock_run(self.context).stale
        if isinstance(calculator, Guard) or stale:
            return Examined(sku, unseen=stale or _GONE)
        found = list(_planned(planning, calculator, planning.demand(), PlanSummary()))
        if not found:
            unread = next(iter(planning.unread.report.unreadable.values()), _GONE)
            return Examined(sku, unseen=unread)
        suspects = {one.id: one for one in found if one.changes}
        decided = self._decide(suspects, self._withheld(None))
        self._left_behind(suspects, decided, all_of_them=False)
        for id in decided.withheld:
            # A guard is about many SKUs at once: to set one after the other would go around it.
            return Examined(sku, moving=decided.differences[id].ledger)
        differences = {one.name: one for one in decided.differences.values()}
        for why in decided.unread.values():
            return Examined(sku, unseen=why)
        for why in decided.waiting.values():
            if why == _MOVED:
                return Examined(sku, moving=why)
        return Examined(sku, tuple(differences.values()))

    # ---- two looks ----------------------------------------------------------------------------

    def _decide(self, suspects: Mapping[str, Suspect], withheld: Guard | None) -> _Decided:
        """Look at suspects again, and find out why the last stock run did not leave them right."""
        decided = _Decided()
        if not suspects:
            return decided
        skus = tuple(dict.fromkeys(one.sku for one in suspects.values()))
        again = {
            one.id: one
            for one in self._again(skus if len(skus) <= _ALONE else ())
            if one.id in suspects
        }
        refused = {unit_key(sku) for sku in json.loads(self.ledger.meta.get(REFUSED) or "[]")}
        asked: list[Suspect] = []
        for one in suspects.values():
            now = again.get(one.id)
            if now != one:
                if now is None or now.changes:
                    decided.waiting[one.id] = _MOVED
            elif withheld is not None and (not withheld.decreases or one.beyond < 0):
                why = f"the guard {withheld.name!r} withholds it"
                decided.differences[one.id] = difference(one, None, why, _GUARDED)
                decided.withheld.add(one.id)
            elif unit_key(one.sku) in refused:
                decided.differences[one.id] = difference(one, None, _REFUSES, _REFUSED)
            else:
                asked.append(one)
        for one in asked[_MOST_ASKED:]:
            decided.unread[one.id] = _TOO_MANY
        self._ask(asked[:_MOST_ASKED], decided)
        return decided

    def _ask(self, suspects: Sequence[Suspect], decided: _Decided) -> None:
        """Ask the shop which of these somebody set since the last stock run."""
        by_hand, budget = SetByHand(self.context), FailureBudget()
        for one in suspects:
            try:
                changes = by_hand.of(one.id)
            except UpstreamError as error:
                decided.unread[one.id] = error.message
                budget.spend()
                if budget.is_spent():
                    raise
                continue
            budget.restore()
            if changes:
                decided.differences[one.id] = difference(one, changes[0].at)
            else:
                decided.waiting[one.id] = _WAITS

    def _left_behind(
        self, suspects: Mapping[str, Suspect], decided: _Decided, *, all_of_them: bool
    ) -> None:
        waiting = [suspects[id] for id, why in decided.waiting.items() if why == _WAITS]
        for id in LeftBehind(self.context).among(waiting, all_of_them=all_of_them):
            del decided.waiting[id]
            decided.differences[id] = difference(suspects[id], None, _LEFT)

    def _again(self, skus: tuple[str, ...]) -> Iterator[Suspect]:
        planning = self._planning(skus)
        try:
            calculator = planning.read()
        except UsageError:
            # One of them is no longer in the shop, so all are read.
            yield from self._again(())
            return
        if not isinstance(calculator, Guard):
            yield from _planned(planning, calculator, planning.demand(), PlanSummary())

    def _withheld(self, summary: PlanSummary | None) -> Guard | None:
        """The guard that withholds changes, if an alert says so; else the next stock run does.

        Args:
            summary: Of all that is planned; ``None``: of some, so the guard of that alert holds.
        """
        if not any(one.kind == _GUARDED for one in self.ledger.alerts.standing()):
            return None
        if summary is None:
            name = self.ledger.meta.get(GUARD) or "first"
            return Guard(name, "", decreases=name in ("first", "change"))
        first = self.ledger.meta.get(ALLOWED) is None
        return guard(summary, self.settings.inventory, first=first)

    def _planning(self, skus: tuple[str, ...] = ()) -> StockPlanning:
        run = self.context
        context = RunContext(
            InventoryReport(),
            run.shop,
            run.warehouse,
            run.ledger,
            run.settings,
            run.clock,
            RunOptions(only=skus, dry_run=True),
            run.progress,
        )
        return StockPlanning(context, UnreadStock(run.ledger, run.clock, context.report))


def _planned(
    planning: StockPlanning,
    calculator: SellableCalculator,
    demand: UnheldDemand,
    summary: PlanSummary,
) -> Iterator[Suspect]:
    for one in planning.variants(calculator, demand):
        summary.add(one.now, one.offer)
        yield suspect(one, demand, planning.book, planning.reading.names)
