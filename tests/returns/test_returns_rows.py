"""Rows of `GetProductReturns`: what can be read, what is none, and what is named."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from veracore_sync.domain.returns import ReturnedRow, UnreadableReturn
from veracore_sync.sandbox.soap_types import field_names
from veracore_sync.veracore.oms.returns import returned_row

ZONE = ZoneInfo("America/Chicago")
WHOLE = {
    "OrderId": "WEB-1",
    "PickSlip": "601",
    "ProductId": "MUG ",
    "ReturnQty": "2",
    "DateReturned": "2026-02-06T09:30:00",
}


def row(**changes: str) -> ET.Element:
    element = ET.Element("ProductReturns")
    for name, text in (WHOLE | changes).items():
        ET.SubElement(element, name).text = text
    return element


def test_all_fields_of_a_row_without_anybody_in_it() -> None:
    texts = {name: f"<{name}>" for name in field_names("ProductReturns")}
    found = returned_row(row(**texts | WHOLE), ZONE)
    assert found == ReturnedRow(
        "WEB-1",
        "<ReferenceNumber>",
        "601",
        "MUG",
        2,
        datetime(2026, 2, 6, 15, 30, tzinfo=UTC),
        "<ProductVersion> <Size> <Color>",
        "<OrderReasonCode>",
        "<ProductReasonCode>",
        "<Disposition>",
        "<ReceivedAs>",
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"OrderId": ""}, "it names no order"),
        ({"ProductId": " "}, "it names no product"),
        ({"ReturnQty": "two"}, "it has no readable ReturnQty"),
        ({"ReturnQty": ""}, "it has no readable ReturnQty"),
        ({"ReturnQty": "-1"}, "it has no readable ReturnQty"),
        ({"ReturnQty": "1.5"}, "it has no readable ReturnQty"),
        ({"DateReturned": "soon"}, "DateReturned is not a time"),
        ({"DateReturned": ""}, "it has no DateReturned"),
        ({"DateReturned": "0001-01-01T00:00:00"}, "it has no DateReturned"),
        ({"DateReturned": "9999-12-31T23:59:59.9999999"}, "it has no DateReturned"),
    ],
)
def test_what_cannot_be_read_is_named(changes: dict[str, str], problem: str) -> None:
    found = returned_row(row(**changes), ZONE)
    assert isinstance(found, UnreadableReturn)
    assert found.problem == problem
    assert found.name in ("order WEB-1, MUG", "order WEB-1", "MUG")


@pytest.mark.parametrize("written", ["2/6/2026 9:30 AM", "2026-02-06T09:30:00.1234567"])
def test_a_time_in_each_form(written: str) -> None:
    found = returned_row(row(DateReturned=written), ZONE)
    assert isinstance(found, ReturnedRow)
    assert found.returned_at.replace(microsecond=0) == datetime(2026, 2, 6, 15, 30, tzinfo=UTC)


def test_what_holds_nothing_or_has_not_come_back_is_none() -> None:
    assert returned_row(ET.Element("ProductReturns"), ZONE) is None
    assert returned_row(row(ReturnQty="0"), ZONE) is None


def test_a_word_is_one_line_and_not_endless() -> None:
    found = returned_row(row(Disposition="a\x07b\n" + "c" * 500), ZONE)
    assert isinstance(found, ReturnedRow)
    assert found.disposition == ("a b " + "c" * 500)[:100]
