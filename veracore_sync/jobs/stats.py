"""``stats``: the ledger as one document (docs/json.md); reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.config import Settings
from veracore_sync.domain.alert_words import Severity, next_step, rank, words_of
from veracore_sync.domain.audit import AuditEntry
from veracore_sync.domain.differences import ORDER_TYPES, DifferenceRow
from veracore_sync.domain.ledger_records import Alert, Run
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.domain.returns import UNAVAILABLE
from veracore_sync.jobs.health import JobTrouble, troubles
from veracore_sync.jobs.reconcile.coverage import Coverage, last
from veracore_sync.jobs.reconcile.words import advice_here
from veracore_sync.jobs.returns.document import RETURNS_COUNTS
from veracore_sync.jobs.timeline import timeline_of
from veracore_sync.ports.ledger import Ledger

ORDERS_JOB = "orders"
_NOT_COMPARED = (
    ("left", "left for the next runs"),
    ("moving", "on their way"),
    ("unseen", "could not be read"),
)

_TOTALS = {
    "totalFailed": ("failed",),
    "totalPending": ("pending",),
    "totalSending": ("sending",),
    "totalInDoubt": ("in_doubt",),
    "totalParked": ("parked",),
    "totalConflict": ("conflict",),
    "totalShipped": ("shipped",),
    "totalCancelled": ("cancelled",),
    "totalSkipped": ("skipped",),
}


def order_document(row: OrderRow) -> dict[str, Any]:
    """An order as in every ``--json`` document. Times are UTC texts, or ``None``."""
    return {
        "vendureOrderId": row.vendure_id,
        "vendureOrderCode": row.code,
        "veracoreOrderId": row.veracore_id,
        "syncStatus": row.state,
        "errorClass": row.error_class,
        "errorMessage": row.error_message,
        "retryCount": row.retry_count,
        "lastSyncAttempt": row.last_sync_attempt,
        "lastSuccessfulSync": row.last_successful_sync,
        "nextAttempt": row.next_attempt_at,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "warnings": list(row.warnings),
    }


def order_life(ledger: Ledger, row: OrderRow) -> dict[str, Any]:
    """An order with its attempts, shipments and timeline."""
    attempts = [
        {
            "attempt": one.attempt,
            "veracoreOrderId": one.veracore_id,
            "startedAt": one.started_at,
            "endedAt": one.ended_at,
            "outcome": one.outcome,
            "message": one.message,
            "lines": [{"sku": sku, "quantity": units} for sku, units in one.lines],
        }
        for one in ledger.orders.attempts(row.code)
    ]
    shipments = [
        {
            "slip": one.slip,
            "state": one.state,
            "trackingCode": one.tracking_code,
            "fulfillmentId": one.fulfilment_id,
            "reason": one.reason,
            "firstSeenAt": one.first_seen_at,
            "updatedAt": one.updated_at,
        }
        for one in ledger.shipments.slips_of(row.code)
    ]
    timeline = [entry.document() for entry in timeline_of(ledger, row)]
    return order_document(row) | {
        "attempts": attempts,
        "cancellation": _cancellation(ledger, row.code),
        "shipments": shipments,
        "timeline": timeline,
        "codeBefore": row.shop_code,
        "earlierOrders": [order_document(one) for one in earlier_orders(ledger, row)],
        "alerts": _gravest_first(
            [alert_document(one) for one in ledger.alerts.standing() if one.code == row.code]
        ),
        "accepted": [
            {"kind": one.kind, "reason": one.reason, "at": one.at}
            for one in ledger.alerts.accepted(row.code)
        ],
        "differences": [
            difference_document(one)
            for one in ledger.differences.of([row.code])
            if one.difference.type in ORDER_TYPES
        ],
    }


def earlier_orders(ledger: Ledger, row: OrderRow) -> list[OrderRow]:
    """The orders that had this order's code before the shop gave it to this one."""
    return [
        one
        for one in ledger.orders.set_aside_from([row.reference]).get(row.reference, [])
        if one.code != row.code
    ]


def _cancellation(ledger: Ledger, code: str) -> dict[str, Any] | None:
    wish = ledger.cancellations.get(code)
    if wish is None:
        return None
    return {
        "state": wish.state,
        "wantedBy": wish.wanted_by,
        "wantedAt": wish.wanted_at,
        "asked": wish.asked,
        "askedAt": wish.asked_at,
        "seenCancelledAt": wish.seen_at,
        "leftAt": wish.left_at,
        "nextLookUp": wish.next_attempt_at,
        "message": wish.message,
    }


