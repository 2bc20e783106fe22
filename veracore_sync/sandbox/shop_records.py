"""The small shop's records; only `shop_state` changes them.

Ids are texts that count from 1. Amounts are minor units. Times are aware, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Channel:
    """A sales channel; its `token` selects it in the header ``vendure-token``."""

    id: str
    created_at: datetime
    code: str
    token: str
    currency: str


@dataclass(slots=True)
class Location:
    """A stock location, and the ids of the channels that it serves."""

    id: str
    created_at: datetime
    name: str
    channels: set[str]
    description: str = ""


@dataclass(slots=True)
class Level:
    """Stock of one variant at one location. Both numbers may be negative, as in Vendure."""

    id: str
    created_at: datetime
    location: Location
    on_hand: int = 0
    allocated: int = 0


@dataclass(slots=True)
class Allocation:
    """Units that were set aside for a line of an order, which Vendure keeps and does not show."""

    id: str
    created_at: datetime
    quantity: int
    line: str


@dataclass(slots=True)
class StockAdjustment:
    """Somebody changed what is on hand by so many units."""

    id: str
    created_at: datetime
    quantity: int


@dataclass(slots=True)
class Variant:
    """A product variant; `price` is net. SKUs need not be unique.

    `track` is ``INHERIT``, ``TRUE`` or ``FALSE``. `channels` holds the ids of the channels that
    sell it. A deleted variant stays in the lines that ordered it.
    """

    id: str
    created_at: datetime
    updated_at: datetime
    sku: str
    name: str
    price: int
    tax_rate: float = 20.0
    track: str = "INHERIT"
    threshold: int = 0
    global_threshold: bool = True
    enabled: bool = True
    deleted: bool = False
    channels: set[str] = field(default_factory=set)
    levels: dict[str, Level] = field(default_factory=dict)
    allocations: list[Allocation] = field(default_factory=list)
    adjustments: list[StockAdjustment] = field(default_factory=list)


@dataclass(slots=True)
class ShippingMethod:
    """A shipping method with a flat price, free of tax."""

    id: str
    created_at: datetime
    code: str
    name: str
    price: int


@dataclass(slots=True)
class Promotion:
    """So many `percent` off some SKUs, or (`skus` is None) off the whole order.

    With a `coupon` only for orders that carry it.
    """

    id: str
    name: str
    percent: float
    coupon: str | None
    skus: frozenset[str] | None


@dataclass(slots=True)
class Adjustment:
    """What a promotion takes off a line: a negative net amount over all its units."""

    source: str
    kind: str
    description: str
    amount: int


@dataclass(slots=True)
class Customer:
    """Who ordered."""

    id: str
    created_at: datetime
    first_name: str
    last_name: str
    email: str
    phone: str | None
    groups: list[CustomerGroup] = field(default_factory=list)


@dataclass(slots=True)
class CustomerGroup:
    """A group that customers are in."""

    id: str
    created_at: datetime
    name: str


@dataclass(slots=True)
class OrderLine:
    """A line of an order.

    `allocations` are the units ever allocated, by location; `sold`, `released` and `put_back`
    count stock movements as Vendure stores them, which decides where later ones go.
    """

    id: str
    created_at: datetime
    variant: Variant
    quantity: int
    unit_price: int
    tax_rate: float
    placed_quantity: int = 0
    adjustments: list[Adjustment] = field(default_factory=list)
    allocations: list[tuple[str, int]] = field(default_factory=list)
    sold: int = 0
    released: int = 0
    put_back: int = 0


@dataclass(slots=True)
class ShippingLine:
    """The chosen shipping method and its price; `off` is what was taken off it."""

    id: str
    method: ShippingMethod
    price: int
    off: int = 0


@dataclass(slots=True)
class Surcharge:
    """An amount beside the lines, net, with its tax rate."""

    id: str
    created_at: datetime
    description: str
    sku: str
    price: int
    tax_rate: float


@dataclass(slots=True)
class Refund:
    """Money given back for a payment."""

    id: str
    created_at: datetime
    payment_id: str
    total: int
    state: str
    reason: str


@dataclass(slots=True)
class Payment:
    """A payment: Authorized, Settled, …"""

    id: str
    created_at: datetime
    updated_at: datetime
    method: str
    amount: int
    state: str
    transaction_id: str
    refunds: list[Refund] = field(default_factory=list)


@dataclass(slots=True)
class FulfilledLine:
    """So many units of an order line in one fulfilment."""

    line: OrderLine
    quantity: int
    fulfilment: Fulfilment


@dataclass(slots=True)
class Fulfilment:
    """A fulfilment; its lines belong to `orders` (usually one)."""

    id: str
    created_at: datetime
    updated_at: datetime
    state: str
    method: str
    tracking_code: str
    lines: list[FulfilledLine]
    orders: list[Order]

    @property
    def live(self) -> bool:
        """Whether it was not cancelled."""
        return self.state != "Cancelled"


@dataclass(slots=True)
class HistoryEntry:
    """What happened to an order; `data` differs by `kind`."""

    id: str
    created_at: datetime
    kind: str
    public: bool
    data: dict[str, Any]


@dataclass(slots=True)
class Modification:
    """A change made by staff in the state Modifying."""

    id: str
    created_at: datetime
    price_change: int
    note: str
    payment: Payment | None = None
    refund: Refund | None = None

    @property
    def settled(self) -> bool:
        """Whether the difference was paid or given back."""
        return self.price_change == 0 or bool(self.payment or self.refund)


@dataclass(slots=True)
class Order:
    """An order. `updated_at` moves where Vendure moves it: not with its state.

    `channels` are the ids of the default channel and of the one it was placed in, `channel`.
    Addresses are in Vendure's field names; empty where none was given. `seller_orders` are the
    parts of an Aggregate order, which is their `aggregate_order`.
    """

    id: str
    code: str
    created_at: datetime
    updated_at: datetime
    channel: str
    channels: set[str]
    currency: str
    state: str = "AddingItems"
    active: bool = True
    type: str = "Regular"
    seller_orders: list[Order] = field(default_factory=list)
    aggregate_order: Order | None = None
    placed_at: datetime | None = None
    customer: Customer | None = None
    shipping_address: dict[str, str] = field(default_factory=dict)
    billing_address: dict[str, str] = field(default_factory=dict)
    coupons: list[str] = field(default_factory=list)
    lines: list[OrderLine] = field(default_factory=list)
    shipping_lines: list[ShippingLine] = field(default_factory=list)
    surcharges: list[Surcharge] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    fulfilments: list[Fulfilment] = field(default_factory=list)
    modifications: list[Modification] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)
    custom_fields: dict[str, Any] = field(default_factory=dict)
