"""The main journey in each version, database and set of options: orders, stock, a shipment."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from real_kit import available, make_rig, stock, sync
from realvendure import RealVendure, StartVendure
from rig import Rig
from sample import one_of
from vendure_cells import IN_SUITE, KINDS, Cell, chosen, vendure_settings
from whole_orders_kit import check_whole_orders

from veracore_sync.config.schema import VendureSettings
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.transport.retry import RetryPolicy
from veracore_sync.vendure.shop import VendureShop

CHOSEN = chosen()
CELLS = [CHOSEN] if CHOSEN else one_of(*IN_SUITE)
# No seller has them, and no channel but the default one.
MUG, TEE = "SKU-000039", "SKU-000040"


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_main_journey(
    cell: Cell, start_any_vendure: StartVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    vendure = start_any_vendure(version=cell.version, db=cell.db, **KINDS[cell.kind])
    rig = make_rig(vendure, sandbox, tmp_path)
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"

    # 25 are more than a list of 20 holds
    orders = vendure.place_orders([{"lines": [(MUG, 2), (TEE, 1)]}] * 25, parallel=1)
    first = rig.sync()
    assert (first["submitted"], first["failed"], first["pending"]) == (25, 0, 0)
    assert set(rig.placed()) == {order.code for order in orders}
    assert rig.sync()["submitted"] == 0
    assert [one["submissions"] for one in rig.control("orders")["orders"]] == [1] * 25

    stock(rig, {f"SKU-{number:06d}": 500 for number in range(1, 41)})
    sync(rig, "--allow-mass-change")
    assert sync(rig)["updated"] == 0
    for sku in (MUG, TEE):
        assert saleable_at_home(vendure, sku) == available(sandbox, sku)

    parcel = {"tracking": "1Z999AA10123456784", "carrier": "UPS", "service": "UPS Ground"}
    shipped, cancelled, *_ = orders
    rig.control("ship", {"order": rig.placed()[shipped.code]["id"], "packages": [parcel]})
    track(rig)
    track(rig)
    told = vendure.order(shipped)
    assert told["state"] == "Shipped"
    assert [(one["state"], one["trackingCode"]) for one in told["fulfillments"]] == [
        ("Shipped", parcel["tracking"])
    ]

    vendure.cancel(cancelled)
    noticed = rig.run("sync-orders", "--json")
    assert noticed.code in (0, 3), noticed
    kinds = {one["kind"] for one in rig.run("stats", "--json").json["alerts"]}
    assert kinds == {"order.cancelled_in_shop"}

    with closing(shop_of(vendure)) as shop:
        check_whole_orders(shop, [order.code for order in orders])


def shop_of(vendure: RealVendure) -> VendureShop:
    settings = VendureSettings(
        admin_api_url=vendure.admin_url,
        username=vendure.username,
        password=SecretStr(vendure.password),
        **vendure_settings(vendure),
    )
    return VendureShop(settings, retry=RetryPolicy(tries=1))


def track(rig: Rig) -> None:
    ended = rig.run("sync-tracking", "--json")
    assert ended.code == 0, (ended.out, ended.err)


def saleable_at_home(vendure: RealVendure, sku: str) -> int:
    """What may be sold from the default channel's own location."""
    level = vendure.stock(sku)[vendure.locations()[0]]
    return level.on_hand - level.allocated
