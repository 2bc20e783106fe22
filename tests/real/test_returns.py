"""Goods that come back are noted in a real Vendure, once, and nothing else changes there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import real_kit
from realvendure import OrderRef, RealVendure
from rig import Rig

from veracore_sync.sandbox.server import Sandbox

SKU = "SKU-000001"


def make_rig(vendure: RealVendure, sandbox: Sandbox, folder: Path) -> Rig:
    rig = real_kit.make_rig(vendure, sandbox, folder)
    rig.env |= {"VERACORE_SYNC_RETURNS__NOTE": "true", "VERACORE_SYNC_HOOKS__COMMAND": "/bin/true"}
    return rig


def notes(vendure: RealVendure, order: OrderRef) -> list[tuple[str, bool]]:
    query = """query($id: ID!) { order(id: $id) { history(options: {
      filter: { type: { eq: "ORDER_NOTE" } } }) { items { isPublic data } } } }"""
    items = vendure.admin(query, {"id": order.id})["order"]["history"]["items"]
    return [(one["data"]["note"], one["isPublic"]) for one in items]


def returns(rig: Rig) -> Any:
    ended = rig.run("sync-returns", "--json")
    assert ended.code == 0, (ended.code, ended.out, ended.err)
    return ended.json


@pytest.mark.parametrize("gap", ["", "note intended", "note written"])
def test_a_receipt_is_noted_once(
    real_vendure_sqljs: RealVendure, sandbox: Sandbox, tmp_path: Path, gap: str
) -> None:
    vendure, rig = real_vendure_sqljs, make_rig(real_vendure_sqljs, sandbox, tmp_path)
    order = vendure.place_order([(SKU, 3)])
    real_kit.stock(rig, {SKU: 10})
    rig.sync("--order", order.code, "--allow-first-run")
    rig.control("ship", {"order": order.code})
    rig.control("returns", {"order": order.code, "lines": [{"sku": SKU, "quantity": 2}]})
    before, levels = vendure.order(order), vendure.stock(SKU)
    if gap:
        killed = rig.run("sync-returns", VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
        assert killed.code == -9
        with closing(sqlite3.connect(rig.ledger_path)) as ledger, ledger:
            # The shop has certainly ended its work on it.
            ledger.execute("UPDATE receipts SET asked_at = '2026-01-01T00:00:00.000Z'")
            ledger.execute("UPDATE receipts SET asked_tick = NULL")
    returns(rig)
    returns(rig)
    [(text, is_public)] = notes(vendure, order)
    assert text.startswith(f"VeraCore received 2 x {SKU} of slip ")
    assert not is_public
    after = vendure.order(order)
    assert (after["state"], after["totalWithTax"]) == (before["state"], before["totalWithTax"])
    assert after["payments"] == before["payments"]
    assert vendure.stock(SKU) == levels
