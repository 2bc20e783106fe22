"""A run that reads only the levels that may be wrong: which ones, when all, and what it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import make_settings
from inventory_world import HERE, World

from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.shop_stock import Level, Location, Variant
from veracore_sync.jobs.inventory.report import InventoryReport, RunMode

SKUS = [f"S{number:02d}" for number in range(30)]


class Died(BaseException):
    """The process is gone."""


@pytest.fixture
def shop(world: World) -> World:
    """Thirty SKUs, all right, and seen by a full run long ago."""
    for sku in SKUS:
        world.add(sku, 5, there=20)
    assert world.run().mode is RunMode.FULL
    return world


def change(world: World, **options: object) -> InventoryReport:
    """A run half an hour later."""
    world.clock.forward(minutes=30)
    return world.run(allow_mass_change=False, **options)


def full(world: World) -> InventoryReport:
    return change(world, full=True)


def read_by(report: InventoryReport) -> tuple[RunMode, int, int]:
    return report.mode, report.processed, report.updated


def requests_of(world: World) -> list[str]:
    """What one more run asks."""
    asked: list[str] = []
    world.between = asked.append
    change(world)
    world.between = lambda request: None
    return asked


def test_nothing_changed_reads_no_level_and_lists_the_orders_once(shop: World) -> None:
    change(shop)
    assert requests_of(shop) == ["stock", "orders"]


def test_what_veracore_changed_is_read_and_written_alone(shop: World) -> None:
    change(shop)
    shop.adjust("S03", -4)
    shop.adjust("S17", 2)
    assert read_by(change(shop)) == (RunMode.CHANGES, 2, 2)
    assert (shop.saleable("S03"), shop.saleable("S17")) == (16, 22)
    # The shop dates what we wrote: it is looked at once more, and never again.
    assert read_by(change(shop)) == (RunMode.CHANGES, 2, 0)
    assert read_by(change(shop)) == (RunMode.CHANGES, 0, 0)


def test_what_is_written_is_planned_on_orders_newer_than_the_levels(shop: World) -> None:
    shop.adjust("S03", -4)
    assert requests_of(shop) == [
        *("stock", "orders", "levels"),
        *("orders", "levels", "write", "answer", "orders"),
    ]


@pytest.mark.parametrize("event", ["place", "cancel", "modify", "by hand", "fulfilled", "lost"])
def test_each_event_of_an_order_reads_its_variant_alone(shop: World, event: str) -> None:
    shop.place("A", "S05", 3)
    shop.export("A")
    assert change(shop).mode is RunMode.CHANGES
    change(shop)
    if event == "place":
        shop.place("B", "S05", 2)
    elif event == "lost":
        shop.place("B", "S05", 2, lost=2)
    elif event == "cancel":
        shop.cancel("A", 3)
    elif event == "modify":
        shop.modify("A", 2)
    elif event == "by hand":
        shop.by_hand_set("S05", 6)
    else:
        shop.ship("A", 3)
        shop.fulfil("A", 3)
    found = change(shop)
    assert (found.mode, found.processed) == (RunMode.CHANGES, 1)
    assert shop.saleable("S05") == shop.truth("S05")
    assert full(shop).updated == 0


def test_an_order_that_came_and_went_between_two_runs(shop: World) -> None:
    change(shop)
    shop.place("A", "S05", 3, lost=3)
    shop.cancel("A", 3)
    assert shop.saleable("S05") > shop.truth("S05")
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 1)
    assert shop.saleable("S05") == shop.truth("S05")


def test_units_that_are_accepted_while_the_warehouse_finds_as_many(shop: World) -> None:
    shop.place("A", "S05", 3)
    change(shop)
    change(shop)
    shop.export("A")
    shop.adjust("S05", 3)
    # What is available is the same number; the demand is not.
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 1)
    assert shop.saleable("S05") == shop.truth("S05") == 20


def test_killed_after_a_write_that_the_warehouse_then_takes_back(shop: World) -> None:
    change(shop)
    shop.adjust("S05", 7)

    def die(request: str) -> None:
        if request == "answer":
            raise Died

    shop.between = die
    with pytest.raises(Died):
        change(shop)
    shop.between = lambda request: None
    shop.reopen()
    shop.updated.clear()
    shop.adjust("S05", -7)
    assert shop.saleable("S05") == 27
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 1)
    assert shop.saleable("S05") == 20


def test_what_a_named_run_wrote_is_read_again(shop: World) -> None:
    change(shop)
    shop.adjust("S05", 7)
    assert read_by(change(shop, only=("S05",))) == (RunMode.NAMED, 1, 1)
    shop.adjust("S05", -7)
    shop.updated.clear()
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 1)
    assert shop.saleable("S05") == 20


def test_what_was_marked_meanwhile_stays_marked(shop: World) -> None:
    change(shop)
    shop.adjust("S05", 1)

    def mark(request: str) -> None:
        # As `sync-tracking` does before it raises a level; its process has a mark of its own.
        if request == "answer":
            with shop.ledger.database.transaction() as connection:
                connection.execute("UPDATE stock_suspects SET mark = 'another'")

    shop.between = mark
    change(shop)
    assert shop.ledger.stock.suspects() == {"6": "another"}
    shop.between = lambda request: None
    shop.updated.clear()
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 0)
    assert shop.ledger.stock.suspects() == {}


def test_a_refused_level_is_tried_by_every_run(shop: World) -> None:
    change(shop)
    shop.shop.refusing.add("6")
    shop.adjust("S05", 7)
    assert change(shop).refused.keys() == {"S05"}
    again = change(shop)
    assert (again.mode, list(again.refused)) == (RunMode.CHANGES, ["S05"])
    shop.shop.refusing.clear()
    assert change(shop).updated == 1


def test_variants_of_one_sku_and_kits_are_read_together(world: World) -> None:
    for sku in SKUS:
        world.add(sku, 5, there=20)
    world.add("S05", 5)
    world.add("SET", 0)
    world.settings = make_settings(skus={"kits": {"SET": {"S05": 2, "S06": 1}}})
    world.run()
    change(world)
    world.adjust("S06", -18)
    assert change(world).processed == 2
    assert world.saleable("SET") == 2
    world.adjust("S05", -15)
    assert change(world).processed >= 3
    assert full(world).updated == 0


def test_a_kit_follows_the_demand_of_its_parts(world: World) -> None:
    for sku in SKUS:
        world.add(sku, 5, there=20)
    world.add("SET", 0)
    world.settings = make_settings(skus={"kits": {"SET": {"S05": 2}}})
    world.run()
    change(world)
    world.place("A", "S05", 4)
    assert read_by(change(world)) == (RunMode.CHANGES, 2, 1)
    assert world.saleable("SET") == 8
    assert full(world).updated == 0


def test_an_edited_sku_is_found_and_its_new_group_is_read(shop: World) -> None:
    change(shop)
    shop.clock.forward(minutes=20)
    shop.variants["6"] = replace(shop.variants["6"], sku="S07")
    shop.updated["6"] = shop.clock.now()
    assert change(shop).processed == 2
    levels = [shop.variants[id].levels[0].on_hand for id in ("6", "8")]
    assert sum(levels) == 20
    assert full(shop).updated == 0


def test_a_new_variant_is_found(shop: World) -> None:
    change(shop)
    id = shop.add("NEW", 0, there=9)
    shop.updated[id] = shop.clock.now()
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 1)
    assert shop.saleable("NEW") == 9


def test_beside_a_variant_that_is_gone_nothing_is_raised(world: World) -> None:
    for sku in (*SKUS, "S05"):
        world.add(sku, 5, there=20)
    world.run()
    change(world)
    del world.variants["31"]
    world.adjust("S05", 30)
    assert change(world).updated == 0
    world.adjust("S05", -49)
    change(world)
    assert world.variants["6"].levels[0].on_hand == 1
    # The full run knows that it is gone.
    world.adjust("S05", 10)
    full(world)
    assert world.saleable("S05") == 11


def test_a_missing_sku_is_counted_by_both_kinds_of_run(shop: World) -> None:
    del shop.shelf["S05"]
    for left in (20, 20):
        assert change(shop).missing == ["S05"]
        assert shop.saleable("S05") == left
    change(shop)
    assert shop.saleable("S05") == 0
    change(shop)
    assert change(shop).processed == 0


def test_a_read_that_fails_stores_nothing(shop: World) -> None:
    change(shop)
    shop.adjust("S05", 7)
    shop.warehouse.trouble = Unavailable("cut short", upstream="veracore")
    with pytest.raises(Unavailable):
        change(shop)
    shop.warehouse.trouble = None
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 1)


# ---- when all is read ----------------------------------------------------------------------------


def test_a_full_run_comes_after_its_time(shop: World) -> None:
    shop.clock.forward(hours=6)
    found = change(shop)
    assert found.mode is RunMode.FULL
    assert "full_every_minutes ago" in found.full_because
    assert change(shop).mode is RunMode.CHANGES


def test_a_ledger_that_was_restored_or_rebound_reads_all(shop: World) -> None:
    assert change(shop).mode is RunMode.CHANGES
    shop.ledger.meta.note_restored(shop.clock.now())
    found = change(shop)
    assert found.mode is RunMode.FULL
    assert "since the ledger was begun, restored or rebound" in found.full_because


@pytest.mark.parametrize(
    "settings",
    [{"inventory": {"buffer": 1}}, {"skus": {"aliases": {"S05": "S06"}}}],
    ids=["buffer", "alias"],
)
def test_another_rule_reads_all(shop: World, settings: dict[str, dict[str, object]]) -> None:
    shop.settings = make_settings(**settings)
    assert change(shop).mode is RunMode.FULL


def test_a_default_of_the_shop_reads_all(shop: World) -> None:
    shop.threshold = -3
    assert change(shop).mode is RunMode.FULL
    assert change(shop).mode is RunMode.CHANGES


def test_zero_is_always_full(shop: World) -> None:
    shop.settings = make_settings(inventory={"full_every_minutes": 0})
    asked = requests_of(shop)
    assert asked == ["variants", "stock", "orders"]


def test_an_order_that_cannot_be_read_reads_all(shop: World) -> None:
    shop.place("A", "S05", 3)
    change(shop)
    shop.blurred.add("A")
    for _ in range(2):
        found = change(shop)
        assert (found.mode, found.processed) == (RunMode.FULL, 30)
    shop.blurred.clear()
    assert change(shop).mode is RunMode.FULL, "what it said of the record is over"
    assert change(shop).processed <= 1


def test_a_restored_or_rebuilt_ledger_reads_all(shop: World) -> None:
    shop.ledger.meta.note_restored(shop.clock.now())
    assert change(shop).mode is RunMode.FULL
    shop.ledger.meta.begin_rebuild("x")
    shop.ledger.meta.end_rebuild(shop.clock.now(), None)
    assert change(shop).mode is RunMode.FULL


def test_guards_judge_by_the_whole(world: World) -> None:
    skus = [f"T{number:03d}" for number in range(200)]
    for sku in skus:
        world.add(sku, 5, there=20)
    world.run()
    change(world)
    for sku in skus[:30]:
        world.adjust(sku, -20)
    # Thirty of thirty that are read, but thirty of two hundred that are for sale.
    found = change(world)
    assert (found.guard, read_by(found)) == (None, (RunMode.CHANGES, 30, 30))
    for sku in skus[30:80]:
        world.adjust(sku, -20)
    held = change(world)
    assert (held.guard, held.mode) == ("zero", RunMode.CHANGES)
    again = change(world)
    assert (again.guard, again.mode) == ("zero", RunMode.FULL)


def test_many_missing_are_left_to_a_full_run(world: World) -> None:
    skus = [f"T{number:03d}" for number in range(100)]
    for sku in skus:
        world.add(sku, 5, there=20)
    world.run()
    for sku in skus[:30]:
        del world.shelf[sku]
    found = change(world)
    assert (found.mode, found.guard, world.saleable("T000")) == (RunMode.FULL, "missing", 20)


def test_only_full_runs_end_what_is_about_the_whole(shop: World) -> None:
    shop.add("NOBODY", 1)
    full(shop)
    standing = {one.kind for one in shop.ledger.alerts.standing()}
    assert AlertKind.STOCK_UNKNOWN in standing
    change(shop)
    assert {one.kind for one in shop.ledger.alerts.standing()} == standing


def test_a_dry_run_reads_all_and_stores_nothing(shop: World) -> None:
    change(shop)
    shop.adjust("S05", 7)
    found = change(shop, dry_run=True)
    assert (found.mode, found.processed) == (RunMode.FULL, 30)
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 1)


def test_several_locations(world: World) -> None:
    world.locations = [Location(HERE, "Default"), Location("2", "Far")]
    world.settings = make_settings(inventory={"locations": {"MAIN": "Default", "FAR": "Far"}})
    for sku in SKUS:
        world.add(sku, 5, there=20)
        world.shelf[sku]["FAR"] = 3
    world.run()
    change(world)
    # As many in all, elsewhere.
    world.shelf["S05"] = {"MAIN": 19, "FAR": 4}
    assert read_by(change(world)) == (RunMode.CHANGES, 1, 1)
    assert (world.level("S05").on_hand, world.level("S05", "2").on_hand) == (19, 4)


def test_a_variant_that_is_not_tracked_any_more(shop: World) -> None:
    change(shop)
    shop.variants["6"] = Variant("6", "S05", False, (Level(HERE, 20, 0),))
    shop.updated["6"] = shop.clock.now()
    shop.adjust("S05", -5)
    assert read_by(change(shop)) == (RunMode.CHANGES, 1, 0)
