"""An order that the shop or VeraCore cancels after it was sent: every alert of it finds its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tracking_world import World

TRACKING = "1Z999AA10123456784"


def ship_all(bed: World, order: object) -> None:
    bed.ship(order, tracking=TRACKING)


def ship_a_part(bed: World, order: object) -> None:
    bed.ship(order, [("MUG", 1)], TRACKING)


def ship_the_rest(bed: World, order: object) -> None:
    bed.ship(order, tracking="1Z999AA10123456785")


def cancel_there(bed: World, order: object) -> None:
    bed.control("cancel", {"order": bed.order(order).code})


def cancel_here(bed: World, order: object) -> None:
    bed.shop.state.cancel(bed.order(order))


def watch(bed: World, order: object) -> None:
    bed.run_orders()


def track(bed: World, order: object) -> None:
    bed.track()
    bed.clock.forward(hours=1)


Act = Callable[[World, object], None]
CANCELLED_HERE = (cancel_here, watch)
SHIPPED = ("shipped", ["order.shipped_cancelled"])
TABLE: dict[str, tuple[tuple[Act, ...], tuple[str, list[str]]]] = {
    "it will ship": ((*CANCELLED_HERE, track), ("synced", ["order.cancelled_in_shop"])),
    "shipped": ((*CANCELLED_HERE, ship_all, track), SHIPPED),
    "shipped, and seen before the cancellation": ((cancel_here, ship_all, track, watch), SHIPPED),
    "cancelled there": ((*CANCELLED_HERE, cancel_there, track), ("cancelled", [])),
    "cancelled there, and seen before": (
        (cancel_here, cancel_there, track, watch),
        ("cancelled", []),
    ),
    "cancelled there first": ((cancel_there, track, *CANCELLED_HERE), ("cancelled", [])),
    "cancelled there alone": ((cancel_there, track, watch), ("cancelled", ["order.cancelled"])),
}
OMS_TABLE: dict[str, tuple[tuple[Act, ...], tuple[str, list[str]]]] = {
    "a part, and more will ship": (
        (*CANCELLED_HERE, ship_a_part, track),
        ("synced", ["order.cancelled_in_shop", "order.shipped_cancelled"]),
    ),
    "a part, and the rest later": (
        (*CANCELLED_HERE, ship_a_part, track, ship_the_rest, track),
        SHIPPED,
    ),
    "a part, and the rest is cancelled there": (
        (*CANCELLED_HERE, ship_a_part, track, cancel_there, track),
        SHIPPED,
    ),
}


def comes_to(
    bed: World, acts: tuple[Act, ...], state: str, alerts: list[str]
) -> list[tuple[str, str]]:
    """After these acts, and two quiet rounds; what stands."""
    order = bed.place(("MUG", 2))
    bed.send()
    for act in (*acts, track, watch, track, watch):
        act(bed, order)
    standing = bed.parts.ledger.alerts.standing()
    assert (bed.state(order), sorted(one.kind for one in standing)) == (state, alerts)
    assert bed.fulfilments(order) == []
    assert "order.shipped" not in [kind for kind, _, _ in bed.events()]
    return [(one.kind, one.message) for one in standing]


@pytest.mark.parametrize("name", [*TABLE, *OMS_TABLE])
def test_every_alert_finds_its_end(bed: World, name: str) -> None:
    acts, (state, alerts) = (TABLE | OMS_TABLE)[name]
    comes_to(bed, acts, state, alerts)


@pytest.mark.parametrize("name", TABLE)
def test_every_alert_finds_its_end_in_rest(rest: World, name: str) -> None:
    acts, (state, alerts) = TABLE[name]
    comes_to(rest, acts, state, alerts)


def test_each_slip_that_left_is_named(bed: World) -> None:
    acts = (*CANCELLED_HERE, ship_a_part, track, ship_the_rest, track)
    [(_, told)] = comes_to(bed, acts, *SHIPPED)
    [code] = [order.code for order in bed.shop.state.orders.values()]
    slips = [row.slip for row in bed.parts.ledger.shipments.slips_of(code)]
    named = ", ".join(slips)
    assert told == f"VeraCore shipped slip {named} although the order is cancelled in the shop"


def test_a_part_was_fulfilled_before_the_shop_cancelled_it(bed: World) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    for act in (ship_a_part, track, cancel_here, watch, track):
        act(bed, order)
    assert [one.kind for one in bed.parts.ledger.alerts.standing()] == ["order.cancelled_in_shop"]
    for act in (cancel_there, track):
        act(bed, order)
    assert (bed.state(order), bed.parts.ledger.alerts.standing()) == ("shipped", [])
