"""The ``--json`` document of ``sync-tracking`` (docs/json.md)."""

from __future__ import annotations

from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.jobs.reasons import reasons_document
from veracore_sync.jobs.tracking.actions import (
    Action,
    AdoptFulfilment,
    AlreadyFulfilled,
    Close,
    Correct,
    EndOrder,
    Escalate,
    Fulfil,
    Hold,
    ReportIssue,
    Undo,
)
from veracore_sync.jobs.tracking.report import TrackingReport

TRACKING_COUNTS = ("ordersChecked", "trackingUpdated", "errors")

_NAMES: dict[type[Action], str] = {
    Fulfil: "fulfil",
    AdoptFulfilment: "adopt",
    AlreadyFulfilled: "cover",
    Hold: "wait",
    Escalate: "hand over",
    Correct: "correct",
    Undo: "undo",
    ReportIssue: "report",
    EndOrder: "end",
    Close: "close",
}


def tracking_document(report: TrackingReport) -> dict[str, Any]:
    """What a run did."""
    document: dict[str, Any] = {
        "ordersChecked": report.checked,
        "trackingUpdated": report.updated,
        "errors": report.errors,
        "orders": [
            {
                "vendureOrderCode": one.code,
                "slip": one.slip or None,
                "outcome": one.what,
                "detail": one.detail or None,
                "until": to_text(one.until) if one.until is not None else None,
            }
            for one in report.outcomes
        ],
        "stockRaised": report.raised,
        "notes": report.notices,
        "reasons": reasons_document(report.reasons),
    }
    if report.plan is not None:
        document["plan"] = [action_document(code, action) for code, action in report.plan]
    return document


def action_document(code: str, action: Action) -> dict[str, Any]:
    """One action of a dry run's plan."""
    document: dict[str, Any] = {
        "vendureOrderCode": code,
        "slip": getattr(action, "slip", None),
        "action": _NAMES[type(action)],
    }
    if isinstance(action, Fulfil):
        return document | {
            "lines": [{"orderLineId": id, "quantity": n} for id, n in action.lines.items()],
            "method": action.method,
            "trackingCode": action.tracking_code,
        }
    if isinstance(action, AdoptFulfilment):
        return document | {"fulfillmentId": action.fulfilment.id}
    if isinstance(action, Hold):
        until = to_text(action.until) if action.until is not None else None
        return document | {"reason": action.reason, "until": until}
    if isinstance(action, Close):
        return document | {"reason": action.reason}
    if isinstance(action, Escalate | ReportIssue):
        return document | {"reason": action.message}
    return document
