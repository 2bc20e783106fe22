"""What order hooks make of an order, and whether it may be sent like that (docs/order-hooks.md).

Pure, as far as the hooks are: they give the same for the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from veracore_sync.config import OrdersSettings
from veracore_sync.domain.errors import Category
from veracore_sync.domain.held_orders import unit_key
from veracore_sync.domain.order_records import Failure
from veracore_sync.domain.orders import Address, Order
from veracore_sync.domain.personal import personal, quote, texts_in
from veracore_sync.domain.warehouse import (
    Classification,
    Freight,
    Party,
    Variable,
    WarehouseLine,
    WarehouseOrder,
)
from veracore_sync.jobs.orders.more_fields import too_long
from veracore_sync.jobs.orders.parties import missing_fields
from veracore_sync.jobs.orders.silent_hooks import SilentHooks
from veracore_sync.jobs.orders.text import clean
from veracore_sync.ports.order_hooks import HookFailed, HookRefused, HookSilent, OrderHooks

MAX_COMMENT = 255
_UNTOUCHED = ("id", "reference", "placed_at", "shipping_charge", "extra_charge")
"""What a hook may not change: who the order is, and what the customer paid."""
_ONLY_OMS = ("ship_comments", "needed_by", "release_date", "rush", "discount_code", "variables")
_MOST_UNITS = 1_000_000
_SHORT = 3
_DIGIT = re.compile(r"\S*\d\S*")

PartT = TypeVar("PartT", Party, Freight, Classification)


class NotHooked(Exception):
    """A hook refused the order, or gave none that can be sent."""

    def __init__(self, category: Category, message: str) -> None:
        super().__init__(message)
        self.trouble = Failure(category, message)


@dataclass(frozen=True, slots=True)
class Hooked:
    """Runs the hooks over rendered orders.

    Args:
        hooks: Those that run.
        settings: ``[orders]``.
        silences: Tells a hook that fails for one order from one that fails for all.
        takes_fields: Whether the dialect has all the fields of an order.
    """

    hooks: OrderHooks
    settings: OrdersSettings
    silences: SilentHooks
    takes_fields: bool = True

    def order(self, order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        """The order to send.

        Raises:
            NotHooked: The order is not sent.
            HooksUnusable: A hook gives no answer, whatever the order.
        """
        for name in self.hooks.names:
            try:
                made = self._asked(name, order, rendered)
            except HookRefused as refusal:
                reason = quote(refusal.reason, _hidden(order, rendered)) or "without a reason"
                message = f"the order hook {name} refuses it: {reason}"
                raise NotHooked(Category.VALIDATION, message) from None
            except HookFailed as failure:
                raise NotHooked(
                    Category.HOOK, f"the order hook {name} failed: {failure.what}"
                ) from None
            made = self._cleaned(made, rendered)
            problem = next(self._problems(made, rendered), None)
            if problem:
                # It may quote the name of a variable, which the hook made.
                problem = quote(problem, _hidden(order, rendered))
                message = f"the order hook {name} makes an order that cannot be sent: {problem}"
                raise NotHooked(Category.HOOK, message)
            rendered = made
        return rendered

    def _asked(self, name: str, order: Order, rendered: WarehouseOrder) -> WarehouseOrder:
        ask = partial(self.hooks.apply, name, order, rendered)
        try:
            made = ask()
        except HookSilent as silence:
            self.silences.silent(name, order.code, silence.what)
            raise
        except (HookFailed, HookRefused):
            self.silences.answered(name, ask)
            raise
        self.silences.answered(name, ask)
        return made

    def _cleaned(self, made: WarehouseOrder, before: WarehouseOrder) -> WarehouseOrder:
        """The texts as every other text is sent, and the lines numbered."""
        # A line without a price would get VeraCore's own.
        price = None if self.settings.prices == "none" else Decimal(0)
        known = len(before.lines)
        lines = [
            line
            if number <= known
            else WarehouseLine(number, clean(line.sku), line.quantity, line.unit_price or price)
            for number, line in enumerate(made.lines, start=1)
        ]
        variables = [Variable(clean(one.name), clean(one.value)) for one in made.variables]
        return replace(
            made,
            po_number=clean(made.po_number),
            comment=clean(made.comment),
            ship_comments=clean(made.ship_comments),
            discount_code=clean(made.discount_code),
            classification=_clean(made.classification),
            ordered_by=_clean(made.ordered_by),
            ship_to=_clean(made.ship_to),
            bill_to=_filled(made.bill_to),
            freight=None if made.freight is None else _clean(made.freight),
            lines=tuple(lines),
            variables=tuple(one for one in variables if one.value),
        )

    def _problems(self, made: WarehouseOrder, before: WarehouseOrder) -> Iterator[str]:
        for name in _UNTOUCHED:
            if getattr(made, name) != getattr(before, name):
                yield f"it changes {name}, which a hook may not"
        yield from self._of_lines(made, before)
        missing = missing_fields(made.ship_to, self.settings.countries_without_postal_code, [])
        if missing:
            yield f"its ship_to has no {' and no '.join(missing)}"
        if made.freight is not None:
            yield from _of_freight(made.freight)
        if len(made.comment) > MAX_COMMENT:
            yield f"its comment has more than {MAX_COMMENT} characters"
        yield from too_long(made)
        names = [one.name.casefold() for one in made.variables]
        if "" in names:
            yield "a variable has no name"
        if len(set(names)) < len(names):
            yield "two variables have the same name"
        if not self.takes_fields:
            for name in _ONLY_OMS:
                if getattr(made, name):
                    yield f"it sets {name}, which the dialect in use does not have"

    def _of_lines(self, made: WarehouseOrder, before: WarehouseOrder) -> Iterator[str]:
        known = len(before.lines)
        if made.lines[:known] != before.lines:
            yield "it changes the shop's lines, which a hook may not"
        allowed = {unit_key(sku) for sku in self.settings.hook_skus}
        for line in made.lines[known:]:
            if unit_key(line.sku) not in allowed:
                yield "it adds a line of an offer that orders.hook_skus does not name"
            if not 0 < line.quantity <= _MOST_UNITS:
                yield f"it adds a line of {line.quantity} units"
            if line.unit_price:
                yield "it adds a line with a price, which nobody paid"


def _of_freight(freight: Freight) -> Iterator[str]:
    if bool(freight.carrier) + bool(freight.code) + bool(freight.shipping_option) != 1:
        yield "its freight names not exactly one of carrier, code and shipping_option"
    if freight.service and not freight.carrier:
        yield "its freight names a service without a carrier"
    if bool(freight.third_party_type) != bool(freight.third_party_account):
        yield "its freight names only one of third_party_type and third_party_account"
    if freight.third_party_type is not None and not 1 <= freight.third_party_type <= 7:
        yield "its freight has a third_party_type that is none"


def _filled(party: Party | None) -> Party | None:
    """The party, cleaned; ``None`` if nothing is in it: then the orderer pays."""
    cleaned = None if party is None else _clean(party)
    return None if cleaned == Party() else cleaned


def _clean(part: PartT) -> PartT:
    texts: dict[str, Any] = {
        one.name: clean(value)
        for one in fields(part)
        if isinstance(value := getattr(part, one.name), str)
    }
    return replace(part, **texts)


def _hidden(order: Order, rendered: WarehouseOrder) -> list[str]:
    """What of the order a hook's own words may not repeat."""
    who = replace(order.customer, groups=())
    billing = order.billing_address or Address()
    parts = (who, order.shipping_address, billing, order.note)
    # A field that says yes or no is nobody's secret, and a word of most sentences.
    custom = [text for text in order.custom_fields.values() if len(text) > _SHORT]
    whole = [*texts_in(parts), *custom, *personal(rendered)]
    names = (who.first_name, who.last_name, order.shipping_address.full_name, billing.full_name)
    words = [word for name in names for word in name.split()]
    numbers = [word for text in whole for word in _DIGIT.findall(text)]
    return [one for one in (*whole, *words, *numbers) if len(one.strip()) > 1]
