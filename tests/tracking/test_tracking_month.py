"""A month with the statistics of a real tenant.

3 % of the packages are void, nearly all relabelled; 2 % of the orders ship in several slips; three
tracking ids in ten are words; some orders are cut at the warehouse, some uploads come late.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tracking_world import CATALOGUE, TestClock, World

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DAYS, ORDERS_A_DAY = 30, 10
WORDS = ("prepaid", "LTL Freight", "SPD", "Will Call Pick Up", "")
START = datetime(2026, 3, 1, 6, tzinfo=UTC)


@dataclass
class Month:
    """What the warehouse is going to do, and what it did."""

    bed: World
    dice: random.Random
    coming: list[tuple[datetime, Any]] = field(default_factory=list)
    orders: list[Any] = field(default_factory=list)
    voided: dict[str, datetime] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    numbers: int = 0

    def later(self, minutes: float, what: Any) -> None:
        self.coming.append((self.bed.clock.now() + timedelta(minutes=minutes), what))

    def do_what_is_due(self) -> None:
        due = [one for one in self.coming if one[0] <= self.bed.clock.now()]
        self.coming = [one for one in self.coming if one[0] > self.bed.clock.now()]
        for _, what in sorted(due, key=lambda one: one[0]):
            what()

    def place_a_day(self) -> None:
        for _ in range(ORDERS_A_DAY):
            skus = self.dice.sample(CATALOGUE, self.dice.randint(1, 3))
            order = self.bed.place(*[(sku, self.dice.randint(1, 3)) for sku in skus])
            self.orders.append(order)
            self.later(self.dice.uniform(60, 700), lambda order=order: self.ship(order))

    def ship(self, order: Any) -> None:
        lines = [(line.variant.sku, line.quantity) for line in order.lines]
        if self.dice.random() < 0.02 and sum(units for _, units in lines) > 1:
            sku, units = lines[0]
            self._ship(order, [(sku, 1)])
            rest = [(sku, units - 1), *lines[1:]]
            self.later(
                self.dice.uniform(100, 3000),
                lambda: self._ship(order, [one for one in rest if one[1]]),
            )
        elif self.dice.random() < 0.03 and len(lines) > 1:
            self._ship(order, lines[:1])
            self.bed.control("cancel", {"order": order.code})
            self.cut.add(order.code)
        else:
            self._ship(order, None)

    def _ship(self, order: Any, lines: list[tuple[str, int]] | None) -> None:
        count = 2 if self.dice.random() < 0.01 else 1
        packages = list(dict.fromkeys(self._label() for _ in range(count)))
        at = self.bed.clock.now()
        if lines is None and self.dice.random() < 0.03:
            # Uploaded a day late, with the time at which it left.
            self.later(24 * 60, lambda: self.bed.ship(order, lines, packages, at=at.isoformat()))
            return
        self.bed.ship(order, lines, packages)
        for tracking in packages:
            if self.dice.random() < 0.032 and tracking.startswith("1Z"):
                quick = self.dice.random() < 0.8
                wait = self.dice.uniform(1, 15) if quick else self.dice.uniform(60, 2000)
                self.later(wait, lambda tracking=tracking: self._relabel(order, tracking))

    def _label(self) -> str:
        self.numbers += 1
        if self.dice.random() < 0.3:
            return self.dice.choice(WORDS)
        return f"1Z999AA1{self.numbers:010}"

    def _relabel(self, order: Any, tracking: str) -> None:
        self.numbers += 1
        fresh = f"1Z999AA1{self.numbers:010}"
        self.bed.control("void", {"order": order.code, "tracking": tracking, "relabel": fresh})
        self.voided[tracking] = self.bed.clock.now()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_month(tmp_path: Path, seed: int) -> None:
    clock = TestClock(START)
    with Sandbox(clock=clock.now) as sandbox, SmallShop(clock=clock.now) as shop:
        for sku in CATALOGUE:
            shop.state.add_variant(sku, sku.title(), 1000, on_hand=1_000_000)
        env = {
            "VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN": "1",
            "VERACORE_SYNC_ORDERS__MAX_FIRST_RUN": "1000",
        }
        month = Month(World(tmp_path, sandbox, shop, clock, env), random.Random(seed))
        for _ in range(DAYS):
            month.place_a_day()
            month.bed.send()
            _a_day(month)
        while month.coming:
            _a_day(month)
        _a_day(month)
        _the_books_balance(month)
        month.bed.close()


def _a_day(month: Month) -> None:
    """From six in the morning until the next: a run each half hour of the working day."""
    for _ in range(28):
        month.bed.clock.forward(minutes=30)
        month.do_what_is_due()
        result = month.bed.track()
        assert result.errors == 0, result
    month.bed.clock.forward(hours=10)
    month.do_what_is_due()


def _the_books_balance(month: Month) -> None:
    there = {one["id"]: one for one in month.bed.control("orders")["orders"]}
    for order in month.orders:
        told = there[order.code]
        shipped = Counter({one["sku"]: one["quantity"] for one in told["shippedLines"]})
        fulfilled: Counter[str] = Counter()
        for _, code, units in month.bed.fulfilments(order):
            fulfilled.update(units)
            _no_dead_number(month, order, code)
        assert fulfilled == shipped, order.code
        slips = {one["slip"] for one in told["packages"]}
        assert len(month.bed.fulfilments(order)) == len(slips)
        if order.code not in month.cut:
            assert (order.state, month.bed.state(order)) == ("Shipped", "shipped")
        else:
            kinds = {
                alert.kind
                for alert in month.bed.parts.ledger.alerts.standing()
                if alert.code == order.code
            }
            assert kinds == {"order.short"}
            assert order.state == "PartiallyShipped"


def _no_dead_number(month: Month, order: Any, code: str) -> None:
    """A dead number stands in the shop only where it died after it had come there."""
    (made,) = [one for one in order.fulfilments if one.tracking_code == code][:1]
    for tracking in code.split(", "):
        if tracking in month.voided:
            assert month.voided[tracking] > made.created_at, (order.code, tracking)
