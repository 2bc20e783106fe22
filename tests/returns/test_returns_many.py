"""Ten thousand receipts: read as they stream in, reported once, also if the answer breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rig import HereRig, Rig

from veracore_sync.sandbox.records import Return
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

MANY = 10_000


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=50)
        code = shop.state.place_order([("MUG", 5)]).code
        made = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env |= {"VERACORE_SYNC_RETRY__TRIES": "1"}
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 50}]})
        made.sync("--allow-first-run")
        made.control("ship", {"order": code})
        order = sandbox.world.orders[code.upper()]
        # At noon: VeraCore is asked for each day by itself, and they shall be in one answer.
        slip, noon = order.slips[0].number, datetime.now(UTC).replace(hour=12, microsecond=0)
        # Half of them are pairs of equal rows.
        for number in range(MANY):
            at = noon - timedelta(days=2, seconds=number - number % 2 * (number % 4 == 1))
            order.returns.append(Return(slip, "MUG", 1, at.isoformat()))
        yield made
        made.end()


def test_each_is_reported_once(rig: Rig) -> None:
    done = rig.run("sync-returns", "--json").json
    assert (done["receiptsNew"], done["errors"]) == (MANY, 0)
    assert rig.run("sync-returns", "--json").json["receiptsNew"] == 0
    with rig.ledger() as ledger:
        assert ledger.receipts.summary()["totalReceived"] == MANY


def test_an_answer_that_breaks_off_tells_what_it_told(rig: Rig) -> None:
    lists = ["GetProductReturns"]
    last = "<ReturnQty>1</ReturnQty>"
    rig.control(
        "faults",
        {
            "kinds": ["rewrite"],
            "rate": 1,
            "operations": lists,
            "pattern": f"(?s)^((?>.*?{last}){{6000}}).*$",
            "replacement": r"\1",
        },
    )
    broken = rig.run("sync-returns", "--json")
    assert broken.code == 69
    some = broken.json["receiptsNew"]
    assert 5000 < some < MANY
    rig.control("faults", {"kinds": []})
    assert rig.run("sync-returns", "--json").json["receiptsNew"] == MANY - some
    assert rig.run("sync-returns", "--json").json["receiptsNew"] == 0
