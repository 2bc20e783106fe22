"""Times, spans and states as people read them, on a terminal and on the page.

JSON documents, logs and the ledger keep their own form: UTC texts and the states' names.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from veracore_sync.domain.states import OrderState

STATE_LABELS = {
    OrderState.PENDING: "waiting",
    OrderState.SENDING: "sending",
    OrderState.IN_DOUBT: "in doubt",
    OrderState.FAILED: "failed, tried again",
    OrderState.PARKED: "parked",
    OrderState.SYNCED: "at VeraCore",
    OrderState.SHIPPED: "shipped",
    OrderState.CANCELLED: "cancelled",
    OrderState.CONFLICT: "in conflict",
    OrderState.SKIPPED: "not sent",
}
"""Each state of an order in words."""

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def span(length: timedelta) -> str:
    """A length of time in its largest unit: ``"3 min"``, ``"2 h"``; never less than ``"0 s"``."""
    seconds = max(0, int(length.total_seconds()))
    name, size = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return f"{seconds // size} {name}"


def relative(moment: datetime, now: datetime) -> str:
    """A moment as seen from now: ``"3 min ago"``, ``"in 2 h"`` or ``"now"`` (within a second)."""
    ahead = (moment - now).total_seconds()
    if abs(ahead) < 1:
        return "now"
    return f"in {span(moment - now)}" if ahead > 0 else f"{span(now - moment)} ago"


def exact(moment: datetime) -> str:
    """A moment to the second, in UTC: ``"2026-11-29 05:12:03 UTC"``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def local(moment: datetime, zone: tzinfo | None = None) -> str:
    """A moment in a zone of its reader, with the zone's name: ``"2026-11-29 05:12 CET"``.

    Args:
        moment: Aware.
        zone: ``None`` is this machine's.
    """
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z").rstrip()


def counted(count: int, singular: str, plural: str = "") -> str:
    """A number and what is counted: ``"1 order"``, ``"2,000 orders"``."""
    return f"{count:,} {singular if count == 1 else plural or f'{singular}s'}"
