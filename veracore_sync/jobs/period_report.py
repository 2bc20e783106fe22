"""Orders and shipments of a period, by day, carrier or service: what they cost, how long they took.

Costs are what VeraCore showed when a shipment was looked up, each rounded to the currency's
smallest unit before anything is added, so all sums of a report fit together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from veracore_sync.domain.throughput import (
    OUTCOMES,
    Departure,
    OrderCount,
    Outcome,
    SentOrder,
    Spans,
)
from veracore_sync.jobs.orders.text import smallest_unit
from veracore_sync.jobs.throughput import DayRange, orders_by_day, paid_to_sent, sent_to_shipped
from veracore_sync.ports.ledger import Ledger

By = Literal["day", "carrier", "service"]
SEVERAL = " + "
"""Between the carriers of one shipment whose packages went with several."""


@dataclass(frozen=True, slots=True)
class CostSum:
    """Amounts in the currency's smallest unit; `unknown` shipments are in none of them.

    `total` is ``None`` if nothing is known; `zero` of the known amounts are 0.
    """

    total: int | None
    unknown: int
    zero: int


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A day, a carrier, a carrier's service, or all of them.

    Args:
        name: What the line is about, by the columns that say it.
        orders: How many orders were placed on the day, by outcome; ``None`` in a line about a
            carrier, which an order has only once it ships.
        sent: How many orders were sent on the day; ``None`` likewise.
        paid_to_sent: How long those took; ``None`` likewise.
        shipments: How many slips left whole.
        packages: How many packages they had.
        freight: What the carrier took.
        charges: What was charged besides.
        sent_to_shipped: How long the shipments took from when their order was sent.
    """

    name: Mapping[str, str]
    orders: Mapping[Outcome, int] | None
    sent: int | None
    paid_to_sent: Spans | None
    shipments: int
    packages: int
    freight: CostSum
    charges: CostSum
    sent_to_shipped: Spans


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """A period's lines, and their sum.

    Args:
        currency: As configured; empty: nobody said which it is, and amounts have two decimals.
    """

    first: date
    last: date
    zone: str
    by: By
    currency: str
    lines: Sequence[ReportLine]
    total: ReportLine

    @property
    def digits(self) -> int:
        """How many decimals the currency has."""
        return _digits(self.currency)

    @property
    def notes(self) -> list[str]:
        """What the figures leave out, and what looks wrong, in sentences."""
        return list(_notes(self.total))


