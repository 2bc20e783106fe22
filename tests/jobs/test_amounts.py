"""What is sent adds up to what the customer was charged, in both dialects."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from fakes import line, make_order, make_settings
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.orders import Order, OrderLine, ShippingLine
from veracore_sync.jobs.orders.changes import agrees
from veracore_sync.jobs.orders.render import Rendered, Renderer
from veracore_sync.jobs.orders.text import as_currency
from veracore_sync.veracore.oms.write import add_order
from veracore_sync.veracore.rest.write import create_document

NAMESPACE = "http://omscom/"


def charged(quantity: int, amount: Decimal, at: int = 1) -> OrderLine:
    return replace(line(str(at), f"SKU-{at}", quantity), sum_gross=amount, sum_net=amount)


def order_of(*lines: OrderLine, currency: str, shipping: Decimal, extra: Decimal) -> Order:
    total = sum((one.sum_gross or Decimal(0) for one in lines), shipping + extra)
    return make_order(
        "A",
        lines=lines,
        currency=currency,
        shipping_lines=(ShippingLine("standard-shipping", shipping, shipping),),
        surcharges_gross=extra,
        surcharges_net=extra,
        total=total,
    )


def render(order: Order, *, rest: bool, **settings: str) -> Rendered:
    given_settings = make_settings(orders=settings)
    renderer = Renderer(given_settings.orders, given_settings.skus, has_charges=not rest)
    return renderer.render(order, "A")


def said(rendered: Rendered, *, rest: bool) -> Decimal:
    """The sum of the body of the request, read back."""
    if rest:
        body = json.loads(create_document(rendered.order, "C"), parse_float=Decimal)
        return sum(
            (one["Quantity"] * Decimal(one["UnitPrice"]) for one in body["Items"]), Decimal()
        )
    root = ET.Element("body")
    add_order(root, NAMESPACE, rendered.order, ZoneInfo("UTC"))
    order = root[0][0]
    goods = (
        int(one.findtext("Quantity", "")) * Decimal(one.findtext("UnitPrice", ""))
        for one in order.iter("OfferOrdered")
    )
    money = {one.tag: Decimal(one.text or "") for one in order.findall("Money/*")}
    off = money.pop("DiscountAmount", Decimal(0))
    return sum(goods, Decimal(0)) + sum(money.values(), Decimal(0)) - off


@pytest.mark.parametrize("rest", [False, True])
def test_a_line_that_no_unit_price_can_say(rest: bool) -> None:
    order = order_of(
        charged(900, Decimal("32.40")), currency="USD", shipping=Decimal("5.00"), extra=Decimal(0)
    )
    rendered = render(order, rest=rest, service_sku="SERVICE")
    assert said(rendered, rest=rest) == Decimal("37.40")
    goods = [one for one in rendered.order.lines if one.sku == "SKU-1"]
    assert [(one.quantity, one.unit_price) for one in goods] == [
        (360, Decimal("0.03")),
        (540, Decimal("0.04")),
    ]
    assert rendered.warnings == ()


AMOUNTS = st.decimals(0, 10_000, places=4)


@given(
    st.lists(st.tuples(st.integers(1, 900), AMOUNTS), min_size=1, max_size=6),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.sampled_from(["gross", "net"]),
    st.sampled_from(["charge", "sku"]),
    AMOUNTS,
    st.decimals(-9, 500, places=4),
    st.booleans(),
)
def test_the_sum_is_what_was_charged_or_a_warning_says_what_is_not_in_it(
    lines: list[tuple[int, Decimal]],
    currency: str,
    prices: str,
    surcharges: str,
    shipping: Decimal,
    extra: Decimal,
    rest: bool,
) -> None:
    parts = [charged(units, amount, at) for at, (units, amount) in enumerate(lines, start=1)]
    order = order_of(*parts, currency=currency, shipping=shipping, extra=extra)
    how = {"prices": prices, "surcharges": surcharges, "service_sku": "SERVICE"}
    rendered = render(order, rest=rest, **how)
    if any(one.startswith("not sent") for one in rendered.warnings):
        assert extra < 0  # more is taken off than the goods cost
        return
    assert said(rendered, rest=rest) == as_currency(order.total, currency)[0]
    assert render(order, rest=rest, **how) == rendered
    assert sum(one.quantity for one in rendered.order.lines if one.sku != "SERVICE") == sum(
        units for units, _ in lines
    )


@pytest.mark.parametrize(
    ("rest", "surcharges", "names"),
    [
        (False, "leave_out", ["surcharges"]),
        (True, "charge", ["surcharges", "the shipping charge"]),
    ],
)
def test_what_cannot_be_said_is_named(rest: bool, surcharges: str, names: list[str]) -> None:
    order = order_of(
        charged(1, Decimal(9)), currency="USD", shipping=Decimal(5), extra=Decimal("2.50")
    )
    rendered = render(order, rest=rest, surcharges=surcharges)
    assert [one.split(": ")[1].split(" of ")[0] for one in rendered.warnings] == names


@pytest.mark.parametrize("rest", [False, True])
def test_what_excluded_skus_cost_is_named(rest: bool) -> None:
    goods = charged(1, Decimal(9)), charged(3, Decimal("7.50"), at=2)
    order = order_of(*goods, currency="USD", shipping=Decimal(0), extra=Decimal(0))
    given = make_settings(skus={"exclude": ["SKU-2"]})
    renderer = Renderer(given.orders, given.skus, has_charges=not rest)
    rendered = renderer.render(order, "A")
    assert rendered.warnings == ("not sent: excluded SKUs of 7.50 USD",)
    assert said(rendered, rest=rest) == Decimal(9)


def test_a_service_line_is_no_difference_of_units() -> None:
    settings = make_settings(orders={"surcharges": "sku", "service_sku": "Service"})
    renderer = Renderer(settings.orders, settings.skus)
    sent = (("MUG", 1), ("MUG", 1), ("Service", 1))
    assert agrees({"MUG": 2}, {"MUG": 2}, sent, sent, renderer)
    assert not agrees({"MUG": 3}, {"MUG": 2}, sent, sent, renderer)
