"""The ``--json`` document of ``sync-inventory`` (docs/json.md)."""

from __future__ import annotations

from typing import Any

from veracore_sync.jobs.inventory.result import InventoryResult
from veracore_sync.ledger.staging import Planned

INVENTORY_COUNTS = ("totalProcessed", "updated", "errors", "skipped")


def inventory_document(result: InventoryResult) -> dict[str, Any]:
    """What a run did."""
    document: dict[str, Any] = {
        "totalProcessed": result.processed,
        "updated": result.updated,
        "errors": result.errors,
        "skipped": result.skipped,
        "withheld": result.withheld,
        "guard": result.guard,
        "unknown": result.unknown,
        "ambiguous": result.ambiguous,
        "missing": result.missing,
        "refused": [{"sku": sku, "error": said} for sku, said in result.refused.items()],
        "unreadable": [{"record": name, "error": why} for name, why in result.unreadable.items()],
        "drift": [
            {"sku": one.sku, "allocated": one.allocated, "ordered": one.ordered}
            for one in result.drift
        ],
        "notes": result.notes,
    }
    if result.plan is not None:
        document["planned"] = result.planned
        document["plan"] = [action_document(action) for action in result.plan]
    return document


def action_document(action: Planned) -> dict[str, Any]:
    """What a dry run says of one variant."""
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
