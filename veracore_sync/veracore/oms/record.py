"""``GetOrderInfo``: an order as VeraCore holds it (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from veracore_sync.model import RecordLine, WarehouseRecord, WarehouseStatus
from veracore_sync.veracore.oms.parse import text, whole_number


def order_record(result: ET.Element) -> WarehouseRecord | None:
    """The record; ``None`` where it bears no order id."""
    identity = text(result, "OrdHead/OrderId")
    if not identity:
        return None
    lines = tuple(
        RecordLine(text(offer, "OfferId"), whole_number(offer, "OrderQty") or 0)
        for offer in result.findall("OfferInfo/OfferType")
    )
    return WarehouseRecord(identity, text(result, "OrdHead/ReferenceNo"), lines, _status(result))


def _status(result: ET.Element) -> WarehouseStatus:
    """The flags accumulate: cancelled and shipped together means that a part was cancelled."""
    raised = result.findall("OrdHead/Status/*")
    flags = {flag.tag for flag in raised if (flag.text or "").strip() == "true"}
    if "Canceled" in flags and "Shipped" not in flags and _all_cancelled(result, flags):
        return "cancelled"
    if "Complete" in flags:
        return "complete"
    if "Shipped" in flags:
        return "shipped"
    return "processed" if "Processed" in flags else "open"


def _all_cancelled(result: ET.Element, flags: set[str]) -> bool:
    products = result.findall("BillOfMaterials/BOMProductType")
    ordered = [whole_number(product, "OrderQty") or 0 for product in products]
    cancelled = [whole_number(product, "CanceledQty") or 0 for product in products]
    if any(ordered) and all(c >= o for c, o in zip(cancelled, ordered, strict=True)):
        return True
    return "Complete" in flags
