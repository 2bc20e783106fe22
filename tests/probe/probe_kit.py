"""A shop, a VeraCore with orders of every kind, and the probe of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rig import HereRig

from veracore_sync.sandbox.records import order_from
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.sandbox.warehouse import sku_key

SECRET = "marked-s3cret"
PERSON = {"firstName": "Zyxfirst", "lastName": "Zyxlast", "emailAddress": "zyx@marker.example"}
ADDRESS = {
    "fullName": "Zyxfirst Zyxlast",
    "company": "Zyxcompany",
    "streetLine1": "1 Zyxstreet",
    "phoneNumber": "555-ZYX-1",
}
SKU = "ZYX-PART-7"
TRACKING = "1ZZYX0001"
VOIDED = "1ZZYX0002"
LONG = "-" + "LONGREFERENCE" * 4


class Bed(HereRig):
    """A shop whose orders VeraCore has."""

    shop: SmallShop
    codes: list[str]

    def probe(self, name: str = "tenant.json", **env: str) -> dict[str, Any]:
        """Probe, and read the file that came of it."""
        file = self.folder / name
        ended = self.run("probe", "--out", str(file), **env)
        assert ended.code == 0, (ended.out, ended.err)
        document: dict[str, Any] = json.loads(file.read_text())
        return document


@contextmanager
def bed_of(folder: Path) -> Iterator[Bed]:
    """Two orders that were sent; of the first, one package left and one label was voided."""
    with SmallShop() as shop, Sandbox(state_file=folder / "tenant.state") as sandbox:
        shop.state.add_variant(SKU, on_hand=100)
        bed = Bed(folder, shop.admin_url, shop.username, shop.password, sandbox)
        bed.shop = shop
        bed.control("stock", {"stock": [{"sku": SKU, "on_hand": 50}]})
        first, second = (
            shop.state.place_order([(SKU, 2)], customer=PERSON, address=ADDRESS) for _ in range(2)
        )
        # A code as plugins make them: VeraCore's reference holds 50 characters of it.
        second.code += LONG
        shop.state.by_code[second.code] = second
        bed.codes = [first.code, second.code]
        assert bed.run("sync-orders", "--allow-first-run").code == 0
        ship(bed, first.code)
        yield bed


def ship(bed: Bed, order: str) -> None:
    """One package leaves at a full minute, and another one's label is voided after it."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    at = yesterday.replace(hour=14, minute=30, second=0, microsecond=0).isoformat()
    for number in (TRACKING, VOIDED):
        packages = [{"tracking": number, "carrier": "UPS", "service": "Ground"}]
        lines = [{"sku": SKU, "quantity": 1}]
        bed.control("ship", {"order": order, "lines": lines, "packages": packages, "at": at})
    bed.control("void", {"order": order, "tracking": VOIDED})


def long_id(bed: Bed, characters: int) -> None:
    """An order of another system, whose id is longer than ours, has left."""
    world = bed.sandbox.world
    with world.lock:
        document = json.loads(json.dumps(world.find(bed.codes[0]).document()))
        order = order_from(document | {"id": "L" * characters})
        with world._change(order):
            world.orders[sku_key(order.id)] = order


def state_without_switches(bed: Bed, file: Path) -> Path:
    """The orders and the stock of a simulator as its state file has them, and no switch of it."""
    state = json.loads((bed.folder / "tenant.state").read_text())
    file.write_text(json.dumps(state | {"behaviour": {}}))
    return file
