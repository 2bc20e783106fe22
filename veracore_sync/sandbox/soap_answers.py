"""The results of the SOAP operations but `GetOrderInfo` (docs/wire.md §3.6, §4.1, §5.3, §9).

An answer is XML text without a prefix; the envelope gives it its namespace.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from veracore_sync.sandbox.records import Order, Package, Slip
from veracore_sync.sandbox.soap_types import types
from veracore_sync.sandbox.soap_xml import (
    FREIGHT_COST,
    PACKAGE_TYPE,
    WEIGHT,
    leaf,
    leaves,
    local,
    tag,
)
from veracore_sync.sandbox.warehouse import Level, World

# The 64 fields of a row, in the order of the schema (docs/wire.md §5.3). Of many only the name is
# known: a text is empty then, a number 0.
_CHARGE_FIELDS = [
    (field.name, "0" if field.type in ("int", "decimal") else "")
    for field in types()["ShippingCharges"].fields
]
_CHARGED_TO = {
    "FirstName": "FirstName",
    "LastName": "LastName",
    "Company": "CompanyName",
    "Address1": "Address1",
    "Address2": "Address2",
    "Address3": "Address3",
    "City": "City",
    "State": "State",
    "ZipCode": "PostalCode",
    "Country": "Country",
    "Phone": "Phone",
    "Fax": "Fax",
    "Email": "Email",
    "UID": "UID",
}


def order_accepted(order: Order) -> str:
    """`AddOrderResult`: the internal number and the id."""
    return tag("AddOrderResult", leaf("OrderSeqID", order.sequence), leaf("OrderID", order.id))


# ---- stock -------------------------------------------------------------------------------


def availabilities(products: list[list[Level]], world: World) -> str:
    """`GetProductAvailabilitiesResult`: a product each, in it a row per warehouse."""
    rows = (
        tag(
            "ProductAvailabilities",
            tag(
                "Warehouses",
                *(
                    _level(level, override)
                    for level in levels
                    for override in world.rows_of(level.sku)
                ),
            ),
        )
        for levels in products
    )
    return tag("GetProductAvailabilitiesResult", *rows)


def _level(level: Level, override: dict[str, object]) -> str:
    # VeraCore pads some part numbers (docs/wire.md §4.1); here, those with an odd length.
    part = level.sku + " " * (len(level.sku) % 2)
    warehouse = _leaves([("ID", level.warehouse)], override)
    warehouse += leaf("OverrideAllowHistoricalConnection", False)
    units: list[tuple[str, object]] = [
        ("OnHand", level.on_hand),
        ("Reserved", level.reserved),
        ("Marked", 0),
        ("Backordered", level.backordered),
        ("Needed", level.backordered),
        ("Unavailable", 0),
        ("Expected", 0),
        ("OnOrder", 0),
        ("Available", level.available),
        ("TotalReserved", level.reserved),
    ]
    return tag(
        "WarehouseLevels",
        tag("Warehouse", warehouse),
        _leaves([("PartNumber", part), ("PartDescription", level.sku)], override),
        _leaves([("Size", ""), ("Color", ""), ("ProductType", "Product")], override),
        _leaves(units, override),
    )


def _leaves(fields: Sequence[tuple[str, object]], override: dict[str, object]) -> str:
    """The fields; what is `told` of one stands in its place, and ``None`` leaves it out."""
    changed = [(name, override.get(name, value)) for name, value in fields]
    return leaves([(name, value) for name, value in changed if value is not None])


# ---- what shipped in a window ------------------------------------------------------------


def shipping_charges(world: World, start: datetime, end: datetime) -> str:
    """`GetShippingChargeResult`: a row per package that left in the window."""
    rows = [
        _charge(order, slip, package, world)
        for order in world.orders.values()
        for slip in order.slips
        for package in slip.packages
        if package.voided_at is None or world.behaviour.voided_charges
        if package.shipped_at and world.is_within(package.shipped_at, start, end)
    ]
    return tag("GetShippingChargeResult", *rows)


def shipping_activity(world: World, start: datetime, end: datetime) -> str:
    """`GetShippingActivityResult`: a row per slip of which something left in the window."""
    rows = []
    for order in world.orders.values():
        for slip in order.slips:
            left = [
                package
                for package in slip.live_packages
                if package.shipped_at and world.is_within(package.shipped_at, start, end)
            ]
            if left:
                rows.append(_activity(order, slip, left, world.zone()))
    return tag("GetShippingActivityResult", *rows)


def _charge(order: Order, slip: Slip, package: Package, world: World) -> str:
    known: dict[str, object] = {
        "PPSlip": slip.number,
        "OrderId": order.id,
        "DateShipped": local(package.shipped_at, world.zone()),
        "FreightCarrier": package.carrier,
        "FreightDescription": package.service,
        "TrackingID": package.tracking,
        "PackageType": PACKAGE_TYPE,
        "PackageWeight": WEIGHT,
        "FreightCost": FREIGHT_COST,
        "Ref": world.behaviour.returned_reference(order.reference),
        "Po": order.po_number,
        "SourceDescription": order.source,
        "ShippingOrderType": "Pick Pack",
        "CarrierCode": "U11",
        "FreightService": package.service,
        **_charged_to("OrderedBY", order.ordered_by),
        "OrderedbyUID": order.ordered_by.get("UID", ""),
        **_charged_to("ShippedTo", order.ship_to),
    }
    fields = [(name, known.get(name, empty)) for name, empty in _CHARGE_FIELDS]
    return tag("ShippingCharges", leaves((name, one) for name, one in fields if one is not None))


def _charged_to(prefix: str, person: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}{name}": person.get(field, "") for name, field in _CHARGED_TO.items()}


def _activity(order: Order, slip: Slip, left: list[Package], zone: ZoneInfo) -> str:
    day = datetime.fromisoformat(left[0].shipped_at or slip.at).astimezone(zone)
    cost = str(len(left) * Decimal(FREIGHT_COST))
    fields: list[tuple[str, object]] = [
        ("ShipDate", f"{day.month}/{day.day}/{day.year}"),
        ("OrderId", order.id),
        ("PickPackId", slip.number),
        ("Type", "Order"),
        ("LinesShipped", len(slip.lines)),
        ("PiecesShipped", sum(line.quantity for line in slip.lines)),
        ("NumberofPackages", len(left)),
        ("TotalWeight", len(left) * Decimal(WEIGHT)),
        ("PublishedFreight", cost),
        ("ActualFreight", cost),
        ("MarkedUpFreight", cost),
        ("ShippingOrderType", "Pick Pack"),
    ]
    return tag("ShippingActivity", leaves(fields))
