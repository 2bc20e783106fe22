"""The control surface: design, and what it says to input that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from wire_client import ORDER_FACE, REST_ORDER, Wire, line


def test_requests_tell_dialect_operation_order_and_status(wire: Wire) -> None:
    wire.add_order()
    wire.add_order()
    wire.order_info("no-such")
    wire.stock("%")
    wire.window("GetShippingCharge", "2026-02-04", "2026-02-05")
    wire.send("POST", ORDER_FACE[0], b"<", {"Content-Type": "text/xml"})
    wire.rest("POST", "/v1/api/orders", REST_ORDER)
    wire.rest("GET", "/api/orders/A-1/status", token="wrong")
    wire.rest("GET", "/api/inventory/MUG-BLUE", token="wrong")
    at = "2026-02-04T15:57:00.000Z"
    requests = wire.see("requests")
    assert {entry.pop("at") for entry in requests} == {at}
    oms, rest = {"dialect": "oms"}, {"dialect": "rest"}
    assert requests == [
        {**oms, "operation": "AddOrder", "order": "WEB-100234", "status": 200},
        {**oms, "operation": "AddOrder", "order": "WEB-100234", "status": 500},
        {**oms, "operation": "GetOrderInfo", "order": "no-such", "status": 200},
        {**oms, "operation": "GetProductAvailabilities", "status": 200},
        {**oms, "operation": "GetShippingCharge", "status": 200},
        {**oms, "operation": "unreadable", "status": 500},
        {**rest, "operation": "token", "status": 200},
        {**rest, "operation": "create", "order": "WEB-100234", "status": 409},
        {**rest, "operation": "status", "order": "A-1", "status": 401},
        {**rest, "operation": "inventory", "status": 401},
    ]


def test_an_order_tells_what_became_of_it(wire: Wire) -> None:
    wire.add_order(lines=line("MUG-BLUE", 3) + line("TEE-M", 1))
    shipped = wire.do(
        "ship",
        order="web-100234",
        lines=[{"sku": "mug-blue", "quantity": 2}],
        at="2026-02-04T10:00:00+01:00",
    )
    wire.do("cancel", order="WEB-100234", lines=[{"sku": "TEE-M", "quantity": 1}])
    (order,) = wire.see("orders")
    assert order["status"] == "PartiallyShipped"
    assert order["dialect"] == "oms"
    assert order["lines"] == [{"sku": "MUG-BLUE", "quantity": 3}, {"sku": "TEE-M", "quantity": 1}]
    assert order["shippedLines"] == [{"sku": "MUG-BLUE", "quantity": 2}]
    assert order["cancelledLines"] == [{"sku": "TEE-M", "quantity": 1}]
    assert order["packages"] == [
        {
            "slip": shipped["slip"],
            "tracking": shipped["tracking"][0],
            "carrier": "UPS",
            "service": "Ground",
            "shippedAt": "2026-02-04T09:00:00+00:00",
            "voidedAt": None,
        }
    ]


def test_slips_and_generated_tracking_ids_are_never_the_same(wire: Wire) -> None:
    wire.add_order("A-1", line("MUG-BLUE", 9))
    wire.add_order("A-2", line("MUG-BLUE", 9))
    one = [{"sku": "MUG-BLUE", "quantity": 1}]
    made = [
        wire.do("ship", order=order, lines=one, packages=[{}, {}])
        for order in ("A-1", "A-2", "A-1")
    ]
    assert len({slip["slip"] for slip in made}) == 3
    assert all(len(slip["slip"]) == 6 for slip in made)
    assert len({tracking for slip in made for tracking in slip["tracking"]}) == 6


def test_a_label_is_voided_with_a_new_one_or_without(wire: Wire) -> None:
    wire.add_order()
    wire.do("ship", order="WEB-100234", packages=[{"tracking": "T1"}])
    made = wire.do("void", order="WEB-100234", tracking="T1", relabel=True)["tracking"]
    assert made not in ("", "T1")
    wire.do("void", order="WEB-100234", tracking=made, relabel="T3")
    wire.do("void", order="WEB-100234", tracking="T3")
    (order,) = wire.see("orders")
    assert [one["tracking"] for one in order["packages"]] == ["T1", made, "T3"]
    assert all(one["voidedAt"] for one in order["packages"])
    assert len({one["slip"] for one in order["packages"]}) == 1


def test_more_than_was_ordered_leaves_only_when_it_is_meant(wire: Wire) -> None:
    wire.add_order("A-1", line("MUG-BLUE", 1))
    beyond = [{"sku": "MUG-BLUE", "quantity": 2}, {"sku": "GIFT", "quantity": 1}]
    assert wire.control("ship", {"order": "A-1", "lines": beyond}).status == 400
    wire.do("ship", order="A-1", lines=beyond, beyond=True)
    (order,) = wire.see("orders")
    assert order["shippedLines"] == beyond
    assert order["status"] == "Shipped"
    assert wire.order_info("A-1").texts("ToShipQty") == ["2", "1"]
    assert wire.stock("MUG-BLUE").text("OnHand") == "998"


def test_reset_forgets_everything(wire: Wire) -> None:
    wire.do("behaviour", fault_text="short", sources=["WEB"])
    wire.do("faults", kinds=["http_503"], operations=["GetOrderInfo"])
    first = wire.add_order().text("OrderSeqID")
    wire.do("reset")
    assert wire.see("orders") == wire.see("requests") == []
    assert wire.order_info().status == 200
    assert wire.stock("%").texts("PartNumber") == []
    assert wire.soap(f'<GetProductAvailabilities xmlns="{ORDER_FACE[1]}"/>').fault().count("\n")
    assert wire.add_order().text("OrderSeqID") == first


ORDER = {"order": "A-1"}
LINE = {"sku": "MUG-BLUE", "quantity": 1}


@pytest.mark.parametrize(
    ("name", "document", "field"),
    [
        ("reset", {"all": True}, "all"),
        ("reset", [], "body"),
        ("stock", {}, "stock"),
        ("stock", {"stock": []}, "stock"),
        ("stock", {"stock": [7]}, "stock[0]"),
        ("stock", {"stock": [{"sku": "A"}]}, "stock[0].on_hand"),
        ("stock", {"stock": [{"sku": "A", "on_hand": -1}]}, "stock[0].on_hand"),
        ("stock", {"stock": [{"sku": "A", "on_hand": True}]}, "stock[0].on_hand"),
        ("stock", {"stock": [{"sku": " ", "on_hand": 1}]}, "stock[0].sku"),
        ("stock", {"stock": [{"sku": "A\u0000", "on_hand": 1}]}, "stock[0].sku"),
        ("stock", {"stock": [{"sku": "A", "on_hand": 1, "onhand": 1}]}, "stock[0].onhand"),
        ("ship", {}, "order"),
        ("ship", {"order": "NO-SUCH"}, "order"),
        ("ship", {**ORDER, "at": "noon"}, "at"),
        ("ship", {**ORDER, "lines": []}, "lines"),
        ("ship", {**ORDER, "lines": [{"sku": "MUG-BLUE"}]}, "lines[0].quantity"),
        ("ship", {**ORDER, "lines": [{"sku": "MUG-BLUE", "quantity": 0}]}, "lines[0].quantity"),
        ("ship", {**ORDER, "lines": [LINE, LINE, LINE]}, "lines[2].quantity"),
        ("ship", {**ORDER, "lines": [{**LINE, "sku": "OTHER"}]}, "lines[0].quantity"),
        ("ship", {**ORDER, "packages": {}}, "packages"),
        ("ship", {**ORDER, "packages": [{"tracking": 7}]}, "packages[0].tracking"),
        ("ship", {**ORDER, "packages": [{"shipped": "no"}]}, "packages[0].shipped"),
        ("ship", {**ORDER, "packages": [{"tracking": "X"}, {"tracking": "X"}]}, "packages"),
        ("ship", {**ORDER, "packages": [{"number": "X"}]}, "packages[0].number"),
        ("ship", {**ORDER, "package": []}, "package"),
        ("void", ORDER, "tracking"),
        ("void", {**ORDER, "tracking": "NO-SUCH"}, "tracking"),
        ("void", {**ORDER, "tracking": "T", "relabel": 7}, "relabel"),
        ("cancel", {"order": 7}, "order"),
        ("cancel", {**ORDER, "lines": [{**LINE, "quantity": 3}]}, "lines[0].quantity"),
        ("process", {"order": "NO-SUCH"}, "order"),
        ("returns", {"order": "NO-SUCH", "lines": [LINE]}, "order"),
        ("returns", ORDER, "lines"),
        ("returns", {**ORDER, "lines": []}, "lines"),
        ("returns", {**ORDER, "lines": [LINE]}, "lines[0].quantity"),
        ("returns", {**ORDER, "lines": [{**LINE, "reason": 7}]}, "lines[0].reason"),
        ("returns", {**ORDER, "lines": [{**LINE, "disposition": ""}]}, "lines[0].disposition"),
        ("returns", {**ORDER, "lines": [{**LINE, "why": ""}]}, "lines[0].why"),
        ("returns", {**ORDER, "lines": [LINE], "at": "noon"}, "at"),
        ("faults", {}, "kinds"),
        ("faults", {"kinds": "http_503"}, "kinds"),
        ("faults", {"kinds": ["http_500"]}, "kinds[0]"),
        ("faults", {"kinds": ["http_503"], "rate": 2}, "rate"),
        ("faults", {"kinds": ["http_503"], "rate": "1"}, "rate"),
        ("faults", {"kinds": ["http_503"], "count": 0}, "count"),
        ("faults", {"kinds": ["http_503"], "operations": ["AddOrders"]}, "operations[0]"),
        ("faults", {"kinds": ["http_503"], "delay_ms": -1}, "delay_ms"),
        ("faults", {"kinds": ["http_503"], "seed": 1.5}, "seed"),
        ("faults", {"kinds": ["http_503"], "order": ""}, "order"),
        ("faults", {"kinds": ["http_503"], "times": 1}, "times"),
        ("behaviour", {"unknown_order": "404"}, "unknown_order"),
        ("behaviour", {"denied": ["AddOrders"]}, "denied"),
        ("behaviour", {"denied_text": 7}, "denied_text"),
        ("behaviour", {"fault_text": "long"}, "fault_text"),
        ("behaviour", {"soap": 1.1}, "soap"),
        ("behaviour", {"timezone": "Mars/Olympus"}, "timezone"),
        ("behaviour", {"timezone": "../etc/passwd"}, "timezone"),
        ("behaviour", {"timezone": 7}, "timezone"),
        ("behaviour", {"sources": "WEB"}, "sources"),
        ("behaviour", {"voided_charges": 1}, "voided_charges"),
        ("behaviour", {"token_seconds": 0}, "token_seconds"),
        ("behaviour", {"secret": ""}, "secret"),
        ("behaviour", {"secret": 7}, "secret"),
        ("behaviour", {"reference": "cut"}, "reference"),
        ("behaviour", {"longest_id": 0}, "longest_id"),
        ("behaviour", {"longest_id": "24"}, "longest_id"),
        ("behaviour", {"require_city": 1}, "require_city"),
        ("behaviour", {"colour": "blue"}, "colour"),
    ],
)
def test_wrong_input_is_400_names_the_field_and_changes_nothing(
    wire: Wire, name: str, document: Any, field: str
) -> None:
    wire.add_order("A-1", line("MUG-BLUE", 2))
    before = wire.see("orders"), wire.stock("%").body
    reply = wire.control(name, document)
    assert reply.status == 400, reply.body
    assert reply.json()["field"] == field
    assert reply.json()["message"].startswith(f"{field}: ")
    assert (wire.see("orders"), wire.stock("%").body) == before


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_json(wire: Wire, body: bytes) -> None:
    reply = wire.send("POST", "/_sandbox/ship", body)
    assert (reply.status, reply.json()["field"]) == (400, "body")


def test_nothing_left_is_said(wire: Wire) -> None:
    wire.add_order("A-1")
    wire.do("ship", order="A-1", packages=[{"tracking": "T1"}])
    assert wire.control("ship", {"order": "A-1"}).json()["field"] == "order"
    assert wire.control("cancel", {"order": "A-1"}).json()["field"] == "order"
    again = {"order": "A-1", "packages": [{"tracking": "T1"}]}
    assert wire.control("ship", again).json()["field"] == "order"


def test_two_slips_may_bear_the_same_words(wire: Wire) -> None:
    wire.add_order("A-1")
    for _ in range(2):
        half = {"sku": "MUG-BLUE", "quantity": 1}
        wire.do("ship", order="A-1", lines=[half], packages=[{"tracking": "LTL Freight"}])
    packages = wire.see("orders")[0]["packages"]
    assert [one["tracking"] for one in packages] == ["LTL Freight"] * 2


def test_paths_and_methods_that_are_none(wire: Wire) -> None:
    assert wire.send("GET", "/_sandbox/nothing").status == 404
    assert wire.send("GET", "/_sandbox/ship").status == 405
    assert wire.send("POST", "/_sandbox/orders").status == 405
    assert wire.send("GET", "/_sandbox/orders").headers["x-veracore-sandbox"] == "1"
