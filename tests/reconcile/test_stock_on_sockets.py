"""Stock and foreign orders as they are found over the wire: the small shop and the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracking_world import CATALOGUE, World, world
from veracore_kit import order as an_order

from veracore_sync.composition.inventory import sync_inventory
from veracore_sync.composition.reconcile import ReconcileOptions, reconcile
from veracore_sync.domain.warehouse import Classification, WarehouseLine
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.ports.warehouse import Accepted

LINES = (WarehouseLine(1, "BOX", 1, None),)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.control("stock", {"stock": [{"sku": sku, "on_hand": 40} for sku in CATALOGUE]})
        yield made


def sync(bed: World, *skus: str) -> None:
    runs = bed.parts.ledger.runs
    number = runs.begin("sync-inventory")
    options = RunOptions(only=skus, allow_mass_change=not skus)
    report = sync_inventory(bed.parts, options)
    assert report.exit_code == 0, report
    bed.clock.forward(seconds=5)
    runs.end(number, 0, report.summary)
    bed.clock.forward(minutes=2)


def compare(bed: World) -> tuple[dict[tuple[str, str], dict[str, Any]], int]:
    """What differs, by type and name, and the exit code."""
    report = reconcile(bed.parts, ReconcileOptions())
    assert report.error is None, report.error
    found = {(one["type"], one["name"]): one for one in report.document["differences"]}
    return found, report.exit_code


def test_levels_and_foreign_orders_over_the_wire(bed: World) -> None:
    bed.place(("MUG", 3))
    bed.send()
    sync(bed)
    assert compare(bed) == ({}, 0)

    bed.shop.state.set_stock("MUG", 60)
    at = bed.clock.now()
    bed.shop.state.set_stock("TEE", 10)
    bed.place(("MUG", 2))
    outcome = bed.parts.warehouse.submit(
        an_order(id="EDI-5001", reference="EXT-77", lines=LINES, classification=Classification())
    )
    assert isinstance(outcome, Accepted)
    bed.control("ship", {"order": "EDI-5001"})
    bed.clock.forward(minutes=5)
    before = _levels(bed)

    found, code = compare(bed)
    assert (sorted(found), code) == (
        [
            ("foreign_at_warehouse", "EDI-5001"),
            ("stock_differs", "MUG"),
            ("stock_differs", "TEE"),
        ],
        3,
    )
    mug = found["stock_differs", "MUG"]
    assert mug["shop"].startswith("offers 55; oversold by 20")
    assert "available 37 of MUG; open orders take 2" in mug["warehouse"]
    assert (mug["repair"], mug["since"][:19]) == (
        "sync-inventory --sku MUG",
        at.isoformat()[:19],
    )
    assert "undersold by 30" in found["stock_differs", "TEE"]["shop"]
    assert "reference EXT-77" in found["foreign_at_warehouse", "EDI-5001"]["warehouse"]
    assert _levels(bed) == before
    assert compare(bed)[1] == 0

    sync(bed, "MUG", "TEE")
    assert set(compare(bed)[0]) == {("foreign_at_warehouse", "EDI-5001")}
    assert bed.shop.state.saleable("MUG") == 35


def test_stock_is_compared_in_the_dialect_that_lists_no_shipments(tmp_path: Path) -> None:
    with world(tmp_path, dialect="rest") as bed:
        bed.control("stock", {"stock": [{"sku": sku, "on_hand": 40} for sku in CATALOGUE]})
        sync(bed)
        bed.shop.state.set_stock("MUG", 60)
        bed.clock.forward(minutes=5)
        found, code = compare(bed)
        assert (set(found), code) == ({("stock_differs", "MUG")}, 3)


def _levels(bed: World) -> dict[str, tuple[int, int]]:
    found = {}
    for sku in CATALOGUE:
        (level,) = bed.shop.state.stock(sku).values()
        found[sku] = (level.on_hand, level.allocated)
    return found
