"""Shipping orders of ``GetOrderInfo``, and the rows of ``GetShippingCharge`` (docs/wire.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from veracore_sync.domain.texts import HAS_HIDDEN, hides_something, one_line
from veracore_sync.domain.warehouse import (
    ListedRow,
    Package,
    RecordLine,
    Shipment,
    ShippedRow,
    UnreadableShipment,
)
from veracore_sync.veracore.oms.parse import (
    UnreadableXml,
    amount,
    cut_short,
    identifier,
    moment,
    rows,
    text,
    whole_number,
    words,
)

_NAMED = 40
_NO_ID = f"its order id cannot be used: {HAS_HIDDEN}"


def shipment(slip: ET.Element, zone: ZoneInfo) -> Shipment:
    """One ``PickPackType``; what of it cannot be read is its `problem`."""
    lines: list[RecordLine] = []
    packages: list[Package] = []
    problems = []
    # Newer tenants send the number under both names (docs/wire.md 5.1).
    number = text(slip, "PickPackId") or text(slip, "PickSlipID")
    if hides_something(number):
        problems.append(f"its number cannot be used: {HAS_HIDDEN}")
    for row in rows(slip, "PickPackProducts/PickPackProductType"):
        units = whole_number(row, "ToShipQty")
        if units is None or units < 0:
            problems.append(f"product {_name(row, 'ProductId')} has no readable ToShipQty")
        else:
            product = text(row, "ProductId")
            if hides_something(product):
                problems.append(f"product {_name(row, 'ProductId')}: {HAS_HIDDEN}")
            lines.append(RecordLine(product, units))
    for row in rows(slip, "Packages/PackagesType"):
        # A label whose void date cannot be read may be void, so the customer must not get its
        # number; nor is it certainly void. The number of a slip is that of all its packages and
        # cannot be changed later, so the whole slip waits.
        try:
            packages.append(_package(row, zone))
        except UnreadableXml as error:
            problems.append(f"package {_name(row, 'TrackingId')}: {error}")
    problem = "; ".join(problems[:3])
    return Shipment(number, tuple(lines), () if problem else tuple(packages), problem)


def distinct(shipments: Iterable[Shipment]) -> tuple[Shipment, ...]:
    """One shipment a slip: where two have the same number and differ, which is which is unknown."""
    found: dict[str, Shipment] = {}
    for one in shipments:
        before = found.setdefault(one.slip, one)
        if before != one:
            problem = before.problem or "two slips have its number"
            found[one.slip] = replace(before, packages=(), problem=problem)
    return tuple(found.values())


def _name(row: ET.Element, path: str) -> str:
    return one_line(text(row, path))[:_NAMED] or "without a name"


def _package(row: ET.Element, zone: ZoneInfo) -> Package:
    return Package(
        carrier=words(row, "Carrier"),
        service=words(row, "ActualService") or words(row, "Service"),
        tracking=identifier(row, "TrackingId"),
        shipped_at=moment(row, "DateShipped", zone),
        voided_at=moment(row, "DateVoided", zone),
        freight=amount(row, "ActualFreight"),
        charges=amount(row, "ActualAdditionalChg"),
    )


def shipped_row(row: ET.Element, zone: ZoneInfo) -> ListedRow | None:
    """One ``ShippingCharges``; ``None`` where it holds nothing.

    An unreadable date is left out.
    """
    order_id, slip, tracking = text(row, "OrderId"), text(row, "PPSlip"), text(row, "TrackingID")
    if hides_something(order_id):
        return UnreadableShipment(one_line(f"slip {slip}" if slip else tracking)[:_NAMED], _NO_ID)
    if not order_id:
        shown = one_line(f"slip {slip}" if slip else tracking)[:_NAMED]
        if not shown and not cut_short(row) and not "".join(row.itertext()).strip():
            return None
        return UnreadableShipment(shown, cut_short(row) or "it names no order")
    try:
        shipped_at = moment(row, "DateShipped", zone)
    except UnreadableXml:
        # One bad row must not hide the others; the look-up of its order reports the date.
        shipped_at = None
    return ShippedRow(
        order_id=order_id,
        reference=text(row, "Ref"),
        slip=slip,
        carrier=words(row, "FreightCarrier"),
        service=words(row, "FreightService") or words(row, "FreightDescription"),
        tracking=tracking,
        shipped_at=shipped_at,
    )


def day_text(day: date) -> str:
    """The start of a day as VeraCore expects it: the warehouse's local time, without an offset."""
    return f"{day.isoformat()}T00:00:00"
