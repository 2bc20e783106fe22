"""The results of the SOAP operations, with every field of docs/wire.md §5.1, §5.3 and §9.

An answer is XML text without a prefix; the envelope gives it its namespace.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from veracore_sync.sandbox.records import Order, Package, Slip
from veracore_sync.sandbox.warehouse import Level, World

NEVER = "0001-01-01T00:00:00"
_WEIGHT = "1.4"
_FREIGHT_COST = "8.11"
_PACKAGE_TYPE = "Box - 8 x 8 x 8"
_STATUS_FLAGS = [
    "Unapproved",
    "Unprocessed",
    "Accepted",
    "Hold",
    "DeniedCredit",
    "Processed",
    "Pending",
    "Picked",
    "Backordered",
    "Shipped",
    "Canceled",
    "Complete",
]
_PARTY_FIELDS = [
    "Address1",
    "Address2",
    "Address3",
    "City",
    "State",
    "PostalCode",
    "Country",
    "Phone",
    "Fax",
    "Email",
]


def tag(name: str, *content: object) -> str:
    """An element around elements that are already XML."""
    inner = "".join(map(str, content))
    return f"<{name}>{inner}</{name}>" if inner else f"<{name} />"


def leaf(name: str, value: object = "") -> str:
    """An element around a value."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return tag(name, escape(text))


def leaves(pairs: Iterable[tuple[str, object]]) -> str:
    """Elements in a row, one a value."""
    return "".join(leaf(name, value) for name, value in pairs)


def order_accepted(order: Order) -> str:
    """`AddOrderResult`: the internal number and the id."""
    return tag("AddOrderResult", leaf("OrderSeqID", order.sequence), leaf("OrderID", order.id))


# ---- GetOrderInfo ------------------------------------------------------------------------


def order_info(order: Order, world: World) -> str:
    """`GetOrderInfoResult` of an order."""
    zone = world.zone()
    slips = [_pick_pack(slip, order, zone) for slip in order.slips]
    # Before the pick the list is missing on some tenants and empty on others.
    shipping_orders = tag("ShippingOrders", *slips) if slips or order.sequence % 2 else ""
    return tag(
        "GetOrderInfoResult",
        _head(order, world, zone),
        tag("ShipToInfo", _party(order.ship_to)),
        tag("OrderedBy", _party(order.ordered_by)),
        tag("BillToInfo", _party(order.bill_to)),
        tag("OfferInfo", *(_offer(line.sku, line.quantity, line.price) for line in order.lines)),
        tag("BillOfMaterials", *_materials(order, world)),
        shipping_orders,
    )


def empty_record() -> str:
    """`GetOrderInfoResult` of an order that is not there, as a record with an empty id."""
    flags = tag("Status", leaves((flag, False) for flag in _STATUS_FLAGS))
    head = {"EntryDate": NEVER, "UploadDate": NEVER}
    return tag(
        "GetOrderInfoResult",
        _order_head(head, flags),
        tag("ShipToInfo"),
        tag("OrderedBy"),
        tag("BillToInfo"),
        tag("OfferInfo"),
        tag("BillOfMaterials"),
        tag("ShippingOrders"),
    )


def _head(order: Order, world: World, zone: ZoneInfo) -> str:
    head = {
        "OrderId": order.id,
        "EntryDate": _local(order.entered_at or order.accepted_at, zone),
        "UploadDate": _local(order.accepted_at, zone, "milliseconds"),
        "View": "Default",
        "ReferenceNo": order.reference,
        "CampaignId": order.campaign,
        "PoNum": order.po_number,
        "Source": order.source,
        "OrderComment": order.comment,
        "Carrier": order.carrier,
        "Service": order.service,
        "RushFlag": "0",
        "ShipHandCharge": _double(order.handling_charge),
        "ShippingOption": order.shipping_option,
    }
    return _order_head(head, _status(order, world))


