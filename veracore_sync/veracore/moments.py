"""Times as VeraCore writes them, in either dialect (docs/wire.md 7)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

# .NET writes up to seven decimals of a second; Python reads six.
_FRACTION = re.compile(r"([.,]\d{6})\d+")
# The vendor's product is American: its reports write the month first.
_AMERICAN = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})"
    r"(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?: ?([AaPp])\.?[Mm]\.?)?)?"
)
# Year 1 is .NET's "not yet", 1753 SQL Server's first day, 1899-12-30 and 1900-01-01 the zero of OLE
# and of SQL Server, 1970 that of Unix, 9999 the last day of all of them. No warehouse shipped then.
_FIRST_YEAR, _LAST_YEAR = 1971, 9998


class UnreadableMoment(ValueError):
    """There is a text, and it is not a time."""


def read_moment(written: str, zone: ZoneInfo) -> datetime | None:
    """The moment, aware and UTC; ``None`` where there is none, or one of the signs for "not yet".

    Args:
        written: ISO 8601, or the American form of the vendor's reports.
        zone: The warehouse's, for times without an offset.

    Raises:
        UnreadableMoment: It is neither.
    """
    text = written.strip()
    if not text:
        return None
    try:
        parsed = _parsed(text)
        if not _FIRST_YEAR <= parsed.year <= _LAST_YEAR:
            return None
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableMoment("it is not a time") from None


def _parsed(text: str) -> datetime:
    american = _AMERICAN.fullmatch(text)
    if american is None:
        return datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    month, day, year, hour, minute, second, half = american.groups()
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError
        hours = hours % 12 + (12 if half in "Pp" else 0)
    day_of = date(int(year), int(month), int(day))
    return datetime.combine(day_of, time(hours, int(minute or 0), int(second or 0)))
