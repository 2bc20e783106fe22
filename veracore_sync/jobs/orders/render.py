"""A shop order as the warehouse's order (docs/order-mapping.md); pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, tzinfo
from functools import cache
from typing import Any

from veracore_sync.config import FreightSettings, OrdersSettings, SkuSettings
from veracore_sync.domain.errors import Category
from veracore_sync.domain.held_orders import spellings, unit_key
from veracore_sync.domain.order_records import Failure, SentLines
from veracore_sync.domain.orders import Order, OrderContent, OrderLine
from veracore_sync.domain.warehouse import (
    Classification,
    Freight,
    Party,
    WarehouseLine,
    WarehouseOrder,
)
from veracore_sync.jobs.inventory.sku_map import SkuMap
from veracore_sync.jobs.orders.hooked import Hooked, NotHooked
from veracore_sync.jobs.orders.labels import label_warnings
from veracore_sync.jobs.orders.more_fields import BadField, with_more_fields
from veracore_sync.jobs.orders.parties import missing_fields, party
from veracore_sync.jobs.orders.pricing import Pricer
from veracore_sync.jobs.orders.text import clean

_MAX_COMMENT = 255


class Unsendable(Exception):
    """The order cannot be sent as it is; `trouble` names the field or setting that fixes it."""

    def __init__(self, category: Category, message: str) -> None:
        super().__init__(message)
        self.trouble = Failure(category, message)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The warehouse order, and what was shortened or rounded (one sentence each)."""

    order: WarehouseOrder
    warnings: tuple[str, ...]


class Renderer:
    """Renders orders by one set of settings.

    Args:
        orders: ``[orders]``.
        skus: ``[skus]``.
        spelled: The ledger's value of `SPELLINGS`.
        has_charges: Whether the dialect can say shipping, surcharges and discounts.
        zone: The warehouse's time zone, whose days an order may name.
        hooked: Runs the order hooks; without, an order is rendered only to be compared.
    """

    def __init__(
        self,
        orders: OrdersSettings,
        skus: SkuSettings,
        spelled: str | None = None,
        *,
        has_charges: bool = True,
        zone: tzinfo = UTC,
        hooked: Hooked | None = None,
    ) -> None:
        self._orders = orders
        self._hooked = hooked
        # What no order of the shop has, so that it counts in no comparison.
        self._beside = {unit_key(sku) for sku in (orders.service_sku, *orders.hook_skus) if sku}
        self._of_hooks = {unit_key(sku) for sku in orders.hook_skus}
        self._zone = zone
        self._pricer = Pricer(orders, has_charges)
        self._names = SkuMap(skus, spelled)

    @property
    def names(self) -> SkuMap:
        """The warehouse's names."""
        return self._names

    def named(self, names: SkuMap) -> Renderer:
        """The same with other names."""
        made = copy(self)
        made._names = names
        return made

    def sendable_lines(self, order: Order) -> list[OrderLine]:
        """The lines that still have units to send and whose SKU is not excluded."""
        return [
            line
            for line in order.lines
            if line.open_quantity > 0 and not self.is_excluded(line.sku)
        ]

    def is_excluded(self, sku: str) -> bool:
        """Whether ``skus.exclude`` names the SKU."""
        return self._names.is_excluded(sku)

    def offer(self, sku: str) -> str:
        """The warehouse's name of a SKU."""
        return self._names.part(sku)

    def offers(self, order: Order) -> dict[str, str]:
        """The warehouse's names of the order's variants, by their ids; of what it has of them."""
        return {
            line.variant_id: self.offer(line.sku)
            for line in order.lines
            if not self.is_excluded(line.sku)
        }

    def goods(self, lines: SentLines) -> SentLines:
        """The lines without those that no shop's order has.

        They are of ``orders.service_sku``, or were added by a hook (``orders.hook_skus``).
        """
        return tuple(one for one in lines if unit_key(one[0]) not in self._beside)

    def render(self, order: Order, warehouse_id: str) -> Rendered:
        """The warehouse order with this id.

        Raises:
            Unsendable: A setting or a field of the order is missing.
        """
        warnings: list[str] = []
        ordered_by, ship_to, bill_to = self._parties(order, warnings)
        rendered = WarehouseOrder(
            id=warehouse_id,
            reference=order.code,
            po_number=clean(self._custom(order, self._orders.po_number_field)) or order.code,
            placed_at=order.placed_at,
            comment=self._comment(order, warnings),
            classification=self._classification(),
            ordered_by=ordered_by,
            ship_to=ship_to,
            bill_to=bill_to,
            freight=self._freight(order),
            shipping_charge=None,
            lines=tuple(self._lines(order)),
        )
        try:
            rendered = with_more_fields(rendered, order, self._orders, self._zone)
        except BadField as problem:
            raise Unsendable(Category.VALIDATION, str(problem)) from None
        if self._orders.prices != "none":
            rendered = self._pricer.priced(rendered, order, self.sendable_lines(order), warnings)
        if self._hooked is not None:
            try:
                rendered = self._hooked.order(order, rendered)
            except NotHooked as refusal:
                raise Unsendable(refusal.trouble.category, refusal.trouble.message) from None
        return Rendered(rendered, (*warnings, *label_warnings(rendered)))

    def _custom(self, order: Order, name: str) -> str:
        return order.custom_fields.get(name, "")

    def _comment(self, order: Order, warnings: list[str]) -> str:
        note = order.note if self._orders.comment == "note" else ""
        comment = clean(self._custom(order, self._orders.comment_field) or note)
        if len(comment) > _MAX_COMMENT:
            warnings.append(f"the comment was cut at {_MAX_COMMENT} characters")
        return comment[:_MAX_COMMENT]

    def _classification(self) -> Classification:
        return Classification(
            source=self._orders.source,
            price_class=self._orders.price_class,
            project=self._orders.project,
            campaign=self._orders.campaign,
            customer_code=self._orders.customer_code,
        )

    def _parties(self, order: Order, warnings: list[str]) -> tuple[Party, Party, Party | None]:
        ship_to = party(order.shipping_address)
        missing = missing_fields(ship_to, self._orders.countries_without_postal_code, warnings)
        if missing:
            raise Unsendable(
                Category.VALIDATION,
                f"the shipping address has no {' and no '.join(missing)}: complete it in the shop",
            )
        billing = order.billing_address
        bill_to = party(billing) if billing and billing != order.shipping_address else None
        home = bill_to or ship_to
        customer = order.customer
        first, last = clean(customer.first_name), clean(customer.last_name)
        if not first and not last:
            first, last = home.first_name, home.last_name
        ordered_by = Party(
            first_name=first,
            last_name=last,
            company=home.company,
            address1=home.address1,
            address2=home.address2,
            city=home.city,
            state=home.state,
            postal_code=home.postal_code,
            country=home.country,
            phone=clean(customer.phone) or home.phone,
            email=clean(customer.email),
        )
        return ordered_by, ship_to, bill_to

    def _freight(self, order: Order) -> Freight | None:
        if not self._orders.freight:
            return None
        chosen: dict[str, Freight] = {}
        for line in order.shipping_lines:
            mapped = self._orders.freight.get(line.method_code)
            # Parked rather than sent without freight: the warehouse would choose the carrier.
            if mapped is None:
                raise Unsendable(
                    Category.MAPPING,
                    f"the shipping method {line.method_code!r} has no freight: "
                    f'add [orders.freight."{line.method_code}"] to the configuration',
                )
            chosen[line.method_code] = _freight(mapped)
        if len(set(chosen.values())) > 1:
            names = ", ".join(sorted(chosen))
            raise Unsendable(
                Category.MAPPING,
                f"the order has several shipping methods with different freight ({names}): "
                "map them to the same freight in [orders.freight], or split the order",
            )
        if not chosen:
            raise Unsendable(
                Category.VALIDATION, "the order has no shipping method: choose one in the shop"
            )
        return next(iter(chosen.values()))

    def _lines(self, order: Order) -> list[WarehouseLine]:
        return [
            WarehouseLine(number, self._offer(line, number), line.open_quantity, None)
            for number, line in enumerate(self.sendable_lines(order), start=1)
        ]

    def _offer(self, line: OrderLine, number: int) -> str:
        offer = self.offer(line.sku)
        # Never cleaned silently: the result could be the name of another offer. Its Unicode form is
        # left as it is, because an alias is VeraCore's own spelling.
        if not offer or clean(offer) != spellings(offer)[0]:
            raise Unsendable(
                Category.MAPPING,
                f"line {number} has no SKU that can be sent: give the variant one in the shop, "
                "or an alias in [skus.aliases]",
            )
        if unit_key(offer) in self._of_hooks:
            # Left out of every comparison, its units would be missing there for ever.
            raise Unsendable(
                Category.MAPPING,
                f"line {number} is of {offer}, which orders.hook_skus keeps for order hooks: take "
                "it out there, or give it another alias in [skus.aliases]",
            )
        return offer


