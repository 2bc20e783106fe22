"""A fulfilment that Vendure refuses, or cannot make: it waits longer each time, then a person."""

from __future__ import annotations

from typing import Any

import pytest
from tracking_world import World

CODED = ("graphql_error_coded",)


def shipped(bed: World) -> Any:
    order = bed.place(("MUG", 1))
    bed.send()
    bed.ship(order, tracking="1Z999AA10123456784")
    return order


def standing(bed: World) -> list[tuple[str, str | None]]:
    return [(alert.kind, alert.code) for alert in bed.parts.ledger.alerts.standing()]


def asked(bed: World, operation: str) -> int:
    return sum(one["operation"] == operation for one in bed.shop.requests)


def until_handed_over(bed: World) -> list[str]:
    """Runs, each in a process of its own, every ten minutes; what was news."""
    news: list[str] = []
    for _ in range(1000):
        news += bed.track().needs_person
        if news:
            return news
        bed.clock.forward(minutes=10)
        bed.reopen()
    raise AssertionError("never handed over")


@pytest.mark.parametrize("operation", ["AddFulfilment", "ShipFulfilment"])
def test_it_is_tried_ever_more_rarely_and_then_handed_over(bed: World, operation: str) -> None:
    order = shipped(bed)
    bed.shop.add_faults(CODED, operations=[operation])
    began = bed.clock.now()
    [told] = until_handed_over(bed)
    most = bed.parts.settings.retry.max_attempts
    assert asked(bed, operation) == most
    waits = sum(min(60 * 2**tries, 3600) for tries in range(most - 1))
    assert waits <= (bed.clock.now() - began).total_seconds() < waits + 600 * most
    assert order.code in told
    assert "Internal server error" in told
    assert standing(bed) == [("order.unfulfillable", order.code)]
    bed.clock.forward(days=1)
    assert bed.track().needs_person == []
    assert asked(bed, operation) == most
    bed.shop.clear_faults()
    assert bed.track().updated == 0
    assert bed.track(order.code, force=True).updated == 1
    assert bed.fulfilments(order) == [("Shipped", "1Z999AA10123456784", {"MUG": 1})]
    assert (bed.state(order), bed.slip_states(order), standing(bed)) == ("shipped", ["done"], [])


@pytest.mark.parametrize("operation", ["AddFulfilment", "ShipFulfilment"])
def test_it_keeps_no_other_waiting(bed: World, operation: str) -> None:
    orders = [shipped(bed) for _ in range(3)]
    bed.shop.add_faults(CODED, operations=[operation], count=1)
    result = bed.track()
    assert (result.updated, result.errors, result.needs_person) == (2, 1, [])
    bed.clock.forward(minutes=3)
    assert bed.track().updated == 1
    assert {bed.state(order) for order in orders} == {"shipped"}


def test_a_person_need_not_wait(bed: World) -> None:
    order = shipped(bed)
    bed.shop.add_faults(CODED, operations=["ShipFulfilment"], count=1)
    bed.track()
    bed.clock.forward(seconds=5)
    assert bed.track().updated == 0
    assert bed.track(dry_run=True, force=True).updated == 0
    assert bed.track(force=True).updated == 1
    assert bed.state(order) == "shipped"


def test_labels_that_are_void_stay_with_the_person(bed: World) -> None:
    order = shipped(bed)
    bed.shop.add_faults(CODED, operations=["ShipFulfilment"], count=1)
    bed.track()
    bed.clock.forward(minutes=3)
    assert bed.track().updated == 1
    bed.control("void", {"order": order.code, "tracking": "1Z999AA10123456784"})
    assert len(bed.track(order.code).needs_person) == 1
    assert bed.track(order.code, force=True).updated == 0
    assert bed.slip_states(order) == ["handed"]
