"""What a rendered order says and what is remembered of it: each rule by itself."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pytest
from fakes import ADDRESS, START, line, make_order, make_settings

from veracore_sync.domain.errors import Category
from veracore_sync.domain.orders import Customer, Order, ShippingLine
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.jobs.orders.hooked import NotHooked
from veracore_sync.jobs.orders.render import (
    Rendered,
    Renderer,
    Unsendable,
    content_hash,
    payload_hash,
    settings_hash,
)

KEY = b"key"
NO_PRICES: dict[str, Any] = {"prices": "none"}


def renderer(hooked: Any = None, **sections: Any) -> Renderer:
    settings = make_settings(**sections)
    return Renderer(settings.orders, settings.skus, hooked=hooked)


def render(order: Order, hooked: Any = None, **sections: Any) -> Rendered:
    return renderer(hooked, **sections).render(order, "A")


def refused(order: Order, hooked: Any = None, **sections: Any) -> tuple[Category, str]:
    with pytest.raises(Unsendable) as caught:
        render(order, hooked, **sections)
    assert str(caught.value) == caught.value.trouble.message
    return caught.value.trouble.category, caught.value.trouble.message


def test_a_plain_order_has_nothing_to_warn_of_and_counts_its_lines_from_one() -> None:
    lines = (line("1", "CAP", 1, 1), line("2", "MUG", 2), line("3", "TEE", 1))
    rendered = render(make_order("A", lines=lines), orders=NO_PRICES)
    assert [(one.number, one.sku) for one in rendered.order.lines] == [(1, "MUG"), (2, "TEE")]
    assert rendered.warnings == ()
    assert render(make_order("A")).warnings == ()


def test_every_order_is_classified_as_the_settings_say() -> None:
    wanted = {
        "source": "WEB",
        "price_class": "RETAIL",
        "project": "P1",
        "campaign": "C1",
        "customer_code": "77",
    }
    found = render(make_order("A"), orders=NO_PRICES | wanted).order.classification
    assert asdict(found) == wanted


def test_the_names_of_what_is_sent_are_those_of_the_settings_or_of_others() -> None:
    lines = (line("1", "MUG", 2), line("2", "GIFT", 1), line("3", "TEE", 1))
    order = make_order("A", lines=lines)
    skus = {"aliases": {"TEE": "V-TEE"}, "exclude": ["GIFT"]}
    made = renderer(skus=skus)
    offers = {order.lines[0].variant_id: "MUG", order.lines[2].variant_id: "V-TEE"}
    assert made.offers(order) == offers
    other = made.named(made.names.with_names({"TEE": "W-TEE"}, {}))
    assert (made.offer("TEE"), other.offer("TEE")) == ("V-TEE", "W-TEE")


@pytest.mark.parametrize(
    ("orders", "kept"),
    [
        ({}, ("MUG", "FEE", "LEAFLET", "")),
        ({"service_sku": "fee"}, ("MUG", "LEAFLET", "")),
        ({"hook_skus": ["LEAFLET"]}, ("MUG", "FEE", "")),
        ({"service_sku": "FEE", "hook_skus": ["leaflet"]}, ("MUG", "")),
    ],
)
def test_lines_that_no_order_of_the_shop_has(orders: dict[str, Any], kept: tuple[str, ...]) -> None:
    held = tuple((sku, 1) for sku in ("MUG", "FEE", "LEAFLET", ""))
    assert renderer(orders=orders).goods(held) == tuple((sku, 1) for sku in kept)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Kim", "Payer"), ("Kim", "Payer")),
        (("Kim", ""), ("Kim", "")),
        (("", "Payer"), ("", "Payer")),
        (("", " "), ("Pat", "Example")),
    ],
)
@pytest.mark.parametrize(("phone", "called"), [("1", "1"), ("", ADDRESS.phone)])
def test_who_ordered(
    names: tuple[str, str], expected: tuple[str, str], phone: str, called: str
) -> None:
    by = render(make_order("A", customer=Customer(*names, "", phone))).order.ordered_by
    assert (by.first_name, by.last_name, by.phone) == (*expected, called)
    assert ADDRESS.phone


@pytest.mark.parametrize(("length", "is_cut"), [(255, False), (256, True)])
def test_a_comment_of_just_the_greatest_length_is_whole(length: int, is_cut: bool) -> None:
    rendered = render(make_order("A", note="x" * length), orders={"comment": "note"})
    assert (len(rendered.order.comment), bool(rendered.warnings)) == (255, is_cut)


def test_what_a_label_may_not_print_is_said() -> None:
    odd = replace(ADDRESS, city="🏙")
    (warning,) = render(make_order("A", shipping_address=odd)).warnings
    assert warning.endswith("text in: city")


FREIGHT = {code: {"code": f"U0{code}"} for code in "dcba"}
SEVERAL = tuple(ShippingLine(code, Decimal(1), Decimal(1)) for code in "dcba")


@pytest.mark.parametrize(
    ("order", "sections", "category", "words"),
    [
        (
            make_order("A", shipping_lines=SEVERAL),
            {"orders": {"freight": FREIGHT}},
            Category.MAPPING,
            "different freight (a, b, c, d)",
        ),
        (
            make_order("A", shipping_lines=()),
            {"orders": {"freight": FREIGHT}},
            Category.VALIDATION,
            "the order has no shipping method",
        ),
        (
            make_order("A", lines=(line("1", "TEE", 1), line("2", "MUG", 1))),
            {"orders": {"hook_skus": ["mug"]}},
            Category.MAPPING,
            "line 2 is of MUG, which orders.hook_skus keeps",
        ),
        (
            make_order("A", lines=(line("1", "TEE", 1), line("2", " ", 1))),
            {},
            Category.MAPPING,
            "line 2 has no SKU that can be sent",
        ),
        (
            make_order("A", custom_fields={"day": "soon"}),
            {"orders": {"fields": {"needed_by": "customFields.day"}}},
            Category.VALIDATION,
            "orders.fields.needed_by",
        ),
    ],
)
def test_why_an_order_cannot_be_sent(
    order: Order, sections: dict[str, Any], category: Category, words: str
) -> None:
    found = refused(order, **sections)
    assert (found[0], words in found[1]) == (category, True)


class Hooks:
    """Changes the comment of each order, or refuses it."""

    def __init__(self, refusal: NotHooked | None = None) -> None:
        self.refusal = refusal

    def order(self, order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        if self.refusal is not None:
            raise self.refusal
        return replace(rendered, comment=f"of {order.code}")


def test_hooks_have_the_last_word() -> None:
    assert render(make_order("B"), Hooks()).order.comment == "of B"
    refusal = NotHooked(Category.CONFIG, "not today")
    assert refused(make_order("B"), Hooks(refusal)) == (Category.CONFIG, "not today")


# ---- hashes: what counts as a change -------------------------------------------------------------

ORDER = make_order("A", lines=(line("1", "MUG", 2), line("2", "TEE", 1)), shipping_lines=SEVERAL)


def test_a_hash_of_content_is_the_same_in_every_version() -> None:
    """It is in the ledger: another one makes each order look changed after an update."""
    assert content_hash(ORDER, KEY) == "8ebe44b060465195b5f4eb730f2b7cf4"


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"lines": tuple(reversed(ORDER.lines))}, True),
        ({"shipping_lines": tuple(reversed(SEVERAL))}, True),
        ({"lines": (*ORDER.lines, line("3", "CAP", 0))}, True),
        ({"note": "other", "paid": Decimal(0)}, True),
        ({"lines": (*ORDER.lines, line("3", "CAP", 1))}, False),
        ({"lines": (line("1", "MUG", 3), line("2", "TEE", 1))}, False),
        ({"lines": (line("1", "CUP", 2), line("2", "TEE", 1))}, False),
        ({"shipping_lines": SEVERAL[1:]}, False),
        ({"shipping_address": replace(ADDRESS, city="Elsewhere")}, False),
    ],
)
def test_what_counts_as_other_content(changes: dict[str, Any], is_same: bool) -> None:
    changed = content_hash(replace(ORDER, **changes), KEY)
    assert (changed == content_hash(ORDER, KEY)) is is_same
    assert content_hash(ORDER, b"other") != content_hash(ORDER, KEY)


def test_everything_that_is_sent_is_in_the_hash_of_a_payload() -> None:
    sent = render(ORDER).order
    first = sent.lines[0]
    others = [
        sent,
        replace(sent, comment="x"),
        replace(sent, placed_at=START.replace(year=2027)),
        replace(sent, shipping_charge=Decimal("1.23")),
        replace(sent, ship_to=replace(sent.ship_to, city="Elsewhere")),
        replace(sent, lines=(replace(first, quantity=9), *sent.lines[1:])),
        replace(sent, lines=(replace(first, unit_price=Decimal("1.23")), *sent.lines[1:])),
    ]
    hashes = {payload_hash(one, KEY) for one in others}
    assert (len(hashes), {len(one) for one in hashes}) == (len(others), {32})
    assert payload_hash(sent, b"other") not in hashes
    # the fields by their names, not as Python prints them
    alone: Any = first
    assert payload_hash(alone, KEY) == "49b00c1ac8f22507eb50c5b46427bc3f"


def test_every_setting_and_hook_is_in_the_hash_of_the_settings() -> None:
    one, other = make_settings(), make_settings(orders={"source": "x"}, skus={"exclude": ["GIFT"]})
    hashes = {
        settings_hash(one.orders, one.skus),
        settings_hash(other.orders, one.skus),
        settings_hash(one.orders, other.skus),
        settings_hash(one.orders, one.skus, ["a", "1"]),
        settings_hash(one.orders, one.skus, ["a", "2"]),
    }
    assert (len(hashes), {len(each) for each in hashes}) == (5, {16})
