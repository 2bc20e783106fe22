"""The contract of the port `Ledger`: what rows forget about an order is in its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from fakes import START
from ledger_beds import MINUTE, LedgerBed

from veracore_sync.clock import to_text
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.states import AttemptOutcome, OrderCause
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.timeline import timeline_of
from veracore_sync.ports.ledger import Ledger

LOST = Failure(Category.TIMEOUT, "no answer in time")
SEEN = ShopVersion("hash", START)
RECORD = WarehouseRecord("A", "A", (), "open")


def intent(veracore_id: str = "A") -> Intent:
    return Intent(veracore_id, (("MUG", 2),), f"payload of {veracore_id}", "settings", SEEN)


def begin(ledger: Ledger) -> None:
    ledger.transitions.discover([Discovery("A", "1", START)])


def said(ledger: Ledger) -> list[str]:
    row = ledger.orders.get("A")
    assert row is not None
    return [f"{one.event}: {one.message}" for one in timeline_of(ledger, row)]


def test_an_order_that_goes_its_way_has_no_history(ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.intend("A", intent())
    ledger.transitions.accept("A", 1, 7)
    ledger.transitions.ship("A")
    assert ledger.reporting.history_of("A") == []


def test_an_attempt_stays_what_it_was(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.intend("A", intent())
    ledger.transitions.doubt("A", 1, OrderCause.LOST, LOST)
    ledger_bed.clock.forward(seconds=60)
    ledger.transitions.absent_once("A", START + timedelta(minutes=5))
    ledger_bed.clock.forward(seconds=600)
    ledger.transitions.resend("A")
    ledger_bed.clock.forward(seconds=60)
    ledger.transitions.intend("A", intent())
    ledger.transitions.doubt("A", 2, OrderCause.LOST, LOST)
    ledger_bed.clock.forward(seconds=60)
    ledger.transitions.adopt("A", "A", RECORD)
    assert said(ledger) == [
        "placed: placed in the shop",
        "seen: first seen",
        "attempt: attempt 1: sent as A: 2 x MUG",
        "doubt: in doubt: VeraCore may or may not have it",
        "outcome: attempt 1: in doubt (no answer in time)",
        "absent: a look-up did not find it; a second one decides",
        "outcome: attempt 1: absent",
        "lookup: a second look-up did not find it either: it may be sent again",
        "attempt: attempt 2: sent as A: 2 x MUG",
        "doubt: in doubt: VeraCore may or may not have it",
        "outcome: attempt 2: in doubt (no answer in time)",
        "outcome: attempt 2: accepted (found by a look-up)",
        "lookup: a look-up found it at VeraCore as A",
        "state: synced",
    ]


def test_one_moment_is_told_once(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.intend("A", intent())
    ledger.transitions.doubt("A", 1, OrderCause.LOST, LOST)
    ledger_bed.clock.forward(milliseconds=2)
    ledger.transitions.absent_once("A", START + timedelta(minutes=5))
    row = ledger.orders.get("A")
    assert row is not None
    early = replace(row, doubt_since=to_text(START - timedelta(milliseconds=2)))
    told = [one.message for one in timeline_of(ledger, early)]
    assert [one for one in told if one.startswith("in doubt: VeraCore")] == [
        "in doubt: VeraCore may or may not have it"
    ]
    assert told[-2] == "in doubt: no answer in time"


def test_an_attempt_under_another_id_keeps_its_own(ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.intend("A", intent())
    ledger.transitions.accept("A", 1, 7)
    ledger.transitions.end_attempts("A", "A", AttemptOutcome.CANCELLED)
    ledger.transitions.cancel("A", "A", "VeraCore cancelled it")
    ledger.transitions.renew_id("A", "A-2")
    ledger.transitions.intend("A", intent("A-2"))
    found = said(ledger)
    assert "attempt: attempt 1: sent as A: 2 x MUG" in found
    assert "outcome: attempt 1: accepted" in found
    assert "outcome: attempt 1: cancelled" in found
    assert "lookup: cancelled at VeraCore: VeraCore cancelled it" in found
    assert "person: a person gave it the new id A-2: it is sent again" in found
    assert "attempt: attempt 2: sent as A-2: 2 x MUG" in found


def test_states_and_acts_that_passed(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    begin(ledger)
    for _ in range(3):
        ledger.transitions.park("A", Failure(Category.MAPPING, "no such SKU"), "settings")
    ledger_bed.clock.forward(seconds=60)
    ledger.audit.end(
        ledger.audit.begin(Actor("act_token 01", "page", ""), "retry", "A"), success=True
    )
    ledger.transitions.requeue("A")
    ledger_bed.clock.forward(seconds=60)
    ledger.transitions.park("A", Failure(Category.MAPPING, "no such method"), "settings")
    found = said(ledger)
    # The same again is said once, and what still stands is said at the end.
    assert found.count("state: parked: no such SKU") == 1
    assert "person: retry through the page: done" in found
    assert "person: a person queued it again" in found
    assert found[-1] == "state: parked: no such method"
    assert found.count("state: parked: no such method") == 1


def test_an_alert_that_opens_again_does_not_rewrite_the_first(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    begin(ledger)
    for number in (1, 2):
        ledger.alerts.open(AlertKind.ORDER_DRIFT, f"change {number}", code="A")
        ledger_bed.clock.forward(seconds=60)
        ledger.alerts.resolve(AlertKind.ORDER_DRIFT, code="A")
        ledger_bed.clock.forward(seconds=60)
    ledger.alerts.open(AlertKind.ORDER_REFUNDED, "5.00", code="A")
    ledger.alerts.accept("A", "agreed by phone")
    ledger.alerts.resolve(AlertKind.ORDER_REFUNDED, code="A")
    alerts = [one for one in said(ledger) if not one.startswith(("placed", "seen", "state"))]
    assert alerts == [
        "alert: alert order.drift: change 1",
        "resolved: alert order.drift is resolved",
        "alert: alert order.drift: change 2",
        "resolved: alert order.drift is resolved",
        "alert: alert order.refunded: 5.00",
        "resolved: alert order.refunded is resolved",
        "accepted: alert order.refunded: agreed by phone",
    ]


def test_every_request_to_cancel_is_there(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.intend("A", intent())
    ledger.transitions.accept("A", 1, 7)
    wishes = ledger.cancellations
    wishes.want("A", "A", "shop")
    wishes.ask("A")
    wishes.asked("A", "no answer that decides", None)
    ledger_bed.clock.forward(seconds=60)
    wishes.refuse("A", "it is being packed")
    ledger_bed.clock.forward(seconds=60)
    wishes.want("A", "A", "person")
    wishes.ask("A")
    ledger_bed.clock.forward(seconds=60)
    wishes.asked("A", "no answer that decides", None)
    wishes.saw_cancelled("A", START + timedelta(hours=1))
    found = [one.removeprefix("cancel: ") for one in said(ledger) if one.startswith("cancel")]
    for once in (
        "to be cancelled at VeraCore, because the shop cancelled it",
        "VeraCore does not cancel it: it is being packed",
        "to be cancelled at VeraCore, once more",
        "to be cancelled at VeraCore, by a person",
        "a look-up showed it as cancelled",
    ):
        assert found.count(once) == 1, found
    assert found.count("VeraCore was asked to cancel it") == 2


def test_a_slip_says_what_became_of_it(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.intend("A", intent())
    ledger.transitions.accept("A", 1, 7)
    ledger.shipments.looked("A", "A", reference="A", rows=None, seen={"1": ()})
    (row,) = ledger.shipments.slips_of("A")
    ledger.shipments.add(row, "F1", {"1": 2}, "1Z1")
    (row,) = ledger.shipments.slips_of("A")
    ledger_bed.clock.forward(seconds=60)
    ledger.shipments.finish(row)
    shipped = to_text(ledger_bed.clock.now())
    ledger_bed.clock.forward(seconds=3600)
    # The next look-up renews the row, and not the time at which it was fulfilled.
    ledger.shipments.looked("A", "A", reference="A", rows=None, seen={"1": ()})
    order = ledger.orders.get("A")
    assert order is not None
    times = {one.message: one.at for one in timeline_of(ledger, order)}
    assert times["slip 1: its fulfilment in the shop is Shipped"] == shipped
    assert times["slip 1: done (1Z1)"] == shipped


def test_the_history_follows_an_order_that_is_set_aside(ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.park("A", Failure(Category.MAPPING, "no such SKU"), "settings")
    row = ledger.orders.get("A")
    assert row is not None
    ledger.transitions.set_aside(row, "A~1", None)
    assert ledger.reporting.history_of("A") == []
    assert len(ledger.reporting.history_of("A~1")) == 1


def test_what_is_old_is_forgotten(ledger: Ledger) -> None:
    begin(ledger)
    ledger.transitions.park("A", Failure(Category.MAPPING, "no such SKU"), "settings")
    assert ledger.upkeep.prune(START)["history"] == 0
    assert ledger.upkeep.prune(START + MINUTE)["history"] == 1
    assert ledger.reporting.history_of("A") == []
