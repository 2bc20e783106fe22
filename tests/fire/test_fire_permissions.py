"""An operation is refused to the account: the run stops, and everything leaves after the grant."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from fire_kit import CREATE, DIALECTS, Fire, set_on_fire
from rig import HereRig
from sample import sample

from veracore_sync.domain.listed_words import repeat
from veracore_sync.sandbox.records import Order
from veracore_sync.sandbox.rest import _Incomplete
from veracore_sync.sandbox.soap_order import Refused

# The first three are listed, and the two behind them hold a word of permission; of the others
# nothing is known.
KNOWN = [
    "",
    "User WSUSER does not have permission to call {create}",
    "Missing permission '{create}'",
    "You are not authorized to use this web service",
]
BARE = ["Access denied.", "Not authorized"]
UNKNOWN = [
    "Rights check 0x80 failed",
    "Code 17",
    "Invalid user for this request",
    "Zugriff verweigert",
]


@pytest.fixture(params=DIALECTS)
def fire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fire]:
    with set_on_fire(tmp_path, request.param, HereRig) as burning:
        yield burning


def deny(fire: Fire, *operations: str, text: str = "") -> None:
    said = text.replace("{create}", CREATE[fire.dialect])
    fire.rig.control("behaviour", {"denied": list(operations), "denied_text": said})


def counts(fire: Fire) -> dict[str, int]:
    with fire.rig.ledger() as ledger:
        return {state: count for state, count in ledger.orders.counts().items() if count}


def at_rest(fire: Fire) -> None:
    for _ in range(6):
        ended = fire.rig.run("sync-orders", "--json")
        assert ended.code == 0, (ended.code, ended.out)
        if fire.at_rest():
            return
        time.sleep(1.05)
    raise AssertionError(counts(fire))


@pytest.mark.parametrize(
    ("text", "sold_before"),
    sample(list(product([*KNOWN, *BARE, *UNKNOWN], [True, False])), lambda case: case, times=1),
)
def test_creating_is_refused_to_the_account(fire: Fire, text: str, sold_before: bool) -> None:
    if sold_before:
        fire.place(1)
        fire.rig.sync()
    before = len(fire.creates())
    codes = fire.place(12)
    deny(fire, CREATE[fire.dialect], text=text)
    ended = fire.rig.run("sync-orders", "--json")
    assert ended.code == 77, ended.out
    error = ended.json["error"]
    assert CREATE[fire.dialect] in error["message"] + error["hint"]
    assert "permission for" in error["hint"]
    assert not any(code in error["message"] + error["hint"] for code in codes)
    calls = len(fire.creates()) - before
    assert calls == (2 if text in UNKNOWN else 1)
    found = counts(fire)
    assert found.get("parked", 0) == 0, found
    # With a 403, a word of permission is a listed refusal: nothing was created.
    is_listed = text in KNOWN or (fire.dialect == "rest" and text in BARE)
    assert found.get("in_doubt", 0) == (0 if is_listed else calls), found
    for _ in range(2):
        time.sleep(1.05)
        again = fire.rig.run("sync-orders", "--json")
        assert again.code == 77, again.out
        assert counts(fire).get("parked", 0) == 0
    assert len(fire.creates()) - before == calls + 2, "one order a run shows whether it is granted"
    with fire.rig.ledger() as ledger:
        assert all(row.retry_count == 0 for row in ledger.orders.held(codes).values())
        assert not [one for one in ledger.alerts.standing() if one.code]
    deny(fire)
    at_rest(fire)
    there = fire.rig.control("orders")["orders"]
    assert len(there) == len(fire.shop.state.orders)


@pytest.mark.parametrize("text", [*KNOWN, *BARE, *UNKNOWN])
def test_one_order_that_is_refused_so_stops_no_run_for_long(fire: Fire, text: str) -> None:
    """Whatever the words: the others leave, and that one is parked with what VeraCore said."""
    bad, *good = fire.place(6)
    said = (text or KNOWN[1]).replace("{create}", CREATE[fire.dialect])
    refuse_one(fire, bad, said)
    runs = [fire.rig.run("sync-orders", "--json").code]
    if text in UNKNOWN:
        assert runs == [0], "the second order left, so the answer was about the first"
    assert counts(fire).get("parked", 0) == 0
    for _ in range(3):
        time.sleep(1.05)
        runs.append(fire.rig.run("sync-orders", "--json").code)
    assert {fire.row(code).state for code in good} == {"synced"}, runs
    row = fire.row(bad)
    assert (row.state, row.cause) == ("parked", "refused"), runs
    assert runs.count(77) <= 1, runs
    assert repeat(said) in (row.error_message or "")


@pytest.mark.parametrize("text", [KNOWN[1], BARE[0], UNKNOWN[1]])
def test_many_bad_orders_at_the_front_do_not_keep_the_others_for_long(
    fire: Fire, text: str
) -> None:
    since = datetime.now(UTC) - timedelta(days=1)
    place = fire.shop.state.place_order
    codes = [place([("MUG", 1)], placed_at=since + timedelta(hours=n)).code for n in range(20)]
    bad, good = codes[:15], codes[15:]
    refuse(fire, bad, text.replace("{create}", CREATE[fire.dialect]))
    for _ in range(5):
        fire.rig.run("sync-orders", "--allow-first-run")
    with fire.rig.ledger() as ledger:
        assert {row.state for row in ledger.orders.held(good).values()} == {"synced"}


def refuse_one(fire: Fire, code: str, said: str) -> None:
    """VeraCore refuses that order alone, in these words, without storing it."""
    refuse(fire, [code], said)


def refuse(fire: Fire, codes: Sequence[str], said: str) -> None:
    """VeraCore refuses these orders, in these words, without storing them."""
    world = fire.sandbox.world
    place = world.place

    def refusing(order: Order) -> Order:
        if order.id in codes:
            raise (Refused if fire.dialect == "oms" else _Incomplete)(said)
        return place(order)

    world.place = refusing  # type: ignore[method-assign]


def test_one_by_one_the_second_order_shows_that_it_is_the_account(fire: Fire) -> None:
    """A quiet shop: the first was taken for refused by itself, and leaves with the others."""
    deny(fire, CREATE[fire.dialect], text="Code 17")
    [first] = fire.place(1)
    codes = [fire.rig.run("sync-orders", "--json").code]
    for _ in range(2):
        time.sleep(1.05)
        codes.append(fire.rig.run("sync-orders", "--json").code)
    assert fire.row(first).state == "parked"
    fire.place(1)
    assert fire.rig.run("sync-orders", "--json").code == 77
    assert fire.row(first).state == "pending"
    deny(fire)
    at_rest(fire)
