"""A shop that allocates, a warehouse that reserves, and the truth between them, in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from fakes import FakeClock, FakeWarehouse, PartialShop, make_settings

from veracore_sync.config import Settings
from veracore_sync.domain.errors import Category, ProtocolError, Unavailable
from veracore_sync.domain.held_orders import unit_key
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.shop_stock import (
    Changes,
    Level,
    Location,
    NewLevel,
    OpenLine,
    OpenOrder,
    StockAdjustment,
    StockAllocation,
    StockDefaults,
    Variant,
)
from veracore_sync.domain.states import AttemptOutcome, OrderCause
from veracore_sync.domain.warehouse import Product, RecordLine, StockLevel, WarehouseRecord
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.shop import UnknownVariant

HERE = "1"
NEVER = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Sale:
    """An order of one SKU, on both sides.

    `sent` is what the warehouse took of it, `dropped` what it cancelled of that.
    """

    code: str
    sku: str
    placed_at: datetime
    quantity: int
    state: str = "PaymentSettled"
    fulfilments: list[tuple[int, datetime]] = field(default_factory=list)
    sent: int | None = None
    shipped: int = 0
    dropped: int = 0
    cancelled_there: bool = False
    changes: list[tuple[datetime, int]] = field(default_factory=list)
    no_longer_wanted: int = 0
    updated_at: datetime | None = None

    @property
    def fulfilled(self) -> int:
        return sum(units for units, _ in self.fulfilments)

    @property
    def open(self) -> int:
        return max(0, self.quantity - self.fulfilled)

    @property
    def reserved(self) -> int:
        if self.sent is None or self.cancelled_there:
            return 0
        return self.sent - self.shipped - self.dropped


class World:
    """Both sides and the ledger. Every event moves the clock on by a second.

    `between` is called before each request of the tool, with its name.
    """

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        self.clock = FakeClock()
        self.settings = settings or make_settings()
        self.ledger = open_ledger(path, clock=self.clock)
        self.path = path
        self.variants: dict[str, Variant] = {}
        self.locations = [Location(HERE, "Default")]
        self.shelf: dict[str, dict[str, int]] = {}
        self.sales: dict[str, Sale] = {}
        self.between: Callable[[str], None] = lambda request: None
        self.told_allocation: Callable[[str, int], int] = lambda sku, allocated: allocated
        self.writes: list[list[NewLevel]] = []
        self.shop = FakeStockShop(self)
        self.warehouse = StockedWarehouse(world=self)
        self.by_hand: Counter[str] = Counter()
        self.blurred: set[str] = set()
        self.lossy: set[str] = set()
        self.updated: dict[str, datetime] = {}
        self.threshold = 0
        self.adjusted: dict[str, list[StockAdjustment]] = defaultdict(list)

    # ---- what there is ------------------------------------------------------------------------

    def add(
        self,
        sku: str,
        on_hand: int,
        *,
        there: int | None = None,
        tracked: bool = True,
        enabled: bool = True,
        threshold: int = 0,
    ) -> str:
        """A variant with so many on hand in the shop, and `there` in the warehouse."""
        identity = str(len(self.variants) + 1)
        self.variants[identity] = Variant(
            identity, sku, tracked, (Level(HERE, on_hand, 0),), None, enabled, threshold
        )
        if there is not None:
            self.shelf[sku] = {"MAIN": there}
        return identity

    def level(self, sku: str, location: str = HERE) -> Level:
        variant = next(one for one in self.variants.values() if one.sku == sku)
        for level in variant.levels:
            if level.location == location:
                return level
        return Level(location, 0, 0)

    def move(self, sku: str, on_hand: int = 0, allocated: int = 0) -> None:
        """Change the shop's numbers of a SKU."""
        level = self.level(sku)
        fresh = Level(HERE, level.on_hand + on_hand, level.allocated + allocated)
        for identity, variant in self.variants.items():
            if variant.sku == sku:
                self.variants[identity] = replace(variant, levels=(fresh,))

    def note(self, variant_id: str, units: int) -> None:
        """The shop keeps by how much a level was set."""
        if units:
            self.adjusted[variant_id].append(StockAdjustment(self.clock.now(), units))

    def by_hand_set(self, sku: str, units: int, location: str = HERE) -> None:
        """Somebody changes what is on hand in the shop."""
        self.clock.forward(seconds=1)
        for variant in self.variants.values():
            if variant.sku == sku:
                level = self.level(sku, location)
                places = {one.location: one for one in variant.levels}
                places[location] = Level(location, level.on_hand + units, level.allocated)
                self.variants[variant.id] = replace(variant, levels=tuple(places.values()))
                self.note(variant.id, units)
                self.updated[variant.id] = self.clock.now()

    def nobody_answers(self, request: str) -> None:
        """For `between`."""
        raise Unavailable("the shop is down", upstream="vendure")

    def saleable(self, sku: str) -> int:
        level = self.level(sku)
        return level.on_hand - level.allocated

    def available(self, sku: str) -> int:
        reserved = sum(sale.reserved for sale in self.sales.values() if sale.sku == sku)
        return sum(self.shelf[sku].values()) - reserved

    def truth(self, sku: str) -> int:
        """What the warehouse could give to a new customer."""
        return self.available(sku) - sum(
            self.unheld(sale) for sale in self.sales.values() if sale.sku == sku
        )

    def unheld(self, sale: Sale) -> int:
        """Units that a customer still waits for and that the warehouse does not hold for them."""
        if sale.sent is None or sale.cancelled_there:
            return sale.open
        by_hand = self.by_hand[sale.code]
        held = sale.sent - sale.dropped
        return max(0, min(sale.open, sale.quantity - by_hand - held))

    def record(self, sale: Sale) -> WarehouseRecord:
        """What a look-up shows of it; a dialect that tells little shows that it is there."""
        if not self.warehouse.capabilities.tells_content:
            return WarehouseRecord(sale.code, None, None, "processed")
        sent = sale.sent or 0
        return WarehouseRecord(
            sale.code,
            sale.code,
            (RecordLine(sale.sku, sent),),
            "shipped" if sale.shipped else "processed",
            partially_cancelled=sale.dropped > 0,
            products=(Product(sale.sku, sent, sale.dropped),),
        )

    # ---- what happens -------------------------------------------------------------------------

    def place(
        self, code: str, sku: str, units: int, *, lost: int = 0, capped: int = 0, state: str = ""
    ) -> Sale:
        """An order; `lost` units of its allocation get lost, as on PostgreSQL, or `capped` ones are
        never made.

        None where an order of the SKU cannot be read: see `blur`.
        """
        self.clock.forward(seconds=1)
        if any(self.sales[one].sku == sku for one in self.blurred):
            lost = capped = 0
        sale = Sale(code, sku, self.clock.now(), units, state or "PaymentSettled")
        self.sales[code] = sale
        sale.changes.append((self.clock.now(), units - capped))
        self.move(sku, allocated=units - lost - capped)
        if lost:
            self.lossy.add(code)
        return sale

    def export(self, code: str, ends: str = "accepted", there: int | None = None) -> None:
        """Send what is open; it ends ``accepted``, ``lost`` (in doubt, but there), ``doubt``
        (in doubt, not there), ``parked`` or ``conflict`` (`there` units are there instead)."""
        sale = self.sales[code]
        if sale.sent is not None or not sale.open or self._state(code) not in (None, "pending"):
            return
        now = self.clock.now()
        self.ledger.transitions.discover([Discovery(code, code, sale.placed_at)])
        self.by_hand[code] = sale.fulfilled
        self.clock.forward(seconds=1)
        intent = Intent(code, ((sale.sku, sale.open),), "hash", "hash", ShopVersion("hash", now))
        attempt = self.ledger.transitions.intend(code, intent)
        assert attempt is not None
        self.clock.forward(seconds=1)
        if ends in ("accepted", "lost", "conflict"):
            sale.sent = sale.open
        if ends == "conflict" and there is not None and self.warehouse.capabilities.tells_content:
            sale.sent = min(there, sale.open)
        trouble = Failure(Category.PROTOCOL, "no answer")
        if ends == "accepted":
            self.ledger.transitions.accept(code, attempt, 1)
        elif ends == "parked":
            self.ledger.transitions.refuse(code, attempt, trouble, self.clock.now())
        else:
            self.ledger.transitions.doubt(code, attempt, OrderCause.LOST, trouble)
        if ends == "conflict":
            self.ledger.transitions.conflict(code, code, trouble)

    def _state(self, code: str) -> str | None:
        row = self.ledger.orders.get(code)
        return row.state if row else None

    def end_doubt(self, code: str) -> None:
        """A look-up ends the doubt, one way or the other."""
        if self._state(code) not in ("in_doubt", "conflict"):
            return
        sale = self.sales[code]
        self.clock.forward(seconds=1)
        if sale.sent is not None:
            self.ledger.transitions.adopt(code, code, self.record(sale))
        elif self._state(code) == "in_doubt":
            self.ledger.transitions.resend(code)
        else:
            self.ledger.transitions.end_attempts(code, code, AttemptOutcome.ABSENT)
            self.ledger.transitions.renew_id(code, code)

    def send_again(self, code: str) -> None:
        """A look-up that lied ended the doubt in absent: what is open now is refused as used."""
        sale = self.sales[code]
        if self._state(code) != "in_doubt" or not sale.open:
            return
        self.ledger.transitions.resend(code)
        self.clock.forward(seconds=1)
        intent = Intent(code, ((sale.sku, sale.open),), "again", "hash", ShopVersion("hash", NEVER))
        attempt = self.ledger.transitions.intend(code, intent)
        assert attempt is not None
        if sale.sent is None:
            self.by_hand[code] = sale.fulfilled
            sale.sent = sale.open
        trouble = Failure(Category.PROTOCOL, "already exists")
        self.ledger.transitions.doubt(code, attempt, OrderCause.DUPLICATE, trouble)

    def look(self, code: str) -> None:
        """A look-up sees the record of an order that is held."""
        if self._state(code) in ("synced", "shipped"):
            self.clock.forward(seconds=1)
            self.ledger.holdings.saw(code, self.record(self.sales[code]))

    def ship(self, code: str, units: int) -> None:
        """The warehouse ships, and its slip is fulfilled in the shop later."""
        sale = self.sales[code]
        units = min(units, sale.reserved)
        self.clock.forward(seconds=1)
        sale.shipped += units
        shelf = self.shelf[sale.sku]
        shelf[next(iter(shelf))] -= units

    def fulfil(self, code: str, units: int) -> None:
        """What has shipped is fulfilled in the shop."""
        sale = self.sales[code]
        gone = sale.fulfilled - self.by_hand[code]
        self._fulfil(sale, min(units, sale.shipped - gone, sale.open))

    def fulfil_by_hand(self, code: str, units: int) -> None:
        """Goods of another shelf leave before the order is sent."""
        sale = self.sales[code]
        if sale.sent is None and self._state(code) in (None, "pending"):
            self._fulfil(sale, min(units, sale.open))

    def _fulfil(self, sale: Sale, units: int) -> None:
        self.clock.forward(seconds=1)
        if units > 0:
            sale.fulfilments.append((units, self.clock.now()))
            self.move(sale.sku, on_hand=-units, allocated=-units)

    def cancel(self, code: str, units: int) -> None:
        """Units that are in no fulfilment are cancelled in the shop."""
        sale = self.sales[code]
        units = min(units, sale.open)
        self.clock.forward(seconds=1)
        sale.quantity -= units
        sale.no_longer_wanted += units
        sale.updated_at = self.clock.now()
        self.move(sale.sku, allocated=-units)

    def cancel_there(self, code: str) -> None:
        """The warehouse cancels, and a look-up shows it; nothing of it has shipped."""
        sale = self.sales[code]
        if sale.sent is None or sale.shipped or self._state(code) != "synced":
            return
        self.clock.forward(seconds=1)
        sale.cancelled_there = True
        self.ledger.transitions.cancel(code, code, "it was cancelled")

    def drop_there(self, code: str, units: int) -> None:
        """The warehouse cancels some units, and a look-up shows it."""
        sale = self.sales[code]
        units = min(units, sale.reserved)
        if not self.warehouse.capabilities.tells_content or self._state(code) not in (
            "synced",
            "shipped",
        ):
            return
        if sale.dropped + units == sale.sent:
            self.cancel_there(code)
            return
        self.clock.forward(seconds=1)
        sale.dropped += units
        self.look(code)

    def blur(self, code: str) -> None:
        """The shop's order can no longer be read; or it can again.

        Not where an allocation of the SKU got lost: what is set aside tells of the units of an
        order that cannot be read, and then it is too little (docs/inventory.md).
        """
        sku = self.sales[code].sku
        if code in self.blurred:
            self.blurred.remove(code)
        elif all(self.sales[one].sku != sku for one in self.lossy):
            self.blurred.add(code)

    def end(self, code: str) -> None:
        """The shop shows it as shipped, where all of it is fulfilled."""
        if not self.sales[code].open:
            self.clock.forward(seconds=1)
            self.ledger.transitions.ship(code)

    def modify(self, code: str, more: int) -> None:
        """Units are added to an order."""
        sale = self.sales[code]
        if sale.open or sale.fulfilled:
            self.clock.forward(seconds=1)
            sale.quantity += more
            sale.updated_at = self.clock.now()
            sale.changes.append((self.clock.now(), more))
            self.move(sale.sku, allocated=more)

    def adjust(self, sku: str, units: int) -> None:
        """The warehouse counts again."""
        shelf = self.shelf[sku]
        shelf[next(iter(shelf))] += units

    # ---- the tool -----------------------------------------------------------------------------

    def job(self, **options: object) -> InventoryRun:
        context = RunContext(
            InventoryReport(),
            PartialShop(stock=self.shop),
            self.warehouse,
            self.ledger,
            self.settings,
            self.clock,
            RunOptions(**options),  # type: ignore[arg-type]
        )
        return InventoryRun(context)

    def run(self, **options: object) -> InventoryReport:
        """A run that gets through; guards are off unless it is told otherwise."""
        self.clock.forward(seconds=1)
        options.setdefault("allow_mass_change", True)
        return self.job(**options).run()

    def reopen(self) -> None:
        """A new process over what was committed."""
        self.ledger.close()
        self.ledger = open_ledger(self.path, clock=self.clock)


