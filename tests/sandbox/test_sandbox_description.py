"""The service description: everything that the simulator answers is as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree
from wire_client import OMS_FACE, ORDER_FACE, SOAP_11, SOAP_12, Wire, add_order

from veracore_sync.sandbox.description import schema
from veracore_sync.sandbox.soap import FACES
from veracore_sync.sandbox.soap_types import field_names, operations, types

GOLDEN = Path(__file__).parents[1] / "veracore" / "golden"
WINDOW = "<StartDate>2026-02-01T00:00:00</StartDate><EndDate>2026-02-09T00:00:00</EndDate>"
# What is asked, and how many rows come back.
ASKED = {
    "GetOrderInfo": ("<orderId>WEB-100234</orderId>", ".//{*}PackagesType", 3),
    "GetProductAvailabilities": ("<partNumber>%</partNumber>", ".//{*}WarehouseLevels", 2),
    "GetShippingCharge": (WINDOW, ".//{*}ShippingCharges", 3),
    "GetShippingActivity": (WINDOW, ".//{*}ShippingActivity", 1),
    "GetProductReturns": (WINDOW, ".//{*}ProductReturns", 2),
    "GetOffers": (
        "<searchString>%</searchString><searchID>true</searchID>",
        ".//{*}GetOfferResult",
        2,
    ),
    "GetProduct": ("<ProductID>MUG-BLUE</ProductID>", ".//{*}product", 1),
    "GetProducts": ("<ProductID>%</ProductID>", ".//{*}product", 2),
}


def compiled(namespace: str, *, lenient: bool = False) -> etree.XMLSchema:
    text = schema(namespace).removeprefix("<wsdl:types>").rpartition("</wsdl:types>")[0]
    if lenient:
        # As real servers take requests: what may be nil may be missing (docs/wire.md §1.3).
        text = re.sub(
            r'minOccurs="1"( maxOccurs="1" name="\w+" nillable)', r'minOccurs="0"\1', text
        )
    return etree.XMLSchema(etree.fromstring(text.encode()))


def in_body(envelope: bytes) -> etree._Element:
    return etree.fromstring(envelope).find(".//{*}Body/*")


@pytest.fixture(params=[ORDER_FACE, OMS_FACE], ids=["order", "oms"])
def face(request: pytest.FixtureRequest) -> tuple[str, str]:
    return tuple(request.param)


@pytest.fixture(params=["sequence-odd", "sequence-even"])
def lived(wire: Wire, request: pytest.FixtureRequest) -> Wire:
    """Orders and shipments of every kind; some answers differ with an order's number."""
    if request.param == "sequence-even":
        wire.add_order(
            "EARLIER",
            "<OfferOrdered><Offer><Header><ID>MUG-BLUE</ID></Header></Offer>"
            "<Quantity>1</Quantity><OrderShipTo><Key>1</Key></OrderShipTo></OfferOrdered>",
        )
    wire.do("stock", stock=[{"sku": "TEE-M", "on_hand": 0}])
    wire.add_order()
    wire.do("behaviour", backorder_slips=True, voided_charges=True)
    packages = [{"tracking": name} for name in ("1Z1", "1Z2")]
    lines = [{"sku": "MUG-BLUE", "quantity": 2}]
    wire.do("ship", order="WEB-100234", lines=lines, packages=packages)
    wire.do("void", order="WEB-100234", tracking="1Z1", relabel=True)
    back = [{"sku": "MUG-BLUE", "quantity": 1, "reason": "DMG"}, {"sku": "mug-blue", "quantity": 1}]
    wire.do("returns", order="WEB-100234", lines=back)
    return wire


@pytest.mark.parametrize("operation", ASKED)
@pytest.mark.parametrize("version", [SOAP_11, SOAP_12], ids=["1.1", "1.2"])
def test_every_answer_is_as_described(
    lived: Wire, face: tuple[str, str], version: str, operation: str
) -> None:
    fields, rows, count = ASKED[operation]
    reply = lived.soap(f'<{operation} xmlns="{face[1]}">{fields}</{operation}>', face, version)
    answer = in_body(reply.body)
    assert answer.tag == f"{{{face[1]}}}{operation}Response"
    compiled(face[1]).assertValid(answer)
    assert len(answer.findall(rows)) == count


