"""The contract of the port `Ledger`: orders, what the warehouse holds of them, and shipments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from fakes import START
from ledger_beds import (
    HOUR,
    MINUTE,
    MUGS,
    SEEN,
    TROUBLE,
    LedgerBed,
    accept,
    cut,
    discover,
    intent,
    kinds,
    record,
    send,
    state,
)

from veracore_sync.clock import to_text
from veracore_sync.domain.comparisons import ComparedRow, Facets, LastLook
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Intent
from veracore_sync.domain.states import Applied, AttemptOutcome, OrderCause, OrderState
from veracore_sync.ports.ledger import Ledger

# ---- orders -------------------------------------------------------------------------------------


def test_orders_are_found_by_each_of_their_names(ledger: Ledger) -> None:
    accept(ledger, "A")
    discover(ledger, "B", "B")
    for name in ("A", "id-A", "a"):
        found = ledger.orders.find(name)
        assert found is not None
        assert found.code == "A"
    assert ledger.orders.find("C") is ledger.orders.get("C") is None
    assert set(ledger.orders.held(["A", "B", "C"])) == {"A", "B"}
    assert set(ledger.orders.at_warehouse(["a", "B"])) == {"a"}
    counts = ledger.orders.counts()
    assert (counts["synced"], counts["pending"], sum(counts.values())) == (1, 1, 2)
    assert [row.code for row in ledger.orders.in_states([OrderState.PENDING])] == ["B"]
    assert ledger.orders.any_accepted()
    newest = ledger.orders.newest_synced()
    assert newest is not None
    assert newest.code == "A"


def test_of_several_orders_that_a_name_means_that_with_the_code_is_first(ledger: Ledger) -> None:
    for code in ("A", "id-A"):
        accept(ledger, code)
    assert [row.code for row in ledger.orders.named("id-A")] == ["id-A", "A"]
    assert [row.code for row in ledger.orders.named("a")] == ["A"]
    assert ledger.orders.named("B") == []


def test_orders_are_found_by_how_a_name_begins(ledger: Ledger) -> None:
    for code in ("AB1", "ab2", "B_C", "BxC"):
        accept(ledger, code)
    discover(ledger, "AB3")

    def found(prefix: str, limit: int = 9) -> list[str]:
        return [row.code for row in ledger.orders.beginning_with(prefix, limit)]

    assert found("ab") == found("AB") == ["AB1", "AB3", "ab2"]
    assert found("AB", 2) == ["AB1", "AB3"]
    assert found("b_c") == ["B_C"], "no character stands for another"
    assert found("%") == found("AB1x") == []
    ledger.transitions.conflict("AB3", "Vc-77", TROUBLE)
    assert found("vC-7") == ["AB3"]


def test_a_state_is_listed_in_pages_with_what_changed_last_first(
    ledger: Ledger, ledger_bed: LedgerBed
) -> None:
    discover(ledger, "B", "A")
    ledger_bed.clock.forward(seconds=1)
    discover(ledger, "D", "C")
    ledger.transitions.discover([Discovery("E", "id-E", START, OrderState.SKIPPED)])

    seen, before = [], None
    while page := ledger.orders.latest([OrderState.PENDING], 3, before):
        seen.append([row.code for row in page])
        before = (page[-1].updated_at, page[-1].code)
    assert seen == [["C", "D", "A"], ["B"]]
    both = ledger.orders.latest([OrderState.PENDING, OrderState.SKIPPED], 9)
    assert {row.code for row in both} == set("ABCDE")


def test_an_id_is_taken_without_regard_to_case(ledger: Ledger) -> None:
    accept(ledger, "A")
    discover(ledger, "B")
    assert ledger.orders.id_sent_for("a", by_other_than="B")
    assert not ledger.orders.id_sent_for("a", by_other_than="A")
    assert not ledger.orders.id_sent_for("b", by_other_than="A")
    # One that was given, and under which nothing was sent yet.
    ledger.transitions.cancel("A", "A", "cancelled there")
    ledger.transitions.renew_id("A", "A-2")
    assert ledger.orders.id_sent_for("a-2", by_other_than="B")
    assert ledger.orders.id_sent_for("a", by_other_than="B")


def test_an_order_is_set_aside_with_all_that_belongs_to_it(ledger: Ledger) -> None:
    accept(ledger, "A")
    ledger.shipments.looked("A", "A", reference="A", rows=None, seen={"1": ()})
    ledger.alerts.open(AlertKind.ORDER_DRIFT, "it was changed", code="A")
    before = ledger.orders.get("A")
    assert before is not None
    new = Discovery("A", "id-new", START, OrderState.CONFLICT, None, TROUBLE)
    assert ledger.transitions.set_aside(before, "A~id-A", new) is Applied.NEWS
    found = ledger.orders.get("A")
    assert found is not None
    assert (found.vendure_id, found.state, found.veracore_id) == ("id-new", "conflict", None)
    (kept,) = ledger.orders.set_aside_from(["A", "B"])["A"]
    assert (kept.code, kept.reference, kept.state) == ("A~id-A", "A", "synced")
    assert ledger.orders.at_warehouse(["A"])["a"] == kept
    assert [one.veracore_id for one in ledger.orders.attempts("A~id-A")] == ["A"]
    assert ledger.orders.attempts("A") == []
    assert ledger.holdings.known("A~id-A") == MUGS
    assert ledger.holdings.known("A") is None
    assert [one.state for one in ledger.shipments.slips_of("A~id-A")] == ["handed"]
    assert ledger.shipments.slips_of("A") == []
    assert [(one.kind, one.code) for one in ledger.alerts.standing()] == [("order.conflict", "A")]
    # Who read the order before comes too late.
    assert ledger.transitions.set_aside(before, "A~2", new) is Applied.LOST
    assert ledger.orders.get("A~2") is None


def test_an_intent_is_an_attempt_whose_end_is_written_once(ledger: Ledger) -> None:
    attempt = send(ledger, "A")
    assert state(ledger) == ("sending", "")
    ledger.transitions.withhold("A", attempt, OrderState.PENDING, "not connected", None)
    assert state(ledger) == ("pending", "")
    again = ledger.transitions.intend("A", intent())
    assert again is not None
    ledger.transitions.accept("A", again, 7)
    assert ledger.transitions.refuse("A", attempt, TROUBLE, START) is Applied.LOST
    assert state(ledger) == ("synced", "")
    ends = [(one.attempt, one.lines, one.outcome) for one in ledger.orders.attempts("A")]
    assert ends == [(1, MUGS, "not sent"), (2, MUGS, "accepted")]


def test_a_refused_order_is_parked_until_a_person_or_time_acts(ledger: Ledger) -> None:
    assert ledger.transitions.refuse("A", send(ledger, "A"), TROUBLE, START) is Applied.NEWS
    assert state(ledger) == ("parked", "refused")
    assert kinds(ledger) == ["order.parked"]
    assert [row.code for row in ledger.orders.recent_errors(5)] == ["A"]
    ledger.transitions.requeue("A")
    assert state(ledger) == ("pending", "")
    ledger.transitions.renew_id("A", "A2")
    row = ledger.orders.get("A")
    assert row is not None
    assert (row.veracore_id, kinds(ledger)) == ("A2", [])


def test_what_the_queue_does_with_an_order(ledger: Ledger) -> None:
    discover(ledger, "A", "B", "C", "D")
    ledger.transitions.wait("A", "Modifying")
    assert state(ledger, "A") == ("pending", "waiting")
    ledger.transitions.came_back(["A"])
    assert state(ledger, "A") == ("pending", "")
    ledger.transitions.touch("A")
    ledger.transitions.postpone("A", TROUBLE, to_text(START + HOUR))
    row = ledger.orders.get("A")
    assert row is not None
    assert (bool(row.looked_up), row.error_message, row.retry_count) == (True, "odd", 0)
    assert ledger.transitions.park("B", TROUBLE, "settings") is Applied.NEWS
    assert state(ledger, "B") == ("parked", "ours")
    assert ledger.transitions.fail("C", TROUBLE, START + HOUR, 2) is Applied.DONE
    assert state(ledger, "C")[0] == "failed"
    assert ledger.transitions.fail("C", TROUBLE, START + HOUR, 2) is Applied.NEWS
    assert state(ledger, "C") == ("parked", "exhausted")
    assert ledger.transitions.skip("D", OrderCause.RULE, "excluded", alert=True) is Applied.NEWS
    assert state(ledger, "D") == ("skipped", "rule")
    assert sorted(kinds(ledger)) == ["order.parked", "order.parked", "order.passed_by"]


def test_an_answer_that_every_order_got_refuses_none_of_them(ledger: Ledger) -> None:
    attempt = send(ledger, "A")
    ledger.transitions.doubt("A", attempt, OrderCause.LOST, TROUBLE)
    ledger.transitions.was_answered("A", attempt)
    assert ledger.transitions.was_for_all("A") is Applied.DONE
    assert state(ledger) == ("in_doubt", "lost")
    assert ledger.transitions.was_for_all("B") is Applied.LOST


def test_a_doubt_is_due_until_look_ups_end_it(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    attempt = send(ledger, "A")
    ledger.transitions.doubt("A", attempt, OrderCause.LOST, TROUBLE)
    ledger.transitions.was_answered("A", attempt)
    assert state(ledger) == ("in_doubt", "answer")
    oldest = ledger.orders.oldest_doubt()
    assert oldest is not None
    assert [row.code for row in ledger.orders.doubts_due(START, HOUR)] == [oldest.code] == ["A"]
    ledger.transitions.absent_once("A", START + 3 * MINUTE)
    assert ledger.orders.doubts_due(START + MINUTE, HOUR) == []
    ledger.transitions.look_again("A", None)
    assert len(ledger.orders.doubts_due(START, HOUR)) == 1
    ledger.transitions.resend("A")
    assert state(ledger) == ("pending", "")
    assert [one.outcome for one in ledger.orders.attempts("A")] == ["absent"]


def test_each_end_of_a_doubt(ledger: Ledger) -> None:
    for code in "ABCD":
        send(ledger, code)
    assert ledger.transitions.recover() == ["A", "B", "C", "D"]
    assert state(ledger, "A") == ("in_doubt", "lost")
    ledger.transitions.adopt("A", "A", record("A"), SEEN)
    assert ledger.transitions.refused_after_all("B", TROUBLE, START) is Applied.NEWS
    assert ledger.transitions.conflict("C", "C", TROUBLE) is Applied.NEWS
    ledger.transitions.absent_for_a_person("C")
    ledger.transitions.end_attempts("C", "c", AttemptOutcome.CONFLICT)
    assert ledger.transitions.cancel("D", "D", "cancelled there") is Applied.NEWS
    found = [state(ledger, code)[0] for code in "ABCD"]
    assert found == ["synced", "parked", "conflict", "cancelled"]
    assert sorted(kinds(ledger)) == ["order.cancelled", "order.conflict", "order.parked"]
    assert [one.outcome for one in ledger.orders.attempts("C")] == ["conflict"]


def test_an_order_may_be_put_in_doubt_again_and_shipped_once(ledger: Ledger) -> None:
    ledger.transitions.refuse("A", send(ledger, "A"), TROUBLE, START)
    ledger.transitions.doubt_again("A", "A")
    assert state(ledger) == ("in_doubt", "lost")
    ledger.transitions.adopt("A", "A", record("A"))
    assert ledger.transitions.ship("A")
    assert not ledger.transitions.ship("A")
    assert state(ledger)[0] == "shipped"


def test_what_the_warehouse_holds_is_what_its_record_says(ledger: Ledger) -> None:
    accept(ledger, "A", "B")
    assert ledger.holdings.known("A") == MUGS
    ledger.holdings.saw("A", cut("A", 2, 1))
    assert ledger.holdings.known("A") == (("MUG", 1),)
    assert set(ledger.holdings.cut(["A", "B"])) == {"A"}
    assert ledger.holdings.sent(["A", "B", "C"]) == {"A": MUGS, "B": MUGS}
    assert {one.code for one in ledger.holdings.of(["A"], None, processed_only=False)} == {"A"}
    since = ledger.holdings.of([], to_text(START), processed_only=False)
    assert {one.code for one in since} == {"A", "B"}
    # Not yet seen processed, and B was not looked at since it was taken.
    assert sorted(ledger.holdings.unprocessed(9)) == [("A", "A"), ("B", "B")]
    assert len(ledger.holdings.unprocessed(1)) == 1
    assert ledger.holdings.known("C") is None


# ---- shipments ----------------------------------------------------------------------------------


PACKAGES = (("UPS", "Ground", "1Z", to_text(START), False),)


def look(ledger: Ledger, code: str = "A") -> None:
    ledger.shipments.looked(
        code, code, reference=code, rows={"digest": "2026-03-01"}, seen={"1": PACKAGES}
    )


def test_a_slip_is_due_until_it_ends(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    accept(ledger, "A")
    assert ledger.shipments.longest_unseen(9) == ["A"]
    look(ledger)
    slips = ledger.shipments
    assert [row.code for row in slips.listed_since("2026-03-01")] == ["A"]
    assert slips.listed_since("2026-03-02") == []
    assert (slips.due(), list(slips.slips("a"))) == (["A"], ["1"])
    slips.hold(slips.slips("A")["1"], "the shop is down", START + HOUR, failed=True)
    assert (slips.due(), slips.slips_of("A")[0].tries) == ([], 1)
    slips.retry_now()
    assert slips.due() == ["A"]
    ledger_bed.clock.forward(days=2)
    assert [one.slip for one in slips.waiting_for(timedelta(days=1))] == ["1"]
    before = slips.slips("A")["1"]
    ends_by = ledger_bed.clock.now() + MINUTE
    slips.intend(before, {"1": 2}, method="UPS", tracking_code="1Z", known=("7",), ends_by=ends_by)
    slips.close_requests("A")
    slips.unanswered(slips.slips("A")["1"], has_ended=True)
    row = slips.slips("A")["1"]
    assert (row.state, row.known, row.lines, row.intended_at) == (
        "intended",
        ("7",),
        {"1": 2},
        None,
    )
    slips.withdraw(before)
    slips.add(slips.slips("A")["1"], "F1", {"1": 2}, "1Z")
    assert slips.finish(slips.slips("A")["1"]) is Applied.DONE
    assert slips.finish(slips.slips("A")["1"]) is Applied.LOST
    slips.correct(slips.slips("A")["1"], "1Z2")
    row = slips.slips("A")["1"]
    assert (row.state, row.fulfilment_id, row.tracking_code) == ("done", "F1", "1Z2")
    assert slips.due() == []


def test_a_person_reopens_what_was_handed_over(ledger: Ledger) -> None:
    accept(ledger, "A")
    look(ledger)
    row = ledger.shipments.slips("A")["1"]
    assert ledger.shipments.hand_over(row, "who knows") is Applied.DONE
    assert ledger.shipments.cover(row, "1Z") is Applied.LOST
    assert ledger.shipments.due() == []
    ledger.shipments.reopen("A")
    assert ledger.shipments.slips("A")["1"].state == "open"
    assert ledger.shipments.due() == ["A"]


def test_orders_of_others_are_asked_about_once(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    ledger.shipments.noticed("X", "ref")
    ledger.shipments.noticed("X", "ref")
    assert [one.veracore_id for one in ledger.shipments.unasked()] == ["X"]
    ledger.shipments.asked("X", "ref")
    row = ledger.shipments.tracked("x")
    assert ledger.shipments.unasked() == []
    assert row is not None
    assert (row.code, row.reference) == (None, "ref")
    assert ledger.shipments.prune(START) == 0
    assert ledger.shipments.prune(START + HOUR) == 1


def test_what_was_looked_at_longest_ago_comes_first(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    """Never comes before ever, and equals by their code, byte by byte: backends sort otherwise."""

    def pending(limit: int = -1) -> list[str]:
        return [row.code for row in ledger.orders.in_states([OrderState.PENDING], limit)]

    discover(ledger, "B", "a", "A")
    assert pending() == ["A", "B", "a"]
    ledger_bed.clock.forward(minutes=1)
    ledger.transitions.postpone("A", TROUBLE, None)
    assert (pending(), pending(1)) == (["B", "a", "A"], ["B"])
    # A clock that was ahead wrote it: it must not come last until then.
    ledger_bed.clock.forward(minutes=-9)
    ledger.transitions.postpone("B", TROUBLE, None)
    assert pending() == ["a", "A", "B"]


def test_the_slip_that_has_been_due_longest_comes_first(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    accept(ledger, "A", "B")
    for code in ("B", "A"):
        ledger_bed.clock.forward(minutes=1)
        look(ledger, code)
    assert ledger.shipments.due() == ledger.shipments.longest_unseen(9) == ["B", "A"]
    ledger_bed.clock.forward(minutes=1)
    accept(ledger, "C")
    ledger_bed.clock.forward(minutes=1)
    look(ledger, "B")
    # C was never looked at, and VeraCore has it since before that.
    assert ledger.shipments.longest_unseen(9) == ["A", "C", "B"]
    assert ledger.holdings.unprocessed(9) == [(code, code) for code in "ABC"]


# ---- comparisons with the shop ------------------------------------------------------------------

SENT = Facets("PaymentSettled", {"MUG": 2}, "hash", ("standard",), "gross", {"MUG": "12.50"}, "USD")
SEEN_NOW = replace(SENT, units={"MUG": 1}, refunded=Decimal("12.50"), is_refunded=True)


def with_facets(identity: str = "A") -> Intent:
    return replace(intent(identity), seen=replace(SEEN, facets=SENT))


def test_what_was_sent_is_stored_with_the_intent(ledger: Ledger) -> None:
    discover(ledger, "A", "B")
    attempt = ledger.transitions.intend("A", with_facets())
    assert ledger.comparisons.sent(["A", "B"]) == {"A": SENT}
    assert attempt is not None
    ledger.transitions.withhold("A", attempt, OrderState.PENDING, "not connected", None)
    other = replace(intent(), seen=replace(SEEN, facets=SEEN_NOW))
    again = ledger.transitions.intend("A", other)
    assert again is not None
    assert ledger.comparisons.sent(["A"]) == {"A": SEEN_NOW}
    ledger.transitions.accept("A", attempt, 1)
    assert ledger.comparisons.sent(["A"]) == {"A": SENT}


def test_a_comparison_is_kept_until_the_order_is_sent_again(ledger: Ledger) -> None:
    accept(ledger, "A")
    assert ledger.comparisons.of(["A", "B"]) == {}
    row = ComparedRow(
        "A", "2026-03-01T12:00:00.000Z", "synced", "2026-03-01T11:00:00.000Z", SEEN_NOW, SENT
    )
    row = replace(row, reported={"order.drift": "mark"}, away_since="2026-03-01T10:00:00.000Z")
    ledger.comparisons.keep(row)
    assert ledger.comparisons.of(["A", "B"]) == {"A": row}
    ledger.transitions.cancel("A", "A", "cancelled there")
    ledger.transitions.renew_id("A", "A-2")
    ledger.transitions.intend("A", intent("A-2"))
    kept = ledger.comparisons.of(["A"])["A"]
    assert (kept.compared_at, kept.seen, kept.base, kept.reported) == (None, None, None, {})


def test_that_nothing_changed_moves_only_when_it_was_seen(ledger: Ledger) -> None:
    accept(ledger, "A", "B", "C")
    first, later = "2026-03-01T12:00:00.000Z", "2026-03-01T12:05:00.000Z"
    row = ComparedRow("A", first, "synced", first, SEEN_NOW, SENT, {"order.drift": "mark"}, first)
    ledger.comparisons.keep(row)
    ledger.comparisons.keep(replace(row, code="B"))
    ledger.comparisons.seen_again(["A", "C"], later)
    ledger.comparisons.seen_again([], first)
    assert ledger.comparisons.of(["A", "B", "C"]) == {
        "A": replace(row, compared_at=later),
        "B": replace(row, code="B"),
    }
    assert ledger.comparisons.looks(["A", "B", "C"]) == {
        "A": LastLook(later, "synced", first),
        "B": LastLook(first, "synced", first),
    }


def test_a_person_accepts_the_order_as_it_was_compared_last(
    ledger: Ledger, ledger_bed: LedgerBed
) -> None:
    accept(ledger, "A")
    ledger.comparisons.keep(
        ComparedRow("A", seen=SEEN_NOW, base=SENT, reported={"order.drift": "m"})
    )
    ledger.comparisons.accept("A")
    row = ledger.comparisons.of(["A"])["A"]
    assert (row.base, row.reported) == (SEEN_NOW, {})
    assert row.accepted_at == to_text(ledger_bed.clock.now())
    ledger.comparisons.keep(replace(row, accepted_at=None))
    assert ledger.comparisons.of(["A"])["A"].accepted_at == row.accepted_at


def test_the_order_compared_longest_ago_comes_first(ledger: Ledger, ledger_bed: LedgerBed) -> None:
    for code in ("A", "B", "C", "D", "E"):
        ledger_bed.clock.forward(minutes=1)
        accept(ledger, code)
    ledger.transitions.ship("E")
    assert ledger.comparisons.count_open() == 4
    assert ledger.comparisons.longest_uncompared(9) == ["A", "B", "C", "D"]
    ledger_bed.clock.forward(minutes=1)
    ledger.comparisons.keep(ComparedRow("A", compared_at=to_text(ledger_bed.clock.now())))
    assert ledger.comparisons.longest_uncompared(2) == ["B", "C"]
    ahead = to_text(ledger_bed.clock.now() + timedelta(days=400))
    ledger.comparisons.keep(ComparedRow("C", compared_at=ahead))
    assert ledger.comparisons.longest_uncompared(9) == ["C", "B", "D", "A"]
