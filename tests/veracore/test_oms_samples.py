"""The sample answers of docs/wire.md §9, whole, as files."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from veracore_kit import Reply, Scripted, oms, order

from veracore_sync.domain.errors import Occurrence, WrongEndpoint
from veracore_sync.domain.warehouse import (
    Package,
    Product,
    RecordLine,
    Shipment,
    ShippedRow,
    WarehouseRecord,
)
from veracore_sync.ports.warehouse import Accepted, NotAccepted, Present
from veracore_sync.veracore.oms.client import OmsWarehouse

ANSWERS = Path(__file__).parent / "answers"


def answer(name: str) -> bytes:
    return (ANSWERS / f"{name}.xml").read_bytes()


@pytest.mark.parametrize("face", ["oms", "order"])
def test_accepted(server: Scripted, face: str) -> None:
    server.says(answer("accepted"))
    client = oms(server.url, face=face)
    assert client.submit(order()) == Accepted("WEB-100234", 481207)
    client.close()


@pytest.mark.parametrize(
    ("name", "what", "text"),
    [
        ("fault_stack", Occurrence.DUPLICATE, "Order ID WEB-100234 already exists"),
        ("fault_short", Occurrence.REFUSED, "Invalid Source"),
        ("fault_soap_12", Occurrence.REFUSED, "Invalid Source"),
    ],
)
def test_a_refusal(
    soap: OmsWarehouse, server: Scripted, name: str, what: Occurrence, text: str
) -> None:
    server.says(Reply(500, answer(name)))
    outcome = soap.submit(order())
    assert isinstance(outcome, NotAccepted)
    assert (outcome.what, outcome.text) == (what, text)


def test_a_partly_shipped_order(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(answer("order_info"))
    gone = datetime(2026, 2, 4, 21, 57, tzinfo=UTC)
    mugs, tees = RecordLine("MUG-BLUE", 2), RecordLine("TEE-M", 1)
    first = Shipment(
        "604117",
        (mugs,),
        (
            Package("UPS", "UPS Ground", "1ZEXAMPLE000000001", gone, None),
            Package("UPS", "UPS Ground", "1ZEXAMPLE000000002", gone, None),
            Package(
                "UPS",
                "UPS Ground",
                "1ZEXAMPLE0000000V1",
                datetime(2026, 2, 4, 15, 59, tzinfo=UTC),
                datetime(2026, 2, 4, 16, 1, tzinfo=UTC),
            ),
        ),
    )
    record = WarehouseRecord(
        "WEB-100234",
        "100234",
        (mugs, tees),
        "shipped",
        products=(Product("MUG-BLUE", 2, 0), Product("TEE-M", 1, 0)),
        shipments=(first, Shipment("604118", (tees,), ())),
    )
    found = soap.look_up("WEB-100234")
    assert found == Present(record)
    assert isinstance(found, Present)
    costs = [(one.freight, one.charges) for one in found.record.shipments[0].packages]
    assert costs == [(Decimal(freight), 0) for freight in ("8.11", "8.11", "9.4")]


def test_what_shipped_on_some_days(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(answer("shipping_charges"))
    gone = datetime(2026, 2, 4, 21, 57, tzinfo=UTC)
    row = ShippedRow(
        "WEB-100234", "100234", "604117", "UPS", "UPS Ground", "1ZEXAMPLE000000001", gone
    )
    assert list(soap.shipped(date(2026, 2, 4), date(2026, 2, 6))) == [row]
    (request,) = server.seen
    assert b"<StartDate>2026-02-04T00:00:00</StartDate>" in request.body
    assert b"<EndDate>2026-02-06T00:00:00</EndDate>" in request.body


def test_stock_where_none_can_be_is_no_control(soap: OmsWarehouse, server: Scripted) -> None:
    server.says(answer("availabilities"))
    with pytest.raises(WrongEndpoint):
        soap.check_connection(None)