def period_report(ledger: Ledger, days: DayRange, by: By, currency: str) -> PeriodReport:
    """Read a period's orders and shipments.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    store = ledger.throughput
    left = store.departures(days.since, days.until)
    placed = store.orders_placed(days.since, days.until)
    sent = store.orders_sent(days.since, days.until)
    unit = smallest_unit(currency)
    if by == "day":
        lines = list(_by_day(days, placed, sent, left, unit))
    else:
        lines = list(_by_carrier(left, by == "service", unit))
    return PeriodReport(
        days.all[0],
        days.all[-1],
        days.zone.key,
        by,
        currency,
        lines,
        _line({}, left, unit, _all_of(placed), sent),
    )


def _all_of(placed: Iterable[OrderCount]) -> Mapping[Outcome, int]:
    counts = Counter[Outcome]()
    for row in placed:
        counts[OUTCOMES[row.state]] += row.count
    return counts


def _by_day(
    days: DayRange,
    placed: Sequence[OrderCount],
    sent: Sequence[SentOrder],
    left: Sequence[Departure],
    unit: Decimal,
) -> Iterator[ReportLine]:
    orders = orders_by_day(placed, days)
    sent_on = days.grouped((one.sent_at, one) for one in sent)
    left_on = days.grouped((one.left_at, one) for one in left)
    for day in days.all:
        name = {"day": day.isoformat()}
        yield _line(name, left_on.get(day, ()), unit, orders.get(day, {}), sent_on.get(day, ()))


def _by_carrier(
    left: Sequence[Departure], with_service: bool, unit: Decimal
) -> Iterator[ReportLine]:
    named: dict[tuple[str, ...], dict[str, str]] = {}
    found: defaultdict[tuple[str, ...], list[Departure]] = defaultdict(list)
    for one in left:
        name = {"carrier": _names(one, 0)}
        if with_service:
            name["service"] = _names(one, 1)
        # Warehouses spell a carrier in several ways; the first one stands for all.
        key = tuple(text.casefold() for text in name.values())
        named.setdefault(key, name)
        found[key].append(one)
    for key in sorted(found, key=lambda key: (-len(found[key]), key)):
        yield _line(named[key], found[key], unit)


def _live(one: Departure) -> list[Sequence[Any]]:
    return [package for package in one.packages if package[3] and not package[4]]


def _names(one: Departure, place: int) -> str:
    spelled: dict[str, str] = {}
    for package in _live(one):
        spelled.setdefault(package[place].casefold(), package[place])
    return SEVERAL.join(name for _, name in sorted(spelled.items()) if name)


def _line(
    name: Mapping[str, str],
    left: Sequence[Departure],
    unit: Decimal,
    orders: Mapping[Outcome, int] | None = None,
    sent: Sequence[SentOrder] | None = None,
) -> ReportLine:
    return ReportLine(
        name,
        orders,
        None if sent is None else len(sent),
        None if sent is None else paid_to_sent(sent),
        len(left),
        sum(len(_live(one)) for one in left),
        _cost((one.freight for one in left), unit),
        _cost((one.charges for one in left), unit),
        sent_to_shipped(left),
    )


def _cost(amounts: Iterable[str | None], unit: Decimal) -> CostSum:
    shown = list(amounts)
    known = [_rounded(Decimal(one), unit) for one in shown if one is not None]
    zero = sum(one == 0 for one in known)
    return CostSum(sum(known) if known else None, len(shown) - len(known), zero)


def _rounded(amount: Decimal, unit: Decimal) -> int:
    return int((amount / unit).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _digits(currency: str) -> int:
    return -int(smallest_unit(currency).as_tuple().exponent)


def _notes(total: ReportLine) -> Iterator[str]:
    freight, took, paid = total.freight, total.sent_to_shipped, total.paid_to_sent
    if freight.unknown:
        yield (
            f"freight lacks {freight.unknown} of {total.shipments} shipments: VeraCore shows none, "
            "or they left before it was noted"
        )
    if freight.zero:
        yield (
            f"{freight.zero} shipments have freight 0 at VeraCore: not entered there, or billed "
            "elsewhere"
        )
    if paid is not None and paid.unknown:
        yield (
            f"times to send lack {paid.unknown} of {total.sent} orders: when they were paid was "
            "not noted"
        )
    if took.unknown:
        yield (
            f"times to ship lack {took.unknown} of {total.shipments} shipments: another ledger "
            "sent their orders"
        )
    if took.negative:
        yield (
            f"{took.negative} shipments left before their orders were sent: check veracore.timezone"
        )


# ---- as a document -------------------------------------------------------------------------------


def report_document(report: PeriodReport) -> dict[str, Any]:
    """The report for ``--json``."""
    return {
        "since": report.first.isoformat(),
        "until": report.last.isoformat(),
        "timezone": report.zone,
        "by": report.by,
        "currency": report.currency or None,
        "currencyDigits": report.digits,
        "rows": [line_document(line) for line in report.lines],
        "total": line_document(report.total),
        "notes": report.notes,
    }


def line_document(line: ReportLine) -> dict[str, Any]:
    """One line; times are in seconds, money in the currency's smallest unit."""
    document: dict[str, Any] = dict(line.name)
    if line.orders is not None and line.paid_to_sent is not None:
        document["orders"] = sum(line.orders.values())
        document["ordersBy"] = {str(one): line.orders.get(one, 0) for one in Outcome}
        document["sent"] = line.sent
        document["paidToSent"] = _spans_document(line.paid_to_sent)
    return document | {
        "shipments": line.shipments,
        "packages": line.packages,
        "freight": line.freight.total,
        "freightUnknown": line.freight.unknown,
        "charges": line.charges.total,
        "chargesUnknown": line.charges.unknown,
        "sentToShipped": _spans_document(line.sent_to_shipped),
    }


def _spans_document(spans: Spans) -> dict[str, Any]:
    return {
        "count": spans.count,
        "medianSeconds": None if spans.median is None else round(spans.median.total_seconds()),
        "p95Seconds": None if spans.p95 is None else round(spans.p95.total_seconds()),
        "unknown": spans.unknown,
    }


_COLUMNS: Mapping[By, Sequence[str]] = {
    "day": ["day"],
    "carrier": ["carrier"],
    "service": ["carrier", "service"],
}
"""What says what a line is about."""
Cells = Mapping[str, str | int | None]


def flat_rows(report: PeriodReport) -> tuple[list[str], list[Cells]]:
    """The columns, and the lines with one value in each, for a spreadsheet; without the total."""
    named = dict.fromkeys(_COLUMNS[report.by], "")
    total = report.total if report.by == "day" else replace(report.total, orders=None)
    columns = list(_flat(line_document(replace(total, name=named)), report))
    return columns, [_flat(line_document(line), report) for line in report.lines]


def _flat(document: Mapping[str, Any], report: PeriodReport) -> Cells:
    flat: dict[str, str | int | None] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            flat |= {_column(name, inner): cell for inner, cell in value.items()}
        else:
            flat[name] = value
    return flat | {"currency": report.currency, "timezone": report.zone}


def _column(outer: str, inner: str) -> str:
    return f"{'orders' if outer == 'ordersBy' else outer}{inner[0].upper()}{inner[1:]}"
