"""What follows from each change in the shop: the planner's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from fakes import START, make_settings

from veracore_sync.domain.comparisons import ComparedRow, Facets
from veracore_sync.domain.order_records import OrderRow, SentLines, fresh_row
from veracore_sync.domain.orders import Address, OrderContent, OrderLine, ShippingLine
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.orders.changes import ChangeRules, Comparison, agrees, open_units
from veracore_sync.jobs.orders.facets import facets, fulfilled_by_others, under_first_names
from veracore_sync.jobs.orders.render import Renderer

SETTINGS = make_settings(skus={"exclude": ["GIFT"], "aliases": {"MUG": "CUP"}})
RENDERER = Renderer(SETTINGS.orders, SETTINGS.skus)
RULES = ChangeRules(RENDERER, ["PaymentSettled"])
SENT = Facets(
    "PaymentSettled",
    {"MUG": 3, "TEE": 1, "GIFT": 1},
    "there",
    ("standard",),
    "gross",
    {"MUG": "12.50", "TEE": "9.00", "shipping charge": "5.00", "surcharges": "0.00"},
    "USD",
    paid=Decimal("51.50"),
)
DRIFT, REFUNDED, UNPAID = "order.drift", "order.refunded", "order.unpaid"
FEWER = {**SENT.units, "MUG": 2}
FULL = replace(SENT, refunded=Decimal("51.50"), is_refunded=True)
AWAY = replace(SENT, state="Modifying")


def row(state: OrderState = OrderState.SYNCED, content: str | None = "old") -> OrderRow:
    return replace(
        fresh_row("A", "id-A", "2026-03-01T12:00:00.000Z"), state=state, content_hash=content
    )


def judged(now: Facets, known: ComparedRow | None = None, **facts: object) -> dict[str, str]:
    given: dict[str, object] = {"row": row(), "sent": SENT, "sent_lines": None, "now_hash": "new"}
    verdict = RULES.judge(
        Comparison(known=known or ComparedRow("A"), now=now, **(given | facts))  # type: ignore[arg-type]
    )
    return {str(kind): notice.message for kind, notice in verdict.notices.items()}


TABLE: dict[str, tuple[Facets, dict[str, str]]] = {
    "nothing": (SENT, {}),
    "fulfilled in part": (replace(SENT, state="PartiallyShipped"), {}),
    "fewer units": (replace(SENT, units=FEWER), {DRIFT: "units of MUG 3 → 2;"}),
    "another SKU": (
        replace(SENT, units={"MUG": 3, "CAP": 1}),
        {DRIFT: "units of CAP 0 → 1; units of TEE 1 → 0;"},
    ),
    "units that are never sent": (replace(SENT, units={"MUG": 3, "TEE": 1}), {}),
    "another address": (replace(SENT, ship_to="elsewhere"), {DRIFT: "ship-to changed"}),
    "another method": (
        replace(SENT, shipping=("express",)),
        {DRIFT: "shipping method standard → express"},
    ),
    "a surcharge": (
        replace(SENT, prices={**SENT.prices, "surcharges": "4.00"}),
        {DRIFT: "surcharges 0.00 → 4.00 USD"},
    ),
    "fulfilled by hand": (
        replace(SENT, state="PartiallyShipped", by_hand={"MUG": 2}),
        {DRIFT: "units fulfilled by hand of MUG 0 → 2;"},
    ),
    "fulfilled by hand, of what is never sent": (replace(SENT, by_hand={"GIFT": 1}), {}),
    "a higher price that is not paid yet": (
        replace(SENT, prices={**SENT.prices, "MUG": "13.00"}, owed=Decimal("1.50")),
        {DRIFT: "price of MUG 12.50 → 13.00 USD"},
    ),
    "a higher price, and a payment is cancelled": (
        replace(
            SENT,
            prices={**SENT.prices, "MUG": "13.00"},
            paid=Decimal(0),
            owed=Decimal("53.00"),
        ),
        {DRIFT: "price of MUG 12.50 → 13.00 USD", UNPAID: "lack 53.00 USD"},
    ),
    "a higher price that is not sent": (
        replace(SENT, basis="none", prices={}, owed=Decimal("1.50")),
        {UNPAID: "its payments in the shop lack 1.50 USD"},
    ),
    "other prices are sent by now": (replace(SENT, basis="net", prices={"MUG": "10.00"}), {}),
    "refunded in part": (
        replace(SENT, refunded=Decimal("2.00")),
        {REFUNDED: "refunded in part (2.00 USD of 51.50)"},
    ),
    "refunded in full": (FULL, {REFUNDED: "refunded in full (51.50 USD)"}),
    "back to the checkout": (
        replace(SENT, state="ArrangingAdditionalPayment"),
        {UNPAID: "it is in ArrangingAdditionalPayment in the shop"},
    ),
    "being modified": (AWAY, {}),
    "a payment is cancelled": (
        replace(SENT, paid=Decimal(0), owed=Decimal("51.50")),
        {UNPAID: "its payments in the shop lack 51.50 USD"},
    ),
    "cancelled": (
        replace(SENT, state="Cancelled", units={}),
        {"order.cancelled_in_shop": "the shop cancelled it"},
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_told(name: str) -> None:
    now, expected = TABLE[name]
    told = judged(now)
    assert told.keys() == expected.keys()
    assert all(words in told[kind] for kind, words in expected.items())
    accepted = ComparedRow("A", base=now, accepted_at="2026-03-01T12:00:00.000Z")
    assert judged(now, accepted) == {}


@pytest.mark.parametrize("name", [one for one, (_, told) in TABLE.items() if told])
def test_an_accepted_order_that_changes_again_is_told(name: str) -> None:
    now, expected = TABLE[name]
    accepted = ComparedRow(
        "A",
        base=replace(SENT, units={"MUG": 3, "TEE": 2}),
        accepted_at="2026-03-01T12:00:00.000Z",
    )
    assert judged(now, accepted).keys() >= expected.keys()


def test_modifying_counts_once_it_lasts() -> None:
    assert UNPAID in judged(AWAY, is_lasting=True)


def test_what_was_accepted_once_and_ended_is_told_when_it_comes_again() -> None:
    accepted = ComparedRow("A", base=AWAY, accepted_at="2026-03-01T12:00:00.000Z")
    one = Comparison(row(), accepted, SENT, None, SENT, "new")
    back = replace(accepted, base=RULES.judge(one).base)
    assert UNPAID in judged(AWAY, back, is_lasting=True)


def test_units_that_veracore_followed_leave_the_rest_to_tell() -> None:
    assert judged(replace(SENT, units=FEWER), agrees=True) == {}
    both = judged(replace(SENT, units=FEWER, ship_to="elsewhere"), agrees=True)
    assert "units of" not in both[DRIFT]


SYNCED, SHIPPED, CANCELLED = OrderState.SYNCED, OrderState.SHIPPED, OrderState.CANCELLED


@pytest.mark.parametrize(
    ("state", "missing", "told"),
    [
        (SHIPPED, {}, []),
        (SHIPPED, {"CUP": 2}, [DRIFT]),
        (CANCELLED, {"CUP": 2}, []),
    ],
)
def test_after_it_has_ended(state: OrderState, missing: dict[str, int], told: list[str]) -> None:
    refunded = replace(FULL, units={**SENT.units, "MUG": 5})
    known = ComparedRow("A", seen=refunded)
    assert [*judged(refunded, known, row=row(state), missing=missing)] == told


def test_units_added_after_a_cancellation_at_veracore() -> None:
    ended = row(CANCELLED)
    one = Comparison(ended, ComparedRow("A", seen=SENT), SENT, None, SENT, "new", {"CUP": 3})
    known = ComparedRow("A", "2026-03-01T12:00:00.000Z", "cancelled", base=RULES.judge(one).base)
    more = replace(SENT, units={**SENT.units, "MUG": 5})
    assert [*judged(more, known, row=ended, missing={"CUP": 5})] == [DRIFT]


def test_a_fulfilment_from_before_that_is_cancelled_leaves_units_that_veracore_lacks() -> None:
    sent = replace(SENT, by_hand={"MUG": 1})
    told = judged(SENT, sent=sent, missing={"CUP": 1})
    assert "units fulfilled by hand of MUG 1 → 0; VeraCore does not have 1 x CUP" in told[DRIFT]


LINES = (("CUP", 3), ("TEE", 1))


@pytest.mark.parametrize(
    ("content", "lines", "missing", "words"),
    [
        ("new", None, {}, None),
        ("old", LINES, {}, "units, address or shipping"),
        ("old", (("CUP", 4), ("TEE", 1)), {}, "units of CUP 4 → 3"),
        (None, None, {}, None),
        (None, None, {"CUP": 2}, "VeraCore does not have 2 x CUP"),
    ],
)
def test_what_an_earlier_version_sent(
    content: str | None, lines: object, missing: dict[str, int], words: str | None
) -> None:
    told = judged(SENT, row=row(content=content), sent=None, sent_lines=lines, missing=missing)
    assert (words in told[DRIFT]) if words else told == {}


def test_an_alert_of_another_job_stays_until_the_units_agree() -> None:
    one = Comparison(row(), ComparedRow("A"), SENT, None, SENT, "new", is_standing=True)
    assert RULES.judge(one).keeps_drift
    assert not RULES.judge(replace(one, agrees=True)).keeps_drift


UNITS = {"MUG": 3, "TEE": 1}
# one mug was fulfilled by hand before it was sent
PART = (("CUP", 2), ("TEE", 1))


@pytest.mark.parametrize(
    ("now", "was", "held", "sent", "expected"),
    [
        # the same units need nothing from before
        ({"MUG": 2}, None, (("CUP", 2),), None, True),
        ({"MUG": 2}, None, (("CUP", 3),), LINES, False),
        ({"MUG": 2}, UNITS, (("CUP", 3),), None, False),
        ({"MUG": 2, "TEE": 1}, UNITS, (("CUP", 2), ("TEE", 1)), LINES, True),
        ({"MUG": 2, "TEE": 1}, UNITS, (("CUP", 3), ("TEE", 1)), LINES, False),
        ({"MUG": 2, "TEE": 1}, UNITS, (("CUP", 0), ("TEE", 1)), LINES, True),
        ({"MUG": 2, "TEE": 1}, UNITS, (("CUP", 3), ("TEE", 0)), LINES, False),
        (UNITS, UNITS, (("CUP", 2), ("TEE", 1)), LINES, False),
        (UNITS, UNITS, None, LINES, False),
        # a line of less than nothing is no line
        (UNITS, UNITS, (*LINES, ("PEN", -1)), LINES, True),
        # else by the difference: fewer, and VeraCore cut as many or more
        ({"MUG": 2, "TEE": 1}, UNITS, (("CUP", 1), ("TEE", 1)), PART, True),
        ({"MUG": 2, "TEE": 1}, UNITS, (("CUP", 0), ("TEE", 1)), PART, True),
        ({"TEE": 1}, UNITS, (("CUP", 1), ("TEE", 1)), PART, False),
        # more, and VeraCore has as many more
        ({"MUG": 4, "TEE": 1}, UNITS, (("CUP", 3), ("TEE", 1)), PART, True),
        ({"MUG": 5, "TEE": 1}, UNITS, (("CUP", 3), ("TEE", 1)), PART, False),
        ({"MUG": 4, "TEE": 1}, UNITS, PART, PART, False),
        # each of them
        ({"MUG": 4, "TEE": 2}, UNITS, (("CUP", 3), ("TEE", 1)), PART, False),
        # what VeraCore has cut beyond that, another alert tells
        ({"MUG": 2, "TEE": 1}, UNITS, (("CUP", 2),), LINES, True),
    ],
)
def test_whether_veracore_followed(
    now: Mapping[str, int],
    was: Mapping[str, int] | None,
    held: SentLines | None,
    sent: SentLines | None,
    expected: bool,
) -> None:
    assert agrees(now, was, held, sent, RENDERER) is expected


# ---- what the facets are of ---------------------------------------------------------------------


def read(sku: str = "MUG", method: str = "standard", fulfilled: int = 0) -> OrderContent:
    line = OrderLine("1", "v1", sku, 3, fulfilled, Decimal("12.50"), Decimal(10))
    shipping = ShippingLine(method, Decimal(5), Decimal(5), "m1")
    at = START
    return OrderContent(
        "id-A",
        "A",
        "PaymentSettled",
        "Regular",
        at,
        at,
        "USD",
        Decimal(50),
        Decimal(0),
        Address(),
        (line,),
        (shipping,),
        Decimal(50),
    )


def test_a_renamed_variant_or_method_is_no_change() -> None:
    sent = facets(read(), "gross", b"key")
    renamed = under_first_names(read("CUP", "post"), sent, None)
    assert renamed == read()
    assert facets(renamed, "gross", b"key") == sent
    # What was seen later has the names of what was sent: a second renaming is none either.
    assert under_first_names(read("BOWL"), facets(renamed, "gross", b"key")) == read()


def test_another_variant_under_the_old_sku_is_a_change() -> None:
    sent = facets(read(), "gross", b"key")
    one = read("CUP")
    other = replace(one.lines[0], id="2", variant_id="v2", sku="MUG", quantity=2)
    both = under_first_names(replace(one, lines=(*one.lines, other)), sent)
    assert facets(both, "gross", b"key").units == {"MUG": 5}


def test_units_of_our_own_slips_are_not_by_hand() -> None:
    assert fulfilled_by_others(read(fulfilled=3), {"1": 2}) == {"MUG": 1}
    assert fulfilled_by_others(read(fulfilled=2), {"1": 3}) == {}
    assert facets(read(fulfilled=2), "gross", b"key").by_hand == {"MUG": 2}
    assert open_units(facets(read(fulfilled=2), "gross", b"key")) == {"MUG": 1}
