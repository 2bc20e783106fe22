"""Units that one side cancelled and the other one, too: neither has to change anything more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import HereRig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

Lines = list[tuple[str, int]]


class Bed(HereRig):
    """One order of three mugs and two tees, that VeraCore has."""

    shop: SmallShop
    order: Any

    def there(self, lines: Lines) -> None:
        told = [{"sku": sku, "quantity": units} for sku, units in lines]
        self.control("cancel", {"order": self.order.code, "lines": told})
        self.look()

    def here(self, lines: Lines) -> None:
        self.shop.state.cancel(self.order, lines)
        self.look()

    def look(self) -> None:
        for _ in range(2):
            self.run("sync-tracking", "--force")
            self.run("sync-orders")
            self.run("sync-inventory", "--allow-mass-change")

    def alerts(self) -> list[str]:
        with self.ledger() as ledger:
            return [one.kind for one in ledger.alerts.standing()]


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    with SmallShop() as shop, Sandbox() as sandbox:
        for sku in ("MUG", "TEE"):
            shop.state.add_variant(sku, on_hand=100)
            sandbox.world.set_stock(sku, "MAIN", 100)
        made = Bed(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, "oms")
        made.shop = shop
        made.order = shop.state.place_order([("MUG", 3), ("TEE", 2)])
        made.run("sync-orders", "--allow-first-run")
        yield made


MUGS, TEES = [("MUG", 3)], [("TEE", 2)]
ONE_MUG = [("MUG", 1)]
TABLE: dict[str, tuple[list[Callable[[Bed], None]], list[str]]] = {
    "there": ([lambda bed: bed.there(MUGS)], ["order.short"]),
    "there, then here": ([lambda bed: bed.there(MUGS), lambda bed: bed.here(MUGS)], []),
    "there, then a part here": (
        [lambda bed: bed.there(MUGS), lambda bed: bed.here(ONE_MUG)],
        ["order.short"],
    ),
    "here": ([lambda bed: bed.here(MUGS)], ["order.drift"]),
    "here, then there": ([lambda bed: bed.here(MUGS), lambda bed: bed.there(MUGS)], []),
    "here, then a part there": (
        [lambda bed: bed.here(MUGS), lambda bed: bed.there(ONE_MUG)],
        ["order.drift"],
    ),
    "not the same": (
        [lambda bed: bed.here(MUGS), lambda bed: bed.there(TEES)],
        ["order.drift", "order.short"],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_both_sides_cancelled_is_in_line(bed: Bed, name: str) -> None:
    acts, alerts = TABLE[name]
    for act in acts:
        act(bed)
    assert bed.alerts() == alerts
