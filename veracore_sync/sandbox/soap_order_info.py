"""`GetOrderInfo`: an order with every field of docs/wire.md §5.1 and §9.4."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from veracore_sync.sandbox.records import Line, Order, Package, Slip, sku_key
from veracore_sync.sandbox.soap_xml import (
    FREIGHT_COST,
    NEVER,
    PACKAGE_TYPE,
    WEIGHT,
    double,
    leaf,
    leaves,
    local,
    tag,
)
from veracore_sync.sandbox.warehouse import World

# Backorders have no number of their own until they are picked.
BACKORDER_SLIPS = 400_000

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


def order_info(order: Order, world: World) -> str:
    """`GetOrderInfoResult` of an order."""
    zone = world.zone()
    slips = [_pick_pack(slip, order, zone) for slip in order.slips]
    if world.behaviour.backorder_slips and world.backordered(order):
        slips.append(_backorder_slip(order, world, zone))
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
    head: dict[str, str | None] = {"EntryDate": NEVER, "UploadDate": NEVER}
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
    head: dict[str, str | None] = {
        "OrderId": order.id,
        "EntryDate": local(order.entered_at or order.accepted_at, zone),
        "UploadDate": local(order.accepted_at, zone, "milliseconds"),
        "View": "Default",
        "ReferenceNo": world.behaviour.returned_reference(order.reference),
        "CampaignId": order.campaign,
        "PoNum": order.po_number,
        "Source": order.source,
        "OrderComment": order.comment,
        "Carrier": order.carrier,
        "Service": order.service,
        "ShipComment": order.ship_comments,
        "NeedBy": order.needed_by,
        "RushFlag": "1" if order.rush else "0",
        "ShipHandCharge": double(order.handling_charge),
        "ShippingOption": order.shipping_option,
    }
    return _order_head(head, _status(order, world))


def _order_head(head: dict[str, str | None], status: str) -> str:
    """`OrdHead`; a field that is None is left out, one that is not named is empty."""
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
        leaves((name, value) for name in texts if (value := head.get(name, "")) is not None),
        status,
        leaves((name, "") for name in payment),
        leaves((name, head.get(name, "0")) for name in charges),
        leaf("ShippingOption", head.get("ShippingOption", "")),
        leaf("ShippingOptionCharge", "0"),
    )


def _status(order: Order, world: World) -> str:
    facts = {
        "Accepted": True,
        "Unprocessed": not order.processed,
        "Processed": order.processed,
        "Pending": not order.is_complete,
        "Picked": any(slip.is_live for slip in order.slips),
        "Backordered": bool(world.backordered(order)),
        "Shipped": order.is_shipped,
        "Canceled": bool(+order.cancelled()),
        "Complete": order.is_complete,
    }
    return tag("Status", leaves((flag, facts.get(flag, False)) for flag in _STATUS_FLAGS))


def _party(person: dict[str, str]) -> str:
    contact = f"{person.get('FirstName', '')} {person.get('LastName', '')}".strip()
    named = [("UniqueId", person.get("UID", "")), ("Contact", contact)]
    company = [("Company", person.get("CompanyName", ""))]
    rest = [(name, person.get(name, "")) for name in _PARTY_FIELDS]
    return leaves([*named, *company, *rest])


def _offer(sku: str, quantity: int, price: str) -> str:
    fields = (("OfferId", sku), ("OfferDesc", sku), ("OrderQty", quantity))
    return tag("OfferType", leaves(fields), leaf("UnitPrice", double(price)))


def _materials(order: Order, world: World) -> list[str]:
    cancelled, pulled, to_pick = order.cancelled(), order.pulled(), order.to_pick()
    short = world.backordered(order)
    rows = []
    for key, quantity in order.ordered().items():
        sku = order.spelling(key)
        fields: list[tuple[str, object]] = [("ProductId", sku), ("ProductDesc", sku)]
        fields += [
            ("OrderQty", quantity),
            ("ReservedQty", to_pick[key] - short[key] if order.processed else 0),
            ("MarkedQty", 0),
            ("PulledQty", pulled[key]),
            ("CanceledQty", cancelled[key]),
            ("BackorderQty", short[key]),
        ]
        rows.append(tag("BOMProductType", leaves(fields)))
    return rows


def _pick_pack(slip: Slip, order: Order, zone: ZoneInfo) -> str:
    words = {(False, False): "Voided", (True, False): "Packed", (True, True): "Shipped"}
    status = words[slip.is_live, slip.is_live and slip.is_shipped]
    packages = [_package(package, zone) for package in slip.packages]
    return _slip(order, slip, status, local(slip.at, zone), packages)


def _backorder_slip(order: Order, world: World, zone: ZoneInfo) -> str:
    short = world.backordered(order)
    lines = [Line(order.spelling(key), units) for key, units in short.items()]
    slip = Slip(BACKORDER_SLIPS + order.sequence, "", lines, [])
    return _slip(order, slip, "Backordered", local(None, zone), [])


def _slip(order: Order, slip: Slip, status: str, picked: str, packages: list[str]) -> str:
    products = [
        tag(
            "PickPackProductType",
            leaves([("ProductId", line.sku), ("ProductDesc", line.sku), ("Revision", "")]),
            leaf("ToShipQty", line.quantity),
        )
        for line in slip.lines
    ]
    # Newer tenants return the number in two fields.
    number = leaf("PickSlipID", slip.number) if order.sequence % 2 else ""
    return tag(
        "PickPackType",
        number,
        leaf("PickPackId", slip.number),
        leaf("Status", status),
        leaf("DatePicked", picked),
        leaf("MerchAmt", double(str(_merchandise(slip, order)))),
        leaves([(name, "0") for name in ("ShipHandAmt", "TaxAmt", "DiscountAmt", "HoldFlag")]),
        leaves([("SpecialHandling", "0"), ("AdditionalCharge", "0")]),
        tag("PickPackProducts", *products),
        tag("Packages", *packages),
    )


def _merchandise(slip: Slip, order: Order) -> Decimal:
    prices = {sku_key(line.sku): Decimal(line.price) for line in order.lines}
    units = ((line.quantity, prices.get(sku_key(line.sku), Decimal())) for line in slip.lines)
    return sum((quantity * price for quantity, price in units), Decimal())


def _package(package: Package, zone: ZoneInfo) -> str:
    fields: list[tuple[str, object]] = [
        ("PackageType", PACKAGE_TYPE),
        ("DatePacked", local(package.packed_at, zone)),
        ("DateShipped", local(package.shipped_at, zone)),
        ("DateVoided", local(package.voided_at, zone)),
        ("Carrier", package.carrier),
        ("Service", package.service),
        ("ActualService", package.service),
        ("Weight", WEIGHT),
        ("ActualFreight", FREIGHT_COST),
        ("ActualAdditionalChg", "0"),
        ("TrackingId", package.tracking),
        ("PickUpId", ""),
        ("InsuredValue", "0"),
    ]
    return tag("PackagesType", leaves(fields))
