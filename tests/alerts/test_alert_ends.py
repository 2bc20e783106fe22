"""The reverse of each place that opens an alert: it closes when its reason has gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alerts_kit import FIRST, SECOND, Desk, desk

from veracore_sync.domain.errors import UsageError
from veracore_sync.domain.fulfilments import FulfilledOrder, Fulfilment, Line
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery
from veracore_sync.domain.pick_slips import SlipRow, fresh_slip
from veracore_sync.domain.states import PickSlipState
from veracore_sync.jobs.accept import accept
from veracore_sync.jobs.tracking.alert_ends import ENDS
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger

K = AlertKind


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@contextmanager
def ledger_of(one: Desk) -> Iterator[Ledger]:
    opened = open_ledger(one.rig.ledger_path)
    yield opened
    opened.close()


def sent(one: Desk, units: int = 2) -> None:
    one.place(units)
    one.orders()


def tracked(one: Desk) -> None:
    one.go_on(minutes=15)
    one.track()


# ---- an order that ends by another path ----------------------------------------------------------


def test_what_was_to_be_done_at_veracore_ends_when_veracore_cancels(one: Desk) -> None:
    sent(one)
    with ledger_of(one) as ledger:
        for kind in (K.ORDER_DRIFT, K.ORDER_PARKED, K.ORDER_CONFLICT, K.ORDER_SHORT):
            ledger.alerts.open(kind, "it differs", code=one.code)
    one.cancel_there()
    tracked(one)
    assert set(one.alerts()) == {K.ORDER_CANCELLED}
    one.shop.state.cancel(one.order)
    one.round()
    assert one.is_green()


def test_a_cancellation_that_was_accepted_is_no_news_when_veracore_follows(one: Desk) -> None:
    sent(one)
    one.go_on(minutes=1)
    one.shop.state.cancel(one.order)
    one.round()
    assert set(one.alerts()) == {K.ORDER_CANCELLED_IN_SHOP}
    one.accept(one.code)
    assert one.is_green()
    one.cancel_there()
    one.round()
    assert one.is_green()


def test_an_answer_that_comes_late_ends_nothing_that_the_shop_changed(one: Desk) -> None:
    sent(one)
    with ledger_of(one) as ledger:
        attempt = ledger.orders.attempts(one.code)[-1].attempt
        ledger.alerts.open(K.ORDER_CANCELLED_IN_SHOP, "cancel it there", code=one.code)
        ledger.alerts.open(K.ORDER_OLD, "it waits", code=one.code)
        ledger.transitions.accept(one.code, attempt, 1)
        assert [alert.kind for alert in ledger.alerts.standing()] == [K.ORDER_CANCELLED_IN_SHOP]


def test_nothing_is_waited_for_of_an_order_that_was_cancelled_there(one: Desk) -> None:
    sent(one)
    one.ship(1, package={"shipped": False})
    tracked(one)
    one.go_on(hours=25)
    one.round()
    assert set(one.alerts()) == {K.ORDER_SHIPMENT_WAITING}
    with ledger_of(one) as ledger:
        row = ledger.orders.get(one.code)
        assert row is not None
        ledger.transitions.cancel(one.code, row.veracore_id or "", "cancelled there")
    tracked(one)
    assert K.ORDER_SHIPMENT_WAITING not in one.alerts()


# ---- one bad record ------------------------------------------------------------------------------


def test_an_order_that_cannot_be_read_keeps_no_other_alert_open(one: Desk) -> None:
    orders = []
    for _ in range(3):
        sent(one)
        one.ship()
        orders.append(one.order)
    tracked(one)
    for order in orders:
        one.control("void", order=order.code, tracking=FIRST)
    tracked(one)
    for order in orders:
        (made,) = order.fulfilments
        one.shop.state.transition_fulfilment(made, "Cancelled")
    bad = orders[1].code
    one.shop.add_faults(["graphql_error_path"], operations=["ReadFulfilments"], order=bad)
    tracked(one)
    with ledger_of(one) as ledger:
        assert [alert.code for alert in ledger.alerts.standing()] == [bad]
    one.mend()
    tracked(one)
    assert one.alerts() == {}


def test_the_orders_of_open_alerts_are_read_fifty_in_a_request(one: Desk) -> None:
    sent(one)
    with ledger_of(one) as ledger:
        for number in range(120):
            ledger.alerts.open(K.ORDER_SHIPPED_CANCELLED, "it left", code=f"GONE{number}")
    before = len(one.shop.requests)
    one.track()
    reads = [one["operation"] for one in one.shop.requests[before:]]
    assert reads.count("ReadFulfilments") == 3


# ---- what a person accepts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason", "says"),
    [("A", " ", "with a reason"), ("NONE", "why", "no order NONE"), ("A", "why", "no open alert")],
)
def test_nothing_is_accepted_by_mistake(tmp_path: Path, name: str, reason: str, says: str) -> None:
    ledger = open_ledger(tmp_path / "ledger.db")
    ledger.transitions.discover([Discovery("A", "1", None)])
    ledger.alerts.open(K.ORDER_PARKED, "no stock", code="A")
    with pytest.raises(UsageError, match=says):
        accept(ledger, name, reason)
    assert len(ledger.alerts.standing()) == 1
    ledger.close()


def test_stats_shows_who_accepted_what_and_why(one: Desk) -> None:
    sent(one)
    one.ship(3, beyond=True)
    tracked(one)
    one.accept(one.code)
    timeline = one.run("stats", "--order", one.code, "--json").json["timeline"]
    (entry,) = [entry for entry in timeline if entry["event"] == "accepted"]
    assert entry["message"] == "alert order.beyond: the customer knows"


# ---- when an alert about goods has ended ---------------------------------------------------------

_ORDER = FulfilledOrder("1", "A", "PartiallyShipped", "Regular", (Line("l", "v", "MUG", 5),), ())
_MADE = Fulfilment("f", "Shipped", FIRST, {"l": 2})
_UPS, _VOID = ("UPS", "Ground", FIRST, None, False), ("UPS", "Ground", FIRST, None, True)
_SLIP = replace(
    fresh_slip("A", "A", "1", [_UPS], "2026-01-01T00:00:00.000Z"),
    state=PickSlipState.HANDED,
    lines={"l": 2},
    fulfilment_id="f",
    tracking_code=FIRST,
    intended_at="2026-01-01T00:00:00.000Z",
)


def order(*made: Fulfilment, state: str = "PartiallyShipped") -> FulfilledOrder:
    return replace(_ORDER, fulfilments=made, state=state)


def slip(**values: Any) -> SlipRow:
    return replace(_SLIP, **values)


_GONE = replace(_MADE, state="Cancelled")
_HAND = replace(_MADE, id="h")
_ENDED = [
    (K.ORDER_VOIDED, order(_MADE), slip(packages=(_VOID,)), False),
    (K.ORDER_VOIDED, order(_GONE), slip(packages=(_VOID,)), True),
    (K.ORDER_UNFULFILLED, order(_GONE), slip(), False),
    (K.ORDER_UNFULFILLED, order(_GONE, _HAND), slip(), True),
    (K.ORDER_UNFULFILLED, order(_GONE, replace(_HAND, state="Pending")), slip(), False),
    (K.ORDER_UNFULFILLED, order(_GONE, replace(_HAND, lines={"l": 1})), slip(), False),
    (K.ORDER_UNFULFILLED, order(_GONE, state="Cancelled"), slip(), True),
    (K.ORDER_UNFULFILLABLE, order(), slip(fulfilment_id=None), False),
    (K.ORDER_UNFULFILLABLE, order(replace(_MADE, state="Pending")), slip(), False),
    (K.ORDER_UNFULFILLABLE, order(_MADE), slip(), True),
    (K.ORDER_UNFULFILLABLE, order(), slip(state=PickSlipState.DONE), True),
    (K.ORDER_UNFULFILLABLE, order(_HAND), slip(fulfilment_id=None, lines=None), False),
    (K.ORDER_DOUBLED, order(_MADE, _HAND), slip(state=PickSlipState.DONE), False),
    (K.ORDER_DOUBLED, order(_MADE, replace(_HAND, tracking_code=SECOND)), slip(), True),
    (K.ORDER_DOUBLED, order(_GONE, _HAND), slip(state=PickSlipState.DONE), True),
    (K.ORDER_PENDING_BY_HAND, order(replace(_HAND, state="Pending")), slip(), False),
    (K.ORDER_PENDING_BY_HAND, order(replace(_MADE, state="Pending")), slip(), True),
    (K.ORDER_PENDING_BY_HAND, order(replace(_HAND, state="Cancelled")), slip(), True),
    (K.ORDER_PENDING_BY_HAND, order(_HAND), slip(), True),
    (K.ORDER_SHIPPED_CANCELLED, order(state="Cancelled"), slip(), False),
    (K.ORDER_SHIPPED_CANCELLED, order(state="Cancelled"), slip(packages=(_VOID,)), True),
    (K.ORDER_SHIPPED_CANCELLED, order(state="Cancelled"), slip(packages=(_VOID, _UPS)), False),
    (K.ORDER_MISSING, order(), slip(), False),
    (K.ORDER_MISSING, order(state="Cancelled"), slip(), False),
    (K.ORDER_MISSING, order(state="Delivered"), slip(), True),
    (K.ORDER_SHORT, order(), slip(), False),
    (K.ORDER_SHORT, order(state="Shipped"), slip(), True),
]


@pytest.mark.parametrize(("kind", "shown", "row", "ended"), _ENDED)
def test_what_the_shop_shows_ends_it_or_not(
    kind: AlertKind, shown: FulfilledOrder, row: SlipRow, ended: bool
) -> None:
    is_over: Callable[..., bool] = ENDS[kind]
    assert is_over(shown, [row]) is ended


def test_each_end_is_in_the_table() -> None:
    assert {kind for kind, *_ in _ENDED} == set(ENDS)
