"""Hands on the shop, at the warehouse and in the ledger, by each side's own means.

`Bed` runs the commands between them, in this process. What is done here bypasses the program: it is
what `reconcile` has to find. Orders are named by their code everywhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from realvendure import OrderRef, RealVendure
from rig import Ended, HereRig

from veracore_sync.clock import SystemClock
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.sandbox.records import Line, Order, Package, sku_key
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.shop_records import Order as ShopOrder

Lines = Sequence[tuple[str, int]]
Dump = Mapping[str, Any]

# ---- the shop ------------------------------------------------------------------------------------


class ShopHands(Protocol):
    """What shoppers and staff do in a shop, and everything that it shows."""

    def place(self, lines: Lines, **more: Any) -> str:
        """A paid order; its code."""

    def cancel(self, code: str, lines: Lines | None = None) -> None:
        """Cancel an order, or so many units of it."""

    def set_units(self, code: str, sku: str, units: int) -> None:
        """Change the units of a line, and pay or give back the difference."""

    def move(self, code: str) -> None:
        """Correct the address."""

    def fulfil(
        self, code: str, lines: Lines | None = None, tracking: str = "", state: str = "Shipped"
    ) -> str:
        """Fulfil what is open, or these lines, by hand; the fulfilment's id."""

    def set_fulfilment(self, id: str, state: str) -> None:
        """Bring a fulfilment to another state."""

    def fulfilments(self, code: str) -> list[tuple[str, str, str]]:
        """(id, state, tracking code) of each."""

    def state(self, code: str) -> str:
        """The order's state."""

    def refund(self, code: str) -> None:
        """Give all money back."""

    def on_hand(self, sku: str) -> int:
        """The units on hand, as the shop has them."""

    def saleable(self, sku: str) -> int:
        """The units that the shop sells."""

    def set_stock(self, sku: str, on_hand: int) -> None:
        """Change a level by hand."""

    def dump(self) -> Dump:
        """Everything that may not change unnoticed, by what it is."""


@dataclass
class SmallShopHands:
    """The small shop."""

    shop: SmallShop

    def order(self, code: str) -> ShopOrder:
        return self.shop.state.by_code[code]

    def place(self, lines: Lines, **more: Any) -> str:
        return self.shop.state.place_order(list(lines), **more).code

    def cancel(self, code: str, lines: Lines | None = None) -> None:
        self.shop.state.cancel(self.order(code), lines)

    def set_units(self, code: str, sku: str, units: int) -> None:
        state, order = self.shop.state, self.order(code)
        state.start_modify(order)
        state.modify(order, [(sku, units)])
        state.finish_modify(order)

    def move(self, code: str) -> None:
        self.shop.state.set_address(self.order(code), city="Potsdam")

    def fulfil(
        self, code: str, lines: Lines | None = None, tracking: str = "", state: str = "Shipped"
    ) -> str:
        made = self.shop.state.fulfil(self.order(code), lines, state, tracking=tracking)
        return made.id

    def set_fulfilment(self, id: str, state: str) -> None:
        self.shop.state.transition_fulfilment(self.shop.state.fulfilments[id], state)

    def fulfilments(self, code: str) -> list[tuple[str, str, str]]:
        return [(one.id, one.state, one.tracking_code) for one in self.order(code).fulfilments]

    def state(self, code: str) -> str:
        return self.order(code).state

    def refund(self, code: str) -> None:
        self.shop.state.refund(self.order(code))

    def on_hand(self, sku: str) -> int:
        levels = self.shop.state.variant(sku).levels.values()
        return sum(one.on_hand for one in levels)

    def saleable(self, sku: str) -> int:
        return self.shop.state.saleable(sku) or 0

    def set_stock(self, sku: str, on_hand: int) -> None:
        variant = self.shop.state.variant(sku)
        (level,) = variant.levels.values()
        self.shop.state.write_levels([(variant.id, [(level.location.id, on_hand)])])

    def allocate_short(self, code: str, sku: str, less: int) -> None:
        """Vendure had not enough to allocate: newer versions cap it (docs/vendure.md)."""
        state = self.shop.state
        with state.lock:
            (line,) = (one for one in self.order(code).lines if one.variant.sku == sku)
            ((location, units),) = line.allocations
            line.allocations = [(location, units - less)]
            # Others may have ordered as many of it at the same moment.
            next(one for one in line.variant.allocations if one.line == line.id).quantity -= less
            state.level(line.variant, location).allocated -= less

    def dump(self) -> Dump:
        state, found = self.shop.state, dict[str, Any]()
        with state.lock:
            for order in state.orders.values():
                found[f"order {order.code}"] = _small_order(order)
            for variant in state.variants.values():
                for level in variant.levels.values():
                    key = f"stock {variant.sku}"
                    found[key] = {"on hand": level.on_hand, "allocated": level.allocated}
        return found


