"""What a person accepted of an order stays quiet; whatever differs from it is told, once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from alerts_kit import Desk, desk

REASON = "the customer knows"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        made.place(4)
        made.orders()
        made.round()
        yield made


def set_units(one: Desk, units: int) -> None:
    state = one.shop.state
    state.start_modify(one.order)
    state.modify(one.order, [("MUG", units)])
    state.finish_modify(one.order)


def move_to(city: str) -> Callable[[Desk], object]:
    return lambda one: one.shop.state.set_address(one.order, city=city)


def units(count: int) -> Callable[[Desk], object]:
    return lambda one: set_units(one, count)


def refund(cents: int) -> Callable[[Desk], object]:
    return lambda one: one.shop.state.refund(one.order, cents)


def lacks_money(one: Desk) -> None:
    one.shop.state.transition(one.order, "ArrangingAdditionalPayment")


def is_paid(one: Desk) -> None:
    one.shop.state.transition(one.order, "PaymentSettled")


Act = Callable[[Desk], object]
CHANGES: Mapping[str, tuple[Act, str]] = {
    "address": (move_to("Hamburg"), "order.drift"),
    "fewer units": (units(3), "order.drift"),
    "refund": (refund(100), "order.refunded"),
    "unpaid": (lacks_money, "order.unpaid"),
}
FURTHER: Mapping[str, tuple[Act, Act, str, str]] = {
    "address": (move_to("Hamburg"), move_to("Potsdam"), "order.drift", "ship-to changed"),
    "address, back": (move_to("Hamburg"), move_to("Berlin"), "order.drift", "ship-to changed"),
    "units": (units(3), units(2), "order.drift", "units of MUG 3 → 2"),
    "address, then units": (move_to("Hamburg"), units(3), "order.drift", "units of MUG 4 → 3"),
    "refund": (refund(100), refund(200), "order.refunded", "(3.00 USD of"),
    "address, then refund": (move_to("Hamburg"), refund(100), "order.refunded", "(1.00 USD of"),
    "unpaid, then refund": (lacks_money, refund(100), "order.refunded", "(1.00 USD of"),
}


def accepted(one: Desk, change: Act, kind: str) -> None:
    change(one)
    one.round()
    assert set(one.alerts()) == {kind}
    one.accept(one.code)
    assert one.is_green()


def is_quiet(one: Desk) -> None:
    for _ in range(2):
        one.go_on(days=1)
        assert one.round() == [0, 0, 0]
    assert one.is_green()


@pytest.mark.parametrize("name", FURTHER)
def test_a_further_change_is_told_once(one: Desk, name: str) -> None:
    change, further, kind, words = FURTHER[name]
    first = {"refund": "order.refunded", "unpaid": "order.unpaid"}
    accepted(one, change, first.get(name.split(",")[0], "order.drift"))
    is_quiet(one)
    further(one)
    assert one.round()[0] == 3
    assert set(one.alerts()) == {kind}
    assert words in one.alerts()[kind]
    assert one.round() == [0, 0, 0]
    one.accept(one.code)
    is_quiet(one)


def test_units_that_go_back_to_what_veracore_has_are_no_news(one: Desk) -> None:
    accepted(one, *CHANGES["fewer units"])
    set_units(one, 4)
    is_quiet(one)


def test_what_ended_and_comes_again_is_told_again(one: Desk) -> None:
    accepted(one, *CHANGES["unpaid"])
    is_paid(one)
    is_quiet(one)
    lacks_money(one)
    one.round()
    assert set(one.alerts()) == {"order.unpaid"}


def test_what_was_accepted_earlier_is_told_if_it_comes_back(one: Desk) -> None:
    for city in ("Hamburg", "Potsdam", "Hamburg", "Berlin", "Hamburg"):
        accepted(one, move_to(city), "order.drift")
        is_quiet(one)


@pytest.mark.parametrize("name", CHANGES)
def test_a_cancellation_in_the_shop_is_told(one: Desk, name: str) -> None:
    accepted(one, *CHANGES[name])
    one.shop.state.cancel(one.order)
    one.round()
    assert set(one.alerts()) == {"order.cancelled_in_shop"}
    one.cancel_there()
    one.round()
    is_quiet(one)


@pytest.mark.parametrize("name", ["address", "refund"])
def test_nothing_is_told_once_it_has_shipped(one: Desk, name: str) -> None:
    accepted(one, *CHANGES[name])
    one.ship()
    one.round()
    is_quiet(one)


@pytest.mark.parametrize("name", CHANGES)
def test_a_restored_ledger_knows_what_was_accepted_before_the_backup(one: Desk, name: str) -> None:
    change, kind = CHANGES[name]
    ledger = one.rig.ledger_path
    earlier, later = ledger.with_name("earlier.db"), ledger.with_name("later.db")
    shutil.copy(ledger, earlier)
    accepted(one, change, kind)
    one.round()
    shutil.copy(ledger, later)
    restore(one, later)
    is_quiet(one)
    restore(one, earlier)
    one.round()
    assert set(one.alerts()) == {kind}, "a person decides once more"
    one.accept(one.code)
    is_quiet(one)


def restore(one: Desk, backup: Path) -> None:
    ledger = one.rig.ledger_path
    for name in ("-wal", "-shm"):
        ledger.with_name(ledger.name + name).unlink(missing_ok=True)
    shutil.copy(backup, ledger)


def test_the_reason_stays_in_the_orders_history(one: Desk) -> None:
    accepted(one, *CHANGES["address"])
    for _ in range(3):
        one.go_on(days=1)
        one.round()
    one.ship()
    one.round()
    found = one.run("stats", "--order", one.code, "--json").json
    assert [entry["reason"] for entry in found["accepted"]] == [REASON]
    told = [entry["message"] for entry in found["timeline"] if entry["event"] == "accepted"]
    assert told == [f"alert order.drift: {REASON}"]
    assert REASON in one.run("stats", "--order", one.code).out
