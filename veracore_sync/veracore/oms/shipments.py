"""Shipping orders of ``GetOrderInfo``, and the rows of ``GetShippingCharge`` (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date
from zoneinfo import ZoneInfo

from veracore_sync.domain.warehouse import Package, RecordLine, Shipment, ShippedRow
from veracore_sync.veracore.oms.parse import UnreadableXml, moment, text, whole_number


def shipment(slip: ET.Element, zone: ZoneInfo) -> Shipment:
    """One ``PickPackType``.

    Raises:
        UnreadableXml: A product has no quantity, or a package a date that cannot be read.
    """
    products = slip.findall("PickPackProducts/PickPackProductType")
    packages = slip.findall("Packages/PackagesType")
    return Shipment(
        # Newer tenants send the number under both names (docs/wire.md 5.1).
        slip=text(slip, "PickPackId") or text(slip, "PickSlipID"),
        lines=tuple(map(_product, products)),
        packages=tuple(_package(package, zone) for package in packages),
    )


def _product(row: ET.Element) -> RecordLine:
    units = whole_number(row, "ToShipQty")
    if units is None:
        raise UnreadableXml("a product of a shipping order without a quantity")
    return RecordLine(text(row, "ProductId"), units)


def _package(row: ET.Element, zone: ZoneInfo) -> Package:
    return Package(
        carrier=text(row, "Carrier"),
        service=text(row, "ActualService") or text(row, "Service"),
        tracking=text(row, "TrackingId"),
        shipped_at=moment(row, "DateShipped", zone),
        voided_at=moment(row, "DateVoided", zone),
    )


def shipped_row(row: ET.Element, zone: ZoneInfo) -> ShippedRow | None:
    """One ``ShippingCharges``; ``None`` where it names no order.

    An unreadable date is left out.
    """
    order_id = text(row, "OrderId")
    if not order_id:
        return None
    try:
        shipped_at = moment(row, "DateShipped", zone)
    except UnreadableXml:
        # One bad row must not hide the others; the look-up of its order reports the date.
        shipped_at = None
    return ShippedRow(
        order_id=order_id,
        reference=text(row, "Ref"),
        slip=text(row, "PPSlip"),
        carrier=text(row, "FreightCarrier"),
        service=text(row, "FreightService") or text(row, "FreightDescription"),
        tracking=text(row, "TrackingID"),
        shipped_at=shipped_at,
    )


def day_text(day: date) -> str:
    """The start of a day as VeraCore expects it: the warehouse's local time, without an offset."""
    return f"{day.isoformat()}T00:00:00"
