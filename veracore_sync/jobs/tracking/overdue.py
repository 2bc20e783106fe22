"""Shipments that have waited too long: one alert each, resolved when the slip moves on."""

from __future__ import annotations

from datetime import timedelta

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.differences import alerts_of
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import OrderState
from veracore_sync.jobs.report import raise_alert
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.overdue import SHIPMENT_WAITING, SHIPMENTS_UNLISTED, is_overdue
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import TOLD, is_ahead

KIND = AlertKind.ORDER_SHIPMENT_WAITING
UNLISTED = AlertKind.TRACKING_UNLISTED
_UNLISTED_SINCE = "tracking.unlisted_since"
# These happened once and never end by themselves, so each alert is closed after a week, unless
# `reconcile` still finds what it reports: that would open another one.
ONCE = (
    AlertKind.ORDER_BEYOND,
    AlertKind.ORDER_DOUBLED,
    AlertKind.ORDER_VOIDED,
    AlertKind.ORDER_SHIPPED_CANCELLED,
    AlertKind.ORDER_UNFULFILLED,
)


def alert_waiting_shipments(
    ledger: Ledger, clock: Clock, settle: timedelta, report: TrackingReport
) -> None:
    """Open ``order.shipment_waiting`` for each order of which a slip has been open for a day.

    Args:
        settle: ``tracking.settle_minutes``, on top of the day.

    Raises:
        LedgerError: It cannot be read or written.
    """
    now = clock.now()
    old = {row.code: row for row in ledger.shipments.waiting_for(SHIPMENT_WAITING + settle)}
    # Of an order that was cancelled there meanwhile, nothing is waited for.
    rows = ledger.orders.held(list(old)).values()
    ended = {row.code for row in rows if row.state == OrderState.CANCELLED}
    old = {code: row for code, row in old.items() if code not in ended}
    standing = ledger.alerts.standing()
    seen = {
        (alert.code, alert.kind)
        for alert in standing
        if alert.code and alert.kind in ONCE and now - from_text(alert.opened_at) > TOLD
    }
    found = ledger.differences.of([code for code, _ in seen]) if seen else []
    differing = alerts_of(found)
    with ledger.unit_of_work():
        for alert in standing:
            if alert.code is None:
                continue
            is_over = alert.kind == KIND and alert.code not in old
            opened = from_text(alert.opened_at)
            is_seen = (alert.code, alert.kind) in seen - differing
            if alert.kind in ONCE and is_ahead(opened, now):
                ledger.alerts.count_from_now(alert)
            if is_over or is_seen:
                ledger.alerts.resolve(alert.kind, code=alert.code)
        for code, row in old.items():
            reason = row.reason or "no run has worked on it"
            message = f"slip {row.slip} has not reached the shop for a day: {reason}"
            what = f"slip {row.slip}"
            raise_alert(ledger, report, KIND, message, code=code, difference=what)


def note_unlisted(ledger: Ledger, clock: Clock, error: str, report: TrackingReport) -> None:
    """Record that shipments cannot be listed; open ``tracking.unlisted`` after an hour."""
    since = ledger.meta.moment(_UNLISTED_SINCE)
    if since is None:
        ledger.meta.put(_UNLISTED_SINCE, to_text(clock.now()))
    elif is_overdue(since, clock.now(), SHIPMENTS_UNLISTED):
        message = f"VeraCore's list of shipments cannot be read: {error}"
        raise_alert(ledger, report, UNLISTED, message)


def note_listed(ledger: Ledger) -> None:
    """Record that shipments can be listed, and resolve ``tracking.unlisted``."""
    if ledger.meta.get(_UNLISTED_SINCE):
        ledger.meta.put(_UNLISTED_SINCE, "")
        ledger.alerts.resolve(UNLISTED)
