"""What a person may do about an order: the decision alone, then the verbs over a ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from bench import Bench
from fakes import START, make_order, make_settings

from veracore_sync.domain.errors import Category, NeedsPerson, SyncError, Unavailable, UsageError
from veracore_sync.domain.order_records import Failure
from veracore_sync.domain.warehouse import RecordLine, WarehouseRecord
from veracore_sync.jobs import retry
from veracore_sync.jobs.orders.acts import (
    Act,
    Cancelled,
    Foreign,
    Gone,
    NotYet,
    Ours,
    Proceed,
    RecordCancelled,
    Refuse,
    Sight,
    TakeOver,
    Unseen,
    decide,
)
from veracore_sync.jobs.orders.doubt_resolver import DoubtResolver
from veracore_sync.jobs.orders.ids import renewed_id
from veracore_sync.jobs.resolve import Resolver

GRACE = 180
RECORD = WarehouseRecord("A", None, None, "open")
LATER = START + timedelta(seconds=GRACE)
DEAD = (Cancelled("A", "cancelled"), Foreign("A", "another"), Gone("A"))
UNKNOWN = (NotYet("A", LATER, first=True), Unseen("A", Unavailable("down", upstream="veracore")))
ALL = (*DEAD, *UNKNOWN, Ours("A", RECORD))


@pytest.mark.parametrize("act", [Act.NEW_ID, Act.SKIP])
@pytest.mark.parametrize("second", ALL, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("first", ALL, ids=lambda one: type(one).__name__)
def test_only_what_is_dead_under_every_id_is_given_up(
    act: Act, first: Sight, second: Sight
) -> None:
    decision = decide(act, "A", [first, second])
    assert isinstance(decision, Proceed) == (first in DEAD and second in DEAD)
    if isinstance(decision, Refuse):
        assert decision.hold is None
        assert isinstance(decision.error, SyncError)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (Ours("H", RECORD), TakeOver),
        (Cancelled("H", "cancelled"), RecordCancelled),
        (Foreign("H", "another"), Refuse),
        (Gone("H"), Refuse),
        (NotYet("H", LATER, first=True), Refuse),
        (UNKNOWN[1], Refuse),
    ],
)
def test_what_is_named_is_adopted_only_as_ours_and_alone(
    named: Sight, expected: type[object]
) -> None:
    for other in DEAD:
        assert type(decide(Act.ADOPT, "A", [other], named)) is expected
    there = decide(Act.ADOPT, "A", [Ours("A", RECORD)], named)
    assert isinstance(there, Refuse)
    for other in UNKNOWN:
        decision = decide(Act.ADOPT, "A", [other], named)
        assert isinstance(decision, Refuse)
        assert (decision.hold is not None) == isinstance(named, Ours)


def test_who_is_told_to_come_back_is_told_when_and_what_to_type() -> None:
    decision = decide(Act.ADOPT, "A", [NotYet("A", LATER, first=True)], Ours("H", RECORD))
    assert isinstance(decision, Refuse)
    assert isinstance(decision.error, NeedsPerson)
    assert "2026-03-01T12:03:00" in decision.error.hint
    assert "`veracore-sync resolve A --adopt H`" in decision.error.hint


# ---- over a ledger -------------------------------------------------------------------------------


def resolver(bench: Bench) -> Resolver:
    return Resolver(bench.context())


def in_doubt(bench: Bench, word: str, known: bool = True) -> None:
    """The order A in doubt, sent a moment ago and not found by the run that sent it."""
    bench.settings = make_settings(orders={"workers": 1, "grace_seconds": GRACE})
    if known:
        bench.shop.add(make_order("KNOWN"))
        bench.run()
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append(word)
    bench.warehouse.lies = 9 if "after" in word else 0
    bench.run()
    assert bench.state("A") == "in_doubt"
    bench.warehouse.lies = 0


def hold(bench: Bench, identity: str, **changes: object) -> None:
    lines = (RecordLine("MUG", 2), RecordLine("TEE", 1))
    record = replace(WarehouseRecord(identity, "A", lines, "open"), **changes)  # type: ignore[arg-type]
    bench.warehouse.held[identity.casefold()] = record


def test_an_absence_of_credentials_that_find_nothing_gives_no_new_id(bench: Bench) -> None:
    in_doubt(bench, "lost before", known=False)
    bench.clock.forward(minutes=10)
    for _ in range(3):
        with pytest.raises(SyncError, match="proves nothing"):
            resolver(bench).new_id("A")
        bench.clock.forward(minutes=10)
    assert bench.row("A").veracore_id == "A"


def test_new_ids_are_derived_from_code_and_count(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    for count in (1, 2):
        bench.clock.forward(seconds=GRACE + 1)
        if bench.state("A") == "in_doubt":
            resolver(bench).new_id("A")
        else:
            bench.warehouse.script.append("refused")
            bench.run()
            assert bench.state("A") == "parked"
            resolver(bench).new_id("A")
        assert bench.row("A").veracore_id == renewed_id("A", "", count)


def test_a_new_id_that_is_taken_there_is_passed_by(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    hold(bench, renewed_id("A", "", 1), reference="SOMEBODY")
    bench.clock.forward(seconds=GRACE + 1)
    resolver(bench).new_id("A")
    assert bench.row("A").veracore_id == renewed_id("A", "", 2)


def test_a_new_id_under_which_veracore_has_it_is_to_be_adopted(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    there = renewed_id("A", "", 1)
    hold(bench, there)
    bench.clock.forward(seconds=GRACE + 1)
    with pytest.raises(NeedsPerson) as told:
        resolver(bench).new_id("A")
    assert f"--adopt {there}" in told.value.hint
    resolver(bench).adopt("A", there)
    assert (bench.state("A"), bench.row("A").veracore_id) == ("synced", there)


def test_a_new_id_that_veracore_refuses_as_used_is_a_conflict_once(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    bench.clock.forward(seconds=GRACE + 1)
    resolver(bench).new_id("A")
    fresh = bench.row("A").veracore_id or ""
    hold(bench, fresh, reference="SOMEBODY")
    bench.warehouse.lies = 1
    bench.run()
    assert bench.state("A") == "conflict"
    for _ in range(3):
        bench.clock.forward(minutes=70)
        bench.run()
    assert (bench.state("A"), bench.warehouse.submissions[fresh]) == ("conflict", 1)


def test_an_earlier_id_that_turns_up_forbids_another(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    bench.clock.forward(seconds=GRACE + 1)
    resolver(bench).new_id("A")
    hold(bench, "A")
    with pytest.raises(NeedsPerson, match="VeraCore has A as A"):
        resolver(bench).new_id("A")


def test_a_lost_ledger_looks_under_the_first_new_id_too(bench: Bench) -> None:
    hold(bench, renewed_id("A", "", 1))
    bench.shop.add(make_order("A", placed_at=START - timedelta(hours=3)))
    assert bench.run().outcomes == {"A": "adopted"}
    assert bench.row("A").veracore_id == renewed_id("A", "", 1)
    assert bench.warehouse.submissions == {}


def test_what_is_adopted_with_other_content_is_told(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    hold(bench, "A", lines=(RecordLine("MUG", 1), RecordLine("TEE", 1)))
    acting = resolver(bench)
    acting.adopt("A", None)
    [told] = acting.report.needs_person
    assert "MUG 1 there, 2 sent" in told
    assert bench.state("A") == "synced"
    assert [one.kind for one in bench.ledger.alerts.standing()] == ["order.drift"]


@pytest.mark.parametrize(
    ("reference", "units", "is_adopted"),
    [("A", 1, True), ("", 2, True), ("", 1, False), ("B", 2, False), ("AB", 2, False)],
)
def test_only_what_bears_its_code_or_a_cut_of_it_with_its_units_is_adopted(
    bench: Bench, reference: str, units: int, is_adopted: bool
) -> None:
    in_doubt(bench, "lost before")
    lines = (RecordLine("MUG", units), RecordLine("TEE", 1))
    hold(bench, "HAND", reference=reference, lines=lines)
    bench.clock.forward(seconds=GRACE + 1)
    if is_adopted:
        resolver(bench).adopt("A", "HAND")
        assert (bench.state("A"), bench.row("A").veracore_id) == ("synced", "HAND")
    else:
        with pytest.raises(NeedsPerson, match="another order under the id HAND"):
            resolver(bench).adopt("A", "HAND")
        assert bench.state("A") == "in_doubt"


def test_nothing_is_sent_while_what_is_to_be_adopted_waits_for_the_grace(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    hold(bench, "HAND")
    with pytest.raises(NeedsPerson, match="may still arrive"):
        resolver(bench).adopt("A", "HAND")
    assert bench.state("A") == "conflict"
    bench.clock.forward(minutes=70)
    bench.run()
    assert bench.warehouse.submissions["A"] == 1
    resolver(bench).adopt("A", "HAND")
    assert bench.row("A").veracore_id == "HAND"
    assert bench.ledger.alerts.standing() == []


def test_an_id_that_another_order_was_ever_sent_under_is_not_adopted(bench: Bench) -> None:
    in_doubt(bench, "lost before")
    bench.clock.forward(seconds=GRACE + 1)
    resolver(bench).new_id("A")
    bench.shop.add(make_order("B"))
    bench.warehouse.script.append("refused")
    bench.run(only=("B",))
    with pytest.raises(UsageError, match="another order"):
        resolver(bench).adopt("B", "a")


def test_skipping_what_was_never_sent_asks_nothing(bench: Bench) -> None:
    bench.shop.add(make_order("A"))
    bench.warehouse.script.append("refused")
    bench.run()
    bench.warehouse.down = True
    resolver(bench).skip("A")
    assert bench.state("A") == "skipped"


@pytest.mark.parametrize("state", ["failed", "parked", "pending"])
def test_an_attempt_whose_end_nobody_knows_forbids_another(bench: Bench, state: str) -> None:
    """An earlier version gave a new id over a doubt, and what was sent arrived after all."""
    in_doubt(bench, "lost after")
    bench.ledger.transitions.renew_id("A", "A-2")
    if state != "pending":
        most = 1 if state == "parked" else 9
        bench.ledger.transitions.fail("A", Failure(Category.INTERNAL, "odd"), START, most)
        chosen = retry.plan(bench.ledger, ("A",), every=False, error_class=None)
        assert [row.code for row in chosen.look_up] == ["A"]
        context = bench.context()
        retry.execute(chosen, bench.ledger, context.report, DoubtResolver(context))
    bench.run()
    assert (bench.state("A"), bench.row("A").veracore_id) == ("synced", "A")
    assert bench.warehouse.submissions == {"KNOWN": 1, "A": 1}


def test_a_refusal_that_a_look_up_had_to_tell_is_retried(bench: Bench) -> None:
    in_doubt(bench, "fault")
    bench.clock.forward(seconds=GRACE + 1)
    bench.run()
    assert bench.state("A") == "parked"
    assert [one.outcome for one in bench.ledger.orders.attempts("A")] == ["refused"]
    chosen = retry.plan(bench.ledger, ("A",), every=False, error_class=None)
    assert [row.code for row in chosen.requeue] == ["A"]
