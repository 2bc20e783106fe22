"""The REST API of the real VeraCore over the socket: docs/wire.md §2.2."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from wire_client import Reply, Wire

BASE = "/VeraCore/Public.Api/api"
LOGIN = {"userName": "sandbox", "password": "sandbox", "systemId": "SANDBOX"}


def login(wire: Wire, document: dict[str, Any], base: str = BASE) -> Reply:
    return wire.send("POST", f"{base}/Login", json.dumps(document).encode())


def get(wire: Wire, path: str, token: str | None = None, word: str = "bearer") -> Reply:
    if token is None:
        token = login(wire, LOGIN).json()["Token"]
    return wire.send("GET", f"{BASE}/{path}", headers={"Authorization": f"{word} {token}"})


@pytest.mark.parametrize("base", [BASE, BASE.lower(), "/VERACORE/PUBLIC.API/API"])
@pytest.mark.parametrize(
    "document",
    [
        LOGIN,
        {"username": "sandbox", "password": "sandbox", "systemId": "sandbox"},
        {"UserName": "sandbox", "Password": "sandbox", "SystemID": "Sandbox"},
    ],
)
def test_a_login_gives_a_token_for_three_months(
    wire: Wire, base: str, document: dict[str, Any]
) -> None:
    reply = login(wire, document, base)
    assert reply.status == 200
    answer = reply.json()
    assert set(answer) == {"UtcExpirationDate", "Token", "Error"}
    assert answer["UtcExpirationDate"] == "2026-05-05T15:57:00.0000000Z"
    assert answer["Error"] is None
    head, payload, _ = answer["Token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["typ"] == "JWT"
    assert json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"] == "sandbox"


def test_a_login_may_be_a_form(wire: Wire) -> None:
    body = b"userName=sandbox&password=sandbox&systemId=SANDBOX"
    assert wire.send("POST", f"{BASE}/login", body).json()["Error"] is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"systemId": "OTHER"}, "Invalid Requested System"),
        ({"systemId": None}, "Invalid Requested System"),
        ({"password": "wrong"}, "Invalid Username or Password"),
        ({"userName": "wrong"}, "Invalid Username or Password"),
    ],
)
def test_a_refused_login_is_403(wire: Wire, change: dict[str, Any], error: str) -> None:
    reply = login(wire, {**LOGIN, **change})
    assert reply.status == 403
    assert reply.json() == {"UtcExpirationDate": None, "Token": None, "Error": error}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff"])
def test_a_login_that_cannot_be_read_is_refused(wire: Wire, body: bytes) -> None:
    assert wire.send("POST", f"{BASE}/Login", body).status == 403


@pytest.mark.parametrize("path", ["token", "orders", "GetPackages", "GetInventory"])
def test_without_a_good_token_every_route_is_403(wire: Wire, path: str, clock: Any) -> None:
    token = login(wire, LOGIN).json()["Token"]
    assert get(wire, path, token, "Bearer").status == 200
    assert get(wire, path, "wrong").status == 403
    assert wire.send("GET", f"{BASE}/{path}").status == 403
    assert get(wire, path, wire.token().json()["access_token"]).status == 403
    clock.pass_seconds(90 * 24 * 3600)
    assert get(wire, path, token).status == 403


def test_a_token_says_that_it_is_valid(wire: Wire) -> None:
    assert "valid" in get(wire, "token").json()


def test_packages_of_orders(wire: Wire) -> None:
    for order_id in ("#A-1", "B-1"):
        wire.add_order(order_id)
    path = f"GetPackages?request.ordersIds={quote('#A-1')},B-1,NO"
    assert get(wire, path).json() == {"ShippingUnits": None}
    wire.do("ship", order="#A-1", packages=[{"tracking": "1Z1"}, {"tracking": "1Z2"}])
    wire.do("void", order="#A-1", tracking="1Z2")
    assert get(wire, path).json() == {
        "ShippingUnits": [
            {
                "Shipping": {
                    "FreightCarrier": "UPS",
                    "TrackingLink": "https://carrier.example/track/1Z1",
                }
            }
        ]
    }


def test_stock_of_all_and_of_some(wire: Wire) -> None:
    wire.do("stock", stock=[{"sku": "MUG-BLUE", "on_hand": 7}, {"sku": "TEE & CO", "on_hand": 2}])
    rows = get(wire, "GetInventory").json()
    assert rows["Error"] is None
    assert [one["Id"] for one in rows["Inventory"]] == ["MUG-BLUE", "TEE & CO"]
    some = get(wire, f"GetInventory?offerIds={quote('tee & co')}").json()["Inventory"]
    assert some == [{"Id": "TEE & CO", "Title": "TEE & CO", "Available": 2}]


def test_orders_by_status(wire: Wire) -> None:
    for order_id in ("OPEN", "PART", "DONE", "GONE"):
        wire.add_order(order_id)
    wire.do("ship", order="PART", lines=[{"sku": "TEE-M", "quantity": 1}])
    wire.do("ship", order="DONE")
    wire.do("cancel", order="GONE")
    found = {
        status: [one["ID"] for one in get(wire, f"orders?request.status={status}").json()["Orders"]]
        for status in ("Processed", "PartiallyShipped", "Complete", "Cancelled", "canceled", "All")
    }
    assert found == {
        "Processed": ["OPEN"],
        "PartiallyShipped": ["PART"],
        "Complete": ["DONE"],
        "Cancelled": ["GONE"],
        "canceled": ["GONE"],
        "All": ["OPEN", "PART", "DONE", "GONE"],
    }
    assert get(wire, "orders?request.status=Lost").status == 400


def test_an_order_has_the_fields_of_the_sample(wire: Wire) -> None:
    wire.do("behaviour", timezone="America/Chicago")
    wire.add_order()
    (order,) = get(wire, "orders").json()["Orders"]
    assert (order["ID"], order["ReferenceNumber"]) == ("WEB-100234", "100234")
    assert order["OrderDates"] == {
        "UTCOrderDate": "2026-02-03T15:14:00",
        "ServerDateCaptured": "2026-02-04T09:57:00",
        "NeededByDate": None,
    }
    assert order["OrderClassification"]["Source"] == "WEB"
    assert order["OrderedBy"]["Name"] == "Pat Example"
    (shipment,) = order["Shipments"]
    assert shipment["ShipTo"]["Company"] == "Example & Co"
    (unit,) = shipment["ShippingUnits"]
    assert [(one["ID"], one["QuantityOrdered"]) for one in unit["Items"]] == [
        ("MUG-BLUE", 2),
        ("TEE-M", 1),
    ]
    assert "racking" not in json.dumps(order)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "orders", 405),
        ("GET", "Login", 405),
        ("GET", "nothing", 404),
        ("POST", "reports", 404),
    ],
)
def test_what_is_not_there_is_told_in_json(wire: Wire, method: str, path: str, status: int) -> None:
    reply = wire.send(method, f"{BASE}/{path}", b"{}")
    assert reply.status == status
    assert set(reply.json()) == {"Message"}


def test_the_log_and_the_faults_know_these_calls(wire: Wire) -> None:
    wire.do("faults", kinds=["bad_login"], operations=["Login"], count=1)
    assert [login(wire, LOGIN).status for _ in range(2)] == [403, 200]
    wire.do("faults", kinds=["bad_login", "fault_unlisted"], operations=["GetPackages"], count=2)
    assert [get(wire, "GetPackages").status for _ in range(3)] == [403, 400, 200]
    seen = [(one["dialect"], one["operation"], one["status"]) for one in wire.see("requests")]
    assert seen[:2] == [("public", "Login", 403), ("public", "Login", 200)]
