"""Every order that a run met gets its outcome, its reason and what can be done: one place."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from bench import Bench
from fakes import START, make_order, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.order_records import fresh_row
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.orders.reasons import ReasonRules
from veracore_sync.jobs.reasons import Reason, reasons_document

LATER = to_text(START + timedelta(minutes=30))
RULES = ReasonRules(
    triggers=("PaymentSettled",),
    types=("Regular", "Seller"),
    not_before=START - timedelta(days=30),
    now=START,
    rest="the run ended before its turn: VeraCore is down",
)


def stub(**changes: Any) -> OrderStub:
    made = OrderStub("1", "A", "PaymentSettled", "Regular", START, START)
    return replace(made, **changes)


S, C = OrderState, OrderCause
ROWS: list[tuple[dict[str, Any], OrderStub | None, str, str, str]] = [
    # what the ledger has, what the shop lists → outcome, part of the reason, part of what to do
    ({"state": S.SYNCED, "veracore_id": "A"}, stub(), "at VeraCore", "", "stats --order NAME"),
    ({"state": S.SYNCED, "veracore_id": "A-R2"}, None, "at VeraCore, as A-R2", "", "stats"),
    ({"state": S.SHIPPED, "veracore_id": "A"}, None, "shipped", "", "stats --order NAME"),
    (
        {"state": S.SKIPPED, "cause": C.EARLY, "error_message": "old words"},
        stub(),
        "not sent",
        "placed before orders.not_before, 2026-01-30",
        "config show",
    ),
    ({"state": S.SKIPPED, "cause": C.TYPE, "error_message": "a type"}, None, "not sent", "a type",
     "orders.order_types"),
    ({"state": S.SKIPPED, "cause": C.CHANNEL}, stub(), "not sent", "channel", "--order NAME"),
    ({"state": S.SKIPPED, "cause": C.RULE, "error_message": "fully refunded"}, stub(), "not sent",
     "fully refunded", ""),
    ({"state": S.SKIPPED, "cause": C.STATE, "error_message": "it is Shipped"}, None, "not sent",
     "it is Shipped", ""),
    ({"state": S.SKIPPED, "cause": C.STATE}, stub(state="Cancelled"), "not sent", "it is Cancelled",
     ""),
    ({"state": S.SKIPPED, "cause": C.RESOLVED, "error_message": "a person"}, None, "not sent",
     "a person", "resolve NAME --new-id"),
    ({"state": S.CONFLICT, "error_message": "other content"}, None, "in conflict", "other content",
     "resolve NAME"),
    ({"state": S.CANCELLED, "error_message": "gone"}, None, "cancelled at VeraCore", "gone",
     "resolve NAME --new-id"),
    ({"state": S.IN_DOUBT, "error_message": "reset"}, None, "in doubt", "reset", "retry NAME"),
    ({"state": S.SENDING}, None, "in doubt", "ended while it did", "looks it up"),
    ({"state": S.PARKED, "cause": C.OURS, "error_message": "no city"}, None, "parked", "no city",
     "sync-orders --order NAME"),
    ({"state": S.PARKED, "cause": C.REFUSED, "error_message": "unknown SKU"}, None, "parked",
     "unknown SKU", "sync-orders --order NAME"),
    ({"state": S.PARKED, "cause": C.EXHAUSTED, "error_message": "too often"}, None, "parked",
     "too often", "retry NAME"),
    ({"state": S.FAILED, "error_message": "broken"}, None, "failed", "broken", "by itself"),
    ({"state": S.PENDING, "cause": C.WAITING, "error_message": "it is in Modifying in the shop"},
     None, "waiting", "Modifying", "nothing to do"),
    ({"state": S.PENDING, "next_attempt_at": LATER}, stub(), "waiting", "min_age_minutes", ""),
    ({"state": S.PENDING}, stub(), "waiting", "VeraCore is down", "the next run"),
    ({"state": S.PENDING, "error_message": "429"}, stub(), "waiting", "429", "the next run"),
    ({"state": S.PENDING}, stub(state="PaymentAuthorized"), "waiting for payment",
     "it is PaymentAuthorized in the shop", "nothing to do"),
]  # fmt: skip


@pytest.mark.parametrize("case", ROWS, ids=lambda case: f"{case[0]['state']}-{case[2]}")
def test_where_an_order_stands(case: Any) -> None:
    changes, listed, what, reason, todo = case
    row = replace(fresh_row("A", "1", to_text(START)), **changes)
    why = RULES.of(row, listed)
    assert why.what == what
    assert reason in why.reason
    assert todo in why.todo
    assert "A" not in why.reason.split(), "the reasons of a group are equal"


@pytest.mark.parametrize(
    ("changes", "what", "reason"),
    [
        ({"state": "PaymentAuthorized"}, "waiting for payment", "orders.trigger_states"),
        ({"state": "Modifying"}, "waiting", "it is Modifying"),
        ({"state": "Delivered"}, "not sent", "orders are sent when they are PaymentSettled"),
        ({"type": "Aggregate"}, "not sent", "orders.order_types"),
        ({"placed_at": START - timedelta(days=60)}, "not sent", "orders.not_before"),
        ({}, "waiting", "ended before its turn"),
    ],
)
def test_an_order_that_the_ledger_does_not_have(
    changes: dict[str, Any], what: str, reason: str
) -> None:
    why = RULES.of(None, stub(**changes))
    assert why.what == what
    assert reason in why.reason


def groups(bench: Bench, **options: Any) -> dict[str, Reason]:
    return {one.what: one for one in bench.run(**options).reasons}


def early(bench: Bench, count: int) -> None:
    bench.settings = make_settings(orders={"not_before": "2026-11-01T00:00:00Z"})
    for number in range(count):
        bench.shop.add(
            make_order(f"E{number}", placed_at=datetime.fromisoformat("2026-02-01T00:00Z"))
        )


@pytest.mark.parametrize("dry_run", [True, False])
def test_twenty_that_wait_are_twenty_with_their_reason(bench: Bench, dry_run: bool) -> None:
    early(bench, 20)
    for _ in range(2):
        found = groups(bench, dry_run=dry_run)
        assert list(found) == ["not sent"]
        assert found["not sent"].count == 20
        assert found["not sent"].reason == "placed before orders.not_before, 2026-11-01 00:00 UTC"
        assert len(found["not sent"].names) == 10


def test_what_waits_for_payment_is_counted_where_a_person_reads(bench: Bench) -> None:
    for number in range(3):
        bench.shop.add(make_order(f"P{number}", state="PaymentAuthorized"))
    assert groups(bench) == {}
    for options in ({"dry_run": True}, {"is_read": True}):
        found = groups(bench, **options)["waiting for payment"]
        assert (found.count, found.is_new) == (3, False)


def test_that_the_shop_cannot_list_those_ends_no_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.shop.add(make_order("A"))
    poll = bench.shop.poll

    def second_fails(**asked: Any) -> Any:
        if "PaymentAuthorized" in asked["trigger_states"]:
            raise Unavailable("down", upstream="vendure")
        return poll(**asked)

    monkeypatch.setattr(bench.shop, "poll", second_fails)
    report = bench.run(is_read=True)
    assert report.outcomes == {"A": "submitted"}
    assert report.notices == ["orders that wait for payment are not shown: down"]


def test_what_this_run_did_is_told_from_what_it_left(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    first = groups(bench)["sent"]
    assert (first.names, first.is_new) == (["A"], True)
    bench.settings = make_settings(orders={"min_age_minutes": 60})
    bench.shop.add(make_order("B", placed_at=START))
    assert groups(bench)["waiting"].is_new
    again = groups(bench)["waiting"]
    assert (again.names, again.is_new, again.at is not None) == (["B"], False, True)


@pytest.mark.parametrize("dry_run", [True, False])
def test_who_names_orders_gets_an_answer_for_each(bench: Bench, dry_run: bool) -> None:
    bench.shop.add(make_order("SENT"))
    bench.run()
    bench.shop.add(make_order("UNPAID", state="PaymentAuthorized"))
    bench.shop.add(make_order("NEW"))
    report = bench.run(only=("SENT", "UNPAID", "NEW"), dry_run=dry_run)
    told = {one.names[0]: one.what for one in report.reasons}
    new = "would be sent" if dry_run else "sent"
    assert told == {"SENT": "at VeraCore", "UNPAID": "waiting for payment", "NEW": new}
    commands = [one.next for one in report.reasons if "veracore-sync" in one.next]
    assert any("--order SENT" in one for one in commands)


def test_a_dry_run_says_that_the_first_run_would_be_held_back(bench: Bench) -> None:
    bench.settings = make_settings(orders={"max_first_run": 1})
    for code in ("A", "B"):
        bench.shop.add(make_order(code))
    report = bench.run(dry_run=True)
    assert [one for one in report.notices if "--allow-first-run" in one]
    _, error = bench.stopped()
    assert "2 orders are waiting" in error.message


def test_an_order_that_cannot_be_read_is_named_in_the_plan(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.shop.add(make_order("BAD"))
    bench.shop.garbled.add("BAD")
    found = groups(bench, dry_run=True)
    assert found["would be sent"].names == ["A"]
    assert found["cannot be read"].names == ["BAD"]


def test_the_document_has_the_same(bench: Bench) -> None:
    early(bench, 12)
    (document,) = reasons_document(bench.run(dry_run=True).reasons)
    assert (document["outcome"], document["count"], len(document["names"])) == ("not sent", 12, 10)
    assert document["isNew"] is False
    assert "orders.not_before" in document["next"]


def test_what_is_being_cancelled_is_told_until_look_ups_confirm_it(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.ledger.cancellations.want("A", "A", "person")
    for _ in range(2):
        found = groups(bench)["being cancelled at VeraCore"]
        assert (found.names, found.is_new) == (["A"], False)
    assert "a second one confirms that" in found.reason
    assert "being cancelled at VeraCore" in groups(bench, only=("A",))
    for _ in range(3):
        bench.clock.forward(hours=1)
        bench.run()
    assert bench.state("A") == "cancelled"
    assert "being cancelled at VeraCore" not in groups(bench)


def test_what_the_run_did_not_come_to_says_why(bench: Bench) -> None:
    for code in ("A", "B", "C"):
        bench.shop.add(make_order(code))
    found = groups(bench, limit=1)
    assert (found["sent"].count, found["waiting"].count) == (1, 2)
    assert found["waiting"].reason == "beyond --limit 1"
    bench.warehouse.control_error = Unavailable("VeraCore is down", upstream="veracore")
    report, _ = bench.stopped()
    [waiting] = report.reasons
    assert waiting.count == 2
    assert waiting.reason == "the run ended before its turn: VeraCore is down"


def test_a_change_in_the_shop_says_what_changed(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    address = replace(bench.shop.by_code["A"].shipping_address, city="Potsdam")
    bench.shop.change("A", shipping_address=address, updated_at=bench.clock.now())
    [found] = bench.run().reasons
    assert (found.what, found.names) == ("differs from the shop", ["A"])
    assert "ship-to changed (city)" in found.reason


def test_an_order_that_only_the_ledger_has_is_shown_there(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    del bench.shop.by_code["A"]
    _, error = bench.stopped(only=("A",))
    assert error.hint == "`veracore-sync stats --order A` shows what the ledger knows of it"
    _, error = bench.stopped(only=("a",))
    assert error.hint == "it is A in the shop: `veracore-sync sync-orders --order A`"
    _, error = bench.stopped(only=("NOPE",))
    assert error.hint == "check the code; it is case-sensitive"
