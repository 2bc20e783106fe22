"""Days of a shop on a virtual clock, across a change of the clocks: each day's books balance.

Orders all day, shipments, cancellations on either side, changes, fulfilments by hand, restocks,
outages of either side for hours, and an old backup of the ledger.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tracking_world import TestClock, World

from veracore_sync.errors import AuthRefused, SyncError
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.jobs.inventory.run import Wishes as StockWishes
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.jobs.orders.run import Wishes as OrderWishes
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

SKUS = ("MUG", "TEE", "HAT")
STEPS, STEP_MINUTES = 24, 60
ORDERS_A_DAY = 10


@dataclass
class Life:
    """A shop's life, and the timers beside it."""

    bed: World
    dice: random.Random
    orders: list[Any] = field(default_factory=list)
    cancelled_there: set[str] = field(default_factory=set)

    # ---- what happens

    def place(self) -> None:
        sku = self.dice.choice(SKUS)
        units = self.dice.randint(1, 3)
        if self.bed.shop.state.saleable(sku) >= units:
            self.orders.append(self.bed.place((sku, units)))

    def ship(self) -> None:
        there = [one for one in self.bed.control("orders")["orders"] if self._open(one)]
        if there:
            order = self.dice.choice(there)
            package = {"tracking": f"1Z{self.dice.randrange(10**14):014}", "carrier": "UPS"}
            self.bed.control("ship", {"order": order["id"], "packages": [package]})

    def _open(self, order: dict[str, Any]) -> bool:
        gone = Counter[str]()
        for line in (*order["shippedLines"], *order["cancelledLines"]):
            gone[line["sku"]] += line["quantity"]
        return any(line["quantity"] > gone[line["sku"]] for line in order["lines"])

    def restock(self) -> None:
        sku = self.dice.choice(SKUS)
        there = sum(one.on_hand for one in self.bed.sandbox.world.stock_of(sku))
        self.bed.control("stock", {"stock": [{"sku": sku, "on_hand": there + 5}]})

    def cancel_there(self) -> None:
        there = [
            one
            for one in self.bed.control("orders")["orders"]
            if self._open(one) and not one["shippedLines"]
        ]
        if there:
            order = self.dice.choice(there)
            self.bed.control("cancel", {"order": order["id"]})
            self.cancelled_there.add(order["reference"])

    def _unsent(self) -> list[Any]:
        known = self.bed.parts.ledger.orders.held([one.code for one in self.orders])
        return [
            one
            for one in self.orders
            if one.state == "PaymentSettled" and one.code not in known and not one.fulfilments
        ]

    def cancel_here(self) -> None:
        if unsent := self._unsent():
            self.bed.shop.state.cancel(self.dice.choice(unsent))

    def by_hand(self) -> None:
        if unsent := self._unsent():
            self.bed.shop.state.fulfil(self.dice.choice(unsent), tracking="by hand")

    # ---- the timers

    def tick(self) -> None:
        """What a step's timers start; whoever cannot, ends, and the next goes on."""
        for run in (self._send, self._track, self._count):
            try:
                run()
            except AuthRefused:
                raise
            except SyncError:
                continue
            finally:
                self.bed.parts.learn(None)

    def _send(self) -> None:
        parts = self.bed.parts
        wishes = OrderWishes(allow_first_run=True)
        ends = (parts.shop, parts.warehouse, parts.ledger, parts.settings, self.bed.clock)
        OrdersRun(*ends, wishes).run()

    def _track(self) -> None:
        self.bed.track()

    def _count(self) -> None:
        parts = self.bed.parts
        wishes = StockWishes(allow_mass_change=True)
        ends = (parts.shop.stock, parts.warehouse, parts.ledger, parts.settings, self.bed.clock)
        InventoryRun(*ends, wishes).run()
        for sku in SKUS:
            assert self.bed.shop.state.saleable(sku) <= max(0, self.truth(sku)), sku

    # ---- the books

    def truth(self, sku: str) -> int:
        """What the warehouse could give to a new customer."""
        available = sum(level.available for level in self.bed.sandbox.world.stock_of(sku))
        there = {one["reference"] for one in self.bed.control("orders")["orders"]}
        for order in self.orders:
            # What VeraCore cancelled the customer still waits for, and it is held by nobody.
            held = order.code in there and order.code not in self.cancelled_there
            if held or order.state == "Cancelled":
                continue
            done = sum(
                part.quantity
                for one in order.fulfilments
                if one.state != "Cancelled"
                for part in one.lines
            )
            line = order.lines[0]
            if line.variant.sku == sku:
                available -= max(0, line.quantity - done)
        return available

    def balance(self) -> None:
        """At the end of a day, with both ends up: nothing lost, nothing twice, nothing oversold."""
        for _ in range(4):
            self.bed.clock.forward(minutes=20)
            self.tick()
        placed = self.bed.control("orders")["orders"]
        there = {one["reference"]: one for one in placed}
        assert len(there) == len(placed)
        counts = self.bed.parts.ledger.orders.counts()
        waiting = sum(counts[state] for state in ("pending", "sending", "in_doubt", "failed"))
        assert waiting == 0, counts
        for order in self.orders:
            live = [one for one in order.fulfilments if one.state != "Cancelled"]
            if order.code not in there:
                assert order.state == "Cancelled" or live, (order.code, order.state)
                continue
            told = there[order.code]
            slips = {one["slip"] for one in told["packages"]}
            assert len(live) == len(slips), (order.code, order.state, slips)
            row = self.bed.parts.ledger.orders.get(order.code)
            assert row is not None
            if order.code in self.cancelled_there:
                assert row.state == "cancelled"
            elif slips:
                assert (order.state, row.state) == ("Shipped", "shipped")
            else:
                assert row.state == "synced"
        for sku in SKUS:
            assert self.bed.shop.state.saleable(sku) == max(0, self.truth(sku)), sku


