"""An order as `GET /api/orders` shows it: what was asked for, without tracking.

docs/wire.md §2.2.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from veracore_sync.sandbox.records import Line, Order
from veracore_sync.sandbox.soap_xml import WEIGHT, local

STATUSES = frozenset(
    {"unprocessed", "processed", "partiallyshipped", "complete", "cancelled", "all"}
)
_ADDRESS = ("Address1", "Address2", "Address3", "City", "State", "PostalCode", "Country")
_CLASSIFICATION = (
    "CustomerCode",
    "Store",
    "Department",
    "Vendor",
    "OrderEntryView",
    "OrderProcessingStream",
    "ProjectID",
    "ProjectDescription",
    "CampaignID",
    "DistributionID",
    "DistributionCenter",
    "RushOrder",
    "ResponseMedia",
    "SourceType",
    "Source",
    "SourceDetail",
    "SourceDetailIssueDate",
)


def status_of(order: Order) -> str:
    """The one word for its status."""
    return "Complete" if order.status == "Shipped" else order.status


def order_document(order: Order, zone: ZoneInfo) -> dict[str, Any]:
    """The order as JSON values."""
    entered = datetime.fromisoformat(order.entered_at or order.accepted_at)
    known = {"OrderEntryView": "Default", "RushOrder": order.rush}
    known |= {"CampaignID": order.campaign or None, "Source": order.source or None}
    return {
        "ID": order.id,
        "PurchaseOrder": order.po_number,
        "ReferenceNumber": order.reference,
        "Comments": order.comment,
        "CurrentOrderStatus": status_of(order),
        "OrderDates": {
            "UTCOrderDate": entered.replace(tzinfo=None).isoformat(timespec="seconds"),
            "ServerDateCaptured": local(order.accepted_at, zone),
            "NeededByDate": order.needed_by or None,
        },
        "OrderClassification": {name: known.get(name) for name in _CLASSIFICATION},
        "OrderedBy": {
            **_person(order.ordered_by),
            "UniqueIdentifier": order.ordered_by.get("UID") or None,
            "TaxExemptFlag": "0",
            "TaxExemptID": None,
            "TaxExemptApprovedFlag": "0",
            "CommercialFlag": "0",
        },
        "Shipments": [
            {
                "ShipTo": _person(order.ship_to),
                "ShippingUnits": [_shipping_unit(order)],
                "ReturnAddress": {"Name": None, "Company": None},
            }
        ],
    }


def _person(person: dict[str, str]) -> dict[str, Any]:
    name = f"{person.get('FirstName', '')} {person.get('LastName', '')}".strip()
    return {
        "Name": name,
        "Company": person.get("CompanyName", ""),
        "Title": None,
        **{field: person.get(field, "") for field in _ADDRESS},
        "Phone": person.get("Phone") or None,
        "Fax": person.get("Fax") or None,
        "Email": person.get("Email") or None,
    }


def _shipping_unit(order: Order) -> dict[str, Any]:
    return {
        "RequestedShippingOption": order.shipping_option or None,
        "RequestedFreightCarrier": order.carrier or None,
        "RequestedFreightService": order.service or None,
        "RequestedFreightCode": None,
        "Comments": order.ship_comments,
        "SignatureRequirement": None,
        "TotalWeight": float(WEIGHT),
        "TotalWeightType": "lbs",
        "Items": [_item(number, line) for number, line in enumerate(order.lines, start=1)],
        "FreightAccount": {"ThirdPartyBillingType": "0", "AccountNumber": None},
    }


def _item(number: int, line: Line) -> dict[str, Any]:
    product = {"ID": line.sku, "Description": line.sku, "QuantityOrdered": line.quantity}
    return {
        "LineNumber": number,
        "ID": line.sku,
        "Title": line.sku,
        "QuantityOrdered": line.quantity,
        "Pricing": {"Price": float(Decimal(line.price)), "PriceType": "Each"},
        "Products": [product],
    }
