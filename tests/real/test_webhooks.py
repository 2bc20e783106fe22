"""Signed hints move a real Vendure at once, by the jobs' own code."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from real_kit import make_rig
from realvendure import OrderRef, RealVendure
from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.signature import sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Half a second where nothing else runs; no timer runs here, so only the hint can do it.
SOON = 20.0


@pytest.fixture
def rig(fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path) -> Rig:
    made = make_rig(fresh_vendure, sandbox, tmp_path)
    made.env["VERACORE_WEBHOOK_SECRET"] = SECRET
    made.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    return made


@contextmanager
def listening(rig: Rig) -> Iterator[int]:
    """The listener's port while it runs; it must end well."""
    process = rig.start("serve-webhooks", "--port", "0")
    assert process.stdout is not None
    port = int(process.stdout.readline().strip().rpartition(":")[2])
    try:
        yield port
    finally:
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False), err


def hook(port: int, name: str, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    headers = sign(SECRET, f"msg_{secrets.token_hex(8)}", int(time.time()), body)
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", f"/veracore-webhooks/{name}-update", body, headers)
        assert connection.getresponse().status == 200


def within(seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_an_order_hint_sends_the_order(rig: Rig, fresh_vendure: RealVendure) -> None:
    with listening(rig) as port:
        first, second = (fresh_vendure.place_order() for _ in range(2))
        for order in (first, second):
            hook(port, "order", {"orderCode": order.code})
            within(SOON, lambda code=order.code: code in rig.placed())  # type: ignore[misc]
        hook(port, "order", {"orderCode": first.code})
        hook(port, "order", {"orderCode": "NOBODY-KNOWS-IT"})
    assert [one["submissions"] for one in rig.placed().values()] == [1, 1]
    assert rig.sync()["submitted"] == 0


def test_an_order_left_by_a_run_that_died_is_looked_up(
    rig: Rig, fresh_vendure: RealVendure
) -> None:
    order = fresh_vendure.place_order()
    died = rig.start("sync-orders", VERACORE_SYNC_TEST_FAILPOINT="answered:kill")
    died.communicate(timeout=60)
    assert _state(rig, order.code) == "sending"
    with listening(rig) as port:
        hook(port, "order", {"veracoreOrderId": order.code})
        within(SOON, lambda: _state(rig, order.code) == "synced")
    assert [one["submissions"] for one in rig.placed().values()] == [1]


def _state(rig: Rig, code: str) -> str:
    with rig.ledger() as ledger:
        row = ledger.orders.get(code)
        return row.state if row else ""


def test_a_stock_hint_changes_the_stock_of_that_sku(rig: Rig, fresh_vendure: RealVendure) -> None:
    skus = ("SKU-000001", "SKU-000002")
    rig.control("stock", {"stock": [{"sku": sku, "on_hand": 40} for sku in skus]})
    ended = rig.run("sync-inventory", "--allow-mass-change", "--json")
    assert ended.code in (0, 3), ended.err
    rig.control("stock", {"stock": [{"sku": sku, "on_hand": 77} for sku in skus]})
    with listening(rig) as port:
        hook(port, "inventory", {"sku": skus[0]})
        within(SOON, lambda: _saleable(fresh_vendure, skus[0]) == 77)
    assert _saleable(fresh_vendure, skus[1]) == 40


def _saleable(vendure: RealVendure, sku: str) -> int:
    found = vendure.admin(
        "query ($sku: String!) { productVariants(options: {filter: {sku: {eq: $sku}}}) "
        "{ items { stockLevels { stockOnHand stockAllocated } } } }",
        {"sku": sku},
    )
    levels = found["productVariants"]["items"][0]["stockLevels"]
    return sum(int(one["stockOnHand"]) - int(one["stockAllocated"]) for one in levels)


def test_a_flood_of_hints_does_not_starve_sync_orders(rig: Rig, fresh_vendure: RealVendure) -> None:
    known = fresh_vendure.place_order()
    rig.sync()
    with listening(rig) as port:
        for start in range(0, 500, 100):
            hook(port, "order", {"orders": [f"NOBODY-{start + n}" for n in range(100)]})
        fresh = fresh_vendure.place_order()
        process: subprocess.Popen[str] = rig.start("sync-orders", "--json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["submitted"] == 1
    assert set(rig.placed()) == {known.code, fresh.code}


def test_a_tracking_hint_makes_the_fulfilment(rig: Rig, fresh_vendure: RealVendure) -> None:
    first, second = (fresh_vendure.place_order([("SKU-000001", 2)]) for _ in range(2))
    rig.sync()
    with listening(rig) as port:
        for order, name in ((first, "tracking"), (second, "order")):
            package = {"tracking": "1Z999AA10123456784", "carrier": "UPS", "service": "UPS Ground"}
            rig.control("ship", {"order": order.code, "packages": [package]})
            hook(port, name, {"orderCode": order.code})
            within(SOON, lambda order=order: _is_shipped(fresh_vendure, order))  # type: ignore[misc]
        hook(port, "tracking", {"orderCode": first.code})
        hook(port, "tracking", {"orderCode": "NOBODY-KNOWS-IT"})
    (fulfilment,) = fresh_vendure.order(first)["fulfillments"]
    assert fulfilment["trackingCode"] == "1Z999AA10123456784"


def _is_shipped(vendure: RealVendure, order: OrderRef) -> bool:
    return bool(vendure.order(order)["state"] == "Shipped")
