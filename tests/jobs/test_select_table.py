"""Which orders a run works on: the selector's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fakes import START, make_settings

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import OrderRow, fresh_row
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.orders.select import Selection, Selector, comes_back

NOW = START
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NOT_BEFORE = START - 30 * DAY
LONGEST = timedelta(hours=4)
HOME, SELLERS = "__default_channel__", "sellers"
PARKED, SKIPPED, FAILED, PENDING = (
    OrderState.PARKED,
    OrderState.SKIPPED,
    OrderState.FAILED,
    OrderState.PENDING,
)
OURS, REFUSED, EXHAUSTED, RULE = (
    OrderCause.OURS,
    OrderCause.REFUSED,
    OrderCause.EXHAUSTED,
    OrderCause.RULE,
)


def stub(code: str, **facts: Any) -> OrderStub:
    placed = START - DAY
    return replace(OrderStub(code, code, "PaymentSettled", "Regular", placed, placed), **facts)


def row(code: str, state: OrderState = PENDING, **facts: Any) -> OrderRow:
    given = {"settings_hash": "now", "placed_at": to_text(START - DAY), **facts}
    for name in ("next_attempt_at", "checked_at", "placed_at"):
        if isinstance(given.get(name), datetime):
            given[name] = to_text(given[name])
    return replace(fresh_row(code, code, to_text(START - DAY)), state=state, **given)


def select(
    waiting: Sequence[OrderStub] = (),
    rows: Sequence[OrderRow] = (),
    *,
    held: Sequence[str] | None = None,
    channel: str = HOME,
    orders: dict[str, Any] | None = None,
    **rules: Any,
) -> Selection:
    settings = make_settings(orders=orders or {}).orders
    selector = Selector(settings, "now", NOT_BEFORE, NOW, LONGEST, **rules)
    known = {one.code: one for one in rows}
    known |= {code: row(code, OrderState.SYNCED) for code in held or ()}
    return selector.select(waiting, known, rows, channel)


def checked(
    code: str, state: OrderState, cause: OrderCause, ago: timedelta = SECOND, **facts: Any
) -> OrderRow:
    """An order that was planned some time ago, with the settings of now."""
    return row(code, state, cause=cause, **{"checked_at": NOW - ago, **facts})


# ---- what the ledger does not have ---------------------------------------------------------------


def test_what_the_ledger_has_is_not_new() -> None:
    chosen = select([stub("A"), stub("B"), stub("C")], held=["B"])
    assert [one.code for one in chosen.new] == ["A", "C"]
    assert (chosen.early, chosen.foreign, chosen.elsewhere, chosen.due) == ([], [], [], [])


@pytest.mark.parametrize(
    ("placed", "is_early"),
    [(NOT_BEFORE - SECOND, True), (NOT_BEFORE, False), (NOT_BEFORE + SECOND, False), (None, False)],
)
def test_orders_from_before_the_start_are_told_apart(
    placed: datetime | None, is_early: bool
) -> None:
    chosen = select([stub("A", placed_at=placed)])
    assert (len(chosen.early), len(chosen.new)) == ((1, 0) if is_early else (0, 1))


def test_types_that_are_not_sent_are_foreign() -> None:
    waiting = [stub("R"), stub("S", type="Seller"), stub("A", type="Aggregate")]
    at_home = select(waiting)
    assert ([one.code for one in at_home.new], at_home.types) == (["R"], {"Regular"})
    assert [one.code for one in at_home.foreign] == ["S", "A"]
    at_the_sellers = select(waiting, channel=SELLERS, held=["A"])
    assert [one.code for one in at_the_sellers.new] == ["R", "S"]
    # it is in the ledger already
    assert at_the_sellers.foreign == []


def test_orders_of_other_channels_are_elsewhere() -> None:
    orders = {"channels": ["eu"]}
    waiting = [
        stub("EU", channels=(HOME, "eu")),
        stub("US", channels=(HOME, "us")),
        stub("BOTH", channels=(HOME, "eu", "us")),
        stub("OLD-US", channels=(HOME, "us"), placed_at=NOT_BEFORE - DAY),
        stub("KNOWN-US", channels=(HOME, "us")),
    ]
    chosen = select(waiting, held=["KNOWN-US"], orders=orders)
    assert [one.code for one in chosen.new] == ["EU", "BOTH"]
    assert [one.code for one in chosen.elsewhere] == ["US", "OLD-US"]
    assert chosen.early == []


def test_how_many_may_be_sent_for_the_first_time() -> None:
    chosen = select([stub("A"), stub("B")], [row("C")])
    assert chosen.candidates == 3


# ---- what is due ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [PENDING, FAILED])
@pytest.mark.parametrize(
    ("until", "is_due"),
    [
        (None, True),
        (NOW - SECOND, True),
        (NOW, True),
        (NOW + SECOND, False),
        (NOW + LONGEST, False),
        # only a wrong clock puts off for longer than the longest wait
        (NOW + LONGEST + SECOND, True),
    ],
)
def test_a_stored_wait_is_obeyed(state: OrderState, until: datetime | None, is_due: bool) -> None:
    rows = [row("A", state, next_attempt_at=until)]
    assert select(rows=rows).due == (["A"] if is_due else [])
    assert select(rows=rows, explicit=True).due == ["A"]


def test_a_parked_order_is_no_fresh_one() -> None:
    assert select(rows=[row("A", PARKED, cause=OURS)]).due == []


@pytest.mark.parametrize(
    ("cause", "placed", "explicit", "comes"),
    [
        (OrderCause.STATE, START, False, True),
        (OrderCause.TYPE, START, False, True),
        (OrderCause.RESOLVED, START, False, False),
        (OrderCause.RESOLVED, START, True, False),
        (OrderCause.CHANNEL, START, False, False),
        (OrderCause.CHANNEL, START, True, True),
        (OrderCause.EARLY, NOT_BEFORE - SECOND, False, False),
        (OrderCause.EARLY, NOT_BEFORE - SECOND, True, False),
        (OrderCause.EARLY, NOT_BEFORE, False, True),
        (OrderCause.EARLY, None, False, True),
    ],
)
def test_a_skipped_order_comes_back_when_its_reason_is_gone(
    cause: OrderCause, placed: datetime | None, explicit: bool, comes: bool
) -> None:
    skipped = row("A", SKIPPED, cause=cause)
    assert comes_back(skipped, placed, NOT_BEFORE, explicit=explicit) is comes
    # unless it is said that a person named it, none did
    assert explicit or comes_back(skipped, placed, NOT_BEFORE) is comes
    chosen = select([stub("A", placed_at=placed)], [skipped], explicit=explicit)
    assert chosen.due == (["A"] if comes else [])
    # not while the shop does not list it
    assert select([stub("B")], [skipped], explicit=explicit).due == []


def test_of_a_skipped_order_its_stored_wait_says_nothing() -> None:
    skipped = row("A", SKIPPED, cause=OrderCause.STATE, next_attempt_at=NOW + HOUR)
    assert select([stub("A")], [skipped]).due == ["A"]


def test_the_oldest_first_and_what_was_tried_before_last() -> None:
    rows = [
        row("failed", FAILED, placed_at=NOW - 9 * DAY),
        row("tried", attempt=1, placed_at=NOW - 8 * DAY),
        row("b", placed_at=NOW - 2 * DAY),
        row("c", placed_at=NOW - 2 * DAY),
        row("a", placed_at=NOW - DAY),
        row("unknown", placed_at=None),
    ]
    chosen = select(rows=list(reversed(rows)))
    assert chosen.due == ["unknown", "b", "c", "a", "failed", "tried"]


# ---- what is planned again -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "is_certain"),
    [
        (HOUR, True),
        (HOUR + SECOND, True),
        (HOUR - SECOND, False),
        (timedelta(0), False),
        # a clock that was wrong: it must not hide the order until then
        (-SECOND, True),
        (-DAY, True),
    ],
)
def test_what_we_parked_is_planned_again_each_hour(ago: timedelta, is_certain: bool) -> None:
    # 50 others that have to be planned again leave no spare place.
    crowd = [checked(f"X{n:02}", PARKED, OURS, 2 * HOUR) for n in range(50)]
    chosen = select(rows=[checked("A", PARKED, OURS, ago), *crowd])
    assert ("A" in chosen.rechecks) is is_certain
    assert len(chosen.rechecks) == 50 + is_certain


@pytest.mark.parametrize(
    ("facts", "listed", "is_chosen"),
    [
        ({}, None, False),
        ({"checked_at": None}, None, True),
        ({"checked_at": None}, NOW - 2 * SECOND, True),
        ({"settings_hash": "before"}, None, True),
        ({"settings_hash": None}, None, False),
        ({}, NOW - 2 * SECOND, False),
        # exactly when it was read: that change was seen
        ({}, NOW - SECOND, False),
        ({}, NOW, True),
        # a shop's clock that is ahead shows no change
        ({}, NOW + SECOND, False),
        ({"checked_at": NOW + DAY}, NOW - DAY, True),
    ],
)
def test_what_we_parked_is_planned_again_when_something_changed(
    facts: dict[str, Any], listed: datetime | None, is_chosen: bool
) -> None:
    crowd = [checked(f"X{n:02}", PARKED, OURS, 2 * HOUR) for n in range(50)]
    waiting = [stub("A", updated_at=listed)] if listed else []
    parked = replace(
        checked("A", PARKED, OURS),
        **{k: to_text(v) if isinstance(v, datetime) else v for k, v in facts.items()},
    )
    assert ("A" in select(waiting, [parked, *crowd]).rechecks) is is_chosen


def test_spare_places_go_to_the_other_parked_ones() -> None:
    """At most 50 are read again in a run; those that must be come first and are never cut."""
    must = [checked(f"M{n:02}", PARKED, OURS, 2 * HOUR) for n in range(20)]
    may = [checked(f"N{n:02}", PARKED, OURS) for n in range(40)]
    chosen = select(rows=[*may, *must]).rechecks
    assert len(chosen) == 50
    assert chosen[:20] == [one.code for one in must]
    assert set(chosen[20:]) <= {one.code for one in may}
    more = [checked(f"P{n:02}", PARKED, OURS, 2 * HOUR) for n in range(60)]
    assert len(select(rows=more).rechecks) == 60
    assert len(select(rows=[*may, *more]).rechecks) == 60
    # a person who names them is not made to wait
    assert len(select(rows=[*may, *must], explicit=True).rechecks) == 60


def test_spare_places_go_to_those_unchecked_for_longest() -> None:
    must = [checked(f"M{n:02}", PARKED, OURS, 2 * HOUR) for n in range(49)]
    may = [checked("late", PARKED, OURS, SECOND), checked("long", PARKED, OURS, 9 * SECOND)]
    assert select(rows=[*may, *must]).rechecks[49:] == ["long"]
    assert select(rows=[*reversed(may), *must]).rechecks[49:] == ["long"]


def test_what_a_rule_skipped_is_planned_again_while_the_shop_lists_it() -> None:
    skipped = checked("A", SKIPPED, RULE, 2 * HOUR)
    assert select([stub("A")], [skipped]).rechecks == ["A"]
    assert select([], [skipped]).rechecks == []
    # it takes no spare place before its hour is over
    assert select([stub("A")], [checked("A", SKIPPED, RULE)]).rechecks == []
    assert select([stub("A")], [checked("A", SKIPPED, OrderCause.RESOLVED, DAY)]).rechecks == []


@pytest.mark.parametrize(
    ("changed", "explicit", "is_chosen"),
    [(False, False, False), (True, False, True), (False, True, True)],
)
def test_what_failed_too_often_waits_for_a_change_or_a_person(
    changed: bool, explicit: bool, is_chosen: bool
) -> None:
    tired = checked("A", PARKED, EXHAUSTED, DAY, settings_hash="before" if changed else "now")
    chosen = select([stub("A")], [tired], explicit=explicit)
    assert chosen.rechecks == (["A"] if is_chosen else [])


@pytest.mark.parametrize("cause", [OURS, EXHAUSTED, RULE])
def test_a_failed_or_pending_order_is_no_parked_one(cause: OrderCause) -> None:
    rows = [checked("A", FAILED, cause, DAY), checked("B", PENDING, cause, DAY)]
    assert select([stub("A"), stub("B")], rows, explicit=True).rechecks == []


# ---- what VeraCore refused -----------------------------------------------------------------------


def refused(code: str, **facts: Any) -> OrderRow:
    return checked(code, PARKED, REFUSED, **{"next_attempt_at": NOW - SECOND, **facts})


def test_ten_refused_ones_are_tried_again_in_a_run() -> None:
    rows = [refused(f"R{n:02}") for n in range(15)]
    waiting = [stub(one.code) for one in rows]
    assert select(waiting, rows).rechecks == [f"R{n:02}" for n in range(10)]
    # a person who names them is not made to wait
    assert len(select(waiting, rows, explicit=True).rechecks) == 15


def test_refused_ones_come_after_those_that_cost_nothing() -> None:
    rows = [refused("R"), checked("P", PARKED, OURS, 2 * HOUR)]
    assert select([stub("R"), stub("P")], rows).rechecks == ["P", "R"]


@pytest.mark.parametrize(
    ("until", "updated", "read", "is_chosen"),
    [
        (NOW + HOUR, START - DAY, NOW - SECOND, False),
        (NOW - SECOND, START - DAY, NOW - SECOND, True),
        # it was changed in the shop: what was refused may be right now
        (NOW + HOUR, NOW, NOW - SECOND, True),
        # a wrong clock says when it was read: it may have been changed since
        (NOW + HOUR, START - DAY, NOW + DAY, True),
    ],
)
def test_a_refused_one_is_tried_again_in_its_time_or_after_a_change(
    until: datetime, updated: datetime, read: datetime, is_chosen: bool
) -> None:
    rows = [refused("R", next_attempt_at=until, checked_at=read)]
    chosen = select([stub("R", updated_at=updated)], rows)
    assert chosen.rechecks == (["R"] if is_chosen else [])


def test_a_refused_one_that_the_shop_does_not_list_takes_no_place_of_the_ten() -> None:
    gone = [refused("G00", checked_at=None), *(refused(f"G{n:02}") for n in range(1, 12))]
    here = [refused(f"R{n:02}") for n in range(12)]
    chosen = select([stub(one.code) for one in here], [*gone, *here]).rechecks
    assert [code for code in chosen if code.startswith("R")] == [f"R{n:02}" for n in range(10)]
    assert [code for code in chosen if code.startswith("G")] == [one.code for one in gone]


def test_a_refused_one_that_cannot_be_read_is_asked_for_last_and_beside_the_ten() -> None:
    rows = [refused("BAD"), *(refused(f"R{n:02}") for n in range(11))]
    chosen = select([stub(one.code) for one in rows], rows, unread=["BAD"]).rechecks
    assert chosen == [*(f"R{n:02}" for n in range(10)), "BAD"]


@pytest.mark.parametrize("state", [FAILED, PENDING, SKIPPED])
def test_only_a_parked_order_is_a_refused_one(state: OrderState) -> None:
    rows = [checked("A", state, REFUSED, DAY, next_attempt_at=NOW + HOUR)]
    assert select([stub("A", updated_at=NOW)], rows).rechecks == []


def test_each_order_is_chosen_once() -> None:
    rows = [
        checked("A", PARKED, OURS, 2 * HOUR),
        checked("B", PARKED, OURS),
        refused("C"),
        refused("D"),
    ]
    chosen = select([stub("C")], rows).rechecks
    assert sorted(chosen) == ["A", "B", "C", "D"]
