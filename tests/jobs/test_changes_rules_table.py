"""What is known of an order before its change is judged, and what is remembered: row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fakes import line, make_order, make_settings

from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.order_records import AttemptRow, OrderRow, SentLines, fresh_row
from veracore_sync.domain.states import AttemptOutcome, OrderCause, OrderState
from veracore_sync.jobs.orders.changes import (
    CANCELLED,
    DRIFT,
    LASTING,
    REFUNDED,
    UNPAID,
    ChangeRules,
    Comparison,
    Verdict,
    excess_units,
    held_lines,
    is_followed,
    missing_units,
    sent_lines,
)
from veracore_sync.jobs.orders.render import Renderer

SETTINGS = make_settings(skus={"exclude": ["GIFT"], "aliases": {"MUG": "CUP"}})
RENDERER = Renderer(SETTINGS.orders, SETTINGS.skus)
RULES = ChangeRules(RENDERER, ["PaymentSettled"])
AT = "2026-03-01T12:00:00.000Z"
SENT = Facets("PaymentSettled", {"MUG": 3, "TEE": 1, "GIFT": 1}, "there", ("standard",), "none")
MORE = replace(SENT, units={**SENT.units, "MUG": 4})
ACCEPTED, DOUBT = AttemptOutcome.ACCEPTED, AttemptOutcome.IN_DOUBT


def row(state: OrderState = OrderState.SYNCED, **facts: Any) -> OrderRow:
    return replace(fresh_row("A", "id-A", AT), **{"state": state, "content_hash": "old", **facts})


def judge(now: Facets, known: ComparedRow | None = None, **facts: Any) -> Verdict:
    given: dict[str, Any] = {"row": row(), "sent": SENT, "sent_lines": None, "now_hash": "new"}
    return RULES.judge(Comparison(known=known or ComparedRow("A"), now=now, **(given | facts)))


def told(verdict: Verdict, kind: str = DRIFT) -> str:
    return {str(one): notice.message for one, notice in verdict.notices.items()}.get(kind, "")


# ---- what is known of it -------------------------------------------------------------------------


@pytest.mark.parametrize("state", OrderState)
@pytest.mark.parametrize("cause", [None, OrderCause.RESOLVED, OrderCause.RULE])
def test_whose_added_units_nobody_else_would_notice(
    state: OrderState, cause: OrderCause | None
) -> None:
    sent = {"sending", "in_doubt", "synced", "conflict", "shipped", "cancelled"}
    resolved = state == "skipped" and cause == OrderCause.RESOLVED
    assert is_followed(row(state, cause=cause)) is (state in sent or resolved)


def attempts(*made: tuple[AttemptOutcome | None, SentLines]) -> list[AttemptRow]:
    return [
        AttemptRow("A", at, "V", lines, AT, None, outcome, None)
        for at, (outcome, lines) in enumerate(made, 1)
    ]


ONE, TWO, THREE = ((("CUP", units),) for units in (1, 2, 3))


@pytest.mark.parametrize(
    ("state", "made", "held", "sent"),
    [
        ("synced", [], None, None),
        ("shipped", [], (), ()),
        ("cancelled", [(ACCEPTED, ONE)], (), ()),
        ("skipped", [(ACCEPTED, ONE)], (), ()),
        ("synced", [(ACCEPTED, ONE)], ONE, ONE),
        ("shipped", [(ACCEPTED, ONE)], ONE, ONE),
        # the last one that it accepted, whatever was sent since
        ("synced", [(ACCEPTED, ONE), (ACCEPTED, TWO), (DOUBT, THREE)], TWO, TWO),
        ("in_doubt", [(DOUBT, ONE), (DOUBT, TWO), (None, THREE)], None, THREE),
        # accepted by a version that stored no lines
        ("synced", [(ACCEPTED, ())], None, ()),
        ("shipped", [(ACCEPTED, ())], (), ()),
    ],
)
def test_what_veracore_has_and_what_it_was_sent(
    state: str, made: Any, held: SentLines | None, sent: SentLines | None
) -> None:
    one = row(OrderState(state))
    assert held_lines(one, attempts(*made)) == held
    assert sent_lines(one, attempts(*made)) == sent


@pytest.mark.parametrize(
    ("lines", "held", "missing"),
    [
        ((line("1", "MUG", 3),), None, {}),
        ((line("1", "MUG", 3),), (), {"CUP": 3}),
        ((line("1", "MUG", 3),), (("cup", 1),), {"CUP": 2}),
        ((line("1", "MUG", 3),), (("CUP", 3),), {}),
        ((line("1", "MUG", 3),), (("CUP", 9),), {}),
        # no more than is open
        ((line("1", "MUG", 3, 2),), (("CUP", 1),), {"CUP": 1}),
        # those that left were of VeraCore's
        ((line("1", "MUG", 3, 1),), (("CUP", 2),), {"CUP": 1}),
        # two variants of one offer are counted together
        ((line("1", "MUG", 3), line("2", "cup", 2)), (("CUP", 4),), {"CUP": 1}),
        ((line("1", "GIFT", 3),), (), {}),
        ((line("1", "TEE", 1), line("2", "MUG", 2)), (), {"CUP": 2, "TEE": 1}),
    ],
)
def test_which_open_units_veracore_lacks(
    lines: tuple[Any, ...], held: SentLines | None, missing: dict[str, int]
) -> None:
    found = missing_units(make_order("A", lines=lines), held, RENDERER)
    assert [*found.items()] == [*missing.items()]


@pytest.mark.parametrize(
    ("lines", "held", "excess"),
    [
        ((line("1", "MUG", 3),), None, {}),
        ((line("1", "MUG", 3),), (("cup", 5), ("TEE", 1)), {"cup": 2}),
        ((line("1", "MUG", 3),), (("CUP", 3),), {}),
        # what left already was ordered
        ((line("1", "MUG", 3, 2),), (("CUP", 3),), {}),
        ((line("1", "MUG", 0), line("2", "TEE", 1)), (("CUP", 1), ("TEE", 1)), {"cup": 1}),
        ((line("1", "MUG", 3), line("2", "cup", 2)), (("CUP", 6),), {"cup": 1}),
        ((line("1", "GIFT", 1),), (("GIFT", 2),), {}),
    ],
)
def test_which_units_veracore_has_beyond_the_orders(
    lines: tuple[Any, ...], held: SentLines | None, excess: dict[str, int]
) -> None:
    assert excess_units(make_order("A", lines=lines), held, RENDERER) == excess


@pytest.mark.parametrize(
    ("was", "reported", "is_quiet"),
    [(SENT, {}, True), (None, {}, False), (MORE, {}, False), (SENT, {DRIFT: "x"}, False)],
)
def test_when_there_is_nothing_to_do(
    was: Facets | None, reported: Mapping[str, str], is_quiet: bool
) -> None:
    assert RULES.is_quiet(was, SENT, ComparedRow("A", reported=reported)) is is_quiet


@pytest.mark.parametrize(
    ("base", "at", "expected"), [(SENT, AT, True), (None, AT, False), (SENT, None, False)]
)
def test_whether_a_person_accepted_it(base: Facets | None, at: str | None, expected: bool) -> None:
    known = ComparedRow("A", base=base, accepted_at=at)
    assert Comparison(row(), known, SENT, None, SENT, "new").is_accepted is expected


# ---- payments ------------------------------------------------------------------------------------

AWAY = replace(SENT, state="Modifying")


@pytest.mark.parametrize(
    "state", ["AddingItems", "ArrangingPayment", "ArrangingAdditionalPayment", "PaymentAuthorized"]
)
def test_states_that_are_not_paid(state: str) -> None:
    found = judge(replace(SENT, state=state))
    assert told(found, UNPAID).startswith(f"it is in {state} in the shop after it went")
    # unless orders are sent in that state, or it was sent in it
    sends = ChangeRules(RENDERER, [state])
    one = Comparison(row(), ComparedRow("A"), SENT, None, replace(SENT, state=state), "new")
    assert sends.judge(one).notices == {}
    assert judge(replace(SENT, state=state), sent=replace(SENT, state=state)).notices == {}


def test_a_state_that_lasts_says_for_how_long() -> None:
    assert "in Modifying in the shop for more than an hour after" in told(
        judge(AWAY, is_lasting=True), UNPAID
    )
    assert timedelta(hours=1) == LASTING
    # only the state that a person works in counts by its time
    assert judge(replace(SENT, state="PartiallyShipped"), is_lasting=True).notices == {}
    # and whoever works on it may leave something unpaid meanwhile
    assert judge(replace(AWAY, owed=Decimal(5))).notices == {}


@pytest.mark.parametrize(
    ("units", "agrees", "kinds"),
    [
        # what is new in it costs more: that is told once, as what it is
        ({**SENT.units, "CAP": 1}, False, [DRIFT]),
        ({**SENT.units, "MUG": 4, "GIFT": 2}, False, [DRIFT]),
        ({**SENT.units, "MUG": 2}, False, [DRIFT, UNPAID]),
        ({**SENT.units, "MUG": 2, "GIFT": 2}, False, [DRIFT, UNPAID]),
        # VeraCore has it already, so nothing else tells that it is not paid
        ({**SENT.units, "MUG": 4}, True, [UNPAID]),
    ],
)
def test_what_explains_a_higher_total(
    units: Mapping[str, int], agrees: bool, kinds: Sequence[str]
) -> None:
    found = judge(replace(SENT, units=units, owed=Decimal(9)), agrees=agrees)
    assert [*found.notices] == kinds


def test_prices_are_told_though_the_units_agree() -> None:
    was = replace(SENT, basis="gross", prices={"MUG": "12.50"})
    found = judge(replace(was, prices={"MUG": "13.00"}), sent=was, agrees=True)
    assert "price of MUG 12.50 → 13.00" in told(found)


# ---- cancelled in the shop -----------------------------------------------------------------------

GONE = replace(SENT, state="Cancelled")


@pytest.mark.parametrize(
    ("base", "at", "is_told"),
    [(GONE, AT, False), (GONE, None, True), (SENT, AT, True), (None, AT, True)],
)
def test_an_accepted_cancellation_is_not_told_again(
    base: Facets | None, at: str | None, is_told: bool
) -> None:
    found = judge(GONE, ComparedRow("A", base=base, accepted_at=at))
    assert ([*found.notices], found.base, found.keeps_drift) == (
        [CANCELLED] if is_told else [],
        base,
        False,
    )


# ---- sent by an earlier version ------------------------------------------------------------------


def unknown(now: Facets = SENT, **facts: Any) -> Verdict:
    return judge(now, **{"sent": None, **facts})


def test_of_what_an_earlier_version_sent_the_first_sight_is_the_base() -> None:
    now = replace(SENT, state="Modifying", refunded=Decimal("0.50"), is_refunded=True)
    found = unknown(now, now_hash="old")
    assert found.base == replace(SENT, state="")
    assert [*found.notices] == [REFUNDED]
    assert unknown(row=row(content_hash=None)).base == replace(SENT, state="")
    # not while something is told
    assert unknown().base is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"row": row(content_hash=None), "missing": {"CUP": 2}}, ": VeraCore holds other units;"),
        ({"row": row(content_hash=None), "excess": {"cup": 1}}, ": VeraCore holds other units;"),
        ({"sent_lines": (("CUP", 3),)}, ": units of TEE 0 → 1;"),
        ({"sent_lines": (("CUP", 3), ("tee", 2))}, ": units of TEE 2 → 1;"),
        ({}, ": units, address or shipping;"),
    ],
)
def test_in_what_it_differs_from_what_an_earlier_version_sent(
    facts: dict[str, Any], said: str
) -> None:
    assert said in told(unknown(**facts))


# ---- alerts of other jobs, and what was accepted -------------------------------------------------


@pytest.mark.parametrize(
    ("now", "facts", "reported", "keeps"),
    [
        (SENT, {"is_standing": True}, {}, True),
        (SENT, {}, {}, False),
        (SENT, {"is_standing": True}, {DRIFT: "x"}, False),
        (SENT, {"is_standing": True, "agrees": True}, {}, False),
        (MORE, {"is_standing": True}, {}, False),
    ],
)
def test_which_alert_of_another_job_stays(
    now: Facets, facts: dict[str, Any], reported: Mapping[str, str], keeps: bool
) -> None:
    assert judge(now, ComparedRow("A", reported=reported), **facts).keeps_drift is keeps


SETTLED, LOW, HIGH = "PaymentSettled", Decimal(2), Decimal(5)


@pytest.mark.parametrize(
    ("accepted", "now", "kept"),
    [
        # what has ended would be news if it came again
        (("Modifying", HIGH), (SETTLED, LOW), (SETTLED, LOW)),
        (("Modifying", HIGH), ("Shipped", LOW), ("Shipped", LOW)),
        # what came since was not accepted
        (("Modifying", LOW), ("AddingItems", HIGH), ("Modifying", LOW)),
        ((SETTLED, LOW), ("Modifying", HIGH), (SETTLED, LOW)),
    ],
)
def test_what_is_left_of_what_a_person_accepted(
    accepted: tuple[str, Decimal], now: tuple[str, Decimal], kept: tuple[str, Decimal]
) -> None:
    base, seen, left = (
        replace(MORE, state=state, refunded=amount, owed=amount)
        for state, amount in (accepted, now, kept)
    )
    assert judge(seen, ComparedRow("A", base=base, accepted_at=AT)).base == left
    assert judge(seen).base is None


# ---- after VeraCore ships nothing more of it -----------------------------------------------------

CUT, SHIPPED, SKIPPED = OrderState.CANCELLED, OrderState.SHIPPED, OrderState.SKIPPED
LATER = ComparedRow("A", AT, "cancelled")


@pytest.mark.parametrize(
    ("state", "known", "facts", "is_told", "base"),
    [
        # with the first look after its cancellation, what was seen last is covered by that alert
        (CUT, replace(LATER, state="synced", seen=MORE), {}, False, MORE),
        (CUT, replace(LATER, compared_at=None, seen=MORE), {}, False, MORE),
        (SKIPPED, replace(LATER, seen=MORE), {}, False, MORE),
        # else what was sent
        (CUT, ComparedRow("A"), {"sent": MORE}, False, MORE),
        (CUT, ComparedRow("A", seen=SENT), {"sent": MORE}, True, SENT),
        (CUT, ComparedRow("A"), {}, True, SENT),
        # else what is seen now, unless it is known to differ
        (CUT, ComparedRow("A"), {"sent": None, "now_hash": "old"}, False, MORE),
        (CUT, ComparedRow("A"), {"sent": None, "row": row(CUT, content_hash=None)}, False, MORE),
        (CUT, ComparedRow("A"), {"sent": None}, True, None),
        # later looks compare with that
        (CUT, replace(LATER, base=SENT, seen=MORE), {}, True, SENT),
        (CUT, replace(LATER, base=MORE, seen=SENT), {}, False, MORE),
        # what a person accepted stays what it was
        (CUT, ComparedRow("A", seen=MORE, base=SENT, accepted_at=AT), {}, True, SENT),
        (CUT, ComparedRow("A", seen=SENT, base=MORE, accepted_at=AT), {}, False, MORE),
        # of a shipped one, only what a person accepted covers anything
        (SHIPPED, ComparedRow("A", seen=MORE), {}, True, None),
        (SHIPPED, ComparedRow("A", base=MORE), {}, True, MORE),
        (SHIPPED, ComparedRow("A", base=MORE, accepted_at=AT), {}, False, MORE),
        (SHIPPED, ComparedRow("A", base=SENT, accepted_at=AT), {}, True, SENT),
    ],
)
def test_which_content_is_covered_after_the_end(
    state: OrderState,
    known: ComparedRow,
    facts: dict[str, Any],
    is_told: bool,
    base: Facets | None,
) -> None:
    found = judge(MORE, known, **{"row": row(state), "missing": {"CUP": 4}, **facts})
    assert (bool(told(found)), found.base) == (is_told, base)


# ---- marks: what is told again -------------------------------------------------------------------


def mark(now: Facets) -> str:
    return judge(now).notices[DRIFT].mark


def test_a_mark_is_the_same_in_every_version() -> None:
    """It is in the ledger: another one tells each standing alert again after an update."""
    assert mark(replace(MORE, ship_to="elsewhere")) == "0867f3072bbf979d"
    shipped = judge(MORE, row=row(SHIPPED), missing={"CUP": 4})
    assert {one.mark for one in shipped.notices.values()} == {"e87161877ef4b654"}
    assert mark(replace(MORE, units={"TEE": 1, "MUG": 4, "GIFT": 1})) == mark(MORE)


def test_each_other_content_has_another_mark() -> None:
    was = replace(SENT, fields={"note": "one", "gift": "no"})
    others = [
        MORE,
        replace(MORE, units={**MORE.units, "MUG": 5}),
        replace(MORE, by_hand={"MUG": 1}),
        replace(MORE, by_hand={"MUG": 2}),
        replace(MORE, fields={**was.fields, "note": "two"}),
        replace(MORE, fields={**was.fields, "note": "three"}),
    ]
    marks = [notice.mark for one in others for notice in judge(one, sent=was).notices.values()]
    assert len(marks) == len(set(marks)) == len(others)


def test_a_person_is_told_how_to_accept_it() -> None:
    assert told(judge(MORE)).endswith('accept it with `veracore-sync resolve A --accept "reason"`')


def test_a_person_is_told_how_to_cancel_what_was_refunded() -> None:
    found = judge(replace(SENT, refunded=Decimal("2.00")))
    assert "if it must not (`veracore-sync cancel A`), or" in found.notices[REFUNDED].message
