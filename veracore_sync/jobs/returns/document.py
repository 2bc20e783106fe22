"""The ``--json`` document of ``sync-returns`` (docs/json.md)."""

from __future__ import annotations

from typing import Any

from veracore_sync.jobs.reasons import reasons_document
from veracore_sync.jobs.returns.plan import event_data
from veracore_sync.jobs.returns.report import ReturnsReport

RETURNS_COUNTS = ("receiptsListed", "receiptsNew", "notesWritten", "errors")


def returns_document(report: ReturnsReport) -> dict[str, Any]:
    """What a run did."""
    document: dict[str, Any] = {
        "receiptsListed": report.listed,
        "receiptsNew": len(report.received),
        "notesWritten": report.notes,
        "errors": report.errors,
        "available": report.is_available,
        "receipts": [event_data(receipt, code) for code, receipt in report.received],
        "notes": [*report.needs_person, *report.notices],
        "reasons": reasons_document(report.reasons),
    }
    if report.plan is not None:
        document["plan"] = [event_data(receipt, code) for code, receipt in report.plan]
    return document
