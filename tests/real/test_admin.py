"""The brief's Admin API acts on a real Vendure and on the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from admin_kit import ACT, READ, serving
from real_kit import make_rig
from realvendure import RealVendure
from rig import Rig

from veracore_sync.sandbox.server import Sandbox

ONE, TWO = "SKU-000001", "SKU-000002"


@pytest.fixture
def rig(fresh_vendure: RealVendure, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox(strict=True) as sandbox:
        made = make_rig(fresh_vendure, sandbox, tmp_path)
        made.control("stock", {"stock": [{"sku": ONE, "on_hand": 50}]})
        made.env |= {
            "VERACORE_SYNC_ADMIN__READ_TOKEN": READ,
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": ACT,
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        }
        yield made


def on_hand(vendure: RealVendure, sku: str) -> int:
    return sum(level.on_hand for level in vendure.stock(sku).values())


def test_the_ten_operations(rig: Rig, fresh_vendure: RealVendure) -> None:
    good = fresh_vendure.place_order([(ONE, 2)])
    parked = fresh_vendure.place_order([(TWO, 1)])
    rig.sync(code=3)
    assert rig.run("sync-inventory", "--allow-mass-change").code in (0, 3)
    with serving(rig) as admin:

        def data(query: str, **variables: Any) -> Any:
            return admin.data(query, **variables)

        status = "query($id: String!) { veracoreOrderSyncStatus(orderId: $id) { id syncStatus } }"
        for name in (good.id, good.code):
            found = data(status, id=name)["veracoreOrderSyncStatus"]
            assert found == {"id": good.id, "syncStatus": "synced"}
        counts = "{ veracoreOrderSyncStats { totalSynced totalFailed totalPending } }"
        assert data(counts)["veracoreOrderSyncStats"]["totalSynced"] == 1
        failed = data("{ veracoreFailedOrderSyncs { vendureOrderCode } }")
        assert failed["veracoreFailedOrderSyncs"] == [{"vendureOrderCode": parked.code}]

        rig.control("stock", {"stock": [{"sku": TWO, "on_hand": 7}]})
        retry = "mutation($id: String!) { retryVeracoreOrderSync(orderId: $id) { success } }"
        assert data(retry, id=parked.id)["retryVeracoreOrderSync"]["success"] is True
        assert parked.code in rig.placed()

        one = "mutation($sku: String!) { syncVeracoreInventoryForSku(sku: $sku) { success error } }"
        rig.control("stock", {"stock": [{"sku": ONE, "on_hand": 30}]})
        assert data(one, sku=ONE)["syncVeracoreInventoryForSku"]["success"] is True
        assert on_hand(fresh_vendure, ONE) == 30
        rig.control("stock", {"stock": [{"sku": ONE, "on_hand": 20}]})
        everything = "mutation { forceVeracoreInventorySync { success error result } }"
        assert data(everything)["forceVeracoreInventorySync"]["success"] is True
        assert on_hand(fresh_vendure, ONE) == 20
        stock = data("{ veracoreInventorySyncStats { lastSyncTime isRunning } }")
        assert stock["veracoreInventorySyncStats"]["lastSyncTime"] is not None

        for order in (good, parked):
            rig.control("ship", {"order": order.code, "packages": [{"tracking": f"1Z{order.id}"}]})
        track = "mutation($id: String!) { syncVeracoreTrackingForOrder(orderId: $id) { success } }"
        assert data(track, id=good.code)["syncVeracoreTrackingForOrder"]["success"] is True
        assert fresh_vendure.order(good)["state"] == "Shipped"
        assert fresh_vendure.order(parked)["state"] == "PaymentSettled"
        force = "mutation { forceVeracoreTrackingSync { success result } }"
        assert data(force)["forceVeracoreTrackingSync"]["success"] is True
        assert fresh_vendure.order(parked)["state"] == "Shipped"
        stats = data("{ veracoreTrackingSyncStats { totalOrdersTracked isRunning } }")
        assert stats["veracoreTrackingSyncStats"] == {"totalOrdersTracked": 2, "isRunning": False}
