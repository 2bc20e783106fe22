"""The shops that the contract suites run against, and the hand that acts inside them.

The small shop stands for Vendure: `tests/shop` runs one suite against it and against a real one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from fakes import START, FakeClock, FakeShop, line, make_order
from inventory_world import HERE, World
from pydantic import SecretStr

from veracore_sync.config.schema import VendureSettings
from veracore_sync.domain.fulfilments import Fulfilment
from veracore_sync.ports.shop import ShopAudit, ShopOrders, ShopStock
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.shop import VendureShop

ONCE = RetryPolicy(tries=1)
Lines = Sequence[tuple[str, int]]


@dataclass
class SmallBed:
    """Our client of the small shop, over a socket."""

    small: SmallShop
    clock: FakeClock

    def __post_init__(self) -> None:
        self.shop = VendureShop(
            VendureSettings(
                admin_api_url=self.small.admin_url,
                username=self.small.username,
                password=SecretStr(self.small.password),
                timeout_seconds=60,
            ),
            retry=ONCE,
            clock=self.clock,
        )

    def stop(self) -> None:
        """From now on nobody answers."""
        self.small.stop()

    def stock_up(self, *skus: str) -> None:
        for sku in skus:
            if sku not in {one.sku for one in self.small.state.variants.values()}:
                self.small.state.add_variant(sku)


@contextmanager
def small_bed() -> Iterator[SmallBed]:
    clock = FakeClock()
    with SmallShop(clock=clock.now) as small:
        bed = SmallBed(small, clock)
        try:
            yield bed
        finally:
            bed.shop.close()


# ---- orders -----------------------------------------------------------------------------------


class OrdersBed(ABC):
    """A shop whose orders are read. Each act happens a minute after the one before it."""

    orders: ShopOrders
    audit: ShopAudit
    clock: FakeClock

    def place(self, *lines: tuple[str, int], state: str = "PaymentSettled") -> str:
        """A placed order, or with ``AddingItems`` a cart; its code."""
        self.clock.forward(minutes=1)
        return self._place(lines, state)

    def cancel_units(self, code: str, sku: str, units: int) -> None:
        """Some units are not wanted any more: the order has moved."""
        self.clock.forward(minutes=1)
        self._cancel_units(code, sku, units)

    def ship(self, code: str) -> None:
        """Somebody fulfils all of it by hand."""
        self.clock.forward(minutes=1)
        self._ship(code)

    @abstractmethod
    def _place(self, lines: Lines, state: str) -> str: ...

    @abstractmethod
    def _cancel_units(self, code: str, sku: str, units: int) -> None: ...

    @abstractmethod
    def _ship(self, code: str) -> None: ...

    @abstractmethod
    def garble(self, code: str) -> None:
        """From now on it is listed, and cannot be read in full."""

    @abstractmethod
    def stop(self) -> None:
        """From now on nobody answers."""


class SmallOrders(OrdersBed):
    """Of the small shop."""

    def __init__(self, bed: SmallBed) -> None:
        self.bed, self.orders, self.clock = bed, bed.shop, bed.clock
        self.audit = bed.shop.audit
        self.state = bed.small.state

    def _place(self, lines: Lines, state: str) -> str:
        self.bed.stock_up(*(sku for sku, _ in lines))
        return self.state.place_order(list(lines), state=state).code

    def _cancel_units(self, code: str, sku: str, units: int) -> None:
        self.state.cancel(self.state.order(code), [(sku, units)])

    def _ship(self, code: str) -> None:
        self.state.fulfil(self.state.order(code), None, "Shipped")

    def garble(self, code: str) -> None:
        self.bed.small.spoiled.add(self.state.order(code).id, "payments", "null")

    def stop(self) -> None:
        self.bed.stop()


class FakeOrders(OrdersBed):
    """The fake that the tests of the order jobs run over."""

    def __init__(self) -> None:
        self.orders = self.shop = FakeShop()
        self.audit = self.shop.audit
        self.clock = FakeClock()

    def _place(self, lines: Lines, state: str) -> str:
        code = f"A{len(self.shop.by_code)}"
        now = self.clock.now()
        placed_at = None if state == "AddingItems" else now
        numbered = enumerate(lines, start=1)
        rows = tuple(line(str(number), sku, units) for number, (sku, units) in numbered)
        order = make_order(code, state=state, lines=rows, placed_at=placed_at, updated_at=now)
        self.shop.add(order)
        return code

    def _cancel_units(self, code: str, sku: str, units: int) -> None:
        self._change_lines(code, sku, lambda one: replace(one, quantity=one.quantity - units))

    def _ship(self, code: str) -> None:
        lines = {one.id: one.quantity for one in self.shop.by_code[code].lines}
        self.shop.fulfilled[code] = (Fulfilment(f"F-{code}", "Shipped", "", lines),)
        self._change_lines(code, None, lambda one: replace(one, fulfilled=one.quantity))
        self.shop.change(code, state="Shipped")

    def _change_lines(self, code: str, sku: str | None, change: Callable[..., object]) -> None:
        lines = self.shop.by_code[code].lines
        changed = tuple(change(one) if sku in (None, one.sku) else one for one in lines)
        self.shop.change(code, lines=changed, updated_at=self.clock.now())

    def garble(self, code: str) -> None:
        self.shop.garbled.add(code)

    def stop(self) -> None:
        self.shop.down = True


@contextmanager
def small_orders() -> Iterator[OrdersBed]:
    with small_bed() as bed:
        yield SmallOrders(bed)


@contextmanager
def fake_orders() -> Iterator[OrdersBed]:
    yield FakeOrders()


ORDERS: dict[str, Callable[[], AbstractContextManager[OrdersBed]]] = {
    "small shop": small_orders,
    "fake": fake_orders,
}


# ---- stock ------------------------------------------------------------------------------------


class StockBed(ABC):
    """A shop with one stock location, whose stock is read and written."""

    stock: ShopStock
    clock: FakeClock

    @abstractmethod
    def add(self, sku: str, on_hand: int) -> str:
        """A variant that is counted; its id."""

    @abstractmethod
    def delete(self, variant_id: str) -> None:
        """It is sold no longer."""

    @abstractmethod
    def place(self, sku: str, units: int) -> str:
        """A paid order; its code."""

    @abstractmethod
    def fulfil(self, code: str, units: int) -> None:
        """So many units of it leave by hand."""

    @abstractmethod
    def cancel(self, code: str, units: int) -> None:
        """So many units of it are not wanted any more."""

    @abstractmethod
    def stop(self) -> None:
        """From now on nobody answers."""


@dataclass
class SmallStock(StockBed):
    """Of the small shop."""

    bed: SmallBed

    def __post_init__(self) -> None:
        self.stock, self.state = self.bed.shop.stock, self.bed.small.state
        self.clock = self.bed.clock

    def add(self, sku: str, on_hand: int) -> str:
        return self.state.add_variant(sku, on_hand=on_hand).id

    def delete(self, variant_id: str) -> None:
        self.state.delete_variant(variant_id)

    def place(self, sku: str, units: int) -> str:
        return self.state.place_order([(sku, units)]).code

    def fulfil(self, code: str, units: int) -> None:
        order = self.state.order(code)
        (sku,) = {one.variant.sku for one in order.lines}
        self.state.fulfil(order, [(sku, units)], "Shipped")

    def cancel(self, code: str, units: int) -> None:
        order = self.state.order(code)
        (sku,) = {one.variant.sku for one in order.lines}
        self.state.cancel(order, [(sku, units)])

    def stop(self) -> None:
        self.bed.stop()


@dataclass
class FakeStock(StockBed):
    """The fake that the tests of the stock job run over."""

    world: World
    _codes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stock, self.clock = self.world.shop, self.world.clock

    def add(self, sku: str, on_hand: int) -> str:
        return self.world.add(sku, on_hand)

    def delete(self, variant_id: str) -> None:
        del self.world.variants[variant_id]

    def place(self, sku: str, units: int) -> str:
        self._codes.append(f"A{len(self._codes)}")
        return self.world.place(self._codes[-1], sku, units).code

    def fulfil(self, code: str, units: int) -> None:
        self.world.fulfil_by_hand(code, units)

    def cancel(self, code: str, units: int) -> None:
        self.world.cancel(code, units)

    def stop(self) -> None:
        self.world.between = self.world.nobody_answers


@contextmanager
def small_stock() -> Iterator[StockBed]:
    with small_bed() as bed:
        yield SmallStock(bed)


@contextmanager
def fake_stock() -> Iterator[StockBed]:
    with TemporaryDirectory() as folder:
        world = World(Path(folder) / "ledger.db")
        try:
            yield FakeStock(world)
        finally:
            world.ledger.close()


STOCK: dict[str, Callable[[], AbstractContextManager[StockBed]]] = {
    "small shop": small_stock,
    "fake": fake_stock,
}

__all__ = ["HERE", "ORDERS", "START", "STOCK", "OrdersBed", "SmallBed", "StockBed", "small_bed"]
