"""Both sides with one difference of each type that ``reconcile --apply`` repairs, made by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from rig import Ended, Rig

from veracore_sync.composition.container import Container
from veracore_sync.composition.locked_run import job_lock
from veracore_sync.composition.repairs import repairs
from veracore_sync.config import load
from veracore_sync.domain.differences import Difference, DifferenceType
from veracore_sync.jobs.reconcile.apply import IN_ORDER, RepairResult
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ports.ledger import Ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

SKUS = ("MUG", "TEE", "HAT", "POSTER")
STOCK = 500
ENV = {
    "VERACORE_SYNC_RECONCILE__SETTLE_MINUTES": "0",
    "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
    "VERACORE_SYNC_TRACKING__GRACE_SECONDS": "1",
    "VERACORE_SYNC_ORDERS__GRACE_SECONDS": "1",
    "VERACORE_SYNC_RETRY__BREAKER_COOLDOWN_SECONDS": "0.1",
    "VERACORE_SYNC_RETRY__BASE_SECONDS": "0.1",
    "VERACORE_SYNC_RETRY__CAP_SECONDS": "1",
}
T = DifferenceType
TYPES = IN_ORDER
_OF_AN_ORDER = ("slips", "tracked", "attempts", "accepted", "alerts", "agreed", "orders")


@dataclass
class ApplyWorld:
    """The commands between a small shop and a simulator, and what a person does to either."""

    shop: SmallShop
    sandbox: Sandbox
    rig: Rig
    dice: random.Random
    labels: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    made: list[tuple[DifferenceType, str]] = field(default_factory=list)

    # ---- the commands ---------------------------------------------------------------------------

    def run(self, *command: str, codes: Sequence[int] = (0, 3), **env: str) -> Ended:
        """A command that must end with one of these codes."""
        ended = self.rig.run(*command, **env)
        assert ended.code in codes, (command, ended)
        return ended

    def reconcile(self, *more: str, codes: Sequence[int] = (0, 3)) -> Any:
        """``reconcile --json``; its document."""
        return self.run("reconcile", "--json", *more, codes=codes).json

    def apply(self, *types: str, more: Sequence[str] = (), codes: Sequence[int] = (0, 3)) -> Any:
        """``reconcile --apply``; its document."""
        return self.reconcile("--apply", ",".join(types), *more, codes=codes)

    def differences(self) -> list[tuple[str, str]]:
        """What differs now, as a run finds it: (type, name) each."""
        found = self.reconcile()["differences"]
        return sorted((one["type"], one["name"]) for one in found)

    @contextmanager
    def ledger(self, *, write: bool = False) -> Iterator[Ledger]:
        place = self.rig.server or self.rig.ledger_path
        with closing(open_ledger(place, read_only=not write)) as opened:
            yield opened

    # ---- what people do -------------------------------------------------------------------------

    def place(self, units: int = 2, **more: Any) -> Any:
        return self.shop.state.place_order([("MUG", units), ("TEE", 1)], **more)

    def sent(self, **more: Any) -> Any:
        order = self.place(**more)
        self.run("sync-orders", "--order", order.code)
        assert self.state(order.code) == "synced"
        return order

    def ship(self, order: Any) -> str:
        label = f"1Z999AA1{next(self.numbers):010}"
        packages = [{"tracking": label, "carrier": "UPS", "service": "UPS Ground"}]
        self.rig.control("ship", {"order": self.veracore_id(order.code), "packages": packages})
        return label

    def veracore_id(self, code: str) -> str:
        return str(self.rig.placed()[code]["id"])

    def mend(self) -> None:
        """No more faults."""
        self.rig.control("faults", {"kinds": []})
        self.shop.clear_faults()

    def state(self, code: str) -> str | None:
        with self.ledger() as ledger:
            row = ledger.orders.get(code)
        return str(row.state) if row is not None else None

    def forget(self, code: str) -> None:
        """The ledger loses an order, as if it had never known it."""
        with self.ledger(write=True) as ledger, ledger.database.transaction() as connection:
            for table in _OF_AN_ORDER:
                connection.execute(f"DELETE FROM {table} WHERE code = ?", (code,))

    def act(self, type: DifferenceType, name: str, veracore_id: str = "") -> RepairResult:
        """The act of that type alone, under its lock."""
        loaded = load(None, self.rig.environment, cwd=self.rig.folder)
        with closing(Container(loaded, family="reconcile")) as container:
            container.bind()
            repair = repairs(container)[type]
            one = Difference(type, name, "", "", "", None, veracore_id=veracore_id)
            with job_lock(container, repair.lock(one), "reconcile"):
                return repair.act(one)

    # ---- one difference of each type ------------------------------------------------------------

    def make(self, type: DifferenceType) -> str:
        """Make a difference of that type; its name."""
        return self.make_all([type])[0][1]

    def make_all(self, types: Sequence[DifferenceType]) -> list[tuple[DifferenceType, str]]:
        """Make a difference of each of these types, with few commands; type and name of each."""
        orders = [
            (one, self.place()) for one in types if one not in (T.PAID_NOT_SENT, T.STOCK_DIFFERS)
        ]
        self._named("sync-orders", [order.code for _, order in orders])
        moved = [order for one, order in orders if one is T.TRACKING_DIFFERS]
        labels = {order.code: self.ship(order) for order in moved}
        self._named("sync-tracking", list(labels))
        made = []
        for one, order in orders:
            code = str(order.code)
            if one is T.SENT_NOT_IN_LEDGER:
                self.forget(code)
            elif one is T.CANCELLED_HERE_LIVE_THERE:
                self.shop.state.cancel(self.shop.state.orders[order.id])
            elif one is T.CANCELLED_THERE_OPEN_HERE:
                self.rig.control("cancel", {"order": self.veracore_id(code)})
            elif one is T.SHIPPED_NOT_FULFILLED:
                labels[code] = self.ship(order)
            else:
                body = {"order": self.veracore_id(code), "tracking": labels[code]}
                labels[code] += "X"
                self.rig.control("void", body | {"relabel": labels[code]})
            made.append((one, code))
        made += [(one, str(self.place().code)) for one in types if one is T.PAID_NOT_SENT]
        made += [(one, self._set_by_hand()) for one in types if one is T.STOCK_DIFFERS]
        self.labels |= labels
        self.made += made
        return made

    def _named(self, command: str, codes: Sequence[str]) -> None:
        if codes:
            self.run(command, *(word for code in codes for word in ("--order", code)))

    def _set_by_hand(self) -> str:
        """Somebody sets a level in the shop."""
        [variant] = [one for one in self.shop.state.variants.values() if one.sku == "POSTER"]
        [level] = variant.levels.values()
        self.shop.state.write_levels([(variant.id, [(level.location.id, level.on_hand + 7)])])
        return "POSTER"

    def is_repaired(self, type: DifferenceType, name: str) -> bool:
        """Whether both sides and the ledger show it, whatever a run says."""
        state = self.state(name)
        if type is T.STOCK_DIFFERS:
            there = sum(one.available for one in self.sandbox.world.stock_of(name))
            return bool(self.shop.state.saleable(name) == there)
        told = self.rig.placed().get(name)
        if type in (T.PAID_NOT_SENT, T.SENT_NOT_IN_LEDGER):
            return told is not None and state in ("synced", "shipped")
        assert told is not None, f"{name} is no longer at VeraCore"
        if type is T.CANCELLED_HERE_LIVE_THERE:
            return bool(told["status"] == "Cancelled")
        if type is T.CANCELLED_THERE_OPEN_HERE:
            return state == "cancelled"
        with self.ledger() as ledger:
            known = {one.tracking_code for one in ledger.shipments.slips_of(name)}
        [order] = [one for one in self.shop.state.orders.values() if one.code == name]
        return known == {self.labels[name]} and bool(fulfilled(order))

    # ---- all that both sides have ---------------------------------------------------------------

    def both(self) -> dict[str, Any]:
        """Everything of both sides, flat: by where it stands."""
        found: dict[str, Any] = {}
        with self.sandbox.world.lock:
            for one in self.sandbox.world.orders.values():
                _flatten(f"there/{one.id}", one.document(), found)
            for sku, product in self.sandbox.world.products.items():
                _flatten(f"there/stock/{sku}", dict(product.on_hand), found)
        for order in list(self.shop.state.orders.values()):
            _flatten(f"shop/{order.code}", _shop_document(order), found)
        for variant in self.shop.state.variants.values():
            levels = {one.id: (one.on_hand, one.allocated) for one in variant.levels.values()}
            _flatten(f"shop/stock/{variant.sku}", levels, found)
        return found

    def changed(self, before: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """What of `both` is not as it was: (before, now) by where it stands."""
        now = self.both()
        return {
            key: (before.get(key), now.get(key))
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key)
        }

    # ---- what must hold whatever happened -------------------------------------------------------

    def nothing_twice(self) -> None:
        """No order is at VeraCore twice, and no unit is fulfilled beyond what VeraCore shipped."""
        placed = self.rig.control("orders")["orders"]
        names = [one["reference"] or one["id"] for one in placed]
        assert len(names) == len(set(names)), "an order is at the warehouse twice"
        there = dict(zip(names, placed, strict=True))
        for order in list(self.shop.state.orders.values()):
            shipped = Counter[str]()
            for line in there.get(order.code, {}).get("shippedLines", ()):
                shipped[line["sku"]] += line["quantity"]
            done = fulfilled(order)
            assert not done - shipped, (order.code, done, shipped)

    def nothing_lost(self) -> None:
        """At rest: every paid order is at VeraCore, and the ledger knows it."""
        there = self.rig.placed()
        for order in list(self.shop.state.orders.values()):
            if order.state == "Cancelled":
                assert order.code not in there or there[order.code]["status"] == "Cancelled"
                continue
            assert order.code in there, f"{order.code} never left"
            assert self.state(order.code) in ("synced", "shipped", "cancelled"), order.code


def fulfilled(order: Any) -> Counter[str]:
    """Units by SKU that the shop shows in live fulfilments of an order."""
    done: Counter[str] = Counter()
    for one in order.fulfilments:
        for part in one.lines if one.state != "Cancelled" else ():
            done[part.line.variant.sku] += part.quantity
    return done


def _shop_document(order: Any) -> dict[str, Any]:
    return {
        "state": order.state,
        "lines": [(one.variant.sku, one.quantity) for one in order.lines],
        "payments": [
            (one.state, one.amount, [each.total for each in one.refunds]) for one in order.payments
        ],
        "fulfilments": {
            one.id: (
                one.state,
                one.tracking_code,
                [(part.line.variant.sku, part.quantity) for part in one.lines],
            )
            for one in order.fulfilments
        },
        "history": [(one.kind, one.public) for one in order.history],
    }


def _flatten(where: str, value: Any, into: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{where}/{key}", inner, into)
    else:
        into[where] = value


@contextmanager
def apply_world(
    folder: Path,
    rigged: type[Rig] = Rig,
    server: PostgresPlace | None = None,
    seed: int = 0,
    dialect: str = "oms",
) -> Iterator[ApplyWorld]:
    """A shop that has begun: stock is the same on both sides, and one order has left."""
    with SmallShop(seed=seed) as shop, Sandbox(strict=True) as sandbox:
        for sku in SKUS:
            shop.state.add_variant(sku, sku.title(), 1000, STOCK)
        rig = rigged(folder, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        rig.env |= ENV
        rig.server = server
        rig.control("stock", {"stock": [{"sku": sku, "on_hand": STOCK} for sku in SKUS]})
        world = ApplyWorld(shop, sandbox, rig, random.Random(seed))
        try:
            world.run("sync-inventory", "--allow-mass-change")
            world.place()
            world.run("sync-orders", "--allow-first-run")
            world.run("sync-tracking")
            yield world
        finally:
            rig.end()
