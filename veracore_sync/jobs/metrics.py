"""Metrics in Prometheus's text format, for node_exporter's textfile and ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from veracore_sync.clock import from_text
from veracore_sync.config import Settings
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.jobs.health import overdue
from veracore_sync.jobs.reconcile.coverage import last
from veracore_sync.jobs.schedule import EXPECTED
from veracore_sync.ports.ledger import Ledger
from veracore_sync.prometheus import Metric, Sample, render

METRICS: Mapping[str, str] = {
    "last_run_timestamp_seconds": "When the last run of the command ended.",
    "last_success_timestamp_seconds": "When a run of the command last did its work.",
    "last_run_duration_seconds": "How long the last run of the command took.",
    "last_run_exit_code": "How the last run of the command ended.",
    "job_overdue": "1 while the job has had no success for three of its intervals.",
    "orders": "Orders in each state.",
    "backlog_age_seconds": "Since when the order that waits longest is known; 0 when none waits.",
    "breaker_state": "Circuit breaker: 0 is closed, 1 is half open, 2 is open.",
    "credentials_refused": "1 while the upstream refuses the credentials.",
    "inbox_waiting": "Webhook hints that are still to be looked up.",
    "inbox_oldest_waiting_seconds": "Age of the oldest of these hints; 0 when none waits.",
    "outbox_waiting": "Events that the hook has still to get.",
    "alerts_open": "Open alerts of each kind.",
    "inventory_full_timestamp_seconds": "When a sync-inventory last read the whole shop.",
    "differences": "Differences of each type that stand and that nobody accepted.",
    "differences_accepted": "Differences of each type that a person accepted and that stand.",
    "reconcile_orders": "Orders that the last reconcile was to compare.",
    "reconcile_orders_compared": "Those of them that it compared.",
    "reconcile_complete_timestamp_seconds": "When a reconcile last left no order for the next.",
}
"""Every metric, without its prefix, with its help; all are gauges (docs/metrics.md)."""

_BREAKER = {"closed": 0, "half_open": 1, "open": 2}
_UPSTREAMS = ("vendure", "veracore")
_Sample = tuple[str, dict[str, str], float]


def exposition(ledger: Ledger, now: datetime, settings: Settings) -> str:
    """All metrics in Prometheus's text format.

    Args:
        now: The time (UTC), for ages.
        settings: For the interval of each job.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    shop = {"shop": settings.metrics.shop} if settings.metrics.shop else {}
    samples: dict[str, list[Sample]] = {name: [] for name in METRICS}
    for name, labels, value in (*_samples(ledger, now), *_overdue(ledger, now, settings)):
        samples[name].append((shop | labels, value))
    return render(Metric(name, "gauge", samples[name], help) for name, help in METRICS.items())


def _samples(ledger: Ledger, now: datetime) -> Iterator[_Sample]:
    yield from _runs(ledger, now)
    for state, count in ledger.orders.counts().items():
        yield "orders", {"state": state}, count
    yield "backlog_age_seconds", {}, _age(ledger.reporting.waiting_since(), now)
    for row in ledger.breakers.all():
        labels = {"upstream": row.upstream, "family": row.family}
        yield "breaker_state", labels, _BREAKER[row.state]
    for upstream in _UPSTREAMS:
        refused = ledger.refusals.standing(upstream) is not None
        yield "credentials_refused", {"upstream": upstream}, int(refused)
    hints = ledger.inbox.summary()
    yield "inbox_waiting", {}, hints["waiting"]
    yield "inbox_oldest_waiting_seconds", {}, _age(hints["oldestWaiting"], now)
    for hook, count in ledger.reporting.outbox_waiting().items():
        yield "outbox_waiting", {"hook": hook}, count
    for kind, count in ledger.reporting.alerts_by_kind().items():
        yield "alerts_open", {"kind": kind}, count
    full = ledger.runs.last_done("sync-inventory", "full")
    if full is not None and full.ended_at:
        yield "inventory_full_timestamp_seconds", {}, from_text(full.ended_at).timestamp()
    yield from _reconcile(ledger)


def _reconcile(ledger: Ledger) -> Iterator[_Sample]:
    coverage = last(ledger)
    if coverage is None:
        return
    types = ledger.differences.summary()["types"]
    for type in DifferenceType:
        counts = types.get(type, {"standing": 0, "accepted": 0})
        yield "differences", {"type": type}, counts["standing"] - counts["accepted"]
        yield "differences_accepted", {"type": type}, counts["accepted"]
    yield "reconcile_orders", {}, coverage.in_scope
    yield "reconcile_orders_compared", {}, coverage.compared
    if coverage.complete_at is not None:
        complete = from_text(coverage.complete_at).timestamp()
        yield "reconcile_complete_timestamp_seconds", {}, complete


def _runs(ledger: Ledger, now: datetime) -> Iterator[_Sample]:
    for run in ledger.reporting.last_runs(now):
        labels = {"command": run.command}
        ended = from_text(run.ended_at)
        yield "last_run_timestamp_seconds", labels, ended.timestamp()
        if run.succeeded_at:
            succeeded = from_text(run.succeeded_at).timestamp()
            yield "last_success_timestamp_seconds", labels, succeeded
        took = (ended - from_text(run.started_at)).total_seconds()
        yield "last_run_duration_seconds", labels, max(0.0, took)
        yield "last_run_exit_code", labels, run.exit_code


def _overdue(ledger: Ledger, now: datetime, settings: Settings) -> Iterator[_Sample]:
    for job in EXPECTED:
        late = overdue(ledger, settings, now, job) is not None
        yield "job_overdue", {"job": job}, int(late)


def _age(since: str | None, now: datetime) -> float:
    return max(0.0, (now - from_text(since)).total_seconds()) if since else 0.0
