"""SOAP clients that know nothing of us, unmodified, started from the simulator's description."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import zeep
import zeep.exceptions
import zeep.helpers
from present import missing
from vendure_bed import BedMissing, install_packages
from wire_client import Wire

from veracore_sync.sandbox.server import Sandbox

NODE_PROJECT = Path(__file__).parents[1] / "soap_clients"
FACES = {
    "order": ("/pmomsws/order.asmx", "http://sma-promail/", "OrderSoap"),
    "oms": ("/pmomsws/oms.asmx", "http://omscom/", "OMSSoap"),
}
OPERATIONS = {
    "AddOrder",
    "GetOrderInfo",
    "GetOffers",
    "GetProduct",
    "GetProducts",
    "GetProductAvailabilities",
    "GetShippingActivity",
    "GetShippingCharge",
    "GetProductReturns",
}
START, END = map(datetime.fromisoformat, ("2026-02-04", "2026-02-05"))
PERSON = {
    "FirstName": "Pat",
    "LastName": "Example",
    "Address1": "12 Sample Street",
    "City": "Austin",
    "State": "TX",
    "PostalCode": "78701",
    "Country": "US",
}


def order(order_id: str) -> dict[str, Any]:
    """An order with what the evidence asks for, and nothing else."""
    return {
        "Header": {"ID": order_id, "ReferenceNumber": "100234"},
        "OrderedBy": PERSON,
        "ShipTo": {"OrderShipTo": [{**PERSON, "Flag": "Other", "Key": "1"}]},
        "BillTo": {"Flag": "OrderedBy"},
        "Offers": {
            "OfferOrdered": [
                {
                    "Offer": {"Header": {"ID": "MUG-BLUE"}},
                    "Quantity": 2,
                    "OrderShipTo": {"Key": "1"},
                    "UnitPrice": "12.50",
                }
            ]
        },
    }


class Zeep:
    """zeep on one face, in one version of SOAP."""

    def __init__(self, url: str, face: str, version: str, path: str = "") -> None:
        known, self.namespace, port = FACES[face]
        self.client = zeep.Client(f"{url}{path or known}?wsdl")
        binding = port + ("12" if version == "1.2" else "")
        self.service = self.client.bind(port_name=binding)
        self.login = {"AuthenticationHeader": {"Username": "sandbox", "Password": "sandbox"}}

    def call(self, operation: str, **fields: Any) -> Any:
        """The body of an answer."""
        return self.whole(operation, **fields).body

    def whole(self, operation: str, debug: dict[str, Any] | None = None, **fields: Any) -> Any:
        """An answer with its headers."""
        headers = dict(self.login)
        if debug is not None:
            headers["DebugHeader"] = debug
        return self.service[operation](_soapheaders=headers, **fields)


@pytest.fixture(params=[(face, version) for face in FACES for version in ("1.1", "1.2")], ids=str)
def foreign(request: pytest.FixtureRequest, sandbox: Sandbox) -> Zeep:
    return Zeep(sandbox.url, *request.param)


def test_zeep_brings_an_order_in_and_sees_it_leave(foreign: Zeep, wire: Wire) -> None:
    placed = foreign.call("AddOrder", order=order("A-1")).AddOrderResult
    assert placed.OrderID == "A-1"
    assert placed.OrderSeqID > 0
    assert [one["submissions"] for one in wire.see("orders")] == [1]

    found = foreign.call("GetOrderInfo", orderId="A-1").GetOrderInfoResult
    assert found.OrdHead.ReferenceNo == "100234"
    assert found.OrdHead.Status.Accepted is True
    (line,) = found.OfferInfo.OfferType
    assert (line.OfferId, line.OrderQty, line.UnitPrice) == ("MUG-BLUE", 2, 12.5)

    wire.do("ship", order="A-1", packages=[{"tracking": "1Z1"}, {"tracking": "1Z2"}])
    window = {"StartDate": START, "EndDate": END}
    charges = foreign.call("GetShippingCharge", **window).GetShippingChargeResult
    assert [one.TrackingID for one in charges.ShippingCharges] == ["1Z1", "1Z2"]
    assert charges.ShippingCharges[0].DateShipped.isoformat() == "2026-02-04T15:57:00"
    assert charges.ShippingCharges[0].ShippedToLastName == "Example"
    activity = foreign.call("GetShippingActivity", **window).GetShippingActivityResult
    (row,) = activity.ShippingActivity
    assert (row.OrderId, row.NumberofPackages) == ("A-1", 2)

    wire.do("returns", order="A-1", lines=[{"sku": "MUG-BLUE", "quantity": 1, "reason": "DMG"}])
    returns = foreign.call("GetProductReturns", **window).GetProductReturnsResult
    (back,) = returns.ProductReturns
    assert (back.OrderId, back.ProductId, back.ShipQty, back.ReturnQty) == ("A-1", "MUG-BLUE", 2, 1)


def test_zeep_reads_stock_offers_and_products(foreign: Zeep, wire: Wire) -> None:
    wire.do("stock", stock=[{"sku": "MUG-BLUE", "on_hand": 7}, {"sku": "TEE-M", "on_hand": 0}])
    stock = foreign.call("GetProductAvailabilities", partNumber="%", owner="SANDBOX")
    levels = [
        level
        for product in stock.GetProductAvailabilitiesResult.ProductAvailabilities
        for level in product.Warehouses.WarehouseLevels
    ]
    assert {level.PartNumber.strip(): level.Available for level in levels} == {
        "MUG-BLUE": 7,
        "TEE-M": 0,
    }
    offers = foreign.call("GetOffers", searchString="%", searchID=True, searchDescription=False)
    assert {one.ID: one.Available for one in offers.GetOffersResult.GetOfferResult} == {
        "MUG-BLUE": 7,
        "TEE-M": 0,
    }
    found = foreign.call("GetProduct", OwnerID="", ProductID="mug-blue").GetProductResult
    assert found.product.Header.PartNumber == found.offer.Header.ID == "MUG-BLUE"
    every = foreign.call("GetProducts", OwnerID="SANDBOX", ProductID="%").GetProductsResult
    assert len(every.GetProductResult) == 2


def test_zeep_is_told_why_in_a_fault(foreign: Zeep, wire: Wire) -> None:
    foreign.call("AddOrder", order=order("A-1"))
    with pytest.raises(zeep.exceptions.Fault, match="Order ID A-1 already exists"):
        foreign.call("AddOrder", order=order("A-1"))
    with pytest.raises(zeep.exceptions.Fault, match="Can NOT find information for Product ID NO"):
        foreign.call("GetProduct", OwnerID="", ProductID="NO")
    foreign.login["AuthenticationHeader"]["Password"] = "wrong"
    with pytest.raises(zeep.exceptions.Fault, match="Invalid Username or Password"):
        foreign.call("GetOrderInfo", orderId="A-1")


@pytest.mark.parametrize("unknown", ["empty", "record"])
def test_zeep_looks_up_what_is_not_there(foreign: Zeep, wire: Wire, unknown: str) -> None:
    wire.do("behaviour", unknown_order=unknown)
    found = foreign.call("GetOrderInfo", orderId="NO").GetOrderInfoResult
    assert found is None or found.OrdHead.OrderId in (None, "")


def test_a_debug_header_comes_back_as_it_was_sent(foreign: Zeep) -> None:
    sent = {"Debug": True, "Request": "a <b> & c"}
    answer = foreign.whole("GetOrderInfo", debug=sent, orderId="NO")
    assert zeep.helpers.serialize_object(answer.header.DebugHeader, dict) == sent
    assert foreign.whole("GetOrderInfo", orderId="NO").header is None


def test_the_description_is_served_whatever_the_case_and_names_its_own_address(
    sandbox: Sandbox,
) -> None:
    foreign = Zeep(sandbox.url, "oms", "1.1", path="/PMOMSWS/OMS.asmx")
    address = foreign.service._binding_options["address"]
    assert address == f"{sandbox.url}/PMOMSWS/OMS.asmx"
    assert set(foreign.service._operations) == OPERATIONS
    assert foreign.call("GetOrderInfo", orderId="NO") is not None


# ---- node-soap -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def node_soap() -> None:
    """Install the locked npm packages where they are not; skips without node."""
    try:
        install_packages(NODE_PROJECT)
    except BedMissing as why:
        missing(why)


def node(url: str, face: str, version: str, calls: list[tuple[str, Any]]) -> dict[str, Any]:
    path, namespace, _ = FACES[face]
    task = {
        "wsdl": f"{url}{path}?wsdl",
        "namespace": namespace,
        "username": "sandbox",
        "password": "sandbox",
        "version": version,
        "calls": calls,
    }
    done = subprocess.run(
        ["node", "node_soap.mjs"],
        cwd=NODE_PROJECT,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("face", FACES)
def test_node_soap_calls_one_after_the_other(
    node_soap: None, sandbox: Sandbox, wire: Wire, face: str, version: str
) -> None:
    wire.do("stock", stock=[{"sku": "MUG-BLUE", "on_hand": 7}])
    wire.add_order("OLD-1")
    wire.do("ship", order="OLD-1", packages=[{"tracking": "1Z1"}])
    window = {"StartDate": START.isoformat(), "EndDate": END.isoformat()}
    told = node(
        sandbox.url,
        face,
        version,
        [
            ("AddOrder", {"order": order("A-1")}),
            ("AddOrder", {"order": order("A-1")}),
            ("GetOrderInfo", {"orderId": "A-1"}),
            ("GetProductAvailabilities", {"partNumber": "%", "owner": "SANDBOX"}),
            ("GetShippingCharge", window),
            ("GetShippingActivity", window),
            ("GetProductReturns", window),
            ("GetOffers", {"sortGroups": "", "searchString": "%", "searchID": True}),
            ("GetProduct", {"OwnerID": "", "ProductID": "MUG-BLUE"}),
        ],
    )
    placed, again, found, stock, charges, activity, returns, offers, product = told["answers"]
    assert placed["result"]["AddOrderResult"]["OrderID"] == "A-1"
    assert again["status"] == 500
    assert "Order ID A-1 already exists" in again["error"]
    head = found["result"]["GetOrderInfoResult"]["OrdHead"]
    assert (head["OrderId"], head["ReferenceNo"]) == ("A-1", "100234")
    products = stock["result"]["GetProductAvailabilitiesResult"]["ProductAvailabilities"]
    levels = [level for one in products for level in one["Warehouses"]["WarehouseLevels"]]
    mug = next(level for level in levels if level["PartNumber"].strip() == "MUG-BLUE")
    assert mug["Available"] == 7 - 2 - 2
    (charge,) = charges["result"]["GetShippingChargeResult"]["ShippingCharges"]
    assert charge["TrackingID"] == "1Z1"
    (row,) = activity["result"]["GetShippingActivityResult"]["ShippingActivity"]
    assert row["OrderId"] == "OLD-1"
    assert not returns.get("error")
    ids = [one["ID"] for one in offers["result"]["GetOffersResult"]["GetOfferResult"]]
    assert ids == ["MUG-BLUE", "TEE-M"]
    assert product["result"]["GetProductResult"]["offer"]["Header"]["ID"] == "MUG-BLUE"
    assert [one["submissions"] for one in wire.see("orders")] == [1, 2]
