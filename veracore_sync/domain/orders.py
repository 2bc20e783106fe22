"""The shop's orders.

Money is `Decimal` in units of the currency; quantities are whole units; times are aware and UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address in the shop's fields; every field may be empty."""

    full_name: str = ""
    company: str = ""
    street1: str = ""
    street2: str = ""
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country_code: str = ""
    phone: str = ""

    def by_field(self) -> dict[str, str]:
        """The fields by name."""
        # dataclasses.asdict copies every text, which takes ten times as long.
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Customer:
    """Who ordered; every field may be empty. `groups` are names, read only where a setting asks."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of a shop order.

    `quantity` is what is still ordered (0 if cancelled), `fulfilled` what live fulfilments contain,
    both in units. Prices are per unit after all discounts (Vendure's ``proratedUnitPrice``).
    `sum_gross` and `sum_net` are what all its units were charged (``proratedLinePrice``), which
    the shop rounds by its own rule; ``None`` where that was not read.
    """

    id: str
    variant_id: str
    sku: str
    quantity: int
    fulfilled: int
    unit_price_gross: Decimal
    unit_price_net: Decimal
    sum_gross: Decimal | None = None
    sum_net: Decimal | None = None

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
    method_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderStub:
    """An order in a list; `channels` as in `Order`."""

    id: str
    code: str
    state: str
    type: str
    placed_at: datetime | None
    updated_at: datetime
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """An order in full, as read in this run.

    `same_goods` are the codes of the orders that bear the same goods: of an Aggregate order its
    Seller orders, of a Seller order its Aggregate; `channels` the codes of its channels, among them
    always the default channel. Both are empty if they were not asked for. `paid` sums the
    settled and authorised payments, `refunded` the refunds that have not failed; `total` and
    `surcharges_gross` include taxes. `paid_at` is when one of those payments changed last.
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
    same_goods: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    total: Decimal = Decimal(0)
    surcharges_gross: Decimal = Decimal(0)
    surcharges_net: Decimal = Decimal(0)
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderContent:
    """What is compared of an order after it was handed over; fields as in `Order`."""

    id: str
    code: str
    state: str
    type: str
    placed_at: datetime | None
    updated_at: datetime
    currency: str
    paid: Decimal
    refunded: Decimal
    shipping_address: Address
    lines: tuple[OrderLine, ...]
    shipping_lines: tuple[ShippingLine, ...]
    total: Decimal = Decimal(0)
    surcharges_gross: Decimal = Decimal(0)
    surcharges_net: Decimal = Decimal(0)
    custom_fields: Mapping[str, str] = field(default_factory=dict)
