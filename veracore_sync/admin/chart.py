"""The runs of the last days as bars, and as a table that says the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from veracore_sync.admin.markup import Html, join, table, tag
from veracore_sync.jobs import stats
from veracore_sync.ports.ledger import Ledger

DAYS = 14
_STEP, _WIDTH, _GROUND = 40, 28, 110

Sums = Mapping[str, tuple[int, int]]


def chart(ledger: Ledger, now: datetime) -> Html:
    """Bars of the runs a day: ended well, and above them failed."""
    sums = _sums(ledger, now)
    told = [(day, well, failed) for day, (well, failed) in sums.items() if well or failed]
    words = ", ".join(f"{day}: {well} well, {failed} failed" for day, well, failed in told)
    picture = tag(
        "svg",
        tag("title", f"Runs a day. {words or 'None yet.'}"),
        *_bars(sums),
        role="img",
        viewBox=f"0 0 {DAYS * _STEP} 130",
        width=DAYS * _STEP,
        height=130,
    )
    rows = table("Runs a day (UTC)", ("day", "well", "failed"), reversed(told))
    return join([tag("p", picture), tag("details", tag("summary", "As a table"), rows)])


def _sums(ledger: Ledger, now: datetime) -> Sums:
    names = [(now - timedelta(days=n)).date().isoformat() for n in reversed(range(DAYS))]
    sums = dict.fromkeys(names, (0, 0))
    for one in stats.days(ledger, names[0]):
        if one["day"] in sums:
            well, failed = sums[one["day"]]
            sums[one["day"]] = (well + int(one["well"]), failed + int(one["failed"]))
    return sums


def _bars(sums: Sums) -> Iterator[Html]:
    most = max(1, *(well + failed for well, failed in sums.values()))
    for index, (day, (well, failed)) in enumerate(sums.items()):
        x, low, high = index * _STEP + 6, round(100 * well / most), round(100 * failed / most)
        yield _bar(x, _GROUND - low, low, "well")
        yield _bar(x, _GROUND - low - high, high, "failed")
        yield tag("text", day[5:], x=x, y=_GROUND + 14)


def _bar(x: int, y: int, height: int, kind: str) -> Html:
    return tag("rect", x=x, y=y, width=_WIDTH, height=height, class_=kind)
