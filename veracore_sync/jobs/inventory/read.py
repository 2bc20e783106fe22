"""Both sides are read into the staging tables, page by page, in an order that matters.

Vendure's levels first, then the warehouse's stock (its beginning is noted), then the open orders:
an order placed or accepted in between is then counted as demand although the stock may already be
without it. So the run can only offer too little, and the next listing of the orders corrects it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, takewhile
from typing import TypeVar
from unicodedata import is_normalized

from veracore_sync.clock import surely_past, to_text
from veracore_sync.domain.errors import Occurrence, Unavailable, UsageError
from veracore_sync.domain.failures import FailureBudget
from veracore_sync.domain.held_orders import spellings
from veracore_sync.domain.shop_stock import Level, OpenOrder, Variant
from veracore_sync.domain.staged_stock import ANY, MAX_AT, StagedStock, StagedVariant
from veracore_sync.domain.states import OrderState
from veracore_sync.domain.warehouse import StockLevel, StockRow, UnreadableStock
from veracore_sync.jobs.bad_records import BadRecordMemory
from veracore_sync.jobs.inventory.demand import UnheldDemand, demand
from veracore_sync.jobs.inventory.location_map import LocationMap
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.sku_map import SkuMap, kit_key, sku_key
from veracore_sync.jobs.inventory.unread import UnreadStock
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.ports.concurrency import WAREHOUSE_LOOK_UPS
from veracore_sync.ports.stock_staging import StagingStore
from veracore_sync.ports.warehouse import LookUpFailed, Present

T = TypeVar("T")
# Memory does not grow with the catalogue: one answer of VeraCore may have a million SKUs.
_PAGE = 1000
_LOOK_UPS = "stock.lookups"
_DRIFT = timedelta(seconds=1)


@dataclass(slots=True)
class Reading(RunPart[InventoryReport]):
    """The reads of one run.

    Args:
        unread: Gets the records that cannot be read.
        spelled: Gets VeraCore's parts that are not in NFC, by their key.
    """

    book: StagingStore
    names: SkuMap
    unread: UnreadStock
    spelled: dict[str, str] = field(default_factory=dict)
    _began: float = 0.0

    def variants(self, skus: tuple[str, ...]) -> None:
        """Stage every variant, or those with one of `skus`.

        Raises:
            UsageError: The shop has no variant with one of `skus`.
            UpstreamError: The shop could not be read.
        """
        found: Iterable[Variant] = self.shop.stock.variants() if not skus else self._named(skus)
        for page in self._in_time("reading the shop", found):
            for one in page:
                if one.unreadable is not None:
                    self.unread.note(f"the shop's variant {one.name}", one.unreadable)
            self.book.add_variants(self.staged(one) for one in page if one.id)

    def _named(self, skus: tuple[str, ...]) -> list[Variant]:
        found: dict[str, Variant] = {}
        for name in skus:
            # VeraCore's part number is a LIKE pattern, so `%` would read everything
            # (docs/wire.md 4.1).
            if not name.strip().strip("%*"):
                raise UsageError(f"{name!r} is not a SKU", hint="name one SKU")
            wanted = {sku_key(one): one for one in self.names.shop_skus(name)}
            like = self.shop.stock.variants_like(list(wanted.values()))
            named = [one for one in like if sku_key(one.sku) in wanted]
            if not named:
                raise UsageError(
                    f"the shop has no variant with the SKU {name}",
                    hint="write it as the shop's catalogue does; `veracore-sync doctor` names the "
                    "SKUs that are on one side only",
                )
            found.update((one.id, one) for one in named)
        return sorted(found.values(), key=lambda one: (len(one.id), one.id))

    def staged(self, variant: Variant) -> StagedVariant:
        """The variant as it is staged."""
        sku, kit = variant.sku.strip(), self.names.kit(variant.sku)
        part = sku_key(self.names.part(sku)) if sku else f"variant {variant.id}"
        return StagedVariant(
            id=variant.id,
            sku=sku,
            key=kit_key(sku) if kit else part,
            part="" if kit else part,
            kind=self._kind(variant, is_kit=kit is not None),
            levels={one.location: as_staged(one) for one in variant.levels},
            enabled=variant.enabled,
            oversold=0 if self.settings.inventory.backorders else variant.oversold,
        )

    def _kind(self, variant: Variant, *, is_kit: bool) -> str:
        if variant.unreadable is not None:
            return "unread"
        if not variant.sku.strip():
            return "blank"
        if self.names.is_excluded(variant.sku):
            return "excluded"
        if not variant.tracked:
            return "untracked"
        return "kit" if is_kit else "plain"

    def stock(self, skus: tuple[str, ...], places: LocationMap) -> tuple[datetime, set[str]]:
        """Stage the warehouse's stock: all of it, or that of the parts of `skus`.

        Returns:
            When the read began, and the warehouses in it (as keys).

        Raises:
            UpstreamError: It could not be read, or not to its end.
        """
        # An order that another process accepts from now on, and dates by its own look at the
        # server's clock, must count as accepted after this.
        began, self._began = surely_past(self.clock), self.clock.monotonic()
        seen: set[str] = set()
        rows = self._rows(self._parts(skus), places, seen)
        for page in self._in_time("reading the warehouse", rows):
            self.book.add_stock(page)
        self.book.add_up()
        unread = map(_stock_of, self.book.unread_parts(_PAGE))
        self.unread.note_all(unread, "VeraCore lists it twice with different numbers")
        return began, seen

    def _in_time(self, what: str, items: Iterable[T]) -> Iterator[list[T]]:
        stream, done = iter(items), 0
        while page := list(islice(stream, _PAGE)):
            if self.context.is_over:
                # A read that was cut short must not pass as a complete one.
                raise Unavailable(
                    "inventory.max_run_minutes ended before everything was read: nothing was "
                    "written",
                    upstream="veracore",
                    what=Occurrence.RUN_OVER,
                    hint="raise inventory.max_run_minutes",
                )
            done += len(page)
            self.context.progress(what, done, 0)
            yield page

    def _parts(self, skus: tuple[str, ...]) -> list[str] | list[None]:
        if not skus:
            return [None]
        shop_skus = [one for name in skus for one in self.names.shop_skus(name)]
        parts = [part for sku in shop_skus for part in self.names.parts(sku)]
        named = {sku_key(part): part for part in parts}.values()
        # VeraCore is asked by its own spelling, which is not known before.
        return [form for part in named for form in spellings(part)]

    def _rows(
        self, parts: list[str] | list[None], places: LocationMap, seen: set[str]
    ) -> Iterator[StagedStock]:
        for part in parts:
            for row in self.warehouse.stock(part):
                seen.add(sku_key(row.warehouse))
                if not is_normalized("NFC", row.sku) and len(self.spelled) < _PAGE:
                    self.spelled[sku_key(row.sku)] = row.sku.strip()
                if not row.sku and isinstance(row, UnreadableStock):
                    self.unread.note_nameless(row.problem)
                elif places.by_warehouse is not None and not row.warehouse:
                    self.unread.note(_stock_of(row.sku), "a row names no warehouse")
                    for location in places.order:
                        yield _staged_row(row, location, 0, ANY)
                else:
                    yield self._row(row, places)

    def _row(self, row: StockRow, places: LocationMap) -> StagedStock:
        location = places.of(row.warehouse)
        if location is None:
            # Stock in a warehouse that is not mapped is known, but not for sale.
            return _staged_row(row, places.order[0], 0)
        if isinstance(row, StockLevel):
            return _staged_row(row, location, row.available)
        self.unread.note(_stock_of(row.sku), row.problem)
        if row.at_most is None:
            return _staged_row(row, location, 0, ANY)
        return _staged_row(row, location, row.at_most, MAX_AT)

    def demand(self, stock_read_at: datetime) -> UnheldDemand:
        """List the open orders, and compute what of them the warehouse does not have.

        Raises:
            UpstreamError: The shop could not be read.
        """
        return self.demand_of(self.shop.stock.open_orders(), stock_read_at)

    def demand_of(self, orders: list[OpenOrder], stock_read_at: datetime) -> UnheldDemand:
        """What of these open orders the warehouse does not have, by the ledger as it is now.

        Raises:
            UpstreamError: The clock was set since the stock was read.
        """
        wanted = self.settings.inventory
        self._must_be_steady(stock_read_at)
        # The ledger is read after the list: an order accepted in between then counts as accepted
        # after the stock read, and as demand.
        held = self.ledger.holdings.of(
            [order.code for order in orders],
            to_text(stock_read_at),
            processed_only=wanted.available_nets == "processed",
        )
        unread = [order.code for order in orders if order.unreadable is not None]
        begun = [one.code for one in orders if any(line.fulfilments for line in one.lines)]
        since = self.settings.orders.not_before or self.ledger.meta.live_since
        for order in orders:
            if order.unreadable is not None:
                self.unread.note(f"the shop's order {order.name}", order.unreadable)
        found = partial(
            demand,
            orders,
            held,
            names=self.names,
            stock_read_at=stock_read_at,
            not_before=None if wanted.count_earlier_orders else since,
            sent=self.ledger.holdings.sent(unread),
            types=self.settings.orders.counted_types,
        )
        at_sending = self.ledger.comparisons.sent(begun) if begun else {}
        first = found(at_sending=at_sending)
        renamed = [code for code in first.short if code not in at_sending]
        if not renamed:
            return first
        # What seems to be short may only be called otherwise since it was sent. How each of all
        # orders was called then takes too long to read.
        return found(at_sending={**at_sending, **self.ledger.comparisons.sent(renamed)})

    def _must_be_steady(self, stock_read_at: datetime) -> None:
        """Fail if the clock was set since the read of the stock began."""
        passed = timedelta(seconds=self.clock.monotonic() - self._began)
        if abs(self.clock.now() - stock_read_at - passed) > _DRIFT:
            # The clock decides which orders were accepted after the stock was read.
            raise Unavailable(
                "the clock was set while the stock was read: nothing was written",
                upstream="veracore",
                hint="nothing is wrong with VeraCore; the next run reads the stock again",
            )

    def look_for_processed(self) -> None:
        """Look up some orders that were not yet seen processed, if that matters."""
        if self.settings.inventory.available_nets != "processed":
            return
        bad = BadRecordMemory(self.ledger, self.clock, self.settings.retry.backoff, _LOOK_UPS)
        rows = self.ledger.orders.held(list(bad.rows())).values()
        bad.keep_only({row.code for row in rows if row.state == OrderState.SYNCED})
        # A few failures in a row end it: the stock itself matters more.
        budget = FailureBudget()
        wanted = self._unprocessed(bad)
        ids = takewhile(lambda _: not budget.is_spent(), (identity for _, identity in wanted))
        look_ups = self.context.concurrency.map(WAREHOUSE_LOOK_UPS, self.warehouse.look_up, ids)
        with closing(look_ups):
            for (code, _), found in zip(wanted, look_ups, strict=False):
                if not isinstance(found, LookUpFailed):
                    bad.answered(code)
                    budget.restore()
                if isinstance(found, Present):
                    self.ledger.holdings.saw(code, found.record)
                elif isinstance(found, LookUpFailed):
                    bad.failed(code, found.error.message)
                    budget.spend()
                if budget.is_spent():
                    break
        for code, row in bad.rows().items():
            self.unread.note(f"VeraCore's order {code}", row.message)

    def _unprocessed(self, bad: BadRecordMemory) -> list[tuple[str, str]]:
        """The orders to look up, by code and VeraCore id; bad records that are due come last."""
        remembered = bad.rows()
        most = self.settings.tracking.lookups_per_run
        listed = self.ledger.holdings.unprocessed(most + len(remembered))
        due = [one for one in listed if not bad.rests(one[0])]
        return sorted(due, key=lambda one: one[0] in remembered)[:most]


def _stock_of(sku: str) -> str:
    return f"VeraCore's stock of {sku}"


def _staged_row(row: StockRow, location: str, available: int, unread: int = 0) -> StagedStock:
    # A row that names no warehouse is staged at every location.
    place = f"{row.warehouse or location}/{row.variation}"
    return StagedStock(sku_key(row.sku), location, place, row.sku, available, unread)


def as_staged(level: Level) -> tuple[int, int, int]:
    """On hand, allocated, and what is for sale."""
    return level.on_hand, level.allocated, level.on_hand - level.allocated