@pytest.mark.parametrize("unknown", ["empty", "record"])
def test_an_order_that_is_not_there_is_as_described(
    wire: Wire, face: tuple[str, str], unknown: str
) -> None:
    wire.do("behaviour", unknown_order=unknown)
    body = f'<GetOrderInfo xmlns="{face[1]}"><orderId>NO</orderId></GetOrderInfo>'
    compiled(face[1]).assertValid(in_body(wire.soap(body, face).body))


@pytest.mark.parametrize("reference", ["whole", "cut50", "omitted"])
def test_a_reference_may_be_cut_or_missing(lived: Wire, reference: str) -> None:
    lived.do("behaviour", reference=reference)
    namespace = ORDER_FACE[1]
    compiled(namespace).assertValid(in_body(lived.order_info().body))
    window = "2026-02-01T00:00:00", "2026-02-09T00:00:00"
    for operation in ("GetShippingCharge", "GetProductReturns"):
        compiled(namespace).assertValid(in_body(lived.window(operation, *window).body))


def test_an_order_is_accepted_as_described(wire: Wire, face: tuple[str, str]) -> None:
    reply = wire.soap(add_order("A-1", ns=face[1]), face)
    compiled(face[1]).assertValid(in_body(reply.body))


def test_the_sample_order_is_as_described(face: tuple[str, str]) -> None:
    body = etree.fromstring(add_order("A-1", ns=face[1]))
    # The sample has the key behind the address, as the schema does; the flag stands before it.
    compiled(face[1], lenient=True).assertValid(body)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.xml")), ids=lambda path: path.stem)
def test_what_our_client_sends_is_as_described(path: Path) -> None:
    body = in_body(path.read_bytes())
    namespace = etree.QName(body).namespace
    assert namespace in FACES.values()
    if etree.QName(body).localname in operations():
        compiled(namespace, lenient=True).assertValid(body)


def test_both_descriptions_are_served(wire: Wire) -> None:
    for path, namespace in FACES.items():
        for spelling in (f"{path}?wsdl", f"{path.upper()}?WSDL"):
            reply = wire.send("GET", spelling)
            assert reply.status == 200
            assert reply.headers["content-type"] == "text/xml; charset=utf-8"
            root = etree.fromstring(reply.body)
            assert root.get("targetNamespace") == namespace
            (one, two) = root.findall(".//{*}address")
            address = f"http://{wire.host}:{wire.port}{spelling.partition('?')[0]}"
            assert one.get("location") == two.get("location") == address


def test_the_address_is_the_one_that_was_asked(wire: Wire) -> None:
    headers = {"Host": 'shop.example:81"><x/>'}
    root = etree.fromstring(wire.send("GET", "/pmomsws/oms.asmx?wsdl", headers=headers).body)
    location = root.find(".//{*}address").get("location")
    assert location == 'http://shop.example:81"><x/>/pmomsws/oms.asmx'


def test_reading_the_description_is_in_the_log_and_may_fail(wire: Wire) -> None:
    wire.do("faults", kinds=["http_503"], operations=["wsdl"], count=1)
    statuses = [wire.send("GET", "/pmomsws/oms.asmx?wsdl").status for _ in range(2)]
    assert statuses == [503, 200]
    assert [(one["operation"], one["status"]) for one in wire.see("requests")] == [
        ("wsdl", 503),
        ("wsdl", 200),
    ]


@pytest.mark.parametrize("query", ["", "?disco", "?wsdl=1"])
def test_nothing_else_is_there_to_get(wire: Wire, query: str) -> None:
    assert wire.send("GET", f"/pmomsws/oms.asmx{query}").status == 404


def test_all_fields_of_a_charge_are_told_in_their_order(lived: Wire) -> None:
    reply = lived.window("GetShippingCharge", "2026-02-01T00:00:00", "2026-02-09T00:00:00")
    row = etree.fromstring(reply.body).find(".//{*}ShippingCharges")
    names = [etree.QName(one).localname for one in row]
    assert len(names) == 64
    assert names == field_names("ShippingCharges")


def test_the_table_of_types_names_only_what_is_there() -> None:
    simple = [
        "string",
        "int",
        "boolean",
        "decimal",
        "double",
        "float",
        "dateTime",
        "short",
        "unsignedByte",
    ]
    for one in types().values():
        assert one.base is None or one.base in types()
        for field in one.fields:
            assert field.type in types() or field.type in simple, (one.name, field.name)