def _freight(settings: FreightSettings) -> Freight:
    return Freight(
        carrier=settings.carrier,
        service=settings.service,
        code=settings.code,
        shipping_option=settings.shipping_option,
        third_party_type=settings.third_party_type,
        third_party_account=settings.third_party_account,
    )


def payload_hash(order: WarehouseOrder, key: bytes) -> str:
    """A keyed hash of everything that is sent."""
    # Keyed, because a plain hash of a name and street could be found by trying addresses.
    return _digest(order, key)


def content_hash(order: Order | OrderContent, key: bytes) -> str:
    """A keyed hash of units, SKUs, address and shipping method.

    If it changes after the order was accepted, that is drift. Fulfilments and settings are not in
    it, because they change without anything to do at the warehouse.
    """
    facts = {
        "lines": sorted((ln.id, ln.sku, ln.quantity) for ln in order.lines if ln.quantity > 0),
        "address": order.shipping_address.by_field(),
        "shipping": sorted(line.method_code for line in order.shipping_lines),
    }
    return _digest(facts, key)


def settings_hash(orders: OrdersSettings, skus: SkuSettings, hooks: Sequence[str] = ()) -> str:
    """A hash of what decides what is sent and what is parked.

    Args:
        hooks: The name and the version of each order hook.
    """
    text = orders.model_dump_json() + skus.model_dump_json() + "".join(hooks)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(facts: object, key: bytes) -> str:
    text = json.dumps(facts, sort_keys=True, default=_plain)
    return hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()


def _plain(value: object) -> object:
    # As dataclasses.asdict, which copies every text and takes ten times as long.
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names(type(value))}
    return str(value)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))
