"""AddOrder over the socket: as lenient and as strict as docs/wire.md §3."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from wire_client import (
    OMS_FACE,
    ORDER_FACE,
    SAMPLE_LINES,
    SHIP_TO,
    SOAP_11,
    SOAP_12,
    Wire,
    add_order,
    line,
)

from veracore_sync.sandbox.server import Sandbox


@pytest.mark.parametrize("face", [ORDER_FACE, OMS_FACE])
@pytest.mark.parametrize("version", [SOAP_11, SOAP_12])
def test_the_sample_order_is_accepted(wire: Wire, face: tuple[str, str], version: str) -> None:
    reply = wire.soap(add_order(ns=face[1]), face, version)
    assert reply.status == 200
    assert reply.text("OrderID") == "WEB-100234"
    assert int(reply.text("OrderSeqID")) > 0
    assert reply.xml().tag == f"{{{version}}}Envelope"
    assert f"{{{face[1]}}}AddOrderResponse" in {one.tag for one in reply.xml().iter()}
    expected = {SOAP_11: "text/xml", SOAP_12: "application/soap+xml"}[version]
    assert reply.headers["content-type"] == f"{expected}; charset=utf-8"
    assert reply.headers["x-veracore-sandbox"] == "1"
    (order,) = wire.see("orders")
    assert order["id"] == "WEB-100234"
    assert order["reference"] == "100234"
    assert order["submissions"] == 1
    assert order["lines"] == [{"sku": "MUG-BLUE", "quantity": 2}, {"sku": "TEE-M", "quantity": 1}]


def test_the_path_has_no_case_and_soapaction_is_not_looked_at(wire: Wire) -> None:
    wrong = {"SOAPAction": '"http://omscom/GetOffers"'}
    face = ("/PMOMSWS/Order.ASMX", ORDER_FACE[1])
    assert wire.soap(add_order(), face, headers=wrong).status == 200


@pytest.mark.parametrize(("soap", "tag"), [("1.1", SOAP_11), ("1.2", SOAP_12)])
@pytest.mark.parametrize("version", [SOAP_11, SOAP_12])
def test_answers_come_in_the_version_that_is_switched_on(
    wire: Wire, soap: str, tag: str, version: str
) -> None:
    wire.do("behaviour", soap=soap)
    assert wire.soap(add_order(), version=version).xml().tag == f"{{{tag}}}Envelope"
    assert wire.soap(add_order(), version=version).xml().tag == f"{{{tag}}}Envelope"


@pytest.mark.parametrize("again", ["WEB-100234", "web-100234", " Web-100234 "])
def test_a_used_id_is_refused_whatever_its_case(wire: Wire, again: str) -> None:
    wire.add_order()
    assert f"Order ID {again.strip()} already exists" in wire.add_order(again).fault()
    (order,) = wire.see("orders")
    assert (order["id"], order["submissions"]) == ("WEB-100234", 2)


def test_a_repeat_is_a_repeat_whatever_else_is_wrong_with_it(wire: Wire) -> None:
    wire.add_order()
    wire.do("behaviour", sources=["FAX"])
    assert "already exists" in wire.add_order(lines=line("MUG-BLUE", 0)).fault()
    assert wire.see("orders")[0]["submissions"] == 2


def test_a_document_type_is_refused(wire: Wire) -> None:
    reply = wire.soap(add_order(), prologue="<!DOCTYPE order>")
    assert "Server was unable to read request" in reply.fault()
    assert wire.see("orders") == []


def test_both_text_forms_of_a_fault_in_both_versions(wire: Wire) -> None:
    wire.add_order()
    stack = wire.add_order().fault()
    assert stack.startswith("System.Web.Services.Protocols.SoapException: Server was unable")
    assert "---> System.Exception: Order ID WEB-100234 already exists\n   at " in stack
    assert stack.endswith("--- End of inner exception stack trace ---")
    # A client in the field cuts after the last "System.Exception:" and before the first "at".
    assert "already exists" in stack.rsplit("System.Exception:", 1)[1].split("at ")[0]

    wire.do("behaviour", fault_text="short")
    short = "Server was unable to process request. ---> Order ID WEB-100234 already exists"
    old = wire.add_order()
    assert old.fault() == short
    assert old.xml().find(f".//{{{SOAP_11}}}Fault/faultcode").text == "soap:Server"
    new = wire.soap(add_order(), version=SOAP_12)
    assert new.fault() == short
    assert new.text("Value") == "soap:Receiver"
    assert new.headers["content-type"].startswith("application/soap+xml")


def test_an_id_is_made_where_none_is_given(wire: Wire) -> None:
    first, second = wire.add_order(""), wire.add_order("")
    ids = [first.text("OrderID"), second.text("OrderID")]
    assert all(ids) and len(set(ids)) == 2
    without_header = re.sub(
        r"<Header>\s*<ID></ID>.*?</Header>", "", add_order(""), count=1, flags=re.S
    )
    assert "EntryDate" not in without_header
    assert wire.soap(without_header).status == 200


@pytest.mark.parametrize(
    "key",
    ["<OrderShipTo><Key>1</Key></OrderShipTo>", "<OrderShipToKey><Key>1</Key></OrderShipToKey>"],
)
def test_two_ways_to_point_at_a_ship_to(wire: Wire, key: str) -> None:
    assert wire.add_order(lines=line("MUG-BLUE", 1, key=key)).status == 200


@pytest.mark.parametrize(
    "key",
    ["<ShipToKey>1</ShipToKey>", "", "<OrderShipTo><Key>2</Key></OrderShipTo>", "<OrderShipTo />"],
)
def test_a_line_without_a_usable_key_is_refused(wire: Wire, key: str) -> None:
    reply = wire.add_order(lines=line("MUG-BLUE", 1, key=key))
    assert "does not have a Ship To Key" in reply.fault()
    assert wire.see("orders") == []


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("", "at least one Offer"),
        (line("MUG-BLUE", 0), "Quantity greater than zero"),
        (line("MUG-BLUE", -1), "Quantity greater than zero"),
        (line("MUG-BLUE", 1) + line("", 1), "Offer ID is required"),
        (SAMPLE_LINES.replace("<Quantity>2</Quantity>", ""), "Quantity greater than zero"),
    ],
)
def test_lines_that_are_none(wire: Wire, lines: str, fault: str) -> None:
    assert fault in wire.add_order(lines=lines).fault()
    assert wire.see("orders") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<Quantity>2<", "<Quantity>two<"),
        ("<Quantity>2<", "<Quantity>2.0<"),
        ("<Quantity>2<", "<Quantity><"),
        ("<Quantity>2<", "<Quantity>3000000000<"),
        ("<UnitPrice>12.50<", "<UnitPrice>12,50<"),
        ("<UnitPrice>12.50<", "<UnitPrice>1e3<"),
        (">7.95<", ">NaN<"),
        ("2026-02-03T09:14:00", "02/03/2026"),
        ("2026-02-03T09:14:00", "2026-02-30T09:14:00"),
        ("<Flag>Other<", "<Flag>Elsewhere<"),
    ],
)
def test_a_value_of_the_wrong_type_cannot_be_read(wire: Wire, old: str, new: str) -> None:
    body = add_order()
    assert old in body
    reply = wire.soap(body.replace(old, new))
    assert "Server was unable to read request. ---> There is an error in XML" in reply.fault()
    assert "soap:Client" in reply.body.decode()
    assert wire.see("orders") == []


def test_a_ship_to_needs_a_street_and_a_city(wire: Wire) -> None:
    bare = "<ShipTo><OrderShipTo><Key>1</Key></OrderShipTo></ShipTo>"
    assert "Address1 is required" in wire.soap(add_order(ship_to=bare)).fault()
    same = bare.replace("<Key>", "<Flag>OrderedBy</Flag><Key>")
    assert wire.soap(add_order(ship_to=same)).status == 200


@pytest.mark.parametrize("required", [True, False])
def test_a_ship_to_without_a_city_is_taken_where_none_is_needed(wire: Wire, required: bool) -> None:
    wire.do("behaviour", require_city=required)
    reply = wire.soap(add_order(ship_to=SHIP_TO.replace("<City>Austin</City>", "")))
    if required:
        assert "City is required" in reply.fault()
    else:
        assert reply.status == 200


def test_elements_in_any_order_and_unknown_ones_are_taken(wire: Wire) -> None:
    body = add_order().replace("<Header>", "<Header><Stream>x</Stream><Comments>first</Comments>")
    shipping = re.search(r"<Shipping>.*?</Shipping>", body, re.S)
    assert shipping
    body = body.replace(shipping[0], "").replace("</order>", f"<Fancy />{shipping[0]}</order>")
    assert wire.soap(body).status == 200
    assert wire.order_info().text("OrderComment") == "first"


def test_elements_outside_the_namespace_are_unknown(wire: Wire) -> None:
    body = add_order().replace("<Offers>", '<Offers xmlns="">')
    assert "at least one Offer" in wire.soap(body).fault()


def test_nil_numbers_count_as_missing(wire: Wire) -> None:
    nil = '<UnitPrice xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true" />'
    body = add_order(lines=line("MUG-BLUE", 1).replace("<UnitPrice>12.50</UnitPrice>", nil))
    assert wire.soap(body).status == 200
    assert wire.order_info().text("UnitPrice") == "0"


@pytest.mark.parametrize("longest", [20, 24])
def test_an_id_of_too_many_characters_is_refused(wire: Wire, longest: int) -> None:
    if longest != 20:
        wire.do("behaviour", longest_id=longest)
    assert wire.add_order("A" * longest).status == 200
    assert f"{longest} characters" in wire.add_order("A" * (longest + 1)).fault()


@pytest.mark.parametrize("text", ["stack", "short"])
def test_sources_that_are_set_up(wire: Wire, text: str) -> None:
    wire.do("behaviour", sources=["Web"], fault_text=text)
    assert wire.add_order("A-1").status == 200
    for source in ("FAX", ""):
        reply = wire.soap(add_order("A-2").replace(">WEB<", f">{source}<"))
        assert "Exception: Invalid Source\n" in reply.fault() or text == "short"
        assert reply.fault().endswith("---> Invalid Source") or text == "stack"
    without = re.sub(r"<Classification>.*?</Classification>", "", add_order("A-3"), flags=re.S)
    assert "Invalid Source" in wire.soap(without).fault()
    assert [order["id"] for order in wire.see("orders")] == ["A-1"]


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        ({"carriers": ["FedEx"]}, "Invalid Freight Carrier"),
        ({"services": ["2 Day"]}, "Invalid Freight Service"),
    ],
)
def test_freight_that_is_set_up(wire: Wire, behaviour: dict[str, object], fault: str) -> None:
    wire.do("behaviour", **behaviour)
    assert fault in wire.add_order().fault()
    without = re.sub(r"<Shipping>.*?</Shipping>", "", add_order(), flags=re.S)
    assert wire.soap(without).status == 200


def test_freight_codes_and_shipping_options_count_at_the_ship_to_too(wire: Wire) -> None:
    wire.do("behaviour", freight_codes=["U11"], shipping_options=["92"])
    coded = SHIP_TO.replace("<Key>", "<FreightCode>{}</FreightCode><Key>")
    assert wire.soap(add_order("A-1", ship_to=coded.format("u11"))).status == 200
    assert "Freight Code" in wire.soap(add_order("A-2", ship_to=coded.format("R02"))).fault()
    option = "<Shipping><ShippingOption><Description>7</Description></ShippingOption>"
    body = add_order("A-2").replace("<Shipping>", option)
    assert "Invalid Shipping Option" in wire.soap(body).fault()


@pytest.mark.parametrize("text", ["stack", "short"])
def test_a_strict_sandbox_knows_only_what_was_put_in(text: str) -> None:
    with Sandbox(strict=True) as sandbox:
        wire = Wire(sandbox.url)
        wire.do("behaviour", fault_text=text)
        wire.do("stock", stock=[{"sku": "mug-blue", "on_hand": 5}])
        assert wire.add_order("A-1", line("MUG-BLUE", 1)).status == 200
        fault = wire.add_order("A-2").fault()
        if text == "short":
            assert fault == "Server was unable to process request. ---> Invalid Product ID"
        else:
            assert "System.Exception: Invalid Product ID\n   at " in fault
        assert [order["id"] for order in wire.see("orders")] == ["A-1"]


@pytest.mark.parametrize("login", [("sandbox", "wrong"), ("SANDBOX ", "sandbox"), ("", "")])
def test_a_wrong_login_is_a_fault_and_nothing_happens(wire: Wire, login: tuple[str, str]) -> None:
    assert "Invalid Username or Password" in wire.soap(add_order(), login=login).fault()
    assert wire.see("orders") == []


def test_the_login_must_be_in_the_namespace_of_the_service(wire: Wire) -> None:
    face = (ORDER_FACE[0], OMS_FACE[1])
    reply = wire.soap(add_order(ns=ORDER_FACE[1]), face)
    assert "Invalid Username or Password" in reply.fault()


def test_the_body_must_be_in_the_namespace_of_the_face(wire: Wire) -> None:
    reply = wire.soap(add_order(ns=OMS_FACE[1]))
    assert "was not recognized" in reply.fault()
    assert reply.xml().find(f".//{{{SOAP_11}}}Fault/faultcode").text == "soap:Client"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<a><b></a>",
        b'<!DOCTYPE x [<!ENTITY e "v">]><x>&e;</x>',
        b'<?xml version="1.0" encoding="no-such"?><x/>',
        b"<x/>",
        b"\xff\xfe\x00",
    ],
)
@pytest.mark.parametrize("kind", ["text/xml", "application/soap+xml"])
def test_what_is_no_soap_is_the_callers_fault(wire: Wire, body: bytes, kind: str) -> None:
    reply = wire.send("POST", ORDER_FACE[0], body, {"Content-Type": kind})
    assert "Server was unable to read request. ---> " in reply.fault()
    assert ("soap:Sender" if "soap" in kind else "soap:Client") in reply.body.decode()


def test_twenty_at_once_place_one_order(wire: Wire) -> None:
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: wire.add_order(), range(20)))
    assert sorted(reply.status for reply in replies) == [200] + [500] * 19
    assert all("already exists" in one.fault() for one in replies if one.status == 500)
    (order,) = wire.see("orders")
    assert order["submissions"] == 20
    (mug,) = wire.stock("MUG-BLUE").texts("Reserved")
    assert mug == "2"


def test_many_at_once_lose_nothing(wire: Wire) -> None:
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda n: wire.add_order(f"A-{n}", line("TEE-M", 1)), range(60)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.text("OrderSeqID") for reply in replies}) == 60
    assert wire.stock("TEE-M").text("Available") == "940"
