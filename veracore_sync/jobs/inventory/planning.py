"""What a stock run reads of both sides, and what it would write; the run itself is in `run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from veracore_sync.domain.staged_stock import Matched
from veracore_sync.jobs.inventory.demand import UnheldDemand
from veracore_sync.jobs.inventory.location_map import LocationMap, location_map
from veracore_sync.jobs.inventory.plan import Guard, LevelNow, plan_variant
from veracore_sync.jobs.inventory.plausible import implausible
from veracore_sync.jobs.inventory.read import Reading
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.sellable import SellableCalculator
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.inventory.unread import UnreadStock
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.ports.stock_staging import StagingStore

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
    book: StagingStore = field(init=False)
    reading: Reading = field(init=False)
    read_at: datetime = field(init=False)
    _where: LocationMap = field(init=False)

    def __post_init__(self) -> None:
        self.book = self.ledger.stock
        names = SkuMap(self.settings.skus)
        self.reading = Reading(self.context, self.book, names, self.unread)

    def read(self) -> SellableCalculator | Guard:
        """Read the levels, then the stock; the open orders have to be read afterwards (`demand`).

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
        self.book.clear()
        self.context.progress("reading the shop", 0, 0)
        self.reading.variants(self.options.only)
        self.report.processed = self.book.count_variants()
        if not self.context.must_not_write:
            self.reading.look_for_processed()
        self.context.progress("reading the warehouse", 0, 0)
        self.read_at, seen = self.reading.stock(self.options.only, where)
        self.context.check_warehouse()
        if not self.options.only and self.report.processed:
            found = implausible(
                self.book,
                self.unread.nameless,
                set(where.by_warehouse or ()) - seen,
                self.settings.inventory.max_zero_percent,
                allowed=self.options.allow_mass_change,
            )
            if found is not None:
                return found
        return self.calculator()

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

        Raises:
            UpstreamError: The shop could not be read.
        """
        return self.reading.demand(self.read_at)

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
