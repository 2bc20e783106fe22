"""What is done about slips that are finished, gone, or not ready: row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from plan_kit import (
    MUG,
    N2,
    PACKED,
    TWO,
    VOID,
    WORDS,
    P,
    at,
    done,
    intended,
    left,
    lines_of,
    made,
    plan,
    row,
    slip,
)

from veracore_sync.domain.warehouse import Shipment
from veracore_sync.jobs.tracking.slips import EXCLUDED, REST


def beside_what_is_excluded(**more: Any) -> list[str]:
    """A slip has left and is fulfilled, and a unit that VeraCore never has is open."""
    return plan(
        slip("1", MUG),
        rows=[done()],
        made=[made("f1", {"1": 1})],
        ordered=[("MUG", 1), ("GIFT", 1)],
        held={"MUG": 1},
        **more,
    )


TABLE: dict[str, tuple[Callable[[], list[str]], list[str]]] = {
    "counted": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG),
            rows=[intended("1"), done("2", "f2")],
            made=[made("f2", {"1": 1})],
        ),
        ["fulfil 1 {'1': 1}"],
    ),
    "claimed though unreadable": (
        lambda: plan(
            slip("1", MUG, odd="odd"),
            slip("2", MUG),
            rows=[intended("1"), intended("2")],
            made=[made("f9", {"1": 1})],
        ),
        ["hold 1 15 it cannot be read: odd", "fulfil 2 {'1': 1}"],
    ),
    "covered by what cannot be read": (
        lambda: plan(slip("1", MUG, odd="odd"), slip("2", MUG), rows=[row("1", P.COVERED)]),
        ["hold 2 15 it cannot be read: another slip's data"],
    ),
    "fulfilled and unreadable now": (
        lambda: plan(
            slip("1", MUG, odd="odd"), slip("2", MUG), rows=[done("1")], made=[made("f1", {"1": 1})]
        ),
        ["fulfil 2 {'1': 1}"],
    ),
    "unreadable": (lambda: plan(slip("1", MUG, odd="odd")), ["hold 1 15 it cannot be read: odd"]),
    "covered": (
        lambda: plan(
            slip("1", TWO),
            slip("2", MUG),
            rows=[row("1", P.COVERED)],
            made=[made("h", {"1": 2}, code="by hand")],
        ),
        ["fulfil 2 {'1': 1}"],
    ),
    "covered with a part of a kit": (
        lambda: plan(
            slip("1", {"CUP": 1}),
            slip("2", {"LID": 1}),
            rows=[row("1", P.COVERED)],
            ordered=[("BOX", 1)],
        ),
        ["fulfil 2 {'1': 1}"],
    ),
    "covered with a part of a kit that the shop cancelled": (
        lambda: plan(
            slip("1", {"CUP": 1}),
            slip("2", {"CUP": 1, "LID": 1}),
            slip("3", {"MUG": 1}),
            rows=[row("1", P.COVERED), done("2"), row("3", P.COVERED)],
            made=[made("f1", {"1": 1}), made("h", {"2": 1}, code="by hand")],
            ordered=[("BOX", 1), ("MUG", 1)],
            state="Cancelled",
            complete=True,
            cut=True,
        ),
        ["order.shipped_cancelled 1 VeraCore shipped slip 1 although t", "close False"],
    ),
    "covered with a part of a kit, and void since": (
        lambda: plan(
            slip("1", {"CUP": 1}, VOID),
            slip("2", {"CUP": 1}),
            rows=[row("1", P.COVERED), row("2", P.COVERED)],
            ordered=[("BOX", 1)],
            state="Cancelled",
            complete=True,
            cut=True,
        ),
        ["order.shipped_cancelled 2 VeraCore shipped slip 2 although t", "close False"],
    ),
    "covered with a part of a kit whose other part is void": (
        lambda: plan(
            slip("1", {"LID": 1}, VOID),
            slip("2", {"CUP": 1}),
            rows=[row("1", P.COVERED), row("2", P.COVERED)],
            ordered=[("BOX", 1)],
            state="Cancelled",
            complete=True,
            cut=True,
        ),
        ["order.shipped_cancelled 2 VeraCore shipped slip 2 although t", "close False"],
    ),
    "covered with all parts of a kit that the shop cancelled": (
        lambda: plan(
            slip("1", {"CUP": 1}),
            slip("2", {"LID": 1}),
            rows=[row("1", P.COVERED), done("2")],
            made=[made("f1", {"1": 1}, "Cancelled")],
            ordered=[("BOX", 1)],
            state="Cancelled",
            complete=True,
        ),
        ["close False"],
    ),
    "covered and gone": (
        lambda: plan(slip("2", MUG), rows=[row("1", P.COVERED)]),
        ["fulfil 2 {'1': 1}"],
    ),
    "fulfilled and gone": (
        lambda: plan(slip("2", None), rows=[done("1")], made=[made("f1", {"1": 1})], complete=True),
        ["fulfil 2 {'1': 2}"],
    ),
    "handed": (
        lambda: plan(slip("1", None), slip("2", None), rows=[row("1", P.HANDED)], complete=True),
        ["covered 2"],
    ),
    "cancelled in the shop": (
        lambda: plan(
            slip("1", None),
            slip("2", None),
            rows=[done("1")],
            made=[made("f1", {"1": 1}, "Cancelled")],
            complete=True,
        ),
        ["order.unfulfilled 1 the fulfilment of slip 1 was cance", "covered 2"],
    ),
    "an intent that is over": (
        lambda: plan(
            slip("1", MUG, left(WORDS)),
            rows=[row("1", lines={"1": 1}, tracking_code=WORDS)],
            made=[made("h", {"1": 1}, "Pending", WORDS)],
            ordered=[("MUG", 1)],
        ),
        [
            "order.pending_by_hand VeraCore shipped 1 x MUG (slip 1), whi",
            "hold 1 15 its units are in fulfilment h (Pending",
        ],
    ),
    "cancelled is none to adopt": (
        lambda: plan(slip("1", MUG), made=[made("h", {"1": 1}, "Cancelled")]),
        ["fulfil 1 {'1': 1}"],
    ),
    "two intents, one answer": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG),
            rows=[intended("1"), intended("2")],
            made=[made("f9", {"1": 1}), made("f8", {"1": 1}, "Pending")],
        ),
        ["adopt 1 f9", "adopt 2 f8"],
    ),
    "gone": (
        lambda: plan(rows=[row("1"), row("2", P.DONE), row("3", P.ADDED), row(REST)]),
        ["hold 1 None VeraCore no longer lists it", "hold 3 None VeraCore no longer lists it"],
    ),
    "relabelled": (
        lambda: plan(slip("1", MUG, left(N2)), rows=[done()], made=[made("f1", {"1": 1})]),
        ["correct 1 1Z999AA10123451 1Z999AA10123452"],
    ),
    "void after all": (
        lambda: plan(slip("1", MUG, VOID), rows=[done()], made=[made("f1", {"1": 1})]),
        ["order.voided 1 all labels of slip 1 are void, but"],
    ),
    "without packages since": (
        lambda: plan(Shipment("1", lines_of(MUG), ()), rows=[done()], made=[made("f1", {"1": 1})]),
        [],
    ),
    "without a code": (
        lambda: plan(
            slip("1", MUG, left(" ")), rows=[done(tracking_code=None)], made=[made("f1", {"1": 1})]
        ),
        [],
    ),
    "covered and relabelled": (
        lambda: plan(slip("1", MUG, left(N2)), rows=[row("1", P.COVERED)]),
        [],
    ),
    "fulfilled by a version that kept no id": (
        lambda: plan(slip("1", MUG), rows=[done("1", None)]),
        [],
    ),
    "its fulfilment was cancelled": (
        lambda: plan(slip("1", MUG), rows=[done()], made=[made("f1", {"1": 1}, "Cancelled")]),
        ["order.unfulfilled 1 the fulfilment of slip 1 was cance"],
    ),
    "and replaced": (
        lambda: plan(
            slip("1", MUG),
            rows=[done()],
            made=[
                made("f1", {"1": 1}, "Cancelled"),
                made("x", {"1": 2}, code="z"),
                made("h", {"1": 1}, code="x"),
            ],
            ordered=[("MUG", 5)],
        ),
        [],
    ),
    "and nothing is left": (
        lambda: plan(
            slip("1", MUG),
            rows=[done()],
            made=[made("f1", {"1": 1}, "Cancelled"), made("h", {"1": 3}, code="x")],
        ),
        ["end"],
    ),
    "and the order has shipped": (
        lambda: plan(
            slip("1", MUG), rows=[done()], made=[made("f1", {"1": 1}, "Cancelled")], state="Shipped"
        ),
        [],
    ),
    "and the order is cancelled": (
        lambda: plan(
            slip("1", MUG),
            rows=[done()],
            made=[made("f1", {"1": 1}, "Cancelled")],
            state="Cancelled",
        ),
        [],
    ),
    "it failed": (
        lambda: plan(slip("1", MUG), rows=[row("1", tries=1, next_attempt_at=at(10), reason="no")]),
        ["hold 1 10 no"],
    ),
    "it failed without a reason": (
        lambda: plan(slip("1", MUG), rows=[row("1", tries=1, next_attempt_at=at(10))]),
        ["hold 1 10 it failed"],
    ),
    "it failed, and is due": (
        lambda: plan(slip("1", MUG), rows=[row("1", tries=1, next_attempt_at=at(0))]),
        ["fulfil 1 {'1': 1}"],
    ),
    "it failed by a wrong clock": (
        lambda: plan(slip("1", MUG), rows=[row("1", tries=1, next_attempt_at=at(60 * 24 + 1))]),
        ["fulfil 1 {'1': 1}"],
    ),
    "it never failed": (
        lambda: plan(slip("1", MUG), rows=[row("1", next_attempt_at=at(10))]),
        ["fulfil 1 {'1': 1}"],
    ),
    "it failed at an unknown time": (
        lambda: plan(slip("1", MUG), rows=[row("1", tries=1, next_attempt_at=None)]),
        ["fulfil 1 {'1': 1}"],
    ),
    "packed": (
        lambda: plan(slip("1", MUG, PACKED)),
        ["hold 1 None a package is packed and has not left"],
    ),
    "an intent waits for no label": (
        lambda: plan(slip("1", MUG, PACKED), rows=[intended()]),
        ["fulfil 1 {'1': 1}"],
    ),
    "void is not waited for": (
        lambda: plan(slip("1", None, VOID), slip("2", None), complete=True),
        ["hold 1 None all of its labels are void", "fulfil 2 {'1': 3}"],
    ),
    "packed is waited for": (
        lambda: plan(
            slip("1", None, PACKED), slip("2", None, VOID), slip("3", None), complete=True
        ),
        [
            "hold 1 None a package is packed and has not left",
            "hold 2 None all of its labels are void",
            "covered 3",
        ],
    ),
    "the last one takes the rest": (
        lambda: plan(slip("1", None), slip("2", None), complete=True),
        ["covered 1", "fulfil 2 {'1': 3}"],
    ),
    "excluded first": (
        lambda: plan(
            slip("1", None),
            rows=[row("1"), intended(EXCLUDED, lines={"2": 1})],
            ordered=[("MUG", 3), ("GIFT", 1)],
            held={"MUG": 3},
            complete=True,
        ),
        ["fulfil excluded {'2': 1}", "fulfil 1 {'1': 3}"],
    ),
    "excluded waits": (
        lambda: plan(
            slip("1", MUG),
            rows=[row(EXCLUDED), row("1")],
            ordered=[("MUG", 1), ("GIFT", 1)],
            held={"MUG": 1},
        ),
        ["fulfil 1 {'1': 1}"],
    ),
    "excluded last": (
        lambda: plan(
            slip("1", MUG),
            rows=[done(), row(EXCLUDED)],
            made=[made("f1", {"1": 1})],
            ordered=[("MUG", 1), ("GIFT", 1)],
            held={"MUG": 1},
            fulfils_excluded=True,
        ),
        ["fulfil excluded {'2': 1}"],
    ),
    "excluded, never made": (
        lambda: beside_what_is_excluded(
            fulfils_excluded=True,
        ),
        ["fulfil excluded {'2': 1}"],
    ),
    "excluded failed": (
        lambda: plan(
            slip("1", MUG),
            rows=[done(), row(EXCLUDED, tries=1, next_attempt_at=at(5))],
            made=[made("f1", {"1": 1})],
            ordered=[("MUG", 1), ("GIFT", 1)],
            held={"MUG": 1},
            fulfils_excluded=True,
        ),
        [],
    ),
    "excluded is the shop's": (
        beside_what_is_excluded,
        ["close True"],
    ),
    "excluded, and nobody may": (
        lambda: beside_what_is_excluded(
            state="Modifying",
        ),
        [],
    ),
    "excluded, and it has left": (
        lambda: beside_what_is_excluded(
            state="Shipped",
        ),
        [],
    ),
    "excluded, and it is sent in that state": (
        lambda: beside_what_is_excluded(
            state="Shipped",
            states=frozenset({"Shipped"}),
        ),
        [],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_slips_that_are_not_planned_anew(name: str) -> None:
    planned, expected = TABLE[name]
    assert planned() == expected
