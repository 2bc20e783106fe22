"""Both sides are read into the staging tables, page by page, in the order that matters.

Vendure's levels first, then the warehouse's stock (its beginning is noted), then the open orders:
what happens in between can only make the run offer too little, and the next listing mends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from veracore_sync.clock import Clock
from veracore_sync.config import Settings
from veracore_sync.errors import Unavailable, UsageError
from veracore_sync.jobs.inventory.demand import Demand, demand
from veracore_sync.jobs.inventory.names import Names, sku_key
from veracore_sync.jobs.inventory.places import Places
from veracore_sync.ledger import Ledger
from veracore_sync.ledger.staging import StagedVariant
from veracore_sync.ledger.stock import StockBook
from veracore_sync.vendure.stock import Level, ShopStock, Variant
from veracore_sync.veracore.port import Present, Warehouse

T = TypeVar("T")
_PAGE = 1000
_PROCESSED = ("processed", "shipped", "complete")


@dataclass(slots=True)
class Reading:
    """The reads of one run.

    Args:
        shop: The shop's stock.
        warehouse: VeraCore.
        ledger: For what the warehouse holds.
        book: The staging tables.
        settings: All of them.
        names: Aliases, exclusions and kits.
        clock: The time.
        deadline: When the run ends itself (monotonic).
    """

    shop: ShopStock
    warehouse: Warehouse
    ledger: Ledger
    book: StockBook
    settings: Settings
    names: Names
    clock: Clock
    deadline: float

    def variants(self, skus: tuple[str, ...]) -> None:
        """Stage every variant, or those that bear one of `skus`.

        Raises:
            UsageError: The shop has none that bears one of `skus`.
            UpstreamError: The shop could not be read.
        """
        found: Iterable[Variant] = self.shop.variants() if not skus else self._named(skus)
        for page in self._in_time(found):
            self.book.add_variants(map(self._staged, page))

    def _named(self, skus: tuple[str, ...]) -> list[Variant]:
        found: dict[str, Variant] = {}
        for name in skus:
            if not name.strip().strip("%*"):
                raise UsageError(f"{name!r} is no SKU", hint="name one SKU")
            wanted = {sku_key(one): one for one in self.names.shop_skus(name)}
            like = self.shop.variants_like(list(wanted.values()))
            named = [one for one in like if sku_key(one.sku) in wanted]
            if not named:
                raise UsageError(f"the shop has no variant with the SKU {name}")
            found.update((one.id, one) for one in named)
        return sorted(found.values(), key=lambda one: (len(one.id), one.id))

    def _staged(self, variant: Variant) -> StagedVariant:
        sku, kit = variant.sku.strip(), self.names.kit(variant.sku)
        part = sku_key(self.names.part(sku))
        return StagedVariant(
            id=variant.id,
            sku=sku,
            key=f"kit {sku_key(sku)}" if kit else part,
            part="" if kit else part,
            kind=self._kind(variant, is_kit=kit is not None),
            levels={one.location: as_staged(one) for one in variant.levels},
        )

    def _kind(self, variant: Variant, *, is_kit: bool) -> str:
        if not variant.sku.strip():
            return "blank"
        if self.names.is_excluded(variant.sku):
            return "excluded"
        if not variant.tracked:
            return "untracked"
        return "kit" if is_kit else "plain"

    def stock(self, skus: tuple[str, ...], places: Places) -> tuple[datetime, set[str]]:
        """Stage the warehouse's stock: all of it, or of the parts that `skus` are made of.

        Returns:
            When the read began, and the warehouses that it told of (as keys).

        Raises:
            UpstreamError: It could not be read, or not to its end.
        """
        began = self.clock.now()
        seen: set[str] = set()
        for page in self._in_time(self._rows(self._parts(skus), places, seen)):
            self.book.add_stock(page)
        self.book.mark_ambiguous()
        return began, seen

    def _in_time(self, items: Iterable[T]) -> Iterator[list[T]]:
        stream = iter(items)
        while page := list(islice(stream, _PAGE)):
            if self.clock.monotonic() >= self.deadline:
                raise Unavailable(
                    "inventory.max_run_minutes is over and not all was read: nothing was written",
                    upstream="veracore",
                    hint="raise inventory.max_run_minutes",
                )
            yield page

    def _parts(self, skus: tuple[str, ...]) -> list[str] | list[None]:
        if not skus:
            return [None]
        shop_skus = [one for name in skus for one in self.names.shop_skus(name)]
        parts = [part for sku in shop_skus for part in self.names.parts(sku)]
        return list({sku_key(part): part for part in parts}.values())

    def _rows(
        self, parts: list[str] | list[None], places: Places, seen: set[str]
    ) -> Iterator[tuple[str, str, str, int]]:
        for part in parts:
            for level in self.warehouse.stock(part):
                seen.add(sku_key(level.warehouse))
                location = places.of(level.warehouse)
                # What lies in a warehouse that is not mapped is known, but not for sale.
                available = level.available if location is not None else 0
                where = location or places.order[0]
                yield sku_key(level.sku), where, level.sku, available

    def demand(self, stock_read_at: datetime) -> Demand:
        """List the open orders, and say what of them the warehouse does not hold.

        Raises:
            UpstreamError: The shop could not be read.
        """
        wanted = self.settings.inventory
        orders = self.shop.open_orders()
        # The ledger after the list: an order that is accepted in between counts as just accepted.
        held = self.book.held(
            [order.code for order in orders],
            stock_read_at,
            processed_only=wanted.available_nets == "processed",
        )
        since = self.settings.orders.not_before or self.ledger.meta.live_since
        return demand(
            orders,
            held,
            names=self.names,
            stock_read_at=stock_read_at,
            not_before=None if wanted.count_earlier_orders else since,
        )

    def look_for_processed(self) -> None:
        """Look up some orders that were not yet seen processed; only where that matters."""
        if self.settings.inventory.available_nets != "processed":
            return
        for code, identity in self.book.unprocessed(self.settings.tracking.lookups_per_run):
            found = self.warehouse.look_up(identity)
            if isinstance(found, Present):
                self.book.looked(code, processed=found.record.status in _PROCESSED)


def as_staged(level: Level) -> tuple[int, int, int]:
    """On hand, allocated, and what is for sale."""
    return level.on_hand, level.allocated, level.on_hand - level.allocated
