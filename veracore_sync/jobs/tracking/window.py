"""What the warehouse lists as shipped, compared with what was listed before; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from veracore_sync.domain.pick_slips import Rows
from veracore_sync.domain.warehouse import ListedRow, ShippedRow, UnreadableShipment
from veracore_sync.jobs.tracking.days import Days

_NAMED = 10


@dataclass(slots=True)
class Listed:
    """A listed order; `rows` has a package's day by its digest."""

    veracore_id: str
    reference: str
    rows: dict[str, str] = field(default_factory=dict)


def readable(
    rows: Iterable[ListedRow], unreadable: list[UnreadableShipment]
) -> Iterator[ShippedRow]:
    """The rows that name an order; the others are added to `unreadable`."""
    for row in rows:
        if isinstance(row, UnreadableShipment):
            unreadable.append(row)
        else:
            yield row


def unreadable_rows(rows: Sequence[UnreadableShipment]) -> str:
    """A notice about them."""
    named = [row.name for row in rows if row.name][:_NAMED]
    which = f" ({', '.join(named)})" if named else ""
    return (
        f"{len(rows)} packages that VeraCore lists as shipped cannot be read{which}: "
        f"{rows[0].problem}; their orders are found by later look-ups"
    )


def by_order(rows: Iterable[ShippedRow], zone: ZoneInfo) -> dict[str, Listed]:
    """The listed packages by order; ids are compared without case."""
    found: dict[str, Listed] = {}
    for row in rows:
        listed = found.setdefault(row.order_id.casefold(), Listed(row.order_id, row.reference))
        listed.rows[_digest(row)] = _day(row, zone)
    return found


def _digest(row: ShippedRow) -> str:
    fields = (row.slip, row.carrier, row.service, row.tracking, str(row.shipped_at))
    return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()[:16]


def _day(row: ShippedRow, zone: ZoneInfo) -> str:
    return row.shipped_at.astimezone(zone).date().isoformat() if row.shipped_at else ""


def has_changed(listed: Rows, seen: Rows, days: Days) -> bool:
    """Whether an order has to be looked up: packages were added, or have disappeared.

    Args:
        listed: What is listed of it now.
        seen: What was listed when it was looked up last.
        days: The days that were listed.
    """
    if listed.keys() - seen.keys():
        return True
    # A missing package of the first day proves nothing: that day may be listed in part.
    first = (days.first + timedelta(days=1)).isoformat()
    return any(day >= first for digest, day in seen.items() if digest not in listed)


def remembered(listed: Rows, seen: Rows, days: Days) -> Rows:
    """What to remember of an order once it was looked up; days that were not listed stay."""
    first = days.first.isoformat()
    return dict(_older(seen, first)) | dict(listed)


def _older(seen: Rows, first: str) -> Iterator[tuple[str, str]]:
    for digest, day in seen.items():
        if day < first:
            yield digest, day
