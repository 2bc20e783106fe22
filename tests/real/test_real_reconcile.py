"""Each type of difference that needs a shop, made at a real Vendure: found, repaired, gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_kit import settings_for
from realvendure import RealVendure
from reconcile_kit import Bed, SetClock, VendureHands, WarehouseHands
from reconcile_made import NO_WAIT, Made
from reconcile_makers import MAKERS, NEAR_MISSES
from rig import HereRig

from veracore_sync.domain.differences import DIFFERENCES, DifferenceType
from veracore_sync.sandbox.server import Sandbox

KEYS = (
    "never sent",
    "row dropped",
    "row dropped, shipped",
    "forgotten there",
    "a unit cancelled here",
    "a unit more here",
    "another address here",
    "cancelled here",
    "cancelled there",
    "shipped in part",
    "fulfilment cancelled",
    "cancelled here, shipped",
    "a unit fulfilled by hand",
    "labels void",
    "relabelled",
    "a level here",
    "of another system",
)
MISSES = (
    "all shipped",
    "cancelled before it was sent",
    "fulfilled by hand before it was sent",
    "cancelled on both sides",
    "a unit less on both sides",
    "delivered",
    "refunded after it shipped",
    "fulfilled anew in two",
)
# The shop's clock is the machine's, so nobody may set ours ahead.
NO_SETTLING = {
    **NO_WAIT,
    "VERACORE_SYNC_RECONCILE__SETTLE_MINUTES": "0",
    "VERACORE_SYNC_INVENTORY__MAX_CHANGE_PERCENT": "100",
}
APPLIED = [one for one in DifferenceType if DIFFERENCES[one].applied]
BY_HAND = [key for key in KEYS if not MAKERS[key].is_applied]


class MachineClock(SetClock):
    """The machine's; nothing settles here, so no time has to pass."""

    def forward(self, **span: float) -> None:
        """It goes on by itself."""


@pytest.fixture(scope="module")
def made(module_vendure: RealVendure, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    skus = {key: f"SKU-{count:06}" for count, key in enumerate((*KEYS, *MISSES), start=1)}
    folder: Path = tmp_path_factory.mktemp("real")
    clock = MachineClock()
    with Sandbox(clock=clock.now) as sandbox:
        for sku in skus.values():
            sandbox.world.set_stock(sku, "MAIN", 100)
        access = module_vendure.admin_url, module_vendure.username, module_vendure.password
        rig = HereRig(folder, *access, sandbox)
        rig.env |= {"HOME": str(folder), **NO_SETTLING, **settings_for(module_vendure)}
        shop = VendureHands(module_vendure, [*skus.values()])
        story = Made(Bed(rig, shop, WarehouseHands(sandbox), clock), skus)
        story.make({key: MAKERS[key] for key in KEYS}, {key: NEAR_MISSES[key] for key in MISSES})
        story.look("before")
        story.step("found", codes=(3,))
        story.step("again", codes=(0,))
        story.apply(APPLIED)
        story.mend(BY_HAND)
        story.step("mended", codes=(0,))
        yield story


def test_every_type_that_a_shop_of_this_version_can_show() -> None:
    short = DifferenceType.ALLOCATED_SHORT
    assert {MAKERS[key].type for key in KEYS} == set(DifferenceType) - {short}


def test_each_is_found_and_named_rightly_and_nothing_else_is(made: Made) -> None:
    found = made.steps["found"]
    reported = sorted((one["type"], one["name"]) for one in found.standing)
    assert reported == sorted((str(MAKERS[key].type), made.names[key]) for key in KEYS)
    assert found.document["unseen"] == []
    assert not any(one["isNew"] for one in made.steps["again"].standing)


def test_a_run_changes_neither_side(made: Made) -> None:
    assert made.changed("before", "again") == set()
    assert made.steps["before"].written == made.steps["again"].written


@pytest.mark.parametrize("type", APPLIED)
def test_a_repair_changes_what_it_is_about_and_nothing_else(
    made: Made, type: DifferenceType
) -> None:
    names = list(made.steps)
    before = names[names.index(f"apply {type}") - 1]
    keys = [key for key in KEYS if MAKERS[key].type is type]
    assert made.changed(before, f"apply {type}") <= made.places(keys)


def test_all_are_gone_in_the_end(made: Made) -> None:
    assert made.steps["mended"].standing == []
