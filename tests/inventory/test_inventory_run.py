"""The inventory's job over a real ledger, with a shop and a warehouse in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import make_settings
from inventory_world import HERE, World

from veracore_sync.domain.errors import (
    ConfigError,
    LockHeld,
    ProtocolError,
    Unavailable,
    UsageError,
)
from veracore_sync.domain.shop_stock import Location
from veracore_sync.jobs.inventory.sku_map import SPELLINGS
from veracore_sync.jobs.orders.render import Renderer
from veracore_sync.ledger import open_ledger


def many(world: World, count: int, *, on_hand: int = 10, there: int = 10) -> list[str]:
    skus = [f"S{number:03d}" for number in range(count)]
    for sku in skus:
        world.add(sku, on_hand, there=there)
    return skus


def configure(world: World, **sections: dict[str, object]) -> None:
    world.settings = make_settings(**sections)


def test_only_differences_are_written_and_a_second_run_writes_nothing(world: World) -> None:
    many(world, 5)
    world.shelf["S001"]["MAIN"] = 4
    assert (world.run().updated, world.saleable("S001")) == (1, 4)
    writes = len(world.writes)
    result = world.run()
    assert (result.updated, result.processed, len(world.writes)) == (0, 5, writes)


def test_force_writes_what_is_right_already(world: World) -> None:
    many(world, 3)
    assert world.run(force=True).updated == 3


@pytest.mark.parametrize("error", [ProtocolError, Unavailable])
def test_a_read_that_breaks_off_writes_nothing(
    world: World, error: type[ProtocolError] | type[Unavailable]
) -> None:
    many(world, 3, on_hand=50)
    world.warehouse.trouble = error("cut short", upstream="veracore")
    with pytest.raises(error) as stopped:
        world.run()
    assert (stopped.value.exit_code, world.writes) == (69, [])


def test_an_empty_read_writes_nothing_and_is_news_once(world: World) -> None:
    many(world, 3)
    world.run()
    world.shelf.clear()
    first = world.run()
    assert (first.guard, len(first.needs_person), world.writes) == ("empty", 1, [])
    assert world.run().needs_person == []


def test_an_implausible_read_is_not_believed(world: World) -> None:
    skus = many(world, 40)
    world.run()
    for sku in skus[:20]:
        del world.shelf[sku]
    result = world.run(allow_mass_change=False)
    assert (result.guard, world.writes) == ("missing", [])
    assert "20 of 40 known SKUs" in result.needs_person[0]


def test_a_known_sku_that_is_missing_three_times_has_nothing_left(world: World) -> None:
    many(world, 3)
    world.run()
    del world.shelf["S000"]
    assert world.run().missing == ["S000"]
    world.run()
    assert world.saleable("S000") == 10
    world.run()
    assert world.saleable("S000") == 0
    world.shelf["S000"] = {"MAIN": 8}
    world.run()
    assert world.saleable("S000") == 8


def test_what_vendure_refuses_stops_no_other_and_is_news_once(world: World) -> None:
    skus = many(world, 40, there=4)
    requests: list[str] = []
    world.between = requests.append
    world.shop.refusing = {"8", "9"}
    first = world.run()
    assert (first.updated, first.errors, set(first.refused)) == (38, 2, {"S007", "S008"})
    assert {sku: world.saleable(sku) for sku in skus} == {
        sku: 10 if sku in first.refused else 4 for sku in skus
    }
    assert len(first.needs_person) == 1
    assert "S007, S008 (this row is not to be changed)" in first.needs_person[0]
    assert requests.count("write") < 25
    again = world.run()
    assert (again.updated, again.errors, again.needs_person) == (0, 2, [])
    world.shop.refusing.add("20")
    world.shelf["S019"]["MAIN"] = 3
    assert "S019" in world.run().needs_person[0]
    assert "S019" in world.run(only=("S019",)).refused
    assert [alert.kind for alert in world.ledger.alerts.standing()] == ["stock.refused"]
    world.shop.refusing.clear()
    assert (world.run().updated, world.saleable("S007"), world.saleable("S019")) == (3, 4, 3)
    assert world.ledger.alerts.standing() == []


def test_a_shop_that_refuses_every_variant_ends_the_run(world: World) -> None:
    many(world, 40, there=4)
    world.shop.refusing = set(world.variants)
    requests: list[str] = []
    world.between = requests.append
    with pytest.raises(ProtocolError):
        world.run()
    assert requests.count("write") < 40


def sold(world: World) -> list[int]:
    """What Vendure sells of each enabled variant, with its threshold."""
    return [
        sum(one.on_hand - one.allocated for one in variant.levels) - min(0, variant.threshold)
        for variant in world.variants.values()
        if variant.enabled
    ]


@pytest.mark.parametrize(
    ("levels", "there", "ends"),
    [
        ((1000,), 3, [3]),
        ((1,), 3, [3]),
        ((3, 3), 3, [3, 0]),
        ((1, 1000), 3, [1, 2]),
        ((1000, 1), 3, [3, 0]),
        ((1, 1), 9, [1, 1]),
        ((-2, 5), 3, [-2, 3]),
        ((4, 4, 4), 6, [4, 2, 0]),
        ((4, 4), 0, [0, 0]),
    ],
)
def test_variants_that_share_a_sku_offer_no_more_than_there_is(
    world: World, levels: tuple[int, ...], there: int, ends: list[int]
) -> None:
    many(world, 2)
    for level in levels:
        world.add("MUG", level, there=there)
    world.add("mug", 1000, enabled=False)
    told = world.run()
    assert sold(world)[2:] == ends
    assert bool(told.ambiguous) == (len(levels) > 1), "a disabled draft is no twin"
    assert world.level("mug").on_hand == 1000
    count = len(world.writes)
    world.run()
    assert len(world.writes) == count


def test_variants_that_share_a_sku_go_down_with_each_order(world: World) -> None:
    many(world, 2)
    ids = [world.add("MUG", 5, there=6) for _ in range(2)]
    world.run()
    assert sold(world)[2:] == [5, 1]
    world.shelf["MUG"]["MAIN"] = 2
    world.run()
    assert sold(world)[2:] == [2, 0]
    assert len(ids) == 2


def test_a_kit_is_bounded_by_the_parts_that_are_known(world: World) -> None:
    configure(world, skus={"kits": {"BOX": {"CUP": 2, "NOWHERE": 1}, "SET": {"HAT": 1}}})
    many(world, 2)
    world.add("CUP", 7, there=7)
    box = world.add("BOX", 50)
    kit = world.add("SET", 50)
    world.shelf["HAT"], world.shelf["hat"] = {"MAIN": 3}, {"MAIN": 4}
    told = world.run()
    assert (told.unknown, told.ambiguous) == (["BOX"], ["SET"])
    assert [world.variants[one].levels[0].on_hand for one in (box, kit)] == [3, 7]
    world.shelf["CUP"]["MAIN"] = 70
    world.run()
    assert world.variants[box].levels[0].on_hand == 3


@pytest.mark.parametrize("threshold", [-10, -1, 0, 4])
@pytest.mark.parametrize("there", [0, 3, 50])
@pytest.mark.parametrize("now", [0, 5, 80])
def test_vendure_sells_no_more_than_there_is_below_its_threshold(
    world: World, threshold: int, there: int, now: int
) -> None:
    world.add("MUG", now, there=there, threshold=threshold)
    world.place("A1", "MUG", 2)
    world.run()
    assert sold(world) == [max(0, there - 2)]
    assert world.run().updated == 0


def test_backorders_can_be_wanted(world: World) -> None:
    configure(world, inventory={"backorders": True})
    world.add("MUG", 0, there=5, threshold=-10)
    world.run()
    assert sold(world) == [15]


def test_ambiguous_and_unknown_skus_are_listed_once_and_are_not_raised(world: World) -> None:
    many(world, 2)
    world.add("Mug", 1, there=9)
    world.add("mug ", 2)
    world.add("NOWHERE", 3)
    first = world.run()
    assert sorted(first.ambiguous) == ["Mug", "mug"]
    assert first.unknown == ["NOWHERE"]
    assert len(first.needs_person) == 2
    assert world.writes == []
    again = world.run()
    assert (again.needs_person, again.skipped) == ([], 3)
    assert [alert.kind for alert in world.ledger.alerts.standing()] == ["stock.unknown"]


def test_two_spellings_at_the_warehouse_are_ambiguous(world: World) -> None:
    world.add("MUG", 1, there=9)
    world.shelf["mug"] = {"MAIN": 4}
    assert (world.run().ambiguous, world.writes) == (["MUG"], [])
    world.move("MUG", on_hand=30)
    assert world.run().ambiguous == ["MUG"]
    assert world.saleable("MUG") == 13


def test_excluded_and_untracked_variants_are_left_alone(world: World) -> None:
    configure(world, skus={"exclude": ["gift"]})
    world.add("GIFT", 1, there=9)
    world.add("DOWNLOAD", 1, there=9, tracked=False)
    world.add("MUG", 1, there=9)
    result = world.run()
    assert (result.updated, result.skipped) == (1, 2)
    assert (world.saleable("GIFT"), world.saleable("DOWNLOAD")) == (1, 1)


def test_until_a_full_run_was_allowed_only_decreases_are_written(world: World) -> None:
    world.add("UP", 1, there=9)
    world.add("DOWN", 9, there=1)
    result = world.run(allow_mass_change=False)
    assert (result.guard, result.withheld, result.updated) == ("first", 1, 1)
    assert (world.saleable("UP"), world.saleable("DOWN")) == (1, 1)
    assert "--allow-mass-change" in result.needs_person[0]
    assert world.run(allow_mass_change=False).needs_person == []
    world.run(only=("UP",))
    world.shelf["DOWN"]["MAIN"] = 5
    assert world.run(allow_mass_change=False).guard == "first"
    world.run()
    world.shelf["UP"]["MAIN"] = 12
    assert world.run(allow_mass_change=False).guard is None
    assert world.saleable("UP") == 12
    assert world.ledger.alerts.standing() == []


def test_many_going_to_zero_write_nothing(world: World) -> None:
    skus = many(world, 90)
    world.run()
    for sku in skus[:20]:
        world.shelf[sku]["MAIN"] = 0
    world.shelf[skus[50]]["MAIN"] = 3
    result = world.run(allow_mass_change=False)
    assert (result.guard, result.updated) == ("zero", 0)
    world.shelf[skus[0]]["MAIN"] = 1
    assert world.run(allow_mass_change=False).guard is None
    assert world.saleable(skus[1]) == 0


def test_many_changing_write_decreases_only(world: World) -> None:
    skus = many(world, 40)
    world.run()
    for number, sku in enumerate(skus[:21]):
        world.shelf[sku]["MAIN"] = 20 if number % 2 else 5
    result = world.run(allow_mass_change=False)
    assert (result.guard, result.updated, result.withheld) == ("change", 11, 10)
    assert (world.saleable(skus[0]), world.saleable(skus[1])) == (5, 10)
    world.run()
    assert world.saleable(skus[1]) == 20


def test_a_kit_is_its_scarcest_part_and_its_orders_take_parts(world: World) -> None:
    configure(world, skus={"kits": {"TWO-MUGS": {"MUG": 2}}})
    world.add("MUG", 0, there=20)
    world.add("TWO-MUGS", 0)
    world.place("A", "TWO-MUGS", 5)
    world.run()
    assert (world.saleable("MUG"), world.saleable("TWO-MUGS")) == (10, 5)


def test_an_alias_names_the_part(world: World) -> None:
    configure(world, skus={"aliases": {"tee": "10-4471"}})
    world.add("TEE", 0)
    world.shelf["10-4471"] = {"MAIN": 7}
    world.place("A", "TEE", 2)
    world.run()
    assert world.saleable("TEE") == 5


def test_a_buffer_in_units_or_percent_for_all_or_one(world: World) -> None:
    configure(world, inventory={"buffer": 3, "buffers": {"s001": "15%"}})
    many(world, 2)
    world.run()
    assert (world.saleable("S000"), world.saleable("S001")) == (7, 8)


def test_several_warehouses_give_in_the_order_of_their_locations(world: World) -> None:
    table = {"MAIN": "Default", "east": "2", "SPARE": "Default"}
    configure(world, inventory={"locations": table, "buffer": 1})
    world.locations.append(Location("2", "East"))
    world.add("MUG", 0)
    world.shelf["MUG"] = {"MAIN": 4, "SPARE": 2, "EAST": 10, "RETURNS": 99}
    world.place("A", "MUG", 7)
    world.run()
    here, east = world.level("MUG"), world.level("MUG", "2")
    assert (here.on_hand - here.allocated, east.on_hand - east.allocated) == (0, 8)


def test_several_locations_need_a_mapping(world: World) -> None:
    world.locations.append(Location("2", "East"))
    with pytest.raises(ConfigError, match=r"inventory\.locations"):
        world.run()
    configure(world, inventory={"locations": {"MAIN": "Nowhere"}})
    with pytest.raises(ConfigError, match="Nowhere"):
        world.run()


def test_a_mapped_warehouse_that_is_not_reported_is_not_believed(world: World) -> None:
    configure(world, inventory={"locations": {"MIAN": "Default"}})
    many(world, 3)
    result = world.run(allow_mass_change=False)
    assert (result.guard, world.writes) == ("warehouse", [])


def test_orders_before_not_before_count_only_by_setting(world: World) -> None:
    world.add("MUG", 0, there=9)
    world.place("A", "MUG", 2)
    world.settings = make_settings(
        orders={"not_before": (world.clock.now() + timedelta(hours=1)).isoformat()}
    )
    world.run()
    assert world.saleable("MUG") == 9
    configure(world, inventory={"count_earlier_orders": True})
    world.run()
    assert world.saleable("MUG") == 7


def test_what_is_accepted_counts_until_it_is_seen_processed(world: World) -> None:
    configure(world, inventory={"available_nets": "processed"})
    world.add("MUG", 0, there=9)
    world.place("A", "MUG", 2)
    world.export("A")
    world.shelf["MUG"]["MAIN"] += 2  # what is only accepted, this warehouse has not taken off yet
    world.run()
    assert world.saleable("MUG") == 7


def test_one_sku_is_read_and_written_alone(world: World) -> None:
    many(world, 3, there=4)
    result = world.run(only=("s001",))
    assert (result.processed, result.updated) == (1, 1)
    assert [world.saleable(sku) for sku in ("S000", "S001", "S002")] == [10, 4, 10]
    with pytest.raises(UsageError):
        world.run(only=("S00",))
    with pytest.raises(UsageError):
        world.run(only=("%",))


@pytest.mark.parametrize("only", [("café",), ("cafe\u0301",), ()])
@pytest.mark.parametrize(
    ("shop", "there"), [("CAFÉ", "CAFE\u0301"), ("CAFE\u0301", "CAFÉ"), ("CAFE\u0301",) * 2]
)
def test_a_sku_in_another_unicode_form_is_the_same(
    world: World, shop: str, there: str, only: tuple[str, ...]
) -> None:
    world.add(shop, 10)
    world.shelf[there] = {"MAIN": 4}
    result = world.run(only=only)
    assert (result.processed, result.updated, world.saleable(shop)) == (1, 1, 4)


def test_veracores_own_unicode_form_is_kept_for_the_orders(world: World) -> None:
    there = "CAFE\u0301"
    world.add("CAFÉ", 10)
    world.shelf[there] = {"MAIN": 4}

    def offer() -> str:
        spelled = world.ledger.meta.get(SPELLINGS)
        return Renderer(world.settings.orders, world.settings.skus, spelled).offer("CAFÉ")

    for options in ({"dry_run": True}, {"only": ("CAFÉ",)}):
        world.run(**options)
        assert offer() == "CAFÉ"
    world.run()
    assert offer() == there
    # With both forms there are two offers, and the shop's own is one of them.
    world.shelf["CAFÉ"] = {"MAIN": 4}
    world.run()
    assert offer() == "CAFÉ"


def test_two_unicode_forms_as_two_variants_are_duplicates(world: World) -> None:
    world.add("CAFÉ", 10, there=4)
    world.add("CAFE\u0301", 10)
    # Both together offer no more than VeraCore has of them.
    world.run()
    assert (world.saleable("CAFÉ"), world.saleable("CAFE\u0301")) == (4, 0)


def test_no_row_for_one_sku_is_unknown_and_never_zero(world: World) -> None:
    many(world, 2)
    world.run()
    del world.shelf["S001"]
    for _ in range(4):
        world.run(only=("S001",))
    assert world.saleable("S001") == 10


def test_a_variant_that_is_deleted_meanwhile_stops_no_other(world: World) -> None:
    many(world, 3, there=4)
    world.shop.gone.add("2")
    result = world.run()
    assert (result.updated, world.saleable("S000"), world.saleable("S002")) == (2, 4, 4)


def test_a_batch_holds_the_stock_lock(world: World) -> None:
    many(world, 2, there=4)
    other = open_ledger(world.path, clock=world.clock)
    held = []

    def between(request: str) -> None:
        if request == "write":
            with pytest.raises(LockHeld), other.runs.lock("stock", "sync-tracking"):
                pass
            held.append(request)

    world.between = between
    world.run()
    other.close()
    assert held == ["write"]


def test_an_order_that_comes_between_is_seen_before_the_run_ends(world: World) -> None:
    world.add("MUG", 0, there=9)

    def between(request: str) -> None:
        if request == "orders" and not world.sales:
            world.place("A", "MUG", 2)

    world.between = between
    world.run()
    assert (world.saleable("MUG"), world.level("MUG").on_hand) == (7, 9)


def test_as_much_ordered_as_fulfilled_meanwhile_is_for_sale_to_nobody(world: World) -> None:
    world.add("MUG", 5, there=20)
    world.place("A", "MUG", 4)
    world.export("A")
    world.ship("A", 4)
    of_sale = []

    def between(request: str) -> None:
        if request == "levels" and "B" not in world.sales:
            world.fulfil("A", 4)
            world.place("B", "MUG", 4)
        if request == "orders" and "B" in world.sales:
            # Written, and not yet corrected by another list.
            of_sale.append(world.saleable("MUG") <= world.truth("MUG"))

    world.between = between
    world.run(allow_mass_change=True)
    assert of_sale == [True] * len(of_sale) != []
    assert world.saleable("MUG") == world.truth("MUG") == 12


def test_a_lost_allocation_is_allowed_for_and_told_once(world: World) -> None:
    world.add("MUG", 20, there=20)
    world.place("A", "MUG", 5, lost=3)
    first = world.run()
    assert world.saleable("MUG") == 15
    assert [(one.allocated, one.ordered) for one in first.drift] == [(2, 5)]
    assert "MUG 2 are allocated, 5 ordered" in first.needs_person[0]
    assert world.run().needs_person == []


def test_a_dry_run_changes_neither_side_nor_ledger(world: World) -> None:
    world.add("MUG", 1, there=9)
    world.add("NOWHERE", 1)
    world.run(only=("MUG",), dry_run=True)
    result = world.run(dry_run=True)
    assert result.plan is not None
    assert [(one.sku, one.saleable) for one in result.plan.written] == [("MUG", {HERE: 9})]
    assert (world.writes, world.ledger.alerts.standing(), result.needs_person) == ([], [], [])


def test_a_simulator_and_a_remote_shop_only_plan(world: World) -> None:
    configure(world, vendure={"admin_api_url": "https://shop.example.com/admin-api"})
    world.warehouse.is_sandbox = True
    world.add("MUG", 1, there=9)
    result = world.run()
    assert result.plan is not None
    assert (world.writes, len(result.notices)) == ([], 1)
