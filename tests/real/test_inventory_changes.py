"""What is done in a real shop is found by a run that reads only what may have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from real_kit import make_rig, saleable, saleable_everywhere, stock
from realvendure import StartVendure

from veracore_sync.composition.container import Container
from veracore_sync.composition.inventory import inventory_run
from veracore_sync.config import load
from veracore_sync.jobs.inventory import changes
from veracore_sync.jobs.inventory.report import InventoryReport, RunMode
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.vendure.client import Client
from veracore_sync.vendure.documents import Document

MUG, TEE, CAP, BAG = (f"SKU-{number:06d}" for number in range(1, 5))
SKUS = [f"SKU-{number:06d}" for number in range(1, 41)]
LOOK = [
    *("ReadLocations", "ReadStockDefaults", "ReadOpenOrders"),
    *("ReadOpenOrders", "ReadVariants"),
]
"""What every such run asks the shop: of the orders, the open ones and those touched since."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that the shop was asked for."""
    found: list[str] = []
    execute = Client.execute

    def noted(
        self: Client, document: Document, variables: Mapping[str, Any], *, mutation: bool = False
    ) -> dict[str, Any]:
        found.append(document.operation)
        return execute(self, document, variables, mutation=mutation)

    monkeypatch.setattr(Client, "execute", noted)
    # The runs of this test follow each other within seconds.
    monkeypatch.setattr(changes, "_MARGIN", timedelta(0))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path


def test_each_act_in_the_shop_is_corrected_alone(
    start_vendure: StartVendure, sandbox: Sandbox, folder: Path, asked: list[str]
) -> None:
    vendure = start_vendure(variants=len(SKUS))
    rig = make_rig(vendure, sandbox, folder)
    stock(rig, dict.fromkeys(SKUS, 50))
    with closing(Container(load(None, rig.environment, cwd=folder), family="inventory")) as parts:
        parts.bind()

        def run(**options: Any) -> InventoryReport:
            asked.clear()
            return inventory_run(parts, RunOptions(**options)).run()

        def corrects(*skus: str, reads: int) -> None:
            """The next run reads so many variants, and leaves these right."""
            report = run()
            assert (report.mode, report.processed) == (RunMode.CHANGES, reads), report
            assert "SetStock" not in asked or report.updated
            for sku in skus:
                assert saleable(vendure, sku) == expected[sku], sku

        expected = dict.fromkeys(SKUS, 50)
        assert run(allow_mass_change=True).mode is RunMode.FULL
        run()
        corrects(reads=0)
        assert [one for one in asked if one != "Login"] == LOOK

        order = vendure.place_order([(MUG, 2), (TEE, 3)])
        expected |= {MUG: 48, TEE: 47}
        corrects(MUG, TEE, reads=2)
        assert asked == [*LOOK, "ReadVariants"]

        vendure.modify(order, [(TEE, 5)])
        expected[TEE] = 45
        corrects(TEE, reads=2)
        vendure.cancel(order, [(MUG, 1)])
        expected[MUG] = 49
        corrects(MUG, reads=2)
        vendure.fulfil(order, [(TEE, 5)])
        # VeraCore knows nothing of it, so its goods are there still.
        expected[TEE] = 50
        corrects(TEE, reads=2)

        variants = {one.sku: one for one in parts.shop.stock.variants()}
        update = """mutation($input: [UpdateProductVariantInput!]!) {
          updateProductVariants(input: $input) { id } }"""
        level = {"stockLocationId": variants[CAP].levels[0].location, "stockOnHand": 99}
        vendure.admin(update, {"input": [{"id": variants[CAP].id, "stockLevels": [level]}]})
        # The level of the tee was written by the last run: the shop dates that, too.
        corrects(CAP, reads=2)
        run()
        vendure.admin(update, {"input": [{"id": variants[BAG].id, "sku": CAP}]})
        assert run().processed == 2
        assert sum(saleable_everywhere_of(vendure, CAP)) == 50

        writes = run(full=True)
        assert (writes.mode, writes.updated) == (RunMode.FULL, 0)
        assert len(saleable_everywhere(vendure)) == len(SKUS) - 1


def saleable_everywhere_of(vendure: Any, sku: str) -> list[int]:
    query = """query($sku: String!) { productVariants(options: { filter: { sku: { eq: $sku } } })
      { items { stockLevels { stockOnHand stockAllocated } } } }"""
    items = vendure.admin(query, {"sku": sku})["productVariants"]["items"]
    return [one["stockOnHand"] - one["stockAllocated"] for it in items for one in it["stockLevels"]]
