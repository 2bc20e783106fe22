"""The figures of the last days: what `figures` reads of the ledger, and pure functions of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import TypeVar
from zoneinfo import ZoneInfo

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.throughput import (
    OUTCOMES,
    Day,
    Departure,
    Figures,
    OrderCount,
    Outcome,
    QueueAge,
    SentOrder,
    Spans,
)
from veracore_sync.jobs.schedule import COMMANDS
from veracore_sync.ports.ledger import Ledger

_Row = TypeVar("_Row")
QUEUE_BOUNDS = tuple(
    timedelta(**one)
    for one in ({"minutes": 15}, {"hours": 1}, {"hours": 4}, {"days": 1}, {"days": 3})
)
"""Where one group of waiting orders ends and the next begins."""
_OFTEN = 95
_ROUGH = timedelta(minutes=1)
"""What VeraCore shows of a time may be cut to the minute."""


class DayRange:
    """Whole days of a zone, as the ledger's UTC texts show them.

    Args:
        first: The first day.
        last: The last one, which counts too.
        zone: Where they begin at midnight.
    """

    def __init__(self, first: date, last: date, zone: ZoneInfo) -> None:
        self.zone = zone
        self.all = [first + timedelta(days=at) for at in range((last - first).days + 1)]
        self.bounds = [
            datetime.combine(day, time(), zone).astimezone(UTC)
            for day in (*self.all, last + timedelta(days=1))
        ]
        # Texts of one form sort as their times do, and comparing them is much faster.
        self._begins = [to_text(bound) for bound in self.bounds[:-1]]

    @property
    def since(self) -> datetime:
        """When the first begins (UTC)."""
        return self.bounds[0]

    @property
    def until(self) -> datetime:
        """When the last has ended (UTC)."""
        return self.bounds[-1]

    def of(self, moment: str) -> date:
        """The day of a time within them (a UTC text)."""
        return self.all[bisect_right(self._begins, moment) - 1]

    def grouped(self, rows: Iterable[tuple[str, _Row]]) -> Mapping[date, list[_Row]]:
        """Rows by the day of the time that each comes with."""
        found: defaultdict[date, list[_Row]] = defaultdict(list)
        for moment, row in rows:
            found[self.of(moment)].append(row)
        return found


def last_days(now: datetime, zone: ZoneInfo, count: int) -> DayRange:
    """The last days up to today."""
    today = now.astimezone(zone).date()
    return DayRange(today - timedelta(days=count - 1), today, zone)


def figures(ledger: Ledger, zone: ZoneInfo, now: datetime, count: int = 30) -> Figures:
    """The figures of the last days.

    Args:
        ledger: Only read, by a few statements that use an index each.
        zone: Where days begin at midnight.
        now: The current time (UTC).
        count: How many days, today among them.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    days, store = last_days(now, zone, count), ledger.throughput
    since, until = days.since, days.until
    placed = orders_by_day(store.orders_placed(since, until), days)
    sent = days.grouped((one.sent_at, one) for one in store.orders_sent(since, until))
    left = days.grouped((one[1], one) for one in store.lead_times(since, until))
    moments = [from_text(at) for at in store.successes(COMMANDS["inventory"], since, now)]
    ages = stock_ages(moments, days, now)
    return Figures(
        zone=zone.key,
        days=[
            Day(
                day,
                placed.get(day, {}),
                paid_to_sent(sent.get(day, ())),
                spans(left.get(day, ())),
                ages.get(day),
            )
            for day in days.all
        ],
        stock_age=max(timedelta(0), now - moments[-1]) if moments else None,
        queue=queue_ages(store.waiting_since([now - bound for bound in (*QUEUE_BOUNDS, _EVER)])),
        waits=_since(ledger.reporting.waiting_since(), now),
    )


_EVER = timedelta(days=36500)


def _since(moment: str | None, now: datetime) -> timedelta | None:
    return max(timedelta(0), now - from_text(moment)) if moment else None


def orders_by_day(
    rows: Iterable[OrderCount], days: DayRange
) -> Mapping[date, Mapping[Outcome, int]]:
    """How many orders were placed on each day, by outcome; days without any are left out."""
    found: defaultdict[date, Counter[Outcome]] = defaultdict(Counter)
    for row in rows:
        found[days.of(row.since)][OUTCOMES[row.state]] += row.count
    return found


def paid_to_sent(orders: Iterable[SentOrder]) -> Spans:
    """How long orders took from their payment to VeraCore."""
    return spans((one.paid_at, one.sent_at) for one in orders)


def sent_to_shipped(departures: Iterable[Departure]) -> Spans:
    """How long shipments took, from when their order was sent until their last package left."""
    return spans((one.sent_at, one.left_at) for one in departures)


def spans(pairs: Iterable[tuple[str | None, str]]) -> Spans:
    """How long things took, each from its begin (``None``: not known) to its end (UTC texts)."""
    known: list[timedelta] = []
    unknown = 0
    for begin, end in pairs:
        if begin is None:
            unknown += 1
        else:
            known.append(from_text(end) - from_text(begin))
    negative = sum(one < -_ROUGH for one in known)
    if not known:
        return Spans(unknown=unknown)
    lengths = sorted(max(one, timedelta(0)) for one in known)
    return Spans(
        len(lengths),
        (lengths[(len(lengths) - 1) // 2] + lengths[len(lengths) // 2]) / 2,
        lengths[ceil(len(lengths) * _OFTEN / 100) - 1],
        unknown,
        negative,
    )


def stock_ages(
    successes: Sequence[datetime], days: DayRange, now: datetime
) -> Mapping[date, timedelta]:
    """How old the stock became on each day, at most.

    Args:
        successes: When it was brought up to date, oldest first.
        days: The days; those before the first success are left out, and those to come.
        now: The current time (UTC).
    """
    found: dict[date, timedelta] = {}
    for day, begin, end in zip(days.all, days.bounds, days.bounds[1:], strict=False):
        oldest = [
            min(until, end, now) - since
            for since, until in _between(successes, now)
            if since < min(end, now) and until >= begin
        ]
        if oldest:
            found[day] = max(oldest)
    return found


def _between(successes: Sequence[datetime], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Each success with the next one; the last with the current time."""
    return zip(successes, (*successes[1:], now), strict=False)


def queue_ages(younger: Sequence[int]) -> Sequence[QueueAge]:
    """The waiting orders by age.

    Args:
        younger: How many are younger than each of `QUEUE_BOUNDS`, and how many there are.
    """
    bounds = (timedelta(0), *QUEUE_BOUNDS)
    return [
        QueueAge(least, most, count - before)
        for least, most, count, before in zip(
            bounds, (*QUEUE_BOUNDS, None), younger, (0, *younger[:-1]), strict=True
        )
    ]