def _small_order(order: ShopOrder) -> Dump:
    return {
        "state": order.state,
        "units": {line.id: (line.variant.sku, line.quantity) for line in order.lines},
        "fulfilments": [
            (one.id, one.state, one.tracking_code, [(p.line.id, p.quantity) for p in one.lines])
            for one in order.fulfilments
        ],
        "ship to": dict(order.shipping_address),
        "bill to": dict(order.billing_address),
        "payments": [(p.id, p.state, p.amount, len(p.refunds)) for p in order.payments],
        "shipping": [(one.method.code, one.price) for one in order.shipping_lines],
        "modifications": len(order.modifications),
        "history": [one.kind for one in order.history],
    }


@dataclass
class VendureHands:
    """A real Vendure."""

    vendure: RealVendure
    skus: Sequence[str]
    _refs: dict[str, OrderRef] = field(default_factory=dict)

    def place(self, lines: Lines, **more: Any) -> str:
        made = self.vendure.place_order(lines, **more)
        self._refs[made.code] = made
        return made.code

    def cancel(self, code: str, lines: Lines | None = None) -> None:
        self.vendure.cancel(self._refs[code], lines)

    def set_units(self, code: str, sku: str, units: int) -> None:
        self.vendure.modify(self._refs[code], [(sku, units)])

    def move(self, code: str) -> None:
        self.vendure.set_address(self._refs[code], city="Potsdam")

    def fulfil(
        self, code: str, lines: Lines | None = None, tracking: str = "", state: str = "Shipped"
    ) -> str:
        return self.vendure.fulfil(self._refs[code], lines, state=state, tracking=tracking)

    def set_fulfilment(self, id: str, state: str) -> None:
        self.vendure.transition_fulfilment(id, state)

    def fulfilments(self, code: str) -> list[tuple[str, str, str]]:
        found = self.vendure.order(code)["fulfillments"] or ()
        ordered = sorted(found, key=lambda one: int(one["id"]))
        return [(one["id"], one["state"], one["trackingCode"]) for one in ordered]

    def state(self, code: str) -> str:
        return str(self.vendure.order(code)["state"])

    def refund(self, code: str) -> None:
        self.vendure.refund(self._refs[code])

    def on_hand(self, sku: str) -> int:
        return sum(one.on_hand for one in self.vendure.stock(sku).values())

    def saleable(self, sku: str) -> int:
        return sum(one.on_hand - one.allocated for one in self.vendure.stock(sku).values())

    def set_stock(self, sku: str, on_hand: int) -> None:
        self.vendure.set_stock(sku, on_hand)

    def dump(self) -> Dump:
        orders = self.vendure.orders(code={"in": [*self._refs]})
        found = {f"order {one['code']}": _real_order(one) for one in orders}
        query = """query($skus: [String!]!) {
          productVariants(options: { take: 1000, filter: { sku: { in: $skus } } }) {
            items { sku stockLevels { stockOnHand stockAllocated } } } }"""
        listed = self.vendure.admin(query, {"skus": [*self.skus]})["productVariants"]["items"]
        for variant in listed:
            levels = variant["stockLevels"]
            found[f"stock {variant['sku']}"] = {
                "on hand": sum(one["stockOnHand"] for one in levels),
                "allocated": sum(one["stockAllocated"] for one in levels),
            }
        return found


def _real_order(order: Mapping[str, Any]) -> Dump:
    # Vendure moves these by itself, and says so in other fields too.
    left_out = {"updatedAt", "nextStates"}
    found = {name: value for name, value in order.items() if name not in left_out}
    found["history"] = [one["type"] for one in order["history"]["items"]]
    return found


# ---- the warehouse -------------------------------------------------------------------------------


