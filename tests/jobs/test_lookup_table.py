"""What a record, an absence and a reference mean: the rest of the table of look-ups."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import START

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category, Unavailable
from veracore_sync.domain.order_records import Failure, OrderRow, fresh_row
from veracore_sync.domain.states import OrderCause
from veracore_sync.domain.warehouse import RecordLine, WarehouseRecord
from veracore_sync.jobs.orders.interpret_lookup import (
    AdoptOrder,
    CancelledThere,
    Conflict,
    LookAgain,
    Resend,
    Unknown,
    Verdict,
    WasRefused,
    another_order,
    difference,
    found_words,
    interpret_doubt,
    interpret_record,
    is_ours,
    may_stand_for,
    not_proven,
)
from veracore_sync.ports.warehouse import Absent

GRACE, SECOND = timedelta(seconds=180), timedelta(seconds=1)
MUGS = (("MUG", 2),)
RECORD = WarehouseRecord("A", "A", (RecordLine("MUG", 2),), "open")
CODE = "SUMMER-SALE-2026-ORDER-10012"


def doubt(cause: OrderCause = OrderCause.LOST, absent: bool = True, **facts: Any) -> OrderRow:
    row = fresh_row("A", "1", to_text(START))
    given: dict[str, Any] = {
        "cause": cause,
        "veracore_id": "V-1",
        "absent_at": to_text(START) if absent else None,
    }
    return replace(row, **(given | facts))


# ---- absences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_remembered", "waited", "again"),
    [
        (False, None, LookAgain(START + GRACE, first=True)),
        # without a first absence, whatever time has passed proves nothing
        (False, timedelta(days=9), LookAgain(START + GRACE, first=True)),
        (True, None, LookAgain(START + GRACE, first=True)),
        (True, timedelta(0), LookAgain(START + GRACE, first=False)),
        (True, GRACE - SECOND, LookAgain(START + SECOND, first=False)),
        (True, GRACE, None),
        (True, GRACE + SECOND, None),
    ],
)
def test_when_an_absence_is_proven(
    is_remembered: bool, waited: timedelta | None, again: LookAgain | None
) -> None:
    assert not_proven(doubt(absent=is_remembered), START, GRACE, waited) == again


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [
        (OrderCause.LOST, Resend()),
        (
            OrderCause.ANSWER,
            WasRefused(Failure(Category.VALIDATION, "VeraCore did not accept it: odd words")),
        ),
    ],
)
def test_what_a_proven_absence_ends_in(cause: OrderCause, verdict: Verdict) -> None:
    row = doubt(cause, error_message="odd words")
    found = interpret_doubt(row, Absent(), [], now=START, grace=GRACE, waited=GRACE)
    assert found == verdict


def test_a_duplicate_that_is_absent_is_a_conflict_without_any_wait() -> None:
    row = doubt(OrderCause.DUPLICATE, absent=False, error_message="it exists")
    found = interpret_doubt(row, Absent(), [], now=START, grace=GRACE, waited=None)
    assert isinstance(found, Conflict)
    assert found.trouble.category is Category.CONFLICT
    assert "the id V-1 as already used (it exists)" in found.trouble.message


def test_an_answer_without_words() -> None:
    row = doubt(OrderCause.ANSWER)
    found = interpret_doubt(row, Absent(), [], now=START, grace=GRACE, waited=GRACE)
    assert isinstance(found, WasRefused)
    assert found.trouble.message.endswith(": no answer")


# ---- records ------------------------------------------------------------------------------------


def test_content_of_the_last_attempt_is_up_to_date() -> None:
    assert interpret_record("A", RECORD, [(("MUG", 9),), MUGS]) == AdoptOrder(RECORD)


def test_content_of_an_earlier_attempt_is_outdated_and_says_in_what() -> None:
    found = interpret_record("A", RECORD, [MUGS, (("MUG", 1),), (("MUG", 9), ("TEE", 1))])
    assert found == AdoptOrder(
        RECORD, outdated=True, differs="MUG 2 there, 9 sent; TEE 0 there, 1 sent"
    )
    assert isinstance(found, AdoptOrder)
    assert "(MUG 2 there, 9 sent; TEE 0 there, 1 sent): change it" in found.outdated_words
    assert " (" not in AdoptOrder(RECORD, outdated=True).outdated_words
    assert not interpret_record("A", RECORD, [MUGS]).outdated  # type: ignore[union-attr]


def test_other_content_is_compared_with_the_last_attempt() -> None:
    found = interpret_record("A", RECORD, [(("MUG", 8),), (("MUG", 9),), (("MUG", 7),)])
    assert isinstance(found, Conflict)
    assert found.trouble.category is Category.CONFLICT
    assert found.trouble.message.endswith("under the id A: MUG 2 there, 7 sent")


def test_with_nothing_to_compare_the_reference_decides() -> None:
    bare = replace(RECORD, lines=None)
    assert interpret_record("A", bare, [MUGS]) == AdoptOrder(bare)
    assert interpret_record("A", RECORD, []) == AdoptOrder(RECORD)
    # an order whose lines are shown, and of which there are none, was not what was sent
    empty = replace(RECORD, lines=())
    assert isinstance(interpret_record("A", empty, [MUGS]), Conflict)


def test_cancelled_there_comes_before_its_content() -> None:
    found = interpret_record("A", replace(RECORD, status="cancelled"), [(("MUG", 9),)])
    assert found == CancelledThere("the order A was cancelled at VeraCore")
    assert isinstance(interpret_record("B", replace(RECORD, status="cancelled"), [MUGS]), Conflict)


def test_what_would_be_sent_tells_whose_it_is_and_no_more() -> None:
    nameless = replace(RECORD, reference="")
    assert interpret_record("A", nameless, [], MUGS) == AdoptOrder(nameless)
    # of two attempts and what would be sent now, any one
    assert isinstance(interpret_record("A", nameless, [(("TEE", 1),)], MUGS), Conflict)
    assert isinstance(interpret_record("A", nameless, [MUGS], (("TEE", 1),)), AdoptOrder)
    assert isinstance(interpret_record("A", nameless, [], (("TEE", 1),)), Conflict)


def test_the_lines_of_a_record_in_the_form_of_an_attempt() -> None:
    assert AdoptOrder(RECORD).lines == MUGS
    assert AdoptOrder(replace(RECORD, lines=None)).lines == ()


# ---- whose it is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "lines", "ours"),
    [
        (None, None, True),
        (None, (), True),
        (f" {CODE} ", None, True),
        (CODE.lower(), RECORD.lines, True),
        # a remnant needs our units beside it
        (CODE.lower(), None, False),
        (CODE.lower(), (), False),
        (CODE.lower(), (RecordLine("MUG", 3),), False),
        ("", RECORD.lines, True),
        ("B", RECORD.lines, False),
        (CODE[:20], RECORD.lines, True),
        (CODE[:19], RECORD.lines, False),
    ],
)
def test_whose_a_record_is(
    reference: str | None, lines: tuple[RecordLine, ...] | None, ours: bool
) -> None:
    record = replace(RECORD, reference=reference, lines=lines)
    assert is_ours(CODE, record, [(("TEE", 5),), MUGS]) is ours
    if reference is not None and reference.strip() != CODE:
        assert is_ours(CODE, record, []) is False


@pytest.mark.parametrize(
    ("reference", "may"),
    [
        ("", True),
        ("  ", True),
        (CODE, True),
        (CODE.lower(), True),
        (CODE[:20], True),
        (CODE[:21].lower() + " ", True),
        (CODE[:19], False),
        (CODE[1:25], False),
        (CODE + "3", False),
    ],
)
def test_what_may_be_left_of_a_reference(reference: str, may: bool) -> None:
    assert may_stand_for(reference, CODE) is may


def test_another_order_is_named_by_its_reference() -> None:
    other = replace(RECORD, reference=" B2 ")
    words = another_order("A", other, [MUGS]).trouble
    assert words.category is Category.CONFLICT
    assert words.message.endswith("under the id A: its reference is 'B2'")
    long = another_order("A", replace(RECORD, reference="x" * 90)).trouble.message
    assert long.endswith(f"'{'x' * 50}'")
    # units are told only where they decided
    cut = replace(RECORD, reference="")
    for nameless in (cut, replace(RECORD, reference=None)):
        assert another_order("A", nameless).trouble.message.endswith("its reference is ''")
    told = another_order("A", cut, [(("MUG", 9),), (("MUG", 4),)]).trouble.message
    assert told.endswith("'', and its units differ: MUG 2 there, 4 sent")
    empty = another_order("A", replace(cut, lines=None), [(("MUG", 4),)]).trouble.message
    assert empty.endswith("MUG 0 there, 4 sent")


def test_a_difference_names_what_differs_and_nothing_else() -> None:
    held = (("mug ", 1), ("MUG", 1), ("Hat", 3), ("TEE", 1))
    sent = (("MUG", 2), ("CAP", 1), ("tee", 2))
    assert difference(held, sent) == "CAP 0 there, 1 sent; Hat 3 there, 0 sent; tee 1 there, 2 sent"
    assert difference(held, sent, "in the shop").startswith("CAP 0 there, 1 in the shop;")
    many = tuple((f"S{n:02}", 1) for n in range(12))
    assert difference(many, ()) == "; ".join(f"S{n:02} 1 there, 0 sent" for n in range(10))


# ---- words --------------------------------------------------------------------------------------

TROUBLE = Failure(Category.CONFLICT, "it is odd")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (AdoptOrder(RECORD), "VeraCore has it as A: it is not sent again"),
        (
            AdoptOrder(RECORD, outdated=True),
            "VeraCore has it as A, as it was before it was changed in the shop: "
            "it is not sent again",
        ),
        (Conflict(TROUBLE), "it is odd"),
        (CancelledThere("it is cancelled"), "it is cancelled"),
        (
            LookAgain(START, first=True),
            "VeraCore does not have it so far, and the request may still arrive: looked up again "
            "after 2026-03-01 12:00 UTC",
        ),
        (
            Resend(),
            "VeraCore does not have it, and the request can no longer arrive: it is sent again",
        ),
        (WasRefused(TROUBLE), "VeraCore does not have it: it is odd"),
        (
            Unknown(Unavailable("down", upstream="veracore")),
            "VeraCore gave no usable answer about it: down",
        ),
    ],
)
def test_what_a_person_is_told_of_a_look_up(verdict: Verdict, words: str) -> None:
    assert found_words(verdict) == words
