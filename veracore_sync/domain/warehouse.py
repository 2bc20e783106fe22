"""What the warehouse is sent and what it returns.

Money is `Decimal` in units of the currency; quantities are whole units; times are aware and UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class Party:
    """Who ordered, who receives or who pays, as the warehouse wants it."""

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
    """How the warehouse shall ship: carrier and service, or a code, or a shipping option."""

    carrier: str = ""
    service: str = ""
    code: str = ""
    shipping_option: str = ""
    third_party_type: int | None = None
    third_party_account: str = ""


@dataclass(frozen=True, slots=True)
class Classification:
    """Codes that an account may ask for on every order."""

    source: str = ""
    price_class: str = ""
    project: str = ""
    campaign: str = ""
    customer_code: str = ""


@dataclass(frozen=True, slots=True)
class WarehouseLine:
    """A line as it is sent: an offer, a quantity in units, a price per unit or none."""

    number: int
    sku: str
    quantity: int
    unit_price: Decimal | None


@dataclass(frozen=True, slots=True)
class WarehouseOrder:
    """An order as it is sent, in either dialect (docs/order-mapping.md).

    `id` is VeraCore's order id, `reference` the shop's full order code, `placed_at` UTC.
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


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A line of an order as the warehouse holds it."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Product:
    """A row of an order's bill of materials, in units: what is picked for its offers."""

    sku: str
    ordered: int
    cancelled: int


@dataclass(frozen=True, slots=True)
class Package:
    """A label of a shipment. Moments are aware and UTC; ``None`` is not, or not yet."""

    carrier: str
    service: str
    tracking: str
    shipped_at: datetime | None
    voided_at: datetime | None

    @property
    def is_live(self) -> bool:
        """Whether it has left under this label."""
        return self.shipped_at is not None and self.voided_at is None

    @property
    def is_waiting(self) -> bool:
        """Whether it is packed and has not left."""
        return self.shipped_at is None and self.voided_at is None


@dataclass(frozen=True, slots=True)
class Shipment:
    """A shipping order (pick slip) and its packages.

    `lines` are products in units; ``None`` in a dialect that does not tell them (``rest``).
    """

    slip: str
    lines: tuple[RecordLine, ...] | None
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True)
class ShippedRow:
    """A package in the list of what shipped on some days; `shipped_at` is UTC."""

    order_id: str
    reference: str
    slip: str
    carrier: str
    service: str
    tracking: str
    shipped_at: datetime | None


WarehouseStatus = Literal["open", "processed", "shipped", "cancelled", "complete", "unknown"]


@dataclass(frozen=True, slots=True)
class WarehouseRecord:
    """An order as a look-up found it.

    `reference` and `lines` are ``None`` in a dialect that shows existence alone (``rest``).
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


@dataclass(frozen=True, slots=True)
class StockLevel:
    """Stock of one SKU in one warehouse, in units.

    `sku` is as reported, trimmed; `warehouse` is empty in a dialect that tells none (``rest``).
    `available` is what may still be promised and is below zero when oversold. `variation` tells
    rows of one SKU in one warehouse apart: its size and colour.
    """

    sku: str
    warehouse: str
    available: int
    on_hand: int
    variation: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableStock:
    """A row of stock of which the available units cannot be read, and why.

    `sku` and `warehouse` are empty where the row does not tell them; `at_most` is what there can be
    at most (what is on hand), ``None`` where not even that is reported.
    """

    sku: str
    warehouse: str
    problem: str
    at_most: int | None = None
    variation: str = ""


StockRow = StockLevel | UnreadableStock
