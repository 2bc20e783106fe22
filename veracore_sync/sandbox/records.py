"""The simulated warehouse's records of an order: lines, pick slips, packages.

Times are ISO 8601 texts in UTC, so that a record is JSON as it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


def sku_key(sku: str) -> str:
    """A SKU or order id as the database compares it: no outer blanks, no case."""
    return sku.strip().upper()


@dataclass(slots=True)
class Line:
    """An ordered line; `cancelled` of its `quantity` will not be shipped."""

    sku: str
    quantity: int
    price: str = "0"
    cancelled: int = 0


@dataclass(slots=True)
class Package:
    """A label: packed, then shipped, perhaps voided."""

    tracking: str
    carrier: str
    service: str
    packed_at: str
    shipped_at: str | None = None
    voided_at: str | None = None


@dataclass(slots=True)
class Slip:
    """A pick slip and its packages. One made without any counts as gone with no label."""

    number: int
    at: str
    lines: list[Line]
    packages: list[Package]

    @property
    def live_packages(self) -> list[Package]:
        """Those whose label stands."""
        return [package for package in self.packages if package.voided_at is None]

    @property
    def is_live(self) -> bool:
        """Whether it holds goods: not all of its labels were voided."""
        return not self.packages or bool(self.live_packages)

    @property
    def is_shipped(self) -> bool:
        """Whether anything of it has left."""
        return not self.packages or any(one.shipped_at for one in self.live_packages)

    @property
    def is_closed(self) -> bool:
        """Whether nothing of it waits at the dock."""
        return all(one.shipped_at for one in self.live_packages)


@dataclass(slots=True)
class Return:
    """Units of one SKU that came back from one slip."""

    slip: int
    sku: str
    quantity: int
    at: str
    reason: str = ""
    disposition: str = ""


@dataclass(slots=True)
class Order:
    """An order that was accepted; `short`: completed although not all of it was found."""

    id: str
    sequence: int
    dialect: str
    lines: list[Line]
    accepted_at: str
    entered_at: str | None = None
    reference: str = ""
    po_number: str = ""
    comment: str = ""
    source: str = ""
    campaign: str = ""
    carrier: str = ""
    service: str = ""
    shipping_option: str = ""
    handling_charge: str = "0"
    special_charge: str = "0"
    discount: str = "0"
    ship_comments: str = ""
    needed_by: str = ""
    release_date: str | None = None
    rush: bool = False
    discount_code: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    ordered_by: dict[str, str] = field(default_factory=dict)
    ship_to: dict[str, str] = field(default_factory=dict)
    bill_to: dict[str, str] = field(default_factory=dict)
    submissions: int = 1
    processed: bool = True
    returns: list[Return] = field(default_factory=list)
    slips: list[Slip] = field(default_factory=list)
    short: bool = False

    def ordered(self) -> Counter[str]:
        """Units per SKU key that were ordered, cancelled ones too."""
        return _total(self.lines)

    def cancelled(self) -> Counter[str]:
        """Units per SKU key that were cancelled."""
        units: Counter[str] = Counter()
        for line in self.lines:
            units[sku_key(line.sku)] += line.cancelled
        return units

    def pulled(self) -> Counter[str]:
        """Units per SKU key on live slips, packed or shipped."""
        return _total([line for slip in self.slips if slip.is_live for line in slip.lines])

    def returnable(self) -> list[tuple[Slip, Counter[str]]]:
        """Per slip that shipped, units per SKU key that have not come back."""
        left = []
        for slip in self.slips:
            if slip.is_live and slip.is_shipped:
                back = [one for one in self.returns if one.slip == slip.number]
                returned = _total([Line(one.sku, one.quantity) for one in back])
                left.append((slip, _total(slip.lines) - returned))
        return left

    def shipped(self) -> Counter[str]:
        """Units per SKU key on live slips of which something has left."""
        return _total(
            [line for slip in self.slips if slip.is_live and slip.is_shipped for line in slip.lines]
        )

    def missing(self) -> Counter[str]:
        """Units per SKU key that are neither cancelled nor on a slip; only those above zero."""
        return self.ordered() - self.cancelled() - self.pulled()

    def to_pick(self) -> Counter[str]:
        """Units per SKU key still to be picked; none once the order was completed short."""
        return Counter() if self.short else self.missing()

    def reserved(self) -> Counter[str]:
        """Units per SKU key that it keeps from being available to others."""
        return self.to_pick() if self.processed else Counter()

    @property
    def is_cancelled(self) -> bool:
        """Whether every unit was cancelled."""
        return all(line.cancelled == line.quantity for line in self.lines)

    @property
    def is_shipped(self) -> bool:
        """Whether anything has left."""
        return any(slip.is_live and slip.is_shipped for slip in self.slips)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to pick or to ship."""
        return not self.to_pick() and all(slip.is_closed for slip in self.slips)

    @property
    def status(self) -> str:
        """The status in the JSON dialect."""
        if self.is_cancelled and not self.is_shipped:
            return "Cancelled"
        if self.is_shipped:
            return "Shipped" if self.is_complete else "PartiallyShipped"
        return "Processed" if self.processed else "Unprocessed"

    def spelling(self, key: str) -> str:
        """The SKU as this order spells it, for a SKU key of the order or of a slip."""
        slip_lines = [line for slip in self.slips for line in slip.lines]
        return next(line.sku for line in [*self.lines, *slip_lines] if sku_key(line.sku) == key)

    def document(self) -> dict[str, Any]:
        """The record as JSON values; `order_from` reads it back."""
        return asdict(self)


def order_from(document: Mapping[str, Any]) -> Order:
    """The order that `Order.document` wrote."""
    fields = dict(document)
    fields["lines"] = [Line(**line) for line in fields["lines"]]
    fields["slips"] = [_slip_from(slip) for slip in fields["slips"]]
    # A state of an earlier version has none.
    fields["returns"] = [Return(**one) for one in fields.get("returns", ())]
    return Order(**fields)


def _slip_from(document: Mapping[str, Any]) -> Slip:
    return Slip(
        number=document["number"],
        at=document["at"],
        lines=[Line(**line) for line in document["lines"]],
        packages=[Package(**package) for package in document["packages"]],
    )


def _total(lines: list[Line]) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in lines:
        units[sku_key(line.sku)] += line.quantity
    return units
