"""The data of events about a slip (docs/events.md); pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from veracore_sync.domain.fulfilments import FulfilledOrder
from veracore_sync.domain.pick_slips import SlipRow
from veracore_sync.domain.warehouse import Package
from veracore_sync.jobs.tracking.carriers import Carriers


def slip_event(
    row: SlipRow,
    fulfilment_id: str | None,
    tracking_code: str,
    packages: Sequence[Package],
    carriers: Carriers,
) -> dict[str, Any]:
    """What ``tracking.updated`` and ``tracking.corrected`` have in common."""
    first = packages[0] if packages else None
    return {
        "vendureOrderCode": row.code,
        "veracoreOrderId": row.veracore_id,
        "slip": row.slip,
        "carrier": carriers.label(first.carrier) if first else "",
        "service": first.service if first else "",
        "trackingCode": tracking_code,
        "packages": [
            {
                "carrier": carriers.label(one.carrier),
                "service": one.service,
                "tracking": one.tracking,
                "url": carriers.url(one),
            }
            for one in packages
        ],
        "fulfillmentId": fulfilment_id,
    }


def event_lines(order: FulfilledOrder, lines: Mapping[str, int]) -> list[dict[str, Any]]:
    """Units by SKU, from units by line id."""
    skus = {line.id: line.sku for line in order.lines}
    return [{"sku": skus.get(id, ""), "quantity": units} for id, units in lines.items()]
