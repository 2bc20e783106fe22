"""What a shop sold, as the jobs see it.

Money is `Decimal` in units of the currency; quantities are whole units; times are aware and UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address as the shop keeps it; every field may be empty."""

    full_name: str = ""
    company: str = ""
    street1: str = ""
    street2: str = ""
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country_code: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """Who ordered; every field may be empty."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of a shop order.

    `quantity` is what is still ordered (0 when cancelled), `fulfilled` what live fulfilments hold,
    both in units. Prices are per unit with all discounts inside (Vendure's ``proratedUnitPrice``).
    """

    id: str
    variant_id: str
    sku: str
    quantity: int
    fulfilled: int
    unit_price_gross: Decimal
    unit_price_net: Decimal

    @property
    def open_quantity(self) -> int:
        """Units ordered and in no live fulfilment; never below zero."""
        return max(0, self.quantity - self.fulfilled)


@dataclass(frozen=True, slots=True)
class ShippingLine:
    """A chosen shipping method and its discounted price."""

    method_code: str
    price_gross: Decimal
    price_net: Decimal


@dataclass(frozen=True, slots=True)
class OrderStub:
    """What a cheap listing tells of an order."""

    id: str
    code: str
    state: str
    type: str
    placed_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """A shop order in full, as read in this run.

    `paid` sums the settled and authorised payments, `refunded` the refunds that have not failed.
    """

    id: str
    code: str
    state: str
    type: str
    placed_at: datetime | None
    updated_at: datetime
    currency: str
    paid: Decimal
    refunded: Decimal
    customer: Customer
    shipping_address: Address
    billing_address: Address | None
    lines: tuple[OrderLine, ...]
    shipping_lines: tuple[ShippingLine, ...]
    note: str = ""
    custom_fields: Mapping[str, str] = field(default_factory=dict)
