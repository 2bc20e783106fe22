"""What VeraCore will not ship although the shop's order still waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.report import short_difference
from veracore_sync.jobs.tracking.actions import SHORT_SHIPPED, ReportIssue
from veracore_sync.jobs.tracking.line_allocation import LineAllocation, listed

_IF_SHORT = (
    "they stay unfulfilled in the shop; cancel and refund them there, or send them by a new order "
    "and fulfil them there by hand"
)


def lacking(record: WarehouseRecord, allocation: LineAllocation) -> Counter[str]:
    """Units by line id that an order which VeraCore has completed still lacks."""
    left = allocation.left()
    left -= allocation.excluded(left)
    is_all = record.partially_cancelled or allocation.is_as_fulfilled
    return left if is_all else allocation.short_lines(left)


def short(
    record: WarehouseRecord, order: FulfilledOrder, allocation: LineAllocation
) -> Iterator[ReportIssue]:
    """The alert, if there is one, about an order that VeraCore has completed."""
    lacks = lacking(record, allocation)
    if lacks and record.partially_cancelled:
        message = (
            f"VeraCore will not ship {listed(order.lines, lacks)}: cancel or refund it in the "
            "shop, or ship it"
        )
        yield _missing(order, AlertKind.ORDER_SHORT, message, lacks)
    elif lacks and allocation.is_as_fulfilled:
        message = (
            f"VeraCore completed it, and shows no parcel with {listed(order.lines, lacks)}: fulfil "
            "them by hand if they were in it; else cancel and refund them in the shop"
        )
        yield _missing(order, SHORT_SHIPPED, message, lacks)
    elif lacks:
        message = f"VeraCore completed it without {listed(order.lines, lacks)}: {_IF_SHORT}"
        yield _missing(order, SHORT_SHIPPED, message, lacks)


def _missing(
    order: FulfilledOrder, kind: AlertKind, message: str, by_line: Mapping[str, int]
) -> ReportIssue:
    units = Counter[str]()
    for line in order.lines:
        units[line.sku] += max(0, by_line[line.id])
    return ReportIssue(kind, message, short_difference(units))
