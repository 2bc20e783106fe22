"""One order of which VeraCore gives no usable answer: it stops no other, and is not forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracking_world import World, world

from veracore_sync.domain.errors import LedgerError, RunOver, SyncError, UpstreamError

LOOK_UP = {"oms": "GetOrderInfo", "rest": "status"}


@pytest.fixture(params=["oms", "rest"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, dialect=request.param) as made:
        yield made


def spoil(bed: World, *orders: Any, kind: str = "fault_unlisted") -> None:
    for order in orders:
        operations = [LOOK_UP[bed.dialect]]
        bed.control("faults", {"kinds": [kind], "operations": operations, "order": order.code})


def mend(bed: World) -> None:
    """It answers again, and every wait is over."""
    bed.control("faults", {"kinds": []})
    bed.clock.forward(hours=1)


def sent(bed: World, count: int) -> list[Any]:
    """Orders that have shipped, oldest first."""
    orders = [bed.place(("MUG", 1)) for _ in range(count)]
    bed.send()
    for order in orders:
        bed.ship(order, tracking=f"1Z{order.code}")
    return orders


def standing(bed: World) -> list[tuple[str, str | None]]:
    return [(alert.kind, alert.code) for alert in bed.parts.ledger.alerts.standing()]


@pytest.mark.parametrize("kind", ["fault_unlisted", "html_500"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_it_stops_no_other(either: World, kind: str, place: int) -> None:
    orders = sent(either, 3)
    spoil(either, orders[place], kind=kind)
    result = either.track()
    assert (result.updated, result.errors, result.needs_person) == (2, 1, [])
    mend(either)
    assert either.track().updated == 1
    assert standing(either) == []


def test_it_is_put_before_a_person_after_an_hour_and_once(either: World) -> None:
    bad, _ = sent(either, 2)
    spoil(either, bad)
    either.track()
    either.clock.forward(minutes=59)
    with pytest.raises(
        UpstreamError, match="onversion overflowed"
    ):  # nobody was told yet, and nothing was answered
        either.track()
    either.clock.forward(minutes=1)
    either.reopen()
    [told] = either.track().needs_person
    assert bad.code in told
    assert "onversion overflowed" in told
    assert either.track().needs_person == []
    assert standing(either) == [("order.unanswered", bad.code)]
    mend(either)
    assert either.track().updated == 1
    assert standing(either) == []


def test_it_is_asked_about_when_it_has_long_left_the_list(bed: World) -> None:
    bad, _ = sent(bed, 2)
    spoil(bed, bad)
    bed.track()
    for _ in range(10):
        bed.clock.forward(days=1)
        fresh = bed.place(("MUG", 1))
        bed.send()
        bed.ship(fresh, tracking=f"1Z{fresh.code}")
        assert bed.track().updated == 1
    mend(bed)
    bed.reopen(VERACORE_SYNC_TRACKING__LOOKUPS_PER_RUN="0")
    assert bed.track().updated == 1
    assert standing(bed) == []


def test_three_in_a_row_end_a_run_and_come_last_in_the_next(either: World) -> None:
    bad = sent(either, 3)
    spoil(either, *bad)
    with pytest.raises(UpstreamError, match="onversion overflowed"):
        either.track()
    [good] = sent(either, 1)
    assert (either.track().updated, either.track().errors) == (1, 0)  # they are left alone a while
    [good] = sent(either, 1)
    either.clock.forward(minutes=1)
    before = len(either.control("requests")["requests"])
    result = either.track()
    assert (result.updated, result.errors) == (1, 3)
    asked = [one.get("order") for one in either.control("requests")["requests"][before:]]
    assert next(code for code in asked if code) == good.code
    mend(either)
    assert either.track().updated == 3


def test_an_order_that_was_withdrawn_is_not_asked_about_for_ever(bed: World) -> None:
    bad, _ = sent(bed, 2)
    spoil(bed, bad)
    bed.track()
    bed.parts.ledger.transitions.cancel(bad.code, bad.code, "it was cancelled")
    assert bed.track().errors == 0


def test_a_dry_run_remembers_nothing(either: World) -> None:
    bad, _ = sent(either, 2)
    spoil(either, bad)
    assert either.track(dry_run=True).errors == 1
    assert either.parts.ledger.unread.of("tracking.unanswered") == {}


@pytest.mark.parametrize("error", [RunOver("the run is over"), LedgerError("the disk is full")])
@pytest.mark.parametrize("step", ["orders", "add"])
def test_what_ends_the_run_is_no_orders_trouble(
    either: World, monkeypatch: pytest.MonkeyPatch, error: SyncError, step: str
) -> None:
    """Nothing is wrong with the order that was being worked on: it is asked first next time."""
    orders = sent(either, 2)
    fulfilments = either.parts.shop.fulfilments

    def ended(*_given: Any, **_named: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(type(fulfilments), step, ended)
        with pytest.raises(type(error)):
            either.track()
    assert either.parts.ledger.unread.of("tracking.unanswered") == {}
    either.clock.forward(minutes=30)
    either.reopen()
    either.track()
    assert [either.order(one).state for one in orders] == ["Shipped", "Shipped"]
    assert standing(either) == []
