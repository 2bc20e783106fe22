"""The ``--json`` document of ``sync-inventory`` (docs/json.md)."""

from __future__ import annotations

from typing import Any

from veracore_sync.domain.staged_stock import Planned
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.reasons import reasons_document

INVENTORY_COUNTS = ("totalProcessed", "updated", "errors", "skipped")


def inventory_document(report: InventoryReport) -> dict[str, Any]:
    """What a run did."""
    document: dict[str, Any] = {
        "mode": report.mode.value,
        "fullBecause": report.full_because or None,
        "totalProcessed": report.processed,
        "updated": report.updated,
        "errors": report.errors,
        "skipped": report.skipped,
        "withheld": report.withheld,
        "guard": report.guard,
        "unknown": report.unknown,
        "ambiguous": report.ambiguous,
        "missing": report.missing,
        "refused": [{"sku": sku, "error": error} for sku, error in report.refused.items()],
        "unreadable": [{"record": name, "error": why} for name, why in report.unreadable.items()],
        "drift": [
            {"sku": one.sku, "allocated": one.allocated, "ordered": one.ordered}
            for one in report.drift
        ],
        "notes": report.notices,
    }
    document["reasons"] = reasons_document(report.reasons)
    plan = report.plan
    if plan is not None:
        document["planned"] = plan.written_count
        document["plan"] = [action_document(action) for action in plan.written]
        document["withheldPlanned"] = plan.withheld_count
        document["withheldPlan"] = [action_document(action) for action in plan.withheld]
        document["totals"] = {
            "increases": plan.totals.increases,
            "decreases": plan.totals.decreases,
            "toZero": plan.totals.to_zero,
            "moved": plan.totals.moved,
            "unchanged": plan.totals.unchanged,
            "unitsMore": plan.totals.units_more,
            "unitsLess": plan.totals.units_less,
        }
        document["largest"] = [
            {
                "sku": one.sku,
                "vendureVariantId": one.id,
                "before": sum(one.before.values()),
                "saleable": sum(one.saleable.values()),
            }
            for one in plan.largest
        ]
    return document


def action_document(action: Planned) -> dict[str, Any]:
    """One variant of a dry run's plan."""
    return {
        "action": "set",
        "sku": action.sku,
        "vendureVariantId": action.id,
        "levels": [
            {
                "location": at,
                "saleable": units,
                "before": action.before[at],
                "stockOnHand": units + action.allocated[at],
            }
            for at, units in action.saleable.items()
        ],
    }
