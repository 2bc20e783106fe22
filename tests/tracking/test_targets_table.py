"""Which orders a run looks up, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import START

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.tracking.days import Days
from veracore_sync.jobs.tracking.targets import WATCHED, WORKABLE, Targets
from veracore_sync.jobs.tracking.window import Listed

DAYS = Days(date(2026, 3, 10), date(2026, 3, 14))
DAY = "2026-03-11"


@dataclass
class Known:
    """What a ledger knows, as far as the choice asks for it; an order has its code as its id."""

    states: Mapping[str, OrderState]
    due_now: Sequence[str] = ()
    shipping: Sequence[str] = ()
    complete: Sequence[str] = ()
    seen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    asked_since: list[str] = field(default_factory=list)

    def row(self, code: str) -> OrderRow:
        row = fresh_row(code, f"id-{code}", to_text(START))
        return replace(row, state=self.states[code], veracore_id=code)

    def held(self, codes: Sequence[str]) -> dict[str, OrderRow]:
        return {code: self.row(code) for code in codes if code in self.states}

    def at_warehouse(self, ids: Sequence[str]) -> dict[str, OrderRow]:
        by_id = {code.casefold(): code for code in self.states}
        return {one: self.row(by_id[one]) for one in ids if one in by_id}

    def due(self) -> list[str]:
        return list(self.due_now)

    def longest_unseen(self, limit: int, *, complete: bool) -> list[str]:
        return list(self.complete if complete else self.shipping)[:limit]

    def listed_since(self, day: str) -> list[Any]:
        self.asked_since.append(day)
        return [SimpleNamespace(veracore_id=id, rows=rows) for id, rows in self.seen.items()]

    def tracked(self, veracore_id: str) -> Any:
        rows = self.seen.get(veracore_id)
        return None if rows is None else SimpleNamespace(rows=rows)


def choice(
    known: Known,
    listed: Mapping[str, Mapping[str, str]] | None = None,
    *,
    others: int = 0,
    last: Sequence[str] = (),
) -> Targets:
    ledger: Any = SimpleNamespace(orders=known, shipments=known)
    found = {id.casefold(): Listed(id, id, dict(rows)) for id, rows in (listed or {}).items()}
    return Targets(ledger, found, None if listed is None else DAYS, others, last)


def codes(chosen: Targets) -> list[str]:
    return [row.code for row in chosen.orders()]


def several(letter: str, count: int) -> list[str]:
    return [f"{letter}{at}" for at in range(count)]


def synced(*names: str) -> dict[str, OrderState]:
    return dict.fromkeys(names, OrderState.SYNCED)


def test_the_states_that_are_watched() -> None:
    assert " ".join(WORKABLE) == "synced shipped"
    assert " ".join(WATCHED) == "synced shipped cancelled"
    for state in OrderState:
        known = Known({"A": state}, due_now=["A"])
        is_watched = state in WATCHED
        assert codes(choice(known)) == (["A"] if is_watched else [])
        assert codes(choice(Known({"A": state}), {"A": {"x": DAY}})) == (
            ["A"] if is_watched else []
        )


@pytest.mark.parametrize(
    ("listed", "seen", "expected"),
    [
        ({"A": {"x": DAY}}, {}, ["A"]),
        ({"A": {"x": DAY}}, {"A": {"x": DAY}}, []),
        ({"A": {"x": DAY, "y": DAY}}, {"A": {"x": DAY}}, ["A"]),
        # gone from the list, also as a whole
        ({"A": {}}, {"A": {"x": DAY}}, ["A"]),
        ({}, {"A": {"x": DAY}}, ["A"]),
        ({}, {}, []),
        # ids are compared without case; an order that is not ours is nobody's target
        ({"a": {"x": DAY}}, {"A": {"x": DAY}}, []),
        ({"a": {"x": DAY}, "Z": {"x": DAY}}, {}, ["A"]),
        # nothing was listed
        (None, {"A": {"x": DAY}}, []),
    ],
)
def test_what_is_listed_otherwise_than_before(
    listed: Mapping[str, Mapping[str, str]] | None,
    seen: Mapping[str, Mapping[str, str]],
    expected: list[str],
) -> None:
    known = Known(synced("A"), seen=seen)
    assert codes(choice(known, listed)) == expected
    assert known.asked_since == ([] if listed is None else ["2026-03-10"])


def test_the_most_urgent_come_first_and_each_comes_once() -> None:
    known = Known(
        synced("LISTED", "DUE", "BOTH", "UNSEEN", "DONE", "BAD", "WORSE"),
        due_now=["DUE", "BOTH", "BAD"],
        shipping=["LISTED", "DUE", "BAD", "WORSE", "UNSEEN"],
        complete=["BOTH", "WORSE", "DONE"],
    )
    listed = {"LISTED": {"x": DAY}, "BOTH": {"x": DAY}}
    found = codes(choice(known, listed, others=9, last=["BAD", "UNKNOWN", "WORSE"]))
    assert found == ["LISTED", "BOTH", "DUE", "UNSEEN", "DONE", "BAD", "WORSE"]


def test_of_bad_records_twenty_are_looked_up() -> None:
    bad = several("B", 25)
    assert codes(choice(Known(synced(*bad)), last=bad)) == bad[:20]
    # Those beyond are left for another run, also if they are due.
    assert codes(choice(Known(synced(*bad), due_now=bad), last=bad)) == bad[:20]


@pytest.mark.parametrize(
    ("others", "shipping", "complete", "taken"),
    [
        # a fifth for those that VeraCore has completed, at least one
        (10, 50, 50, (8, 2)),
        (5, 50, 50, (4, 1)),
        (9, 50, 50, (8, 1)),
        (4, 50, 50, (3, 1)),
        (2, 50, 50, (1, 1)),
        # the only one is not theirs
        (1, 50, 50, (1, 0)),
        (1, 0, 50, (0, 1)),
        (0, 50, 50, (0, 0)),
        # what one part does not need the other has
        (10, 50, 1, (9, 1)),
        (10, 50, 0, (10, 0)),
        (10, 3, 50, (3, 7)),
        (10, 0, 50, (0, 10)),
        (10, 2, 3, (2, 3)),
    ],
)
def test_the_longest_unseen(
    others: int, shipping: int, complete: int, taken: tuple[int, int]
) -> None:
    waiting, done = several("S", shipping), several("C", complete)
    known = Known(synced(*waiting, *done), shipping=waiting, complete=done)
    assert codes(choice(known, others=others)) == waiting[: taken[0]] + done[: taken[1]]
    # Those that are looked up anyway take no place.
    urgent = Known(synced(*waiting, *done, "X"), ["X"], ["X", *waiting], ["X", *done])
    assert codes(choice(urgent, others=others)) == [
        "X",
        *waiting[: taken[0]],
        *done[: taken[1]],
    ]


@pytest.mark.parametrize(
    ("listed", "seen", "kept"),
    [
        ({"A": {"x": DAY}}, {}, {"x": DAY}),
        ({"a": {"x": DAY}}, {"A": {"y": DAY}}, {"x": DAY}),
        ({}, {"A": {"x": DAY, "old": "2026-03-09"}}, {"old": "2026-03-09"}),
        ({}, {}, {}),
        (None, {"A": {"x": DAY}}, None),
    ],
)
def test_what_is_remembered_of_the_list(
    listed: Mapping[str, Mapping[str, str]] | None,
    seen: Mapping[str, Mapping[str, str]],
    kept: Mapping[str, str] | None,
) -> None:
    assert choice(Known(synced("A"), seen=seen), listed).rows_to_keep("A") == kept
