"""What is sent to the warehouse, and what it returns.

Money is `Decimal` in units of the currency; quantities are whole units; times are aware and UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class Party:
    """Who ordered, receives or pays, in VeraCore's fields."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Freight:
    """How to ship: carrier and service, or a code, or a shipping option."""

    carrier: str = ""
    service: str = ""
    code: str = ""
    shipping_option: str = ""
    third_party_type: int | None = None
    third_party_account: str = ""


@dataclass(frozen=True, slots=True)
class Classification:
    """Codes that an account may require on every order."""

    source: str = ""
    price_class: str = ""
    project: str = ""
    campaign: str = ""
    customer_code: str = ""


@dataclass(frozen=True, slots=True)
class WarehouseLine:
    """A line as it is sent: an offer, units, and a price per unit or ``None``."""

    number: int
    sku: str
    quantity: int
    unit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class WarehouseOrder:
    """An order as it is sent, in either dialect (docs/order-mapping.md).

    `id` is VeraCore's order id, `reference` the shop's full order code, `placed_at` UTC.
    `extra_charge` is the sum of the surcharges; below zero it is a discount.
    """

    id: str
    reference: str
    po_number: str
    placed_at: datetime | None
    comment: str
    classification: Classification
    ordered_by: Party
    ship_to: Party
    bill_to: Party | None
    freight: Freight | None
    shipping_charge: Decimal | None
    lines: tuple[WarehouseLine, ...]
    extra_charge: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A line of an order at the warehouse."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Product:
    """A part that is picked for an order's offers, in units."""

    sku: str
    ordered: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Package:
    """A label of a shipment. Times are aware and UTC; ``None``: not, or not yet.

    `freight` and `charges` are what it cost to ship, in the warehouse's currency, which VeraCore
    does not name; ``None`` where it shows no amount. They may be corrected, and the package stays
    the same.
    """

    carrier: str
    service: str
    tracking: str
    shipped_at: datetime | None
    voided_at: datetime | None
    freight: Decimal | None = field(default=None, compare=False)
    charges: Decimal | None = field(default=None, compare=False)

    @property
    def is_live(self) -> bool:
        """Whether the package has left with this label."""
        return self.shipped_at is not None and self.voided_at is None

    @property
    def is_waiting(self) -> bool:
        """Whether the package is packed and has not left."""
        return self.shipped_at is None and self.voided_at is None


@dataclass(frozen=True, slots=True)
class Shipment:
    """A shipping order (pick slip) and its packages.

    `lines` are parts in units; ``None`` in a dialect that does not show them (``rest``). `problem`
    says what of it cannot be read: then it has no packages, of which one may be void, and waits.
    """

    slip: str
    lines: tuple[RecordLine, ...] | None
    packages: tuple[Package, ...]
    problem: str = ""

    @property
    def is_void(self) -> bool:
        """Whether all labels are void."""
        return bool(self.packages) and not any(
            one.is_live or one.is_waiting for one in self.packages
        )


@dataclass(frozen=True, slots=True)
class ShippedRow:
    """A package in the list of shipments; `shipped_at` is UTC."""

    order_id: str
    reference: str
    slip: str
    carrier: str
    service: str
    tracking: str
    shipped_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnreadableShipment:
    """A row of the list of shipments that names no order, or cannot be read.

    `name` is what it shows of itself (its slip or tracking number, perhaps nothing).
    """

    name: str
    problem: str


ListedRow = ShippedRow | UnreadableShipment
WarehouseStatus = Literal["open", "processed", "shipped", "cancelled", "complete", "unknown"]


@dataclass(frozen=True, slots=True)
class WarehouseRecord:
    """An order as a look-up found it.

    `reference` and `lines` are ``None`` in a dialect that shows only that it exists (``rest``).
    `is_complete`: nothing more will ship. `partially_cancelled`: some of its units were cancelled.
    """

    id: str
    reference: str | None
    lines: tuple[RecordLine, ...] | None
    status: WarehouseStatus
    is_complete: bool = False
    partially_cancelled: bool = False
    products: tuple[Product, ...] = ()
    shipments: tuple[Shipment, ...] = ()

    @property
    def may_be_cancelled(self) -> bool:
        """Whether units were cancelled, and nothing in the record shows that any is left."""
        if not self.partially_cancelled or self.shipments or self.status == "shipped":
            return False
        return not any(one.ordered > one.cancelled for one in self.products)


@dataclass(frozen=True, slots=True)
class StockLevel:
    """Stock of one SKU in one warehouse, in units.

    `sku` is as reported, trimmed; `warehouse` is empty in a dialect without them (``rest``).
    `available` is what may still be promised, below zero if oversold. `variation` (size and colour)
    distinguishes rows of one SKU in one warehouse.
    """

    sku: str
    warehouse: str
    available: int
    on_hand: int
    variation: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableStock:
    """A row of stock whose available units cannot be read, and why.

    `sku` and `warehouse` are empty if the row does not have them. `at_most` is an upper bound (the
    units on hand); ``None`` if not even that is reported.
    """

    sku: str
    warehouse: str
    problem: str
    at_most: int | None = None
    variation: str = ""


StockRow = StockLevel | UnreadableStock
