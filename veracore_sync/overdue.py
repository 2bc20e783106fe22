"""How long something may last before it becomes an alert: one rule, and one table of limits.

A failure that may pass is retried however long it lasts. Its age is reported, once: `Alerts.open`
returns whether the alert is new.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from veracore_sync.waits import is_over

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

ORDER_PENDING = _HOUR
"""An order that has not been sent, in addition to ``orders.min_age_minutes``."""
ORDER_HELD_BACK = _DAY
"""An order that the shop holds back (for example in Modifying): it may have been forgotten."""
ORDER_IN_DOUBT = _HOUR
ORDER_FAILED = _DAY
ORDER_REFUSED = _DAY
"""An order that VeraCore refused: it has to be corrected there."""
SHIPMENT_WAITING = _DAY
"""A slip that has not reached the shop, in addition to ``tracking.settle_minutes``."""
SHIPMENTS_UNLISTED = _HOUR
RECORD_UNREADABLE = _HOUR
HOOK_FAILING = _HOUR
HOOK_SILENT = timedelta(minutes=10)
"""A hook that accepted nothing for this long counts as failing, and not each of its events."""
EVENT_REFUSED = timedelta(minutes=30)


def is_overdue(since: datetime, now: datetime, limit: timedelta) -> bool:
    """Whether something that began at `since` has lasted for `limit`."""
    # A `since` in the future was stored by a wrong clock, so the true age is unknown. It counts as
    # overdue: an early alert is better than none.
    return is_over(since + limit, now, limit)
