"""How long anything waits at most, and what a moment that says otherwise is worth.

A wrong clock (a dead battery, a restored snapshot, another machine's) writes moments that lie years
ahead. Once it is right again, whoever believed them would wait for years: a breaker that "asks in
2029", a cursor beyond everything that moves. So no moment of the ledger, and none that an upstream
named, is used but through `bounded`, in SQL through `is_over_sql`:

- *until when* something waits: further ahead than its kind ever waits, it is over;
- *since when* something is, or how far a reader has come: ahead of now, it is worth nothing.

The other way round, a clock that is set forward only ends waits early. Where that could do harm, as
with an order that must not be sent twice, time is counted by `veracore_sync.clock.elapsed` instead.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from veracore_sync.clock import to_text

NONE = timedelta(0)
"""For moments that something is counted from: they are never ahead."""
ASKED = timedelta(hours=1)
"""An upstream that asked to be left alone, by whatever its ``Retry-After`` says."""
TRIAL = timedelta(hours=1)
"""Credentials that were refused, until one run tries them."""
RECHECK = timedelta(hours=1)
"""An order that we parked, until it is planned again."""
NET = timedelta(days=1)
"""The net over orders that passed by, until it is thrown far."""
HINT = timedelta(hours=1)
"""A webhook's hint whose look-up failed."""
EVENT = timedelta(hours=1)
"""An event that its hook did not take, and a hook that takes none."""
SLIP = timedelta(days=1)
"""A shipment that could not be fulfilled yet (``retry.cap_seconds`` is a day at most)."""
STRANGER = timedelta(days=1)
"""A shipment of an order that the shop did not know, until the shop is asked again."""
TOLD = timedelta(days=7)
"""An alert of what happened once and stays as it is."""
SPREAD = 1.1
"""Moments are believed that lie so many times further ahead than a wait is set: ledgers hold some
that were spread upwards. `veracore_sync.backoff` only shortens."""


def bounded(moment: datetime, now: datetime, longest: timedelta) -> datetime:
    """A stored or foreign moment, as far as it can be believed.

    Args:
        moment: As it was read (aware).
        now: This moment.
        longest: How far ahead the right clock ever puts moments of this kind.

    Returns:
        The moment; `now` where it lies further ahead.
    """
    return moment if moment - now <= longest else now


def is_over(moment: datetime, now: datetime, longest: timedelta) -> bool:
    """Whether a wait until `moment` is over, which never lasts for more than `longest`."""
    return bounded(moment, now, longest) <= now


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether something that should have been is still to come: a clock was wrong."""
    return bounded(moment, now, NONE) != moment


def is_over_sql(column: str) -> str:
    """`is_over` of a column of UTC texts, as a condition; its parameters are `horizon`'s.

    That it is not null is said for SQLite, which else finds no range to search an index by.
    """
    return f"({column} IS NOT NULL AND ({column} <= :now OR {column} > :beyond))"


def horizon(now: datetime, longest: timedelta) -> dict[str, str]:
    """The parameters of `is_over_sql`: ``now``, and ``beyond``, after which none is believed."""
    return {"now": to_text(now), "beyond": to_text(now + longest)}
