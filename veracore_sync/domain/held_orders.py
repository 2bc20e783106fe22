"""What VeraCore holds of an order, and counting units by SKU."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.warehouse import Product, Shipment, WarehouseRecord


@dataclass(frozen=True, slots=True)
class AcceptedOrder:
    """What VeraCore holds of an order.

    Args:
        code: The order's code in the shop.
        lines: Offers and units that it accepted.
        cancelled: Parts and units of these that it will not ship.
        sent_at: When the order was read for sending; ``None`` if this ledger did not send it.
        seen_at: Since when VeraCore's available stock excludes these units (UTC text); ``None`` if
            unknown.
        is_whole: The lines are unknown; count the whole order as held.
        vendure_id: The order's id in the shop; empty if unknown.
        placed_at: When it was placed (UTC text); ``None`` if unknown.
    """

    code: str
    lines: SentLines
    cancelled: SentLines
    sent_at: str | None
    seen_at: str | None
    is_whole: bool = False
    vendure_id: str = ""
    placed_at: str | None = None

    def is_unseen(self, stock_read_at: str) -> bool:
        """Whether a stock read that began then may still include these units as available."""
        return self.seen_at is None or self.seen_at >= stock_read_at


def cancelled_units(record: WarehouseRecord) -> SentLines:
    """The parts of a record, and the units of each that will not ship."""
    ordered: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for product in record.products:
        ordered[product.sku] += product.ordered
        units[product.sku] += product.cancelled
    if record.is_complete and record.partially_cancelled:
        # Nothing more will ship, so everything that has not was cancelled, even if no row says so.
        if not ordered:
            ordered.update(totals((line.sku, line.quantity) for line in record.lines or ()))
        shipped = totals(_shipped(record.shipments))
        for sku, count in ordered.items():
            units[sku] = max(units[sku], count - shipped[unit_key(sku)])
    elif record.is_complete:
        units.update(short_units(record))
    return tuple((sku, count) for sku, count in units.items() if sku.strip() and count > 0)


def units_held(lines: SentLines, cancelled: SentLines) -> SentLines:
    """The units of these offers that are not cancelled, as far as the offers' names tell."""
    left = totals(lines)
    left.subtract(totals(cancelled))
    spelled = {unit_key(sku): sku.strip() for sku, _ in lines}
    return tuple((spelled[key], units) for key, units in left.items() if key in spelled)


def short_units(record: WarehouseRecord) -> dict[str, int]:
    """The units by part that a complete order neither shipped nor cancelled; empty if unknown.

    VeraCore completes an order with fewer units than ordered when a picker does not find the
    product; only the slips show it (docs/tracking.md, "Short shipments").
    """
    if not record.is_complete or record.partially_cancelled or record.lines is None:
        return {}
    shipped = totals(
        (line.sku, line.quantity)
        for shipment in record.shipments
        if not shipment.is_void
        for line in shipment.lines or ()
    )
    if not shipped:
        # Nothing is listed at all: the tenant does not show what it picked.
        return {}
    ordered = record.products or record.lines
    spelled: dict[str, str] = {}
    expected: Counter[str] = Counter()
    for one in ordered:
        key = unit_key(one.sku)
        spelled.setdefault(key, one.sku.strip())
        expected[key] += one.ordered if isinstance(one, Product) else one.quantity
    offers = {unit_key(line.sku) for line in record.lines}
    known = expected.keys() | offers
    others = sum(units for key, units in shipped.items() if key not in known)
    missing = expected - shipped
    if offers <= expected.keys():
        # No kit is among them, so any other product (a leaflet) was not ordered by anybody.
        missing = Counter({key: units for key, units in missing.items() if key in offers})
    # A product that was not ordered may have gone in place of what is missing.
    if sum(missing.values()) <= others:
        return {}
    return {spelled[key]: units for key, units in missing.items()}


def least_of(several: Iterable[SentLines]) -> SentLines:
    """The units of each SKU that every one of these sets of lines contains."""
    counted = [totals(lines) for lines in several]
    if not counted:
        return ()
    least = counted[0]
    for other in counted[1:]:
        least &= other
    return tuple(least.items())


def same_units(one: SentLines, other: SentLines) -> bool:
    """Whether two sets of lines contain the same units of each SKU."""
    return totals(one) == totals(other)


def _shipped(shipments: Iterable[Shipment]) -> Iterable[tuple[str, int]]:
    for shipment in shipments:
        if not shipment.packages or any(package.is_live for package in shipment.packages):
            yield from ((line.sku, line.quantity) for line in shipment.lines or ())


def totals(lines: Iterable[tuple[str, int]]) -> Counter[str]:
    """Units by `unit_key`."""
    units_of: Counter[str] = Counter()
    for sku, units in lines:
        units_of[unit_key(sku)] += units
    return units_of


@lru_cache(maxsize=4096)
def unit_key(sku: str) -> str:
    """A SKU for comparison: trimmed, without case and in one Unicode form."""
    # Never as a number: "007" and "7" are two SKUs. VeraCore's parts may carry trailing blanks
    # (docs/wire.md 4.1). An accent may be a character of its own on one side (NFD) and not on the
    # other (NFC), which nobody sees.
    name = sku.strip().casefold()
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def spellings(sku: str) -> list[str]:
    """The Unicode forms in which either side may have a SKU, NFC first; one, if they are equal."""
    if sku.isascii():
        return [sku]
    return list(dict.fromkeys((*(unicodedata.normalize(f, sku) for f in ("NFC", "NFD")), sku)))
