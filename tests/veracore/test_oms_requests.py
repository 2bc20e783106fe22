"""What is sent over SOAP, byte for byte, and that nothing can make it invalid XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from veracore_kit import BARE, FULL, PAT, SECRET, Scripted, accepted, oms, order

from veracore_sync.domain.warehouse import WarehouseLine, WarehouseOrder
from veracore_sync.veracore.oms import write
from veracore_sync.veracore.oms.service import service_url

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    ("sample", "oms", {}),
    ("sample", "order", {}),
    ("full", "oms", FULL),
    ("bare", "order", BARE),
]


@pytest.mark.parametrize(("name", "face", "changes"), CASES)
def test_add_order_byte_for_byte(server: Scripted, name: str, face: str, changes: dict) -> None:
    server.says(accepted())
    client = oms(server.url, face=face)
    client.submit(order(**changes))
    client.close()
    (request,) = server.seen
    expected = (GOLDEN / f"add_order_{name}_{face}.xml").read_bytes()
    assert request.body == expected.rstrip(b"\n")
    namespace = {"oms": "http://omscom/", "order": "http://sma-promail/"}[face]
    assert request.path == f"/pmomsws/{face}.asmx"
    assert request.headers["soapaction"] == f'"{namespace}AddOrder"'
    assert request.headers["content-type"] == "text/xml; charset=utf-8"


def test_a_look_up_asks_for_the_id_as_given(server: Scripted) -> None:
    server.says(b"")
    client = oms(server.url)
    client.look_up("web <1> & co")
    client.close()
    body = server.seen[0].body
    assert b"<orderId>web &lt;1&gt; &amp; co</orderId>" in body
    assert f"<Password>{SECRET}</Password>".encode() in body


@pytest.mark.parametrize(
    ("api_url", "expected"),
    [
        ("https://h.example", "https://h.example/pmomsws/oms.asmx"),
        ("https://h.example/", "https://h.example/pmomsws/oms.asmx"),
        ("https://h.example/PMOMSWS", "https://h.example/PMOMSWS/oms.asmx"),
        ("https://h.example/pmomsws/order.asmx", "https://h.example/pmomsws/oms.asmx"),
        ("https://h.example/pmomsws/OMS.asmx/", "https://h.example/pmomsws/oms.asmx"),
        ("https://h.example/tenant", "https://h.example/tenant/pmomsws/oms.asmx"),
    ],
)
def test_the_address_is_completed_never_doubled(api_url: str, expected: str) -> None:
    assert service_url(api_url, "oms") == expected


# The order of elements in the service's schema (docs/wire.md), as far as we send them.
PARTY = "FirstName LastName CompanyName Address1 Address2 City State PostalCode Country Phone Email"
SCHEMA = {
    "order": "Header Classification Shipping Money OrderVariables OrderedBy ShipTo BillTo Offers",
    "order/Header": "ID EntryDate ReferenceNumber PONumber Comments",
    "Classification": "CampaignID Source CustomerProject CustomerCode",
    "Shipping": "FreightCarrier FreightService ShippingOption FreightCode ShipComments NeededBy "
    "Rush ReleaseDate ThirdPartyType ThirdAccountNumber",
    "Money": "PriceClass ShippingHandlingCharge DiscountAmount DiscountCode SpecialHandlingCharge",
    "OrderVariable": "VariableField Value",
    "OrderedBy": PARTY,
    "ShipTo/OrderShipTo": f"{PARTY} Flag Key",
    "BillTo": f"{PARTY} Flag",
    "OfferOrdered": "Offer Quantity OrderShipTo UnitPrice LineNumber",
}


@pytest.mark.parametrize("changes", [{}, FULL, BARE])
def test_elements_stand_in_the_order_of_the_schema(changes: dict) -> None:
    root = written(order(**changes))
    for path, names in SCHEMA.items():
        for element in root.findall(f".//{path}"):
            tags = [child.tag for child in element]
            assert tags == [name for name in names.split() if name in tags], path


@pytest.mark.parametrize("changes", [{}, FULL, BARE])
def test_nothing_is_sent_empty(changes: dict) -> None:
    for element in written(order(**changes)).iter():
        assert len(element) or (element.text or "").strip(), element.tag


TEXT = st.text(st.characters(codec=None), max_size=30)
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@given(identity=TEXT, comment=TEXT, company=TEXT, sku=TEXT, password=TEXT)
def test_any_text_makes_xml_that_reads_the_same(
    identity: str, comment: str, company: str, sku: str, password: str
) -> None:
    line = WarehouseLine(1, sku, 1, Decimal("0.10"))
    party = replace(PAT, company=company)
    sent = order(id=identity, comment=comment, ship_to=party, lines=(line,))
    root = written(sent, password)
    assert_reads(root, "order/Header/ID", identity)
    assert_reads(root, "order/Header/Comments", comment)
    assert_reads(root, "order/ShipTo/OrderShipTo/CompanyName", company)
    assert_reads(root, "order/Offers/OfferOrdered/Offer/Header/ID", sku)
    assert_reads(root, "AuthenticationHeader/Password", password)


def assert_reads(root: ET.Element, path: str, value: str) -> None:
    legal = re.sub("\r\n?", "\n", ILLEGAL.sub("", value))  # what XML makes of line ends
    assert (root.findtext(f".//{path}") or "") == legal


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12),
)
def test_amounts_are_plain(amount: Decimal) -> None:
    told = write.plain(amount)
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", told)
    assert Decimal(told) == amount


def written(sent: WarehouseOrder, password: str = "x") -> ET.Element:
    """The request, read back without namespaces."""
    content = write.envelope(
        "http://omscom/",
        "u",
        password,
        lambda body: write.add_order(body, "http://omscom/", sent, ZoneInfo("UTC")),
    )
    root = ET.fromstring(content)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
