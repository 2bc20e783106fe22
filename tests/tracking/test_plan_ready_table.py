"""What is done about slips that are ready, and about the end of an order: row by row."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from plan_kit import MUG, N2, THREE, TWO, WORDS, P, at, done, intended, left, made, plan, row, slip

TABLE: dict[str, tuple[Callable[[], list[str]], list[str]]] = {
    "added": (
        lambda: plan(
            slip("1", MUG),
            rows=[row("1", P.ADDED, fulfilment_id="f1")],
            made=[made("f1", {"1": 1}, "Pending")],
        ),
        ["adopt 1 f1"],
    ),
    "added, and cancelled": (
        lambda: plan(
            slip("1", MUG),
            rows=[row("1", P.ADDED, fulfilment_id="f1")],
            made=[made("f1", {"1": 1}, "Cancelled")],
        ),
        ["order.unfulfilled 1 the fulfilment of slip 1 was cance"],
    ),
    "added, and the order is cancelled": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG),
            slip("3", MUG),
            rows=[
                row("1", P.ADDED, fulfilment_id="f1"),
                row("2", P.HANDED),
                row("3", P.ADDED, fulfilment_id="f3"),
            ],
            state="Cancelled",
        ),
        [
            "order.shipped_cancelled 1 VeraCore shipped slip 2, 1 althoug",
            "order.shipped_cancelled 3 VeraCore shipped slip 2, 1, 3 alth",
        ],
    ),
    "made after all, and counted once": (
        lambda: plan(
            slip("1", TWO),
            slip("2", MUG, left(N2)),
            rows=[intended()],
            made=[made("f9", {"1": 1})],
            ordered=[("MUG", 5)],
        ),
        ["adopt 1 f9", "fulfil 2 {'1': 2}"],
    ),
    "made after all": (
        lambda: plan(slip("1", MUG), rows=[intended()], made=[made("f9", {"1": 1}, "Pending")]),
        ["adopt 1 f9"],
    ),
    "made after all without a code": (
        lambda: plan(
            slip("1", MUG, left(" ")),
            rows=[intended(tracking_code=None)],
            made=[made("f9", {"1": 1}, code="")],
        ),
        ["adopt 1 f9"],
    ),
    "intended, and another code is there": (
        lambda: plan(slip("1", MUG), rows=[intended()], made=[made("h", {"1": 1}, code="x")]),
        ["fulfil 1 {'1': 1}"],
    ),
    "intended, and other units are there": (
        lambda: plan(slip("1", MUG), rows=[intended()], made=[made("h", {"1": 2})]),
        ["fulfil 1 {'1': 1}"],
    ),
    "intended just now": (
        lambda: plan(slip("1", MUG), slip("2", MUG, left(N2)), rows=[intended(ago=2)]),
        [
            "hold 1 3 the shop may still be adding a fulfilm",
            "hold 2 3 the shop may still be adding a fulfilm",
        ],
    ),
    "intended just now, and the same was there before": (
        lambda: plan(
            slip("1", MUG), rows=[intended(ago=2, known=("h",))], made=[made("h", {"1": 1})]
        ),
        ["hold 1 3 the shop may still be adding a fulfilm"],
    ),
    "two intended just now": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG, left(N2)),
            rows=[intended(ago=2), intended("2", 3, tracking_code=N2)],
        ),
        [
            "hold 1 3 the shop may still be adding a fulfilm",
            "hold 2 3 the shop may still be adding a fulfilm",
        ],
    ),
    "intended just now, and made": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG, left(N2)),
            rows=[intended(ago=2)],
            made=[made("f9", {"1": 1})],
        ),
        ["adopt 1 f9", "fulfil 2 {'1': 1}"],
    ),
    "intended by a wrong clock": (
        lambda: plan(slip("1", MUG), rows=[intended(ago=-60)]),
        ["fulfil 1 {'1': 1}"],
    ),
    "intended at an unknown time": (
        lambda: plan(slip("1", MUG), rows=[intended(intended_at=None)]),
        ["fulfil 1 {'1': 1}"],
    ),
    "fulfilled just now, and gone": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG, left(N2)),
            rows=[done(intended_at=at(-2))],
            made=[made("f1", {"1": 1}, "Cancelled")],
        ),
        ["order.unfulfilled 1 the fulfilment of slip 1 was cance", "fulfil 2 {'1': 1}"],
    ),
    "adopted by its number": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG, left(N2)),
            made=[made("x", {"1": 1}, code="x"), made("h", {"1": 1}, "Pending")],
        ),
        ["adopt 1 h", "fulfil 2 {'1': 1}"],
    ),
    "adopted by words": (
        lambda: plan(slip("1", MUG, left(WORDS)), made=[made("h", {"1": 1}, code=WORDS)]),
        ["adopt 1 h"],
    ),
    "words of an unfinished one": (
        lambda: plan(
            slip("1", MUG, left(WORDS)),
            made=[made("h", {"1": 1}, "Pending", WORDS)],
            ordered=[("MUG", 1)],
        ),
        [
            "order.pending_by_hand VeraCore shipped 1 x MUG (slip 1), whi",
            "hold 1 15 its units are in fulfilment h (Pending",
        ],
    ),
    "words, unfinished and finished": (
        lambda: plan(
            slip("1", MUG, left(WORDS)),
            made=[made("g", {"1": 1}, "Pending", WORDS), made("h", {"1": 1}, code=WORDS)],
        ),
        ["adopt 1 h"],
    ),
    "adopted, and counted": (
        lambda: plan(slip("1", TWO), slip("2", TWO, left(N2)), made=[made("h", {"1": 2})]),
        ["adopt 1 h", "order.beyond VeraCore shipped 1 x MUG more than was", "fulfil 2 {'1': 1}"],
    ),
    "other units of the same number": (
        lambda: plan(slip("1", TWO), made=[made("h", {"1": 1})]),
        ["fulfil 1 {'1': 2}"],
    ),
    "nothing shows what left": (
        lambda: plan(slip("1", None), made=[made("h", {"1": 2})], held=None, complete=True),
        ["adopt 1 h", "order.short_shipped VeraCore completed it, and shows no pa"],
    ),
    "nothing shows what left, and words": (
        lambda: plan(
            slip("1", None, left(WORDS)),
            made=[made("h", {"1": 2}, code=WORDS)],
            held=None,
            complete=True,
        ),
        ["fulfil 1 {'1': 1}"],
    ),
    "the record shows what left": (
        lambda: plan(slip("1", None), made=[made("h", {"1": 2})], complete=True),
        ["fulfil 1 {'1': 1}"],
    ),
    "the slip shows what left": (
        lambda: plan(slip("1", MUG), made=[made("h", {"1": 2})], held=None),
        ["fulfil 1 {'1': 1}"],
    ),
    "the order is being modified": (
        lambda: plan(slip("1", MUG), state="Modifying"),
        ["hold 1 15 the order is in Modifying in the shop"],
    ),
    "the order is being modified, and nothing is left": (
        lambda: plan(slip("1", MUG), state="Modifying", made=[made("h", {"1": 3}, code="x")]),
        ["covered 1"],
    ),
    "the order has shipped": (
        lambda: plan(slip("1", MUG), state="Shipped", made=[made("h", {"1": 3}, code="x")]),
        ["covered 1"],
    ),
    "the order is cancelled": (
        lambda: plan(slip("1", MUG), state="Cancelled", complete=True),
        ["order.shipped_cancelled 1 VeraCore shipped slip 1 although t", "close False"],
    ),
    "the order is cancelled, and another slip waits": (
        lambda: plan(slip("1", MUG, odd="odd"), slip("2", MUG), state="Cancelled"),
        [
            "hold 1 15 it cannot be read: odd",
            "order.shipped_cancelled 2 VeraCore shipped slip 2 although t",
        ],
    ),
    "set aside": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG),
            made=[made("g", {"2": 1}, "Pending", ""), made("h", {"1": 1}, "Pending", "")],
            ordered=[("MUG", 1), ("TEE", 1)],
        ),
        [
            "order.pending_by_hand VeraCore shipped 1 x MUG (slip 1), whi",
            "hold 1 15 its units are in fulfilment h (Pending",
            "order.pending_by_hand VeraCore shipped 1 x MUG (slip 2), whi",
            "hold 2 15 its units are in fulfilment h (Pending",
        ],
    ),
    "set aside, and accepted": (
        lambda: plan(
            slip("1", MUG),
            made=[made("h", {"1": 1}, "Pending", "")],
            ordered=[("MUG", 1)],
            accepted=["other", "in fulfilment h (Pending): x"],
        ),
        ["covered 1"],
    ),
    "set aside, and another accepted": (
        lambda: plan(
            slip("1", MUG),
            made=[made("h", {"1": 1}, "Pending", "")],
            ordered=[("MUG", 1)],
            accepted=["in fulfilment g (Pending): x"],
        ),
        [
            "order.pending_by_hand VeraCore shipped 1 x MUG (slip 1), whi",
            "hold 1 15 its units are in fulfilment h (Pending",
        ],
    ),
    "set aside of other units": (
        lambda: plan(
            slip("1", MUG),
            made=[made("h", {"2": 1}, "Pending", "")],
            ordered=[("MUG", 1), ("TEE", 1)],
        ),
        ["fulfil 1 {'1': 1}"],
    ),
    "set aside beside its own": (
        lambda: plan(slip("1", MUG), made=[made("h", {"1": 1}, "Pending", "")]),
        ["fulfil 1 {'1': 1}"],
    ),
    "finished by hand": (
        lambda: plan(slip("1", MUG), made=[made("h", {"1": 1}, code="")], ordered=[("MUG", 1)]),
        ["covered 1", "end"],
    ),
    "set aside of what nobody knows": (
        lambda: plan(
            slip("1", None), made=[made("h", {"1": 1}, "Pending", "")], held=None, complete=True
        ),
        ["fulfil 1 {'1': 2}"],
    ),
    "set aside, and nothing else is left": (
        lambda: plan(
            slip("1", None), made=[made("h", {"1": 3}, "Pending", "")], held=None, complete=True
        ),
        [
            "order.pending_by_hand VeraCore shipped 3 x MUG (slip 1), whi",
            "hold 1 15 its units are in fulfilment h (Pending",
        ],
    ),
    "products of no line": (
        lambda: plan(slip("1", {"PEN": 1})),
        ["hold 1 None its products match no line of the orde"],
    ),
    "products of no line, with units from before": (
        lambda: plan(
            slip("1", TWO),
            slip("2", {"PEN": 1}, left(N2)),
            rows=[done()],
            made=[made("f1", {"1": 1})],
        ),
        ["fulfil 2 {'1': 1}"],
    ),
    "beyond": (
        lambda: plan(slip("1", {"MUG": 5})),
        ["order.beyond VeraCore shipped 2 x MUG more than was", "fulfil 1 {'1': 3}"],
    ),
    "cancelled, open": (lambda: plan(rows=[], state="Cancelled"), []),
    "cancelled, complete": (
        lambda: plan(
            slip("1", MUG),
            rows=[done()],
            made=[made("f1", {"1": 1})],
            state="Cancelled",
            complete=True,
        ),
        ["close False"],
    ),
    "short": (
        lambda: plan(slip("1", MUG), rows=[done()], made=[made("f1", {"1": 1})], complete=True),
        ["order.short_shipped VeraCore completed it without 2 x MUG:"],
    ),
    "not complete, and cut": (
        lambda: plan(slip("1", MUG), rows=[done()], made=[made("f1", {"1": 1})], cut=True),
        [],
    ),
    "not complete": (lambda: plan(slip("1", MUG), rows=[done()], made=[made("f1", {"1": 1})]), []),
    "short of one that left": (
        lambda: plan(
            slip("1", MUG),
            rows=[done()],
            made=[made("f1", {"1": 1})],
            complete=True,
            state="Shipped",
        ),
        [],
    ),
    "short, of one line": (
        lambda: plan(
            slip("1", MUG),
            rows=[done()],
            made=[made("f1", {"1": 1})],
            ordered=[("MUG", 1), ("TEE", 1)],
            complete=True,
        ),
        ["order.short_shipped VeraCore completed it without 1 x TEE:"],
    ),
    "hangs": (
        lambda: plan(
            slip("1", THREE),
            rows=[done(lines={"1": 3})],
            made=[made("f0", {"1": 1}, "Cancelled"), made("f1", {"1": 3})],
        ),
        ["end"],
    ),
    "hangs by a pending one": (
        lambda: plan(
            slip("1", TWO),
            rows=[done(lines={"1": 2})],
            made=[made("f1", {"1": 2}), made("h", {"1": 1}, "Pending", "")],
        ),
        [],
    ),
    "hangs not": (
        lambda: plan(
            slip("1", THREE),
            rows=[done(lines={"1": 3})],
            made=[made("f1", {"1": 3})],
            state="Modifying",
        ),
        [],
    ),
    "nothing was ordered": (lambda: plan(ordered=[("MUG", 0)]), []),
    "held up": (
        lambda: plan(
            slip("1", TWO),
            slip("2", MUG, odd="odd"),
            rows=[done(lines={"1": 3})],
            made=[made("f1", {"1": 3})],
        ),
        ["hold 2 15 it cannot be read: odd"],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_slips_that_are_ready(name: str) -> None:
    planned, expected = TABLE[name]
    assert planned() == expected
