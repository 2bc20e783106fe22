"""The way in: an identifier that hides something is a bad record, and what is shown is cleaned."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from veracore_sync.domain.errors import ProtocolError
from veracore_sync.domain.orders import OrderStub
from veracore_sync.domain.returns import UnreadableReturn
from veracore_sync.domain.warehouse import (
    Shipment,
    ShippedRow,
    StockLevel,
    UnreadableShipment,
    UnreadableStock,
)
from veracore_sync.vendure.listing import OrderListing
from veracore_sync.vendure.mapping import order_stub
from veracore_sync.vendure.node import Node
from veracore_sync.veracore.oms.parse import UnreadableXml, read_document
from veracore_sync.veracore.oms.record import order_record
from veracore_sync.veracore.oms.returns import returned_row
from veracore_sync.veracore.oms.shipments import shipment, shipped_row
from veracore_sync.veracore.oms.stock import stock_row
from veracore_sync.veracore.rest import stock as rest_stock
from veracore_sync.veracore.rest.client import _record

ZONE = ZoneInfo("UTC")
HIDDEN = {
    "escape": "&#x1B;[2J",
    "C1": "&#x9B;",
    "NEL": "&#x85;",
    "override": "\u202e",
    "zero width": "&#x200B;",
    "byte order mark": "\ufeff",
    "separator": "\u2028",
    "soft hyphen": "&#xAD;",
    "tag": "\U000e0041",
    "filler": "\u3164",
    "surrogate": "&#xD800;",
    "at the end": "\u200f",
}
SEEN = "it holds characters that nobody sees"
EVERY = pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)


def element(text: str) -> ET.Element:
    return read_document(text.encode())


def levels(sku: str = "MUG", warehouse: str = "MAIN") -> ET.Element:
    return element(
        f"<L><Warehouse><ID>{warehouse}</ID></Warehouse><PartNumber>{sku}</PartNumber>"
        "<Available>3</Available><OnHand>4</OnHand></L>"
    )


def slip(
    number: str = "1", product: str = "MUG", tracking: str = "1Z", carrier: str = "UPS"
) -> str:
    return (
        f"<PickPackType><PickPackId>{number}</PickPackId><PickPackProducts><PickPackProductType>"
        f"<ProductId>{product}</ProductId><ToShipQty>1</ToShipQty></PickPackProductType>"
        f"</PickPackProducts><Packages><PackagesType><Carrier>{carrier}</Carrier>"
        f"<TrackingId>{tracking}</TrackingId><DateShipped>2026-11-20T10:00:00</DateShipped>"
        "</PackagesType></Packages></PickPackType>"
    )


def order(reference: str = "A1", offer: str = "MUG", product: str = "MUG") -> ET.Element:
    return element(
        f"<R><OrdHead><OrderId>A1</OrderId><ReferenceNo>{reference}</ReferenceNo></OrdHead>"
        f"<OfferInfo><OfferType><OfferId>{offer}</OfferId><OrderQty>1</OrderQty></OfferType>"
        "</OfferInfo><BillOfMaterials><BOMProductType>"
        f"<ProductId>{product}</ProductId><OrderQty>1</OrderQty></BOMProductType>"
        f"</BillOfMaterials><ShippingOrders>{slip()}</ShippingOrders></R>"
    )


def charge(order_id: str = "A1", carrier: str = "UPS") -> ET.Element:
    return element(
        f"<C><OrderId>{order_id}</OrderId><Ref>A1</Ref><PPSlip>7</PPSlip>"
        f"<FreightCarrier>{carrier}</FreightCarrier><TrackingID>1Z</TrackingID></C>"
    )


def receipt(order_id: str = "A1", product: str = "MUG", slip_number: str = "7") -> ET.Element:
    return element(
        f"<P><OrderId>{order_id}</OrderId><ProductId>{product}</ProductId><ReturnQty>1</ReturnQty>"
        f"<PickSlip>{slip_number}</PickSlip><DateReturned>2026-11-20T10:00:00</DateReturned>"
        "<Disposition>Re\u202estock</Disposition></P>"
    )


@EVERY
def test_a_name_in_an_order_at_veracore(hidden: str) -> None:
    for field in ("reference", "offer", "product"):
        with pytest.raises(UnreadableXml, match=SEEN):
            order_record(order(**{field: f"A1{hidden}"}), ZONE)


@EVERY
def test_a_name_in_a_slip_holds_the_slip_alone(hidden: str) -> None:
    for field in ("number", "product", "tracking"):
        found = shipment(element(slip(**{field: f"1Z{hidden}"})), ZONE)
        assert SEEN in found.problem
        assert found.problem.isprintable()
        assert found.packages == ()
        assert found.slip != "1Z"
    good = shipment(element(slip()), ZONE)
    assert not good.problem


@EVERY
def test_a_name_in_a_list(hidden: str) -> None:
    row = shipped_row(charge(f"A1{hidden}"), ZONE)
    assert row == UnreadableShipment("slip 7", f"its order id cannot be used: {SEEN}")
    for field in ("sku", "warehouse"):
        stock = stock_row(levels(**{field: f"MUG{hidden}"}))
        assert isinstance(stock, UnreadableStock)
        assert (stock.sku, stock.warehouse, stock.at_most) == ("", "", 4)
        assert stock.problem.isprintable()
    for field in ("order_id", "product", "slip_number"):
        came = returned_row(receipt(**{field: f"A1{hidden}"}), ZONE)
        assert isinstance(came, UnreadableReturn)
        assert (came.name + came.problem).isprintable()


@EVERY
def test_what_is_only_shown_is_cleaned(hidden: str) -> None:
    found = shipment(element(slip(carrier=f"U{hidden}PS")), ZONE)
    [package] = found.packages
    listed = shipped_row(charge(carrier=f"U{hidden}PS"), ZONE)
    assert isinstance(listed, ShippedRow)
    for carrier in (package.carrier, listed.carrier):
        assert carrier.isprintable()
        assert carrier.replace("[2J", "").replace(" ", "") == "UPS"


JSON_HIDDEN = ["\x1b[2J", "\x9b", "\x85", "\n", "\0", "\u202e", "\u200b", "\u2028", "\ud800"]


@pytest.mark.parametrize("hidden", JSON_HIDDEN, ids=ascii)
def test_a_name_in_the_rest_dialect(hidden: str) -> None:
    stock = rest_stock.stock_row({"SKU": f"M{hidden}UG", "AvailableQuantity": 3})
    assert isinstance(stock, UnreadableStock)
    assert stock.sku == ""
    assert stock.problem.isprintable()
    shipped = {"Status": "Shipped", "ShipDate": "2026-11-20", "Carrier": f"U{hidden}PS"}
    [good] = _record("A1", {**shipped, "TrackingNumber": "1Z"}).shipments
    assert good.packages[0].carrier.isprintable()
    [bad] = _record("A1", {**shipped, "TrackingNumber": f"1{hidden}Z"}).shipments
    assert SEEN in bad.problem
    assert bad.packages == ()


def test_what_is_clean_is_left_as_it_is() -> None:
    for name in ("MUG-Ä 1/2", "東京-1", "#Shop(1)", "Ü\u0308", "a\xa0b"):
        assert isinstance(stock_row(levels(name)), StockLevel)
        found = order_record(order(reference=name), ZONE)
        assert found.reference == name
        assert isinstance(shipment(element(slip(tracking=name)), ZONE), Shipment)


# ---- the shop -----------------------------------------------------------------------------------


def entry(code: str, id: str = "7") -> dict[str, object]:
    return {
        "id": id,
        "code": code,
        "state": "PaymentSettled",
        "type": "Regular",
        "orderPlacedAt": "2026-11-20T10:00:00Z",
        "updatedAt": "2026-11-20T10:00:00Z",
    }


@pytest.mark.parametrize("hidden", JSON_HIDDEN, ids=ascii)
def test_an_order_of_the_shop_is_left_out_and_named_by_its_id(hidden: str) -> None:
    items = [entry("A1"), entry(f"A{hidden}1"), entry("A2", f"8{hidden}")]
    listing = OrderListing("waiting", {}, _stub, _never, _never, lambda: None)
    (found,) = listing.pages(Node({"items": items, "totalItems": 3}))
    assert [one.code for one in found] == ["A1"]
    assert [(one.name, one.code) for one in listing.unlisted] == [("id 7", None), ("A2", "A2")]
    for one in listing.unlisted:
        assert SEEN in one.error.message
        assert one.error.message.isprintable()


def _stub(item: Node, _page: Node) -> OrderStub:
    return order_stub(item)


def _never(_options: object) -> Node:
    raise AssertionError("one page holds all")


def test_what_people_wrote_may_hold_anything() -> None:
    node = Node({"x": "Zoë\u200d\n\ud800"})
    assert node.prose("x") == "Zoë\u200d\n?"
    with pytest.raises(ProtocolError, match=SEEN):
        node.text("x")
