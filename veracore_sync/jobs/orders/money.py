"""Amounts in the currency's own digits that add up to what the customer paid; pure.

Vendure rounds by the shop's own strategy, so a unit price times a quantity need not be what a line
costs. Each sum is therefore taken as a whole and divided, never multiplied.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

from veracore_sync.jobs.orders.text import as_currency, smallest_unit


def rounded_together(amounts: Sequence[Decimal], currency: str) -> list[Decimal]:
    """The amounts with the currency's digits; their sum is that of `amounts`, rounded once."""
    unit = smallest_unit(currency)
    floors = [amount.quantize(unit, rounding=ROUND_FLOOR) for amount in amounts]
    whole, _ = as_currency(sum(amounts, Decimal(0)), currency)
    missing = int((whole - sum(floors, Decimal(0))) / unit)
    # The largest remainders first, then by place: the same order is always rendered alike.
    by_rest = sorted(range(len(amounts)), key=lambda at: (floors[at] - amounts[at], at))
    for at in by_rest[:missing]:
        floors[at] += unit
    return floors


def split_evenly(amount: Decimal, quantity: int, currency: str) -> list[tuple[int, Decimal]]:
    """Units and their price, at most two groups, that cost exactly `amount`; the dearer last."""
    unit = smallest_unit(currency)
    low, dearer = divmod(int(amount / unit), quantity)
    groups = [(quantity - dearer, unit * low), (dearer, unit * (low + 1))]
    return [group for group in groups if group[0]]


def taken_off(amounts: Sequence[Decimal], off: Decimal, currency: str) -> list[Decimal] | None:
    """The amounts less `off` in all, in proportion; ``None`` if they are less than that."""
    whole = sum(amounts, Decimal(0))
    if off > whole or any(amount < 0 for amount in amounts):
        return None
    unit = smallest_unit(currency)
    exact = [Fraction(off) * Fraction(amount) / Fraction(whole or 1) for amount in amounts]
    shares = [int(one / Fraction(unit)) for one in exact]
    by_rest = sorted(
        range(len(amounts)), key=lambda at: (shares[at] - exact[at] / Fraction(unit), at)
    )
    for at in by_rest[: int(off / unit) - sum(shares)]:
        shares[at] += 1
    return [amount - unit * share for amount, share in zip(amounts, shares, strict=True)]
