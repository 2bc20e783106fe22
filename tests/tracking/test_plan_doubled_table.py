"""Which fulfilments are there twice, and what is done about them: row by row."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from plan_kit import DOUBLE, MUG, N2, TWO, WORDS, P, at, done, intended, left, made, plan, row, slip

TABLE: dict[str, tuple[Callable[[], list[str]], list[str]]] = {
    "a duplicate": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG, left(N2)),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending")],
        ),
        ["undo 1 f2"],
    ),
    "a duplicate that left": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG, left(N2)),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1})],
        ),
        [
            "order.doubled fulfilment f2 (Shipped) has the same u",
            "hold 2 15 a fulfilment exists twice in the shop:",
        ],
    ),
    "a duplicate without a number": (
        lambda: plan(
            slip("1", MUG, left(WORDS)),
            rows=[done("1", intended_at=at(-9), tracking_code=WORDS)],
            made=[made("f1", {"1": 1}, code=WORDS), made("f2", {"1": 1}, "Pending", WORDS)],
        ),
        ["order.doubled fulfilment f2 (Pending) has the same u"],
    ),
    "an accepted duplicate": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG, left(N2)),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1})],
            accepted=[DOUBLE],
        ),
        ["fulfil 2 {'1': 1}"],
    ),
    "no duplicate, it was there before": (
        lambda: plan(
            slip("1", MUG),
            rows=[done("1", intended_at=at(-9), known=("f2",))],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending")],
        ),
        [],
    ),
    "no duplicate, we asked for none": (
        lambda: plan(
            slip("1", MUG),
            rows=[done("1")],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending")],
        ),
        [],
    ),
    "no duplicate, other units": (
        lambda: plan(
            slip("1", MUG),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}), made("f2", {"1": 2}, "Pending")],
        ),
        [],
    ),
    "no duplicate, another code": (
        lambda: plan(
            slip("1", MUG),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending", N2)],
        ),
        [],
    ),
    "no duplicate, perhaps the next slip's": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending")],
        ),
        ["adopt 2 f2"],
    ),
    "no duplicate, perhaps the intent's": (
        lambda: plan(
            slip("1", MUG),
            slip("2", TWO, left(N2)),
            rows=[done("1", intended_at=at(-9)), intended("2", lines={"1": 2})],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending")],
        ),
        [
            "order.pending_by_hand VeraCore shipped 1 x MUG (slip 2), whi",
            "hold 2 15 its units are in fulfilment f2 (Pendin",
        ],
    ),
    "a duplicate beside a handed one": (
        lambda: plan(
            slip("1", MUG),
            slip("2", MUG),
            rows=[done("1", intended_at=at(-9)), row("2", P.HANDED)],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending")],
        ),
        ["undo 1 f2"],
    ),
    "a duplicate beside one that is gone": (
        lambda: plan(
            slip("1", MUG),
            rows=[done("1", intended_at=at(-9)), row("2", tracking_code=None)],
            made=[made("f1", {"1": 1}), made("f2", {"1": 1}, "Pending")],
        ),
        ["undo 1 f2"],
    ),
    "a duplicate of a cancelled one": (
        lambda: plan(
            slip("1", MUG),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}, "Cancelled"), made("f2", {"1": 2}, "Pending")],
        ),
        ["order.unfulfilled 1 the fulfilment of slip 1 was cance"],
    ),
    "no duplicate, the other was cancelled": (
        lambda: plan(
            slip("1", MUG),
            rows=[done("1", intended_at=at(-9))],
            made=[made("f1", {"1": 1}, "Cancelled"), made("f2", {"1": 1}, "Pending")],
        ),
        [],
    ),
    "a duplicate without a code": (
        lambda: plan(
            slip("1", MUG, left(" ")),
            rows=[done("1", intended_at=at(-9), tracking_code=None)],
            made=[made("f1", {"1": 1}, code=""), made("f2", {"1": 1}, "Pending", "")],
        ),
        ["order.doubled fulfilment f2 (Pending) has the same u"],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_fulfilments_that_are_there_twice(name: str) -> None:
    planned, expected = TABLE[name]
    assert planned() == expected
