"""From recorded and crooked answers to our model: the right value, or an error naming the field."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock
from vendure_kit import URL, login_ok, operations, page, shop, variables

from veracore_sync.domain.errors import ProtocolError
from veracore_sync.domain.orders import Address, Customer, Order, OrderLine, ShippingLine
from veracore_sync.jobs.orders.facets import facets
from veracore_sync.ledger.comparisons import packed
from veracore_sync.vendure import mapping
from veracore_sync.vendure.node import Node

DATA = Path(__file__).parents[1] / "data"


def recorded(name: str) -> dict[str, Any]:
    answer = json.loads((DATA / name).read_text("utf-8"))
    assert isinstance(answer, dict)
    return answer


def rich_item() -> dict[str, Any]:
    item = recorded("order-rich.json")["data"]["orders"]["items"][0]
    assert isinstance(item, dict)
    return item


def mapped(item: dict[str, Any], precision: int = 2) -> Order:
    return mapping.order(Node(item), precision)


def read(httpx_mock: HTTPXMock, name: str) -> Order:
    answer = recorded(name)
    httpx_mock.add_response(url=URL, **login_ok())
    httpx_mock.add_response(url=URL, json=answer)
    (order,) = shop().orders([answer["data"]["orders"]["items"][0]["code"]])
    return order


def test_a_rich_order(httpx_mock: HTTPXMock) -> None:
    order = read(httpx_mock, "order-rich.json")
    assert order == Order(
        id="1",
        code=order.code,
        state="PaymentSettled",
        type="Regular",
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        currency="USD",
        paid=Decimal("431.97"),
        refunded=Decimal(0),
        customer=Customer("Zo\u00eb", "\u0141ukasiewicz", "zoe@example.com", "+49 221 12345"),
        shipping_address=Address(
            full_name="Zo\u00eb Anne \u0141ukasiewicz",
            company="M\u00fcller & S\u00f6hne <GmbH>",
            street1="Gro\u00dfe Stra\u00dfe\u0007 12",
            street2="Hinterhaus,\t3. OG \u2603",
            city="K\u00f6ln",
            province="NRW",
            postal_code="01067",
            country_code="DE",
            phone="+49 30 123456",
        ),
        billing_address=Address(
            full_name="Buchhaltung",
            company="M\u00fcller & S\u00f6hne <GmbH>",
            street1="Postfach 1",
            city="Bru\u0308hl",
            province="Berlin",
            postal_code="50321",
            country_code="DE",
            phone="+49 30 123456",
        ),
        lines=(
            OrderLine(
                "1",
                "2",
                "00123",
                1,
                0,
                Decimal("21.59"),
                Decimal("17.99"),
                Decimal("21.59"),
                Decimal("17.99"),
            ),
            OrderLine(
                "2",
                "3",
                "1E5",
                2,
                0,
                Decimal("2.70"),
                Decimal("2.25"),
                Decimal("5.40"),
                Decimal("4.50"),
            ),
            OrderLine(
                "3",
                "4",
                "A&B<C",
                3,
                0,
                Decimal("133.33"),
                Decimal("111.11"),
                Decimal("399.99"),
                Decimal("333.33"),
            ),
        ),
        shipping_lines=(ShippingLine("standard-shipping", Decimal("5.00"), Decimal("5.00"), "1"),),
        total=Decimal("431.97"),
        note="Please ring twice \u2013 \u201cgarden\u201d door",
    )
    assert order.placed_at is not None
    assert order.placed_at.tzinfo is order.updated_at.tzinfo is UTC


def test_yen_carry_hundredths_too(httpx_mock: HTTPXMock) -> None:
    order = read(httpx_mock, "order-jpy.json")
    assert (order.currency, order.paid) == ("JPY", Decimal("62082.86"))
    assert [line.unit_price_gross for line in order.lines] == [
        Decimal("3218.40"),
        Decimal("269.73"),
        Decimal("19440.00"),
    ]
    assert order.billing_address is None
    assert order.note == ""


@pytest.mark.parametrize(("precision", "paid"), [(0, "43197"), (2, "431.97"), (4, "4.3197")])
def test_the_precision_is_the_servers(precision: int, paid: str) -> None:
    assert mapped(rich_item(), precision).paid == Decimal(paid)


def test_only_live_fulfilments_count() -> None:
    item = rich_item()
    item["lines"][2]["fulfillmentLines"] = [
        {"quantity": 1, "fulfillment": {"state": "Pending"}},
        {"quantity": 2, "fulfillment": {"state": "Cancelled"}},
        {"quantity": 1, "fulfillment": {"state": "Shipped"}},
    ]
    line = mapped(item).lines[2]
    assert (line.quantity, line.fulfilled, line.open_quantity) == (3, 2, 1)


def test_only_live_payments_and_refunds_count() -> None:
    item = rich_item()
    item["payments"] = [
        {"amount": 1000, "state": "Declined", "refunds": []},
        {
            "amount": 2000,
            "state": "Settled",
            "refunds": [
                {"total": 300, "state": "Failed"},
                {"total": 400, "state": "Pending"},
                {"total": 500, "state": "Settled"},
            ],
        },
        {"amount": 50, "state": "Authorized", "refunds": []},
    ]
    order = mapped(item)
    assert (order.paid, order.refunded) == (Decimal("20.50"), Decimal("9.00"))


def test_an_order_was_paid_when_its_live_payments_changed_last() -> None:
    def payment(state: str, day: int) -> dict[str, object]:
        at = f"2026-01-{day:02}T12:00:00.000Z"
        return {"amount": 100, "state": state, "updatedAt": at, "refunds": []}

    item = rich_item()
    item["payments"] = [payment("Settled", 2), payment("Authorized", 3), payment("Declined", 4)]
    assert mapped(item).paid_at == datetime(2026, 1, 3, 12, tzinfo=UTC)
    item["payments"] = [payment("Declined", 4)]
    assert mapped(item).paid_at is None


def test_what_may_be_null() -> None:
    nothing = {"customer": None, "shippingAddress": None, "billingAddress": None, "payments": None}
    item = {**rich_item(), **nothing, "orderPlacedAt": None}
    item["lines"] = [{**item["lines"][0], "fulfillmentLines": None}]
    order = mapped(item)
    assert order.customer == Customer()
    assert order.shipping_address == Address()
    assert order.billing_address is None
    assert order.placed_at is None
    assert (order.paid, order.refunded, order.lines[0].fulfilled) == (0, 0, 0)


def test_lone_surrogates_do_not_pass() -> None:
    item = rich_item()
    item["customer"] = {**item["customer"], "firstName": "A\ud800B"}
    assert mapped(item).customer.first_name == "A?B"


@pytest.mark.parametrize("hidden", ["\ud800", "\x1b", "\u202e", "\u200b", "\n", "\0", "\U000e0041"])
def test_a_code_with_what_nobody_sees_is_no_code(hidden: str) -> None:
    for path in ("code", "state"):
        with pytest.raises(ProtocolError, match=f"no usable {path}: it holds characters that nobo"):
            mapped({**rich_item(), path: f"A{hidden}B"})


def test_moments_of_any_zone_become_utc() -> None:
    item = {**rich_item(), "orderPlacedAt": "2026-11-23T06:00:00.500+01:00"}
    assert mapped(item).placed_at == datetime(2026, 11, 23, 5, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("code",), None, "code"),
        (("payments", 0, "amount"), 10.5, r"payments\[0\].amount"),
        (("payments", 0, "amount"), 2**53, r"payments\[0\].amount"),
        (("payments", 0, "amount"), 1e300, r"payments\[0\].amount"),
        (("payments", 0, "amount"), True, r"payments\[0\].amount"),
        (("payments", 0, "amount"), "10", r"payments\[0\].amount"),
        (("updatedAt",), "2026-11-23T06:00:00", "updatedAt"),
        (("orderPlacedAt",), "0001-01-01T00:00:00+12:00", "orderPlacedAt"),
        (("lines",), None, "lines"),
        (("lines", 1), "x", r"lines\[1\]"),
        (("lines", 1, "productVariant"), None, r"lines\[1\].productVariant"),
        (("lines", 1, "quantity"), None, r"lines\[1\].quantity"),
        (("lines", 0, "fulfillmentLines"), [{"quantity": 1}], r"lines\[0\].*\[0\].fulfillment"),
        (("shippingLines", 0, "shippingMethod"), {}, r"shippingLines\[0\].shippingMethod.code"),
        (("payments", 0, "refunds"), None, r"payments\[0\].refunds"),
        (("history", "items"), [{"data": "text"}], r"history.items\[0\].data"),
        (("shippingAddress", "city"), 7, "shippingAddress.city"),
    ],
)
def test_a_crooked_order_names_the_field(path: tuple[Any, ...], value: Any, field: str) -> None:
    item = rich_item()
    holder: Any = item
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(ProtocolError, match=f"no usable {field}$"):
        mapped(item)


def test_a_missing_field_is_not_a_null_one() -> None:
    item = rich_item()
    del item["billingAddress"]
    with pytest.raises(ProtocolError, match="billingAddress"):
        mapped(item)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside `value`."""
    if not isinstance(value, dict | list):
        return []
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [place for key, child in inner for place in [(*path, key), *places(child, (*path, key))]]