class FakeStockShop:
    """The shop's stock, as the port `ShopStock` tells it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.gone: set[str] = set()
        self.refusing: set[str] = set()

    def _told(self, variant: Variant) -> Variant:
        told = self.world.told_allocation
        return replace(
            variant,
            levels=tuple(
                replace(one, allocated=told(variant.sku, one.allocated)) for one in variant.levels
            ),
        )

    def locations(self) -> list[Location]:
        return list(self.world.locations)

    def variants(self) -> Iterator[Variant]:
        self.world.between("variants")
        return iter([self._told(one) for one in self.world.variants.values()])

    def variants_updated(self, since: datetime) -> list[Variant]:
        moved = self.world.updated
        return [
            self._told(one)
            for one in self.world.variants.values()
            if one.id in moved and moved[one.id] > since
        ]

    def defaults(self) -> StockDefaults:
        return StockDefaults(True, self.world.threshold)

    def orders_touched(self, since: datetime) -> list[OpenOrder]:
        return [
            self._order(sale)
            for sale in self.world.sales.values()
            if max(sale.updated_at or sale.placed_at, sale.placed_at) > since
        ]

    def variants_like(self, skus: Sequence[str]) -> list[Variant]:
        self.world.between("variants")
        wanted = [unit_key(sku) for sku in skus]
        return [
            self._told(one)
            for one in self.world.variants.values()
            if any(sku in unit_key(one.sku) for sku in wanted)
        ]

    def variants_by_id(self, ids: Sequence[str]) -> dict[str, Variant]:
        self.world.between("levels")
        found = (self.world.variants.get(one) for one in ids)
        return {one.id: self._told(one) for one in found if one is not None}

    def open_orders(self) -> list[OpenOrder]:
        self.world.between("orders")
        return [self._order(sale) for sale in self.world.sales.values() if sale.open]

    def _order(self, sale: Sale) -> OpenOrder:
        if sale.code in self.world.blurred:
            return OpenOrder(sale.code, sale.placed_at, (), sale.code, "it cannot be read")
        ids = {variant.sku: variant.id for variant in self.world.variants.values()}
        line = OpenLine(ids[sale.sku], sale.sku, sale.quantity, tuple(sale.fulfilments))
        return OpenOrder(sale.code, sale.placed_at, (line,))

    def allocations(self, variant_id: str, since: datetime) -> list[StockAllocation]:
        self.world.between("allocations")
        sku = self.world.variants[variant_id].sku
        made = [
            one for sale in self.world.sales.values() if sale.sku == sku for one in sale.changes
        ]
        return [StockAllocation(at, units) for at, units in sorted(made) if units]

    def adjustments(self, variant_id: str, since: datetime) -> list[StockAdjustment]:
        self.world.between("adjustments")
        return [one for one in self.world.adjusted[variant_id] if one.at >= since]

    def changes(self, codes: Sequence[str]) -> dict[str, Changes]:
        if codes:
            self.world.between("changes")
        ids = {variant.sku: variant.id for variant in self.world.variants.values()}
        sales = [self.world.sales[one] for one in codes if one in self.world.sales]
        return {
            sale.code: Changes(
                dict.fromkeys((at for at, _ in sale.changes), 0),
                {ids[sale.sku]: sale.no_longer_wanted},
            )
            for sale in sales
        }

    def size_of(self, level: NewLevel) -> int:
        return 100

    def set_levels(self, levels: Sequence[NewLevel]) -> dict[str, tuple[Level, ...]]:
        self.world.between("write")
        for level in levels:
            if level.variant_id in self.gone or level.variant_id not in self.world.variants:
                raise UnknownVariant(level.variant_id)
            if level.variant_id in self.refusing:
                raise ProtocolError("this row is not to be changed", upstream="vendure")
        self.world.writes.append(list(levels))
        for level in levels:
            variant = self.world.variants[level.variant_id]
            by_place = {one.location: one for one in variant.levels}
            before = by_place.get(level.location, Level(level.location, 0, 0))
            allocated = before.allocated
            self.world.note(level.variant_id, level.on_hand - before.on_hand)
            self.world.updated[variant.id] = self.world.clock.now()
            by_place[level.location] = Level(level.location, level.on_hand, allocated)
            self.world.variants[variant.id] = replace(variant, levels=tuple(by_place.values()))
        self.world.between("answer")
        ids = {level.variant_id for level in levels}
        return {one: self._told(self.world.variants[one]).levels for one in ids}


@dataclass
class StockedWarehouse(FakeWarehouse):
    """A warehouse that tells its stock."""

    world: World = field(kw_only=True)
    trouble: Exception | None = None
    records: dict[str, WarehouseRecord] = field(default_factory=dict)

    def stock(self, sku: str | None) -> Iterator[StockLevel]:
        self.world.between("stock")
        shelves = list(self.world.shelf.items())
        for name, shelf in shelves:
            if sku is not None and name.strip().casefold() != sku.strip().casefold():
                continue
            owed = sum(shelf.values()) - self.world.available(name)
            for warehouse, units in shelf.items():
                taken = owed if warehouse == next(iter(shelf)) else 0
                yield StockLevel(name.strip(), warehouse, units - taken, units)
        if self.trouble is not None:
            raise self.trouble
