"""Which days of the warehouse a run asks for; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_REACH = timedelta(days=30)
_AT_ONCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days of the warehouse: from the first moment of `first` to that of `last`."""

    first: date
    last: date

    def parts(self) -> Iterator[tuple[date, date]]:
        """The same days in weeks, each from the day that ends the one before."""
        start = self.first
        while start < self.last:
            end = min(start + _AT_ONCE, self.last)
            yield start, end
            start = end


def days_to_ask(
    now: datetime,
    zone: ZoneInfo,
    *,
    last_complete: datetime | None,
    not_before: datetime,
    lookback_days: int,
) -> Days:
    """No cursor in time: whole days, with days before and after that cost nothing but a few rows.

    Args:
        now: This moment.
        zone: The warehouse's.
        last_complete: When the last complete run began; ``None``: there was none.
        not_before: Since when this tool is responsible; a first run reaches back to it.
        lookback_days: Packages may be uploaded so many days late.
    """
    earliest = max(not_before, now - _REACH)
    since = earliest if last_complete is None else last_complete - timedelta(days=lookback_days)
    # Whether the last day belongs to it is not known of VeraCore: so the day after tomorrow.
    last = now.astimezone(zone).date() + timedelta(days=2)
    return Days(min(since.astimezone(zone).date(), last - timedelta(days=2)), last)
