"""Which days of the warehouse a run lists; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_REACH = timedelta(days=30)
# VeraCore's list has no pages (docs/wire.md 7), so a month is listed week by week.
_AT_ONCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days of the warehouse, from the beginning of `first` to the beginning of `last`."""

    first: date
    last: date

    def parts(self) -> Iterator[tuple[date, date]]:
        """The same days in parts of a week, each beginning where the one before ends."""
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
    """The days to list. They overlap those of the last run; rows seen before cost nothing.

    Args:
        zone: The warehouse's time zone.
        last_complete: When the last complete run began; ``None``: there was none.
        not_before: The first run lists from here, but at most 30 days.
        lookback_days: How many days late a package may be uploaded.
    """
    # Whole days and no cursor in time: packages are uploaded late, VeraCore's times have no zone,
    # and a cursor would skip or repeat an hour when the clocks change (docs/wire.md 5.3, 7).
    earliest = max(not_before, now - _REACH)
    since = earliest if last_complete is None else last_complete - timedelta(days=lookback_days)
    # It is unknown whether `EndDate` belongs to the window, hence the day after tomorrow
    # (docs/wire.md 5.3).
    last = now.astimezone(zone).date() + timedelta(days=2)
    return Days(min(since.astimezone(zone).date(), last - timedelta(days=2)), last)