@dataclass
class WarehouseHands:
    """What happens at VeraCore, and everything that it shows; orders by the shop's code or id."""

    sandbox: Sandbox

    def __post_init__(self) -> None:
        self.world = self.sandbox.world
        self._by_reference: dict[str, Order] = {}
        self._count = 0

    def has(self, code: str) -> bool:
        return self._found(code) is not None

    def order(self, code: str) -> Order:
        found = self._found(code)
        assert found is not None, f"VeraCore has no {code}"
        return found

    def _found(self, code: str) -> Order | None:
        with self.world.lock:
            for order in list(self.world.orders.values())[self._count :]:
                self._by_reference[order.reference or order.id] = order
            self._count = len(self.world.orders)
            found = self._by_reference.get(code)
            if found is not None and sku_key(found.id) in self.world.orders:
                return found
            return self.world.find(code)

    def ship(
        self,
        code: str,
        lines: Lines | None = None,
        tracking: str | Sequence[str] = "",
        *,
        short: bool = False,
    ) -> str:
        """Ship what is open, or these lines (also such as were never ordered); the slip."""
        order = self.order(code)
        with self.world.lock:
            if lines is None:
                lines = [(order.spelling(key), n) for key, n in order.missing().items()]
            now = self.world.now().isoformat()
            numbers = [tracking] if isinstance(tracking, str) else tracking
            packages = [Package(one, "UPS", "Ground", now, now) for one in numbers]
            made = [Line(sku, n) for sku, n in lines]
            return str(self.world.ship(order, made, packages, now, short=short).number)

    def void(self, code: str, relabel: str | None = None) -> None:
        """Void the newest live label, perhaps with a new one."""
        order = self.order(code)
        for slip in reversed(order.slips):
            if slip.live_packages:
                self.world.void(order, slip, slip.live_packages[-1], relabel)
                return
        raise AssertionError(f"{code} has no label")

    def cancel(self, code: str, lines: Lines | None = None) -> None:
        """Cancel what is not picked, or so many units."""
        order = self.order(code)
        units = dict(lines) if lines is not None else dict(order.missing())
        order_units = order.missing().__class__({sku_key(sku): n for sku, n in units.items()})
        self.world.cancel(order, order_units)

    def set_units(self, code: str, sku: str, units: int) -> None:
        """VeraCore's staff change a line of an order."""
        order = self.order(code)
        with self.world.lock, self.world._change(order):
            line = next((one for one in order.lines if sku_key(one.sku) == sku_key(sku)), None)
            if line is None:
                order.lines.append(Line(sku, units))
            else:
                line.quantity = units

    def forget(self, code: str) -> Order:
        """VeraCore loses an order; `restore` brings it back."""
        order = self.order(code)
        with self.world.lock:
            del self.world.orders[sku_key(order.id)]
            self.world._reserved.subtract(order.reserved())
            self._count = len(self.world.orders)
        return order

    def restore(self, order: Order) -> None:
        """VeraCore has an order again that it had lost."""
        with self.world.lock:
            self.world.orders[sku_key(order.id)] = order
            self.world._reserved.update(order.reserved())
            self._count = 0

    def place(self, id: str, lines: Lines, reference: str = "", **more: Any) -> str:
        """Another system places an order; its id."""
        made = [Line(sku, n) for sku, n in lines]
        now = self.world.now().isoformat()
        given: dict[str, Any] = {"id": id, "sequence": 0, "dialect": "oms", "lines": made}
        order = Order(**given, accepted_at=now, entered_at=now, reference=reference, **more)
        return self.world.place(order).id

    def on_hand(self, sku: str) -> int:
        return sum(one.on_hand for one in self.world.stock_of(sku))

    def set_stock(self, sku: str, on_hand: int) -> None:
        """Goods arrive, get lost or are counted anew."""
        self.world.set_stock(sku, "MAIN", on_hand)

    def dump(self) -> Dump:
        found = dict[str, Any]()
        with self.world.lock:
            for order in self.world.orders.values():
                found[f"order {order.id}"] = json.loads(json.dumps(order.document()))
            for levels in self.world.levels():
                for one in levels:
                    found[f"stock {one.sku}"] = {"on hand": one.on_hand, "kept": one.reserved}
        return found

    def written(self) -> list[tuple[str, str | None]]:
        """The requests so far that changed something, or could have."""
        with self.world.lock:
            asked = list(self.world.requests)
        writing = ("AddOrder", "CancelOrder", "create")
        return [
            (one["operation"], one.get("order")) for one in asked if one["operation"] in writing
        ]


# ---- the ledger ----------------------------------------------------------------------------------

_OF_AN_ORDER = ("cancellations", "compared", "held", "slips", "tracked", "attempts", "orders")


