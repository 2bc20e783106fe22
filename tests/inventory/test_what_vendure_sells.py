"""Disabled drafts, shared SKUs and thresholds, by the real commands over the small shop."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.mark.parametrize("by_shop", [False, True])
def test_the_real_commands_never_offer_more_than_there_is(tmp_path: Path, by_shop: bool) -> None:
    with SmallShop() as shop, Sandbox() as sandbox:
        state = shop.state
        live, draft = (state.add_variant("MUG", on_hand=1000) for _ in range(2))
        draft.enabled = False
        for _ in range(2):
            state.add_variant("TWIN", on_hand=3)
        below = state.add_variant("BELOW", on_hand=1000)
        below.global_threshold = by_shop
        state.threshold, below.threshold = (-10, 0) if by_shop else (0, -10)
        state.add_variant("FILE", on_hand=1, track="FALSE")
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        rows = [{"sku": sku, "on_hand": 3} for sku in ("MUG", "TWIN", "BELOW", "FILE")]
        rig.control("stock", {"stock": rows})
        rig.run("sync-inventory", "--allow-mass-change")
        assert state.saleable(live.id) == state.saleable("BELOW") == 3
        twins = [one.id for one in state.by_sku["TWIN"]]
        assert sum(max(0, state.saleable(one) or 0) for one in twins) <= 3
        told = rig.run("doctor").out
        assert "outOfStockThreshold below zero" in told
        assert "1 (FILE) are sold without limit" in told
