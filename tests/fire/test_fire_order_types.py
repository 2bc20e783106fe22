"""Orders that are not ours to send: the real command, and a person who asks about one."""

from __future__ import annotations

import pytest
from fire_kit import Fire

TYPES = "VERACORE_SYNC_ORDERS__ORDER_TYPES"


def split_order(fire: Fire) -> tuple[str, str]:
    """The codes of an Aggregate order and of its only Seller order."""
    state = fire.shop.state
    whole = state.place_order([("MUG", 2)], order_type="Aggregate")
    part = state.place_order([("MUG", 2)], order_type="Seller")
    whole.seller_orders, part.aggregate_order = [part], whole
    return whole.code, part.code


def test_they_are_named_once_and_again_to_who_asks(fire: Fire) -> None:
    whole, part = split_order(fire)
    document = fire.rig.sync()
    assert (document["submitted"], document["skipped"]) == (0, 2)
    [told] = document["notes"]
    assert "1 Aggregate, 1 Seller" in told
    again = fire.rig.sync()
    assert (again["skipped"], again.get("notes")) == (0, None)
    for code in (whole, part):
        asked = fire.rig.run("sync-orders", "--order", code)
        assert (asked.code, "(orders.order_types)" in asked.out) == (0, True), asked
        shown = fire.rig.run("stats", "--order", code)
        assert (shown.code, "skipped" in shown.out) == (0, True)


@pytest.mark.parametrize(("chosen", "sent"), [("Regular,Seller", 1), ("Regular,Aggregate", 0)])
def test_the_setting_chooses_and_a_change_of_it_sends_nothing_twice(
    fire: Fire, chosen: str, sent: int
) -> None:
    codes = split_order(fire)
    fire.rig.sync()
    assert fire.rig.sync(**{TYPES: chosen})["submitted"] == 1
    assert fire.row(codes[sent]).state == "synced"
    other = "Regular,Aggregate" if chosen.endswith("Seller") else "Regular,Seller"
    assert fire.rig.sync(**{TYPES: other})["submitted"] == 0
    assert len(fire.rig.control("orders")["orders"]) == 1


def test_one_in_another_state_of_the_shop_is_explained(fire: Fire) -> None:
    order = fire.shop.state.place_order([("MUG", 1)], state="PaymentAuthorized")
    asked = fire.rig.run("sync-orders", "--order", order.code)
    assert asked.code == 0
    assert "it is PaymentAuthorized in the shop; orders are sent when" in asked.out
