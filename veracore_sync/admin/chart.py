"""The runs of the last days, as the bars of a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.jobs import stats
from veracore_sync.ports.ledger import Ledger

_DAYS = 14
_STEP, _HIGHEST = 40, 100

Sums = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ChartDay:
    """The runs of one day (UTC): how many, and how high their bars are in pixels."""

    date: str
    succeeded: int
    failed: int
    x: int
    succeeded_height: int
    failed_height: int


@dataclass(frozen=True, slots=True)
class RunChart:
    """The days from left to right, and a text for screen readers."""

    days: tuple[ChartDay, ...]
    summary: str
    width: int = _DAYS * _STEP


def runs_a_day(ledger: Ledger, now: datetime) -> RunChart:
    """The runs of the last fourteen days, today included."""
    days = tuple(_bars(_sums(ledger, now)))
    words = (
        f"{day.date}: {day.succeeded} succeeded, {day.failed} failed"
        for day in days
        if day.succeeded or day.failed
    )
    return RunChart(days, ", ".join(words) or "None yet.")


def _sums(ledger: Ledger, now: datetime) -> Sums:
    names = [(now - timedelta(days=n)).date().isoformat() for n in reversed(range(_DAYS))]
    sums = dict.fromkeys(names, (0, 0))
    for one in stats.days(ledger, names[0]):
        if one["day"] in sums:
            succeeded, failed = sums[one["day"]]
            sums[one["day"]] = (succeeded + int(one["well"]), failed + int(one["failed"]))
    return sums


def _bars(sums: Sums) -> Iterator[ChartDay]:
    most = max(1, *(succeeded + failed for succeeded, failed in sums.values()))
    for index, (date, (succeeded, failed)) in enumerate(sums.items()):
        low, high = round(_HIGHEST * succeeded / most), round(_HIGHEST * failed / most)
        yield ChartDay(date, succeeded, failed, index * _STEP + 6, low, high)
