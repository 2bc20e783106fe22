"""``GetOrderInfo``: an order as VeraCore holds it (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from zoneinfo import ZoneInfo

from veracore_sync.domain.warehouse import Product, RecordLine, WarehouseRecord, WarehouseStatus
from veracore_sync.veracore.oms.parse import UnreadableXml, text, whole_number
from veracore_sync.veracore.oms.shipments import shipment


def order_record(result: ET.Element, zone: ZoneInfo) -> WarehouseRecord:
    """The record; its id is empty where the answer has none.

    Args:
        result: What the operation answered.
        zone: The warehouse's, for times without an offset.

    Raises:
        UnreadableXml: A line has no quantity that can be read, or a package no readable date.
    """
    flags = _flags(result)
    return WarehouseRecord(
        id=text(result, "OrdHead/OrderId"),
        reference=text(result, "OrdHead/ReferenceNo"),
        lines=tuple(_line(offer) for offer in result.findall("OfferInfo/OfferType")),
        status=_status(result, flags),
        is_complete="Complete" in flags,
        partially_cancelled="Canceled" in flags,
        products=tuple(map(_product, result.findall("BillOfMaterials/BOMProductType"))),
        shipments=tuple(
            shipment(slip, zone) for slip in result.findall("ShippingOrders/PickPackType")
        ),
    )


def is_empty_record(result: ET.Element) -> bool:
    """Whether it is a record of no order: a head without id and reference, and no lines."""
    if result.find("OrdHead") is None or result.find("OfferInfo/OfferType") is not None:
        return False
    return not text(result, "OrdHead/OrderId") and not text(result, "OrdHead/ReferenceNo")


def _line(offer: ET.Element) -> RecordLine:
    quantity = whole_number(offer, "OrderQty")
    if quantity is None:
        raise UnreadableXml("a line without a quantity")
    return RecordLine(text(offer, "OfferId"), quantity)


def _product(row: ET.Element) -> Product:
    return Product(
        text(row, "ProductId"),
        whole_number(row, "OrderQty") or 0,
        whole_number(row, "CanceledQty") or 0,
    )


def _flags(result: ET.Element) -> set[str]:
    raised = result.findall("OrdHead/Status/*")
    return {flag.tag for flag in raised if (flag.text or "").strip().lower() in ("true", "1")}


def _status(result: ET.Element, flags: set[str]) -> WarehouseStatus:
    """The status that the flags mean together."""
    # Flags accumulate: an order that shipped in part has Canceled and Shipped, and must not be
    # taken as cancelled (docs/wire.md 5.2). Unprocessed is set on every order and so means nothing.
    if "Canceled" in flags and "Shipped" not in flags and _all_cancelled(result, flags):
        return "cancelled"
    if "Complete" in flags:
        return "complete"
    if "Shipped" in flags:
        return "shipped"
    return "processed" if "Processed" in flags else "open"


def _all_cancelled(result: ET.Element, flags: set[str]) -> bool:
    if "Complete" in flags:
        return True
    products = result.findall("BillOfMaterials/BOMProductType")
    ordered = [whole_number(product, "OrderQty") or 0 for product in products]
    cancelled = [whole_number(product, "CanceledQty") or 0 for product in products]
    return any(ordered) and all(c >= o for c, o in zip(cancelled, ordered, strict=True))
