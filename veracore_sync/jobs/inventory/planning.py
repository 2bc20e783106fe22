"""What a stock run reads of both sides, and what it would write; the run itself is in `run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from veracore_sync.domain.shop_stock import OpenOrder
from veracore_sync.domain.staged_stock import Matched
from veracore_sync.jobs.inventory.changes import ChangeReading
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.location_map import LocationMap, location_map
from veracore_sync.jobs.inventory.plan import Guard, LevelNow, plan_variant
from veracore_sync.jobs.inventory.plausible import implausible
from veracore_sync.jobs.inventory.read import Reading
from veracore_sync.jobs.inventory.report import InventoryReport, RunMode
from veracore_sync.jobs.inventory.sellable import SellableCalculator
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.inventory.unread import UnreadStock
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.ports.stock_baseline import StockBaseline

ALLOWED = "stock.mass_change_allowed"
"""The ledger's key: a full run with ``--allow-mass-change`` has completed."""


@dataclass(frozen=True, slots=True)
class PlannedVariant:
    """What is planned of a variant: its levels, what may be sold of it, and what is to be set."""

    match: Matched
    now: Mapping[str, LevelNow]
    offer: Mapping[str, int]
    changes: Mapping[str, int]


@dataclass(slots=True)
class StockPlanning(RunPart[InventoryReport]):
    """Reads both sides into the staging tables, and plans from them.

    Args:
        unread: Gets the records that cannot be read.
        read_at: When the read of the stock began (UTC).
    """

    unread: UnreadStock
    book: StockBaseline = field(init=False)
    reading: Reading = field(init=False)
    read_at: datetime = field(init=False)
    changes: ChangeReading = field(init=False)
    _where: LocationMap = field(init=False)
    _listed: list[OpenOrder] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.book = self.ledger.stock
        names = SkuMap(self.settings.skus)
        self.reading = Reading(self.context, self.book, names, self.unread)
        self.changes = ChangeReading(self.context, self.reading)

    def read(self) -> SellableCalculator | Guard:
        """Read what is needed of the levels, and the stock; then the open orders (`demand`).

        Returns:
            What computes from them, or the guard that rejects the read of the stock.
        """
        locations = self.shop.stock.locations()
        where = self._where = location_map(
            self.settings.inventory.locations,
            locations,
            tells_warehouses=self.warehouse.capabilities.tells_warehouses,
        )
        self.report.location_names = {one.id: one.name for one in locations if one.name}
        for one in locations:
            if one.unreadable is not None:
                name = one.name or f"with the id {one.id}"
                self.unread.note(f"the shop's stock location {name}", one.unreadable)
        self.changes.begin(where)
        if self.report.mode is RunMode.CHANGES:
            self.book.clear()
            found = self._read_changes()
            if found is not None:
                return found
            # What was found speaks against it: everything is read, and counted, anew.
            self._listed, self.unread.nameless = None, 0
        return self._read_all()

    def _read_changes(self) -> SellableCalculator | Guard | None:
        """Read the stock, the orders, and the levels that these tell to read; ``None``: all."""
        found = self._read_stock(known=(0, 0))
        if found is not None:
            return found
        orders = self.shop.stock.open_orders()
        demand = self.reading.demand_of(orders, self.read_at)
        if not self.changes.read(orders, demand):
            return None
        self._listed = orders
        self.report.processed = self.book.count_variants()
        return self.calculator()

    def _read_all(self) -> SellableCalculator | Guard:
        """Read the levels, then the stock."""
        self.book.clear()
        self.changes.begin_full()
        self.context.progress("reading the shop", 0, 0)
        self.reading.variants(self.options.only)
        self.report.processed = self.book.count_variants()
        found = self._read_stock(known=None)
        return self.calculator() if found is None else found

    def _read_stock(self, known: tuple[int, int] | None) -> Guard | None:
        """Read the warehouse's stock; the guard that rejects it, or ``None``.

        Args:
            known: As in `implausible`; ``None``: by what is staged.
        """
        if not self.context.must_not_write:
            self.reading.look_for_processed()
        self.context.progress("reading the warehouse", 0, 0)
        self.read_at, seen = self.reading.stock(self.options.only, self._where)
        self.context.check_warehouse()
        if self.options.only or not (self.report.processed or known):
            return None
        return implausible(
            self.book,
            self.unread.nameless,
            set(self._where.by_warehouse or ()) - seen,
            self.settings.inventory.max_zero_percent,
            allowed=self.options.allow_mass_change,
            known=known or self.book.count_known(),
        )

    def calculator(self) -> SellableCalculator:
        """What computes from what was read, however suspicious it is."""
        return SellableCalculator(
            self.book,
            self.settings,
            self.reading.names,
            self._where,
            is_absence_proven=not self.unread.nameless,
        )

    def demand(self) -> UnheldDemand:
        """List the open orders, and compute what of them the warehouse does not have.

        The first time, if they were listed to know which levels to read, that list counts.

        Raises:
            UpstreamError: The shop could not be read.
        """
        if self._listed is None:
            return self.reading.demand(self.read_at)
        orders, self._listed = self._listed, None
        return self.reading.demand_of(orders, self.read_at)

    def variants(
        self,
        calculator: SellableCalculator,
        demand: UnheldDemand,
        *,
        decreases_only: bool = False,
        everything: bool = False,
        written_only: bool = False,
    ) -> Iterator[PlannedVariant]:
        """Every matched variant of which something is known; `changes` is empty if it is right."""
        calculator.begin()
        for match in self.book.matched(written_only=written_only):
            offer = calculator.offer(match, demand)
            if offer is None:
                continue
            now = calculator.levels(match)
            changes = plan_variant(now, offer, decreases_only=decreases_only, everything=everything)
            yield PlannedVariant(match, now, offer, changes)
        calculator.settle()
