"""What VeraCore holds of an order is what its record says: the real commands on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rig import HereRig

from veracore_sync.clock import to_text
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.records import Line, Order
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

CREATE = ["AddOrder", "create"]
LOOK_UP = ["GetOrderInfo", "status"]


class Bed(HereRig):
    """A shop that sells 100 mugs, and a warehouse that has 100."""

    shop: SmallShop

    def saleable(self) -> int:
        return int(self.shop.state.saleable("MUG"))

    def inventory(self) -> int:
        return self.run("sync-inventory", "--allow-mass-change").code

    def short(self) -> list[str]:
        with self.ledger() as ledger:
            alerts = ledger.alerts.standing()
        return [one.message for one in alerts if one.kind == "order.short"]

    def state_of(self, order: Any) -> str:
        with self.ledger() as ledger:
            row = ledger.orders.get(order.code)
        return row.state if row else ""


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    dialect = getattr(request, "param", "oms")
    with SmallShop() as shop, Sandbox() as sandbox:
        for sku in ("MUG", "TEE"):
            shop.state.add_variant(sku, on_hand=100)
            sandbox.world.set_stock(sku, "MAIN", 100)
        rig = Bed(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, dialect)
        rig.shop = shop
        rig.env |= {
            "VERACORE_SYNC_ORDERS__GRACE_SECONDS": "0",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        }
        yield rig


def test_a_conflict_that_a_person_adopts_holds_what_is_there(made: Bed) -> None:
    made.shop.state.place_order([("TEE", 1)])
    made.run("sync-orders", "--allow-first-run")
    order = made.shop.state.place_order([("MUG", 10)])
    at = to_text(made.shop.state.now())
    four = Order(order.code, 0, "oms", [Line("MUG", 4)], at, reference=order.code)
    made.sandbox.world.place(four)
    made.run("sync-orders")
    made.run("sync-orders")
    assert made.state_of(order) == "conflict"
    assert made.run("resolve", order.code, "--adopt").code == 3
    assert (made.inventory(), made.saleable()) == (3, 90)
    assert made.short() == ["VeraCore has 4 of 10 MUG; 6 will not ship"]
    assert made.inventory() == 0
    # A person puts it right at VeraCore, and a look-up sees that.
    four.lines[0].quantity = 10
    with made.sandbox.world.lock:
        made.sandbox.world._reserved["MUG"] = 10
    made.run("sync-tracking")
    made.inventory()
    made.inventory()
    assert (made.saleable(), made.short()) == (90, [])


@pytest.mark.parametrize("made", ["oms", "rest"], indirect=True)
def test_an_earlier_attempt_that_arrived_holds_what_it_sent(made: Bed) -> None:
    made.shop.state.place_order([("TEE", 1)])
    made.run("sync-orders", "--allow-first-run")
    order = made.shop.state.place_order([("MUG", 2)])
    made.control("faults", {"kinds": ["reset_after"], "count": 1, "operations": CREATE})
    lie = {"kinds": ["false_absent"], "operations": LOOK_UP, "order": order.code, "count": 2}
    made.control("faults", lie)
    made.run("sync-orders")
    state = made.shop.state
    state.start_modify(order)
    state.modify(order, [("MUG", 10)])
    state.finish_modify(order)
    for _ in range(4):
        made.run("sync-orders")
    assert made.state_of(order) == "synced"
    assert made.placed()[order.code]["lines"] == [{"sku": "MUG", "quantity": 2}]
    assert (made.inventory(), made.saleable()) == (3, 90)
    assert made.short() == ["VeraCore has 2 of 10 MUG; 8 will not ship"]


def test_units_that_veracore_cancelled_and_a_look_up_saw(made: Bed) -> None:
    order = made.shop.state.place_order([("MUG", 10)])
    made.run("sync-orders", "--allow-first-run")
    made.inventory()
    assert made.saleable() == 90
    made.control("cancel", {"order": order.code, "lines": [{"sku": "MUG", "quantity": 4}]})
    made.run("sync-tracking")
    assert (made.inventory(), made.saleable()) == (3, 90)
    assert made.short() == ["VeraCore has 6 of 10 MUG; 4 will not ship"]
    with made.ledger() as ledger:
        assert [one.code for one in ledger.alerts.standing()] == [order.code]


@pytest.mark.parametrize("made", ["oms", "rest"], indirect=True)
def test_units_that_were_added_after_all_had_shipped(made: Bed) -> None:
    order = made.shop.state.place_order([("MUG", 10)])
    made.run("sync-orders", "--allow-first-run")
    made.control("ship", {"order": order.code})
    made.run("sync-tracking")
    assert made.state_of(order) == "shipped"
    made.inventory()
    state = made.shop.state
    state.start_modify(order)
    state.modify(order, [("MUG", 13)])
    state.finish_modify(order)
    code = made.inventory()
    assert (made.saleable(), code) == (87, 3)
    assert made.short() == ["VeraCore has 10 of 13 MUG; 3 will not ship"]


@pytest.mark.parametrize("made", ["oms", "rest"], indirect=True)
def test_an_order_that_a_clock_ahead_sent_is_held_until_veracore_cancels_it(made: Bed) -> None:
    order = made.shop.state.place_order([("MUG", 10)])
    made.run("sync-orders", "--allow-first-run")
    an_hour_on = to_text(made.shop.state.now() + timedelta(hours=1))
    with (
        closing(open_ledger(made.ledger_path)) as ledger,
        ledger.database.transaction() as connection,
    ):
        connection.execute("UPDATE held SET since = ?1, sent_at = ?1", (an_hour_on,))
    made.inventory()
    assert made.saleable() == 90
    made.control("cancel", {"order": order.code})
    made.run("sync-tracking")
    assert made.state_of(order) == "cancelled"
    made.inventory()
    assert made.saleable() == 90
