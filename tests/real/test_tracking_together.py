"""Many orders fulfilled side by side in a Vendure on PostgreSQL: its stock stays exact."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from at_once import so_many_at_once
from real_kit import make_rig
from realvendure import RealVendure
from sample import one_of

from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun
from veracore_sync.sandbox.server import Sandbox

COUNT = 18
SKUS = [f"SKU-{number:06}" for number in range(1, 7)]
CARTS = {
    "one variant": [[SKUS[0]]] * COUNT,
    "others": [[SKUS[index % len(SKUS)]] for index in range(COUNT)],
    "shared": [
        [SKUS[index % len(SKUS)], SKUS[(index * 5 + 1) % len(SKUS)]] for index in range(COUNT)
    ],
}


def levels(vendure: RealVendure) -> dict[str, tuple[int, int]]:
    """Units on hand and allocated, over all locations, by SKU."""
    found = {}
    for sku in SKUS:
        at = vendure.stock(sku).values()
        found[sku] = sum(one.on_hand for one in at), sum(one.allocated for one in at)
    return found


@pytest.mark.parametrize("kind", one_of(*CARTS))
def test_what_is_allocated_stays_exact(
    real_vendure_pg: RealVendure, sandbox: Sandbox, tmp_path: Path, kind: str
) -> None:
    rig = make_rig(real_vendure_pg, sandbox, tmp_path)
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    # The server is shared: what other tests ordered is none of this one's.
    rig.env["VERACORE_SYNC_ORDERS__NOT_BEFORE"] = datetime.now(UTC).isoformat()
    carts = [dict.fromkeys(cart, 1) for cart in CARTS[kind]]
    # One after the other: of checkouts at the same time Vendure loses allocations, too.
    orders = [real_vendure_pg.place_order(list(cart.items())) for cart in carts]
    rig.sync()
    for index, order in enumerate(orders):
        parcel = {"tracking": f"1Z999AA10123{index:06}", "carrier": "UPS", "service": "Ground"}
        rig.control("ship", {"order": order.code, "packages": [parcel]})
    before = levels(real_vendure_pg)
    container = Container(load(None, rig.environment, cwd=tmp_path), family="tracking")
    container.bind()
    context = container.context(TrackingReport())
    context.concurrency = so_many_at_once(6)
    result = TrackingRun(context).run()
    container.close()
    assert result.updated == COUNT, result
    sold = {sku: sum(cart.get(sku, 0) for cart in carts) for sku in SKUS}
    assert levels(real_vendure_pg) == {
        sku: (on_hand - sold[sku], allocated - sold[sku])
        for sku, (on_hand, allocated) in before.items()
    }
    for order in orders:
        shown = real_vendure_pg.order(order)
        assert (shown["state"], len(shown["fulfillments"])) == ("Shipped", 1)
