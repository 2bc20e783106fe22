"""`GetProductReturns`: a row per product and slip that came back (docs/wire.md §5.3)."""

from __future__ import annotations

from datetime import datetime

from veracore_sync.sandbox.records import Order, Return, Slip, sku_key
from veracore_sync.sandbox.soap_types import field_names
from veracore_sync.sandbox.soap_xml import NEVER, leaves, local, tag
from veracore_sync.sandbox.warehouse import World

# What a row has when nothing is known of it; every other field is an empty text.
_NUMBERS = {"PackQuantity": 1, "OwnerID": 1}
_ADDRESS = ("Address1", "Address2", "Address3", "City", "State", "Country")


def product_returns(world: World, start: datetime, end: datetime) -> str:
    """`GetProductReturnsResult`: what came back in the window."""
    rows = [
        _row(order, one, world)
        for order in world.orders.values()
        for one in order.returns
        if world.is_within(one.at, start, end)
    ]
    return tag("GetProductReturnsResult", *rows)


def _row(order: Order, one: Return, world: World) -> str:
    slip = next(slip for slip in order.slips if slip.number == one.slip)
    zone = world.zone()
    known: dict[str, object] = {
        "OrderId": order.id,
        "PickSlip": slip.number,
        "DateOrdered": local(order.entered_at or order.accepted_at, zone),
        "FirstShip": local(_first_shipped(slip), zone),
        "DateReturned": local(one.at, zone),
        "ProductId": one.sku,
        "Description": one.sku,
        "ProductReasonCode": one.reason,
        "ShipQty": sum(
            line.quantity for line in slip.lines if sku_key(line.sku) == sku_key(one.sku)
        ),
        "ReturnQty": one.quantity,
        "ReceivedAs": "Each",
        "PackDescription": "Each",
        "ReferenceNumber": world.behaviour.returned_reference(order.reference),
        "Disposition": one.disposition,
        "EvaluationDate": NEVER,
        **_NUMBERS,
        **_party("OrderedBy", order.ordered_by),
        **_party("ShipTo", order.ship_to),
    }
    fields = [(name, known.get(name, "")) for name in field_names("ProductReturns")]
    return tag("ProductReturns", leaves((name, one) for name, one in fields if one is not None))


def _first_shipped(slip: Slip) -> str:
    shipped = [one.shipped_at for one in slip.live_packages if one.shipped_at]
    return min(shipped, default=slip.at)


def _party(prefix: str, person: dict[str, str]) -> dict[str, str]:
    name = f"{person.get('FirstName', '')} {person.get('LastName', '')}".strip()
    return {
        f"{prefix}Name": name,
        f"{prefix}Company": person.get("CompanyName", ""),
        f"{prefix}Zipcode": person.get("PostalCode", ""),
        **{f"{prefix}{field}": person.get(field, "") for field in _ADDRESS},
    }
