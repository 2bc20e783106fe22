"""The ``--json`` document of ``reconcile`` (docs/json.md)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.differences import DifferenceRow, DifferenceType
from veracore_sync.jobs.reconcile.report import FoundDifference, Grouped, ReconcileReport

RECONCILE_COUNTS = (
    "ordersInScope",
    "ordersCompared",
    "ordersDiffering",
    "ordersLeft",
    "ordersMoving",
    "ordersUnseen",
    "skusCompared",
    "differences",
    "new",
    "accepted",
    "ended",
    "lookUps",
)


def totals(report: ReconcileReport) -> dict[str, Any]:
    """The counts of a run."""
    values = (
        report.in_scope,
        report.compared,
        report.differing,
        report.left,
        report.on_their_way,
        report.not_read,
        report.skus or 0,
        len(report.found),
        report.new_count,
        report.accepted_count,
        report.ended,
        report.looked_up,
    )
    return dict(zip(RECONCILE_COUNTS, values, strict=True))


def reconcile_document(
    report: ReconcileReport, now: datetime, types: Collection[DifferenceType] = ()
) -> dict[str, Any]:
    """What a run found.

    Args:
        report: The run's.
        now: The moment that ages are counted to (UTC).
        types: Only differences of these types; empty: all.
    """
    return {
        "totals": totals(report),
        "complete": is_complete(report),
        "differences": [found_document(one, now) for one in shown(report, types)],
        "unseen": _groups(report.unseen),
        "moving": _groups(report.moving),
        "dryRun": report.plan is not None,
        "notes": [*report.needs_person, *report.notices],
    }


def is_complete(report: ReconcileReport) -> bool:
    """Whether everything was compared that does not move."""
    return report.is_whole and not report.left and not report.unseen


def shown(report: ReconcileReport, types: Collection[DifferenceType]) -> list[FoundDifference]:
    """The differences of these types (empty: of all), what is news first, then by type."""
    order = list(DifferenceType)
    found = [one for one in report.found if not types or one.difference.type in types]
    return sorted(
        found,
        key=lambda one: (
            one.is_accepted,
            not one.is_new,
            order.index(one.difference.type),
            one.difference.name,
            one.difference.detail,
        ),
    )


def found_document(one: FoundDifference, now: datetime) -> dict[str, Any]:
    """A difference, as it is now."""
    difference = one.difference
    since = since_of(one, now)
    return {
        "type": str(difference.type),
        "name": difference.name,
        "detail": difference.detail,
        "veracoreId": difference.veracore_id or None,
        "ledger": difference.ledger,
        "shop": difference.shop,
        "warehouse": difference.warehouse,
        "since": to_text(since),
        "ageSeconds": max(0, int((now - since).total_seconds())),
        "repair": difference.repair or None,
        "isNew": one.is_new,
        "isAccepted": one.is_accepted,
        "reason": one.reason,
    }


def since_of(one: FoundDifference, now: datetime) -> datetime:
    """Since when it is so, or else was seen first: perhaps now."""
    if one.difference.since is not None:
        return one.difference.since
    return from_text(one.row.first_seen_at) if one.row is not None else now


def accepted_document(rows: Collection[DifferenceRow], now: datetime) -> dict[str, Any]:
    """What ``--accept`` accepted."""
    return {
        "accepted": [
            found_document(FoundDifference(row.difference, row, False), now) for row in rows
        ]
    }


def _groups(groups: Mapping[str, Grouped]) -> list[dict[str, Any]]:
    most_first = sorted(groups.items(), key=lambda item: (-item[1].count, item[0]))
    return [
        {"reason": reason, "count": one.count, "names": one.names} for reason, one in most_first
    ]
