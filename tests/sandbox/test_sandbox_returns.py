"""Goods that come back: the control that brings them, and GetProductReturns (docs/wire.md §5.3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from wire_client import ORDER_FACE, Reply, Wire, line

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.soap_types import field_names

NS = f"{{{ORDER_FACE[1]}}}"


def returned(wire: Wire, start: str = "2026-02-01", end: str = "2026-02-28") -> Reply:
    return wire.window("GetProductReturns", f"{start}T00:00:00", f"{end}T00:00:00")


def rows(reply: Reply) -> list[dict[str, str]]:
    return [
        {one.tag.removeprefix(NS): one.text or "" for one in row}
        for row in reply.xml().iter(f"{NS}ProductReturns")
    ]


@pytest.fixture
def shipped(wire: Wire) -> Wire:
    """An order that left on two slips."""
    wire.do("stock", stock=[{"sku": "MUG-BLUE", "on_hand": 10}])
    wire.add_order(lines=line("MUG-BLUE", 5) + line("TEE-M", 1))
    wire.do("ship", order="WEB-100234", lines=[{"sku": "MUG-BLUE", "quantity": 2}])
    wire.do("ship", order="WEB-100234")
    return wire


def test_a_row_has_every_field_in_its_order(shipped: Wire) -> None:
    shipped.do(
        "returns",
        order="web-100234",
        lines=[{"sku": "mug-blue", "quantity": 1, "reason": "DMG", "disposition": "Scrap"}],
        at="2026-02-06T09:30:00",
    )
    (row,) = rows(returned(shipped))
    assert list(row) == field_names("ProductReturns")
    slip = shipped.see("orders")[0]["packages"][0]["slip"]
    expected = {
        "OrderId": "WEB-100234",
        "PickSlip": slip,
        "DateOrdered": "2026-02-03T09:14:00",
        "FirstShip": "2026-02-04T15:57:00",
        "DateReturned": "2026-02-06T09:30:00",
        "ProductId": "MUG-BLUE",
        "ProductReasonCode": "DMG",
        "ShipQty": "2",
        "ReturnQty": "1",
        "Disposition": "Scrap",
        "ReferenceNumber": "100234",
        "OrderedByName": "Pat Example",
        "ShipToCompany": "Example & Co",
        "ShipToZipcode": "78701",
    }
    assert {name: row[name] for name in expected} == expected


def test_units_come_back_from_the_oldest_slip_first(shipped: Wire) -> None:
    shipped.do("returns", order="WEB-100234", lines=[{"sku": "MUG-BLUE", "quantity": 4}])
    assert [(one["ShipQty"], one["ReturnQty"]) for one in rows(returned(shipped))] == [
        ("2", "2"),
        ("3", "2"),
    ]
    over = {"order": "WEB-100234", "lines": [{"sku": "MUG-BLUE", "quantity": 2}]}
    reply = shipped.control("returns", over)
    assert reply.status == 400
    assert reply.json()["field"] == "lines[0].quantity"
    shipped.do("returns", order="WEB-100234", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    assert sum(int(one["ReturnQty"]) for one in rows(returned(shipped))) == 5


@pytest.mark.parametrize(("disposition", "on_hand"), [(None, "7"), ("Scrap", "5")])
def test_what_returns_to_stock_is_on_the_shelf_again(
    shipped: Wire, disposition: str | None, on_hand: str
) -> None:
    assert shipped.stock("MUG-BLUE").text("OnHand") == "5"
    back: dict[str, Any] = {"sku": "MUG-BLUE", "quantity": 2}
    if disposition is not None:
        back["disposition"] = disposition
    shipped.do("returns", order="WEB-100234", lines=[back])
    assert shipped.stock("MUG-BLUE").text("OnHand") == on_hand
    (row,) = rows(returned(shipped))
    assert row["Disposition"] == (disposition or "Return to Stock")
    # What was shipped stays shipped.
    assert shipped.see("orders")[0]["status"] == "Shipped"


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("2026-02-06", "2026-02-07", 1),
        ("2026-02-05", "2026-02-06", 0),
        ("2026-02-07", "2026-02-08", 0),
        ("2026-02-08", "2026-02-06", 0),
    ],
)
def test_windows_count_the_day_of_return(shipped: Wire, start: str, end: str, count: int) -> None:
    at = "2026-02-06T09:30:00"
    shipped.do("returns", order="WEB-100234", lines=[{"sku": "TEE-M", "quantity": 1}], at=at)
    assert len(rows(returned(shipped, start, end))) == count


def test_the_warehouses_zone_counts(shipped: Wire) -> None:
    shipped.do("behaviour", timezone="America/Chicago")
    at = "2026-02-06T23:30:00"
    shipped.do("returns", order="WEB-100234", lines=[{"sku": "TEE-M", "quantity": 1}], at=at)
    (row,) = rows(returned(shipped, "2026-02-06", "2026-02-07"))
    assert row["DateReturned"] == at


def test_without_returns_the_list_is_empty(shipped: Wire) -> None:
    reply = returned(shipped)
    assert reply.status == 200
    assert rows(reply) == []


def test_nothing_comes_back_that_did_not_leave(wire: Wire) -> None:
    wire.add_order()
    packed = [{"tracking": "T1", "shipped": False}]
    wire.do("ship", order="WEB-100234", lines=[{"sku": "TEE-M", "quantity": 1}], packages=packed)
    for sku in ("TEE-M", "MUG-BLUE", "OTHER"):
        back = {"order": "WEB-100234", "lines": [{"sku": sku, "quantity": 1}]}
        assert wire.control("returns", back).status == 400


def test_a_label_whose_goods_came_back_is_not_voided(shipped: Wire) -> None:
    shipped.do("returns", order="WEB-100234", lines=[{"sku": "MUG-BLUE", "quantity": 1}])
    first, second = (one["tracking"] for one in shipped.see("orders")[0]["packages"])
    assert shipped.control("void", {"order": "WEB-100234", "tracking": first}).status == 400
    shipped.do("void", order="WEB-100234", tracking=second)


def test_an_order_tells_its_returns_and_keeps_them(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with Sandbox(state_file=state) as sandbox:
        wire = Wire(sandbox.url)
        wire.add_order()
        wire.do("ship", order="WEB-100234")
        made = wire.do("returns", order="WEB-100234", lines=[{"sku": "TEE-M", "quantity": 1}])
        before = wire.see("orders")[0]["returns"]
    assert before == made["returns"]
    assert [(one["sku"], one["quantity"], one["reason"]) for one in before] == [("TEE-M", 1, "")]
    with Sandbox(state_file=state) as sandbox:
        assert Wire(sandbox.url).see("orders")[0]["returns"] == before


def test_a_state_of_before_there_were_returns_is_read(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with Sandbox(state_file=state) as sandbox:
        Wire(sandbox.url).add_order()
    document = json.loads(state.read_text())
    del document["orders"][0]["returns"]
    for name in ("reference", "longest_id", "require_city"):
        del document["behaviour"][name]
    state.write_text(json.dumps(document))
    with Sandbox(state_file=state) as sandbox:
        assert Wire(sandbox.url).see("orders")[0]["returns"] == []


def test_text_that_must_be_escaped_comes_back_whole(shipped: Wire) -> None:
    back = [{"sku": "TEE-M", "quantity": 1, "reason": "<too> & small"}]
    shipped.do("returns", order="WEB-100234", lines=back)
    row = ElementTree.fromstring(returned(shipped).body)
    assert [one.text for one in row.iter(f"{NS}ProductReasonCode")] == ["<too> & small"]
