"""Shipments of the simulator become fulfilments of the small shop, whatever their shape."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tracking_world import World

from veracore_sync.domain.errors import ConfigError, UsageError


def test_a_whole_order(bed: World) -> None:
    order = bed.place(("MUG", 2), ("TEE", 1))
    bed.send()
    assert bed.track().updated == 0
    bed.ship(order, tracking="1Z999AA10123456784")
    result = bed.track()
    assert (result.updated, result.errors, result.needs_person) == (1, 0, [])
    assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 2, "TEE": 1})]
    assert bed.order(order).fulfilments[0].method == "UPS Ground"
    assert bed.order(order).state == "Shipped"
    assert (bed.state(order), bed.slip_states(order)) == ("shipped", ["done"])
    types = [kind for kind, code, _ in bed.events() if code == order.code]
    assert types == ["order.synced", "tracking.updated", "order.shipped"]
    told = next(data for kind, _, data in bed.events() if kind == "tracking.updated")
    assert told["packages"] == [
        {
            "carrier": "UPS",
            "service": "UPS Ground",
            "tracking": "1Z999AA10123456784",
            "url": "https://www.ups.com/track?tracknum=1Z999AA10123456784",
        }
    ]
    assert told["lines"] == [{"sku": "MUG", "quantity": 2}, {"sku": "TEE", "quantity": 1}]


def test_a_second_run_does_nothing(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    bed.track()
    before = len(bed.control("requests")["requests"])
    shop_before = len(bed.shop.requests)
    again = bed.track()
    asked = bed.control("requests")["requests"][before:]
    assert [one["operation"] for one in asked] == ["GetShippingCharge"]
    assert len(bed.shop.requests) == shop_before
    assert (again.checked, again.updated, again.outcomes) == (0, 0, [])


def test_two_slips_a_part_each(bed: World) -> None:
    order = bed.place(("MUG", 2), ("TEE", 1))
    bed.send()
    bed.ship(order, [("MUG", 1)], "1Z999AA10123456784")
    assert bed.track().updated == 1
    assert bed.order(order).state == "PartiallyShipped"
    assert bed.state(order) == "synced"
    assert [kind for kind, _, _ in bed.events()][-1] == "order.partially_shipped"
    bed.ship(order, [("MUG", 1), ("TEE", 1)], "1Z999AA10123456785")
    assert bed.track().updated == 1
    assert bed.fulfilments(order) == [
        ("Shipped", "1Z999AA10123456784", {"MUG": 1}),
        ("Shipped", "1Z999AA10123456785", {"MUG": 1, "TEE": 1}),
    ]
    assert (bed.order(order).state, bed.state(order)) == ("Shipped", "shipped")


def test_two_slips_with_the_same_words_for_a_tracking_id(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, [("MUG", 1)], "LTL Freight")
    bed.ship(order, [("MUG", 1)], "LTL Freight")
    assert bed.track().updated == 2
    assert bed.fulfilments(order) == [("Shipped", "LTL Freight", {"MUG": 1})] * 2


def test_several_packages_make_one_fulfilment(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking=["1Z999AA10123456784", "1Z999AA10123456785"])
    bed.track()
    code = "1Z999AA10123456784, 1Z999AA10123456785"
    assert bed.fulfilments(order) == [("Shipped", code, {"MUG": 2})]


def test_a_blank_tracking_id(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, packages=[{"tracking": " ", "carrier": "OTHER", "service": "Courier"}])
    bed.track()
    assert bed.fulfilments(order) == [("Shipped", "", {"MUG": 1})]
    assert bed.order(order).fulfilments[0].method == "Courier"


def test_packed_and_not_gone_waits(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    package = {"tracking": "1Z999AA10123456784", "carrier": "UPS", "service": "UPS Ground"}
    bed.ship(order, packages=[package | {"shipped": False}])
    assert bed.track().updated == 0
    assert bed.fulfilments(order) == []
    bed.ship(order, packages=[package])
    assert bed.track().updated == 1
    assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 1})]


def test_labels_settle_before_a_number_reaches_the_customer(bed: World) -> None:
    bed.reopen(VERACORE_SYNC_TRACKING__SETTLE_MINUTES="20")
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1ZDEAD0000000001")
    assert bed.track().updated == 0
    bed.clock.forward(minutes=15)
    bed.control(
        "void", {"order": order.code, "tracking": "1ZDEAD0000000001", "relabel": "1ZGOOD0000000002"}
    )
    assert bed.track().updated == 0
    bed.clock.forward(minutes=15)
    assert bed.track().updated == 0
    bed.clock.forward(minutes=15)
    assert bed.track().updated == 1
    assert bed.fulfilments(order) == [("Shipped", "1ZGOOD0000000002", {"MUG": 1})]


def test_a_relabel_after_the_fulfilment_is_told(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1ZDEAD0000000001")
    bed.track()
    bed.control(
        "void", {"order": order.code, "tracking": "1ZDEAD0000000001", "relabel": "1ZGOOD0000000002"}
    )
    result = bed.track()
    assert [one.what for one in result.outcomes] == ["corrected"]
    kind, _, data = bed.events()[-1]
    assert (kind, data["previous"], data["trackingCode"]) == (
        "tracking.corrected",
        "1ZDEAD0000000001",
        "1ZGOOD0000000002",
    )
    assert bed.track().outcomes == []
    assert len(bed.fulfilments(order)) == 1


def test_all_labels_void_before_anything_was_fulfilled(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1ZDEAD0000000001")
    bed.control("void", {"order": order.code, "tracking": "1ZDEAD0000000001"})
    assert bed.track().updated == 0
    assert bed.fulfilments(order) == []
    bed.ship(order, tracking="1ZGOOD0000000002")
    assert bed.track().updated == 1
    assert bed.fulfilments(order) == [("Shipped", "1ZGOOD0000000002", {"MUG": 1})]


def test_all_labels_void_after_the_fulfilment_needs_a_person(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1ZDEAD0000000001")
    bed.track()
    bed.control("void", {"order": order.code, "tracking": "1ZDEAD0000000001"})
    result = bed.track()
    assert len(result.needs_person) == 1
    assert "void" in result.needs_person[0]
    assert bed.track().needs_person == []


def test_a_part_was_cancelled_at_the_warehouse(bed: World) -> None:
    order = bed.place(("MUG", 1), ("TEE", 2))
    bed.send()
    bed.ship(order, [("MUG", 1)], "1Z999AA10123456784")
    bed.control("cancel", {"order": order.code})
    result = bed.track()
    assert result.updated == 1
    assert result.needs_person == [
        f"{order.code}: VeraCore will not ship 2 x TEE: cancel or refund it in the shop, or ship it"
    ]
    assert bed.order(order).state == "PartiallyShipped"
    assert bed.track().needs_person == []
    bed.shop.state.cancel(bed.order(order), [("TEE", 2)])
    result = bed.track()
    assert (bed.order(order).state, bed.state(order)) == ("Shipped", "shipped")
    assert bed.parts.ledger.alerts.standing() == []


def test_the_whole_was_cancelled_at_the_warehouse(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.control("cancel", {"order": order.code})
    result = bed.track()
    assert bed.state(order) == "cancelled"
    assert len(result.needs_person) == 1
    assert bed.track().needs_person == []


def test_half_was_fulfilled_by_hand_before_it_was_sent(bed: World) -> None:
    order = bed.place(("MUG", 3))
    bed.shop.state.fulfil(order, [("MUG", 1)], state="Pending", tracking="by hand")
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    assert bed.track().updated == 1
    assert bed.fulfilments(order) == [
        ("Pending", "by hand", {"MUG": 1}),
        ("Shipped", "1Z999AA10123456784", {"MUG": 2}),
    ]


def test_fulfilled_by_hand_meanwhile(bed: World) -> None:
    order = bed.place(("MUG", 2), ("TEE", 1))
    bed.send()
    bed.shop.state.fulfil(bed.order(order), [("MUG", 2)], tracking="by hand")
    bed.ship(order, [("MUG", 2)], "1Z999AA10123456784")
    result = bed.track()
    assert (result.updated, result.needs_person) == (0, [])
    assert bed.fulfilments(order) == [("Shipped", "by hand", {"MUG": 2})]
    assert bed.slip_states(order) == ["covered"]
    bed.ship(order, tracking="1Z999AA10123456785")
    assert bed.track().updated == 1
    assert bed.state(order) == "shipped"


def test_a_fulfilment_by_hand_with_the_same_code_is_the_slips_own(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    bed.shop.state.fulfil(bed.order(order), state="Pending", tracking="1Z999AA10123456784")
    assert bed.track().updated == 1
    assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 2})]


def test_cancelled_in_the_shop_and_shipped(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.shop.state.cancel(bed.order(order))
    bed.ship(order, tracking="1Z999AA10123456784")
    result = bed.track()
    assert result.updated == 0
    assert any("although the order is cancelled in the shop" in one for one in result.needs_person)
    assert bed.track().needs_person == []
    assert bed.fulfilments(order) == []
    assert bed.slip_states(order) == ["handed"]
    again = bed.track(order.code, force=True)
    assert [one.what for one in again.outcomes] == ["handed over"]


@pytest.mark.parametrize("state", ["Modifying"])
def test_in_modifying_for_a_while(bed: World, state: str) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.shop.state.transition(bed.order(order), state)
    bed.ship(order, tracking="1Z999AA10123456784")
    result = bed.track()
    assert (result.updated, result.errors) == (0, 0)
    assert bed.fulfilments(order) == []
    bed.shop.state.transition(bed.order(order), "PaymentSettled")
    bed.clock.forward(minutes=16)
    assert bed.track().updated == 1
    assert bed.order(order).state == "Shipped"


def test_waiting_for_a_day_is_told_once(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.shop.state.transition(bed.order(order), "Modifying")
    bed.ship(order, tracking="1Z999AA10123456784")
    bed.track()
    bed.clock.forward(hours=25)
    (told,) = bed.track().needs_person
    assert "the order is in Modifying in the shop" in told
    assert bed.track().needs_person == []
    bed.shop.state.transition(bed.order(order), "PaymentSettled")
    bed.clock.forward(minutes=16)
    bed.track()
    assert bed.parts.ledger.alerts.standing() == []


def test_only_authorised(bed: World) -> None:
    bed.reopen(VERACORE_SYNC_ORDERS__TRIGGER_STATES='["PaymentAuthorized", "PaymentSettled"]')
    order = bed.place(("MUG", 1), state="PaymentAuthorized")
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    assert bed.track().updated == 1
    assert bed.order(order).state == "PaymentAuthorized"
    assert bed.state(order) == "synced"
    bed.shop.state.settle(bed.order(order))
    bed.track()
    assert (bed.order(order).state, bed.state(order)) == ("Shipped", "shipped")


def test_shipped_beyond_the_order(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, [("MUG", 3)], "1Z999AA10123456784", beyond=True)
    result = bed.track()
    assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 1})]
    assert result.needs_person == [
        f"{order.code}: VeraCore shipped 2 x MUG more than was ordered (slip 604001)"
    ]
    assert bed.track().needs_person == []


def test_complete_without_a_package(bed: World) -> None:
    order = bed.place(("MUG", 1), ("TEE", 1))
    bed.send()
    bed.ship(order, packages=[])
    result = bed.track()
    assert result.updated == 1
    assert bed.fulfilments(order) == [("Shipped", "", {"MUG": 1, "TEE": 1})]
    assert bed.state(order) == "shipped"


def test_a_kit_ships_as_its_parts(bed: World) -> None:
    bed.reopen(VERACORE_SYNC_SKUS__KITS='{"BOX": {"PART-A": 1, "PART-B": 2}}')
    order = bed.place(("BOX", 2), ("MUG", 1))
    bed.send()
    bed.ship(
        order,
        [("PART-A", 1), ("PART-B", 3), ("MUG", 1)],
        "1Z999AA10123456784",
        beyond=True,
    )
    bed.track()
    bed.ship(order, [("PART-A", 1), ("PART-B", 1)], "1Z999AA10123456785", beyond=True)
    bed.track()
    assert bed.fulfilments(order) == [
        ("Shipped", "1Z999AA10123456784", {"BOX": 1, "MUG": 1}),
        ("Shipped", "1Z999AA10123456785", {"BOX": 1}),
    ]


def test_one_order_by_name(bed: World) -> None:
    one, other = bed.place(("MUG", 1)), bed.place(("MUG", 1))
    bed.send()
    bed.ship(one, tracking="1Z999AA10123456784")
    bed.ship(other, tracking="1Z999AA10123456785")
    assert bed.track(one.code).updated == 1
    assert (bed.state(one), bed.state(other)) == ("shipped", "synced")
    with pytest.raises(UsageError, match="holds no order NOBODY"):
        bed.track("NOBODY")


def test_a_dry_run_changes_nothing(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    result = bed.track(dry_run=True)
    assert [type(action).__name__ for _, action in result.plan or ()] == ["Fulfil"]
    assert bed.fulfilments(order) == []
    assert bed.slip_states(order) == []
    assert bed.track().updated == 1


def test_rest_knows_only_the_end(rest: World) -> None:
    whole, part = rest.place(("MUG", 2)), rest.place(("MUG", 2))
    rest.send()
    rest.ship(whole, tracking="1Z999AA10123456784")
    rest.ship(part, [("MUG", 1)], "1Z999AA10123456785")
    assert rest.track().updated == 1
    assert rest.fulfilments(whole) == [("Shipped", "1Z999AA10123456784", {"MUG": 2})]
    assert rest.fulfilments(part) == []
    rest.ship(part, tracking="1Z999AA10123456786")
    assert rest.track().updated == 1
    assert rest.fulfilments(part) == [("Shipped", "1Z999AA10123456786", {"MUG": 2})]
    assert rest.state(part) == "shipped"
    assert rest.track().checked == 0


def test_the_ledger_is_lost_and_the_rest_still_arrives(bed: World) -> None:
    half, whole, foreign = bed.place(("MUG", 2)), bed.place(("MUG", 1)), bed.place(("MUG", 1))
    bed.send()
    bed.ship(half, [("MUG", 1)], "1Z999AA10123456784")
    bed.track()
    bed.close()
    for file in bed.folder.glob("ledger.db*"):
        file.unlink()
    bed.clock.forward(hours=2)
    bed.ship(half, tracking="1Z999AA10123456785")
    bed.ship(whole, tracking="1Z999AA10123456786")
    result = bed.track()
    assert (result.updated, result.needs_person) == (3, [])
    assert bed.fulfilments(half) == [
        ("Shipped", "1Z999AA10123456784", {"MUG": 1}),
        ("Shipped", "1Z999AA10123456785", {"MUG": 1}),
    ]
    assert bed.fulfilments(whole) == [("Shipped", "1Z999AA10123456786", {"MUG": 1})]
    assert (bed.state(half), bed.state(whole)) == ("shipped", "shipped")
    assert bed.parts.ledger.orders.get(foreign.code) is None
    assert bed.track().outcomes == []


def test_an_old_ledger_was_restored(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, [("MUG", 1)], "LTL Freight")
    bed.close()
    backup = (bed.folder / "ledger.db").read_bytes()
    bed.track()
    bed.ship(order, [("MUG", 1)], "LTL Freight")
    bed.track()
    bed.close()
    for file in bed.folder.glob("ledger.db*"):
        file.unlink()
    (bed.folder / "ledger.db").write_bytes(backup)
    bed.clock.forward(minutes=30)
    bed.track()
    assert bed.fulfilments(order) == [("Shipped", "LTL Freight", {"MUG": 1})] * 2
    assert bed.state(order) == "shipped"


CUT = "SUMMER-SALE-2026-NORTH-WEST-REGION-STORE-0042-ORD-1"


@pytest.mark.parametrize("shown", ["cut50", "omitted", "whole"])
def test_what_is_left_of_a_reference_never_adopts_another_order(bed: World, shown: str) -> None:
    """The shop has an order whose code is how VeraCore cuts that of another one."""
    short, long = bed.place(("MUG", 1)), bed.place(("MUG", 1))
    for order, code in ((short, CUT[:50]), (long, CUT)):
        bed.order(order).code = code
        bed.shop.state.by_code[code] = bed.order(order)
    paid = bed.order(short).state
    bed.order(short).state = "Cancelled"
    bed.send()
    bed.order(short).state = paid
    with bed.parts.ledger.database.transaction() as connection:
        connection.execute("DELETE FROM attempts")
        connection.execute("DELETE FROM orders")
    bed.control("behaviour", {"reference": shown})
    [there] = bed.sandbox.world.orders.values()
    bed.ship(SimpleNamespace(code=there.id), tracking="1Z999AA10123456784")
    bed.track()
    assert bed.fulfilments(short) == []
    assert len(bed.fulfilments(long)) == (1 if shown == "whole" else 0)


def test_a_strangers_shipment_is_asked_about_once_a_day(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.sandbox.world.find(order.code).reference = "ANOTHER-SHOP"  # type: ignore[union-attr]
    with bed.parts.ledger.database.transaction() as connection:
        connection.execute("DELETE FROM attempts")
        connection.execute("DELETE FROM orders")
    bed.ship(order, tracking="1Z999AA10123456784")
    for _ in range(3):
        assert bed.track().outcomes == []
    asked = [one for one in bed.shop.requests if one["operation"] == "ReadFulfilments"]
    assert len(asked) == 1
    bed.clock.forward(hours=25)
    bed.track()
    asked = [one for one in bed.shop.requests if one["operation"] == "ReadFulfilments"]
    assert len(asked) == 2


def test_stock_too_low_is_raised_and_the_order_ships(bed: World) -> None:
    order = bed.place(("MUG", 4))
    bed.send()
    variant = next(one for one in bed.shop.state.variants.values() if one.sku == "MUG")
    level = next(iter(variant.levels.values()))
    level.on_hand = 1
    bed.ship(order, tracking="1Z999AA10123456784")
    result = bed.track()
    assert (result.updated, result.raised) == (1, ["MUG"])
    assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 4})]
    assert level.on_hand == 0


@pytest.mark.parametrize(("backorders", "ends"), [("false", 7), ("true", 10)])
def test_a_level_kept_low_for_a_threshold_is_lowered_again(
    bed: World, backorders: str, ends: int
) -> None:
    bed.reopen(VERACORE_SYNC_INVENTORY__BACKORDERS=backorders)
    order = bed.place(("MUG", 4))
    bed.send()
    variant = bed.shop.state.variant("MUG")
    variant.threshold, variant.global_threshold = -10, False
    bed.shop.state.set_stock("MUG", 1)
    assert bed.shop.state.saleable("MUG") == 7
    bed.ship(order, tracking="1Z999AA10123456784")
    assert bed.track().raised == ["MUG"]
    assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 4})]
    assert bed.shop.state.saleable("MUG") == ends


def test_a_note_in_the_history_by_setting(bed: World) -> None:
    bed.reopen(VERACORE_SYNC_TRACKING__HISTORY_NOTE="true")
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    bed.track()
    notes = [one for one in bed.order(order).history if one.kind == "ORDER_NOTE"]
    assert [one.data["note"] for one in notes] == [
        "VeraCore shipped slip 604001: 1Z999AA10123456784"
    ]


def test_an_order_that_the_warehouse_lost_is_told(bed: World) -> None:
    order = bed.place(("MUG", 1))
    bed.send()
    del bed.sandbox.world.orders[order.code]
    (told,) = bed.track().needs_person
    assert "no longer has it" in told
    assert bed.track().needs_person == []


def test_a_wrong_handler_is_a_setting(bed: World) -> None:
    bed.reopen(VERACORE_SYNC_TRACKING__HANDLER="no-such-handler")
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    with pytest.raises(ConfigError, match="no-such-handler"):
        bed.track()
    bed.reopen(VERACORE_SYNC_TRACKING__HANDLER="manual-fulfillment")
    bed.clock.forward(minutes=5)
    assert bed.track().updated == 1
