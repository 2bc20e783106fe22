"""Every transition from every state: the allowed ones change the row, all others leave it alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import START, FakeClock

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion, fresh_row
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.returns import Receipt, ReceiptRow, ReturnedRow
from veracore_sync.domain.states import (
    CANCEL_TRANSITIONS,
    NOTE_TRANSITIONS,
    QUEUED,
    SLIP_TRANSITIONS,
    TRANSITIONS,
    Applied,
    CancelAct,
    CancelState,
    NoteAct,
    NoteState,
    OrderAct,
    OrderCause,
    OrderState,
    PickSlipState,
    SlipAct,
    Transition,
)
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.shipments import Shipments
from veracore_sync.ledger.transitions import OrderTransitions
from veracore_sync.ports.ledger import Ledger
from veracore_sync.ports.order_ledger import CancellationStore
from veracore_sync.ports.receipt_store import ReceiptStore

SEEN = ShopVersion("hash", START)
TROUBLE = Failure(Category.PROTOCOL, "odd")
LATER = START + timedelta(hours=1)
INTENT = Intent("A", (("MUG", 2),), "payload", "settings", SEEN)
KNOWN = replace(fresh_row("A", "1", to_text(START)), placed_at=to_text(START))
RECORD = WarehouseRecord("A", "A", (), "open")
TABLES = (
    *("orders", "attempts", "cancellations", "alerts", "held", "history"),
    *("events", "deliveries", "slips", "tracked", "receipts"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = open_ledger(tmp_path / "ledger.db", clock=FakeClock(), hooks=("command",))
    made.transitions.discover([Discovery("A", "1", START)])
    made.transitions.intend("A", INTENT)
    made.shipments.looked("A", "A", reference="A", rows=None, seen={"1": ()})
    yield made
    made.close()


def everything(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [
        (table, *row) for table in TABLES for row in ledger.database.rows(f"SELECT * FROM {table}")
    ]


def was_done(answer: object) -> bool:
    """Whether a method says that it wrote something."""
    if isinstance(answer, Applied):
        return answer is not Applied.LOST
    return bool(answer)


# ---- orders ----------------------------------------------------------------------------------

ORDER_ACTS: dict[OrderAct, Callable[[OrderTransitions], object]] = {
    OrderAct.DISCOVER: lambda moves: moves.discover([Discovery("A", "1", START)]),
    OrderAct.SET_ASIDE: lambda moves: moves.set_aside(KNOWN, "A~1", None),
    OrderAct.WAIT: lambda moves: moves.wait("A", "the shop holds it"),
    OrderAct.CAME_BACK: lambda moves: moves.came_back(["A"]),
    OrderAct.SKIP: lambda moves: moves.skip("A", OrderCause.RULE, "excluded", alert=True),
    OrderAct.GIVE_UP: lambda moves: moves.skip("A", OrderCause.RESOLVED, "by a person"),
    OrderAct.PARK: lambda moves: moves.park("A", TROUBLE, "settings"),
    OrderAct.FAIL: lambda moves: moves.fail("A", TROUBLE, LATER, 9),
    OrderAct.POSTPONE: lambda moves: moves.postpone("A", TROUBLE, None),
    OrderAct.REQUEUE: lambda moves: moves.requeue("A"),
    OrderAct.RENEW_ID: lambda moves: moves.renew_id("A", "A-2"),
    OrderAct.INTEND: lambda moves: moves.intend("A", INTENT),
    OrderAct.ACCEPT: lambda moves: moves.accept("A", 1, 7),
    OrderAct.WITHHOLD: lambda moves: moves.withhold("A", 1, OrderState.FAILED, "late", None),
    OrderAct.REFUSE: lambda moves: moves.refuse("A", 1, TROUBLE, LATER),
    OrderAct.DOUBT: lambda moves: moves.doubt("A", 1, OrderCause.LOST, TROUBLE),
    OrderAct.WAS_ANSWERED: lambda moves: moves.was_answered("A", 1),
    OrderAct.WAS_FOR_ALL: lambda moves: moves.was_for_all("A"),
    OrderAct.RECOVER: lambda moves: moves.recover(),
    OrderAct.DOUBT_AGAIN: lambda moves: moves.doubt_again("A", "A"),
    OrderAct.ADOPT: lambda moves: moves.adopt("A", "A", RECORD, SEEN),
    OrderAct.CONFLICT: lambda moves: moves.conflict("A", "A", TROUBLE),
    OrderAct.CANCEL: lambda moves: moves.cancel("A", "A", "it was cancelled"),
    OrderAct.ABSENT_ONCE: lambda moves: moves.absent_once("A", LATER),
    OrderAct.ABSENT_FOR_A_PERSON: lambda moves: moves.absent_for_a_person("A"),
    OrderAct.LOOK_AGAIN: lambda moves: moves.look_again("A", LATER),
    OrderAct.RESEND: lambda moves: moves.resend("A"),
    OrderAct.REFUSED_AFTER_ALL: lambda moves: moves.refused_after_all("A", TROUBLE, LATER),
    OrderAct.SHIP: lambda moves: moves.ship("A"),
}
SILENT = (OrderAct.DISCOVER, OrderAct.CAME_BACK, OrderAct.ACCEPT)
"""They tell nobody whether they wrote: a list of orders, and what is always written."""


def test_every_act_of_an_order_is_tried() -> None:
    assert set(ORDER_ACTS) == set(OrderAct) == set(TRANSITIONS)


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("act", OrderAct)
def test_an_order(ledger: Ledger, act: OrderAct, state: OrderState) -> None:
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE orders SET state = ?, cause = 'waiting'", (state,))
    before = everything(ledger)
    answer = ORDER_ACTS[act](ledger.transitions)
    row = ledger.orders.get("A") or ledger.orders.get("A~1")
    assert row is not None
    transition = TRANSITIONS[act]
    if state not in transition.sources:
        assert everything(ledger) == before
        assert not was_done(answer)
        return
    assert everything(ledger) != before
    if act is OrderAct.SET_ASIDE and state in QUEUED:
        state = OrderState.SKIPPED  # nothing will be sent of it
    assert row.state in (transition.targets or (state,))
    assert act in SILENT or was_done(answer)


@pytest.mark.parametrize("act", [OrderAct.WITHHOLD, OrderAct.REFUSE, OrderAct.DOUBT])
def test_the_outcome_of_an_older_attempt_is_lost(ledger: Ledger, act: OrderAct) -> None:
    ledger.transitions.withhold("A", 1, OrderState.PENDING, "", None)
    assert ledger.transitions.intend("A", INTENT) == 2
    before = everything(ledger)
    assert ORDER_ACTS[act](ledger.transitions) is Applied.LOST
    assert everything(ledger) == before


# ---- pick slips ------------------------------------------------------------------------------

SLIP_ACTS: dict[SlipAct, Callable[[Shipments, SlipRow], object]] = {
    SlipAct.SEE: lambda shipments, row: shipments.looked(
        "A", "A", reference="A", rows=None, seen={"1": ()}
    ),
    SlipAct.HOLD: lambda shipments, row: shipments.hold(row, "it waits", LATER, failed=True),
    SlipAct.INTEND: lambda shipments, row: shipments.intend(
        row, {"1": 2}, method="UPS", tracking_code="1Z", known=(), ends_by=LATER
    ),
    SlipAct.UNANSWERED: lambda shipments, row: shipments.unanswered(row, has_ended=False),
    SlipAct.WITHDRAW: lambda shipments, row: shipments.withdraw(row),
    SlipAct.ADD: lambda shipments, row: shipments.add(row, "7", {"1": 2}, "1Z"),
    SlipAct.FINISH: lambda shipments, row: shipments.finish(row),
    SlipAct.COVER: lambda shipments, row: shipments.cover(row, "1Z"),
    SlipAct.HAND_OVER: lambda shipments, row: shipments.hand_over(row, "odd"),
    SlipAct.REOPEN: lambda shipments, row: shipments.reopen("A"),
    SlipAct.RETRY_NOW: lambda shipments, row: shipments.retry_now(),
    SlipAct.CORRECT: lambda shipments, row: shipments.correct(row, "1Z2"),
}
MANY = (SlipAct.SEE, SlipAct.REOPEN, SlipAct.RETRY_NOW)
"""Of several slips at once; they tell nobody which they wrote."""


def test_every_act_of_a_slip_is_tried() -> None:
    assert set(SLIP_ACTS) == set(SlipAct) == set(SLIP_TRANSITIONS)


@pytest.mark.parametrize("state", PickSlipState)
@pytest.mark.parametrize("act", SlipAct)
def test_a_slip(ledger: Ledger, act: SlipAct, state: PickSlipState) -> None:
    planned = ledger.shipments.slips("A")["1"]
    with ledger.database.transaction() as connection:
        connection.execute(
            "UPDATE slips SET state = ?, tries = 1, next_attempt_at = '2999'", (state,)
        )
    before = everything(ledger)
    answer = SLIP_ACTS[act](ledger.shipments, planned)
    after = ledger.shipments.slips("A")["1"].state
    transition = SLIP_TRANSITIONS[act]
    if act is SlipAct.SEE or (
        act is SlipAct.REOPEN and state in SLIP_TRANSITIONS[SlipAct.RETRY_NOW].sources
    ):
        assert after is state  # a look-up, or another try, moves none that is there
    elif state not in transition.sources:
        assert everything(ledger) == before
        assert not was_done(answer)
    else:
        assert everything(ledger) != before
        assert after in (transition.targets or (state,))
        assert act in MANY or was_done(answer)


# ---- cancellations ---------------------------------------------------------------------------

CANCEL_ACTS: dict[CancelAct, Callable[[CancellationStore], object]] = {
    CancelAct.WANT: lambda store: store.want("A", "A", "shop"),
    CancelAct.WANT_AGAIN: lambda store: store.want("A", "A", "shop"),
    CancelAct.WITHDRAW: lambda store: store.withdraw("A"),
    CancelAct.ASK: lambda store: store.ask("A"),
    CancelAct.NOT_ASKED: lambda store: store.not_asked("A", "never left", None),
    CancelAct.ASKED: lambda store: store.asked("A", "no answer", LATER),
    CancelAct.RECOVER: lambda store: store.recover(),
    CancelAct.LOOK_AGAIN: lambda store: store.look_again("A", LATER, "open", is_open=True),
    CancelAct.SAW_CANCELLED: lambda store: store.saw_cancelled("A", LATER),
    CancelAct.CONFIRM: lambda store: store.confirm("A", "cancelled"),
    CancelAct.MISS: lambda store: store.miss("A", "it has left"),
    CancelAct.REFUSE: lambda store: store.refuse("A", "VeraCore does not"),
    CancelAct.LEAVE: lambda store: store.leave("A", "it left"),
}


def test_every_act_of_a_cancellation_is_tried() -> None:
    assert set(CANCEL_ACTS) == set(CancelAct) == set(CANCEL_TRANSITIONS)


@pytest.mark.parametrize("asked", [1, 2])
@pytest.mark.parametrize("state", [None, *CancelState])
@pytest.mark.parametrize("act", CancelAct)
def test_a_cancellation(
    ledger: Ledger, act: CancelAct, state: CancelState | None, asked: int
) -> None:
    ledger.transitions.accept("A", 1, 7)
    if state is not None:
        ledger.cancellations.want("A", "A", "shop")
        with ledger.database.transaction() as connection:
            values = (state, asked, "2026-01-01T00:00:00.000Z")
            connection.execute(
                "UPDATE cancellations SET state = ?, asked = ?, updated_at = ?", values
            )
    before = everything(ledger)
    answer = CANCEL_ACTS[act](ledger.cancellations)
    row = ledger.cancellations.get("A")
    transition = CANCEL_TRANSITIONS[act]
    # `want` is both: which of them depends on whether there is a row.
    is_wanted_anew = act is CancelAct.WANT_AGAIN and state is None
    is_wanted_again = (
        act is CancelAct.WANT and state in CANCEL_TRANSITIONS[CancelAct.WANT_AGAIN].sources
    )
    if is_wanted_anew or is_wanted_again:
        assert row is not None
        assert row.state is CancelState.WANTED
        return
    if state not in transition.sources and not (state is None and act is CancelAct.WANT):
        assert everything(ledger) == before
        assert not was_done(answer)
        return
    assert everything(ledger) != before
    assert was_done(answer)
    if act is CancelAct.WITHDRAW:
        assert row is None
        return
    assert row is not None
    assert row.state in (transition.targets or (state,))
    assert (act is CancelAct.CONFIRM) == (row.state is CancelState.CANCELLED)


def test_a_cancellation_that_is_confirmed_cancels_its_order(ledger: Ledger) -> None:
    ledger.transitions.accept("A", 1, 7)
    ledger.cancellations.want("A", "A", "person")
    assert ledger.cancellations.confirm("A", "cancelled") is Applied.NEWS
    row = ledger.orders.get("A")
    assert row is not None
    assert row.state is OrderState.CANCELLED
    assert [one.kind for one in ledger.alerts.standing()] == ["order.cancelled"]


def test_what_is_to_be_cancelled_is_not_sent(ledger: Ledger) -> None:
    ledger.transitions.recover()
    ledger.cancellations.want("A", "A", "person")
    ledger.transitions.resend("A")
    assert ledger.transitions.intend("A", INTENT) is None
    ledger.cancellations.withdraw("A")
    assert ledger.transitions.intend("A", INTENT) == 2


def test_a_transition_leads_only_where_its_row_says() -> None:
    several = TRANSITIONS[OrderAct.WITHHOLD]
    for wanted in (None, OrderState.SYNCED):
        with pytest.raises(ValueError, match="is not one of"):
            several.target(wanted)
    assert several.target(OrderState.PARKED) is OrderState.PARKED
    kept: Transition[OrderState] = TRANSITIONS[OrderAct.LOOK_AGAIN]
    assert kept.target(None) is None


# ---- notes about returned goods ----------------------------------------------------------------

RETURNED = ReturnedRow("A", "A", "1", "MUG", 1, START)
NOTE_ACTS: dict[NoteAct, Callable[[ReceiptStore, ReceiptRow], object]] = {
    NoteAct.RECORD: lambda store, row: store.record(Receipt(RETURNED, "other", "", "2026-01-01")),
    NoteAct.ASK: lambda store, row: store.ask(row, LATER),
    NoteAct.NOT_ASKED: lambda store, row: store.not_asked(row),
    NoteAct.UNANSWERED: lambda store, row: store.unanswered(row),
    NoteAct.WRITTEN: lambda store, row: store.written(row),
    NoteAct.DROP: lambda store, row: store.drop(row),
}


def test_every_act_of_a_note_is_tried() -> None:
    assert set(NOTE_ACTS) == set(NoteAct) == set(NOTE_TRANSITIONS)


@pytest.mark.parametrize("state", NoteState)
@pytest.mark.parametrize("act", NoteAct)
def test_a_note(ledger: Ledger, act: NoteAct, state: NoteState) -> None:
    ledger.receipts.record(Receipt(RETURNED, "key", "", "2026-01-01", note=True))
    [planned] = ledger.receipts.open_notes(1)
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE receipts SET note = ?", (state,))
    before = everything(ledger)
    answer = NOTE_ACTS[act](ledger.receipts, planned)
    after = NoteState(ledger.database.value("SELECT note FROM receipts WHERE key = 'key'"))
    transition = NOTE_TRANSITIONS[act]
    if act is NoteAct.RECORD:
        assert after is state
    elif state not in transition.sources:
        assert everything(ledger) == before
        assert answer is Applied.LOST
    else:
        assert everything(ledger) != before
        assert after in (transition.targets or (state,))
        assert answer is Applied.DONE
