"""From a shop order to a warehouse order, field by field (docs/order-mapping.md)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from fakes import ADDRESS, line, make_order, make_settings
from hypothesis import given
from hypothesis import strategies as st

from veracore_sync.domain.errors import Category
from veracore_sync.domain.orders import Address, Customer, Order, ShippingLine
from veracore_sync.domain.warehouse import Freight, WarehouseOrder
from veracore_sync.jobs.orders.ids import renewed_id, warehouse_id
from veracore_sync.jobs.orders.render import Rendered, Renderer, Unsendable
from veracore_sync.jobs.orders.text import as_currency, clean, split_name


def render(order: Order, **sections: dict[str, object]) -> Rendered:
    settings = make_settings(**sections)
    return Renderer(settings.orders, settings.skus).render(order, order.code)


def total(sent: WarehouseOrder) -> Decimal:
    goods = sum((one.quantity * (one.unit_price or 0) for one in sent.lines), Decimal(0))
    return goods + (sent.shipping_charge or 0) + (sent.extra_charge or 0)


def refusal(order: Order, **sections: dict[str, object]) -> Unsendable:
    with pytest.raises(Unsendable) as caught:
        render(order, **sections)
    return caught.value


def test_the_whole_of_a_plain_order() -> None:
    sent = render(make_order("A")).order
    assert (sent.id, sent.reference, sent.po_number) == ("A", "A", "A")
    assert (sent.ship_to.first_name, sent.ship_to.last_name) == ("Pat", "Example")
    assert sent.ordered_by.email == "pat@example.com"
    assert sent.ordered_by.address1 == "12 Sample Street"
    assert sent.bill_to is None
    assert sent.freight is None
    assert sent.shipping_charge == Decimal("5.00")
    assert [(one.number, one.sku, one.quantity) for one in sent.lines] == [
        (1, "MUG", 2),
        (2, "TEE", 1),
    ]


def test_a_different_billing_address_bills_and_orders() -> None:
    billing = replace(ADDRESS, full_name="Kim Payer", street1="9 Money Road")
    sent = render(make_order("A", billing_address=billing)).order
    assert sent.bill_to is not None
    assert (sent.bill_to.address1, sent.ordered_by.address1) == ("9 Money Road", "9 Money Road")
    assert render(make_order("A", billing_address=ADDRESS)).order.bill_to is None


def test_an_order_without_a_customer_takes_the_name_of_its_address() -> None:
    sent = render(make_order("A", customer=Customer())).order
    assert (sent.ordered_by.first_name, sent.ordered_by.last_name) == ("Pat", "Example")


@pytest.mark.parametrize(
    ("prices", "unit", "charge"),
    [("gross", "12.50", "5.00"), ("net", "10.42", "4.20"), ("none", None, None)],
)
def test_prices(prices: str, unit: str | None, charge: str | None) -> None:
    sent = render(make_order("A"), orders={"prices": prices}).order
    assert sent.lines[0].unit_price == (Decimal(unit) if unit else None)
    assert sent.shipping_charge == (Decimal(charge) if charge else None)


def test_a_currency_without_decimals_is_rounded_half_even_and_says_so() -> None:
    shipping = (ShippingLine("standard-shipping", Decimal("501.00"), Decimal(0)),)
    rendered = render(make_order("A", currency="JPY", shipping_lines=shipping))
    assert rendered.order.shipping_charge == Decimal(501)
    assert rendered.order.lines[0].unit_price is not None
    assert total(rendered.order) == Decimal(538)
    assert any("538.50" in warning for warning in rendered.warnings)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("1.005", "USD", "1.00"),
        ("1.015", "USD", "1.02"),
        ("2.5", "JPY", "2"),
        ("1.2345", "KWD", "1.234"),
    ],
)
def test_currency_digits(amount: str, currency: str, rounded: str) -> None:
    assert as_currency(Decimal(amount), currency) == (Decimal(rounded), True)


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("street1", "street"),
        ("city", "city"),
        ("country_code", "country"),
        ("postal_code", "postal"),
    ],
)
def test_a_missing_part_of_the_address_is_named(field: str, word: str) -> None:
    broken = replace(ADDRESS, **{field: " \t"})
    trouble = refusal(make_order("A", shipping_address=broken)).trouble
    assert trouble.category is Category.VALIDATION
    assert word in trouble.message


def test_a_country_without_postal_codes_needs_none() -> None:
    dublin = replace(ADDRESS, country_code="IE", postal_code="")
    assert render(make_order("A", shipping_address=dublin)).order.ship_to.postal_code == ""


def test_freight_by_method() -> None:
    freight = {"standard-shipping": {"carrier": "UPS", "service": "Ground"}}
    assert render(make_order("A"), orders={"freight": freight}).order.freight == Freight(
        "UPS", "Ground"
    )


def test_an_unmapped_method_names_the_setting() -> None:
    trouble = refusal(make_order("A"), orders={"freight": {"x": {"code": "U11"}}}).trouble
    assert trouble.category is Category.MAPPING
    assert '[orders.freight."standard-shipping"]' in trouble.message


def test_mixed_freight_is_parked() -> None:
    lines = tuple(ShippingLine(code, Decimal(1), Decimal(1)) for code in ("a", "b"))
    freight = {"a": {"code": "U11"}, "b": {"code": "U01"}}
    trouble = refusal(make_order("A", shipping_lines=lines), orders={"freight": freight}).trouble
    assert "a, b" in trouble.message


def test_aliases_and_exclusions_ignore_case() -> None:
    order = make_order("A", lines=(line("1", "mug ", 2), line("2", "GIFT", 1)))
    sent = render(order, skus={"aliases": {"MUG": "OFFER-9"}, "exclude": ["gift"]}).order
    assert [one.sku for one in sent.lines] == ["OFFER-9"]


@pytest.mark.parametrize("sku", ["00123", "1E5", "A&B<C", "ÄÖ 5"])
def test_a_sku_is_an_opaque_string(sku: str) -> None:
    assert render(make_order("A", lines=(line("1", sku, 1),))).order.lines[0].sku == sku


@pytest.mark.parametrize("sku", ["", "  ", "A\x07B"])
def test_a_sku_that_cannot_be_sent_is_parked(sku: str) -> None:
    assert "SKU" in refusal(make_order("A", lines=(line("1", sku, 1),))).trouble.message


def test_two_lines_of_one_sku_stay_two() -> None:
    order = make_order("A", lines=(line("1", "MUG", 2), line("2", "MUG", 3)))
    assert [one.quantity for one in render(order).order.lines] == [2, 3]


def test_a_comment_is_cut_with_a_warning() -> None:
    order = make_order("A", note="x" * 300)
    assert render(order).order.comment == ""
    rendered = render(order, orders={"comment": "note"})
    assert len(rendered.order.comment) == 255
    assert rendered.warnings


def test_custom_fields_of_the_order_where_the_settings_name_them() -> None:
    fields = {"poNumber": "PO 77", "gift": "Leave\nat the door"}
    order = make_order("A", custom_fields=fields, note="a note")
    named = {"po_number_field": "poNumber", "comment_field": "gift", "comment": "note"}
    sent = render(order, orders=named).order
    assert (sent.po_number, sent.comment) == ("PO 77", "Leave at the door")
    empty = render(make_order("A", note="a note"), orders=named).order
    assert (empty.po_number, empty.comment) == ("A", "a note")


def test_names() -> None:
    assert split_name("Ana María  López") == ("Ana María", "López")
    assert split_name("Cher") == ("", "Cher")


@given(st.text())
def test_clean_text_is_legal_in_xml_and_stays_clean(text: str) -> None:
    import xml.etree.ElementTree as ET

    cleaned = clean(text)
    element = ET.Element("a")
    element.text = cleaned
    assert ET.fromstring(ET.tostring(element, encoding="utf-8")).text in (cleaned, None)
    assert clean(cleaned) == cleaned


@given(st.text(min_size=1, max_size=60), st.from_regex(r"[A-Za-z0-9-]{0,8}", fullmatch=True))
def test_ids_are_short_and_legal_whatever_the_code(code: str, prefix: str) -> None:
    for identity in (warehouse_id(code, prefix, lambda _: False), renewed_id(code, prefix, 2)):
        assert 1 <= len(identity) <= 20
        assert all(c.isascii() and (c.isalnum() or c == "-") for c in identity)


def test_any_address_renders_or_names_what_is_missing() -> None:
    with pytest.raises(Unsendable):
        render(make_order("A", shipping_address=Address()))
