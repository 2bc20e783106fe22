"""The one memory of bad records: its rules, and what ledgers of earlier versions remember."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fakes import START, FakeClock

from veracore_sync.backoff import Backoff
from veracore_sync.clock import to_text
from veracore_sync.domain.ledger_records import UnreadRow
from veracore_sync.jobs.bad_records import BadRecordMemory, longest_untried_first
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOPIC = "tracking.unanswered"


def most(least: float, most: float) -> float:
    return most


SCHEDULE = Backoff(MINUTE, HOUR, uniform=most)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> Iterator[Ledger]:
    made = open_ledger(None, clock=clock)
    yield made
    made.close()


def memory(
    ledger: Ledger, clock: FakeClock, *, tried_at_once: int = 0, read_only: bool = False
) -> BadRecordMemory:
    return BadRecordMemory(ledger, clock, SCHEDULE, TOPIC, tried_at_once, lambda: read_only)


@pytest.mark.parametrize("tried_at_once", [0, 1])
def test_it_rests_for_longer_each_time(
    ledger: Ledger, clock: FakeClock, tried_at_once: int
) -> None:
    one = memory(ledger, clock, tried_at_once=tried_at_once)
    rests = []
    for tries in range(1, 10):
        row = one.failed("A", f"odd {tries}")
        assert (row.tries, row.since, row.message) == (tries, to_text(START), f"odd {tries}")
        assert one.rows() == {"A": row}
        waited = 0
        while one.rests("A"):
            clock.forward(minutes=1)
            waited += 1
        rests.append(waited)
    assert rests == [*[0] * tried_at_once, 1, 2, 4, 8, 16, 32, 60, 60, 60][:9]


def test_an_answer_ends_it(ledger: Ledger, clock: FakeClock) -> None:
    one = memory(ledger, clock)
    one.failed("A", "odd")
    assert "A" in one
    assert one.answered("A")
    assert not one.answered("A"), "it was not remembered"
    assert one.rows() == {}
    clock.forward(days=1)
    assert (one.failed("A", "odd").since, one.failed("A", "odd").tries) == (to_text(clock.now()), 2)


def test_a_person_hears_of_it_after_an_hour(ledger: Ledger, clock: FakeClock) -> None:
    one = memory(ledger, clock)
    one.failed("A", "odd")
    clock.forward(minutes=59)
    assert not one.is_overdue(one.failed("A", "odd"))
    clock.forward(minutes=1)
    assert one.is_overdue(one.rows()["A"])


def test_those_that_waited_longest_come_first(ledger: Ledger, clock: FakeClock) -> None:
    one = memory(ledger, clock)
    for name in "CAB":
        one.failed(name, "odd")
        clock.forward(seconds=1)
    one.failed("C", "odd")
    one.suspect(["S", "A"])
    rows = longest_untried_first(one.rows().values())
    assert [row.name for row in rows] == ["S", "A", "B", "C"]
    assert one.rows()["A"].tries == 1, "what failed is more than suspected"
    assert not one.rests("S")


def test_all_but_some_are_forgotten(ledger: Ledger, clock: FakeClock) -> None:
    one = memory(ledger, clock)
    one.failed_all({"A": "odd", "B": "odd", "C": "odd"})
    assert one.keep_only({"B", "X"}) == ["A", "C"]
    assert one.rows().keys() == {"B"}


def test_a_dry_run_writes_nothing(ledger: Ledger, clock: FakeClock) -> None:
    memory(ledger, clock).failed("A", "odd")
    before = memory(ledger, clock).rows()
    dry = memory(ledger, clock, read_only=True)
    assert dry.failed("A", "odd").tries == 2
    dry.suspect(["B"])
    assert not dry.answered("A")
    assert dry.keep_only([]) == []
    assert memory(ledger, clock).rows() == before


def test_topics_are_apart(ledger: Ledger, clock: FakeClock) -> None:
    other = BadRecordMemory(ledger, clock, SCHEDULE, f"{TOPIC}_unknown")
    memory(ledger, clock).failed("A", "odd")
    assert other.rows() == {}
    assert "A" not in other


def test_a_wrong_clock_keeps_no_record_waiting(ledger: Ledger, clock: FakeClock) -> None:
    ahead = to_text(START + 400 * DAY)
    ledger.unread.keep(TOPIC, [UnreadRow("A", ahead, 1, ahead, "odd")])
    one = memory(ledger, clock)
    assert not one.rests("A")
    row = one.failed("A", "odd")
    assert (row.since, row.next_attempt_at) == (to_text(START), to_text(START + 2 * MINUTE))


@pytest.mark.parametrize(
    ("told", "row"),
    [
        ("2026-02-01T00:00:00.000Z", UnreadRow("A", "2026-02-01T00:00:00.000Z", 0, None, "")),
        (
            ["2026-02-01T00:00:00.000Z", "no SKU"],
            UnreadRow("A", "2026-02-01T00:00:00.000Z", 1, None, "no SKU"),
        ),
        (
            {
                "since": "2026-02-01T00:00:00.000Z",
                "tries": 3,
                "next_attempt_at": "2026-03-01T12:04:00.000Z",
                "error": "no answer",
            },
            UnreadRow("A", "2026-02-01T00:00:00.000Z", 3, "2026-03-01T12:04:00.000Z", "no answer"),
        ),
        (
            {"since": "2026-02-01T00:00:00.000Z", "tries": 0, "next_attempt_at": "", "error": ""},
            UnreadRow("A", "2026-02-01T00:00:00.000Z", 0, None, ""),
        ),
    ],
)
def test_a_ledger_of_an_earlier_version_goes_on(
    ledger: Ledger, clock: FakeClock, told: object, row: UnreadRow
) -> None:
    """It held a topic in one value: that is read, and taken over with the first change."""
    ledger.meta.put(TOPIC, json.dumps({"A": told, "B": "2026-02-02T00:00:00.000Z"}))
    one = memory(ledger, clock)
    assert list(one.rows()) == ["A", "B"]
    assert one.rows()["A"] == row
    assert one.failed("A", "odd").tries == row.tries + 1
    assert one.rows()["A"].since == row.since
    assert one.rows().keys() == {"A", "B"}
    assert ledger.meta.get(TOPIC) is None
    assert one.answered("B")
    assert one.rows().keys() == {"A"}


def test_what_an_earlier_version_remembers_can_be_forgotten(
    ledger: Ledger, clock: FakeClock
) -> None:
    ledger.meta.put(TOPIC, json.dumps({"A": "2026-02-01T00:00:00.000Z"}))
    assert memory(ledger, clock).answered("A")
    assert memory(ledger, clock).rows() == {}
    ledger.meta.put(TOPIC, json.dumps({"A": "2026-02-01T00:00:00.000Z"}))
    assert memory(ledger, clock).keep_only([]) == ["A"]
    assert memory(ledger, clock).rows() == {}
