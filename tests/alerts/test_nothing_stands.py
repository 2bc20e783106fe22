"""Whatever happens on both sides: once a person has obeyed every alert, none is left."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from alerts_kit import Desk, desk, give_code_again

from veracore_sync.sandbox.shop_errors import Refusal

_ACTS_AT_A_TIME = 4
_TURNS = 5
_OBEYED = 3


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


# ---- what happens --------------------------------------------------------------------------------


def place(one: Desk, order: Any, dice: random.Random) -> None:
    one.place(dice.randint(1, 4))


def cancel_here(one: Desk, order: Any, dice: random.Random) -> None:
    one.shop.state.cancel(order)


def cancel_some_here(one: Desk, order: Any, dice: random.Random) -> None:
    one.shop.state.cancel(order, [("MUG", 1)])


def fulfil(one: Desk, order: Any, dice: random.Random) -> None:
    one.shop.state.fulfil(order, [("MUG", 1)], tracking=f"hand {dice.randrange(10**6)}")


def unfulfil(one: Desk, order: Any, dice: random.Random) -> None:
    for made in [made for made in order.fulfilments if made.state == "Shipped"][-1:]:
        one.shop.state.transition_fulfilment(made, "Cancelled")


def ship(one: Desk, order: Any, dice: random.Random) -> None:
    package = {"tracking": f"1Z{dice.randrange(10**12):012}", "carrier": "UPS", "service": "Ground"}
    lines = {"lines": [{"sku": "MUG", "quantity": 1}]} if dice.random() < 0.5 else {}
    one.control("ship", order=order.code, packages=[package], **lines)


def void(one: Desk, order: Any, dice: random.Random) -> None:
    there = one.rig.placed().get(order.code)
    live = [label for label in (there or {}).get("packages", ()) if not label["voidedAt"]]
    for label in live[:1]:
        one.control("void", order=order.code, tracking=label["tracking"])


def cancel_there(one: Desk, order: Any, dice: random.Random) -> None:
    one.control("cancel", order=order.code)


def cancel_some_there(one: Desk, order: Any, dice: random.Random) -> None:
    one.control("cancel", order=order.code, lines=[{"sku": "MUG", "quantity": 1}])


def ship_short(one: Desk, order: Any, dice: random.Random) -> None:
    package = {"tracking": f"1Z{dice.randrange(10**12):012}", "carrier": "UPS", "service": "Ground"}
    lines = [{"sku": "MUG", "quantity": 1}]
    one.control("ship", order=order.code, packages=[package], lines=lines, short=True)


def refund(one: Desk, order: Any, dice: random.Random) -> None:
    one.shop.state.refund(order, dice.choice((None, 100)))


def lose_the_payment(one: Desk, order: Any, dice: random.Random) -> None:
    one.shop.state.cancel_payments(order)


def ask_for_more(one: Desk, order: Any, dice: random.Random) -> None:
    one.shop.state.transition(order, "ArrangingAdditionalPayment")


def move_house(one: Desk, order: Any, dice: random.Random) -> None:
    one.shop.state.set_address(order, city=dice.choice(("Hamburg", "Potsdam")))


def ask_to_cancel(one: Desk, order: Any, dice: random.Random) -> None:
    manner = dice.choice(("until_picked", "until_shipped", "never"))
    one.control("behaviour", cancel=manner)
    one.run("cancel", order.code)


def give_the_code_again(one: Desk, order: Any, dice: random.Random) -> None:
    """The shop comes from a backup, and gives the order's code to another customer's."""
    give_code_again(one, order)


_HAPPENS = (
    place,
    place,
    cancel_here,
    cancel_some_here,
    fulfil,
    unfulfil,
    ship,
    ship,
    void,
    cancel_there,
    cancel_some_there,
    ship_short,
    refund,
    lose_the_payment,
    ask_for_more,
    move_house,
    ask_to_cancel,
    give_the_code_again,
)


def something_happens(one: Desk, dice: random.Random) -> None:
    """Somebody does something to some order, if that side lets them."""
    orders = list(one.shop.state.orders.values())
    act = dice.choice(_HAPPENS) if orders else place
    with suppress(Refusal, HTTPError):
        act(one, dice.choice(orders) if orders else None, dice)


# ---- obeying -------------------------------------------------------------------------------------


def void_all(one: Desk, code: str) -> None:
    for label in one.rig.placed()[code]["packages"]:
        if not label["voidedAt"]:
            one.control("void", order=code, tracking=label["tracking"])


def cancel_it_there(one: Desk, code: str) -> None:
    one.control("cancel", order=code)


def cancel_it_here(one: Desk, code: str) -> None:
    one.shop.state.cancel(one.shop.state.order(code))


def cancel_what_is_open(one: Desk, code: str) -> None:
    """Cancel the units that no fulfilment has."""
    order = one.shop.state.order(code)
    one.shop.state.cancel(order, one.shop.state.open_lines(order))


def cancel_what_is_void(one: Desk, code: str) -> None:
    """Cancel the fulfilments of labels that are void; and their units, which will not ship."""
    order = one.shop.state.order(code)
    labels = one.rig.placed()[code]["packages"]
    void_ones = {label["tracking"] for label in labels if label["voidedAt"]}
    for made in order.fulfilments:
        if made.state == "Shipped" and set(made.tracking_code.split(", ")) <= void_ones:
            one.shop.state.transition_fulfilment(made, "Cancelled")
    cancel_what_is_open(one, code)


def fulfil_the_rest(one: Desk, code: str) -> None:
    one.shop.state.fulfil(one.shop.state.order(code), tracking="by hand")


def accept(one: Desk, code: str) -> None:
    one.accept(code)


def skip(one: Desk, code: str) -> None:
    one.run("resolve", code, "--skip")


_OBEY: Mapping[str, Callable[[Desk, str], None]] = {
    "order.cancelled": cancel_it_here,
    "order.cancelled_in_shop": cancel_it_there,
    "order.not_cancelled": cancel_it_there,
    "order.drift": accept,
    "order.refunded": accept,
    "order.unpaid": accept,
    "order.short_shipped": cancel_what_is_open,
    "order.conflict": skip,
    "order.missing": accept,
    "order.passed_by": fulfil_the_rest,
    "order.short": cancel_what_is_open,
    "order.voided": cancel_what_is_void,
    "order.unfulfilled": cancel_what_is_open,
    "order.shipped_cancelled": void_all,
    "order.beyond": accept,
    "order.shipment_waiting": accept,
}


def obey(one: Desk) -> list[str]:
    """Do what every open alert asks for, if it can be done; their kinds."""
    alerts = one.run("stats", "--json").json["alerts"]
    for alert in alerts:
        if alert["kind"] == "stock.drift":
            one.accept(alert["kind"])
            continue
        with suppress(Refusal, HTTPError):
            _OBEY[alert["kind"]](one, alert["vendureOrderCode"])
    return [alert["kind"] for alert in alerts]


@pytest.mark.parametrize("seed", range(4))
def test_obeying_every_alert_leaves_none(one: Desk, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(_TURNS):
        for _ in range(_ACTS_AT_A_TIME):
            something_happens(one, dice)
        one.round()
    obeyed = []
    for _ in range(_OBEYED):
        one.round()
        obeyed.append(obey(one))
    one.round()
    assert one.alerts() == {}, obeyed
    assert one.is_green()
