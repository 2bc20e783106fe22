"""One record among five hundred that cannot be read, in each list and batch of sync-orders.

In every form in which a record can be unreadable, the 499 others are worked on in that very run,
the one is named once, and it is asked for again with growing pauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from orders_kit import Bed, bed
from sample import sample

MANY, SOME = 500, 60
"""Five hundred for one form of each read; for the others, more than one batch."""
SHOP_FORMS = (
    "graphql_error_null",
    "graphql_error_path",
    "graphql_error_coded",
    "missing_fields",
    "odd_fields",
    "null_fields",
    "null_record",
    "left_out",
    "hang_after",
    "html_500",
)
FEW = ("graphql_error_null", "odd_fields", "left_out", "html_500")
LOOK_UP_FORMS = ("fault_unlisted", "html_500", "hang_after", "truncate", "reset_before")
LISTS = ("PollOrders", "ListOrders")
BY_NAME = (*LISTS, "NameOrders")


@dataclass(frozen=True)
class Read:
    """A list or a batch.

    Args:
        make: Makes five hundred orders of which the run reads each; the first is spoiled.
        operations: The requests that the bad order spoils.
        moves: Whether the orders were worked on.
        forms: How it is spoiled.
        pauses: The topic under which it is remembered between its attempts.
    """

    make: Callable[[Bed, int], list[str]]
    operations: tuple[str, ...]
    moves: Callable[[Bed, list[str]], bool]
    forms: tuple[str, ...] = SHOP_FORMS
    pauses: str = ""


def fresh(one: Bed, count: int) -> list[str]:
    return one.place(count)


def placed_hours_ago(one: Bed, count: int) -> list[str]:
    codes = one.place(count, placed_at=one.clock.now())
    one.clock.forward(hours=2)
    return codes


def sent_and_modified(one: Bed, count: int) -> list[str]:
    codes = one.place(count)
    assert one.run().exit_code == 0
    one.clock.forward(minutes=5)
    for code in codes:
        one.shop.state.set_address(one.shop.state.order(code), city="Hamburg")
    return codes


def passed_by(one: Bed, count: int) -> list[str]:
    codes = one.place(count)
    for code in codes:
        one.shop.state.fulfil(one.shop.state.order(code))
    return codes


def parked_by_us(one: Bed, count: int) -> list[str]:
    codes = one.place(count, address={"city": ""})
    one.run()
    for code in codes:
        one.shop.state.order(code).shipping_address["city"] = "Berlin"
    one.clock.forward(hours=2)
    return codes


def all_sent(one: Bed, codes: list[str]) -> bool:
    return one.states(codes) == {"synced"}


def all_told(one: Bed, codes: list[str]) -> bool:
    drifted = {code for kind, code in one.standing() if kind == "order.drift"}
    return drifted >= set(codes)


def all_skipped(one: Bed, codes: list[str]) -> bool:
    return one.states(codes) == {"skipped"}


READS = {
    "the waiting orders": Read(fresh, LISTS, all_sent),
    "the waiting orders, not even named": Read(fresh, BY_NAME, all_sent, FEW),
    "orders in full": Read(fresh, ("ReadOrders",), all_sent, pauses="orders.shop"),
    "parked orders": Read(parked_by_us, ("ReadOrders",), all_sent, FEW, pauses="orders.shop"),
    "changed orders": Read(sent_and_modified, LISTS, all_told, FEW),
    "changed orders in full": Read(
        sent_and_modified, ("CompareOrders",), all_told, pauses="orders.shop"
    ),
    "orders that passed by": Read(passed_by, LISTS, all_skipped, FEW),
    "look-ups before the first send": Read(
        placed_hours_ago, ("GetOrderInfo",), all_sent, LOOK_UP_FORMS, pauses="orders.lookup"
    ),
}
CASES = [
    pytest.param(READS[name], form, id=f"{name}-{form}".replace(" ", "_"))
    for name, form in sample(
        [(name, form) for name, read in READS.items() for form in read.forms], lambda case: case
    )
]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Bed]:
    with bed(tmp_path, "oms") as made:
        made.shop.state.add_variant("MUG", "Mug", 1000, on_hand=1_000_000)
        made.env["VERACORE_SYNC_ORDERS__WORKERS"] = "4"
        made.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
        yield made


def many(form: str) -> int:
    """How many records there are."""
    return MANY if form in (FEW[0], LOOK_UP_FORMS[0]) else SOME


def spoil(one: Bed, read: Read, form: str, code: str) -> None:
    if form in SHOP_FORMS and read.forms is not LOOK_UP_FORMS:
        one.shop.add_faults([form], operations=list(read.operations), order=code)
    else:
        rule = {"kinds": [form], "operations": list(read.operations), "order": code}
        one.control("faults", rule)


@pytest.mark.parametrize(("read", "form"), CASES)
def test_the_others_move_and_the_one_is_named(one: Bed, read: Read, form: str) -> None:
    bad, *good = read.make(one, many(form))
    spoil(one, read, form, bad)
    report = one.run()
    assert report.error is None, report.error
    assert report.exit_code == (3 if read.moves is all_told else 0), report.news[:3]
    assert read.moves(one, good)
    notes = report.document.get("notes", [])
    outcomes = [order for order in report.document["orders"] if order["vendureOrderCode"] == bad]
    named = [note for note in notes if bad in note]
    if named or outcomes:
        assert (len(named), len(outcomes)) in ((1, 0), (0, 1), (1, 1)), (named, outcomes)
    else:
        # Without a name it is told by its place, in each list that has it.
        unnamed = [note for note in notes if "entry" in note]
        assert len(unnamed) == len({note.split(":")[0] for note in unnamed}) > 0, notes
    if read.pauses and form in ("graphql_error_null", "html_500"):
        assert growing(one, read.pauses, bad)


def growing(one: Bed, topic: str, name: str) -> bool:
    """Whether the pauses between its attempts grow, over two hours of runs."""
    tried: list[int] = []
    for _ in range(24):
        one.clock.forward(minutes=5)
        assert one.run().error is None
        with one.parts() as parts:
            row = parts.ledger.unread.of(topic).get(name)
        tried.append(row.tries if row else 0)
    return tried[1] >= 2 and tried[-1] < 12