@dataclass
class LedgerHands:
    """The ledger's tables, as somebody reaches them with a database's own tools."""

    place: Path | PostgresPlace | None = None
    database: Database | None = None

    @contextmanager
    def _open(self) -> Iterator[Database]:
        if self.database is not None:
            yield self.database
            return
        assert self.place is not None
        ledger = open_ledger(self.place)
        try:
            yield ledger.database
        finally:
            ledger.close()

    def drop(self, code: str) -> None:
        """Delete everything that the ledger has of an order."""
        with self._open() as database, database.transaction() as transaction:
            for table in _OF_AN_ORDER:
                transaction.execute(f"DELETE FROM {table} WHERE code = ?", (code,))

    def set(self, code: str, **columns: str | int | None) -> None:
        """Change columns of an order's row."""
        names = ", ".join(f"{name} = ?" for name in columns)
        with self._open() as database, database.transaction() as transaction:
            transaction.execute(
                f"UPDATE orders SET {names} WHERE code = ?", (*columns.values(), code)
            )

    def forget_attempts(self, code: str) -> None:
        """As in a backup of the time before the order was sent."""
        with self._open() as database, database.transaction() as transaction:
            for table in _OF_AN_ORDER[:-1]:
                transaction.execute(f"DELETE FROM {table} WHERE code = ?", (code,))
            transaction.execute(
                "UPDATE orders SET state = 'pending', cause = '', attempt = 0, sequence = NULL, "
                "veracore_id = NULL, last_successful_sync = NULL WHERE code = ?",
                (code,),
            )

    def row(self, code: str) -> Mapping[str, Any] | None:
        with self._open() as database:
            found = database.row("SELECT * FROM orders WHERE code = ?", (code,))
            return None if found is None else {name: found[name] for name in found.keys()}  # noqa: SIM118

    def alerts(self) -> list[tuple[str, str | None, bool]]:
        """(kind, code, whether it is open) of every alert that there ever was."""
        with self._open() as database:
            rows = database.rows("SELECT kind, code, resolved_at FROM alerts ORDER BY opened_at")
            return [(row["kind"], row["code"], row["resolved_at"] is None) for row in rows]


# ---- all of them ---------------------------------------------------------------------------------


class SetClock:
    """A clock that moves only when told to, or when somebody sleeps.

    Args:
        start: Where it begins; ``None``: it runs, and is only set forward.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start
        self._on = timedelta(0)

    def now(self) -> datetime:
        return (self._start or datetime.now(UTC)) + self._on

    def monotonic(self) -> float:
        return (0.0 if self._start else time.monotonic()) + self._on.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.forward(seconds=seconds)

    def forward(self, **span: float) -> None:
        self._on += timedelta(**span)

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Every clock of this process that is the machine's goes by this one meanwhile."""
        with (
            patch.object(SystemClock, "now", lambda _: self.now()),
            patch.object(SystemClock, "monotonic", lambda _: self.monotonic()),
            patch.object(SystemClock, "sleep", lambda _, seconds: self.sleep(seconds)),
        ):
            yield


@dataclass
class Bed:
    """Both sides, the ledger, and the commands between them."""

    rig: HereRig
    shop: Any
    there: WarehouseHands
    clock: SetClock

    @property
    def ledger(self) -> LedgerHands:
        return LedgerHands(self.rig.server or self.rig.ledger_path)

    def run(self, *arguments: str, codes: Iterable[int] = (0,)) -> Ended:
        """A command that ends with one of these codes."""
        with self.clock.rules():
            ended = self.rig.run(*arguments)
        assert ended.code in codes, (arguments, ended.code, ended.out, ended.err)
        return ended

    def timers(self) -> None:
        """Every timer once."""
        self.run("sync-orders", "--allow-first-run", codes=(0, 3))
        self.run("sync-tracking", codes=(0, 3))
        self.run("sync-inventory", "--allow-mass-change", codes=(0, 3))

    def dump(self) -> dict[str, Dump]:
        """Both sides as a whole."""
        return {"shop": self.shop.dump(), "warehouse": self.there.dump()}

    def reconcile(self, *arguments: str, codes: Iterable[int] = (0, 3)) -> Any:
        """The document of a run."""
        return self.run("reconcile", "--json", *arguments, codes=codes).json

    def accept(self, type: str, name: str) -> None:
        """A person accepts a difference as it is."""
        which = ("--type", type, "--name", name)
        self.run("reconcile", "--accept", "it is known", *which)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[tuple[str, str]]:
    """What of two dumps differs: (side, what)."""
    found = set()
    for side in ("shop", "warehouse"):
        one, other = before[side], after[side]
        found |= {
            (side, key) for key in one.keys() | other.keys() if one.get(key) != other.get(key)
        }
    return found


CATALOGUE_UNITS = 1000


@contextmanager
def small_bed(
    folder: Path,
    skus: Sequence[str],
    dialect: str = "oms",
    server: PostgresPlace | None = None,
    start: datetime | None = datetime(2026, 3, 2, 9, tzinfo=UTC),
    **env: str,
) -> Iterator[Bed]:
    """The small shop and the simulator, with these SKUs at both."""
    clock = SetClock(start)
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(clock=clock.now))
        shop = stack.enter_context(SmallShop(clock=clock.now))
        for sku in skus:
            shop.state.add_variant(sku, sku.title(), 1000, on_hand=CATALOGUE_UNITS)
            sandbox.world.set_stock(sku, "MAIN", CATALOGUE_UNITS)
        rig = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        rig.server = server
        # A bed lives longer than the environment of one test.
        rig.env |= {"HOME": str(folder), **env}
        yield Bed(rig, SmallShopHands(shop), WarehouseHands(sandbox), clock)
