"""What is done with an order that was just read: the planner's table."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from fakes import START, line, make_order, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.domain.orders import ShippingLine
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.orders.plan import (
    Action,
    HoldOrder,
    ParkOrder,
    Planner,
    SkipOrder,
    SubmitOrder,
    elsewhere_reason,
    foreign_reason,
)
from veracore_sync.jobs.orders.render import Renderer

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
STANDARD = ShippingLine("standard", Decimal(5), Decimal(4))
PICK_UP = ShippingLine("pick-up", Decimal(0), Decimal(0))
FREE_GIFT = ShippingLine("gift", Decimal(0), Decimal(0))


def planner(sections: dict[str, Any] | None = None, **rules: Any) -> Planner:
    settings = make_settings(**(sections or {}))
    given: dict[str, Any] = {
        "ledger_created_at": START - timedelta(days=9),
        "id_taken": lambda candidate, code: False,
        **rules,
    }
    renderer = Renderer(settings.orders, settings.skus)
    return Planner(settings.orders, renderer, "settings", b"key", **given)


def row(created: datetime = START, **facts: Any) -> OrderRow:
    return replace(fresh_row("A", "id-A", to_text(created)), **facts)


def decide(
    sections: dict[str, Any] | None = None,
    known: OrderRow | None = None,
    rules: dict[str, Any] | None = None,
    **changes: Any,
) -> Action:
    return planner(sections, **(rules or {})).decide(make_order("A", **changes), known or row())


def submitted(action: Action) -> SubmitOrder:
    assert isinstance(action, SubmitOrder)
    return action


# ---- the state in the shop -----------------------------------------------------------------------


@pytest.mark.parametrize("state", ["PaymentAuthorized", "Modifying", "ArrangingAdditionalPayment"])
def test_an_order_that_may_come_back_waits(state: str) -> None:
    assert decide(state=state) == HoldOrder("A", f"it is in {state} in the shop")


@pytest.mark.parametrize(
    ("state", "needs_a_person"),
    [
        ("PartiallyShipped", True),
        ("PartiallyDelivered", True),
        ("Shipped", False),
        ("Delivered", False),
        ("Cancelled", False),
        ("Draft", False),
    ],
)
def test_an_order_that_left_the_trigger_states_is_skipped(state: str, needs_a_person: bool) -> None:
    skipped = decide(state=state)
    reason = f"it is {state} in the shop, not by us"
    assert skipped == SkipOrder("A", reason, OrderCause.STATE, needs_a_person)


def test_other_trigger_states_are_sent() -> None:
    sections = {"orders": {"trigger_states": ["PaymentAuthorized"]}}
    assert isinstance(decide(sections, state="PaymentAuthorized"), SubmitOrder)
    assert decide(sections, state="PaymentSettled") == SkipOrder(
        "A", "it is PaymentSettled in the shop, not by us", OrderCause.STATE, False
    )


@pytest.mark.parametrize(
    ("paid", "refunded", "is_sent"),
    [
        ("46.00", "0", True),
        ("46.00", "45.99", True),
        ("46.00", "46.00", False),
        ("46.00", "50.00", False),
        ("0.01", "0.01", False),
        # nothing was to be paid, so nothing was given back
        ("0", "0", True),
    ],
)
def test_only_what_was_refunded_in_full_is_not_sent(
    paid: str, refunded: str, is_sent: bool
) -> None:
    action = decide(paid=Decimal(paid), refunded=Decimal(refunded))
    assert isinstance(action, SubmitOrder) is is_sent
    if not is_sent:
        assert action == SkipOrder("A", "fully refunded in the shop", OrderCause.RULE)


# ---- whose order it is ---------------------------------------------------------------------------


def test_a_type_that_is_not_sent_is_skipped() -> None:
    assert decide(type="Aggregate") == SkipOrder(
        "A", foreign_reason("Aggregate"), OrderCause.TYPE, False
    )
    assert "of the type Aggregate," in foreign_reason("Aggregate")
    assert isinstance(decide(type="Seller"), SubmitOrder)


@pytest.mark.parametrize(("sent", "is_skipped"), [({"S2"}, True), ({"S9"}, False), (set(), False)])
def test_goods_that_went_with_another_order_do_not_go_again(
    sent: set[str], is_skipped: bool
) -> None:
    rules = {"was_sent": sent.__contains__}
    action = decide(rules=rules, same_goods=("S1", "S2"))
    assert isinstance(action, SkipOrder) is is_skipped
    if is_skipped:
        assert action == SkipOrder("A", "its goods went to VeraCore with the order S2")
    # where nobody says so, none went
    assert isinstance(decide(same_goods=("S1", "S2")), SubmitOrder)


@pytest.mark.parametrize(
    ("channels", "kind"),
    [
        ((), SubmitOrder),
        (("__default_channel__", "eu"), SubmitOrder),
        (("__default_channel__", "us"), SkipOrder),
        (("__default_channel__", "eu", "us"), ParkOrder),
    ],
)
def test_the_channels_that_are_sent(channels: tuple[str, ...], kind: type) -> None:
    action = decide({"orders": {"channels": ["eu"]}}, channels=channels)
    assert type(action) is kind
    if isinstance(action, SkipOrder):
        assert (action.cause, action.alert) == (OrderCause.CHANNEL, False)
        assert "sold in the channel us," in action.reason
    if isinstance(action, ParkOrder):
        assert action.trouble.category is Category.CONFIG
        assert "also in the channel us," in action.trouble.message


def test_the_default_channel_is_named_only_where_it_is_the_only_one() -> None:
    assert "channel __default_channel__," in elsewhere_reason(["__default_channel__"])
    assert "channel eu, us," in elsewhere_reason(["us", "__default_channel__", "eu"])
    assert "channel a, b, c, d, e, f, g," in elsewhere_reason("gfedcba")


# ---- what the settings exclude -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("methods", "is_skipped"),
    [
        ((PICK_UP,), True),
        ((PICK_UP, PICK_UP), True),
        ((PICK_UP, FREE_GIFT), True),
        ((STANDARD,), False),
        # a part of it is to be shipped
        ((PICK_UP, STANDARD), False),
        # an order without a shipping method was not asked to be left out
        ((), False),
    ],
)
def test_skip_shipping_methods(methods: tuple[ShippingLine, ...], is_skipped: bool) -> None:
    sections = {"orders": {"skip_shipping_methods": ["pick-up", "gift"]}}
    action = decide(sections, shipping_lines=methods)
    assert isinstance(action, SkipOrder) is is_skipped
    if is_skipped:
        reason = "its shipping method is in orders.skip_shipping_methods"
        assert action == SkipOrder("A", reason, OrderCause.RULE)


def test_nothing_is_left_out_while_no_method_is_named() -> None:
    assert isinstance(decide(shipping_lines=(PICK_UP,)), SubmitOrder)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((line("1", "GIFT", 2),), "all its SKUs are in skus.exclude"),
        ((line("1", "GIFT", 2, 2),), "nothing is left to send"),
        ((line("1", "MUG", 2, 2),), "nothing is left to send"),
        ((line("1", "MUG", 0),), "nothing is left to send"),
        ((line("1", "MUG", 2, 2), line("2", "GIFT", 1)), "all its SKUs are in skus.exclude"),
        ((), "nothing is left to send"),
    ],
)
def test_why_nothing_of_an_order_is_sent(lines: tuple[Any, ...], reason: str) -> None:
    action = decide({"skus": {"exclude": ["GIFT"]}}, lines=lines)
    assert isinstance(action, SkipOrder)
    assert (action.reason.startswith(reason), action.cause) == (True, OrderCause.RULE)


def test_what_is_open_beside_what_is_excluded_is_sent() -> None:
    lines = (line("1", "MUG", 3, 1), line("2", "GIFT", 1))
    action = submitted(decide({"skus": {"exclude": ["GIFT"]}}, lines=lines))
    assert action.intent.lines == (("MUG", 2),)


# ---- what is sent --------------------------------------------------------------------------------


def test_what_an_intent_says() -> None:
    action = submitted(decide())
    intent = action.intent
    assert (action.code, action.order.id, intent.veracore_id) == ("A", "A", "A")
    assert (intent.lines, intent.settings_hash) == ((("MUG", 2), ("TEE", 1)), "settings")
    assert (intent.seen.updated_at, intent.paid_at) == (START, START)
    assert intent.seen.facets is not None
    assert action.other_ids == (), "derived only where they are looked up"


def test_a_stored_id_is_never_derived_again() -> None:
    settings = {"orders": {"id_prefix": "NEW-"}}
    assert submitted(decide(settings)).order.id == "NEW-A"
    assert submitted(decide(settings, row(veracore_id="OLD-A"))).order.id == "OLD-A"


def test_an_id_that_another_order_has_is_not_taken() -> None:
    asked: list[tuple[str, str]] = []

    def id_taken(candidate: str, code: str) -> bool:
        asked.append((candidate, code))
        return True

    assert submitted(decide(rules={"id_taken": id_taken})).order.id != "A"
    assert asked == [("A", "A")]


@pytest.mark.parametrize("state", OrderState)
def test_the_state_that_a_withheld_order_goes_back_to(state: OrderState) -> None:
    # a skipped one that was planned again is skipped no more
    kept = {OrderState.FAILED, OrderState.PARKED}
    back = submitted(decide(known=row(state=state))).back_to
    assert back is (state if state in kept else OrderState.PENDING)


def test_what_cannot_be_shipped_is_parked_with_its_reason() -> None:
    sections = {"orders": {"freight": {"other": {"carrier": "UPS", "service": "Ground"}}}}
    action = decide(sections, shipping_lines=(STANDARD,))
    assert isinstance(action, ParkOrder)
    assert (action.code, action.trouble.category) == ("A", Category.MAPPING)


def test_warnings_go_with_the_order_and_with_its_intent() -> None:
    action = submitted(decide(currency="JPY"))
    assert action.warnings
    assert action.warnings == action.intent.warnings


# ---- whether VeraCore may have it already --------------------------------------------------------

BORN = START - timedelta(days=9)


@pytest.mark.parametrize(
    ("placed", "created", "facts", "rules", "is_looked_up"),
    [
        # seen soon after it was placed, and after the ledger was made
        (START, START, {}, {}, False),
        (START, START + HOUR, {}, {}, False),
        (START, START - HOUR, {}, {}, False),
        (START, START + HOUR + SECOND, {}, {}, True),
        (START, START - HOUR - SECOND, {}, {}, True),
        # a time of placement that is unknown proves nothing
        (None, START + 9 * HOUR, {}, {}, False),
        # older than this ledger: an earlier one may have sent it
        (BORN, BORN, {}, {}, False),
        (BORN - SECOND, BORN, {}, {}, True),
        # once is enough
        (BORN - SECOND, BORN, {"looked_up": 1}, {}, False),
        # what this ledger has sent it looks up as a doubt, not as a backlog
        (BORN - SECOND, BORN, {"attempt": 1}, {}, False),
        (START, START + 9 * HOUR, {"attempt": 1}, {}, False),
        # a restored ledger: whatever it remembers, until the moment of the restore
        (START, START, {"attempt": 1}, {"unknown_until": START}, False),
        (START, START, {"attempt": 1}, {"unknown_until": START + SECOND}, True),
        (START, START, {}, {"unknown_until": START + SECOND}, True),
        (START, START, {"looked_up": 1}, {"unknown_until": START + SECOND}, False),
        (START, START + 9 * HOUR, {}, {"unknown_until": START - HOUR}, True),
    ],
)
def test_an_order_that_an_earlier_ledger_may_have_sent_is_looked_up(
    placed: datetime | None,
    created: datetime,
    facts: dict[str, Any],
    rules: dict[str, Any],
    is_looked_up: bool,
) -> None:
    action = decide(
        known=row(created, **facts), rules={"ledger_created_at": BORN, **rules}, placed_at=placed
    )
    assert submitted(action).look_up_first is is_looked_up


# ---- which rule comes first ----------------------------------------------------------------------


def test_who_an_order_belongs_to_is_asked_before_its_state() -> None:
    action = decide(type="Aggregate", state="Modifying")
    assert isinstance(action, SkipOrder)
    assert action.cause is OrderCause.TYPE


def test_a_waiting_order_is_not_skipped_for_its_shipping_method() -> None:
    sections = {"orders": {"skip_shipping_methods": ["pick-up"]}}
    action = decide(sections, state="Modifying", shipping_lines=(PICK_UP,))
    assert isinstance(action, HoldOrder)
