"""What a look-up means: each row of docs/invariants.md, "A doubt and how it ends"."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import START
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.order_records import AttemptRow, OrderRow, fresh_row
from veracore_sync.domain.warehouse import RecordLine, WarehouseRecord
from veracore_sync.jobs.orders.interpret_lookup import (
    AdoptOrder,
    CancelledThere,
    Conflict,
    LookAgain,
    Resend,
    Unknown,
    WasRefused,
    interpret_doubt,
    interpret_record,
)
from veracore_sync.ports.warehouse import Absent, LookUpFailed, Present

GRACE = timedelta(seconds=180)
SENT = (("MUG", 2), ("TEE", 1))


def doubt(cause: str = "lost", absent_after: timedelta | None = None) -> OrderRow:
    absent = to_text(START + absent_after) if absent_after is not None else None
    return replace(
        fresh_row("A", "1", to_text(START)),
        state="in_doubt",
        cause=cause,
        veracore_id="A",
        attempt=1,
        error_message="odd words",
        doubt_since=to_text(START),
        absent_at=absent,
    )


def attempt(lines: tuple[tuple[str, int], ...] = SENT) -> AttemptRow:
    return AttemptRow("A", 1, "A", lines, to_text(START), None, None, None)


def record(**changes: object) -> WarehouseRecord:
    lines = tuple(RecordLine(sku, units) for sku, units in SENT)
    return replace(WarehouseRecord("A", "A", lines, "open"), **changes)  # type: ignore[arg-type]


def judge(row: OrderRow, found: object, after: timedelta = timedelta(0)) -> object:
    now = START + after
    waited = now - from_text(row.absent_at) if row.absent_at else None
    return interpret_doubt(row, found, [attempt()], now=now, grace=GRACE, waited=waited)  # type: ignore[arg-type]


def test_present_and_ours_is_adopted() -> None:
    assert judge(doubt(), Present(record())) == AdoptOrder(record())


def test_merged_and_reordered_lines_with_other_case_and_blanks_are_the_same() -> None:
    lines = (RecordLine("tee ", 1), RecordLine("mug", 1), RecordLine("MUG ", 1))
    assert isinstance(judge(doubt(), Present(record(lines=lines))), AdoptOrder)


def test_content_of_an_earlier_attempt_counts_as_ours() -> None:
    earlier = attempt((("MUG", 9),))
    found = Present(record(lines=(RecordLine("MUG", 9),)))
    sent = [earlier, attempt()]
    verdict = interpret_doubt(doubt(), found, sent, now=START, grace=GRACE, waited=None)
    assert isinstance(verdict, AdoptOrder)


@pytest.mark.parametrize("reference", ["B", "", "A2", "a"])
def test_another_reference_is_a_conflict(reference: str) -> None:
    assert isinstance(judge(doubt(), Present(record(reference=reference))), Conflict)


def test_a_dialect_that_shows_existence_alone_is_adopted_by_number() -> None:
    told = record(reference=None, lines=None)
    assert judge(doubt(), Present(told)) == AdoptOrder(told)


def test_cancelled_there_is_never_adopted() -> None:
    assert isinstance(judge(doubt(), Present(record(status="cancelled"))), CancelledThere)


def test_a_failed_look_up_tells_nothing() -> None:
    error = Unavailable("down", upstream="veracore")
    assert judge(doubt(), LookUpFailed(error), timedelta(days=9)) == Unknown(error)


def test_a_first_absence_is_only_remembered() -> None:
    verdict = judge(doubt(), Absent(), timedelta(days=1))
    assert verdict == LookAgain(START + timedelta(days=1) + GRACE, first=True)


def test_a_second_absence_within_the_grace_is_not_believed() -> None:
    row = doubt(absent_after=timedelta(seconds=10))
    verdict = judge(row, Absent(), timedelta(seconds=189))
    assert verdict == LookAgain(START + timedelta(seconds=190), first=False)


@pytest.mark.parametrize(
    ("cause", "kind"), [("lost", Resend), ("answer", WasRefused), ("duplicate", Conflict)]
)
def test_a_second_absence_after_the_grace_ends_the_doubt(cause: str, kind: type) -> None:
    row = doubt(cause, absent_after=timedelta(seconds=10))
    assert isinstance(judge(row, Absent(), timedelta(seconds=190)), kind)


def test_an_absence_of_another_boot_is_a_first_one() -> None:
    row = doubt(absent_after=timedelta(seconds=10))
    now = START + timedelta(days=400)
    verdict = interpret_doubt(row, Absent(), [attempt()], now=now, grace=GRACE, waited=None)
    assert verdict == LookAgain(now + GRACE, first=True)


def test_a_refusal_quotes_the_answer() -> None:
    verdict = judge(doubt("answer", timedelta(0)), Absent(), GRACE)
    assert isinstance(verdict, WasRefused)
    assert "odd words" in verdict.trouble.message


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_no_resend_before_the_grace_from_the_doubt_and_from_the_first_absence(
    first: int, second: int
) -> None:
    row = doubt(absent_after=timedelta(seconds=first))
    verdict = judge(row, Absent(), timedelta(seconds=second))
    if isinstance(verdict, Resend):
        assert second - first >= 180
        assert second >= 180


def test_a_difference_names_sku_and_both_quantities_and_no_person() -> None:
    verdict = interpret_record("A", record(lines=(RecordLine("MUG", 5),)), [SENT])
    assert isinstance(verdict, Conflict)
    assert verdict.trouble.message.endswith("MUG 5 there, 2 sent; TEE 0 there, 1 sent")
