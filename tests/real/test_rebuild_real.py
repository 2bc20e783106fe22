"""A lost ledger beside a real Vendure: nothing is sent or fulfilled a second time."""

from __future__ import annotations

from pathlib import Path

import real_kit
from realvendure import RealVendure
from rig import HereRig

from veracore_sync.sandbox.server import Sandbox

ONE, TWO = "SKU-000001", "SKU-000002"
NUMBER = "1Z999AA10123456784"


def test_a_lost_ledger_is_rebuilt(
    fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path
) -> None:
    rig = HereRig(**vars(real_kit.make_rig(fresh_vendure, sandbox, tmp_path)))
    rig.env["VERACORE_SYNC_TRACKING__SETTLE_MINUTES"] = "0"
    shipped, by_hand, partly, open_one, cancelled = (
        fresh_vendure.place_order([(ONE, 2), (TWO, 1)]) for _ in range(5)
    )
    rig.sync()
    parcel = {"tracking": NUMBER, "carrier": "UPS", "service": "UPS Ground"}
    rig.control("ship", {"order": shipped.code, "packages": [parcel]})
    part = [{"sku": ONE, "quantity": 1}]
    rig.control("ship", {"order": partly.code, "lines": part, "packages": [{"tracking": "LTL"}]})
    fresh_vendure.fulfil(by_hand)
    assert rig.run("sync-tracking").code == 0
    rig.control("cancel", {"order": cancelled.code})
    fresh_vendure.cancel(cancelled)
    late = fresh_vendure.place_order([(ONE, 1)])
    made = [fresh_vendure.order(one)["fulfillments"] for one in (shipped, by_hand, partly)]
    for file in tmp_path.glob("ledger.db*"):
        file.unlink()

    done = rig.run("ledger", "rebuild", "--apply", "--json")
    assert done.code == 0, done.err
    assert done.json["orders"] == {"proven": 5, "probable": 0, "absent": 1}
    with rig.ledger() as ledger:
        rows = ledger.orders.held([one.code for one in (shipped, by_hand, partly, open_one)])
        assert {row.code: str(row.state) for row in rows.values()} == {
            shipped.code: "shipped",
            # VeraCore still has it: it may leave a second time.
            by_hand.code: "synced",
            partly.code: "synced",
            open_one.code: "synced",
        }
        slips = ledger.shipments.slips_of(shipped.code) + ledger.shipments.slips_of(partly.code)
        assert [str(one.state) for one in slips] == ["done", "done"]
        assert all(one.fulfilment_id for one in slips)
    assert rig.run("ledger", "rebuild", "--check", "--json").json["differing"] == 0
    assert rig.sync()["submitted"] == 1
    assert rig.run("sync-tracking").code == 0
    assert [fresh_vendure.order(one)["fulfillments"] for one in (shipped, by_hand, partly)] == made
    assert {one["submissions"] for one in rig.placed().values()} == {1}
    assert late.code in rig.placed()
