"""What VeraCore holds of an order, and how units are counted by SKU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.warehouse import Shipment, WarehouseRecord


@dataclass(frozen=True, slots=True)
class AcceptedOrder:
    """What VeraCore holds of an order.

    Args:
        code: The order's code in the shop.
        lines: Offers and units that it took.
        cancelled: Parts and units of them that it will not ship.
        sent_at: When the order was read for sending; ``None`` where nobody here sent it.
        seen_at: Since when VeraCore's available stock is without these units (UTC text); ``None``
            while that is not known.
        is_whole: Nothing is known of what it holds: all of the order.
    """

    code: str
    lines: SentLines
    cancelled: SentLines
    sent_at: str | None
    seen_at: str | None
    is_whole: bool = False

    def is_unseen(self, stock_read_at: str) -> bool:
        """Whether a read of the stock that began then may still have counted these units."""
        return self.seen_at is None or self.seen_at >= stock_read_at


def cancelled_units(record: WarehouseRecord) -> SentLines:
    """Parts of the record, and units of each that will not ship."""
    ordered: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for product in record.products:
        ordered[product.sku] += product.ordered
        units[product.sku] += product.cancelled
    if record.is_complete and record.partially_cancelled:
        # Nothing more leaves: whatever has not was cancelled, also where no row says so.
        if not ordered:
            ordered.update(totals((line.sku, line.quantity) for line in record.lines or ()))
        shipped = totals(_shipped(record.shipments))
        for sku, count in ordered.items():
            units[sku] = max(units[sku], count - shipped[unit_key(sku)])
    return tuple((sku, count) for sku, count in units.items() if sku.strip() and count > 0)


def least_of(several: Iterable[SentLines]) -> SentLines:
    """What each of several sets of lines holds of every SKU at least."""
    counted = [totals(lines) for lines in several]
    if not counted:
        return ()
    least = counted[0]
    for other in counted[1:]:
        least &= other
    return tuple(least.items())


def same_units(one: SentLines, other: SentLines) -> bool:
    """Whether two sets of lines hold the same units of each SKU."""
    return totals(one) == totals(other)


def _shipped(shipments: Iterable[Shipment]) -> Iterable[tuple[str, int]]:
    for shipment in shipments:
        if not shipment.packages or any(package.is_live for package in shipment.packages):
            yield from ((line.sku, line.quantity) for line in shipment.lines or ())


def totals(lines: Iterable[tuple[str, int]]) -> Counter[str]:
    """Units by SKU, trimmed and without case."""
    units_of: Counter[str] = Counter()
    for sku, units in lines:
        units_of[unit_key(sku)] += units
    return units_of


def unit_key(sku: str) -> str:
    """By what a SKU is counted: trimmed and without case."""
    return sku.strip().casefold()