def alert_document(alert: Alert) -> dict[str, Any]:
    """An open alert."""
    return {
        "kind": alert.kind,
        "vendureOrderCode": alert.code,
        "message": alert.message,
        "openedAt": alert.opened_at,
        "severity": words_of(alert.kind).severity.name.lower(),
        "toDo": next_step(alert.kind, alert.code),
    }


_FAILURES = ("failed", "parked", "in_doubt", "conflict", "cancelled")


def failing(ledger: Ledger) -> list[dict[str, Any]]:
    """Every order with a failure or an open alert, once, each with its alerts.

    An order that the ledger does not hold (the shop cannot list it, say) has a code and no more.
    """
    alerts: dict[str, list[dict[str, Any]]] = {}
    for alert in ledger.alerts.standing():
        if alert.code is not None:
            alerts.setdefault(alert.code, []).append(alert_document(alert))
    failed = ledger.orders.in_states(_FAILURES)
    others = [code for code in alerts if code not in {row.code for row in failed}]
    held = ledger.orders.held(others)
    found = [order_document(row) for row in failed]
    found += [order_document(held[code]) if code in held else _unknown(code) for code in others]
    return [
        {**one, "alerts": _gravest_first(alerts.get(one["vendureOrderCode"], []))} for one in found
    ]


