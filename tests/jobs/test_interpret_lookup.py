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


@pytest.mark.parametrize("reference", ["B", "A2", "AB"])
def test_another_reference_is_a_conflict(reference: str) -> None:
    assert isinstance(judge(doubt(), Present(record(reference=reference))), Conflict)


LONG = "SUMMER-SALE-2026-NORTH-WEST-REGION-STORE-0042-ORDER-10012"
LEFT = ["", " ", LONG[:50], LONG[:30], LONG[:20], f" {LONG[:50].lower()} ", LONG.lower()]
FOREIGN = [LONG[:19], LONG[1:50], LONG[:49] + "X", LONG + "0", "10012", "SUMMER"]
OTHER_UNITS = (RecordLine("MUG", 2), RecordLine("TEE", 2))


@pytest.mark.parametrize("reference", LEFT)
def test_what_is_left_of_the_reference_is_ours_with_equal_units(reference: str) -> None:
    row, found = replace(doubt(), code=LONG), record(reference=reference)
    assert judge(row, Present(found)) == AdoptOrder(found)
    assert isinstance(judge(row, Present(replace(found, status="cancelled"))), CancelledThere)
    for lines in (OTHER_UNITS, (), None):
        verdict = judge(row, Present(replace(found, lines=lines)))
        assert isinstance(verdict, Conflict)
    verdict = judge(row, Present(replace(found, lines=OTHER_UNITS)))
    assert isinstance(verdict, Conflict)
    assert verdict.trouble.message.endswith("its units differ: TEE 2 there, 1 sent")


@pytest.mark.parametrize("reference", FOREIGN)
def test_equal_units_do_not_make_another_reference_ours(reference: str) -> None:
    row = replace(doubt(), code=LONG)
    assert isinstance(judge(row, Present(record(reference=reference))), Conflict)


@given(st.text(st.sampled_from("AB-1 ")), st.integers(0, 60), st.booleans())
def test_a_remnant_is_ours_only_if_the_code_begins_with_it(
    code: str, length: int, is_ours_there: bool
) -> None:
    reference = code[:length] if is_ours_there else f"{code[:length]}x"
    row, found = replace(doubt(), code=code), Present(record(reference=reference))
    left = reference.strip()
    ours = not left or left == code.strip() or (is_ours_there and len(left) >= 20)
    assert isinstance(judge(row, found), AdoptOrder if ours else Conflict)


@pytest.mark.parametrize("reference", ["", LONG[:50]])
def test_a_lost_ledger_compares_with_what_would_be_sent_now(reference: str) -> None:
    found = record(reference=reference)
    assert interpret_record(LONG, found, [], SENT) == AdoptOrder(found)
    assert isinstance(interpret_record(LONG, found, [], (("MUG", 1),)), Conflict)
    assert isinstance(interpret_record(LONG, found, []), Conflict)
    # A whole reference decides alone: the shop may have changed the order since.
    whole = record(reference=LONG)
    assert interpret_record(LONG, whole, [], (("MUG", 1),)) == AdoptOrder(whole)


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
