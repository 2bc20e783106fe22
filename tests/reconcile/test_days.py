"""A few days of a shop beside its timers: what was made to differ is found, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reconcile_days_kit import reconciled_days
from reconcile_kit import SetClock, SmallShopHands

from veracore_sync.sandbox.shop import SmallShop


def test_everything_is_found_and_nothing_else(tmp_path: Path) -> None:
    with reconciled_days(tmp_path, days=3, orders=40, inject=36) as days:
        for _ in days.live(3):
            pass
        days.end()
        assert days.tally.faults == []
        assert sum(days.tally.found.values()) == len(days.injected) >= 28


def test_an_order_is_allocated_short_and_none_of_the_same_moment() -> None:
    with SmallShop(clock=SetClock(datetime(2026, 3, 2, 9, tzinfo=UTC)).now) as shop:
        shop.state.add_variant("MUG", "Mug", 1000, on_hand=100)
        hands = SmallShopHands(shop)
        codes = [hands.place([("MUG", 3)]) for _ in range(3)]
        hands.allocate_short(codes[1], "MUG", 1)
        made = {one.line: one.quantity for one in shop.state.variant("MUG").allocations}
        of_each = [made[line.id] for code in codes for line in hands.order(code).lines]
        assert of_each == [3, 2, 3]
        assert hands.saleable("MUG") == 100 - 8
