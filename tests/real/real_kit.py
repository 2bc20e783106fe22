"""The command between a real Vendure and the simulator, and what the two hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realvendure import RealVendure
from rig import Rig
from vendure_cells import vendure_settings

from veracore_sync.sandbox.server import Sandbox


def make_rig(vendure: RealVendure, sandbox: Sandbox, folder: Path, dialect: str = "oms") -> Rig:
    made = Rig(folder, vendure.admin_url, vendure.username, vendure.password, sandbox, dialect)
    made.env |= settings_for(vendure)
    return made


def settings_for(vendure: RealVendure) -> dict[str, str]:
    """The environment that a server's options call for."""
    calls_for = vendure_settings(vendure).items()
    found = {f"VERACORE_SYNC_VENDURE__{name.upper()}": value for name, value in calls_for}
    if vendure.server and vendure.server.options.channels:
        # Each channel has a location of its own; the default one sees them all.
        found["VERACORE_SYNC_INVENTORY__LOCATIONS"] = '{"MAIN": "Default Stock Location"}'
    return found


def stock(rig: Rig, levels: Mapping[str, int]) -> None:
    rows = [{"sku": sku, "on_hand": units} for sku, units in levels.items()]
    rig.control("stock", {"stock": rows})


def available(sandbox: Sandbox, sku: str) -> int:
    return sum(level.available for level in sandbox.world.stock_of(sku))


def saleable(vendure: RealVendure, key: str) -> int:
    return sum(level.on_hand - level.allocated for level in vendure.stock(key).values())


def saleable_everywhere(vendure: RealVendure) -> dict[str, int]:
    """What may be sold of every SKU, summed over locations."""
    query = """query($skip: Int!) {
      productVariants(options: { take: 500, skip: $skip, sort: { id: ASC } })
      { totalItems items { sku stockLevels { stockOnHand stockAllocated } } } }"""
    found: dict[str, int] = {}
    while True:
        page = vendure.admin(query, {"skip": len(found)})["productVariants"]
        for item in page["items"]:
            levels = item["stockLevels"]
            found[item["sku"]] = sum(i["stockOnHand"] - i["stockAllocated"] for i in levels)
        if len(found) >= page["totalItems"]:
            return found


def sync(rig: Rig, *arguments: str, code: int = 0) -> Any:
    ended = rig.run("sync-inventory", "--json", *arguments)
    assert ended.code == code, (ended.code, ended.out, ended.err)
    return ended.json
