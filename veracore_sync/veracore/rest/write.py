"""The create request as JSON (docs/order-mapping.md)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from veracore_sync.domain.warehouse import WarehouseLine, WarehouseOrder


def create_document(order: WarehouseOrder, company_id: str) -> bytes:
    """The body of ``POST /api/orders``; empty fields are left out."""
    document = {
        "CompanyId": company_id,
        "OrderNumber": order.id,
        "Customer": _filled(
            FirstName=order.ordered_by.first_name,
            LastName=order.ordered_by.last_name,
            Email=order.ordered_by.email,
        ),
        "ShippingAddress": _filled(
            Address1=order.ship_to.address1,
            Address2=order.ship_to.address2,
            City=order.ship_to.city,
            State=order.ship_to.state,
            Zip=order.ship_to.postal_code,
            Country=order.ship_to.country,
        ),
        "Items": [_item(line) for line in order.lines],
    }
    return _written(document).encode("utf-8", "replace")


def _item(line: WarehouseLine) -> dict[str, Any]:
    item: dict[str, Any] = {"SKU": line.sku, "Quantity": line.quantity}
    if line.unit_price is not None:
        item["UnitPrice"] = line.unit_price
    return item


def _written(value: Any) -> str:
    """JSON in which a Decimal keeps its digits."""
    # json.dumps has only floats, which would turn 19.90 into 19.9 and round longer prices.
    if isinstance(value, dict):
        pairs = (f"{_written(key)}: {_written(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return json.dumps(value, ensure_ascii=False)


def _filled(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
