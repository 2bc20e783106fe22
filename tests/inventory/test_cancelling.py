"""The units of an order that is to be cancelled stay off sale until VeraCore has cancelled it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import HereRig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

STOCK, UNITS = 100, 3


class Bed(HereRig):
    """One order of three mugs that VeraCore has."""

    shop: SmallShop
    order: Any

    def for_sale(self) -> int:
        """What the shop sells after two runs."""
        self.run("sync-inventory", "--allow-mass-change")
        self.run("sync-inventory", "--allow-mass-change")
        return int(self.shop.state.saleable("MUG"))

    def wish(self) -> str:
        with self.ledger() as ledger:
            found = ledger.cancellations.get(self.order.code)
        return found.state if found else ""


@pytest.fixture(params=["accepted", "processed"])
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=STOCK)
        sandbox.world.set_stock("MUG", "MAIN", STOCK)
        made = Bed(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, "oms")
        made.shop = shop
        made.env["VERACORE_SYNC_INVENTORY__AVAILABLE_NETS"] = request.param
        made.env["VERACORE_SYNC_ORDERS__GRACE_SECONDS"] = "1"
        made.control("behaviour", {"reserve": request.param})
        made.order = shop.state.place_order([("MUG", UNITS)])
        made.run("sync-orders", "--allow-first-run")
        yield made


@pytest.mark.parametrize("in_shop", [True, False], ids=["cancelled in the shop", "still paid"])
def test_nothing_is_oversold_meanwhile(bed: Bed, in_shop: bool) -> None:
    if in_shop:
        bed.shop.state.cancel(bed.order)
        assert bed.for_sale() == STOCK - UNITS
        bed.run("sync-orders")
    bed.control("behaviour", {"cancel": "says_yes_does_nothing"})
    bed.run("cancel", bed.order.code)
    assert bed.wish() == "unknown"
    # VeraCore may ship it yet.
    assert bed.for_sale() == STOCK - UNITS


def test_what_veracore_cancelled_is_for_sale_again(bed: Bed) -> None:
    bed.shop.state.cancel(bed.order)
    bed.run("sync-orders")
    bed.run("cancel", bed.order.code)
    for _ in range(9):
        bed.run("sync-orders")
        if bed.wish() == "cancelled":
            break
        time.sleep(0.3)
    assert bed.wish() == "cancelled"
    assert bed.for_sale() == STOCK
