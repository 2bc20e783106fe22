"""The contract of the port `Ledger`: what it has of many orders, read at once."""

from __future__ import annotations

from datetime import timedelta

from fakes import START
from ledger_beds import LedgerBed, accept, discover

from veracore_sync.clock import to_text
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.ports.ledger import Ledger

CODES = ["A", "B", "C"]
LEFT = ("UPS", "Ground", "1Z", "2026-03-01T12:00:00.000Z", False)


def test_what_is_read_of_many_is_what_is_read_of_each(ledger: Ledger) -> None:
    for code in CODES:
        accept(ledger, code)
    discover(ledger, "D")
    ledger.cancellations.want("A", "A", "person")
    ledger.alerts.open(AlertKind.ORDER_DRIFT, "changed", code="C")
    ledger.alerts.accept("C", "fine")
    ledger.shipments.looked("B", "B", reference="B", rows={"x": "2026-03-01"}, seen={"S1": [LEFT]})
    asked = [*CODES, "D", "no order"]
    assert ledger.orders.attempts_of(asked) == {c: ledger.orders.attempts(c) for c in CODES}
    assert ledger.cancellations.of(asked) == {"A": ledger.cancellations.get("A")}
    assert ledger.shipments.slips_by_code(asked) == {"B": ledger.shipments.slips_of("B")}
    assert ledger.shipments.tracked_by_code(asked) == {"B": ledger.shipments.tracked("B")}
    assert ledger.alerts.accepted_of(asked) == {"C": ledger.alerts.accepted("C")}
    for read in (
        ledger.orders.attempts_of,
        ledger.cancellations.of,
        ledger.alerts.accepted_of,
        ledger.shipments.slips_by_code,
        ledger.shipments.tracked_by_code,
    ):
        assert read([]) == {}


def test_what_is_open_or_was_changed_since_comes_in_pages(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    for code in CODES:
        accept(ledger, code)
    ledger.transitions.ship("A")
    ledger.transitions.ship("C")
    ledger_bed.clock.forward(days=2)
    discover(ledger, "D")
    since = to_text(START + timedelta(days=1))

    def pages(since: str, limit: int) -> list[list[str]]:
        found: list[list[str]] = []
        after = ""
        while rows := ledger.orders.open_or_changed(since, after, limit):
            after = rows[-1].code
            found.append([row.code for row in rows])
        return found

    assert pages(since, 10) == [["B", "D"]]
    assert pages(to_text(START), 3) == [["A", "B", "C"], ["D"]]
