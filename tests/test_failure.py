"""The failure table, row by row: what each row does to an order, and how a run ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import Bench
from fakes import FakeWarehouse, make_order

from veracore_sync.errors import HINTS, Category, SyncError
from veracore_sync.failure import CREATING, READING, Action, What, read_error
from veracore_sync.model import WarehouseOrder
from veracore_sync.veracore.port import NotAccepted, SubmitOutcome

# What a create ends in at once, and after two look-ups have not found the order. From the design,
# not from the table: a row that is changed by mistake must fail here.
CREATES: dict[What, tuple[str, str]] = {
    What.NOT_CONNECTED: ("pending", "synced"),
    What.TIMEOUT: ("in_doubt", "synced"),
    What.RUN_OVER: ("in_doubt", "synced"),
    What.RESET: ("in_doubt", "synced"),
    What.HTTP_4XX: ("in_doubt", "parked"),
    What.HTTP_404: ("in_doubt", "parked"),
    What.HTTP_429: ("pending", "synced"),
    What.HTTP_5XX: ("in_doubt", "synced"),
    What.NOT_UNDERSTOOD: ("in_doubt", "synced"),
    What.REFUSED: ("parked", "parked"),
    What.DUPLICATE: ("conflict", "conflict"),
    What.FAULT: ("in_doubt", "parked"),
    What.ODD_SUCCESS: ("in_doubt", "parked"),
    What.LOGIN_REFUSED: ("in_doubt", "parked"),
    What.FORBIDDEN: ("in_doubt", "parked"),
    What.CHANNEL_UNKNOWN: ("in_doubt", "parked"),
    What.QUERY_REFUSED: ("in_doubt", "parked"),
    What.DATABASE: ("in_doubt", "synced"),
}
READS: dict[What, tuple[Category, int]] = {
    What.NOT_CONNECTED: (Category.UNAVAILABLE, 69),
    What.TIMEOUT: (Category.TIMEOUT, 69),
    What.RUN_OVER: (Category.TIMEOUT, 69),
    What.RESET: (Category.UNAVAILABLE, 69),
    What.HTTP_4XX: (Category.PROTOCOL, 69),
    What.HTTP_404: (Category.CONFIG, 78),
    What.HTTP_429: (Category.RATE_LIMITED, 69),
    What.HTTP_5XX: (Category.UNAVAILABLE, 69),
    What.NOT_UNDERSTOOD: (Category.PROTOCOL, 69),
    What.REFUSED: (Category.PROTOCOL, 69),
    What.DUPLICATE: (Category.PROTOCOL, 69),
    What.FAULT: (Category.PROTOCOL, 69),
    What.ODD_SUCCESS: (Category.PROTOCOL, 69),
    What.LOGIN_REFUSED: (Category.AUTH, 77),
    What.FORBIDDEN: (Category.AUTH, 77),
    What.CHANNEL_UNKNOWN: (Category.CONFIG, 78),
    What.QUERY_REFUSED: (Category.CONFIG, 78),
    What.DATABASE: (Category.UNAVAILABLE, 69),
}
TRANSIENT = {Category.UNAVAILABLE, Category.TIMEOUT, Category.RATE_LIMITED}
DEFINITE = {What.NOT_CONNECTED, What.HTTP_429, What.REFUSED}


class Scripted(FakeWarehouse):
    """Answers the next create with `answer`, without having stored it."""

    answer: What | None = None

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        what, self.answer = self.answer, None
        if what is None:
            return super().submit(order)
        return NotAccepted(what, "its own words")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "ledger.db")
    made.shop.add(make_order("OK"))
    made.warehouse = Scripted()
    made.run()
    yield made
    made.ledger.close()


@pytest.mark.parametrize("what", What)
def test_every_row_has_both_rules(what: What) -> None:
    assert what in READING
    assert what in CREATING
    assert what in CREATES
    assert what in READS


def test_every_class_has_a_hint_that_names_a_next_step() -> None:
    for category in Category:
        hint = HINTS[category]
        named = "veracore-sync" in hint or "veracore." in hint or "next run" in hint
        assert named or "setting" in hint, hint


@pytest.mark.parametrize("what", What)
def test_creating(bench: Bench, what: What) -> None:
    at_once, when_absent = CREATES[what]
    bench.shop.add(make_order("A"))
    assert isinstance(bench.warehouse, Scripted)
    bench.warehouse.answer = what
    bench.run()
    row = bench.row("A")
    assert row.state == at_once
    assert row.retry_count == 0
    if at_once != "pending":
        assert "its own words" in (row.error_message or "")
    for _ in range(2):
        bench.clock.forward(seconds=200)
        bench.run()
    assert bench.state("A") == when_absent
    assert bench.row("A").retry_count == 0


@pytest.mark.parametrize("what", [what for what in What if what not in DEFINITE])
def test_creating_when_it_was_stored_all_the_same(bench: Bench, what: What) -> None:
    """Whatever was answered: what is in doubt is found, and sent once."""
    bench.shop.add(make_order("A"))
    warehouse = bench.warehouse
    assert isinstance(warehouse, Scripted)
    warehouse.answer = what
    store = warehouse._store
    real = warehouse.submit

    def submit(order: WarehouseOrder) -> SubmitOutcome:
        store(order)
        return real(order)

    warehouse.submit = submit  # type: ignore[method-assign]
    bench.run()
    assert bench.state("A") == "synced"
    assert warehouse.submissions == {"OK": 1}, "no second request"


@pytest.mark.parametrize("what", What)
def test_reading(bench: Bench, what: What) -> None:
    """A control call that fails so ends the run so, and nothing is sent, counted or parked."""
    category, code = READS[what]
    bench.shop.add(make_order("A"))
    bench.warehouse.control_error = read_error(what, "its own words", upstream="veracore")
    result, error = bench.stopped()
    assert (error.category, error.exit_code) == (category, code)
    assert error.hint
    row = bench.row("A")
    assert (row.state, row.retry_count, row.attempt) == ("pending", 0, 0)
    assert result.outcomes == {"A": "pending"}
    bench.warehouse.control_error = None
    assert bench.run().outcomes == {"A": "submitted"}


@pytest.mark.parametrize("what", What)
def test_no_class_that_may_pass_ever_parks(what: What) -> None:
    rule = CREATING[what]
    if rule.category in TRANSIENT:
        assert rule.action in (Action.PENDING, Action.LATER, Action.DOUBT_LOST)
    assert rule.category is not Category.AUTH, "one order's answer tells nothing of a login"


@pytest.mark.parametrize("what", What)
def test_only_what_may_pass_is_read_again(what: What) -> None:
    rule = READING[what]
    passing = rule.category in TRANSIENT and what is not What.RUN_OVER
    assert rule.action is (Action.RETRY if passing else Action.END_RUN)
    assert isinstance(read_error(what, "words", upstream="vendure"), SyncError)
