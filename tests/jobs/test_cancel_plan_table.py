"""What a look-up of an order that is to be cancelled leads to, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import START

from veracore_sync.clock import to_text
from veracore_sync.domain.cancellations import CancellationRow
from veracore_sync.domain.errors import ProtocolError, Unavailable
from veracore_sync.domain.states import CANCELLING, CancelState
from veracore_sync.domain.warehouse import Package, RecordLine, Shipment, WarehouseRecord
from veracore_sync.jobs.cancel.plan import (
    MAX_ASKED,
    MAX_LOOKS,
    Ask,
    Confirmed,
    Decision,
    GiveUp,
    LookLater,
    Pauses,
    SeenOnce,
    TooLate,
    decide,
)
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, Present

GRACE, SECOND, HOUR = timedelta(minutes=10), timedelta(seconds=1), timedelta(hours=1)
PAUSES = Pauses(START, GRACE)
LEFT = Package("UPS", "Ground", "1Z9", START, None)
PACKED = replace(LEFT, shipped_at=None)
VOID = replace(LEFT, voided_at=START)
RECORD = WarehouseRecord("V-1", "A", (RecordLine("MUG", 2),), "open")
WISH = CancellationRow(
    *("A", "V-1", CancelState.WANTED, "person", 0, 0, None, to_text(START)),
    *(None, None, None, None, None, to_text(START)),
)


def slips(*packages: tuple[Package, ...]) -> tuple[Shipment, ...]:
    return tuple(Shipment(f"S{at}", None, each) for at, each in enumerate(packages, 1))


def follows(
    found: LookUp | dict[str, Any],
    *,
    may_ask: bool = True,
    waited: timedelta | None = None,
    **wish: Any,
) -> Decision:
    look_up = Present(replace(RECORD, **found)) if isinstance(found, dict) else found
    row = replace(WISH, **wish)
    return decide(row, "A", look_up, [(("MUG", 2),)], PAUSES, waited, may_ask=may_ask)


def is_about(pause: timedelta, full: timedelta) -> bool:
    """Jitter only shortens a wait, by a tenth at most."""
    return full * 0.9 <= pause <= full


@pytest.mark.parametrize(
    ("grace", "count", "full"),
    [
        (GRACE, 0, GRACE),
        (GRACE, 1, GRACE),
        (GRACE, 2, GRACE * 2),
        (GRACE, 3, GRACE * 4),
        # an hour is the longest
        (GRACE, 4, HOUR),
        (GRACE, 30, HOUR),
        # unless the grace is longer
        (HOUR * 3, 1, HOUR * 3),
        (HOUR * 3, 9, HOUR * 3),
    ],
)
def test_each_pause_is_twice_the_last(grace: timedelta, count: int, full: timedelta) -> None:
    assert is_about(Pauses(START, grace).after(count) - START, full)


CANCELLED: dict[str, Any] = {"status": "cancelled"}


@pytest.mark.parametrize(
    ("seen_at", "waited", "decision"),
    [
        (None, None, SeenOnce(START + GRACE)),
        (None, HOUR, SeenOnce(START + GRACE)),
        (START, None, SeenOnce(START + GRACE)),
        (START, timedelta(0), LookLater(START + GRACE)),
        (START, GRACE - SECOND, LookLater(START + SECOND)),
        (START, GRACE, Confirmed()),
        (START, HOUR, Confirmed()),
    ],
)
def test_two_sightings_the_grace_apart(
    seen_at: Any, waited: timedelta | None, decision: Decision
) -> None:
    stored = to_text(seen_at) if seen_at else None
    assert follows(CANCELLED, seen_at=stored, waited=waited) == decision
    # Void labels hold nothing back, nor does what may not be asked.
    voided = CANCELLED | {"shipments": slips((VOID,))}
    assert follows(voided, seen_at=stored, waited=waited, may_ask=False) == decision


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_an_answer_that_says_nothing_is_looked_up_later(looks: int) -> None:
    failed = follows(LookUpFailed(Unavailable("down", upstream="veracore")), looks=looks)
    absent = follows(Absent(), looks=looks)
    # An outage says nothing about the order, so an earlier sighting stands; an absence is no
    # cancellation.
    for decision, message, is_open in (
        (failed, None, False),
        (absent, "VeraCore does not find the order", True),
    ):
        assert isinstance(decision, LookLater)
        assert (decision.message, decision.is_open) == (message, is_open)
        assert is_about(decision.at - START, GRACE * 2**looks)


UNUSABLE = "VeraCore gives no usable answer about it, so nothing shows whether it is cancelled"


@pytest.mark.parametrize("looks", [MAX_ASKED - 1, MAX_ASKED, MAX_ASKED + 1])
@pytest.mark.parametrize("state", CancelState)
def test_answers_about_it_that_cannot_be_read_are_left_to_a_person(
    state: CancelState, looks: int
) -> None:
    unreadable = LookUpFailed(ProtocolError("which cannot be read", upstream="veracore"))
    first = follows(unreadable, state=state, looks=looks, message="another answer")
    # One that has ended was told before, and what was seen of it since stands.
    is_open = state in CANCELLING
    assert isinstance(first, LookLater)
    assert (first.message == UNUSABLE, first.message is None) == (is_open, not is_open)
    found = follows(unreadable, state=state, looks=looks, message=UNUSABLE)
    assert isinstance(found, GiveUp if is_open and looks >= MAX_ASKED else LookLater)
    if isinstance(found, GiveUp):
        assert found.message == f"{UNUSABLE}: cancel it there by hand, or it ships"
    # What concerns all orders is an outage, however long it lasts.
    down = LookUpFailed(Unavailable("down", upstream="veracore"))
    for said in (None, UNUSABLE):
        later = follows(down, state=state, looks=looks, message=said)
        assert isinstance(later, LookLater) and later.message is None


def test_another_order_is_never_asked_for() -> None:
    decision = follows({"reference": "B"})
    assert isinstance(decision, GiveUp)
    assert "another order under the id V-1" in decision.message
    # A remnant of the reference counts with our units.
    assert follows({"reference": ""}) == Ask()
    assert isinstance(follows({"reference": "", "lines": (RecordLine("MUG", 3),)}), GiveUp)


PART, WHOLE = "has shipped a part of it", "it is too late to cancel it: VeraCore has shipped it"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"shipments": slips((LEFT,))}, f"{PART} (slip S1)"),
        ({"status": "processed", "shipments": slips((LEFT,))}, f"{PART} (slip S1)"),
        ({"shipments": slips((LEFT, PACKED), (PACKED,), (LEFT,))}, f"{PART} (slip S1, S3)"),
        ({"shipments": slips((LEFT,)), "is_complete": True}, f"{WHOLE} (slip S1)"),
        ({"shipments": slips((LEFT,)), "status": "complete"}, f"{WHOLE} (slip S1)"),
        ({"shipments": slips((LEFT,)), "status": "cancelled"}, f"{WHOLE} (slip S1)"),
        ({"shipments": slips((LEFT,)), "status": "shipped"}, f"{PART} (slip S1)"),
        ({"status": "shipped"}, WHOLE),
        ({"status": "complete"}, WHOLE),
        ({"status": "complete", "shipments": slips((VOID,))}, WHOLE),
    ],
)
def test_what_has_left_is_too_late(record: dict[str, Any], words: str) -> None:
    decision = follows(record)
    assert isinstance(decision, TooLate)
    assert words in decision.message
    assert ("slip" in decision.message) == ("slip" in words)


@pytest.mark.parametrize("is_complete", [False, True])
@pytest.mark.parametrize("status", ["open", "processed", "unknown"])
@pytest.mark.parametrize("packages", [(), (PACKED,), (VOID,)])
def test_what_has_not_left_is_asked_for(
    is_complete: bool, status: str, packages: tuple[Package, ...]
) -> None:
    record = {"is_complete": is_complete, "status": status, "shipments": slips(packages)}
    assert follows(record) == Ask()


@pytest.mark.parametrize("packages", [(), (PACKED,)])
def test_a_slip_that_is_open_may_ship(packages: tuple[Package, ...]) -> None:
    record = CANCELLED | {"shipments": slips(packages, (VOID,))}
    for looks in (0, 1, MAX_LOOKS - 1):
        decision = follows(record, looks=looks)
        assert isinstance(decision, LookLater)
        assert decision.is_open
        assert "pick slip S1 is still open" in (decision.message or "")
        assert is_about(decision.at - START, min(GRACE * 2**looks, HOUR))
    for looks in (MAX_LOOKS, MAX_LOOKS + 1):
        decision = follows(record, looks=looks)
        assert isinstance(decision, GiveUp)
        assert "pick slip S1 is still open there and may ship" in decision.message


@pytest.mark.parametrize(
    ("state", "is_asked"),
    [
        (CancelState.WANTED, True),
        (CancelState.ASKING, True),
        (CancelState.UNKNOWN, True),
        (CancelState.CANCELLED, False),
        (CancelState.TOO_LATE, False),
        (CancelState.REFUSED, False),
    ],
)
def test_in_which_states_veracore_is_asked(state: CancelState, is_asked: bool) -> None:
    assert (follows({}, state=state) == Ask()) is is_asked
    waits = follows({}, state=state, may_ask=False)
    assert isinstance(waits, LookLater)
    assert waits.is_open


@pytest.mark.parametrize(
    ("asked", "looks", "times"), [(0, 0, 1), (0, 2, 4), (2, 0, 2), (3, 1, 4), (1, 1, 2)]
)
def test_the_pause_follows_what_was_done_more_often(asked: int, looks: int, times: int) -> None:
    decision = follows({}, asked=asked, looks=looks, may_ask=False)
    assert isinstance(decision, LookLater)
    assert decision.message is None
    assert is_about(decision.at - START, GRACE * times)


def test_after_so_many_requests_a_person_is_asked() -> None:
    assert (MAX_ASKED, MAX_LOOKS) == (4, 30)
    assert follows({}, asked=MAX_ASKED - 1) == Ask()
    for asked in (MAX_ASKED, MAX_ASKED + 1):
        for message, words in ((None, "does not: "), ("No", "does not (its last answer: No): ")):
            decision = follows({}, asked=asked, message=message)
            assert isinstance(decision, GiveUp)
            assert f"asked {asked} times" in decision.message
            assert words in decision.message
