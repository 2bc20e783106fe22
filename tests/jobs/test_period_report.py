"""Orders and shipments of a period: every sum fits, and what is unknown is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import Discovery, Intent, ShopVersion
from veracore_sync.domain.pick_slips import PackageFact, ShippingCost
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.jobs.period_report import (
    By,
    PeriodReport,
    flat_rows,
    period_report,
    report_document,
)
from veracore_sync.jobs.throughput import DayRange
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.stores import SqlLedger

NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)
HOUR = timedelta(hours=1)
ZONE = ZoneInfo("America/New_York")
ALL: tuple[By, ...] = ("day", "carrier", "service")


class Book:
    """A ledger with shipments."""

    def __init__(self, ledger: SqlLedger, clock: FakeClock) -> None:
        self.ledger, self.clock = ledger, clock

    def send(self, code: str, paid_before: timedelta | None = HOUR) -> None:
        now = self.clock.now()
        self.ledger.transitions.discover([Discovery(code, code, now)])
        paid_at = None if paid_before is None else now - paid_before
        intent = Intent(code, (), "hash", "", ShopVersion("", now), paid_at=paid_at)
        attempt = self.ledger.transitions.intend(code, intent)
        assert attempt is not None
        self.ledger.transitions.accept(code, attempt, None)

    def ship(
        self,
        code: str,
        *packages: PackageFact,
        freight: str | None = None,
        charges: str | None = "0",
    ) -> None:
        cost = ShippingCost(*(None if one is None else Decimal(one) for one in (freight, charges)))
        self.ledger.shipments.looked(
            code, code, reference="", rows=None, seen={"1": packages}, costs={"1": cost}
        )

    def report(self, by: By, currency: str = "USD", days: int = 3) -> PeriodReport:
        first = date(2026, 1, 5)
        period = DayRange(first, first + timedelta(days=days - 1), ZONE)
        return period_report(self.ledger, period, by, currency)


@pytest.fixture
def book() -> Iterator[Book]:
    clock = FakeClock(NOON)
    with closing(open_ledger(None, clock=clock)) as ledger:
        yield Book(ledger, clock)


def label(
    after: timedelta, carrier: str = "UPS", service: str = "Ground", *, void: bool = False
) -> PackageFact:
    return (carrier, service, "1Z", to_text(NOON + after), void)


def filled(book: Book) -> None:
    for code in ("A", "B", "C"):
        book.send(code)
    book.send("OLD", paid_before=None)
    book.ledger.transitions.discover([Discovery("ADOPTED", "ADOPTED", NOON)])
    record = WarehouseRecord("ADOPTED", "ADOPTED", (), "open")
    book.ledger.transitions.adopt("ADOPTED", "ADOPTED", record)
    book.ship("A", label(2 * HOUR), label(HOUR), label(HOUR, "DHL", void=True), freight="16.225")
    # Midnight in New York is at 5.
    book.ship("B", label(12 * HOUR, "ups", "Air"), freight="0", charges=None)
    book.ship("C", label(11 * HOUR, "FedEx", ""), label(HOUR, "UPS"), charges="1.5")
    book.ship("ADOPTED", label(30 * HOUR, ""), freight="4")


def test_a_day_is_that_of_the_warehouse(book: Book) -> None:
    filled(book)
    document = report_document(book.report("day"))
    first, second, third = document["rows"]
    assert (first["day"], first["orders"], first["sent"]) == ("2026-01-05", 5, 4)
    assert first["ordersBy"]["sent"] == 5
    assert first["paidToSent"] == {
        "count": 3,
        "medianSeconds": 3600,
        "p95Seconds": 3600,
        "unknown": 1,
    }
    assert (first["shipments"], first["packages"]) == (2, 4)
    assert (first["freight"], first["freightUnknown"], first["charges"]) == (1623, 1, 150)
    assert first["sentToShipped"]["p95Seconds"] == 11 * 3600
    assert (second["shipments"], second["freight"], second["chargesUnknown"]) == (2, 400, 1)
    assert second["sentToShipped"]["unknown"] == 1
    assert (third["shipments"], third["freight"], third["orders"]) == (0, None, 0)
    assert document["timezone"] == "America/New_York"
    assert (document["currency"], document["currencyDigits"]) == ("USD", 2)


def test_a_carrier_has_the_shipments_whatever_its_case(book: Book) -> None:
    filled(book)
    rows = report_document(book.report("carrier"))["rows"]
    assert [(row["carrier"], row["shipments"]) for row in rows] == [
        ("UPS", 2),
        ("", 1),
        ("FedEx + UPS", 1),
    ]
    assert "orders" not in rows[0]
    rows = report_document(book.report("service"))["rows"]
    assert [(row["carrier"], row["service"]) for row in rows] == [
        ("", "Ground"),
        ("FedEx + UPS", "Ground"),
        ("ups", "Air"),
        ("UPS", "Ground"),
    ]


def test_what_is_left_out_is_said(book: Book) -> None:
    filled(book)
    notes = book.report("day").notes
    assert [note.split(":")[0] for note in notes] == [
        "freight lacks 1 of 4 shipments",
        "1 shipments have freight 0 at VeraCore",
        "times to send lack 1 of 4 orders",
        "times to ship lack 1 of 4 shipments",
    ]
    book.send("EARLY")
    book.ship("EARLY", label(-HOUR), freight="1")
    assert any("veracore.timezone" in note for note in book.report("carrier").notes)


@pytest.mark.parametrize(
    ("currency", "digits", "freight"), [("", 2, 1623), ("JPY", 0, 16), ("KWD", 3, 16225)]
)
def test_money_has_the_currencys_digits(
    book: Book, currency: str, digits: int, freight: int
) -> None:
    book.send("A")
    book.ship("A", label(HOUR), freight="16.225")
    found = report_document(book.report("carrier", currency))
    assert (found["currency"], found["currencyDigits"]) == (currency or None, digits)
    assert found["total"]["freight"] == freight


SHIPMENTS = st.tuples(
    st.integers(0, 71),
    st.sampled_from(["UPS", "ups", "DHL", ""]),
    st.sampled_from(["Ground", "", "Air"]),
    st.one_of(st.none(), st.decimals("0", "99", places=3).map(str)),
)


@given(st.lists(SHIPMENTS, max_size=12))
@settings(max_examples=25, deadline=None)
def test_totals_add_up(shipments: Sequence[Any]) -> None:
    clock = FakeClock(NOON)
    with closing(open_ledger(None, clock=clock)) as ledger:
        book = Book(ledger, clock)
        for number, (hour, carrier, service, freight) in enumerate(shipments):
            book.send(f"O{number}", None if number % 3 else HOUR)
            book.ship(f"O{number}", label(hour * HOUR, carrier, service), freight=freight)
        reports = [report_document(book.report(by, days=4)) for by in ALL]
    for document in reports:
        rows, total = document["rows"], document["total"]
        for name in ("shipments", "packages", "freightUnknown", "chargesUnknown"):
            assert sum(row[name] for row in rows) == total[name]
        known = [row["freight"] for row in rows if row["freight"] is not None]
        assert (sum(known) if known else None) == total["freight"]
        for name in ("count", "unknown"):
            assert sum(row["sentToShipped"][name] for row in rows) == total["sentToShipped"][name]
        assert {key: total[key] for key in ("shipments", "freight")} == {
            key: reports[0]["total"][key] for key in ("shipments", "freight")
        }
    days = reports[0]["rows"]
    assert sum(row["orders"] for row in days) == len(shipments) == reports[0]["total"]["orders"]
    assert all(sum(row["ordersBy"].values()) == row["orders"] for row in days)


@pytest.mark.parametrize("by", ALL)
def test_a_spreadsheet_has_the_same_columns_with_and_without_lines(book: Book, by: By) -> None:
    columns, rows = flat_rows(book.report(by))
    assert len(rows) == (3 if by == "day" else 0)
    filled(book)
    again, rows = flat_rows(book.report(by))
    assert again == columns
    assert {tuple(row) for row in rows} == {tuple(columns)}
    assert columns[-2:] == ["currency", "timezone"]
    assert ("ordersShipped" in columns) == (by == "day")