@given(place=st.sampled_from(places(rich_item())), value=ANYTHING)
def test_any_value_anywhere_is_an_order_or_our_error(place: tuple[Any, ...], value: Any) -> None:
    item = copy.deepcopy(rich_item())
    holder: Any = item
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    try:
        mapped(item)
    except ProtocolError as error:
        assert "no usable" in error.message


# ---- asking for orders ----------------------------------------------------------------------


def answer_for(codes: list[str], total: int | None = None) -> dict[str, Any]:
    answer = recorded("order-rich.json")
    items = [{**rich_item(), "code": code} for code in codes]
    answer["data"]["orders"] = page(items, total)
    return answer


def test_orders_come_in_the_order_asked_for_fifty_at_a_time(httpx_mock: HTTPXMock) -> None:
    codes = [f"C{number:03d}" for number in range(120)]
    asked = [*reversed(codes), codes[0]]
    httpx_mock.add_response(url=URL, **login_ok())
    for batch in (codes[70:], codes[20:70], codes[:20]):
        httpx_mock.add_response(url=URL, json=answer_for(batch))
    assert [order.code for order in shop().orders(asked)] == asked[:-1]
    reads = httpx_mock.get_requests()[1:]
    assert operations(reads) == ["ReadOrders"] * 3
    assert [len(variables(request)["codes"]) for request in reads] == [50, 50, 20]


