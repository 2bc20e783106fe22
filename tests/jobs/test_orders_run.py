"""The orders job over a real ledger, with a shop and a warehouse in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from bench import Bench
from fakes import ADDRESS, START, line, make_order, make_settings

from veracore_sync.domain.errors import ConfigError, NeedsPerson, Unavailable, UsageError
from veracore_sync.domain.orders import Address, Customer
from veracore_sync.domain.warehouse import RecordLine, WarehouseOrder, WarehouseRecord
from veracore_sync.jobs.inventory.sku_map import SPELLINGS, sku_key
from veracore_sync.jobs.orders.ids import renewed_id


def test_paid_orders_go_out_once(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}") for n in range(20)))
    assert bench.run().count("submitted") == 20
    assert bench.run().outcomes == {}
    assert set(bench.warehouse.submissions.values()) == {1}
    assert len(bench.warehouse.submissions) == 20


def test_an_sku_goes_out_in_veracores_unicode_form(bench: Bench) -> None:
    nfd = "CAFE\u0301"
    sent: list[str] = []
    bench.warehouse.before_submit = lambda order: sent.extend(one.sku for one in order.lines)
    bench.shop.add(make_order("A", lines=(line("1", nfd, 1),)))
    bench.run()
    bench.ledger.meta.put(SPELLINGS, json.dumps({sku_key(nfd): nfd}))
    bench.shop.add(make_order("B", lines=(line("1", "CAFÉ", 1),)))
    bench.run()
    assert sent == ["CAFÉ", nfd]
    bench.clock.forward(seconds=7200)
    assert bench.run().outcomes == {}


def test_an_address_sent_by_codes_is_no_drift(bench: Bench) -> None:
    address = replace(ADDRESS, province="Texas", country_code="us")
    bench.shop.add(make_order("A", shipping_address=address))
    sent: list[str] = []
    bench.warehouse.before_submit = lambda order: sent.append(order.ship_to.state)
    bench.run()
    bench.clock.forward(seconds=7200)
    assert (bench.run().outcomes, sent) == ({}, ["TX"])
    assert bench.state("A") == "synced"


def test_a_second_run_asks_the_shop_once_and_the_warehouse_never(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.shop.polls = bench.shop.reads = bench.warehouse.controls = 0
    bench.run()
    assert (bench.shop.polls, bench.shop.reads, bench.warehouse.controls) == (1, 0, 0)


def test_a_field_that_the_shop_has_not_is_told_of_the_run_before_any_order(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}") for n in range(3)))
    bench.shop.refused = ConfigError("orders.po_number_field: no such field")
    with pytest.raises(ConfigError, match="po_number_field"):
        bench.run()
    assert (bench.shop.reads, bench.warehouse.controls) == (0, 0)
    assert bench.warehouse.submissions == {}
    bench.shop.refused = None
    assert bench.run().count("submitted") == 3


def test_the_intent_is_committed_before_the_request(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    seen: list[str] = []
    bench.warehouse.before_submit = lambda order: seen.append(bench.state("A"))
    bench.run()
    assert seen == ["sending"]
    assert bench.row("A").sequence is not None


@pytest.mark.parametrize(
    ("word", "ends", "submissions"),
    [("lost after", "synced", 1), ("fault after", "synced", 1), ("other id", "synced", 1)],
)
def test_stored_but_not_answered_is_adopted(
    bench: Bench, word: str, ends: str, submissions: int
) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append(word)
    result = bench.run()
    assert bench.state("A") == ends
    assert result.outcomes == {"A": "adopted"}
    assert bench.warehouse.submissions == {"A": submissions}


def test_a_lost_request_is_sent_again_only_after_two_absences_and_the_grace(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.run()
    bench.shop.add(make_order("C"))
    bench.warehouse.script.append("lost before")
    bench.run()
    assert bench.state("C") == "in_doubt"
    bench.clock.forward(seconds=179)
    bench.run()
    assert (bench.state("C"), bench.warehouse.submissions["C"]) == ("in_doubt", 1)
    bench.clock.forward(seconds=2)
    bench.run()
    bench.run()
    assert (bench.state("C"), bench.warehouse.submissions["C"]) == ("synced", 2)


def test_a_false_absence_makes_no_second_order(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.shop.add(make_order("B"))
    bench.warehouse.script.append("lost after")
    bench.warehouse.lies = 1
    bench.run()
    assert bench.state("B") == "in_doubt"
    bench.clock.forward(minutes=5)
    bench.run()
    assert (bench.state("B"), bench.warehouse.submissions["B"]) == ("synced", 1)


def test_an_unknown_fault_that_ends_in_absent_parks_and_quotes(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.shop.add(make_order("B"), make_order("C"))
    bench.warehouse.script.append("fault")
    bench.run()
    assert (bench.state("B"), bench.state("C")) == ("in_doubt", "synced")
    assert bench.warehouse.controls == 3
    bench.clock.forward(minutes=5)
    result = bench.run()
    assert bench.state("B") == "parked"
    assert "Something odd" in (bench.row("B").error_message or "")
    assert result.needs_person


def test_after_an_unknown_fault_a_failing_control_call_ends_the_run(bench: Bench) -> None:
    bench.settings = make_settings(orders={"workers": 1})
    bench.shop.add(*(make_order(f"A{n}") for n in range(9)))
    bench.warehouse.script.append("fault")

    def refuse(_: object) -> None:
        bench.warehouse.control_error = Unavailable("gone", upstream="veracore")

    bench.warehouse.before_submit = refuse
    bench.stopped()
    assert sum(bench.warehouse.submissions.values()) == 1


def test_a_refusal_parks_only_that_order_and_is_tried_again_each_hour(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.warehouse.script.append("refused")
    first = bench.run()
    assert (bench.state("A"), bench.state("B")) == ("parked", "synced")
    assert "orders.source" in (bench.row("A").error_message or "")
    assert len(first.needs_person) == 1
    bench.clock.forward(minutes=30)
    assert bench.run().outcomes == {}
    bench.clock.forward(minutes=40)
    bench.warehouse.script.append("refused")
    assert bench.run().needs_person == []
    bench.clock.forward(minutes=70)
    assert bench.run().count("submitted") == 1
    assert bench.ledger.alerts.standing() == []


def test_what_we_park_is_planned_again_when_the_order_changes(bench: Bench) -> None:
    bench.shop.add(make_order("A", shipping_address=replace(ADDRESS, street1=" ")))
    result = bench.run()
    assert "no street" in result.needs_person[0]
    assert bench.run().needs_person == []
    bench.shop.change("A", shipping_address=ADDRESS)
    bench.run()
    assert bench.state("A") == "synced"


def test_what_we_park_is_planned_again_when_the_settings_change(bench: Bench) -> None:
    bench.settings = make_settings(orders={"freight": {"express": {"code": "U01"}}})
    bench.shop.add(make_order("A"))
    assert "standard-shipping" in bench.run().needs_person[0]
    freight = {"express": {"code": "U01"}, "standard-shipping": {"code": "U11"}}
    bench.settings = make_settings(orders={"freight": freight})
    bench.run()
    assert bench.state("A") == "synced"


def test_never_connected_goes_back_without_a_look_up_and_three_end_the_run(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}") for n in range(10)))
    bench.warehouse.script.extend(["not connected"] * 3)
    result, error = bench.stopped()
    assert isinstance(error, Unavailable)
    assert bench.ledger.orders.counts()["pending"] == 10
    assert (bench.warehouse.looked_up, bench.warehouse.submissions.get("A3")) == ([], None)
    assert bench.run().count("submitted") == 10
    assert result.needs_person == []


def test_turned_away_by_429_waits_as_asked(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("429")
    bench.run()
    assert bench.state("A") == "pending"
    bench.clock.forward(seconds=29)
    bench.run()
    assert bench.state("A") == "pending"
    bench.clock.forward(seconds=2)
    bench.run()
    assert bench.state("A") == "synced"


def test_a_dead_run_leaves_a_doubt_not_a_second_order(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    order = make_order("B")
    bench.shop.add(order)

    def die(_: object) -> None:
        raise KeyboardInterrupt

    bench.warehouse.before_submit = die
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    assert bench.state("B") == "sending"
    bench.warehouse.before_submit = lambda order: None
    bench.run()
    assert bench.state("B") == "in_doubt"
    bench.clock.forward(minutes=5)
    bench.run()
    bench.run()
    assert (bench.state("B"), bench.warehouse.submissions) == ("synced", {"A": 1, "B": 1})


def test_what_a_dead_run_left_is_looked_up_once_and_nobody_raced(bench: Bench) -> None:
    bench.shop.add(make_order("A"))

    def die(order: WarehouseOrder) -> None:
        lines = tuple(RecordLine(one.sku, one.quantity) for one in order.lines)
        bench.warehouse.held["a"] = WarehouseRecord(order.id, order.reference, lines, "open")
        raise KeyboardInterrupt

    bench.warehouse.before_submit = die
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    report = bench.run()
    assert (bench.state("A"), report.outcomes) == ("synced", {"A": "adopted"})
    assert (bench.warehouse.looked_up, report.notices) == (["A"], [])


def test_the_first_run_does_not_ship_a_backlog(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}") for n in range(60)))
    _, error = bench.stopped()
    assert isinstance(error, NeedsPerson)
    assert "--allow-first-run" in error.hint
    assert bench.ledger.orders.counts()["pending"] == 0
    assert bench.run(allow_first_run=True).count("submitted") == 60


def test_a_lost_ledger_adopts_what_veracore_has(bench: Bench) -> None:
    bench.shop.add(*(make_order(f"A{n}", placed_at=START - timedelta(hours=3)) for n in range(5)))
    for order in bench.shop.by_code.values():
        record = WarehouseRecord(order.code, order.code, (RecordLine("MUG", 2),), "open")
        bench.warehouse.held[order.code.casefold()] = record
    result = bench.run()
    assert (result.count("adopted"), bench.warehouse.submissions) == (5, {})


@pytest.mark.parametrize(("units", "alerts"), [(1, ["order.drift"]), (2, [])])
def test_what_changed_since_a_lost_ledger_sent_it_is_drift(
    bench: Bench, units: int, alerts: list[str]
) -> None:
    bench.shop.add(make_order("A", placed_at=START - timedelta(hours=3)))
    lines = (RecordLine("MUG", units), RecordLine("TEE", 1))
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", lines, "open")
    result = bench.run()
    assert (bench.state("A"), bench.warehouse.submissions) == ("synced", {})
    assert [one.kind for one in bench.ledger.alerts.standing()] == alerts
    assert len(result.needs_person) == len(alerts)
    assert all("sent from an earlier or another ledger" in one for one in result.needs_person)


@pytest.mark.parametrize(("units", "state"), [(2, "synced"), (1, "conflict")])
def test_a_lost_ledger_adopts_an_order_without_a_reference_by_its_units(
    bench: Bench, units: int, state: str
) -> None:
    bench.shop.add(make_order("A", placed_at=START - timedelta(hours=3)))
    lines = (RecordLine("MUG", units), RecordLine("TEE", 1))
    bench.warehouse.held["a"] = WarehouseRecord("A", "", lines, "open")
    bench.run()
    assert (bench.state("A"), bench.warehouse.submissions) == (state, {})


@pytest.mark.parametrize("reference", ["", None])
def test_a_refused_duplicate_without_a_reference_is_ours_with_equal_units(
    bench: Bench, reference: str | None
) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    equal = (RecordLine("MUG", 2), RecordLine("TEE", 1))
    bench.warehouse.held["a"] = WarehouseRecord("A", reference, equal, "open")
    bench.warehouse.held["b"] = WarehouseRecord("B", reference, equal[:1], "open")
    bench.run()
    assert (bench.state("A"), bench.state("B")) == ("synced", "conflict")


def test_an_old_order_that_veracore_does_not_have_is_sent(bench: Bench) -> None:
    bench.shop.add(make_order("A", placed_at=START - timedelta(hours=3)))
    assert bench.run().count("submitted") == 1
    assert bench.warehouse.looked_up == ["A", *(renewed_id("A", "", n) for n in (1, 2, 3))]


def test_another_order_under_our_id_is_a_conflict(bench: Bench) -> None:
    bench.shop.add(make_order("A", placed_at=START - timedelta(hours=3)))
    bench.warehouse.held["a"] = WarehouseRecord("A", "somebody else", (), "open")
    result = bench.run()
    assert bench.state("A") == "conflict"
    assert "somebody else" in result.needs_person[0]


def test_other_content_under_our_id_is_a_conflict_that_says_what_differs(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", (RecordLine("MUG", 3),), "open")
    result = bench.run()
    assert bench.state("A") == "conflict"
    assert "MUG 3 there, 2 sent" in result.needs_person[0]
    assert "TEE 0 there, 1 sent" in result.needs_person[0]


def test_cancelled_at_the_warehouse_meanwhile_is_never_synced(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    lines = (RecordLine("MUG", 2), RecordLine("TEE", 1))
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", lines, "cancelled")
    assert bench.run().needs_person
    assert bench.state("A") == "cancelled"


def test_cancelled_in_the_shop_while_in_doubt_is_not_sent_again(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.shop.add(make_order("B"))
    bench.warehouse.script.append("lost before")
    bench.run()
    bench.shop.change("B", state="Cancelled", lines=(line("1", "MUG", 0),))
    bench.clock.forward(minutes=5)
    bench.run()
    bench.run()
    assert (bench.state("B"), bench.warehouse.submissions["B"]) == ("skipped", 1)


def test_a_duplicate_that_a_look_up_does_not_find_is_a_conflict(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.held["a"] = WarehouseRecord("A", "A", (), "open")
    bench.warehouse.lies = 1
    assert "already exists" in bench.run().needs_person[0]
    assert bench.state("A") == "conflict"


def test_credentials_that_never_found_an_order_do_not_end_a_doubt(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.warehouse.script.extend(["lost before", "lost before"])
    bench.run()
    bench.clock.forward(minutes=5)
    bench.run()
    bench.run()
    assert bench.warehouse.submissions == {"A": 2, "B": 1}, "only the oldest doubt goes again"
    bench.clock.forward(minutes=5)
    bench.run()
    bench.clock.forward(minutes=5)
    bench.run()
    bench.run()
    assert bench.warehouse.submissions == {"A": 2, "B": 2}
    assert bench.state("B") == "synced"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paid": Decimal(46), "refunded": Decimal(46)}, "fully refunded"),
        ({"lines": (line("1", "MUG", 2, fulfilled=2),)}, "nothing is left"),
        ({"placed_at": START - timedelta(days=300)}, "before orders.not_before"),
    ],
)
def test_what_is_not_sent_is_said_once(
    bench: Bench, changes: dict[str, object], words: str
) -> None:
    bench.shop.add(make_order("A", **changes))
    assert bench.run().outcomes == {"A": "skipped"}
    assert words in (bench.row("A").error_message or "")
    assert bench.run().outcomes == {}
    assert bench.warehouse.submissions == {}


def test_only_the_rest_of_a_partly_fulfilled_order_is_sent(bench: Bench) -> None:
    bench.shop.add(
        make_order("A", lines=(line("1", "MUG", 2, fulfilled=1), line("2", "TEE", 1, 1)))
    )
    bench.run()
    assert bench.warehouse.held["a"].lines == (RecordLine("MUG", 1),)


def test_partly_shipped_by_hand_is_reported_once(bench: Bench) -> None:
    bench.shop.add(make_order("A", state="PartiallyShipped"))
    assert "PartiallyShipped" in bench.run().needs_person[0]
    assert bench.run().needs_person == []


def test_a_cancellation_after_it_was_sent_needs_a_person(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.run()
    bench.clock.forward(minutes=5)
    bench.shop.change("A", state="Cancelled", updated_at=bench.clock.now())
    assert "cancelled in the shop" in bench.run().needs_person[0]
    bench.clock.forward(minutes=1)
    assert bench.run().needs_person == []
    assert [alert.kind for alert in bench.ledger.alerts.standing()] == ["order.cancelled_in_shop"]


def test_a_modification_after_it_was_sent_is_drift(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.run()
    bench.clock.forward(minutes=5)
    bench.shop.change("A", lines=(line("1", "MUG", 5),), updated_at=bench.clock.now())
    bench.shop.change("B", updated_at=bench.clock.now())
    news = bench.run().needs_person
    assert len(news) == 1
    assert news[0].startswith("A: it was changed in the shop")


def test_held_in_modifying_waits_and_then_leaves(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.settings = make_settings(orders={"min_age_minutes": 3})
    bench.run()
    bench.shop.change("A", state="Modifying")
    bench.clock.forward(minutes=4)
    bench.run()
    assert bench.state("A") == "pending"
    bench.shop.change("A", state="PaymentSettled", lines=(line("1", "MUG", 7),))
    bench.run()
    assert bench.warehouse.held["a"].lines == (RecordLine("MUG", 7),)


def test_a_backlog_of_parked_orders_does_not_delay_a_fresh_one(bench: Bench) -> None:
    nowhere = replace(ADDRESS, city="")
    bench.shop.add(make_order("OK"))
    bench.run()
    bench.shop.add(*(make_order(f"P{n}", shipping_address=nowhere) for n in range(200)))
    bench.run()
    bench.shop.add(make_order("FRESH"))
    sent: list[str] = []
    bench.warehouse.before_submit = lambda order: sent.append(order.id)
    bench.clock.forward(hours=2)
    result = bench.run()
    assert sent == ["FRESH"]
    assert next(iter(result.outcomes)) == "FRESH"


def test_a_dry_run_plans_and_changes_nothing(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B", shipping_address=replace(ADDRESS, city="")))
    before = bench.ledger.database.rows("SELECT * FROM orders")
    result = bench.run(dry_run=True)
    assert [type(action).__name__ for action in result.plan or ()] == ["SubmitOrder", "ParkOrder"]
    assert bench.ledger.database.rows("SELECT * FROM orders") == before
    assert (bench.warehouse.controls, bench.warehouse.submissions) == (0, {})


def test_against_a_simulator_a_remote_shop_is_only_planned(bench: Bench) -> None:
    bench.settings = make_settings(vendure={"admin_api_url": "http://shop.example/admin-api"})
    bench.warehouse.is_sandbox = True
    bench.shop.add(make_order("A"))
    result = bench.run()
    assert result.plan is not None
    assert "simulator" in result.notices[0]
    assert (bench.warehouse.submissions, bench.ledger.orders.get("A")) == ({}, None)


def test_a_named_order_goes_out_alone_and_an_unknown_one_is_an_error(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.run(only=("B",))
    assert list(bench.warehouse.submissions) == ["B"]
    _, error = bench.stopped(only=("NOPE",))
    assert isinstance(error, UsageError)


def test_a_limit_counts_what_is_sent(bench: Bench) -> None:
    bench.shop.add(make_order("A", refunded=Decimal(46)), *(make_order(f"B{n}") for n in range(5)))
    assert bench.run(limit=2).count("submitted") == 2


def test_one_order_that_cannot_be_read_stops_no_other(bench: Bench) -> None:
    bench.shop.add(make_order("A"), make_order("B"))
    bench.shop.garbled = {"A"}
    bench.run()
    assert (bench.state("A"), bench.state("B")) == ("failed", "synced")
    for _ in range(10):
        bench.clock.forward(hours=2)
        result = bench.run()
    assert bench.state("A") == "parked"
    assert bench.row("A").retry_count == 10
    assert result.needs_person == []
    assert [alert.code for alert in bench.ledger.alerts.standing()] == ["A"]


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": Customer(), "shipping_address": Address()},
        {"currency": "???"},
        {"currency": ""},
        {"placed_at": None},
        {"placed_at": START + timedelta(days=3000)},
        {"updated_at": START + timedelta(days=3000)},
        {"lines": ()},
        {"lines": (line("1", "", 1),)},
        {"lines": (line("1", "MUG", -3),)},
        {"paid": Decimal("NaN"), "refunded": Decimal("-1")},
        {"shipping_lines": ()},
    ],
)
def test_odd_values_of_one_order_stop_no_other(bench: Bench, changes: dict[str, object]) -> None:
    bench.shop.add(make_order("A", **changes), make_order("B"))
    bench.run()
    assert bench.state("B") == "synced"
    assert bench.state("A") in ("synced", "parked", "skipped", "failed")


def test_one_order_that_cannot_be_planned_stops_no_other(bench: Bench) -> None:
    bench.shop.add(make_order("A", shipping_lines=(None,)), make_order("B"))
    bench.run()
    assert (bench.state("A"), bench.state("B")) == ("failed", "synced")


def test_ids_longer_than_twenty_are_cut_and_unique(bench: Bench) -> None:
    codes = ["ABCDEFGHIJKLMNOPQRSTUVWX1", "ABCDEFGHIJKLMNOPQRSTUVWX2", "dup", "DUP"]
    bench.shop.add(*(make_order(code) for code in codes))
    bench.run()
    ids = [bench.row(code).veracore_id or "" for code in codes]
    assert len({one.casefold() for one in ids}) == 4
    assert all(len(one) <= 20 for one in ids)
    assert bench.warehouse.held[ids[0].casefold()].reference == codes[0]