def _order_head(head: dict[str, str], status: str) -> str:
    texts = [
        "OrderId",
        "EntryDate",
        "UploadDate",
        "View",
        "Stream",
        "ReferenceNo",
        "CampaignId",
        "PoNum",
        "ResponseMethod",
        "Source",
        "SourceDetail",
        "OrderComment",
        "Carrier",
        "Service",
        "ShipComment",
        "NeedBy",
        "RushFlag",
    ]
    payment = ["PaymentType", "PriceClass", "CCNumber", "ExpirationDate"]
    charges = ["ShipHandCharge", "AdditionalCharge", "DiscountPct", "TaxPct", "SpecialHandCharge"]
    return tag(
        "OrdHead",
        leaves((name, head.get(name, "")) for name in texts),
        status,
        leaves((name, "") for name in payment),
        leaves((name, head.get(name, "0")) for name in charges),
        leaf("ShippingOption", head.get("ShippingOption", "")),
        leaf("ShippingOptionCharge", "0"),
    )


def _status(order: Order, world: World) -> str:
    true = {"Accepted", "Processed"}
    facts = {
        "Pending": not order.is_complete,
        "Picked": any(slip.is_live for slip in order.slips),
        "Backordered": bool(world.backordered(order)),
        "Shipped": order.is_shipped,
        "Canceled": bool(+order.cancelled()),
        "Complete": order.is_complete,
    }
    true |= {name for name, holds in facts.items() if holds}
    return tag("Status", leaves((flag, flag in true) for flag in _STATUS_FLAGS))


def _party(person: dict[str, str]) -> str:
    contact = f"{person.get('FirstName', '')} {person.get('LastName', '')}".strip()
    named = [("UniqueId", person.get("UID", "")), ("Contact", contact)]
    company = [("Company", person.get("CompanyName", ""))]
    rest = [(name, person.get(name, "")) for name in _PARTY_FIELDS]
    return leaves([*named, *company, *rest])


def _offer(sku: str, quantity: int, price: str) -> str:
    fields = (("OfferId", sku), ("OfferDesc", sku), ("OrderQty", quantity))
    return tag("OfferType", leaves(fields), leaf("UnitPrice", _double(price)))


def _materials(order: Order, world: World) -> list[str]:
    cancelled, pulled, to_pick = order.cancelled(), order.pulled(), order.to_pick()
    short = world.backordered(order)
    rows = []
    for key, quantity in order.ordered().items():
        sku = order.spelling(key)
        fields: list[tuple[str, object]] = [("ProductId", sku), ("ProductDesc", sku)]
        fields += [
            ("OrderQty", quantity),
            ("ReservedQty", to_pick[key] - short[key]),
            ("MarkedQty", 0),
            ("PulledQty", pulled[key]),
            ("CanceledQty", cancelled[key]),
            ("BackorderQty", short[key]),
        ]
        rows.append(tag("BOMProductType", leaves(fields)))
    return rows


def _pick_pack(slip: Slip, order: Order, zone: ZoneInfo) -> str:
    words = {(False, False): "Voided", (True, False): "Packed", (True, True): "Shipped"}
    products = [
        tag(
            "PickPackProductType",
            leaves([("ProductId", line.sku), ("ProductDesc", line.sku), ("Revision", "")]),
            leaf("ToShipQty", line.quantity),
        )
        for line in slip.lines
    ]
    return tag(
        "PickPackType",
        leaf("PickPackId", slip.number),
        leaf("Status", words[slip.is_live, slip.is_live and slip.is_shipped]),
        leaf("DatePicked", _local(slip.at, zone)),
        leaf("MerchAmt", _double(str(_merchandise(slip, order)))),
        leaves([(name, "0") for name in ("ShipHandAmt", "TaxAmt", "DiscountAmt", "HoldFlag")]),
        leaves([("SpecialHandling", "0"), ("AdditionalCharge", "0")]),
        tag("PickPackProducts", *products),
        tag("Packages", *(_package(package, zone) for package in slip.packages)),
    )


def _merchandise(slip: Slip, order: Order) -> Decimal:
    prices = {line.sku.upper(): Decimal(line.price) for line in order.lines}
    units = ((line.quantity, prices.get(line.sku.upper(), Decimal())) for line in slip.lines)
    return sum((quantity * price for quantity, price in units), Decimal())


