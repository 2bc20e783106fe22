"""GetOrderInfo over the socket: docs/wire.md §5.1, §5.2 and the sample of §9.4."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from wire_client import ORDER_FACE, SOAP_12, Wire, add_order, line

NEVER = "0001-01-01T00:00:00"
NS = f"{{{ORDER_FACE[1]}}}"
FLAGS = (
    "Unapproved Unprocessed Accepted Hold DeniedCredit Processed "
    "Pending Picked Backordered Shipped Canceled Complete"
)
HEAD = (
    "OrderId EntryDate UploadDate View Stream ReferenceNo CampaignId PoNum ResponseMethod Source "
    "SourceDetail OrderComment Carrier Service ShipComment NeedBy RushFlag Status PaymentType "
    "PriceClass CCNumber ExpirationDate ShipHandCharge AdditionalCharge DiscountPct TaxPct "
    "SpecialHandCharge ShippingOption ShippingOptionCharge"
)


def result(wire: Wire, order_id: str = "WEB-100234") -> ElementTree.Element:
    reply = wire.order_info(order_id)
    assert reply.status == 200, reply.body
    found = reply.xml().find(f".//{NS}GetOrderInfoResult")
    assert found is not None
    return found


def plain(element: ElementTree.Element) -> dict[str, str]:
    return {child.tag.removeprefix(NS): child.text or "" for child in element}


def rows(element: ElementTree.Element, name: str) -> list[dict[str, str]]:
    return [plain(one) for one in element.iter(f"{NS}{name}")]


def flags(wire: Wire, order_id: str = "WEB-100234") -> set[str]:
    (status,) = rows(result(wire, order_id), "Status")[:1]
    assert list(status) == FLAGS.split()
    assert set(status.values()) <= {"true", "false"}
    return {name for name, value in status.items() if value == "true"}


def test_a_fresh_order_has_every_field_of_the_head(wire: Wire) -> None:
    wire.add_order()
    (head,) = rows(result(wire), "OrdHead")
    assert list(head) == HEAD.split()
    expected = {
        "OrderId": "WEB-100234",
        "EntryDate": "2026-02-03T09:14:00",
        "UploadDate": "2026-02-04T15:57:00.000",
        "ReferenceNo": "100234",
        "PoNum": "100234",
        "Source": "WEB",
        "OrderComment": "Leave at side door",
        "Carrier": "UPS",
        "Service": "Ground",
        "ShipHandCharge": "7.95",
        "DiscountPct": "0",
    }
    assert head.items() >= expected.items()
    assert flags(wire) == {"Accepted", "Processed", "Pending"}


def test_an_id_is_found_whatever_its_case_and_told_as_it_was_sent(wire: Wire) -> None:
    wire.add_order()
    assert rows(result(wire, "web-100234"), "OrdHead")[0]["OrderId"] == "WEB-100234"


def test_parties_lines_and_products(wire: Wire) -> None:
    wire.add_order(lines=line("MUG-BLUE", 2) + line("MUG-BLUE", 1) + line("TEE-M", 1, "21.00"))
    order = result(wire)
    (ship_to,) = rows(order, "ShipToInfo")
    assert ship_to["Contact"] == "Pat Example"
    assert (ship_to["Company"], ship_to["Address2"]) == ("Example & Co", "Unit 4")
    assert rows(order, "BillToInfo")[0]["Address1"] == "12 Sample Street"
    assert [
        (one["OfferId"], one["OrderQty"], one["UnitPrice"]) for one in rows(order, "OfferType")
    ] == [
        ("MUG-BLUE", "2", "12.5"),
        ("MUG-BLUE", "1", "12.5"),
        ("TEE-M", "1", "21"),
    ]
    products = rows(order, "BOMProductType")
    assert [(one["ProductId"], one["OrderQty"], one["ReservedQty"]) for one in products] == [
        ("MUG-BLUE", "3", "3"),
        ("TEE-M", "1", "1"),
    ]


def test_before_the_pick_the_slips_are_missing_or_an_empty_list(wire: Wire) -> None:
    wire.add_order("A-1")
    wire.add_order("A-2")
    lists = [result(wire, one).findall(f"{NS}ShippingOrders") for one in ("A-1", "A-2")]
    assert sorted(len(found) for found in lists) == [0, 1]
    assert [len(one) for found in lists for one in found] == [0]


def test_a_partly_shipped_order_as_in_the_sample(wire: Wire) -> None:
    wire.do("stock", stock=[{"sku": "TEE-M", "on_hand": 0}])
    wire.do("behaviour", backorder_slips=True)
    wire.add_order()
    packages = [
        {"tracking": "1ZEXAMPLE000000001", "carrier": "UPS", "service": "UPS Ground"},
        {"tracking": "1ZEXAMPLE0000000V1", "carrier": "UPS", "service": "UPS Ground"},
    ]
    shipped = wire.do(
        "ship",
        order="WEB-100234",
        lines=[{"sku": "MUG-BLUE", "quantity": 2}],
        packages=packages,
        at="2026-02-04T15:57:00Z",
    )
    assert shipped["slip"].isdigit() and len(shipped["slip"]) == 6
    wire.do("void", order="WEB-100234", tracking="1ZEXAMPLE0000000V1", relabel="1ZEXAMPLE000000002")
    assert flags(wire) == {
        "Accepted",
        "Processed",
        "Pending",
        "Picked",
        "Backordered",
        "Shipped",
    }
    order = result(wire)
    mug, tee = rows(order, "BOMProductType")
    assert (mug["PulledQty"], mug["ReservedQty"], mug["BackorderQty"]) == ("2", "0", "0")
    assert (tee["PulledQty"], tee["ReservedQty"], tee["BackorderQty"]) == ("0", "0", "1")
    slip, waiting = rows(order, "PickPackType")
    assert (slip["PickPackId"], slip["Status"]) == (shipped["slip"], "Shipped")
    assert (slip["DatePicked"], slip["MerchAmt"]) == ("2026-02-04T15:57:00", "25")
    assert (waiting["Status"], waiting["DatePicked"]) == ("Backordered", NEVER)
    assert [one["ToShipQty"] for one in rows(order, "PickPackProductType")] == ["2", "1"]
    labels = rows(order, "PackagesType")
    assert [(one["TrackingId"], one["DateVoided"] != NEVER) for one in labels] == [
        ("1ZEXAMPLE000000001", False),
        ("1ZEXAMPLE0000000V1", True),
        ("1ZEXAMPLE000000002", False),
    ]
    assert {one["DateShipped"] for one in labels} == {"2026-02-04T15:57:00"}


def test_packed_is_not_shipped_until_it_leaves(wire: Wire) -> None:
    wire.add_order()
    box = {"tracking": "BOX 1", "carrier": "UPS", "service": ""}
    wire.do("ship", order="WEB-100234", packages=[{**box, "shipped": False}])
    assert flags(wire) == {"Accepted", "Processed", "Pending", "Picked"}
    assert wire.see("orders")[0]["shippedLines"] == []
    (label,) = rows(result(wire), "PackagesType")
    assert label["DateShipped"] == NEVER != label["DatePacked"]
    assert rows(result(wire), "PickPackType")[0]["Status"] == "Packed"
    wire.do("ship", order="WEB-100234", packages=[box])
    assert {"Shipped", "Complete"} <= flags(wire)
    assert len(rows(result(wire), "PickPackType")) == 1


def test_cancelled_whole_and_in_part(wire: Wire) -> None:
    wire.add_order("A-1")
    wire.do("cancel", order="A-1")
    assert flags(wire, "A-1") == {"Accepted", "Processed", "Canceled", "Complete"}
    assert [one["CanceledQty"] for one in rows(result(wire, "A-1"), "BOMProductType")] == ["2", "1"]
    wire.add_order("A-2")
    wire.do("cancel", order="A-2", lines=[{"sku": "tee-m", "quantity": 1}])
    assert flags(wire, "A-2") == {"Accepted", "Processed", "Pending", "Canceled"}
    wire.do("ship", order="A-2")
    assert {"Shipped", "Canceled", "Complete"} <= flags(wire, "A-2")
    assert [one["OrderQty"] for one in rows(result(wire, "A-2"), "OfferType")] == ["2", "1"]


def test_earlier_orders_are_served_first(wire: Wire) -> None:
    wire.do("stock", stock=[{"sku": "MUG-BLUE", "on_hand": 5}])
    for order_id, units in (("A-1", 3), ("A-2", 4), ("A-3", 1)):
        wire.add_order(order_id, line("MUG-BLUE", units))
    short = [wire.order_info(one).text("BackorderQty") for one in ("A-1", "A-2", "A-3")]
    assert short == ["0", "2", "1"]
    assert ["Backordered" in flags(wire, one) for one in ("A-1", "A-2")] == [False, True]
    wire.do("cancel", order="A-1")
    assert wire.order_info("A-2").text("BackorderQty") == "0"


def test_an_order_can_leave_without_a_label(wire: Wire) -> None:
    wire.add_order()
    wire.do("ship", order="WEB-100234", packages=[])
    assert {"Shipped", "Complete"} <= flags(wire)
    assert rows(result(wire), "PackagesType") == []


def test_goods_whose_every_label_was_voided_are_open_again(wire: Wire) -> None:
    wire.add_order(lines=line("MUG-BLUE", 2))
    (label,) = wire.do("ship", order="WEB-100234")["tracking"]
    wire.do("void", order="WEB-100234", tracking=label)
    assert "Shipped" not in flags(wire) and "Pending" in flags(wire)
    assert rows(result(wire), "PickPackType")[0]["Status"] == "Voided"
    stock = wire.stock("MUG-BLUE")
    assert (stock.text("OnHand"), stock.text("Reserved")) == ("1000", "2")
    wire.do("ship", order="WEB-100234")
    assert "Complete" in flags(wire)


def test_an_order_may_reserve_only_once_it_is_processed(wire: Wire) -> None:
    wire.do("behaviour", reserve="processed")
    wire.add_order(lines=line("MUG-BLUE", 2))
    assert flags(wire) == {"Accepted", "Unprocessed", "Pending"}
    assert wire.stock("MUG-BLUE").text("Available") == "1000"
    assert wire.see("orders")[0]["status"] == "Unprocessed"
    wire.do("process", order="WEB-100234")
    assert wire.see("orders")[0]["status"] == "Processed"
    assert flags(wire) == {"Accepted", "Processed", "Pending"}
    assert wire.stock("MUG-BLUE").text("Available") == "998"


@pytest.mark.parametrize("order_id", ["NO-SUCH", ""])
def test_an_unknown_order_three_ways(wire: Wire, order_id: str) -> None:
    assert len(result(wire, order_id)) == 0
    wire.do("behaviour", unknown_order="record")
    record = result(wire, order_id)
    (head,) = rows(record, "OrdHead")
    assert list(head) == HEAD.split()
    assert (head["OrderId"], head["EntryDate"]) == ("", NEVER)
    assert flags(wire, order_id) == set()
    assert rows(record, "PickPackType") == []
    wire.do("behaviour", unknown_order="fault", fault_text="short")
    assert wire.order_info(order_id).fault().endswith(f"for Order ID {order_id}")


def test_times_are_told_and_read_in_the_warehouses_zone(wire: Wire) -> None:
    wire.do("behaviour", timezone="America/Chicago")
    wire.add_order("A-1")
    wire.do("ship", order="A-1", at="2026-07-01T12:00:00Z")
    wire.do("ship", order=_placed(wire, "A-2"), at="2026-07-01T12:00:00")
    first, second = (rows(result(wire, one), "PackagesType")[0] for one in ("A-1", "A-2"))
    assert first["DateShipped"] == "2026-07-01T07:00:00"
    assert second["DateShipped"] == "2026-07-01T12:00:00"
    (head,) = rows(result(wire, "A-1"), "OrdHead")
    assert head["EntryDate"] == "2026-02-03T09:14:00"
    assert head["UploadDate"] == "2026-02-04T09:57:00.000"


def _placed(wire: Wire, order_id: str) -> str:
    return wire.add_order(order_id).text("OrderID")


def test_what_xml_must_escape_comes_back_whole(wire: Wire) -> None:
    wire.add_order(lines=line("A&amp;B &lt;1&gt;", 1))
    assert rows(result(wire), "OfferType")[0]["OfferId"] == "A&B <1>"
    wire.do("ship", order="WEB-100234", packages=[_labelled("Will <Call> & Pick Up")])
    assert rows(result(wire), "PackagesType")[0]["TrackingId"] == "Will <Call> & Pick Up"


def _labelled(tracking: str) -> dict[str, Any]:
    return {"tracking": tracking, "carrier": "OTHER", "service": ""}


def test_soap_1_2_answers_a_look_up_too(wire: Wire) -> None:
    wire.add_order()
    body = f'<GetOrderInfo xmlns="{ORDER_FACE[1]}"><orderId>WEB-100234</orderId></GetOrderInfo>'
    reply = wire.soap(body, version=SOAP_12)
    assert reply.text("OrderId") == "WEB-100234"
    assert reply.xml().tag == f"{{{SOAP_12}}}Envelope"


@pytest.mark.parametrize(
    ("reference", "returned"),
    [("whole", ["R" * 60]), ("cut50", ["R" * 50]), ("omitted", [])],
)
def test_a_reference_comes_back_whole_cut_or_not_at_all(
    wire: Wire, reference: str, returned: list[str]
) -> None:
    wire.soap(add_order().replace(">100234</ReferenceNumber>", f">{'R' * 60}</ReferenceNumber>"))
    wire.do("behaviour", reference=reference)
    wire.do("ship", order="WEB-100234")
    assert wire.order_info().texts("ReferenceNo") == returned
    charges = wire.window("GetShippingCharge", "2026-02-01T00:00:00", "2026-02-09T00:00:00")
    assert charges.texts("Ref") == returned
