"""Every kind of record that the orders job reads, by every way in which it can be bad.

In all of them fresh orders leave in that very run, the bad one is named and remembered, a person is
told once when its time has come, and it goes its way once it is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from orders_kit import CREATE, DIALECTS, LOOK_UP, Bed, bed
from sample import sample

from veracore_sync.domain.errors import AuthRefused, UpstreamError

SHOP_WAYS = (
    "html_500",
    "http_503",
    "http_429",
    "reset_before",
    "reset_after",
    "hang_after",
    "truncate",
    "graphql_error_plain",
    "graphql_error_coded",
    "graphql_error_path",
    "null_fields",
    "odd_moment",
    "session_expired",
)
VERACORE_WAYS = (
    "html_500",
    "http_503",
    "http_429",
    "http_403",
    "reset_before",
    "hang_after",
    "truncate",
    "fault_unlisted",
    "bad_login",
)


@dataclass(frozen=True)
class Kind:
    """A kind of record. `make` leaves one that the next run reads, and returns its code.

    `side`: who spoils it. `told`: the alert that comes in time. `ends`: its state once mended.
    """

    make: Callable[[Bed], str]
    side: str
    told: str
    ends: str = "synced"


def a_new_order(one: Bed) -> str:
    return one.place(1)[0]


def an_order_parked_by_us(one: Bed) -> str:
    code = one.place(1, address={"city": ""})[0]
    assert one.run().exit_code == 3
    return code


def a_modified_order(one: Bed) -> str:
    code = one.place(1)[0]
    one.run()
    one.clock.forward(minutes=5)
    one.shop.state.set_address(one.shop.state.order(code), city="Hamburg")
    return code


def an_old_order(one: Bed) -> str:
    code = one.place(1, placed_at=one.clock.now())[0]
    one.clock.forward(hours=2)
    return code


def a_doubt(one: Bed) -> str:
    one.place(1)
    one.run()
    code = one.place(1)[0]
    look_up = {"kinds": ["http_503"], "operations": [LOOK_UP[one.dialect]]}
    one.control("faults", {"kinds": ["reset_after"], "operations": [CREATE[one.dialect]]})
    one.control("faults", look_up)
    one.run()
    one.mend()
    assert one.row(code).state == "in_doubt"
    one.clock.forward(minutes=10)
    return code


KINDS = {
    "new": Kind(a_new_order, "shop", "order.old"),
    "parked": Kind(an_order_parked_by_us, "shop", "order.parked", "parked"),
    "modified": Kind(a_modified_order, "shop", "order.unreadable"),
    "old": Kind(an_old_order, "veracore", "order.old"),
    "doubt": Kind(a_doubt, "veracore", "order.old"),
}
# A fault of the shop is the same whatever the warehouse speaks.
TABLE = [
    (dialect, name, way)
    for name, kind in KINDS.items()
    for dialect in (DIALECTS[:1] if kind.side == "shop" else DIALECTS)
    for way in (SHOP_WAYS if kind.side == "shop" else VERACORE_WAYS)
]
CASES = [
    pytest.param(*case, id="-".join(case))
    for case in sample(TABLE, lambda case: (case[:2], (KINDS[case[1]].side, case[2])), times=1)
]
LIST_WAYS = (
    "html_500",
    "reset_before",
    "hang_after",
    "truncate",
    "graphql_error_path",
    "null_fields",
    "odd_moment",
)
LISTS = ["PollOrders", "ListOrders"]


@pytest.fixture(params=DIALECTS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    with bed(tmp_path, request.param) as made:
        yield made


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Bed]:
    with bed(tmp_path, "oms") as made:
        yield made


def spoil(one: Bed, side: str, way: str, *codes: str) -> None:
    for code in codes:
        if side == "shop":
            one.shop.add_faults([way], operations=["ReadOrders", "CompareOrders"], order=code)
        else:
            rule = {"kinds": [way], "operations": [LOOK_UP[one.dialect]], "order": code}
            one.control("faults", rule)


@pytest.mark.parametrize(("either", "name", "way"), CASES, indirect=["either"])
def test_one_bad_record(either: Bed, name: str, way: str) -> None:
    kind = KINDS[name]
    bad = kind.make(either)
    spoil(either, kind.side, way, bad)
    fresh = either.place(4)
    first = either.run()
    assert first.error is None, first.error
    assert either.states(fresh) == {"synced"}
    told = {order["vendureOrderCode"] for order in first.document["orders"]}
    assert bad in told or any(bad in note for note in first.document.get("notes", ()))
    assert bad in either.remembered() or way in ("fault_unlisted", "truncate", "http_403"), way

    codes, again = [], []
    for minutes in (5, 50, 40, 400, 800, 400):
        either.clock.forward(minutes=minutes)
        again.append(either.place(1)[0])
        codes.append(either.run().exit_code)
    assert set(codes) <= {0, 3}
    assert either.states(again) == {"synced"}
    alerts = [one for one in either.standing() if one[1] == bad]
    assert alerts, "a person is told"
    assert kind.told in [alert for alert, _ in alerts] or either.row(bad).state == "parked"
    assert codes.count(3) <= 2, "once, and once more where it is parked"

    either.mend()
    if either.row(bad).cause == "exhausted":
        either.clock.forward(hours=1)
        either.run(bad)
    for _ in range(3):
        either.clock.forward(hours=1)
        either.run()
    assert either.row(bad).state == kind.ends
    assert bad not in either.remembered()
    assert "order.unreadable" not in [alert for alert, _ in either.standing()]


@pytest.mark.parametrize("workers", ["1", "4"])
@pytest.mark.parametrize("way", ["fault_unlisted", "html_500", "reset_before"])
def test_many_old_orders_whose_look_up_fails(either: Bed, workers: str, way: str) -> None:
    either.env["VERACORE_SYNC_ORDERS__WORKERS"] = workers
    either.place(1)
    either.run()
    bad = either.place(8, placed_at=either.clock.now())
    either.clock.forward(hours=2)
    spoil(either, "veracore", way, *bad)
    fresh = either.place(6)
    either.run()
    either.run()
    assert either.states(fresh) == {"synced"}
    assert either.states(bad) == {"pending"}


def test_what_concerns_the_shop_as_a_whole_ends_the_run(one: Bed) -> None:
    fresh = one.place(3)
    one.shop.add_faults(["html_500"], operations=["ReadOrders"])
    report = one.run()
    assert isinstance(report.error, UpstreamError)
    assert one.states(fresh) == {"pending"}
    assert one.asked("ReadOrders") <= 6, "no order was asked for by itself"
    one.mend()
    one.clock.forward(minutes=6)
    one.run()
    assert one.states(fresh) == {"synced"}


@pytest.mark.parametrize("way", ["html_500", "bad_login"])
def test_what_concerns_veracore_as_a_whole_ends_the_run(either: Bed, way: str) -> None:
    either.place(1)
    either.run()
    bad = either.place(3, placed_at=either.clock.now())
    either.clock.forward(hours=2)
    either.control("faults", {"kinds": [way], "operations": [LOOK_UP[either.dialect]]})
    report = either.run()
    assert isinstance(report.error, AuthRefused if way == "bad_login" else UpstreamError)
    assert either.states(bad) == {"pending"}
    either.mend()
    either.clock.forward(hours=2)
    either.run()
    assert either.states(bad) == {"synced"}


def test_one_that_hangs_is_asked_for_ever_more_rarely(one: Bed) -> None:
    bad = one.place(1)[0]
    spoil(one, "shop", "html_500", bad)
    asked = []
    for _ in range(12):
        before = one.asked("ReadOrders")
        one.run()
        asked.append(one.asked("ReadOrders") > before)
        one.clock.forward(minutes=5)
    assert asked[:3] == [True, True, True]
    assert sum(asked) <= 7
    assert one.row(bad).next_attempt_at is not None


def test_named_orders_leave_beside_a_bad_one_and_it_is_said(one: Bed) -> None:
    bad, good = one.place(2)
    spoil(one, "shop", "graphql_error_path", bad)
    report = one.run(bad, good)
    assert report.exit_code == 69
    assert any(bad in note for note in report.document["notes"])
    assert one.row(good).state == "synced"


def test_a_dry_run_plans_the_others(one: Bed) -> None:
    bad, good = one.place(2)
    one.shop.add_faults(["graphql_error_path"], operations=["ReadOrders"], order=bad)
    report = one.run(dry_run=True)
    assert [action["vendureOrderCode"] for action in report.document["plan"]] == [good]
    assert any(bad in note for note in report.document["notes"])


@pytest.mark.parametrize("way", LIST_WAYS)
def test_an_entry_of_the_list(one: Bed, way: str) -> None:
    before, bad = one.place(2)
    one.shop.add_faults([way], operations=LISTS, order=bad)
    fresh = one.place(4)
    report = one.run()
    assert report.exit_code == 0, report.error
    assert one.states([before, *fresh]) == {"synced"}
    assert any(bad in note for note in report.document["notes"])
    assert bad in one.remembered()
    codes = []
    for minutes in (30, 40, 400):
        one.clock.forward(minutes=minutes)
        codes.append(one.run().exit_code)
    assert codes == [0, 3, 0]
    assert one.standing() == [("order.unreadable", bad)]
    one.mend()
    report = one.run()
    assert one.row(bad).state == "synced", (report.error, report.document)
    assert (one.standing(), one.remembered()) == ([], set())


def test_an_entry_that_cannot_even_be_named(one: Bed) -> None:
    bad = one.place(1)[0]
    one.shop.add_faults(["html_500"], operations=[*LISTS, "NameOrders"], order=bad)
    fresh = one.place(3)
    for minutes in (0, 70):
        one.clock.forward(minutes=minutes)
        report = one.run()
    assert one.states(fresh) == {"synced"}
    assert report.exit_code == 3
    assert one.standing() == [("order.unreadable", None)]
    one.mend()
    one.run()
    assert one.standing() == []


@pytest.mark.parametrize("way", LIST_WAYS)
def test_a_modified_order_that_cannot_be_listed(one: Bed, way: str) -> None:
    code = a_modified_order(one)
    one.shop.add_faults([way], operations=LISTS, order=code)
    fresh = one.place(4)
    assert one.run().error is None
    assert one.states(fresh) == {"synced"}
    one.clock.forward(hours=3)
    one.place(1)
    one.run()
    one.mend()
    one.clock.forward(hours=3)
    one.run()
    assert ("order.drift", code) in one.standing()


def test_a_side_list_that_fails_as_a_whole_keeps_no_order(one: Bed) -> None:
    one.place(1)
    one.run()
    one.clock.forward(minutes=30)
    code = a_modified_order(one)
    one.shop.add_faults(["html_500"], operations=LISTS, order=code)
    one.shop.add_faults(["html_500"], operations=["CompareOrders"], order=code)
    fresh = one.place(2)
    codes = []
    for minutes in (0, 70, 70):
        one.clock.forward(minutes=minutes)
        codes.append(one.run().exit_code)
    assert codes == [0, 3, 0]
    assert one.states(fresh) == {"synced"}


@pytest.mark.parametrize("way", ["html_500", "reset_before", "fault_unlisted"])
def test_orders_whose_create_fails(either: Bed, way: str) -> None:
    either.place(1)
    either.run()
    bad = either.place(3)
    for code in bad:
        rule = {"kinds": [way], "operations": [CREATE[either.dialect]], "order": code}
        either.control("faults", rule)
    late = []
    for _ in range(8):
        late += either.place(2)
        either.run()
        either.clock.forward(minutes=7)
    either.run()
    assert either.states(late[:-2]) == {"synced"}
