"""How long something may last before a person hears of it: one rule, and one table of limits.

No failure that may pass is ever given up, however long it lasts; age brings it before a person,
once: `Alerts.open` says whether it is news.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from veracore_sync.waits import is_over

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

ORDER_PENDING = _HOUR
"""An order that has not been sent, beside ``orders.min_age_minutes``."""
ORDER_HELD_BACK = _DAY
"""One that the shop holds back (in Modifying, say): it may have been forgotten there."""
ORDER_IN_DOUBT = _HOUR
ORDER_FAILED = _DAY
ORDER_REFUSED = _DAY
"""One that VeraCore refused: its cure is made there."""
SHIPMENT_WAITING = _DAY
"""A slip that has not reached the shop, beside ``tracking.settle_minutes``."""
SHIPMENTS_UNLISTED = _HOUR
RECORD_UNREADABLE = _HOUR
HOOK_FAILING = _HOUR
HOOK_SILENT = timedelta(minutes=10)
"""A hook that took nothing for so long fails as a whole: no event alone is refused."""
EVENT_REFUSED = timedelta(minutes=30)


def is_overdue(since: datetime, now: datetime, limit: timedelta) -> bool:
    """Whether something has lasted for `limit`; a `since` that is still to come has.

    A wrong clock wrote such a one, and nobody knows since when it is: an early alert is better.
    """
    return is_over(since + limit, now, limit)
