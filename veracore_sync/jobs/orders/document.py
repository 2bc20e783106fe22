"""The ``--json`` document of ``sync-orders`` (docs/json.md)."""

from __future__ import annotations

from typing import Any

from veracore_sync.jobs.orders.plan import Action, HoldOrder, ParkOrder, SubmitOrder
from veracore_sync.jobs.orders.result import OrdersResult
from veracore_sync.jobs.stats import order_document
from veracore_sync.ledger import Ledger

ORDER_COUNTS = {
    "submitted": "submitted",
    "adopted": "adopted",
    "failed": "failed",
    "parked": "parked",
    "inDoubt": "in_doubt",
    "conflict": "conflict",
    "skipped": "skipped",
    "pending": "pending",
}


def orders_document(result: OrdersResult, ledger: Ledger) -> dict[str, Any]:
    """What a run did; empty with an empty result."""
    rows = ledger.orders.held(list(result.outcomes))
    document: dict[str, Any] = {name: result.count(kind) for name, kind in ORDER_COUNTS.items()}
    document["orders"] = [order_document(rows[code]) for code in result.outcomes if code in rows]
    if result.notes:
        document["notes"] = list(result.notes)
    if result.plan is not None:
        document["plan"] = [action_document(action) for action in result.plan]
    return document


def action_document(action: Action) -> dict[str, Any]:
    """What a dry run says of one order."""
    if isinstance(action, SubmitOrder):
        return {
            "action": "submit",
            "vendureOrderCode": action.code,
            "veracoreOrderId": action.order.id,
            "lookUpFirst": action.look_up_first,
            "lines": [{"sku": one.sku, "quantity": one.quantity} for one in action.order.lines],
            "warnings": list(action.warnings),
        }
    if isinstance(action, ParkOrder):
        return {
            "action": "park",
            "vendureOrderCode": action.code,
            "errorClass": str(action.trouble.category),
            "reason": action.trouble.message,
        }
    verb = "hold" if isinstance(action, HoldOrder) else "skip"
    return {"action": verb, "vendureOrderCode": action.code, "reason": action.reason}