def by_gravity(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same orders, those with the gravest alerts first, those without any last."""

    def gravest(one: dict[str, Any]) -> tuple[int, int]:
        return min((rank(alert["kind"]) for alert in one["alerts"]), default=_LAST)

    return sorted(documents, key=gravest)


_LAST = (len(Severity), 0)


def _gravest_first(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(alerts, key=lambda one: rank(one["kind"]))


def _unknown(code: str) -> dict[str, Any]:
    document = dict.fromkeys(order_document(fresh_row(code, "", "")))
    return document | {"vendureOrderCode": code, "retryCount": 0, "warnings": []}


def trouble_document(trouble: JobTrouble) -> dict[str, Any]:
    """A job that is overdue or stuck."""
    return {
        "job": trouble.job,
        "kind": trouble.kind,
        "since": trouble.since,
        "message": trouble.message,
    }


def run_document(run: Run) -> dict[str, Any]:
    """A run as ``stats --runs`` shows it."""
    return {
        "id": run.id,
        "command": run.command,
        "pid": run.pid,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "exitCode": run.exit_code,
        "result": dict(run.result),
    }


def difference_document(row: DifferenceRow) -> dict[str, Any]:
    """A difference that stands."""
    one = row.difference
    return {
        "type": one.type,
        "name": one.name,
        "detail": one.detail,
        "veracoreId": one.veracore_id or None,
        "ledger": one.ledger,
        "shop": one.shop,
        "warehouse": one.warehouse,
        "since": to_text(one.since) if one.since is not None else None,
        "firstSeenAt": row.first_seen_at,
        "lastSeenAt": row.last_seen_at,
        "repair": one.repair or None,
        "advice": advice_here(one),
        "isAccepted": row.is_accepted,
        "acceptedAt": row.accepted_at if row.is_accepted else None,
        "reason": row.reason if row.is_accepted else None,
    }


def coverage_document(found: Coverage | None) -> dict[str, Any] | None:
    """How much `reconcile` compared last; ``None``: it never did."""
    if found is None:
        return None
    names = ("endedAt", "inScope", "compared", "left", "unseen", "moving", "completeAt")
    return dict(zip(names, asdict(found).values(), strict=True))


def coverage_sentence(found: Mapping[str, Any]) -> str:
    """The same in one sentence."""
    rest = [f"{found[name]:,} {words}" for name, words in _NOT_COMPARED if found[name]]
    return ", ".join((f"{found['compared']:,} of {found['inScope']:,} orders compared", *rest))


def audit_document(entry: AuditEntry) -> dict[str, Any]:
    """An action as ``stats --audit`` shows it."""
    return {
        "at": entry.at,
        "who": entry.actor.who,
        "way": entry.actor.way,
        "address": entry.actor.address,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
        "endedAt": entry.ended_at,
    }


def stats_document(ledger: Ledger, settings: Settings, clock: Clock) -> dict[str, Any]:
    """The document of ``stats --json`` (docs/json.md), without its `status`."""
    document = overall(ledger)
    document["jobs"] = [trouble_document(one) for one in troubles(ledger, settings, clock)]
    document["inventory"]["nextFullTime"] = next_full(ledger, settings)
    return document


def overall(ledger: Ledger) -> dict[str, Any]:
    """As much of the same as the ledger knows without the settings."""
    counts = ledger.orders.counts()
    totals = {"totalSynced": counts["synced"] + counts["shipped"]} | {
        name: sum(counts[state] for state in states) for name, states in _TOTALS.items()
    }
    recent = [order_document(row) for row in ledger.orders.recent_errors()]
    return {
        "rebuilding": bool(ledger.meta.rebuilding),
        "orders": {
            **totals,
            **_last(ledger, "sync-orders", ORDERS_JOB),
            "recentErrors": recent,
        },
        "inventory": {
            **_last(ledger, "sync-inventory", "inventory"),
            **_stock_reads(ledger),
            "lastResult": _result(
                ledger, "sync-inventory", ("totalProcessed", "updated", "errors", "skipped")
            ),
        },
        "tracking": {
            **_last(ledger, "sync-tracking", "tracking"),
            "totalOrdersTracked": counts["shipped"],
            "lastResult": _result(
                ledger, "sync-tracking", ("ordersChecked", "trackingUpdated", "errors")
            ),
        },
        "returns": {
            **_last(ledger, "sync-returns", "returns"),
            **ledger.receipts.summary(),
            "unavailableSince": ledger.meta.get(UNAVAILABLE) or None,
            "lastResult": _result(ledger, "sync-returns", RETURNS_COUNTS),
        },
        "reconcile": {
            **_last(ledger, "reconcile", "reconcile"),
            **ledger.differences.summary(),
            "coverage": coverage_document(last(ledger)),
        },
        "upstreams": {name: upstream(ledger, name) for name in ("vendure", "veracore")},
        "webhooks": _webhooks(ledger),
        "events": ledger.outbox.summary(),
        "alerts": [alert_document(alert) for alert in ledger.alerts.standing()],
    }


def days(ledger: Ledger, since: str) -> list[dict[str, Any]]:
    """The number of successful and failed runs of each day (UTC) since a date (ISO text).

    Exit 3 and 75 are not failures: a person was notified, or another run had the job.
    """
    return ledger.reporting.days(since)


def _stock_reads(ledger: Ledger) -> dict[str, Any]:
    """What the runs of ``sync-inventory`` that did their work read of the shop."""
    last, full = (ledger.runs.last_done("sync-inventory", mode) for mode in ("", "full"))
    return {
        "lastMode": last.result.get("mode") if last else None,
        "lastFullTime": full.ended_at if full else None,
        "lastFullBecause": full.result.get("fullBecause") if full else None,
    }


def next_full(ledger: Ledger, settings: Settings) -> str | None:
    """When a run reads everything for no other reason than time; ``None``: the next does."""
    known, every = ledger.stock.baseline(), settings.inventory.full_every_minutes
    if known is None or not every:
        return None
    return to_text(known.full_at + timedelta(minutes=every))


_WORST = ("closed", "half_open", "open")


def upstream(ledger: Ledger, name: str) -> dict[str, Any]:
    """The circuit breakers of one upstream: the worst, and the state of each job family."""
    rows = [row for row in ledger.breakers.all() if row.upstream == name]
    worst = max(rows, key=lambda row: _WORST.index(row.state), default=None)
    refused_since = ledger.refusals.standing(name)
    return {
        "state": worst.state if worst else "closed",
        "failures": worst.failures if worst else 0,
        "openedAt": worst.opened_at if worst else None,
        "nextProbe": worst.retry_at if worst else None,
        "credentialsRefused": refused_since is not None,
        "credentialsRefusedSince": refused_since,
        "families": {row.family: row.state for row in rows},
    }


def _webhooks(ledger: Ledger) -> dict[str, Any]:
    return {"isRunning": ledger.runs.is_running("webhooks"), **ledger.inbox.summary()}


def _last(ledger: Ledger, command: str, job: str) -> dict[str, Any]:
    run = ledger.runs.last_ended(command)
    history = ledger.reporting.run_history(command)
    return {
        "lastSyncTime": run.ended_at if run else None,
        "lastSuccessTime": history.succeeded_at,
        "lastExitCode": run.exit_code if run else None,
        "lastError": (run.result.get("error") if run else None) or None,
        "isRunning": ledger.runs.is_running(job),
    }


def _result(ledger: Ledger, command: str, names: tuple[str, ...]) -> Mapping[str, Any] | None:
    run = ledger.runs.last_ended(command)
    if run is None:
        return None
    return {name: run.result.get(name, 0) for name in names}
