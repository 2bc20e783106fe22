"""A tenant that returns a reference cut, or none: a lost answer, and a lost ledger."""

from __future__ import annotations

import pytest
from tracking_world import World

LONG = "SUMMER-SALE-2026-NORTH-WEST-REGION-STORE-0042-ORDER-10012"
SHOWN = ("whole", "cut50", "omitted")


def place(bed: World, code: str = LONG, units: int = 2) -> object:
    order = bed.place(("MUG", units), ("TEE", 1))
    bed.order(order).code = code
    bed.shop.state.by_code[code] = bed.order(order)
    return order


def lose_the_answer(bed: World) -> None:
    bed.control("faults", {"operations": ["AddOrder"], "kinds": ["reset_after"], "count": 1})


def state(bed: World, code: str = LONG) -> str:
    row = bed.parts.ledger.orders.get(code)
    assert row is not None
    return str(row.state)


def submissions(bed: World) -> list[int]:
    return [order.submissions for order in bed.sandbox.world.orders.values()]


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("code", [LONG, "SHORT-1"])
def test_a_lost_answer_is_adopted(bed: World, shown: str, code: str) -> None:
    bed.control("behaviour", {"reference": shown})
    place(bed, code)
    lose_the_answer(bed)
    for _ in range(2):
        bed.run_orders()
        bed.clock.forward(minutes=5)
    assert (state(bed, code), submissions(bed)) == ("synced", [1])
    assert bed.parts.ledger.alerts.standing() == []


@pytest.mark.parametrize("shown", SHOWN[1:])
def test_a_lost_answer_with_other_units_is_a_conflict(bed: World, shown: str) -> None:
    bed.control("behaviour", {"reference": shown})
    place(bed)
    lose_the_answer(bed)
    bed.control(
        "faults",
        {
            "operations": ["GetOrderInfo"],
            "kinds": ["rewrite"],
            "pattern": "<OrderQty>2</OrderQty>",
            "replacement": "<OrderQty>3</OrderQty>",
        },
    )
    result = bed.run_orders()
    bed.clock.forward(minutes=5)
    result = bed.run_orders() if state(bed) == "in_doubt" else result
    assert (state(bed), submissions(bed)) == ("conflict", [1])
    assert "MUG 3 there, 2 sent" in result.needs_person[0]


@pytest.mark.parametrize("shown", SHOWN)
def test_a_lost_ledger_sends_nothing_twice(bed: World, shown: str) -> None:
    bed.control("behaviour", {"reference": shown})
    place(bed)
    bed.run_orders()
    bed.reopen(VERACORE_SYNC_LEDGER__PATH=str(bed.folder / "new.db"))
    bed.clock.forward(hours=2)
    bed.run_orders()
    assert (state(bed), submissions(bed)) == ("synced", [1])
