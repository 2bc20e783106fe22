"""Prices and charges of an order as it is sent; pure (docs/order-mapping.md, "Amounts")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from veracore_sync.config import OrdersSettings
from veracore_sync.domain.orders import Order, OrderLine
from veracore_sync.domain.warehouse import WarehouseLine, WarehouseOrder
from veracore_sync.jobs.orders.money import rounded_together, split_evenly, taken_off
from veracore_sync.jobs.orders.text import as_currency


@dataclass(frozen=True, slots=True)
class Pricer:
    """Puts prices into an order; `has_charges` says whether the dialect has charges at all."""

    orders: OrdersSettings
    has_charges: bool

    def priced(
        self,
        rendered: WarehouseOrder,
        order: Order,
        lines: Sequence[OrderLine],
        warnings: list[str],
    ) -> WarehouseOrder:
        """`rendered` with the amounts of `order`, which are those of `lines` and all charges.

        What is sent adds up to what was charged for it. What cannot be said is left out, with a
        sentence in `warnings`.
        """
        gross = self.orders.prices == "gross"
        sums = [_charged(line, gross=gross) for line in lines]
        shipping = sum(
            (one.price_gross if gross else one.price_net for one in order.shipping_lines),
            Decimal(0),
        )
        surcharges = order.surcharges_gross if gross else order.surcharges_net
        # Together, so that the rounding of each does not add up to another total.
        *goods, freight, extra = rounded_together([*sums, shipping, surcharges], order.currency)
        exact = sum([*sums, shipping, surcharges], Decimal(0))
        whole, is_rounded = as_currency(exact, order.currency)
        if is_rounded:
            warnings.append(f"the total was rounded from {exact} to {whole} {order.currency}")
        excluded = _cost_of_excluded(order, lines, gross=gross)
        if excluded:
            warnings.append(_left_out("excluded SKUs", excluded, order))
        if gross:
            _compare_totals(order, lines, [*sums, shipping, surcharges], warnings)
        services: list[Decimal] = []
        sent_extra: Decimal | None = None
        if extra and self.orders.surcharges == "leave_out":
            warnings.append(_left_out("surcharges", extra, order))
        elif extra and self.has_charges and self.orders.surcharges == "charge":
            sent_extra = extra
        elif extra < 0:
            # Neither a line nor a dialect without charges can be below zero.
            cheaper = taken_off(goods, -extra, order.currency)
            if cheaper is None:
                warnings.append(_left_out("surcharges", extra, order))
            goods = cheaper or goods
        elif extra:
            self._as_service("surcharges", extra, order, services, warnings)
        if not self.has_charges and freight:
            self._as_service("the shipping charge", freight, order, services, warnings)
        return replace(
            rendered,
            shipping_charge=freight,
            extra_charge=sent_extra,
            lines=tuple(self._lines(rendered.lines, goods, services, order.currency)),
        )

    def _as_service(
        self,
        name: str,
        amount: Decimal,
        order: Order,
        services: list[Decimal],
        warnings: list[str],
    ) -> None:
        if self.orders.service_sku and amount > 0:
            services.append(amount)
        else:
            warnings.append(_left_out(name, amount, order))

    def _lines(
        self,
        lines: Sequence[WarehouseLine],
        goods: Sequence[Decimal],
        services: Sequence[Decimal],
        currency: str,
    ) -> Iterator[WarehouseLine]:
        number = 0
        for line, amount in zip(lines, goods, strict=True):
            for units, price in split_evenly(amount, line.quantity, currency):
                number += 1
                yield WarehouseLine(number, line.sku, units, price)
        for amount in services:
            number += 1
            yield WarehouseLine(number, self.orders.service_sku, 1, amount)


def _cost_of_excluded(order: Order, lines: Sequence[OrderLine], *, gross: bool) -> Decimal:
    sent = {line.id for line in lines}
    left_out = [line for line in order.lines if line.open_quantity and line.id not in sent]
    cost = sum((_charged(line, gross=gross) for line in left_out), Decimal(0))
    return as_currency(cost, order.currency)[0]


def _charged(line: OrderLine, *, gross: bool) -> Decimal:
    """What was charged for the units that are still to be sent."""
    whole = line.sum_gross if gross else line.sum_net
    if whole is None:
        return (line.unit_price_gross if gross else line.unit_price_net) * line.open_quantity
    if line.open_quantity == line.quantity:
        return whole
    return whole * line.open_quantity / line.quantity


def _compare_totals(
    order: Order, lines: Sequence[OrderLine], amounts: Sequence[Decimal], warnings: list[str]
) -> None:
    ordered = [line for line in order.lines if line.quantity]
    is_whole = len(lines) == len(ordered) and all(not line.fulfilled for line in ordered)
    read_sums = all(line.sum_gross is not None for line in lines)
    ours, _ = as_currency(sum(amounts, Decimal(0)), order.currency)
    total, _ = as_currency(order.total, order.currency)
    if is_whole and read_sums and ours != total:
        warnings.append(
            f"lines, shipping and surcharges add up to {ours} {order.currency}, "
            f"but the shop's total is {total}"
        )


def _left_out(name: str, amount: Decimal, order: Order) -> str:
    return f"not sent: {name} of {amount} {order.currency}"
