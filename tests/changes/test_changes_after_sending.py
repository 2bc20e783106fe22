"""Whatever the shop changes after the hand-over is told in the next run, once, and can be ended."""

from __future__ import annotations

import pytest
from changes_kit import CHANGES, ChangesBed, modify

from veracore_sync.sandbox import shop_lists


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_told_once_and_can_be_accepted_until_it_changes_again(
    bed: ChangesBed, name: str
) -> None:
    act, kind, words = CHANGES[name]
    order, quiet = bed.place(2)
    assert bed.news() == []
    act(bed, order)
    [told] = bed.news()
    assert told.startswith(f"{order.code}: ")
    assert words in told
    assert quiet.code not in told
    assert "--accept" in told or "cancel it there" in told
    assert bed.alerts().keys() == {kind}
    assert bed.news() == []
    assert bed.run("stats", "--check").code == 3

    accepted = bed.run("resolve", order.code, "--accept", "agreed by phone")
    assert accepted.code == 0, accepted.err
    assert bed.run("stats", "--check").code == 0
    assert bed.news() == []
    life = bed.run("stats", "--order", order.code, "--json").json
    assert [one["reason"] for one in life["accepted"]] == ["agreed by phone"]
    assert "agreed by phone" in bed.run("stats", "--order", order.code).out
    if kind == "order.drift":
        modify(bed, order, address={"city": "Werder"})
        [again] = bed.news()
        assert "ship-to changed" in again


def test_what_was_taken_back_ends_the_alert(bed: ChangesBed) -> None:
    [order] = bed.place()
    bed.shop.state.set_address(order, city="Potsdam")
    assert len(bed.news()) == 1
    bed.shop.state.set_address(order, city="Werder")
    assert len(bed.news()) == 1
    bed.shop.state.set_address(order, city="Berlin")
    assert bed.news() == []
    assert bed.alerts() == {}


def test_a_change_between_sending_and_the_first_comparison_is_seen(bed: ChangesBed) -> None:
    order = bed.shop.state.place_order([("MUG", 3)])
    bed.run("sync-orders", "--allow-first-run", "--order", order.code)
    bed.shop.state.set_address(order, city="Potsdam")
    [told] = bed.news()
    assert "ship-to changed" in told


def test_two_kinds_of_change_are_two_alerts(bed: ChangesBed) -> None:
    [order] = bed.place()
    modify(bed, order, lines=[("MUG", 2)], address={"city": "Potsdam"})
    bed.shop.state.refund(order, 100)
    drift, refunded = sorted(bed.news())
    assert "units of MUG 3 → 2; ship-to changed" in drift
    assert "refunded in part (1.00 USD" in refunded


def test_drift_does_not_outlive_the_shipment(bed: ChangesBed) -> None:
    bed.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    [order] = bed.place()
    bed.shop.state.set_address(order, city="Potsdam")
    bed.shop.state.refund(order, 100)
    assert len(bed.news()) == 2
    bed.control("ship", {"order": order.code, "packages": [{"tracking": "1Z1", "carrier": "UPS"}]})
    assert bed.run("sync-tracking").code == 0
    assert bed.news() == []
    assert bed.alerts() == {}
    assert bed.run("stats", "--check").code == 0


def test_cancelled_on_both_sides_leaves_nothing(bed: ChangesBed) -> None:
    [order] = bed.place()
    bed.shop.state.cancel(order)
    assert len(bed.news()) == 1
    bed.control("cancel", {"order": order.code})
    bed.run("sync-tracking", "--force")
    assert bed.news() == []
    assert bed.alerts() == {}


def test_there_is_nothing_to_accept(bed: ChangesBed) -> None:
    [order] = bed.place()
    assert bed.run("resolve", order.code, "--accept", "why").code == 2
    bed.shop.state.set_address(order, city="Potsdam")
    bed.news()
    assert bed.run("resolve", order.code, "--accept", " ").code == 2
    assert bed.run("resolve", order.code, "--accept", "why", "--skip").code == 2
    assert bed.alerts().keys() == {"order.drift"}


def test_one_bad_order_among_many_is_named_and_the_others_are_compared(bed: ChangesBed) -> None:
    orders = bed.place(60)
    bad = orders[17]
    bed.shop.spoiled.add(bad.id, "shippingLines", "null")
    for order in orders:
        bed.shop.state.set_address(order, city="Potsdam")
    fresh = bed.shop.state.place_order([("MUG", 1)])
    ended = bed.run("sync-orders", "--json")
    assert ended.code == 3
    assert len(bed.alerts_of("order.drift")) == 59
    assert any(bad.code in one for one in ended.json["notes"])
    assert fresh.code in bed.placed()
    asked = len(bed.shop.requests)
    bed.run("sync-orders")
    assert len(bed.shop.requests) - asked <= 6


def test_a_lowered_list_limit_makes_smaller_pages(
    bed: ChangesBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = bed.place(30)
    monkeypatch.setattr(shop_lists, "LIMIT", 8)
    bed.shop.state.set_address(orders[-1], city="Potsdam")
    [told] = bed.news()
    assert orders[-1].code in told
