"""Which states allow which change, written out: what the ledger's guards are made of.

`test_transitions.py` shows that the ledger does what these tables say; this shows that the tables
say what was decided. A row that changes here is a decision about a running ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from veracore_sync.domain import states

ORDERS = """
discover: new -> pending skipped conflict
set_aside: pending in_doubt failed parked synced shipped cancelled conflict skipped -> same
wait: pending failed parked skipped -> pending
came_back: pending -> same
skip: pending failed parked skipped -> skipped
give_up: pending failed parked skipped in_doubt conflict cancelled -> skipped
park: pending failed parked skipped -> parked
fail: pending failed parked skipped -> failed parked
postpone: pending failed parked skipped -> same
requeue: failed parked -> pending
renew_id: pending failed parked skipped in_doubt conflict cancelled -> pending
intend: pending failed parked skipped -> sending
accept: every -> synced
withhold: sending -> pending failed parked
refuse: sending -> parked
doubt: sending -> in_doubt
was_answered: in_doubt -> same
was_for_all: in_doubt -> same
recover: sending -> in_doubt
doubt_again: pending failed parked skipped -> in_doubt
adopt: pending failed parked skipped in_doubt conflict cancelled -> synced
conflict: pending failed parked skipped in_doubt conflict cancelled -> conflict
cancel: pending failed parked skipped in_doubt conflict cancelled synced -> cancelled
absent_once: in_doubt -> same
absent_for_a_person: pending failed parked skipped in_doubt conflict cancelled -> same
look_again: in_doubt -> same
resend: in_doubt -> pending
refused_after_all: in_doubt -> parked
ship: synced -> shipped
"""

SLIPS = """
see: new -> open
hold: open intended added -> same
intend: open intended -> intended
unanswered: intended -> same
withdraw: intended -> open intended
add: open intended -> added
finish: added -> done
cover: open intended -> covered
hand_over: open intended added done covered -> handed
reopen: handed -> open added
retry_now: open intended added -> same
correct: done -> same
"""

CANCELLATIONS = """
want: new -> wanted
want_again: cancelled too_late refused -> wanted
withdraw: wanted -> same
ask: wanted unknown -> asking
not_asked: asking -> wanted unknown
asked: asking -> unknown
recover: asking -> unknown
look_again: wanted unknown too_late refused -> same
saw_cancelled: wanted asking unknown too_late refused -> same
confirm: wanted asking unknown too_late refused -> cancelled
miss: wanted asking unknown refused -> too_late
refuse: wanted asking unknown -> refused
leave: every -> too_late
"""

NOTES = """
record: new -> none wanted
ask: wanted asked -> asked
not_asked: asked -> wanted
unanswered: asked -> same
written: wanted asked -> written
drop: wanted asked -> dropped
"""


def written(table: Mapping[Any, states.Transition[Any]]) -> list[str]:
    """One line for each transition: the states that allow it, and those it leads to."""
    lines = []
    for act, one in table.items():
        every = set(one.sources) == set(type(one.sources[0])) if one.sources else False
        sources = "every" if every else " ".join(one.sources) or "new"
        lines.append(f"{act.value}: {sources} -> {' '.join(one.targets) or 'same'}")
    return lines


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("TRANSITIONS", ORDERS),
        ("SLIP_TRANSITIONS", SLIPS),
        ("CANCEL_TRANSITIONS", CANCELLATIONS),
        ("NOTE_TRANSITIONS", NOTES),
    ],
    ids=["orders", "slips", "cancellations", "notes"],
)
def test_what_each_state_allows(table: str, expected: str) -> None:
    assert written(getattr(states, table)) == expected.strip().splitlines()


def test_the_groups_of_states() -> None:
    assert " ".join(states.UNSENT) == "pending failed parked"
    assert " ".join(states.HANDED_OVER) == "synced shipped"
    assert " ".join(states.OPEN_SLIPS) == "open intended added"
    assert " ".join(states.CANCELLING) == "wanted asking unknown"
    assert " ".join(states.OPEN_NOTES) == "wanted asked"
    assert " ".join(states.QUEUED) == "pending failed parked skipped"
    assert " ".join(states.UNDECIDED) == (
        "pending failed parked skipped in_doubt conflict cancelled"
    )


def test_where_a_transition_leads() -> None:
    pending, parked, failed = (
        states.OrderState.PENDING,
        states.OrderState.PARKED,
        states.OrderState.FAILED,
    )
    stays = states.Transition((pending,))
    one = states.Transition((pending,), (parked,))
    several = states.Transition((pending,), (parked, failed))
    assert stays.target(None) is None
    assert one.target(None) is parked
    assert one.target(parked) is parked
    assert several.target(failed) is failed
    for transition, wanted in ((stays, parked), (one, failed), (several, None), (several, pending)):
        with pytest.raises(ValueError, match="is not one of"):
            transition.target(wanted)
