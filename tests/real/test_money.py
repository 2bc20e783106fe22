"""What VeraCore gets adds up to what the customer of a real Vendure was charged."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import vendure_carts
from real_kit import make_rig, stock
from realvendure import StartVendure
from sample import one_of

from veracore_sync.jobs.orders.text import as_currency
from veracore_sync.sandbox.server import Sandbox


@pytest.mark.parametrize(
    "options",
    one_of(
        {"money": "line", "precision": 3, "currency": "KWD"},
        {"money": "unit", "currency": "JPY", "prices_include_tax": True},
    ),
    ids=str,
)
def test_random_carts(start_any_vendure: StartVendure, options: dict[str, object]) -> None:
    vendure = start_any_vendure(**options)
    codes = vendure_carts.place(vendure, vendure_carts.set_up(vendure), 20, seed=1)
    found = vendure_carts.compare(vendure, codes)
    assert found.orders == 20
    assert found.wrong == []


@dataclass(frozen=True)
class Case:
    """Units of one variant, what they cost with shipping, and what unit prices would make of it."""

    options: dict[str, object]
    price: int
    units: int
    total: Decimal
    by_unit_price: Decimal
    coupon: str | None = None


CASES = {
    "by line": Case({"money": "line"}, 3, 900, Decimal("37.40"), Decimal("41.00")),
    "a coupon": Case({"money": "line"}, 9, 630, Decimal("66.24"), Decimal("68.00"), "TEN"),
    "four digits": Case({"precision": 4}, 125, 900, Decimal("13.55"), Decimal("18.05")),
}


@pytest.mark.parametrize("name", one_of(*CASES))
def test_the_record_has_what_the_customer_paid(
    start_any_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    vendure = start_any_vendure(**case.options)
    vendure.create_variant("MANY", price=case.price, tax_percent=20, stock=10_000)
    vendure.create_coupon("TEN", 10)
    placed = vendure.place_order([("MANY", case.units)], coupon=case.coupon)

    (line,) = vendure.order(placed)["lines"]
    scale = Decimal(1).scaleb(-int(str(case.options.get("precision", 2))))
    unit, _ = as_currency(line["proratedUnitPriceWithTax"] * scale, "USD")
    assert unit * case.units + 500 * scale == case.by_unit_price

    rig = make_rig(vendure, sandbox, tmp_path)
    stock(rig, {"MANY": 10_000})
    assert rig.sync()["submitted"] == 1
    (record,) = sandbox.world.orders.values()
    goods = sum((one.quantity * Decimal(one.price) for one in record.lines), Decimal(0))
    assert sum(one.quantity for one in record.lines) == case.units
    assert goods + Decimal(record.handling_charge) == case.total
    assert vendure.order(placed)["totalWithTax"] * scale == pytest.approx(case.total)


def test_surcharges_are_a_charge_or_a_discount_of_the_record(
    start_any_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    vendure = start_any_vendure()
    rig = make_rig(vendure, sandbox, tmp_path)
    stock(rig, {"SKU-000001": 100})
    found = {}
    for price in (250, -99):
        placed = vendure.place_order([("SKU-000001", 2)])
        extra = {"description": "Extra", "sku": "", "price": price, "priceIncludesTax": True}
        vendure.modify(placed, surcharges=[{**extra, "taxRate": 0, "taxDescription": ""}])
        found[placed.code] = price
    rig.sync()
    for record in sandbox.world.orders.values():
        goods = sum((one.quantity * Decimal(one.price) for one in record.lines), Decimal(0))
        charges = Decimal(record.handling_charge) + Decimal(record.special_charge)
        total = vendure.order(record.reference)["totalWithTax"]
        assert goods + charges - Decimal(record.discount) == Decimal(total) / 100
        extra_sent = Decimal(record.special_charge) - Decimal(record.discount)
        assert extra_sent == Decimal(found.pop(record.reference)) / 100
    assert found == {}
