"""The contract of the port `Ledger`: what the sides disagree about, and which orders agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import START
from ledger_beds import HOUR, MINUTE, LedgerBed, accept, discover

from veracore_sync.clock import to_text
from veracore_sync.domain.differences import AgreedRow, Difference, DifferenceRow, DifferenceType
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import Applied
from veracore_sync.ports.ledger import Ledger

UNSENT, CONTENT = DifferenceType.PAID_NOT_SENT, DifferenceType.CONTENT_DIFFERS
UNFULFILLED = DifferenceType.SHIPPED_NOT_FULFILLED


def differs(
    type: DifferenceType = CONTENT, name: str = "A", detail: str = "", shop: str = "MUG 2"
) -> Difference:
    """Something that differs."""
    return Difference(
        type, name, "synced", shop, "MUG 1", START, detail, "VC-1", f"cancel {name}" if name else ""
    )


def test_what_is_found_is_news_once(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    first, second = differs(), differs(UNSENT, "B")
    assert ledger.differences.saw([first, second, first]) == [first, second]
    ledger_bed.clock.forward(minutes=5)
    assert ledger.differences.saw([first]) == []
    later = to_text(START + 5 * MINUTE)
    assert ledger.differences.standing() == [
        DifferenceRow(first, to_text(START), later),
        DifferenceRow(second, to_text(START), to_text(START)),
    ]
    assert ledger.differences.get(UNSENT, "B") == ledger.differences.standing()[1]
    assert ledger.differences.get(UNSENT, "A") is None
    assert ledger.differences.get(CONTENT, "A", "slip") is None


def test_other_evidence_of_what_stands_is_no_news(ledger: Ledger) -> None:
    ledger.differences.saw([differs()])
    assert ledger.differences.saw([differs(shop="MUG 3")]) == []
    (row,) = ledger.differences.standing()
    assert row.difference == differs(shop="MUG 3")


def test_what_comes_back_is_news_and_nothing_of_it_is_accepted(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    ledger.differences.saw([differs()])
    ledger.differences.accept(CONTENT, "A", "agreed by phone")
    ledger_bed.clock.forward(hours=1)
    (gone,) = ledger.differences.ended([CONTENT], ["A"])
    assert gone.difference == differs()
    assert ledger.differences.ended([CONTENT], ["A"]) == []
    ((kind, since, until),) = ledger.reporting.differences_ended("A")
    assert kind == CONTENT
    assert since <= until == to_text(ledger.clock.now())
    assert ledger.reporting.differences_ended("B") == []
    assert ledger.differences.standing() == []
    ended = ledger.differences.get(CONTENT, "A")
    assert ended is not None
    assert (ended.ended_at, ended.reason) == (to_text(START + HOUR), "agreed by phone")
    ledger_bed.clock.forward(hours=1)
    assert ledger.differences.saw([differs()]) == [differs()]
    now = to_text(START + 2 * HOUR)
    assert ledger.differences.standing() == [DifferenceRow(differs(), now, now)]


def test_only_what_was_compared_ends(ledger: Ledger) -> None:
    slips = [differs(UNFULFILLED, "A", slip) for slip in ("1", "2")]
    ledger.differences.saw([differs(), differs(name="B"), differs(UNSENT), *slips])
    gone = ledger.differences.ended([CONTENT, UNFULFILLED], ["A"], but=[slips[1].key])
    assert {row.difference.key for row in gone} == {differs().key, slips[0].key}
    left = {row.difference.key for row in ledger.differences.standing()}
    assert left == {differs(name="B").key, differs(UNSENT).key, slips[1].key}
    assert {row.difference.key for row in ledger.differences.of(["A", "C"])} == {
        differs(UNSENT).key,
        slips[1].key,
    }


def test_what_a_person_accepted_is_news_only_with_other_evidence(
    ledger_bed: LedgerBed, ledger: Ledger
) -> None:
    one, other = differs(), differs(shop="MUG 3")
    ledger.differences.saw([one, differs(UNSENT), differs(name="B")])
    ledger_bed.clock.forward(hours=1)
    (row,) = ledger.differences.accept(CONTENT, "A", f"  as\n agreed {'x' * 600}")
    assert row.is_accepted
    assert row.accepted_at == to_text(START + HOUR)
    assert row.reason == f"as agreed {'x' * 490}"
    assert [row.is_accepted for row in ledger.differences.of(["A"])].count(True) == 1
    assert ledger.differences.saw([one]) == []
    assert ledger.differences.saw([other]) == [other]
    stands = ledger.differences.get(CONTENT, "A")
    assert stands is not None
    assert not stands.is_accepted
    # It was told; and what was accepted is still that.
    assert ledger.differences.saw([other]) == []
    assert ledger.differences.saw([one]) == []
    stands = ledger.differences.get(CONTENT, "A")
    assert stands is not None
    assert stands.is_accepted
    assert ledger.differences.saw([other]) == [other]
    assert ledger.differences.accept(CONTENT, "nothing", "why") == []


def test_the_summary_counts_by_type(ledger: Ledger) -> None:
    assert ledger.differences.summary() == {"standing": 0, "accepted": 0, "types": {}}
    ledger.differences.saw([differs(), differs(name="B"), differs(UNSENT)])
    ledger.differences.accept(CONTENT, "B", "why")
    ledger.differences.saw([differs(UNSENT, "C")])
    ledger.differences.ended([UNSENT], ["C"])
    assert ledger.differences.summary() == {
        "standing": 3,
        "accepted": 1,
        "types": {
            "content_differs": {"standing": 2, "accepted": 1},
            "paid_not_sent": {"standing": 1, "accepted": 0},
        },
    }


def test_pages_go_on_where_the_last_ended(ledger: Ledger) -> None:
    every = [differs(type, name) for type in (CONTENT, UNSENT) for name in ("A", "B", "C")]
    ledger.differences.saw(reversed(every))
    ledger.differences.ended([CONTENT], ["B"])
    found: list[Difference] = []
    while page := ledger.differences.some(2, found[-1].key if found else None):
        found += [row.difference for row in page]
    assert found == [one for one in every if one.key != differs(name="B").key]


def test_hundreds_at_once(ledger: Ledger) -> None:
    every = [differs(name=f"N{number:04}") for number in range(700)]
    assert len(ledger.differences.saw(every)) == 700
    assert ledger.differences.saw(every) == []
    names = [one.name for one in every]
    assert len(ledger.differences.ended([CONTENT], names, but=[every[0].key])) == 699
    at = to_text(START)
    ledger.differences.agreed(AgreedRow(name, at, "print") for name in names)
    assert len(ledger.differences.agreed_of(names)) == 700


def test_what_agreed_is_replaced(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    rows = [AgreedRow(code, to_text(START), "one") for code in ("A", "B")]
    ledger.differences.agreed(rows)
    newer = replace(rows[0], at=to_text(START + HOUR), fingerprint="two")
    ledger.differences.agreed([newer])
    # A wrong clock has stored it: it is as none, until then.
    assert ledger.differences.agreed_of(["A"]) == {}
    ledger_bed.clock.forward(hours=1)
    assert ledger.differences.agreed_of(["A", "B", "C"]) == {"A": newer, "B": rows[1]}
    assert ledger.differences.agreed_of([]) == {}


def test_all_or_nothing_is_stored(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.unit_of_work():
        ledger.differences.saw([differs()])
        ledger.differences.agreed([AgreedRow("B", to_text(START), "one")])
        raise ZeroDivisionError
    assert ledger.differences.standing() == []
    assert ledger.differences.agreed_of(["B"]) == {}


def test_what_is_old_is_forgotten(ledger_bed: LedgerBed, ledger: Ledger) -> None:
    accept(ledger, "OPEN", "ENDED", "YOUNG")
    discover(ledger, "NEW")
    ledger.transitions.ship("ENDED")
    codes = ["OPEN", "ENDED", "YOUNG", "NEW", "UNKNOWN"]
    ledger.differences.agreed(AgreedRow(code, to_text(START), "one") for code in codes)
    ledger.differences.saw([differs(), differs(name="B")])
    ledger.differences.ended([CONTENT], ["B"])
    ledger_bed.clock.forward(hours=2)
    ledger.transitions.ship("YOUNG")
    assert ledger.upkeep.prune(START)["differences"] == 0
    gone = ledger.upkeep.prune(START + HOUR)
    assert (gone["differences"], gone["agreed"]) == (1, 2)
    assert sorted(ledger.differences.agreed_of(codes)) == ["NEW", "OPEN", "YOUNG"]
    assert [row.difference.name for row in ledger.differences.standing()] == ["A"]
    assert ledger.differences.get(CONTENT, "B") is None


def test_what_an_order_had_is_no_matter_of_the_one_that_has_its_code(ledger: Ledger) -> None:
    accept(ledger, "A")
    sku = differs(DifferenceType.STOCK_DIFFERS)
    ledger.differences.saw([differs(), differs(UNSENT), sku])
    ledger.differences.agreed([AgreedRow("A", to_text(START), "one")])
    for type in (CONTENT, UNSENT):
        ledger.alerts.open(AlertKind.ORDER_DIFFERS, "it differs", code="A", about=type)
    before = ledger.orders.get("A")
    assert before is not None
    assert ledger.transitions.set_aside(before, "A~id-A", None) is Applied.DONE
    assert [row.difference for row in ledger.differences.standing()] == [sku]
    assert ledger.differences.agreed_of(["A", "A~id-A"]) == {}
    assert ledger.alerts.standing() == []


def test_an_order_has_an_alert_of_a_kind_for_each_thing_it_is_about(ledger: Ledger) -> None:
    for type in (CONTENT, UNSENT):
        assert ledger.alerts.open(AlertKind.ORDER_DIFFERS, "differs", code="A", about=type)
        assert not ledger.alerts.open(AlertKind.ORDER_DIFFERS, "differs", code="A", about=type)
    assert ledger.alerts.resolve(AlertKind.ORDER_DIFFERS, code="A", about=CONTENT)
    assert [one.key for one in ledger.alerts.standing()] == ["order.differs:A:paid_not_sent"]
    assert len(ledger.alerts.accept("A", "why")) == 1
    assert not ledger.alerts.open(AlertKind.ORDER_DIFFERS, "differs", code="A", about=UNSENT)
    assert ledger.alerts.open(AlertKind.ORDER_DIFFERS, "differs", code="A", about=CONTENT)
