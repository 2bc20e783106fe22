"""The examples of docs/order-hooks.md, installed and run as they stand there."""

from __future__ import annotations

import re
import tomllib
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from fakes import ADDRESS, make_order, make_settings
from order_hook_kit import Install

from veracore_sync import order_hooks
from veracore_sync.domain.orders import Customer, Order
from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.hooking.process import HookProcess
from veracore_sync.jobs.orders.hooked import Hooked
from veracore_sync.jobs.orders.render import Renderer, Unsendable
from veracore_sync.jobs.orders.silent_hooks import SilentHooks
from veracore_sync.ledger.opening import open_ledger

PAGE = (Path(__file__).parents[2] / "docs" / "order-hooks.md").read_text("utf-8")
EXAMPLES = {
    "group-variable": "A customer group becomes a variable",
    "no-po-box": "No PO boxes with this carrier",
    "gift-message": "A gift message on lines of its own, with a card",
}


def blocks(heading: str, kind: str) -> list[str]:
    part = PAGE.split(f" {heading}\n", 1)[1].split("\n## ")[0].split("\n### ")[0]
    return re.findall(rf"```{kind}\n(.*?)```", part, re.DOTALL)


def render(name: str, install: Install, *orders: Order) -> list[WarehouseOrder | str]:
    """What is sent of each, or why it is not, with the settings of the example."""
    (source,) = blocks(EXAMPLES[name], "python")
    (shown,) = blocks(EXAMPLES[name], "toml")
    settings = make_settings(**tomllib.loads(shown))
    assert settings.orders.hooks == (name,)
    install(source, name)
    made: list[WarehouseOrder | str] = []
    with closing(HookProcess(settings.orders.hooks, settings.orders.hook_seconds)) as hooks:
        hooks.start()
        silences = SilentHooks(open_ledger(None).meta, hooks.identity, remembers=False)
        hooked = Hooked(hooks, settings.orders, silences)
        renderer = Renderer(settings.orders, settings.skus, hooked=hooked)
        for order in orders:
            try:
                made.append(renderer.render(order, order.code).order)
            except Unsendable as refusal:
                made.append(refusal.trouble.message)
    return made


def variables(sent: WarehouseOrder | str) -> dict[str, str]:
    assert isinstance(sent, WarehouseOrder), sent
    return {one.name: one.value for one in sent.variables}


def test_a_customer_group_becomes_a_variable(install_hooks: Install) -> None:
    groups = (("Staff", "Wholesale"), ("Staff",), ())
    orders = [make_order("A", customer=Customer("Pat", "Example", groups=one)) for one in groups]
    assert [*map(variables, render("group-variable", install_hooks, *orders))] == [
        {"Packing list": "W"},
        {"Packing list": "S"},
        {},
    ]


def test_no_po_boxes_with_this_carrier(install_hooks: Install) -> None:
    to = ("PO Box 12", "12 Main Street", "Lock 7, P. O. Box 4")
    orders = [make_order("A", shipping_address=address(street1=one)) for one in to]
    first, second, third = render("no-po-box", install_hooks, *orders)
    refused = (
        "the order hook no-po-box refuses it: UPS does not deliver to PO boxes: ask for a street, "
        "or choose USPS"
    )
    assert (first, third) == (refused, refused)
    assert isinstance(second, WarehouseOrder)


def address(**changes: Any) -> order_hooks.Address:
    return order_hooks.Address(**{**ADDRESS.by_field(), **changes})


def test_a_gift_message_on_lines_of_its_own(install_hooks: Install) -> None:
    texts = ("Happy birthday, dear Zora, and many more to come", "", "word " * 40)
    orders = [make_order("A", custom_fields={"giftMessage": one}) for one in texts]
    first, second, third = render("gift-message", install_hooks, *orders)
    assert variables(first) == {
        "Gift line 1": "Happy birthday, dear Zora, and many more",
        "Gift line 2": "to come",
    }
    assert isinstance(first, WarehouseOrder)
    assert [one.sku for one in first.lines] == ["MUG", "TEE", "GIFT-CARD-BLANK"]
    assert variables(second) == {}
    assert third == (
        "the order hook gift-message refuses it: the gift message does not fit on 3 lines of 40 "
        "characters"
    )


def test_the_project_offers_the_examples() -> None:
    (shown,) = blocks("Write one", "toml")
    points = tomllib.loads(shown)["project"]["entry-points"]["veracore_sync.order_hooks"]
    assert set(points) == set(EXAMPLES)
    for name, target in points.items():
        (source,) = blocks(EXAMPLES[name], "python")
        assert f"def {target.partition(':')[2]}(" in source


def test_the_page_names_every_field_that_may_be_changed() -> None:
    table = PAGE.split("## What a hook may change")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))
    assert {one.name for one in fields(WarehouseOrder)} <= named


PUBLIC = {
    "Address": "full_name company street1 street2 city province postal_code country_code phone",
    "Classification": "source price_class project campaign customer_code",
    "Customer": "first_name last_name email phone groups",
    "Freight": "carrier service code shipping_option third_party_type third_party_account",
    "Order": "id code state type placed_at updated_at currency paid refunded customer "
    "shipping_address billing_address lines shipping_lines note custom_fields same_goods channels "
    "total surcharges_gross surcharges_net",
    "OrderLine": "id variant_id sku quantity fulfilled unit_price_gross unit_price_net sum_gross "
    "sum_net",
    "Party": "first_name last_name company address1 address2 city state postal_code country phone "
    "email",
    "ShippingLine": "method_code price_gross price_net method_id",
    "Variable": "name value",
    "WarehouseLine": "number sku quantity unit_price",
    "WarehouseOrder": "id reference po_number placed_at comment classification ordered_by ship_to "
    "bill_to freight shipping_charge lines extra_charge ship_comments needed_by release_date rush "
    "discount_code variables",
}
"""What merchants' code may use: names may be added, and none taken away."""


@pytest.mark.parametrize("name", PUBLIC)
def test_what_hooks_use_stays(name: str) -> None:
    there = [one.name for one in fields(getattr(order_hooks, name))]
    assert [one for one in there if one in PUBLIC[name].split()] == PUBLIC[name].split()


def test_everything_public_is_exported() -> None:
    others = {"OrderHook", "RefuseOrder", "add_line", "set_variable"}
    assert set(order_hooks.__all__) == {*PUBLIC, *others}
