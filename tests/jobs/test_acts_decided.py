"""What a person may do about an order: each decision by itself, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fakes import START

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import NeedsPerson, Unavailable
from veracore_sync.domain.order_records import AttemptRow, OrderRow, fresh_row
from veracore_sync.domain.states import AttemptOutcome, OrderCause, OrderState
from veracore_sync.domain.warehouse import Product, RecordLine, WarehouseRecord
from veracore_sync.jobs.orders.acts import (
    Act,
    Cancelled,
    Decision,
    Foreign,
    Gone,
    LookUpNow,
    NotRetried,
    NotYet,
    Ours,
    Proceed,
    RecordCancelled,
    Refuse,
    Requeue,
    Retry,
    Sight,
    TakeOver,
    Unseen,
    decide,
    decide_retry,
    open_ids,
    see,
    sent_ids,
)
from veracore_sync.ports.warehouse import Absent, LookUp, LookUpFailed, Present

GRACE, SECOND = timedelta(minutes=10), timedelta(seconds=1)
DOUBT, ACCEPTED, REFUSED = (
    AttemptOutcome.IN_DOUBT,
    AttemptOutcome.ACCEPTED,
    AttemptOutcome.REFUSED,
)


def row(state: OrderState, **facts: Any) -> OrderRow:
    one = fresh_row("A", "1", to_text(START))
    return replace(one, **{"state": state, "veracore_id": "V", **facts})


def attempts(*ended: tuple[str, AttemptOutcome | None]) -> list[AttemptRow]:
    return [
        AttemptRow("A", at, id, (("MUG", at),), to_text(START), None, outcome, None)
        for at, (id, outcome) in enumerate(ended, 1)
    ]


# ---- retry ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [OrderState.FAILED, OrderState.PARKED])
@pytest.mark.parametrize(
    ("made", "retry"),
    [
        ((), Requeue()),
        ((("V", REFUSED),), Requeue()),
        ((("V", DOUBT),), LookUpNow("V")),
        ((("V", None),), LookUpNow("V")),
        ((("V", DOUBT), ("W", None), ("X", REFUSED)), LookUpNow("W")),
    ],
)
def test_what_may_have_arrived_is_looked_up(
    state: OrderState, made: Sequence[tuple[str, AttemptOutcome | None]], retry: Retry
) -> None:
    assert decide_retry(row(state), attempts(*made)) == retry


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (OrderState.CONFLICT, "`veracore-sync resolve A --adopt`, `--new-id` or `--skip`"),
        (OrderState.CANCELLED, "it was cancelled at VeraCore"),
        (OrderState.SYNCED, "sending it again would ship it twice"),
        (OrderState.SHIPPED, "sending it again would ship it twice"),
        (OrderState.SKIPPED, "says why"),
        (OrderState.PENDING, "the next sync-orders processes it"),
    ],
)
def test_why_an_order_is_not_retried(state: OrderState, words: str) -> None:
    found = decide_retry(row(state), attempts(("V", DOUBT)))
    assert isinstance(found, NotRetried)
    assert words in found.reason


@pytest.mark.parametrize("state", [OrderState.IN_DOUBT, OrderState.SENDING])
def test_a_doubt_is_looked_up(state: OrderState) -> None:
    assert decide_retry(row(state), attempts(("V", DOUBT))) == LookUpNow()


# ---- which ids --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "made", "expected"),
    [
        (None, (), ()),
        ("V", (), ("V",)),
        ("V", ("V", "W"), ("V", "W")),
        (None, ("V", "W", "X"), ("X", "W", "V")),
        # without case, as the newest writes it
        ("v", ("V",), ("v",)),
        (None, ("V", "W", "v"), ("v", "W")),
        ("", ("V",), ("V",)),
    ],
)
def test_every_id_once_the_current_one_first(
    current: str | None, made: Sequence[str], expected: tuple[str, ...]
) -> None:
    sent = attempts(*((id, REFUSED) for id in made))
    assert sent_ids(row(OrderState.PARKED, veracore_id=current), sent) == expected


@pytest.mark.parametrize("state", list(OrderState))
def test_the_current_id_may_be_there(state: OrderState) -> None:
    may_be = ("sending", "in_doubt", "conflict", "cancelled")
    assert open_ids(row(state), []) == (("V",) if state in may_be else ())
    made = attempts(("O", REFUSED), ("P", DOUBT), ("Q", ACCEPTED), ("R", None))
    here = ("V",) if state in may_be else ()
    assert open_ids(row(state), made) == (*here, "R", "Q", "P")


def test_a_refusal_that_a_look_up_showed_leaves_no_id_open() -> None:
    made = attempts(("P", DOUBT), ("V", DOUBT))
    assert open_ids(row(OrderState.PARKED, attempt=2), made) == ("V", "P")
    refused = row(OrderState.PARKED, attempt=2, cause=OrderCause.REFUSED)
    assert open_ids(refused, made) == ("P",)


# ---- what a look-up shows -----------------------------------------------------------------------

RECORD = WarehouseRecord("V", "A", (RecordLine("MUG", 1),), "open")


def shown(
    found: LookUp,
    *,
    state: OrderState = OrderState.IN_DOUBT,
    id: str = "V",
    made: Sequence[tuple[str, AttemptOutcome | None]] = (("V", DOUBT),),
    absent_at: str | None = None,
    waited: timedelta | None = None,
) -> Sight:
    one = row(state, absent_at=absent_at)
    return see(id, found, one, attempts(*made), now=START, grace=GRACE, waited=waited)


def test_no_answer_shows_nothing() -> None:
    error = Unavailable("down", upstream="veracore")
    assert shown(LookUpFailed(error)) == Unseen("V", error)


@pytest.mark.parametrize("id", ["V", "v"])
def test_an_absence_is_proven_by_a_second_one(id: str) -> None:
    first = to_text(START - timedelta(days=1))
    assert shown(Absent(), id=id) == NotYet(id, START + GRACE, first=True)
    again = shown(Absent(), id=id, absent_at=first, waited=GRACE - SECOND)
    assert again == NotYet(id, START + SECOND, first=False)
    assert shown(Absent(), id=id, absent_at=first, waited=GRACE) == Gone(id)


def test_where_nothing_can_arrive_one_absence_is_enough() -> None:
    assert shown(Absent(), id="W") == Gone("W")
    assert shown(Absent(), state=OrderState.PARKED, made=(("V", REFUSED),)) == Gone("V")
    still = shown(Absent(), state=OrderState.PARKED, made=(("V", DOUBT),))
    assert isinstance(still, NotYet)


def test_another_order_is_foreign() -> None:
    seen = shown(Present(replace(RECORD, reference="B")))
    assert isinstance(seen, Foreign)
    assert seen.id == "V"
    assert seen.message


def test_a_cancelled_one_will_not_ship() -> None:
    seen = shown(Present(replace(RECORD, status="cancelled", is_complete=True)))
    assert isinstance(seen, Cancelled)
    assert seen.id == "V"


def test_ours_says_what_differs() -> None:
    assert shown(Present(RECORD)) == Ours("V", RECORD)
    # Without a reference the units show that it is ours; the record stays as it was found.
    bare = replace(RECORD, reference="")
    assert shown(Present(bare)) == Ours("V", bare)
    other = shown(Present(replace(RECORD, lines=(RecordLine("MUG", 9),))))
    assert isinstance(other, Ours)
    assert "MUG" in other.differs
    earlier = shown(Present(RECORD), made=(("V", DOUBT), ("V", DOUBT)))
    assert isinstance(earlier, Ours)
    assert "an earlier attempt" in earlier.differs


@pytest.mark.parametrize(
    ("cut", "cancelled", "may_be"), [(False, 1, False), (True, 0, False), (True, 1, True)]
)
def test_whether_ours_may_be_cancelled(cut: bool, cancelled: int, may_be: bool) -> None:
    found = replace(RECORD, partially_cancelled=cut, products=(Product("MUG", 1, cancelled),))
    assert Ours("V", found).may_be_cancelled is may_be


# ---- what may be done ---------------------------------------------------------------------------

OURS = Ours("V", RECORD)
UNCLEAR = Ours("V", replace(RECORD, partially_cancelled=True))
GONE, FOREIGN = Gone("W"), Foreign("X", "VeraCore has B under X")
CANCELLED = Cancelled("Y", "it was cancelled")
WAIT, AGAIN = NotYet("W", START, first=True), NotYet("W", START, first=False)
UNSEEN = Unseen("U", Unavailable("down", upstream="veracore"))
ENDED = (GONE, FOREIGN, CANCELLED)


@pytest.mark.parametrize("act", [Act.NEW_ID, Act.SKIP])
@pytest.mark.parametrize("sights", [(), ENDED])
def test_what_cannot_ship_forbids_nothing(act: Act, sights: Sequence[Sight]) -> None:
    assert decide(act, "A", sights) == Proceed()


@pytest.mark.parametrize(
    ("named", "decision"),
    [(OURS, TakeOver(OURS)), (CANCELLED, RecordCancelled(CANCELLED))],
)
@pytest.mark.parametrize("sights", [(), ENDED])
def test_what_may_be_adopted(sights: Sequence[Sight], named: Sight, decision: Decision) -> None:
    assert decide(Act.ADOPT, "A", sights, named) == decision


def refusal(act: Act, sights: Sequence[Sight], named: Sight | None = None) -> Refuse:
    found = decide(act, "A", sights, named)
    assert isinstance(found, Refuse)
    return found


def words(found: Refuse) -> str:
    hint = found.error.hint if isinstance(found.error, NeedsPerson) else ""
    return f"{found.error}|{hint}|"


ADOPT_IT = "`veracore-sync resolve A --adopt V`"


@pytest.mark.parametrize(
    ("act", "named", "said", "hinted"),
    [
        (Act.SKIP, None, "VeraCore has A as V and will ship it", "if it must not ship"),
        (Act.NEW_ID, None, "VeraCore has A as V: a new id would ship it twice", ", or cancel"),
        (Act.ADOPT, None, "VeraCore has A as V; nothing", ", or cancel"),
        (Act.ADOPT, GONE, "VeraCore has A as V and as W; nothing", ", or cancel"),
    ],
)
def test_an_order_that_will_ship_forbids_everything(
    act: Act, named: Sight | None, said: str, hinted: str
) -> None:
    # Whatever else was seen, before it or after it.
    for sights in ((OURS,), (UNSEEN, WAIT, OURS), (OURS, WAIT, UNSEEN)):
        found = refusal(act, sights, named)
        assert said in words(found)
        assert ADOPT_IT in words(found)
        assert hinted in words(found)
        assert (found.remember, found.hold) == (None, None)


@pytest.mark.parametrize("act", list(Act))
def test_no_answer_decides_nothing(act: Act) -> None:
    for sights in ((UNSEEN,), (WAIT, GONE, UNSEEN)):
        assert decide(act, "A", sights) == Refuse(UNSEEN.error)
    assert decide(act, "A", (), UNSEEN) == Refuse(UNSEEN.error)
    held = refusal(act, (UNSEEN,), OURS)
    assert held.error is UNSEEN.error
    assert "VeraCore has it as V" in (held.hold or "")
    assert "`--adopt V`" in (held.hold or "")


CONFLICT = ("; the order is in conflict|", "V`; it is not sent meanwhile|")


@pytest.mark.parametrize(
    ("act", "named", "said", "not_said"),
    [
        (Act.SKIP, None, ("only this absence was recorded", "A --skip`; if it is c"), ()),
        (Act.NEW_ID, None, ("only this absence was recorded", "A --new-id`; `veracore-sync s"), ()),
        (Act.ADOPT, GONE, ("only this absence was recorded", "A --adopt W`; `veracore"), ()),
        (
            Act.ADOPT,
            OURS,
            ("; the order is in conflict|", "A --adopt V`; it is not sent meanwhile|"),
            ("only",),
        ),
    ],
)
def test_an_absence_that_is_not_proven_waits(
    act: Act, named: Sight | None, said: Sequence[str], not_said: Sequence[str]
) -> None:
    for sight in (WAIT, AGAIN):
        found = refusal(act, (GONE, sight), named)
        assert found.remember == (sight if sight.first else None)
        assert (found.hold is not None) is (named is OURS)
        assert "VeraCore has no order W, but the request may still arrive" in words(found)
        assert to_text(START) in words(found)
        assert all(one in words(found) for one in said)
        assert not any(one in words(found) for one in not_said)
    assert refusal(Act.ADOPT, (), WAIT).remember == WAIT


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (UNCLEAR, ("shows the order V as cancelled", ADOPT_IT)),
        (FOREIGN, ("VeraCore has B under X, and not A", "set its reference number to A")),
        (GONE, ("VeraCore has no order W;", "resolve A --new-id")),
    ],
)
def test_what_may_not_be_adopted(named: Sight, said: Sequence[str]) -> None:
    for sights in ((), ENDED):
        found = refusal(Act.ADOPT, sights, named)
        assert all(one in words(found) for one in said)
        assert (found.remember, found.hold) == (None, None)
        assert "nothing was changed" in words(found)
