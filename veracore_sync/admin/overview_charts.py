"""The charts of the overview: orders, how long they take, stock, the queue, and runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from veracore_sync.admin.charts import Chart, Column, Drawing, Series, Value
from veracore_sync.domain.readable import counted, span
from veracore_sync.domain.throughput import OUTCOME_LABELS, Figures, Outcome, QueueAge, Spans
from veracore_sync.jobs import stats
from veracore_sync.jobs.throughput import figures
from veracore_sync.ports.ledger import Ledger

DAYS = 14

_STYLES = {
    Outcome.SHIPPED: "good",
    Outcome.SENT: "calm",
    Outcome.WAITING: "wait",
    Outcome.STOPPED: "bad",
    Outcome.NOT_SENT: "pale",
    Outcome.CANCELLED: "dark",
}
_MEDIAN, _P95 = Series("median", "line"), Series("95 of 100 at most", "dashed")


def charts_of(ledger: Ledger, now: datetime) -> list[Chart]:
    """The charts of the last days, which begin at midnight UTC.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    return drawn(figures(ledger, ZoneInfo("UTC"), now, DAYS), _runs_by_day(ledger, now))


def drawn(figures: Figures, runs: Sequence[tuple[str, int, int]]) -> list[Chart]:
    """The charts of those figures.

    Args:
        figures: The figures.
        runs: A day, and how many runs of it succeeded and failed.
    """
    return [
        _orders(figures),
        _spans(figures, "sent", "From paid to sent", [one.paid_to_sent for one in figures.days]),
        _spans(
            figures,
            "shipped",
            "From sent to shipped",
            [one.sent_to_shipped for one in figures.days],
        ),
        _stock(figures),
        _queue(figures),
        Drawing(
            "runs",
            "Runs by day",
            "Day",
            (Series("succeeded", "calm"), Series("failed", "bad")),
            [Column(day, day[5:], (good, bad)) for day, good, bad in runs],
            is_wide=True,
        ).stacked(),
    ]


def _orders(figures: Figures) -> Chart:
    shown = [one for one in Outcome if any(day.orders.get(one) for day in figures.days)]
    return Drawing(
        "orders",
        "Orders by day, and what has become of them",
        "Day placed",
        [Series(OUTCOME_LABELS[one], _STYLES[one]) for one in shown],
        [
            Column(str(day.day), f"{day.day:%m-%d}", tuple(day.orders.get(one, 0) for one in shown))
            for day in figures.days
        ],
        is_wide=True,
    ).stacked()


def _spans(figures: Figures, name: str, title: str, found: Sequence[Spans]) -> Chart:
    unknown = sum(one.unknown for one in found)
    note = f"Of {counted(unknown, 'more')} the begin was not noted." if unknown else ""
    return Drawing(
        name,
        title,
        "Day",
        (_MEDIAN, _P95),
        [
            Column(str(day.day), f"{day.day:%m-%d}", (_seconds(one.median), _seconds(one.p95)))
            for day, one in zip(figures.days, found, strict=True)
        ],
        is_span=True,
        note=note,
    ).lined()


def _stock(figures: Figures) -> Chart:
    age = f"Brought up to date {span(figures.stock_age)} ago." if figures.stock_age else ""
    return Drawing(
        "stock",
        "How old the shop's stock became",
        "Day",
        (Series("at most", "calm"),),
        [
            Column(str(day.day), f"{day.day:%m-%d}", (_seconds(day.stock_age),))
            for day in figures.days
        ],
        is_span=True,
        note=age,
    ).stacked()


def _queue(figures: Figures) -> Chart:
    note = f"The oldest has waited for {span(figures.waits)}." if figures.waits else "None waits."
    return Drawing(
        "queue",
        "Orders that wait, by how long",
        "Age",
        (Series("orders", "wait"),),
        [Column(_age(one), _age(one), (one.count,)) for one in figures.queue],
        note=note,
    ).stacked()


def _age(one: QueueAge) -> str:
    if one.most is None:
        return f"over {span(one.least)}"
    return f"to {span(one.most)}"


def _seconds(length: timedelta | None) -> Value:
    return None if length is None else length.total_seconds()


def _runs_by_day(ledger: Ledger, now: datetime) -> list[tuple[str, int, int]]:
    """Each of the last days, with how many runs succeeded and failed; they hold today."""
    sums = {(now - timedelta(days=ago)).date().isoformat(): [0, 0] for ago in reversed(range(DAYS))}
    for one in stats.days(ledger, next(iter(sums))):
        if one["day"] in sums:
            sums[one["day"]][0] += int(one["well"])
            sums[one["day"]][1] += int(one["failed"])
    return [(day, good, bad) for day, (good, bad) in sums.items()]
