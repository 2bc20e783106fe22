"""A fulfilment that a person made and has not finished is never taken for ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from tracking_world import World, world

from veracore_sync.domain.errors import SyncError
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.tracking import requests

KIND = AlertKind.ORDER_PENDING_BY_HAND
NUMBER = "1Z999AA10123456784"


@pytest.fixture(params=["oms", "rest"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, dialect=request.param) as made:
        yield made


def alerts(bed: World) -> list[str]:
    return [one.kind for one in bed.parts.ledger.alerts.standing() if one.kind == KIND]


def look_again(bed: World) -> None:
    bed.clock.forward(minutes=16)
    bed.reopen()
    bed.track()


@pytest.mark.parametrize("code", ["", "pick up", "DHL"])
@pytest.mark.parametrize("shipped", ["", "pick up", NUMBER])
def test_one_that_is_pending_is_told_and_left_as_it_is(
    either: World, code: str, shipped: str
) -> None:
    order = either.place(("MUG", 2))
    either.send()
    either.shop.state.fulfil(either.order(order), state="Pending", tracking=code)
    either.ship(order, packages=[{"tracking": shipped}] if shipped else [])
    result = either.track()
    assert either.fulfilments(order) == [("Pending", code, {"MUG": 2})]
    assert alerts(either) == [KIND]
    assert any("2 x MUG" in one and "(Pending)" in one for one in result.needs_person)
    look_again(either)
    assert either.fulfilments(order) == [("Pending", code, {"MUG": 2})]
    assert either.slip_states(order) == ["open"]


@pytest.mark.parametrize("act", ["finish", "cancel", "accept"])
def test_what_a_person_does_about_it(bed: World, act: str) -> None:
    order = bed.place(("MUG", 2))
    bed.send()
    made = bed.shop.state.fulfil(bed.order(order), state="Pending")
    bed.ship(order, tracking=NUMBER)
    bed.track()
    ledger = bed.parts.ledger
    if act == "accept":
        ledger.alerts.accept(order.code, "collected by the customer")
    else:
        state = "Shipped" if act == "finish" else "Cancelled"
        bed.shop.state.transition_fulfilment(made, state)
    look_again(bed)
    assert alerts(bed) == []
    expected = {
        "finish": [("Shipped", "", {"MUG": 2})],
        "cancel": [("Shipped", NUMBER, {"MUG": 2})],
        "accept": [("Pending", "", {"MUG": 2})],
    }
    assert bed.fulfilments(order) == expected[act]
    assert bed.slip_states(order)[0] == ("done" if act == "cancel" else "covered")


def test_units_that_were_taken_before_the_order_was_sent_are_nobodys_doubt(bed: World) -> None:
    order = bed.place(("MUG", 3))
    bed.shop.state.fulfil(order, [("MUG", 1)], state="Pending")
    bed.send()
    bed.ship(order, tracking=NUMBER)
    bed.track()
    assert alerts(bed) == []
    assert ("Shipped", NUMBER, {"MUG": 2}) in bed.fulfilments(order)


def test_a_part_of_the_units(bed: World) -> None:
    order = bed.place(("MUG", 3))
    bed.send()
    made = bed.shop.state.fulfil(bed.order(order), [("MUG", 1)], state="Pending")
    bed.ship(order, tracking=NUMBER)
    bed.track()
    assert alerts(bed) == [KIND]
    assert bed.fulfilments(order) == [("Pending", "", {"MUG": 1})]
    bed.shop.state.transition_fulfilment(made, "Shipped")
    look_again(bed)
    assert alerts(bed) == []
    assert bed.order(order).state == "Shipped"


def test_the_number_of_the_parcel_says_that_it_is_this_one(either: World) -> None:
    order = either.place(("MUG", 2))
    either.send()
    either.shop.state.fulfil(either.order(order), state="Pending", tracking=NUMBER)
    either.ship(order, tracking=NUMBER)
    either.track()
    assert either.fulfilments(order) == [("Shipped", NUMBER, {"MUG": 2})]
    assert alerts(either) == []


@pytest.mark.parametrize("code", ["", "prepaid", NUMBER])
def test_ours_is_found_again_by_its_intent(either: World, code: str) -> None:
    """Added, and the answer was lost: Pending, perhaps without a code, and it is ours."""
    order = either.place(("MUG", 2))
    either.send()
    either.ship(order, packages=[{"tracking": code}] if code else [])
    add = requests.ShopRequests._ask

    def lost(self: requests.ShopRequests, row: object, action: object) -> str:
        add(self, row, action)  # type: ignore[arg-type]
        raise Died

    class Died(BaseException):
        pass

    with patch.object(requests.ShopRequests, "_ask", lost), suppress(Died, SyncError):
        either.track()
    assert [state for state, _, _ in either.fulfilments(order)] == ["Pending"]
    assert either.slip_states(order) == ["intended"]
    look_again(either)
    assert either.fulfilments(order) == [("Shipped", code, {"MUG": 2})]
    assert alerts(either) == []
