"""Which listed receipts are new: a table, and a property over any lists with overlaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.returns import ReceiptRow, ReturnedRow
from veracore_sync.domain.states import NoteState
from veracore_sync.jobs.returns.plan import (
    by_key,
    event_data,
    is_about,
    mark_of,
    new_receipts,
    note_text,
)

CHICAGO = ZoneInfo("America/Chicago")
NOON = datetime(2026, 2, 6, 18, tzinfo=UTC)
ONE = ReturnedRow("WEB-1", "R-1", "601", "MUG", 1, NOON, disposition="Return to Stock")
ANOTHER = replace(ONE, product="TEE")
SCRAP = replace(ONE, disposition="Scrap")
NOTED = ReceiptRow(
    7,
    "34971eb088f33506f51d7b81",
    1,
    "WEB-1",
    "601",
    "MUG",
    2,
    "2026-02-06",
    "Scrap",
    NoteState.WANTED,
    0,
    None,
)


def new(
    listed: list[ReturnedRow], before: list[ReturnedRow], forgotten_to: str = ""
) -> list[ReturnedRow]:
    known: dict[str, list[str]] = {
        key: [one.details for one in receipts] for key, receipts in by_key(before, CHICAGO).items()
    }
    found = new_receipts(by_key(listed, CHICAGO), known, forgotten_to)
    return [one.row for one in found]


@pytest.mark.parametrize(
    ("listed", "before", "expected"),
    [
        ([], [], []),
        ([ONE], [], [ONE]),
        ([ONE], [ONE], []),
        ([ONE, ONE], [], [ONE, ONE]),
        ([ONE, ONE], [ONE], [ONE]),
        ([ONE], [ONE, ONE], []),
        ([], [ONE], []),
        ([ONE, ANOTHER], [ONE], [ANOTHER]),
        # Evaluated afterwards: the same receipt.
        ([SCRAP], [ONE], []),
        ([replace(ONE, product_reason="DMG", reference="")], [ONE], []),
        # Two that agree, and differ in what became of them.
        ([SCRAP, ONE], [ONE], [SCRAP]),
        ([ONE, SCRAP], [SCRAP], [ONE]),
        ([ONE, SCRAP], [ONE], [SCRAP]),
        ([ONE, ONE, SCRAP], [ONE, ONE], [SCRAP]),
        ([ONE, ONE, SCRAP], [ONE], [ONE, SCRAP]),
        # None of the details is as it was: the first.
        ([SCRAP, ONE], [replace(ONE, disposition="Quarantine")], [SCRAP]),
        # Fewer than before, and evaluated.
        ([SCRAP, SCRAP], [ONE, ONE, ONE], []),
        # Ids and products are compared without case.
        ([replace(ONE, order_id="web-1", product="mug")], [ONE], []),
        # What makes it another receipt.
        ([replace(ONE, order_id="WEB-2")], [ONE], [replace(ONE, order_id="WEB-2")]),
        ([replace(ONE, slip="602")], [ONE], [replace(ONE, slip="602")]),
        ([replace(ONE, quantity=2)], [ONE], [replace(ONE, quantity=2)]),
        ([replace(ONE, variation="L")], [ONE], [replace(ONE, variation="L")]),
        (
            [replace(ONE, returned_at=NOON + timedelta(seconds=1))],
            [ONE],
            [replace(ONE, returned_at=NOON + timedelta(seconds=1))],
        ),
    ],
)
def test_the_table(
    listed: list[ReturnedRow], before: list[ReturnedRow], expected: list[ReturnedRow]
) -> None:
    assert new(listed, before) == expected


@pytest.mark.parametrize(("forgotten_to", "count"), [("2026-02-05", 1), ("2026-02-06", 0)])
def test_what_was_pruned_is_not_new(forgotten_to: str, count: int) -> None:
    assert len(new([ONE], [], forgotten_to)) == count


def test_the_day_is_the_warehouses() -> None:
    late = replace(ONE, returned_at=datetime(2026, 2, 7, 3, tzinfo=UTC))
    [[receipt]] = by_key([late], CHICAGO).values()
    assert receipt.day == "2026-02-06"


def test_a_corrected_zone_makes_no_receipt_new() -> None:
    """VeraCore's times have no zone, so the setting decides what instant they are."""
    keys = [
        list(by_key([replace(ONE, returned_at=datetime(2026, 2, 6, 23, 30, tzinfo=zone))], zone))
        for zone in (CHICAGO, ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo"))
    ]
    assert keys[0] == keys[1] == keys[2]


def test_keys_and_marks_are_those_that_ledgers_and_shops_hold() -> None:
    """With another key every receipt of a running ledger would be new once more."""
    [key] = by_key([ONE], CHICAGO)
    assert key == "34971eb088f33506f51d7b81"
    assert mark_of(NOTED) == "[receipt 11e40f1f7fae]"
    # Those of an earlier version have the number of the row.
    earlier = "VeraCore received 2 x MUG back [receipt 97e75420a8a7]"
    assert is_about(replace(NOTED, note=NoteState.ASKED), earlier)
    assert not is_about(NOTED, earlier)


def test_a_note_is_about_the_receipt_whose_mark_it_has() -> None:
    asked, second = replace(NOTED, note=NoteState.ASKED), replace(NOTED, nth=2)
    assert is_about(NOTED, note_text(NOTED)) is True
    assert is_about(asked, note_text(NOTED)) is True
    for one in (NOTED, asked):
        assert is_about(one, note_text(second)) is False
        assert is_about(one, "the customer called") is False


ROWS = st.builds(
    replace,
    st.just(ONE),
    order_id=st.sampled_from(["WEB-1", "WEB-2"]),
    product=st.sampled_from(["MUG", "TEE"]),
    quantity=st.integers(1, 2),
    disposition=st.sampled_from(["Return to Stock", "Scrap"]),
)


@given(history=st.lists(st.lists(ROWS, max_size=4), max_size=6), data=st.data())
def test_each_receipt_is_new_once_however_it_is_listed(
    history: list[list[ReturnedRow]], data: st.DataObject
) -> None:
    """Lists grow, are shuffled, break off, and are read again."""
    arrived: list[ReturnedRow] = []
    recorded: list[ReturnedRow] = []
    for more in [*history, []]:
        arrived += more
        order = data.draw(st.permutations(arrived))
        for size in (data.draw(st.integers(0, len(order))), len(order), len(order)):
            recorded += new(list(order[:size]), recorded)
            assert not Counter(map(_identity, recorded)) - Counter(map(_identity, arrived))
        assert Counter(map(_identity, recorded)) == Counter(map(_identity, arrived))


def _identity(row: ReturnedRow) -> ReturnedRow:
    return replace(row, disposition="")


def test_a_note_names_the_receipt_and_nobody() -> None:
    text = note_text(NOTED)
    assert text.startswith("VeraCore received 2 x MUG of slip 601 back on 2026-02-06 (Scrap) [")
    assert text.endswith(mark_of(NOTED))
    assert mark_of(replace(NOTED, id=8)) == mark_of(NOTED)
    assert mark_of(replace(NOTED, nth=2)) != mark_of(NOTED)


def test_the_event_of_an_unknown_order_has_its_reference() -> None:
    [[receipt]] = by_key([ONE], CHICAGO).values()
    data = event_data(receipt, None)
    assert (data["vendureOrderCode"], data["reference"]) == (None, "R-1")
    assert data["returnedAt"] == "2026-02-06T18:00:00.000Z"
