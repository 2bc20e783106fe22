"""``GetOrderInfo``: an order as VeraCore holds it (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from zoneinfo import ZoneInfo

from veracore_sync.domain.warehouse import Product, RecordLine, WarehouseRecord, WarehouseStatus
from veracore_sync.veracore.oms.parse import UnreadableXml, identifier, rows, text, whole_number
from veracore_sync.veracore.oms.shipments import distinct, shipment

_DECISIVE = {"Processed", "Shipped", "Canceled", "Complete"}
_TRUE = ("true", "1")
_BOOLEANS = (*_TRUE, "false", "0", "")


def order_record(result: ET.Element, zone: ZoneInfo) -> WarehouseRecord:
    """The record; its id is empty where the answer has none.

    Args:
        result: What the operation answered.
        zone: The warehouse's, for times without an offset.

    Raises:
        UnreadableXml: The status, or what was ordered or cancelled, cannot be read. What of a
            shipment cannot be read is the shipment's `problem`.
    """
    flags = _flags(result)
    return WarehouseRecord(
        id=text(result, "OrdHead/OrderId"),
        reference=identifier(result, "OrdHead/ReferenceNo"),
        lines=tuple(map(_line, rows(result, "OfferInfo/OfferType"))),
        status=_status(result, flags),
        is_complete="Complete" in flags,
        partially_cancelled="Canceled" in flags,
        products=tuple(_product(row, "Canceled" in flags) for row in _materials(result)),
        shipments=distinct(
            shipment(slip, zone) for slip in rows(result, "ShippingOrders/PickPackType")
        ),
    )


def is_empty_record(result: ET.Element) -> bool:
    """Whether it is a record of no order: a head without id and reference, and no lines."""
    if result.find("OrdHead") is None or rows(result, "OfferInfo/OfferType"):
        return False
    return not text(result, "OrdHead/OrderId") and not text(result, "OrdHead/ReferenceNo")


def _line(offer: ET.Element) -> RecordLine:
    quantity = whole_number(offer, "OrderQty")
    if quantity is None:
        raise UnreadableXml("a line without a quantity")
    return RecordLine(identifier(offer, "OfferId"), quantity)


def _materials(result: ET.Element) -> list[ET.Element]:
    return rows(result, "BillOfMaterials/BOMProductType")


def _product(row: ET.Element, some_are_cancelled: bool) -> Product:
    # Which units will never ship decides about the order and about what may be sold. Where the
    # order says that nothing was cancelled, an unreadable number means that, too.
    ordered, cancelled = _units(row, "OrderQty"), _units(row, "CanceledQty")
    if some_are_cancelled and (ordered is None or cancelled is None):
        raise UnreadableXml("a product of a partly cancelled order without its units")
    return Product(identifier(row, "ProductId"), ordered or 0, cancelled or 0)


def _units(row: ET.Element, name: str) -> int | None:
    """The units; 0 where there is no text, ``None`` for one that is no number."""
    return whole_number(row, name) if text(row, name) else 0


def _flags(result: ET.Element) -> set[str]:
    raised = {flag.tag: text(flag, ".").lower() for flag in result.findall("OrdHead/Status/*")}
    for name in _DECISIVE & raised.keys():
        if raised[name] not in _BOOLEANS:
            raise UnreadableXml(f"the status {name} is neither true nor false")
    return {name for name, value in raised.items() if value in _TRUE}


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
    ordered = [_units(product, "OrderQty") or 0 for product in _materials(result)]
    cancelled = [_units(product, "CanceledQty") or 0 for product in _materials(result)]
    return any(ordered) and all(c >= o for c, o in zip(cancelled, ordered, strict=True))
