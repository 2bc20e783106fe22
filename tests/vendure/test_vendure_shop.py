"""The shop's listings: one request in the usual case, complete or an error, oldest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_httpx import HTTPXMock
from vendure_kit import (
    URL,
    error,
    listed,
    login_ok,
    operations,
    page,
    polled,
    shop,
    stub,
    variables,
)

from veracore_sync.domain.errors import ProtocolError, Unavailable
from veracore_sync.ports.shop import Poll
from veracore_sync.vendure.shop import VendureShop

SINCE = datetime(2026, 11, 23, 5, 0, 0, 250_000, tzinfo=UTC)


def add(httpx_mock: HTTPXMock, *answers: dict[str, Any]) -> None:
    for answer in answers:
        httpx_mock.add_response(url=URL, **answer)


def waiting(asking: VendureShop) -> Poll:
    return asking.poll(
        trigger_states=["PaymentSettled"], moved_since=None, passed_states=[], passed_since=None
    )


def test_a_poll_is_one_request(httpx_mock: HTTPXMock) -> None:
    add(
        httpx_mock,
        login_ok(),
        polled(
            waiting=page([stub(3), stub(2), stub(1)]),
            moved=page([stub(4, type="Aggregate")]),
            passed=page([stub(5, state="Shipped", type="Seller")]),
        ),
    )
    poll = shop().poll(
        trigger_states=["PaymentSettled", "PaymentAuthorized"],
        moved_since=SINCE,
        passed_states=["Shipped"],
        passed_since=SINCE,
    )
    assert [order.code for order in poll.waiting] == ["CODE0001", "CODE0002", "CODE0003"]
    assert [order.type for order in poll.moved + poll.passed] == ["Aggregate", "Seller"]
    assert (poll.money_precision, poll.channel_code) == (2, "__default_channel__")
    assert poll.waiting[0].placed_at == datetime(2026, 11, 23, 6, 1, 57, 381_000, tzinfo=UTC)
    assert operations(httpx_mock.get_requests()) == ["Login", "PollOrders"]
    told = variables(httpx_mock.get_requests()[-1])
    assert told["waiting"]["filter"] == {"state": {"in": ["PaymentSettled", "PaymentAuthorized"]}}
    assert told["moved"]["filter"] == {
        "active": {"eq": False},
        "orderPlacedAt": {"isNull": False},
        "updatedAt": {"after": "2026-11-23T05:00:00.250Z"},
    }
    assert told["passed"]["filter"] == {
        "active": {"eq": False},
        "state": {"in": ["Shipped"]},
        "orderPlacedAt": {"after": "2026-11-23T05:00:00.250Z"},
    }


def test_lists_that_nobody_wants_are_not_asked_for(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), polled(waiting=page([])))
    poll = waiting(shop())
    assert (poll.waiting, poll.moved, poll.passed) == ((), (), ())
    told = variables(httpx_mock.get_requests()[-1])
    assert [told[f"with{name}"] for name in ("Waiting", "Moved", "Passed")] == [True, False, False]
    assert "moved" not in told
    assert "passed" not in told


def test_orders_of_one_moment_come_by_number(httpx_mock: HTTPXMock) -> None:
    at = {"orderPlacedAt": "2026-11-23T06:00:00.000Z"}
    unplaced = stub(1, orderPlacedAt=None)
    add(
        httpx_mock,
        login_ok(),
        polled(waiting=page([unplaced, stub(10, **at), stub(9, **at), stub(2, **at)])),
    )
    assert [order.id for order in waiting(shop()).waiting] == ["2", "9", "10", "1"]


def test_further_pages_follow_what_came(httpx_mock: HTTPXMock) -> None:
    add(
        httpx_mock,
        login_ok(),
        polled(waiting=page([stub(1), stub(2)], total=5)),
        listed(page([stub(2), stub(3)], total=5)),
        listed(page([stub(4)], total=5)),
    )
    poll = waiting(shop())
    assert [order.id for order in poll.waiting] == ["1", "2", "3", "4"]
    further = [variables(request)["options"] for request in httpx_mock.get_requests()[2:]]
    assert [options["skip"] for options in further] == [2, 4]
    assert all(options["sort"] == {"id": "ASC"} for options in further)
    assert all(options["filter"] == {"state": {"in": ["PaymentSettled"]}} for options in further)


def test_a_total_that_shrinks_ends_the_list(httpx_mock: HTTPXMock) -> None:
    add(
        httpx_mock,
        login_ok(),
        polled(waiting=page([stub(1), stub(2)], total=3)),
        listed(page([], total=2)),
    )
    assert len(waiting(shop()).waiting) == 2


def test_an_order_that_arrives_between_items_and_total_is_asked_for(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), polled(waiting=page([], total=1)), listed(page([stub(1)])))
    assert len(waiting(shop()).waiting) == 1


@pytest.mark.parametrize(("listed_there", "total"), [(0, 2), (2, 5), (30, 41)])
def test_a_list_that_stays_far_too_short_is_an_error(
    httpx_mock: HTTPXMock, listed_there: int, total: int
) -> None:
    stubs = [stub(number) for number in range(listed_there)]
    add(httpx_mock, login_ok(), polled(waiting=page(stubs, total=total)))
    empty = min(total - listed_there + 1, 11)
    add(httpx_mock, *[listed(page([], total=total))] * (empty if stubs else empty - 1))
    with pytest.raises(ProtocolError, match="incompletely"):
        waiting(shop())


@pytest.mark.parametrize(("listed_there", "total"), [(0, 1), (2, 4), (30, 40)])
def test_an_entry_that_is_counted_and_not_listed_is_named(
    httpx_mock: HTTPXMock, listed_there: int, total: int
) -> None:
    stubs = [stub(number) for number in range(listed_there)]
    add(httpx_mock, login_ok(), polled(waiting=page(stubs, total=total)))
    empty = total - listed_there + 1
    add(httpx_mock, *[listed(page([], total=total))] * (empty if stubs else empty - 1))
    poll = waiting(shop())
    assert len(poll.waiting) == listed_there
    assert [one.name for one in poll.unlisted] == [
        "an entry of the waiting orders that is counted and not listed"
    ]


def test_a_page_that_fails_while_nothing_is_answered_fails_the_poll(httpx_mock: HTTPXMock) -> None:
    add(httpx_mock, login_ok(), polled(waiting=page([stub(1)], total=2)))
    add(httpx_mock, *[error("deadlock detected")] * 6)
    with pytest.raises(Unavailable):
        waiting(shop())


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"waiting": {"items": []}}, "waiting.totalItems"),
        ({"waiting": None}, "waiting"),
        ({"waiting": page([]), "activeChannel": {}}, "activeChannel.code"),
        ({"waiting": page([]), "globalSettings": {"serverConfig": {}}}, "moneyStrategyPrecision"),
    ],
)
def test_a_listing_of_another_shape_names_the_field(
    httpx_mock: HTTPXMock, changed: dict[str, Any], field: str
) -> None:
    add(httpx_mock, login_ok(), polled(**changed))
    with pytest.raises(ProtocolError, match=field):
        waiting(shop())


@pytest.mark.parametrize(
    ("changes", "name", "field"),
    [
        ({"code": None}, "id 2", "waiting.items[1].code"),
        ({"code": None, "id": None}, "entry 2 of the waiting orders", "waiting.items[1].id"),
        ({"updatedAt": "today"}, "C2", "waiting.items[1].updatedAt"),
        ({"orderPlacedAt": 7}, "C2", "waiting.items[1].orderPlacedAt"),
    ],
)
def test_an_entry_of_another_shape_is_named_and_the_others_are_listed(
    httpx_mock: HTTPXMock, changes: dict[str, Any], name: str, field: str
) -> None:
    bad = {**stub(2), "code": "C2", **changes}
    add(httpx_mock, login_ok(), polled(waiting=page([stub(1), bad, stub(3)])))
    poll = waiting(shop())
    assert [one.id for one in poll.waiting] == ["1", "3"]
    [unlisted] = poll.unlisted
    assert (unlisted.name, unlisted.listed_in) == (name, "waiting")
    assert field in unlisted.error.message


# ---- identity -------------------------------------------------------------------------------


def test_identity_is_the_same_for_the_same_shop() -> None:
    plain = shop(admin_api_url="https://shop.example.com/admin-api").identity
    assert plain == "https://shop.example.com/admin-api default"
    assert shop(admin_api_url="HTTPS://Shop.Example.com:443/admin-api/").identity == plain
    assert shop(admin_api_url="https://shop.example.com:8443/admin-api").identity != plain
    assert shop(admin_api_url="http://[::1]:3000/admin-api").identity.startswith(
        "http://[::1]:3000/admin-api "
    )


def test_identity_tells_channels_apart_without_their_tokens() -> None:
    one, two = shop(channel_token="chan-1").identity, shop(channel_token="chan-2").identity
    assert one != two
    assert "chan-1" not in one
    assert one == shop(channel_token="chan-1", api_key="another").identity


def test_a_bad_entry_of_a_side_list_is_looked_for_after_the_waiting_orders(
    httpx_mock: HTTPXMock,
) -> None:
    add(
        httpx_mock,
        login_ok(),
        error("Cannot return null for non-nullable field Order.state."),
        polled(),
        listed(page([stub(1)])),
    )
    one = shop()
    poll = one.poll(
        trigger_states=("PaymentSettled",),
        moved_since=SINCE,
        passed_states=("Shipped",),
        passed_since=SINCE,
        defer=True,
    )
    assert [order.id for order in poll.waiting] == ["1"]
    assert (poll.moved, poll.passed, len(httpx_mock.get_requests())) == ((), (), 4)
    add(httpx_mock, listed(page([stub(2)])), listed(page([stub(3)])))
    whole = poll.completed()
    assert [order.id for order in (*whole.waiting, *whole.moved, *whole.passed)] == ["1", "2", "3"]
    assert whole.completed() is whole
