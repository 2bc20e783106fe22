"""The brief's ten operations, as the brief writes them, between a small shop and the simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from admin_kit import ACT, READ, serving
from rig import Rig

from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

STATUS = """id vendureOrderId vendureOrderCode veracoreOrderId syncStatus errorClass errorMessage
  retryCount lastSyncAttempt lastSuccessfulSync nextAttempt createdAt updatedAt"""


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG", "Mug", 1000)
        running.state.add_variant("TEE", "Tee", 1000)
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox(strict=True) as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 50}]})
        made.env |= {
            "VERACORE_SYNC_ADMIN__READ_TOKEN": READ,
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": ACT,
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        }
        yield made


def test_each_operation_of_the_brief(rig: Rig, shop: SmallShop) -> None:
    order = shop.state.place_order([("MUG", 2)])
    parked = shop.state.place_order([("TEE", 1)])
    rig.sync(code=3)
    with serving(rig) as admin:
        query = f"query($id: String!) {{ veracoreOrderSyncStatus(orderId: $id) {{ {STATUS} }} }}"
        for name in (order.code, order.id):
            found = admin.data(query, READ, id=name)["veracoreOrderSyncStatus"]
            assert (found["vendureOrderCode"], found["syncStatus"]) == (order.code, "synced")
            assert found["id"] == found["vendureOrderId"] == order.id
        assert admin.data(query, READ, id="NOBODY")["veracoreOrderSyncStatus"] is None

        totals = "totalSynced totalFailed totalPending totalParked"
        recent = f"recentErrors {{ {STATUS} }}"
        found = admin.data(f"{{ veracoreOrderSyncStats {{ {totals} {recent} }} }}", READ)
        assert found["veracoreOrderSyncStats"]["totalSynced"] == 1
        (error,) = found["veracoreOrderSyncStats"]["recentErrors"]
        assert error["vendureOrderCode"] == parked.code
        failed = admin.data(f"{{ veracoreFailedOrderSyncs {{ {STATUS} }} }}", READ)
        assert failed["veracoreFailedOrderSyncs"] == [error]
        for name, more in (("Inventory", ""), ("Tracking", " totalOrdersTracked")):
            field = f"veracore{name}SyncStats"
            found = admin.data(f"{{ {field} {{ lastSyncTime isRunning{more} }} }}", READ)[field]
            assert (found["lastSyncTime"], found["isRunning"]) == (None, False)

        retry = """mutation($id: String!) {
            retryVeracoreOrderSync(orderId: $id) { success error } }"""
        still = admin.data(retry, id=parked.code)["retryVeracoreOrderSync"]
        assert still["success"] is False
        assert "parked" in still["error"] or "TEE" in still["error"]
        rig.control("stock", {"stock": [{"sku": "TEE", "on_hand": 5}]})
        assert admin.data(retry, id=parked.id)["retryVeracoreOrderSync"] == {
            "success": True,
            "error": None,
        }
        assert parked.code in rig.placed()

        force = "mutation { forceVeracoreInventorySync { success error result } }"
        found = admin.data(force)["forceVeracoreInventorySync"]
        assert found["result"]["totalProcessed"] == 2
        one = """mutation { syncVeracoreInventoryForSku(sku: "MUG") { success error } }"""
        assert admin.data(one)["syncVeracoreInventoryForSku"]["success"] is True
        unknown = """mutation { syncVeracoreInventoryForSku(sku: "NONE") { success error } }"""
        found = admin.data(unknown)["syncVeracoreInventoryForSku"]
        assert (found["success"], "NONE" in found["error"]) == (False, True)

        rig.control("ship", {"order": order.code, "packages": [{"tracking": "1Z1"}]})
        track = """mutation($id: String!) {
            syncVeracoreTrackingForOrder(orderId: $id) { success error } }"""
        assert admin.data(track, id=order.code)["syncVeracoreTrackingForOrder"]["success"] is True
        assert shop.state.orders[order.id].state == "Shipped"
        rig.control("ship", {"order": parked.code, "packages": [{"tracking": "1Z2"}]})
        everything = "mutation { forceVeracoreTrackingSync { success error result } }"
        found = admin.data(everything)["forceVeracoreTrackingSync"]
        assert found["result"]["trackingUpdated"] == 1
        stats = admin.data("{ veracoreTrackingSyncStats { lastSyncTime totalOrdersTracked } }")
        assert stats["veracoreTrackingSyncStats"]["totalOrdersTracked"] == 2
    runs = [run["command"] for run in rig.run("stats", "--runs", "--json").json["runs"]]
    assert runs.count("retry") == 2
    assert runs.count("sync-tracking") == 2
    audit = rig.run("stats", "--audit", "--json").json["audit"]
    assert {(one["who"][:10], one["way"], one["address"]) for one in audit} == {
        ("act_token ", "api", "127.0.0.1")
    }
    assert [(one["action"], one["target"], one["outcome"]) for one in reversed(audit)] == [
        ("retry", parked.code, "failed"),
        ("retry", parked.code, "done"),
        ("sync-inventory", None, "done"),
        ("sync-inventory", "MUG", "done"),
        ("sync-inventory", "NONE", "failed"),
        ("sync-tracking", order.code, "done"),
        ("sync-tracking", None, "done"),
    ]
    shown = rig.run("stats", "--audit").out
    assert parked.code in shown
    assert ACT not in shown


def test_who_may_do_what(rig: Rig, shop: SmallShop) -> None:
    order = shop.state.place_order([("MUG", 1)])
    rig.sync()
    look = b'{"query": "{ veracoreOrderSyncStats { totalSynced } }"}'
    with serving(rig) as admin:
        assert admin.post(look, READ)[0] == 200
        for token in (None, "", "wrong", READ + "x", ACT[:-1]):
            status, document = admin.post(look, token)
            assert (status, document["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
        act = "mutation { forceVeracoreInventorySync { success } }"
        refused = admin.ask(act, READ)
        assert (refused["data"], refused["errors"][0]["extensions"]["code"]) == (None, "FORBIDDEN")
        assert rig.run("stats", "--json").json["inventory"]["lastSyncTime"] is None
        assert admin.post(look, ACT, "text/plain")[0] == 415
        assert admin.post(look, ACT, "application/x-www-form-urlencoded")[0] == 415
        unknown = """mutation { retryVeracoreOrderSync(orderId: "NOBODY") { success error } }"""
        found = admin.data(unknown)["retryVeracoreOrderSync"]
        assert found == {"success": False, "error": "the ledger holds no order NOBODY"}
        again = (
            f'mutation {{ retryVeracoreOrderSync(orderId: "{order.code}") {{ success error }} }}'
        )
        found = admin.data(again)["retryVeracoreOrderSync"]
        assert (found["success"], "ship it twice" in found["error"]) == (False, True)
    assert rig.placed()[order.code]["submissions"] == 1


def test_two_actions_at_once_and_one_beside_a_timers_run(rig: Rig) -> None:
    act = "mutation { forceVeracoreInventorySync { success error } }"
    with serving(rig) as admin:
        ledger = open_ledger(rig.ledger_path)
        with ledger.runs.lock("inventory", "sync-inventory"):
            found = admin.data(act)["forceVeracoreInventorySync"]
            assert (found["success"], "is at work since" in found["error"]) == (False, True)
            document = admin.data("{ veracoreInventorySyncStats { isRunning } }")
            assert document["veracoreInventorySyncStats"]["isRunning"] is True
        ledger.close()
        with ThreadPoolExecutor(2) as pool:
            both = [one["forceVeracoreInventorySync"] for one in pool.map(admin.data, [act, act])]
        for one in both:
            assert one["success"] or "inventory" in one["error"], one


TOO_FAR = (
    "{" * 5000,
    "{ " + " ".join(f"a{n}: veracoreOrderSyncStats {{ totalSynced }}" for n in range(400)) + " }",
    "mutation { "
    + " ".join(f"a{n}: forceVeracoreInventorySync {{ success }}" for n in range(9))
    + " }",
    "{ veracoreOrderSyncStats { ...A } } fragment A on VeraCoreOrderSyncStats { ...A }",
    "{ nobodyKnows }",
    "",
    "subscription { a }",
    "query A { a } query B { b }",
)


def test_what_goes_too_far_is_refused(rig: Rig) -> None:
    bodies = (b"", b"[]", b"{}", b"\xff", b'{"query": 1}', b'{"query": "{a}", "variables": 3}')
    with serving(rig) as admin:
        for body in (*bodies, *(json.dumps({"query": query}).encode() for query in TOO_FAR)):
            status, document = admin.post(body)
            assert status == 400, body[:80]
            assert "errors" in document
        healthy = admin.data("{ veracoreOrderSyncStats { totalSynced } }")
        assert healthy["veracoreOrderSyncStats"]["totalSynced"] == 0


def test_stats_and_the_api_agree(rig: Rig, shop: SmallShop) -> None:
    for sku in ("MUG", "TEE", "MUG"):
        shop.state.place_order([(sku, 1)])
    rig.sync(code=3)
    stats = rig.run("stats", "--json").json["orders"]
    names = [name for name in stats if name.startswith("total")]
    with serving(rig) as admin:
        found = admin.data(f"{{ veracoreOrderSyncStats {{ {' '.join(names)} }} }}")
    assert found["veracoreOrderSyncStats"] == {name: stats[name] for name in names}


def test_settings_that_cannot_be(rig: Rig) -> None:
    del rig.env["VERACORE_SYNC_ADMIN__READ_TOKEN"], rig.env["VERACORE_SYNC_ADMIN__ACT_TOKEN"]
    without = rig.run("serve-admin", "--port", "0", "--json")
    assert (without.code, without.json["error"]["class"]) == (78, "config")
    short = rig.run("serve-admin", VERACORE_SYNC_ADMIN__ACT_TOKEN="hunter2")
    assert short.code == 78
    assert "hunter2" not in short.err
    same = rig.run(
        "serve-admin", VERACORE_SYNC_ADMIN__ACT_TOKEN=ACT, VERACORE_SYNC_ADMIN__READ_TOKEN=ACT
    )
    assert same.code == 78