def outage(life: Life, kinds: list[str], *, there: bool) -> Callable[[], None]:
    """Begin an outage; call what is returned to end it."""
    if there:
        life.bed.control("faults", {"kinds": kinds, "rate": 0.9, "seed": 1})
        return lambda: life.bed.control("faults", {"kinds": []})
    life.bed.shop.add_faults(kinds, rate=0.9, seed=1)
    return life.bed.shop.clear_faults


@pytest.mark.parametrize("start", ["2026-03-05", "2026-10-29"])
def test_days_of_a_shop(tmp_path: Path, start: str) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    clock = TestClock(datetime.fromisoformat(start).replace(tzinfo=zone))
    with Sandbox(strict=True, clock=clock.now) as sandbox, SmallShop(clock=clock.now) as shop:
        for sku in SKUS:
            shop.state.add_variant(sku, sku.title(), 1000, on_hand=30)
        env = {
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
            "VERACORE_SYNC_VERACORE__TIMEZONE": "America/Los_Angeles",
            "VERACORE_SYNC_RETRY__BREAKER_COOLDOWN_SECONDS": "60",
            "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "1",
            "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "1",
        }
        bed = World(tmp_path, sandbox, shop, clock, env)
        bed.control("behaviour", {"timezone": "America/Los_Angeles"})
        bed.control("stock", {"stock": [{"sku": sku, "on_hand": 30} for sku in SKUS]})
        life = Life(bed, random.Random(start))
        for day in range(4):
            _a_day(life, day)
            life.balance()
        placed = bed.control("orders")["orders"]
        assert len(placed) > 20
        assert sum(bool(one["packages"]) for one in placed) > 10
        assert {one.state for one in life.orders} >= {"Shipped", "Cancelled"}
        assert life.cancelled_there
        assert bed.parts.ledger.orders.counts()["cancelled"]
        bed.close()


def _a_day(life: Life, day: int) -> None:
    chances = (life.ship, life.ship, life.restock, life.by_hand, life.cancel_here)
    mend: Callable[[], None] = lambda: None  # noqa: E731 - nothing to mend yet
    backup = b""
    for hour in range(STEPS):
        if hour < ORDERS_A_DAY:
            life.place()
        life.dice.choice(chances)()
        if hour == 3:
            life.cancel_there()
        if hour == 5 and day in (1, 3):
            kinds = ["http_503", "reset_before", "reset_after", "html_500"]
            mend = outage(life, kinds, there=day == 1)
        if hour == 9:
            mend()
        if hour == 12 and day == 2:
            backup = _copy_of(life.bed)
        if hour == 18 and backup:
            _restore(life.bed, backup)
        life.tick()
        life.bed.clock.forward(minutes=STEP_MINUTES)


def _copy_of(bed: World) -> bytes:
    bed.close()
    return (bed.folder / "ledger.db").read_bytes()


def _restore(bed: World, backup: bytes) -> None:
    bed.close()
    for file in bed.folder.glob("ledger.db*"):
        if "lock" not in file.name:
            file.unlink()
    (bed.folder / "ledger.db").write_bytes(backup)