def test_codes_that_the_shop_has_not_are_left_out(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=URL, **login_ok())
    httpx_mock.add_response(url=URL, json=answer_for(["B", "b"]))
    assert [order.code for order in shop().orders(["A", "B"])] == ["B"]


def test_no_codes_are_no_request() -> None:
    assert shop().orders([]) == []


def test_an_incomplete_answer_is_an_error(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=URL, **login_ok())
    httpx_mock.add_response(url=URL, json=answer_for(["A"], total=2))
    with pytest.raises(ProtocolError, match="incompletely"):
        shop().orders(["A", "B"])


@pytest.mark.parametrize("precision", [-1, 13, None, "2", 2.5])
def test_a_precision_that_cannot_be_is_an_error(httpx_mock: HTTPXMock, precision: Any) -> None:
    answer = answer_for(["A"])
    answer["data"]["globalSettings"]["serverConfig"]["moneyStrategyPrecision"] = precision
    httpx_mock.add_response(url=URL, **login_ok())
    httpx_mock.add_response(url=URL, json=answer)
    with pytest.raises(ProtocolError, match="moneyStrategyPrecision"):
        shop().orders(["A"])


def test_an_order_sent_before_lines_had_sums_is_not_seen_changed() -> None:
    # facets-rich.json is what the program stored of this order when it read unit prices alone.
    stored = recorded("facets-rich.json")
    now = facets(mapped(rich_item()), "gross", b"k" * 16)
    fresh = json.loads(packed(now) or "")
    # It tells which fields of an address change, and is no content.
    assert fresh.pop("ship_to_parts")
    assert fresh == stored
