"""The ids of an order at VeraCore, and which order a code means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import START

from veracore_sync.clock import to_text
from veracore_sync.domain.identity import differs, in_another_channel, is_another, left_before
from veracore_sync.domain.order_records import fresh_row
from veracore_sync.domain.warehouse import Package, Shipment, WarehouseRecord
from veracore_sync.jobs.orders.ids import (
    MAX_ABSENT,
    MAX_RENEWALS,
    is_derived,
    most_absent,
    other_ids,
    renewed_id,
    renewed_ids,
    warehouse_id,
)

LONG = "SUMMER-SALE-2026-ORDER-10012"


@pytest.mark.parametrize(
    ("code", "prefix", "taken", "expected"),
    [
        ("A1", "", (), "A1"),
        ("A1", "VS-", (), "VS-A1"),
        # 20 characters fit, with the prefix; one more is cut
        ("A" * 20, "", (), "A" * 20),
        ("A" * 21, "", (), "AAAAAAAAAAA-6SG6CZJ7"),
        ("A" * 17, "VS-", (), "VS-AAAAAAAAAAAAAAAAA"),
        ("A" * 18, "VS-", (), "VS-AAAAAAAA-2JZ4NNW6"),
        (LONG, "", (), "SUMMER-SALE-CCNYNUZH"),
        # a character that VeraCore may not keep
        ("A/1", "", (), "A1-UWZ5E6TS"),
        ("Größe 1", "", (), "Gre1-HBJDELYH"),
        # another order's
        ("A1", "", ("A1",), "A1-C2RW5BXW"),
        ("A1", "VS-", ("A1",), "VS-A1"),
        ("A1", "VS-", ("VS-A1",), "VS-A1-C2RW5BXW"),
    ],
)
def test_the_first_id(code: str, prefix: str, taken: tuple[str, ...], expected: str) -> None:
    """These are at VeraCore: an id that is derived otherwise is a second order."""
    assert warehouse_id(code, prefix, taken.__contains__) == expected


def test_the_other_ids() -> None:
    assert (MAX_RENEWALS, MAX_ABSENT) == (9, 3)
    ids = renewed_ids(LONG, "VS-")
    assert ids == tuple(renewed_id(LONG, "VS-", count) for count in range(1, 10))
    assert ids[:2] == ("VS-SUMMER-S-SUMQ7TPL", "VS-SUMMER-S-4PTWQHCV")
    assert len(set(ids)) == MAX_RENEWALS
    assert all(len(one) == 20 for one in ids)


def test_the_ids_of_a_lost_ledger() -> None:
    """With each prefix; an id may be left unused as often as with one alone."""
    one, two = renewed_ids("1001", "A-"), renewed_ids("1001", "")
    mixed = tuple(id for pair in zip(one, two, strict=True) for id in pair)
    assert other_ids("1001", ("A-",), "a-1001", "".__contains__) == one
    assert other_ids("1001", ("A-", ""), "A-1001", "".__contains__) == ("1001", *mixed)
    assert other_ids("1001", ("A-", ""), one[0].lower(), "".__contains__) == (
        "1001",
        *mixed[1:],
    )
    assert most_absent(("A-",)) == MAX_ABSENT
    absent = mixed[: most_absent(("A-", "")) - 1]
    assert {*one[:MAX_ABSENT], *two[:MAX_ABSENT]} == {*absent}
    assert is_derived("1001", "1001", ("A-", ""))
    assert not is_derived("1001", "1001", ("A-",))


@pytest.mark.parametrize(
    ("veracore_id", "ours"),
    [
        ("VS-A/1", True),
        (" vs-a/1 ", True),
        (warehouse_id("A/1", "VS-", "".__contains__), True),
        (warehouse_id("A/1", "VS-", "".__contains__).lower(), True),
        *((one, True) for one in renewed_ids("A/1", "VS-")),
        (renewed_id("A/1", "VS-", 0), False),
        (renewed_id("A/1", "VS-", MAX_RENEWALS + 1), False),
        (renewed_id("A/2", "VS-", 1), False),
        ("A/1", False),
        ("VS-A/12", False),
        ("", False),
    ],
)
def test_which_ids_may_be_ours(veracore_id: str, ours: bool) -> None:
    assert is_derived(veracore_id, "A/1", ["VS-"]) is ours


# ---- which order a code means -----------------------------------------------------------------

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("ids", "apart", "another"),
    [
        (("17", "17"), timedelta(0), False),
        # a database may have cut the fractions of a second
        (("17", "17"), SECOND, False),
        (("17", "17"), -SECOND, False),
        (("17", "17"), SECOND * 1.001, True),
        (("17", "17"), -SECOND * 1.001, True),
        (("17", "18"), timedelta(0), True),
        (("", "18"), timedelta(0), False),
        (("17", ""), timedelta(0), False),
        (("", ""), timedelta(0), False),
        (("", ""), HOUR, True),
        (("17", "17"), None, False),
        (("17", "18"), None, True),
        (("", "18"), None, False),
    ],
)
def test_two_orders_with_one_code(
    ids: tuple[str, str], apart: timedelta | None, another: bool
) -> None:
    known = to_text(START)
    if apart is None:
        assert differs(ids[0], None, ids[1], START) is another
        assert differs(ids[0], known, ids[1], None) is another
    else:
        assert differs(ids[0], known, ids[1], START + apart) is another
        row = replace(fresh_row("A", ids[0], known), placed_at=known)
        assert is_another(row, ids[1], START + apart) is another


def record(*left: datetime | None) -> WarehouseRecord:
    shipments = tuple(
        Shipment(f"S{at}", None, (Package("UPS", "", "1Z", moment, None),))
        for at, moment in enumerate(left)
    )
    return WarehouseRecord("A", "A", (), "shipped", shipments=shipments)


DAY = timedelta(hours=26)
"""How far apart two clocks without a zone may be."""


@pytest.mark.parametrize(
    ("left", "before"),
    [
        ((), False),
        ((None,), False),
        ((START,), False),
        ((START - DAY,), False),
        ((START - DAY - SECOND,), True),
        # the earliest counts
        ((START, START - DAY - SECOND), True),
        ((START - DAY - SECOND, None), True),
        # what a dialect writes where it has no date
        ((datetime(1, 1, 1, tzinfo=UTC),), False),
        ((datetime(1970, 1, 1, tzinfo=UTC), START), False),
        ((datetime(1990, 12, 31, tzinfo=UTC),), False),
        ((datetime(1991, 1, 1, tzinfo=UTC),), True),
    ],
)
def test_goods_that_left_before_the_order_was_placed(
    left: tuple[datetime | None, ...], before: bool
) -> None:
    assert left_before(record(*left), START) is before
    assert left_before(record(*left), None) is False


@pytest.mark.parametrize(
    ("shop", "other", "expected"),
    [
        ("https://a/admin-api default", "https://a/admin-api 5c41", True),
        ("https://a/admin-api 5c41", "https://a/admin-api 77aa", True),
        ("https://a/admin-api default", "https://a/admin-api default", False),
        ("https://a/admin-api default", "https://b/admin-api default", False),
        ("https://a/admin-api default", "https://b/admin-api 5c41", False),
    ],
)
def test_another_channel_of_the_same_shop(shop: str, other: str, expected: bool) -> None:
    assert in_another_channel(shop, other) is expected
