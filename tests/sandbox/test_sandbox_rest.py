"""The JSON dialect over the socket: docs/wire.md §8 and what the design fixes there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import pytest
from wire_client import REST_ORDER, Wire

from veracore_sync.sandbox.server import Sandbox

BASES = ["", "/v1"]


def rest_order(number: str = "WEB-100234", **changes: Any) -> dict[str, Any]:
    return {**deepcopy(REST_ORDER), "OrderNumber": number, **changes}


@pytest.mark.parametrize("base", BASES)
def test_a_token_and_an_order(wire: Wire, base: str) -> None:
    reply = wire.token(base=base)
    assert reply.status == 200
    token = reply.json()
    assert (token["expires_in"], token["token_type"]) == (3600, "Bearer")
    placed = wire.rest("POST", f"{base}/api/orders", rest_order(), token["access_token"])
    assert (placed.status, placed.json()) == (201, {"OrderId": "WEB-100234"})
    assert placed.headers["x-veracore-sandbox"] == "1"
    status = wire.rest("GET", f"{base}/api/orders/WEB-100234/status")
    assert status.json() == {"OrderNumber": "WEB-100234", "Status": "Processed"}


def test_a_wrong_secret_and_a_wrong_grant(wire: Wire) -> None:
    refused = wire.token(secret="wrong")
    assert refused.status == 401
    assert refused.json()["error"] == "invalid_client"
    assert wire.send("POST", "/api/token", b"grant_type=password").status == 400
    garbage = {"Authorization": "Basic !!!"}
    assert wire.send("POST", "/api/token", b"grant_type=client_credentials", garbage).status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/orders"), ("GET", "/v1/api/inventory"), ("GET", "/api/orders/A-1/status")],
)
def test_no_wrong_or_old_bearer_gets_in(wire: Wire, clock: Any, method: str, path: str) -> None:
    bare = wire.send(method, path)
    assert bare.status == 401
    assert "message" in bare.json()
    assert wire.rest(method, path, rest_order(), "wrong").status == 401
    token = wire.token().json()["access_token"]
    clock.pass_seconds(3600)
    assert wire.rest(method, path, rest_order(), token).status == 401
    assert wire.see("orders") == []


def test_the_secret_can_be_changed(wire: Wire) -> None:
    before = wire.token().json()["access_token"]
    wire.do("behaviour", secret="rotated")
    assert wire.token().status == 401
    assert wire.token(secret="rotated").status == 200
    assert wire.rest("GET", "/api/inventory", token=before).status == 200
    assert wire.stock("%").status == 500
    wire.do("behaviour", secret="sandbox")
    assert wire.stock("%").status == 200


def test_the_life_of_a_token_can_be_set(wire: Wire, clock: Any) -> None:
    wire.do("behaviour", token_seconds=10)
    token = wire.token().json()["access_token"]
    clock.pass_seconds(9)
    assert wire.rest("GET", "/api/inventory", None, token).status == 200
    clock.pass_seconds(1)
    assert wire.rest("GET", "/api/inventory", None, token).status == 401


def test_a_used_number_is_a_conflict_that_names_it(wire: Wire) -> None:
    wire.rest("POST", "/api/orders", rest_order())
    reply = wire.rest("POST", "/v1/api/orders", rest_order("web-100234"))
    assert reply.status == 409
    assert "web-100234" in reply.json()["message"]
    assert wire.see("orders")[0]["submissions"] == 2


def test_both_dialects_share_one_warehouse(wire: Wire) -> None:
    wire.rest("POST", "/api/orders", rest_order())
    assert "already exists" in wire.add_order().fault()
    assert wire.stock("MUG-BLUE").text("Reserved") == "2"
    assert wire.order_info().texts("Contact")[0] == ""
    assert wire.order_info().texts("PostalCode")[0] == "78701"


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("OrderNumber",), None, "OrderNumber"),
        (("OrderNumber",), " ", "OrderNumber"),
        (("OrderNumber",), 7, "OrderNumber"),
        (("OrderNumber",), "A\ud800", "OrderNumber"),
        (("Items", 0, "SKU"), "A\u0001", "Items[0].SKU"),
        (("CompanyId",), None, "CompanyId"),
        (("Customer",), None, "Customer"),
        (("ShippingAddress",), None, "ShippingAddress"),
        (("ShippingAddress", "Address1"), "", "ShippingAddress.Address1"),
        (("ShippingAddress", "City"), None, "ShippingAddress.City"),
        (("ShippingAddress", "Country"), None, "ShippingAddress.Country"),
        (("Items",), None, "Items"),
        (("Items",), [], "Items"),
        (("Items",), ["MUG"], "Items[0]"),
        (("Items", 1, "SKU"), "", "Items[1].SKU"),
        (("Items", 0, "Quantity"), 0, "Items[0].Quantity"),
        (("Items", 0, "Quantity"), 1.5, "Items[0].Quantity"),
        (("Items", 0, "Quantity"), True, "Items[0].Quantity"),
        (("Items", 0, "UnitPrice"), "12.50", "Items[0].UnitPrice"),
    ],
)
def test_a_missing_field_is_named(
    wire: Wire, path: tuple[Any, ...], value: Any, named: str
) -> None:
    document = rest_order()
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    reply = wire.rest("POST", "/api/orders", document)
    assert reply.status == 400
    assert reply.json()["message"].startswith(named)
    assert wire.see("orders") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_object(wire: Wire, body: bytes) -> None:
    token = wire.token().json()["access_token"]
    reply = wire.send("POST", "/api/orders", body, {"Authorization": f"bearer {token}"})
    assert reply.status == 400
    assert "message" in reply.json()


def test_another_company_is_refused(wire: Wire) -> None:
    assert wire.rest("POST", "/api/orders", rest_order(CompanyId="OTHER")).status == 403
    assert wire.rest("POST", "/api/orders", rest_order(CompanyId="sandbox")).status == 201


def test_a_strict_sandbox_names_the_unknown_sku() -> None:
    with Sandbox(strict=True) as sandbox:
        wire = Wire(sandbox.url)
        wire.do("stock", stock=[{"sku": "MUG-BLUE", "on_hand": 5}])
        reply = wire.rest("POST", "/api/orders", rest_order())
        assert reply.status == 400
        assert "TEE-M" in reply.json()["message"]
        assert wire.see("orders") == []


def test_an_unknown_order_is_404_and_named(wire: Wire) -> None:
    reply = wire.rest("GET", "/api/orders/A%2F1%23/status")
    assert reply.status == 404
    assert reply.json()["OrderNumber"] == "A/1#"
    assert "A/1#" in reply.json()["message"]


def test_a_status_through_the_life_of_an_order(wire: Wire, clock: Any) -> None:
    wire.rest("POST", "/api/orders", rest_order())

    def status() -> dict[str, Any]:
        return dict(wire.rest("GET", "/api/orders/web-100234/status").json())

    one_mug = [{"sku": "MUG-BLUE", "quantity": 1}]
    wire.do(
        "ship", order="WEB-100234", lines=one_mug, packages=[{"tracking": "T1", "shipped": False}]
    )
    assert status() == {"OrderNumber": "WEB-100234", "Status": "Processed"}
    wire.do("ship", order="WEB-100234", packages=[{"tracking": "T1"}])
    assert status() == {
        "OrderNumber": "WEB-100234",
        "Status": "PartiallyShipped",
        "TrackingNumber": "T1",
        "ShipDate": "2026-02-04T15:57:00Z",
        "Carrier": "UPS",
    }
    wire.do("void", order="WEB-100234", tracking="T1", relabel="T2")
    assert status()["TrackingNumber"] == "T2"
    wire.do("ship", order="WEB-100234", packages=[{"tracking": "T3", "carrier": "DHL"}])
    assert (status()["Status"], status()["TrackingNumber"]) == ("Shipped", "T3")


def test_a_cancelled_order(wire: Wire) -> None:
    wire.rest("POST", "/api/orders", rest_order())
    wire.do("cancel", order="WEB-100234")
    reply = wire.rest("GET", "/api/orders/WEB-100234/status")
    assert reply.json()["Status"] == "Cancelled"


@pytest.mark.parametrize("base", BASES)
def test_stock_of_all_and_of_one(wire: Wire, base: str) -> None:
    wire.do("stock", stock=[{"sku": "A/B #1", "on_hand": 2}])
    wire.do("stock", stock=[{"sku": "A/B #1", "on_hand": 3, "warehouse": "EAST"}])
    wire.rest("POST", "/api/orders", rest_order(Items=[{"SKU": "a/b #1", "Quantity": 7}]))
    expected = {
        "SKU": "A/B #1",
        "AvailableQuantity": -2,
        "ReservedQuantity": 7,
        "OnHandQuantity": 5,
    }
    assert wire.rest("GET", f"{base}/api/inventory").json() == [expected]
    assert wire.rest("GET", f"{base}/api/inventory/a%2Fb%20%231").json() == expected
    missing = wire.rest("GET", f"{base}/api/inventory/A%25")
    assert missing.status == 404
    assert missing.json()["SKU"] == "A%"


@pytest.mark.parametrize("path", ["/", "/api", "/api/shipments", "/v1", "/v2/api/inventory"])
def test_what_is_not_there_is_a_page_that_is_not_json(wire: Wire, path: str) -> None:
    reply = wire.rest("GET", path)
    assert reply.status == 404
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["x-veracore-sandbox"] == "1"


def test_the_wrong_method(wire: Wire) -> None:
    assert wire.rest("GET", "/api/orders").status == 405
    assert wire.rest("DELETE", "/api/orders").status == 501


def test_twenty_at_once_place_one_order(wire: Wire) -> None:
    token = wire.token().json()["access_token"]
    with ThreadPoolExecutor(20) as pool:
        replies = list(
            pool.map(lambda _: wire.rest("POST", "/api/orders", rest_order(), token), range(20))
        )
    assert sorted(reply.status for reply in replies) == [201] + [409] * 19


def test_text_that_xml_cannot_hold_does_not_break_the_other_dialect(wire: Wire) -> None:
    document = rest_order()
    document["ShippingAddress"]["Address2"] = "Unit\u0000 4\ud800"
    assert wire.rest("POST", "/api/orders", document).status == 201
    assert wire.order_info().texts("Address2")[0] == "Unit 4"
