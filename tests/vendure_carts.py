"""Random carts at a real Vendure, and what the program would send of them, read back."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from fakes import make_settings
from pydantic import SecretStr
from realvendure import RealVendure
from vendure_cells import vendure_settings

from veracore_sync.config import VendureSettings
from veracore_sync.domain.orders import Order
from veracore_sync.jobs.orders.render import Rendered, Renderer
from veracore_sync.jobs.orders.text import as_currency
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.shop import VendureShop
from veracore_sync.veracore.oms.write import add_order
from veracore_sync.veracore.rest.write import create_document

NAMESPACE = "http://omscom/"
COUPONS = ("ORDER-10", "ITEMS-33", "AMOUNT", "FREE-SHIPPING")
SERVICE = "SERVICE"
# Prices that leave a rest when they are taxed, discounted or divided, and taxes of all kinds.
PRICES = ((3, 20), (1, 20), (7, 7), (333, 20), (999, 7), (1250, 0), (4599, 19), (100_001, 20))


@dataclass
class Compared:
    """How many orders were compared, and each whose sum is not what the customer was charged."""

    orders: int = 0
    bodies: int = 0
    with_warning: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    by_unit_price: int = 0
    """Orders whose unit prices, times units, are not what was charged."""


def set_up(vendure: RealVendure) -> list[str]:
    """Variants and coupons for carts; the SKUs."""
    skus = []
    for at, (price, tax) in enumerate(PRICES):
        skus.append(f"CART-{at}")
        vendure.create_variant(skus[-1], price=price, tax_percent=tax, stock=1_000_000)
    vendure.create_coupon("ORDER-10", 10)
    vendure.create_item_coupon("ITEMS-33", skus[::2], 33)
    vendure.create_amount_coupon("AMOUNT", 77)
    vendure.create_free_shipping("FREE-SHIPPING")
    vendure.create_product_discount(skus[1::3], 15)
    return skus


def place(vendure: RealVendure, skus: Sequence[str], count: int, seed: int) -> list[str]:
    """Take so many orders of random carts; some get surcharges, some change afterwards."""
    random = Random(seed)
    carts, later = [], []
    for _ in range(count):
        chosen = random.sample(list(skus), random.randint(1, 4))
        # An order has 999 units at most.
        lines = [
            (sku, random.choice([1, 2, 3, 7, 11, 240 // len(chosen), 900 // len(chosen)]))
            for sku in chosen
        ]
        shipping = random.choice(["standard-shipping", "express-shipping"])
        coupon = random.choice([None, *COUPONS])
        carts.append({"lines": lines, "coupon": coupon, "shipping": shipping})
        later.append([_surcharge(random) for _ in range(random.choice([0, 0, 1, 2]))])
    placed = vendure.place_orders(carts)
    for order, surcharges in zip(placed, later, strict=True):
        # Vendure gives back no more than was paid.
        if vendure.order(order)["totalWithTax"] < 700:
            surcharges = [one for one in surcharges if one["price"] > 0]
        if surcharges:
            vendure.modify(order, surcharges=surcharges)
    return [order.code for order in placed]


def _surcharge(random: Random) -> dict[str, Any]:
    return {
        "description": "Extra",
        "sku": "",
        "price": random.choice([-250, -99, -1, 1, 33, 400, 1999]),
        "priceIncludesTax": random.choice([True, False]),
        "taxRate": random.choice([0, 7, 20]),
        "taxDescription": "",
    }


def compare(vendure: RealVendure, codes: Sequence[str]) -> Compared:
    """Read the orders as the program does, write both dialects' requests, and add them up."""
    shop = VendureShop(
        VendureSettings(
            admin_api_url=vendure.admin_url,
            username=vendure.username,
            password=SecretStr(vendure.password),
            **vendure_settings(vendure),
        ),
        retry=RetryPolicy(tries=3, base_seconds=0.0),
    )
    found = Compared()
    try:
        for at in range(0, len(codes), 20):
            for order in shop.orders(codes[at : at + 20]):
                _compare(vendure.order(order.code), order, found)
    finally:
        shop.close()
    return found


def _compare(theirs: Any, order: Order, found: Compared) -> None:
    found.orders += 1
    # The shop's own integers, brought to the currency by the scale that the program has read.
    scale = order.total / theirs["totalWithTax"] if theirs["totalWithTax"] else Decimal(1)
    charged = {"gross": theirs["totalWithTax"] * scale, "net": theirs["total"] * scale}
    by_units = sum((one.unit_price_gross * one.quantity for one in order.lines), Decimal(0))
    goods = order.total - order.surcharges_gross
    goods -= sum((one.price_gross for one in order.shipping_lines), Decimal(0))
    found.by_unit_price += by_units != goods
    for rest, prices, surcharges in _ways():
        rendered = _render(order, rest, prices, surcharges)
        expected, _ = as_currency(charged[prices], order.currency)
        sent = said(rendered, rest=rest)
        found.bodies += 1
        unsaid = [one for one in rendered.warnings if one.startswith("not sent")]
        for one in rendered.warnings:
            found.with_warning[one.split(":")[0].split(" from ")[0]] += 1
        if sent != expected and not unsaid:
            how = f"{'rest' if rest else 'oms'} {prices} {surcharges}"
            found.wrong.append(f"{order.code} {how}: {sent} sent, {expected} charged")


def _ways() -> Iterator[tuple[bool, str, str]]:
    for rest in (False, True):
        for prices in ("gross", "net"):
            for surcharges in ("charge", "sku"):
                yield rest, prices, surcharges


def _render(order: Order, rest: bool, prices: str, surcharges: str) -> Rendered:
    how = {"prices": prices, "surcharges": surcharges, "service_sku": SERVICE}
    settings = make_settings(orders=how)
    renderer = Renderer(settings.orders, settings.skus, has_charges=not rest)
    return renderer.render(order, order.code)


def said(rendered: Rendered, *, rest: bool) -> Decimal:
    """The sum of the body of the request, read back."""
    if rest:
        body = json.loads(create_document(rendered.order, "C"), parse_float=Decimal)
        return sum(
            (one["Quantity"] * Decimal(one["UnitPrice"]) for one in body["Items"]), Decimal(0)
        )
    root = ET.Element("body")
    add_order(root, NAMESPACE, rendered.order, ZoneInfo("UTC"))
    order = root[0][0]
    goods = (
        int(one.findtext("Quantity", "")) * Decimal(one.findtext("UnitPrice", ""))
        for one in order.iter("OfferOrdered")
    )
    money = {one.tag: Decimal(one.text or "") for one in order.findall("Money/*") if not len(one)}
    off = money.pop("DiscountAmount", Decimal(0))
    return sum(goods, Decimal(0)) + sum(money.values(), Decimal(0)) - off
