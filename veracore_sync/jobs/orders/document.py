"""The ``--json`` document of ``sync-orders`` (docs/json.md)."""

from __future__ import annotations

from typing import Any

from veracore_sync.jobs.orders.plan import Action, HoldOrder, ParkOrder, SubmitOrder
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.reasons import reasons_document
from veracore_sync.jobs.stats import order_document
from veracore_sync.ports.ledger import Ledger

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


def orders_document(report: OrdersReport, ledger: Ledger) -> dict[str, Any]:
    """What a run did."""
    rows = ledger.orders.held(list(report.outcomes))
    document: dict[str, Any] = {name: report.count(kind) for name, kind in ORDER_COUNTS.items()}
    document["withWarnings"] = sum(1 for row in rows.values() if row.warnings)
    document["orders"] = [order_document(rows[code]) for code in report.outcomes if code in rows]
    if report.notices:
        document["notes"] = list(report.notices)
    if report.plan is not None:
        document["plan"] = [action_document(action) for action in report.plan]
    document["reasons"] = reasons_document(report.reasons)
    return document


def action_document(action: Action) -> dict[str, Any]:
    """One order of a dry run's plan."""
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
