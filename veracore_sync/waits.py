"""The longest wait of each kind, and how stored times are checked against it.

A wrong clock (a dead battery, a restored snapshot, another machine's) stores times that lie years
ahead. After the clock is corrected, code that trusts them would wait for years: a breaker that
"retries in 2029", a cursor beyond every change. So every time that comes from the ledger or from
an upstream is used through `bounded`, in SQL through `is_over_sql`:

- a time *until* which something waits is over if it lies further ahead than its longest wait;
- a time *since* which something lasts, or up to which a reader has come, is ignored if it lies
  ahead.

A clock that is set forward only ends waits early. Where that could do harm (an order must not be
sent twice), `veracore_sync.clock.elapsed` counts the time instead.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from veracore_sync.clock import to_text

NONE = timedelta(0)
"""For times that something is counted from: with a correct clock these never lie ahead."""
ASKED = timedelta(hours=1)
"""An upstream that asked us to slow down, whatever its ``Retry-After`` says."""
TRIAL = timedelta(hours=1)
"""Refused credentials, until one run tries them again."""
RECHECK = timedelta(hours=1)
"""An order that this program parked, until it is planned again."""
CANCELLATION = timedelta(hours=1)
"""An order that is to be cancelled, until its next look-up (or ``orders.grace_seconds``)."""
NET = timedelta(days=1)
"""The full scan for orders that passed the trigger state between two polls."""
HINT = timedelta(hours=1)
"""A webhook's hint whose look-up failed."""
EVENT = timedelta(hours=1)
"""An event that its hook refused, and a hook that fails as a whole."""
SLIP = timedelta(days=1)
"""A slip that could not be fulfilled yet (``retry.cap_seconds`` is a day at most)."""
STRANGER = timedelta(days=1)
"""A shipment of an order that the shop does not know, until the shop is asked again."""
TOLD = timedelta(days=7)
"""An alert about something that happened once and does not change any more."""
SPREAD = 1.1
"""Tolerance factor on a configured wait. Earlier versions lengthened waits by jitter and their
ledgers still hold such times; `veracore_sync.backoff` only shortens."""


def bounded(moment: datetime, now: datetime, longest: timedelta) -> datetime:
    """`moment`, or `now` if `moment` lies further ahead than `longest`.

    Args:
        moment: As it was read (aware).
        now: The current time (aware).
        longest: How far ahead a correct clock puts times of this kind at most.
    """
    return moment if moment - now <= longest else now


def is_over(moment: datetime, now: datetime, longest: timedelta) -> bool:
    """Whether a wait until `moment` is over; no wait is longer than `longest`."""
    return bounded(moment, now, longest) <= now


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a time that should be past lies in the future, because a clock was wrong."""
    return bounded(moment, now, NONE) != moment


def is_over_sql(column: str) -> str:
    """`is_over` for a column of UTC texts, as a SQL condition with the parameters of `horizon`."""
    # Without IS NOT NULL SQLite finds no range in the OR and does not use an index on the column.
    return f"({column} IS NOT NULL AND ({column} <= :now OR {column} > :beyond))"


def horizon(now: datetime, longest: timedelta) -> dict[str, str]:
    """The parameters of `is_over_sql`: ``now`` and ``beyond`` (the latest time that counts)."""
    return {"now": to_text(now), "beyond": to_text(now + longest)}
