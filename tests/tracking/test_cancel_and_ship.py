"""An order that VeraCore was to cancel, or showed as cancelled, and that leaves all the same."""

from __future__ import annotations

from typing import Any

import pytest
from tracking_world import World

from veracore_sync.composition.orders import order_canceller
from veracore_sync.jobs.orders.report import OrdersReport

TRACKING = "1Z999AA10123456784"
PACKED = [{"tracking": TRACKING, "carrier": "UPS", "service": "Ground", "shipped": False}]
LEFT = [{"tracking": TRACKING, "carrier": "UPS", "service": "Ground"}]


@pytest.fixture
def auto(bed: World) -> World:
    bed.reopen(VERACORE_SYNC_ORDERS__CANCEL="auto")
    return bed


def sent(bed: World) -> Any:
    order = bed.place(("MUG", 2))
    bed.send()
    return order


def cancel(bed: World, order: Any) -> OrdersReport:
    report = OrdersReport()
    order_canceller(bed.parts, report).execute([bed.order(order).code])
    return report


def rounds(bed: World, times: int = 3) -> None:
    for _ in range(times):
        bed.clock.forward(minutes=30)
        bed.run_orders()
        bed.track()


def alerts(bed: World) -> list[str]:
    return sorted(one.kind for one in bed.parts.ledger.alerts.standing())


def wish(bed: World, order: Any) -> str:
    found = bed.parts.ledger.cancellations.get(bed.order(order).code)
    return found.state if found else ""


def test_the_shop_cancels_and_veracore_follows(auto: World) -> None:
    order = sent(auto)
    auto.shop.state.cancel(auto.order(order))
    rounds(auto)
    assert (auto.state(order), wish(auto, order), alerts(auto)) == ("cancelled", "cancelled", [])


def test_tracking_alone_confirms_a_cancellation_with_two_look_ups(bed: World) -> None:
    order = sent(bed)
    cancel(bed, order)
    bed.clock.forward(minutes=1)
    bed.track()
    assert bed.state(order) == "synced"
    bed.clock.forward(minutes=30)
    bed.track()
    assert (bed.state(order), alerts(bed)) == ("cancelled", ["order.cancelled"])


def test_a_slip_in_picking_leaves_although_veracore_cancelled(auto: World) -> None:
    order = sent(auto)
    auto.control("behaviour", {"cancel": "until_shipped"})
    auto.ship(order, packages=PACKED)
    auto.shop.state.cancel(auto.order(order))
    rounds(auto)
    assert (auto.state(order), wish(auto, order)) == ("synced", "unknown")
    auto.ship(order, packages=LEFT)
    rounds(auto)
    assert wish(auto, order) == "too_late"
    assert alerts(auto) == ["order.shipped_cancelled"]
    assert auto.fulfilments(order) == []


def test_what_was_confirmed_and_leaves_later_is_told_once(auto: World) -> None:
    order = sent(auto)
    auto.shop.state.cancel(auto.order(order))
    rounds(auto)
    assert auto.state(order) == "cancelled"
    auto.ship(order, [("MUG", 1)], packages=LEFT, beyond=True)
    rounds(auto)
    assert alerts(auto) == ["order.shipped_cancelled"]
    [alert] = auto.parts.ledger.alerts.standing()
    assert alert.message.endswith("although it showed the order as cancelled")
    auto.parts.ledger.alerts.resolve("order.shipped_cancelled", code=auto.order(order).code)
    rounds(auto)
    assert alerts(auto) == []


def test_cancelled_by_a_person_too_late_is_told_and_fulfilled(bed: World) -> None:
    order = sent(bed)
    bed.control("behaviour", {"cancel": "never"})
    cancel(bed, order)
    rounds(bed, 6)
    assert (wish(bed, order), alerts(bed)) == ("refused", ["order.not_cancelled"])
    bed.ship(order, packages=LEFT)
    rounds(bed)
    # The shop still shows it as paid, so the customer gets the tracking number.
    assert [state for state, _, _ in bed.fulfilments(order)] == ["Shipped"]
    assert (bed.state(order), wish(bed, order)) == ("shipped", "too_late")
    assert alerts(bed) == ["order.shipped_cancelled"]


def test_too_late_in_the_shop_and_there(auto: World) -> None:
    order = sent(auto)
    auto.ship(order, packages=LEFT)
    auto.shop.state.cancel(auto.order(order))
    rounds(auto)
    assert (auto.state(order), alerts(auto)) == ("shipped", ["order.shipped_cancelled"])
    assert auto.control("requests")["requests"][-1]["operation"] != "CancelOrder"


def test_what_left_before_the_wish_is_no_news(bed: World) -> None:
    order = sent(bed)
    bed.ship(order, [("MUG", 1)], packages=LEFT)
    rounds(bed)
    assert [state for state, _, _ in bed.fulfilments(order)] == ["Shipped"]
    cancel(bed, order)
    rounds(bed)
    # VeraCore may ship the rest: a person cancels units there.
    assert (wish(bed, order), alerts(bed)) == ("too_late", ["order.not_cancelled"])
    bed.ship(order, [("MUG", 1)], "1Z999AA10123456785")
    rounds(bed)
    assert (bed.state(order), alerts(bed)) == ("shipped", ["order.shipped_cancelled"])
