"""A run that reads only what may be wrong finds what was done in a real shop, and at VeraCore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from real_kit import saleable_everywhere, settings_for, stock
from realvendure import RealVendure
from rig import HereRig

from veracore_sync.domain.shop_stock import Variant
from veracore_sync.jobs.inventory import changes
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.stock import VendureStock

MUG, TEE, CAP, BAG, BOX = (f"SKU-{number:06d}" for number in range(1, 6))
SKUS = [f"SKU-{number:06d}" for number in range(1, 41)]
FEW = 6


def test_what_was_done_since_is_found_and_nothing_is_sold_beyond_what_there_is(
    fresh_vendure: RealVendure, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendure = fresh_vendure
    who = (vendure.admin_url, vendure.username, vendure.password)
    rig = HereRig(tmp_path, *who, sandbox)
    rig.env |= settings_for(vendure)
    rig.env["VERACORE_SYNC_SKUS__KITS"] = f'{{"{BOX}": {{"{MUG}": 2}}}}'
    # These runs follow each other within seconds, and both clocks are this machine's: what earlier
    # steps did would be read again, whether or not anything shows the next one. On sql.js Vendure
    # dates to the second.
    monkeypatch.setattr(changes, "_MARGIN", changes.timedelta(seconds=2))
    monkeypatch.setattr(Client, "clock_ahead_seconds", 0.0)

    def run(*arguments: str, mode: str = "changes") -> Any:
        ended = rig.run("sync-inventory", "--json", *arguments)
        assert (ended.code, ended.json["mode"]) == (0, mode), (ended.out, ended.err)
        assert mode == "full" or ended.json["totalProcessed"] <= FEW, ended.json
        return ended.json

    def set_by_hand(sku: str, units: int) -> None:
        (place,) = vendure.stock(sku)
        level = {"stockLocationId": place, "stockOnHand": units}
        vendure.admin(
            "mutation($i:[UpdateProductVariantInput!]!){updateProductVariants(input:$i){id}}",
            {"i": [{"id": vendure.variant_id(sku), "stockLevels": [level]}]},
        )

    stock(rig, dict.fromkeys(SKUS, 1000))
    truth = dict.fromkeys(SKUS, 1000) | {BOX: 500}
    run("--allow-mass-change", mode="full")
    assert saleable_everywhere(vendure) == truth

    # An order: of its kit the shop sets nothing aside at the part.
    vendure.place_order([(BOX, 3)])
    assert saleable_everywhere(vendure)[MUG] == 1000
    run()
    truth |= {MUG: 994, BOX: 497}
    assert saleable_everywhere(vendure) == truth

    stock(rig, {TEE: 7})
    run()
    truth[TEE] = 7
    assert saleable_everywhere(vendure) == truth

    # A cancellation: the shop sells again what VeraCore still holds for it.
    order = vendure.place_order([(CAP, 4)])
    assert rig.sync("--order", order.code)["submitted"] == 1
    run()
    truth[CAP] = 996
    assert saleable_everywhere(vendure) == truth
    vendure.cancel(order)
    assert saleable_everywhere(vendure)[CAP] == 1000
    run()
    assert saleable_everywhere(vendure) == truth

    # A level that is set in the admin is dated by the shop.
    set_by_hand(BAG, 5000)
    run()
    assert saleable_everywhere(vendure) == truth

    # One that is set in the database is not.
    def nothing(shop: VendureStock, since: object) -> list[Variant]:
        return []

    monkeypatch.setattr(VendureStock, "variants_updated", nothing)
    set_by_hand(BAG, 5000)
    assert run()["updated"] == 0
    assert run("--full", mode="full")["updated"] == 1
    assert saleable_everywhere(vendure) == truth
    assert rig.run("stats", "--json").json["inventory"]["lastFullBecause"] == "--full"
