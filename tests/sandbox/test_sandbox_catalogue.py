"""Offers, products, and the debug header over the socket: docs/wire.md §4.2 and §2.1."""

from __future__ import annotations

import pytest
from wire_client import ORDER_FACE, SOAP_11, SOAP_12, Reply, Wire, add_order

NS = ORDER_FACE[1]
LOGIN = (
    f'<AuthenticationHeader xmlns="{NS}"><Username>sandbox</Username>'
    "<Password>sandbox</Password></AuthenticationHeader>"
)


def call(wire: Wire, operation: str, **fields: str) -> Reply:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return wire.soap(f'<{operation} xmlns="{NS}">{inner}</{operation}>')


@pytest.fixture
def stocked(wire: Wire) -> Wire:
    skus = ("MUG-BLUE", "MUG-RED", "TEE-M")
    wire.do("stock", stock=[{"sku": sku, "on_hand": 7} for sku in skus])
    return wire


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"searchString": "%", "searchID": "true"}, ["MUG-BLUE", "MUG-RED", "TEE-M"]),
        ({"searchString": "mug%", "searchID": "1"}, ["MUG-BLUE", "MUG-RED"]),
        ({"searchString": "tee-m", "searchDescription": "true"}, ["TEE-M"]),
        ({"searchString": "MUG", "searchID": "true"}, []),
        ({"searchString": "%", "searchID": "false", "searchDescription": "0"}, []),
        ({"searchString": "%"}, []),
        ({"searchString": "", "searchID": "true"}, []),
    ],
)
def test_offers_are_searched_like_parts(
    stocked: Wire, fields: dict[str, str], found: list[str]
) -> None:
    assert call(stocked, "GetOffers", **fields).texts("ID") == found


def test_offers_tell_what_is_available(stocked: Wire) -> None:
    stocked.add_order()
    reply = call(stocked, "GetOffers", searchString="MUG-BLUE", searchID="true")
    assert (reply.text("Available"), reply.text("PriceType")) == ("5", "Each")


def test_a_flag_that_is_none_cannot_be_read(stocked: Wire) -> None:
    reply = call(stocked, "GetOffers", searchString="%", searchID="yes")
    assert "not a valid Boolean value" in reply.fault()


@pytest.mark.parametrize("owner", ["", "SANDBOX", "sandbox"])
def test_a_product_and_its_offer(stocked: Wire, owner: str) -> None:
    reply = call(stocked, "GetProduct", OwnerID=owner, ProductID="mug-red")
    assert reply.text("PartNumber") == reply.text("ID") == "MUG-RED"
    assert reply.text("BuildType") == "Product"
    assert reply.texts("SeqID")[0] == reply.texts("SeqID")[1]


@pytest.mark.parametrize(
    ("owner", "product"), [("", "NO"), ("", ""), ("", "%"), ("OTHER", "MUG-RED")]
)
def test_an_unknown_product_is_a_fault_that_names_it(
    stocked: Wire, owner: str, product: str
) -> None:
    reply = call(stocked, "GetProduct", OwnerID=owner, ProductID=product)
    assert f"Can NOT find information for Product ID {product}" in reply.fault()


@pytest.mark.parametrize(
    ("owner", "pattern", "count"),
    [("", "%", 3), ("", "", 3), ("SANDBOX", "MUG%", 2), ("", "NO", 0), ("OTHER", "%", 0)],
)
def test_products(stocked: Wire, owner: str, pattern: str, count: int) -> None:
    reply = call(stocked, "GetProducts", OwnerID=owner, ProductID=pattern)
    assert len(reply.texts("PartNumber")) == count


@pytest.mark.parametrize(
    "operation",
    ["AddProduct", "SaveOffer", "GetDetailedBilling", "GetExpectedArrivals", "CancelOrder", "Nope"],
)
def test_other_operations_are_answered_as_unknown_ones(wire: Wire, operation: str) -> None:
    assert "was not recognized" in call(wire, operation).fault()


# ---- the debug header ----------------------------------------------------------------------


def with_header(wire: Wire, header: str, body: str, version: str = SOAP_11) -> Reply:
    text = (
        f'<soap:Envelope xmlns:soap="{version}"><soap:Header>{LOGIN}{header}</soap:Header>'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    )
    return wire.send("POST", ORDER_FACE[0], text.encode(), {"Content-Type": "text/xml"})


@pytest.mark.parametrize("version", [SOAP_11, SOAP_12])
@pytest.mark.parametrize(
    ("sent", "debug", "request_text"),
    [
        ("<Debug>true</Debug><Request>a &amp; b</Request>", "true", "a & b"),
        ("<Debug>0</Debug>", "false", ""),
        ("", "false", ""),
    ],
)
def test_a_debug_header_is_echoed(
    wire: Wire, version: str, sent: str, debug: str, request_text: str
) -> None:
    header = f'<DebugHeader xmlns="{NS}">{sent}</DebugHeader>'
    reply = with_header(wire, header, add_order(), version)
    assert reply.status == 200
    found = reply.xml().find(f"{{{version}}}Header/{{{NS}}}DebugHeader")
    assert found is not None
    assert [(one.tag.removeprefix(f"{{{NS}}}"), one.text or "") for one in found] == [
        ("Debug", debug),
        ("Request", request_text),
    ]
    # The login is never sent back.
    assert b"AuthenticationHeader" not in reply.body


def test_without_one_there_is_no_header(wire: Wire) -> None:
    assert b"Header" not in wire.add_order().body.replace(b"OrderHeader", b"")


def test_a_debug_header_of_another_namespace_is_no_business_of_ours(wire: Wire) -> None:
    header = '<DebugHeader xmlns="http://other/"><Debug>maybe</Debug></DebugHeader>'
    reply = with_header(wire, header, add_order())
    assert reply.status == 200
    assert b"DebugHeader" not in reply.body


def test_a_debug_header_that_cannot_be_read_places_nothing(wire: Wire) -> None:
    header = f'<DebugHeader xmlns="{NS}"><Debug>maybe</Debug></DebugHeader>'
    assert "not a valid Boolean value" in with_header(wire, header, add_order()).fault()
    assert wire.see("orders") == []
    wire.add_order()
    wire.do("faults", kinds=["false_absent"])
    look_up = f'<GetOrderInfo xmlns="{NS}"><orderId>WEB-100234</orderId></GetOrderInfo>'
    assert "not a valid Boolean value" in with_header(wire, header, look_up).fault()
