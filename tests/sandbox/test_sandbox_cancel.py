"""`CancelOrder` at the simulator: each switch, both forms, and what becomes of stock and slips."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from wire_client import Wire, line

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.veracore.oms import write

ID = "WEB-1"
SOAP = "/PMOMSWS/OrderAdjustment.svc/SOAP"
JSON = "/pmomsws/orderadjustment.svc/CancelOrder"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def post(sandbox: Sandbox, path: str, body: bytes) -> tuple[int, str]:
    request = urllib.request.Request(sandbox.url + path, data=body)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def control(sandbox: Sandbox, name: str, **document: Any) -> Any:
    data = json.dumps(document).encode() if document else None
    request = urllib.request.Request(f"{sandbox.url}/_sandbox/{name}", data=data)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def placed(sandbox: Sandbox) -> None:
    control(sandbox, "stock", stock=[{"sku": "MUG", "on_hand": 10}])
    reply = Wire(sandbox.url).add_order(ID, line("MUG", 2))
    assert reply.status == 200, reply.fault


def ask(sandbox: Sandbox, secret: str = "sandbox", order: str = ID) -> tuple[int, str]:
    return post(sandbox, SOAP, write.cancel_order("urn:any", "sandbox", secret, order))


def order_of(sandbox: Sandbox) -> Any:
    (order,) = control(sandbox, "orders")["orders"]
    return order


@pytest.mark.parametrize("form", ["soap", "json"])
@pytest.mark.parametrize(
    ("switch", "floor", "says", "status"),
    [
        ("until_picked", "", True, "Cancelled"),
        ("until_picked", "packed", False, "Processed"),
        ("until_picked", "shipped", False, "Shipped"),
        ("until_shipped", "packed", True, "Cancelled"),
        ("until_shipped", "shipped", False, "Shipped"),
        ("never", "", False, "Processed"),
        ("says_yes_does_nothing", "", True, "Processed"),
        ("says_no_does_it", "", False, "Cancelled"),
        ("no_permission", "", False, "Processed"),
    ],
)
def test_each_switch(
    sandbox: Sandbox, form: str, switch: str, floor: str, says: bool, status: str
) -> None:
    placed(sandbox)
    control(sandbox, "behaviour", cancel=switch)
    if floor:
        package = {"tracking": "1Z", "shipped": floor == "shipped"}
        control(sandbox, "ship", order=ID, packages=[package])
    login = {"Username": "sandbox", "Password": "sandbox"}
    document = {"AuthenticationHeader": login, "CancelOrderWSObject": {"OrderID": ID}}
    answer = ask(sandbox) if form == "soap" else post(sandbox, JSON, json.dumps(document).encode())
    assert (answer[0] == 200, order_of(sandbox)["status"]) == (says, status), answer
    asked = control(sandbox, "requests")["requests"][-1]
    assert (asked["operation"], asked["order"]) == ("CancelOrder", ID)


def test_what_is_cancelled_gives_its_stock_back(sandbox: Sandbox) -> None:
    placed(sandbox)
    assert sandbox.world.stock_of("MUG")[0].available == 8
    ask(sandbox)
    assert sandbox.world.stock_of("MUG")[0].available == 10
    assert order_of(sandbox)["packages"] == []


def test_what_is_being_picked_may_leave_nevertheless(sandbox: Sandbox) -> None:
    placed(sandbox)
    control(sandbox, "behaviour", cancel="until_shipped")
    control(sandbox, "ship", order=ID, packages=[{"tracking": "1Z", "shipped": False}])
    ask(sandbox)
    assert order_of(sandbox)["status"] == "Cancelled"
    control(sandbox, "ship", order=ID, packages=[{"tracking": "1Z"}])
    assert [one["tracking"] for one in order_of(sandbox)["packages"]] == ["1Z"]
    assert order_of(sandbox)["status"] == "Shipped"


def test_words_credentials_and_rubbish(sandbox: Sandbox) -> None:
    placed(sandbox)
    assert "Invalid Username" in ask(sandbox, secret="wrong")[1]
    assert "Unable to locate" in ask(sandbox, order="WEB-2")[1]
    control(sandbox, "behaviour", cancel="never", cancel_text="Nope & nope")
    assert "Nope &amp; nope" in ask(sandbox)[1]
    for rubbish in (b"", b"<", b"<a/>", b"{", b"[]", b'{"AuthenticationHeader": 1}'):
        for path in (SOAP, JSON):
            assert post(sandbox, path, rubbish)[0] in (400, 500)
    assert order_of(sandbox)["status"] == "Processed"


def test_faults_apply_to_it(sandbox: Sandbox) -> None:
    placed(sandbox)
    control(sandbox, "faults", kinds=["html_after"], count=1, operations=["CancelOrder"])
    status, text = ask(sandbox)
    assert (status, "<html>" in text) == (500, True)
    assert order_of(sandbox)["status"] == "Cancelled"
