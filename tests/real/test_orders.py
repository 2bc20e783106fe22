"""Paid orders of a real Vendure become orders at the simulator, in both dialects."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from real_kit import make_rig
from realvendure import RealVendure, StartVendure
from rig import Rig
from sample import one_of

from veracore_sync.sandbox.server import Sandbox


@pytest.fixture
def rig(fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path) -> Rig:
    return make_rig(fresh_vendure, sandbox, tmp_path)


@pytest.fixture(params=one_of("oms", "rest"))
def either(
    request: pytest.FixtureRequest, fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path
) -> Rig:
    return make_rig(fresh_vendure, sandbox, tmp_path, request.param)


def test_twenty_paid_and_five_authorised(either: Rig, fresh_vendure: RealVendure) -> None:
    paid = fresh_vendure.place_orders([{"lines": [("SKU-000001", 1)]}] * 20)
    held = fresh_vendure.place_orders([{"payment": "authorize-only"}] * 5)

    first = either.sync()
    assert (first["submitted"], first["skipped"], first["pending"]) == (20, 0, 0)
    codes = {order.code for order in paid}
    assert {one["vendureOrderCode"] for one in first["orders"]} == codes
    assert {one["syncStatus"] for one in first["orders"]} == {"synced"}
    key = "reference" if either.dialect == "oms" else "id"
    assert {one[key] for one in either.control("orders")["orders"]} == codes

    before = len(either.requests())
    ended = either.run("--log-level", "debug", "sync-orders", "--json")
    assert ended.json["submitted"] == 0
    assert len(either.requests()) == before
    asked = [text for text in ended.err.splitlines() if "vendure " in text and "HTTP 200" in text]
    assert 1 <= len(asked) <= 4, ended.err

    for order in held:
        unmoved = fresh_vendure.order(order)["updatedAt"]
        fresh_vendure.settle(order)
        assert fresh_vendure.order(order)["updatedAt"] == unmoved
    assert either.sync()["submitted"] == 5
    assert [one["submissions"] for one in either.control("orders")["orders"]] == [1] * 25


def test_what_was_done_by_hand_and_what_was_withdrawn(rig: Rig, fresh_vendure: RealVendure) -> None:
    def place(quantity: int = 2) -> str:
        order = fresh_vendure.place_order([("SKU-000001", quantity), ("SKU-000002", 1)])
        orders[order.code] = order
        return order.code

    orders: dict[str, object] = {}
    wholly, pending, partly, refunded = place(), place(), place(), place()
    fresh_vendure.fulfil(orders[wholly])  # type: ignore[arg-type]
    fresh_vendure.fulfil(orders[pending], [("SKU-000001", 1)], state="Pending")  # type: ignore[arg-type]
    fresh_vendure.fulfil(orders[partly], [("SKU-000001", 1)])  # type: ignore[arg-type]
    fresh_vendure.refund(orders[refunded])  # type: ignore[arg-type]

    result = rig.sync(code=3)
    status = {one["vendureOrderCode"]: one for one in result["orders"]}
    assert status[wholly]["syncStatus"] == "skipped"
    assert status[partly]["syncStatus"] == "skipped"
    assert "PartiallyShipped" in status[partly]["errorMessage"]
    assert status[refunded]["syncStatus"] == "skipped"
    assert "refunded" in status[refunded]["errorMessage"]
    placed = rig.placed()
    assert list(placed) == [pending]
    assert placed[pending]["lines"] == [
        {"sku": "SKU-000001", "quantity": 1},
        {"sku": "SKU-000002", "quantity": 1},
    ]
    assert rig.sync()["orders"] == []


def test_before_not_before_is_reported_and_not_sent(rig: Rig, fresh_vendure: RealVendure) -> None:
    early = fresh_vendure.place_order()
    rig.env["VERACORE_SYNC_ORDERS__NOT_BEFORE"] = "2099-01-01T00:00:00Z"
    result = rig.sync()
    assert result["skipped"] == 1
    assert result["orders"][0]["vendureOrderCode"] == early.code
    assert "not_before" in result["orders"][0]["errorMessage"]
    assert rig.placed() == {}
    rig.env["VERACORE_SYNC_ORDERS__NOT_BEFORE"] = "2020-01-01T00:00:00Z"
    assert rig.sync()["submitted"] == 1


def test_cancelled_or_changed_after_it_was_sent(rig: Rig, fresh_vendure: RealVendure) -> None:
    cancelled, changed, quiet = fresh_vendure.place_orders([{}, {}, {}])
    rig.sync()
    fresh_vendure.cancel(cancelled)
    fresh_vendure.modify(changed, [("SKU-000001", 3)])
    result = rig.run("sync-orders")
    assert result.code == 3
    assert result.out == ""
    assert f"{cancelled.code}: it was cancelled in the shop" in result.err
    assert f"{changed.code}: it was changed in the shop" in result.err
    assert quiet.code not in result.err
    kinds = {one["kind"] for one in rig.run("stats", "--json").json["alerts"]}
    assert kinds == {"order.cancelled_in_shop", "order.drift"}
    assert rig.run("sync-orders").code == 0
    assert rig.run("stats", "--check").code == 3


def test_changed_upward_after_it_has_shipped(rig: Rig, fresh_vendure: RealVendure) -> None:
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    order = fresh_vendure.place_order()
    rig.sync()
    packages = [{"tracking": "1Z1", "carrier": "UPS", "service": "Ground"}]
    rig.control("ship", {"order": rig.placed()[order.code]["id"], "packages": packages})
    assert rig.run("sync-tracking").code == 0
    assert fresh_vendure.order(order)["state"] == "Shipped"
    for units, lacking in ((5, 4), (6, 5)):
        fresh_vendure.modify(order, [("SKU-000001", units)])
        assert fresh_vendure.order(order)["state"] == "PaymentSettled"
        result = rig.run("sync-orders")
        assert result.code == 3, (result.out, result.err)
        assert f"{order.code}: it was changed in the shop" in result.err
        assert f"VeraCore does not have {lacking} x SKU-000001" in result.err
        assert rig.run("sync-orders").code == 0
    assert len(rig.placed()) == 1
    [alert] = rig.run("stats", "--json").json["alerts"]
    assert (alert["kind"], alert["vendureOrderCode"]) == ("order.drift", order.code)


def test_a_backlog_waits_for_a_word_and_a_lost_ledger_adopts(
    either: Rig, fresh_vendure: RealVendure
) -> None:
    fresh_vendure.place_orders([{}] * 60, parallel=2)
    refused = either.run("sync-orders", "--json")
    assert refused.code == 3
    assert "--allow-first-run" in refused.json["error"]["hint"]
    assert either.placed() == {}
    assert either.sync("--allow-first-run")["submitted"] == 60
    for path in either.folder.glob("ledger.db*"):
        path.unlink()
    again = either.sync("--allow-first-run")
    assert (again["adopted"], again["submitted"]) == (60, 0)
    assert {one["submissions"] for one in either.placed().values()} == {1}


def test_another_company_is_refused(rig: Rig, fresh_vendure: RealVendure) -> None:
    fresh_vendure.place_order()
    rig.sync()
    ended = rig.run("sync-orders", "--json", VERACORE_COMPANY_ID="OTHER")
    assert ended.code == 78
    assert "ledger.path" in ended.json["error"]["hint"]


def test_a_simulator_only_plans_for_a_shop_that_is_not_literally_here(
    rig: Rig, fresh_vendure: RealVendure
) -> None:
    order = fresh_vendure.place_order()
    # A name that resolves to this machine everywhere, and is not literally a loopback address.
    url = httpx.URL(fresh_vendure.admin_url).copy_with(host="127.1")
    assert httpx.get(url.copy_with(path="/health"), timeout=60).is_success
    rig.env["VENDURE_ADMIN_API_URL"] = str(url)
    rig.env["VERACORE_SYNC_VENDURE__ALLOW_HTTP"] = "true"
    result = rig.sync()
    assert [one["vendureOrderCode"] for one in result["plan"]] == [order.code]
    assert rig.placed() == {}
    assert result["submitted"] == 0
    assert rig.sync(VERACORE_SYNC_VENDURE__REHEARSAL="true")["submitted"] == 1


def test_trouble_is_named_and_leaves_after_its_cure(rig: Rig, fresh_vendure: RealVendure) -> None:
    """An unknown SKU, an unmapped method, a missing street, a refused source."""
    rig.control("stock", {"stock": [{"sku": f"SKU-{n:06}", "on_hand": 50} for n in (1, 2)]})
    rig.sandbox.world.strict = True
    rig.env["VERACORE_SYNC_ORDERS__FREIGHT"] = '{"standard-shipping": {"code": "U11"}}'
    rig.env["VERACORE_SYNC_ORDERS__PARKED_RECHECK_MINUTES"] = "1"
    unknown = fresh_vendure.place_order([("SKU-000003", 1)])
    unmapped = fresh_vendure.place_order(shipping="express-shipping")
    nowhere = fresh_vendure.place_order()
    fresh_vendure.set_address(nowhere, streetLine1="")
    fine = fresh_vendure.place_order()

    result = rig.sync(code=3)
    why = {one["vendureOrderCode"]: one["errorMessage"] for one in result["orders"]}
    assert (result["submitted"], result["parked"]) == (1, 3)
    assert list(rig.placed()) == [fine.code]
    assert "SKU" in why[unknown.code] and "skus.aliases" in why[unknown.code]
    assert '[orders.freight."express-shipping"]' in why[unmapped.code]
    assert "no street" in why[nowhere.code]

    rig.env["VERACORE_SYNC_ORDERS__FREIGHT"] = (
        '{"standard-shipping": {"code": "U11"}, "express-shipping": {"code": "U01"}}'
    )
    fresh_vendure.set_address(nowhere, streetLine1="12 Sample Street")
    cured = rig.sync()
    assert cured["submitted"] == 2
    rig.control("stock", {"stock": [{"sku": "SKU-000003", "on_hand": 5}]})
    rig.run("retry", unknown.code)
    assert rig.sync()["submitted"] == 1

    rig.control("behaviour", {"sources": ["WEB"]})
    sourced = fresh_vendure.place_order()
    refused = rig.sync(code=3)
    assert "orders.source" in refused["orders"][0]["errorMessage"]
    rig.env["VERACORE_SYNC_ORDERS__SOURCE"] = "WEB"
    assert rig.sync()["orders"][0]["vendureOrderCode"] == sourced.code
    assert sourced.code in rig.placed()


def test_a_dry_run_changes_neither_side_nor_the_ledger(
    rig: Rig, fresh_vendure: RealVendure
) -> None:
    order = fresh_vendure.place_order()
    before = fresh_vendure.order(order)
    planned = rig.run("sync-orders", "--dry-run")
    assert planned.code == 0
    assert order.code in planned.out
    assert not rig.ledger_path.exists()
    rig.sync()
    another = fresh_vendure.place_order()
    ledger = rig.ledger_path.read_bytes()
    document = rig.sync("--dry-run")
    assert [one["action"] for one in document["plan"]] == ["submit"]
    assert document["plan"][0]["vendureOrderCode"] == another.code
    assert rig.ledger_path.read_bytes() == ledger
    assert list(rig.placed()) == [order.code]
    assert fresh_vendure.order(order) == before


def test_stats_bear_the_names_of_the_brief(rig: Rig, fresh_vendure: RealVendure) -> None:
    order = fresh_vendure.place_order()
    rig.sync()
    document = rig.run("stats", "--json").json
    parts = {"orders", "inventory", "tracking", "returns"}
    parts |= {"upstreams", "webhooks", "events", "alerts", "reconcile", "rebuilding"}
    assert set(document) == parts | {"jobs", "status"}
    assert document["orders"]["totalSynced"] == 1
    assert document["orders"]["lastSyncTime"]
    one = rig.run("stats", "--order", order.code, "--json").json
    assert one["vendureOrderId"] == order.id
    assert one["veracoreOrderId"] == order.code
    assert one["syncStatus"] == "synced"
    assert one["attempts"][0]["outcome"] == "accepted"
    assert "sync-orders" in rig.run("stats", "--runs").out


def test_a_shop_with_opaque_ids_api_keys_and_custom_fields(
    start_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    vendure = start_vendure(uuid=True, custom_fields=True)
    order = vendure.place_order()
    vendure.admin(
        "mutation($i: UpdateOrderInput!) { setOrderCustomFields(input: $i) { id } }",
        {"i": {"id": order.id, "customFields": {"erpId": "PO-4711"}}},
    )
    rig = make_rig(vendure, sandbox, tmp_path)
    key = vendure.create_api_key(["ReadOrder"])
    rig.env |= {"VENDURE_USERNAME": "", "VENDURE_PASSWORD": "", "VENDURE_API_KEY": key}
    rig.env["VERACORE_SYNC_ORDERS__PO_NUMBER_FIELD"] = "nonsense"
    assert rig.run("sync-orders").code == 78
    rig.env["VERACORE_SYNC_ORDERS__PO_NUMBER_FIELD"] = "erpId"
    assert rig.sync()["orders"][0]["vendureOrderId"] == order.id
    assert sandbox.world.find(order.code).po_number == "PO-4711"  # type: ignore[union-attr]