def _package(package: Package, zone: ZoneInfo) -> str:
    fields: list[tuple[str, object]] = [
        ("PackageType", _PACKAGE_TYPE),
        ("DatePacked", _local(package.packed_at, zone)),
        ("DateShipped", _local(package.shipped_at, zone)),
        ("DateVoided", _local(package.voided_at, zone)),
        ("Carrier", package.carrier),
        ("Service", package.service),
        ("ActualService", package.service),
        ("Weight", _WEIGHT),
        ("ActualFreight", _FREIGHT_COST),
        ("ActualAdditionalChg", "0"),
        ("TrackingId", package.tracking),
        ("PickUpId", ""),
        ("InsuredValue", "0"),
    ]
    return tag("PackagesType", leaves(fields))


# ---- stock -------------------------------------------------------------------------------


def availabilities(products: list[list[Level]]) -> str:
    """`GetProductAvailabilitiesResult`: a product each, in it a row per warehouse."""
    rows = (
        tag("ProductAvailabilities", tag("Warehouses", *map(_level, levels))) for levels in products
    )
    return tag("GetProductAvailabilitiesResult", *rows)


def _level(level: Level) -> str:
    # Some part numbers come padded (docs/wire.md §4.1): here those with an odd length.
    part = level.sku + " " * (len(level.sku) % 2)
    warehouse = leaf("ID", level.warehouse) + leaf("OverrideAllowHistoricalConnection", False)
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
        leaves([("PartNumber", part), ("PartDescription", level.sku)]),
        leaves([("Size", ""), ("Color", ""), ("ProductType", "Product")]),
        leaves(units),
    )


# ---- what shipped in a window ------------------------------------------------------------


def shipping_charges(world: World, start: datetime, end: datetime) -> str:
    """`GetShippingChargeResult`: a row per package that left in the window."""
    rows = [
        _charge(order, slip, package, world.zone())
        for order in world.orders.values()
        for slip in order.slips
        for package in slip.packages
        if package.voided_at is None or world.behaviour.voided_charges
        if package.shipped_at and _within(package.shipped_at, start, end, world)
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
                if package.shipped_at and _within(package.shipped_at, start, end, world)
            ]
            if left:
                rows.append(_activity(order, slip, left, world.zone()))
    return tag("GetShippingActivityResult", *rows)


def _charge(order: Order, slip: Slip, package: Package, zone: ZoneInfo) -> str:
    fields: list[tuple[str, object]] = [
        ("PPSlip", slip.number),
        ("OrderId", order.id),
        ("DateShipped", _local(package.shipped_at, zone)),
        ("FreightCarrier", package.carrier),
        ("FreightDescription", package.service),
        ("TrackingID", package.tracking),
        ("PackageType", _PACKAGE_TYPE),
        ("PackageWeight", _WEIGHT),
        ("FreightCost", _FREIGHT_COST),
        ("Ref", order.reference),
        ("Po", order.po_number),
        ("CarrierCode", "U11"),
        ("FreightService", package.service),
    ]
    return tag("ShippingCharges", leaves(fields))


def _activity(order: Order, slip: Slip, left: list[Package], zone: ZoneInfo) -> str:
    day = datetime.fromisoformat(left[0].shipped_at or slip.at).astimezone(zone)
    cost = str(len(left) * Decimal(_FREIGHT_COST))
    fields: list[tuple[str, object]] = [
        ("ShipDate", f"{day.month}/{day.day}/{day.year}"),
        ("OrderId", order.id),
        ("PickPackId", slip.number),
        ("Type", "Order"),
        ("LinesShipped", len(slip.lines)),
        ("PiecesShipped", sum(line.quantity for line in slip.lines)),
        ("NumberofPackages", len(left)),
        ("TotalWeight", len(left) * Decimal(_WEIGHT)),
        ("PublishedFreight", cost),
        ("ActualFreight", cost),
        ("MarkedUpFreight", cost),
        ("ShippingOrderType", "Pick Pack"),
    ]
    return tag("ShippingActivity", leaves(fields))


def _within(shipped_at: str, start: datetime, end: datetime, world: World) -> bool:
    moment = datetime.fromisoformat(shipped_at)
    if moment == end:
        return world.behaviour.window_end == "inclusive" and start <= end
    return start <= moment < end


def _local(moment: str | None, zone: ZoneInfo, timespec: str = "seconds") -> str:
    if moment is None:
        return NEVER
    local = datetime.fromisoformat(moment).astimezone(UTC).astimezone(zone)
    return local.replace(tzinfo=None).isoformat(timespec=timespec)


def _double(text: str) -> str:
    return f"{Decimal(text).normalize():f}"
