"""Prices as Vendure computes them: net list prices, taxes on top, discounts spread over the lines.

All functions return whole minor units, rounded half up, unless they say otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from veracore_sync.sandbox.shop_records import (
    Adjustment,
    Order,
    OrderLine,
    Promotion,
    ShippingLine,
    Surcharge,
)

LINE_DISCOUNT = "PROMOTION"
ORDER_DISCOUNT = "DISTRIBUTED_ORDER_PROMOTION"


@dataclass(frozen=True, slots=True)
class Discount:
    """An `Adjustment` as it is shown: for the units that are left, with and without tax."""

    source: str
    kind: str
    description: str
    amount: int
    amount_with_tax: int


def rounded(value: float) -> int:
    """The nearest whole number; halves go up, as in JavaScript."""
    return math.floor(value + 0.5)


def with_tax(net: float, rate: float) -> float:
    """A net amount with its tax, not rounded."""
    return net + net * (rate / 100)


def discounted_unit(line: OrderLine) -> float:
    """The net price of a unit after the discounts of its line alone; not rounded."""
    return _unit(line, (LINE_DISCOUNT,))


def prorated_unit(line: OrderLine) -> float:
    """The net price of a unit after all discounts; not rounded."""
    return _unit(line, (LINE_DISCOUNT, ORDER_DISCOUNT))


def _unit(line: OrderLine, kinds: Sequence[str]) -> float:
    if line.quantity == 0:
        return line.unit_price
    units = max(line.placed_quantity, line.quantity)
    return line.unit_price + sum(a.amount / units for a in line.adjustments if a.kind in kinds)


def line_price(line: OrderLine) -> int:
    """What the line costs after all discounts, net."""
    return rounded(prorated_unit(line) * line.quantity)


def line_price_with_tax(line: OrderLine) -> int:
    """What the line costs after all discounts, with tax."""
    return rounded(with_tax(prorated_unit(line), line.tax_rate) * line.quantity)


def shipping_price(line: ShippingLine) -> int:
    """What shipping costs; no tax is on it."""
    return line.price - line.off


def surcharge_with_tax(surcharge: Surcharge) -> int:
    """A surcharge with its tax."""
    return rounded(with_tax(surcharge.price, surcharge.tax_rate))


def sub_total(order: Order) -> int:
    """All lines and surcharges, net."""
    return sum(map(line_price, order.lines)) + sum(one.price for one in order.surcharges)


def sub_total_with_tax(order: Order) -> int:
    """All lines and surcharges, with tax."""
    lines = sum(map(line_price_with_tax, order.lines))
    return lines + sum(map(surcharge_with_tax, order.surcharges))


def shipping_total(order: Order) -> int:
    """All shipping lines."""
    return sum(map(shipping_price, order.shipping_lines))


def total(order: Order) -> int:
    """What the order costs, net."""
    return sub_total(order) + shipping_total(order)


def total_with_tax(order: Order) -> int:
    """What the order costs, with tax."""
    return sub_total_with_tax(order) + shipping_total(order)


def line_discounts(line: OrderLine) -> list[Discount]:
    """The discounts of a line, for the units that are left of it."""
    units = max(line.placed_quantity, line.quantity)
    return [_shown(line, one, units) for one in line.adjustments]


def _shown(line: OrderLine, one: Adjustment, units: int) -> Discount:
    net = one.amount / units * line.quantity if units else 0.0
    gross = with_tax(net, line.tax_rate)
    return Discount(one.source, one.kind, one.description, rounded(net), rounded(gross))


def shipping_discounts(line: ShippingLine) -> list[Discount]:
    """What was taken off a shipping line: the price of shipping that was cancelled."""
    if not line.off:
        return []
    return [Discount("CANCEL_ORDER", "OTHER", "shipping cancellation", -line.off, -line.off)]


def order_discounts(order: Order) -> list[Discount]:
    """The discounts of all lines and of shipping, summed by their source."""
    shown = [one for line in order.lines for one in line_discounts(line)]
    shown += [one for line in order.shipping_lines for one in shipping_discounts(line)]
    found: dict[str, Discount] = {}
    for one in shown:
        before = found.get(one.source)
        found[one.source] = _sum(before, one) if before else one
    return list(found.values())


def _sum(one: Discount, other: Discount) -> Discount:
    net, gross = one.amount + other.amount, one.amount_with_tax + other.amount_with_tax
    return Discount(one.source, one.kind, one.description, net, gross)


def apply_promotions(order: Order, promotions: Iterable[Promotion]) -> None:
    """Compute the discounts of all lines anew: first those of lines, then those of the order."""
    chosen = [one for one in promotions if one.coupon is None or one.coupon in order.coupons]
    for line in order.lines:
        line.adjustments = [
            Adjustment(_source(one), LINE_DISCOUNT, one.name, off)
            for one in chosen
            if one.skus is not None and line.variant.sku in one.skus
            if (off := rounded(-line.unit_price * one.percent / 100 * line.quantity))
        ]
    for one in chosen:
        if one.skus is None:
            _take_off_order(order, one)


def _take_off_order(order: Order, promotion: Promotion) -> None:
    amount = rounded(-sub_total(order) * (promotion.percent / 100))
    if not amount:
        return
    weights = [line_price_with_tax(line) if line.quantity else 0 for line in order.lines]
    for line, share in zip(order.lines, prorate(weights, amount), strict=True):
        if share:
            adjustment = Adjustment(_source(promotion), ORDER_DISCOUNT, promotion.name, share)
            line.adjustments.append(adjustment)


def _source(promotion: Promotion) -> str:
    return f"PROMOTION:{promotion.id}"


def prorate(weights: Sequence[int], amount: int) -> list[int]:
    """`amount` in whole parts by `weights`; the parts add up, largest remainders first."""
    whole = sum(weights)
    exact = [amount * (weight / whole) if whole else amount / len(weights) for weight in weights]
    parts = [math.floor(part) for part in exact]
    remainders = [part - floor for part, floor in zip(exact, parts, strict=True)]
    for _ in range(amount - sum(parts)):
        place = remainders.index(max(remainders))
        parts[place] += 1
        remainders[place] -= 1
    return parts
