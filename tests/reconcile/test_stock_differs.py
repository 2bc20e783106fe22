"""Which wrong levels are told as differences, and which the next stock run writes anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import PartialShop, make_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from inventory_world import HERE, World

from veracore_sync.clock import from_text
from veracore_sync.domain.differences import Difference
from veracore_sync.domain.errors import Unavailable
from veracore_sync.domain.shop_stock import Level, Location
from veracore_sync.domain.warehouse import UnreadableStock
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.jobs.reconcile.findings import PartFindings
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.stock import StockExaminer
from veracore_sync.jobs.reconcile.telling import tell


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "ledger.db")
    yield made
    made.ledger.close()


def configure(world: World, **sections: Mapping[str, object]) -> None:
    world.settings = make_settings(**sections)


def sync(world: World, **options: Any) -> None:
    """A run of `sync-inventory` as the timer starts it, recorded."""
    number = world.ledger.runs.begin("sync-inventory")
    report = world.run(**options)
    world.clock.forward(seconds=1)
    counts = {"errorClass": None, "totalProcessed": report.processed}
    world.ledger.runs.end(number, 0, counts)
    world.clock.forward(minutes=1)


def examiner(world: World) -> StockExaminer:
    context = RunContext(
        ReconcileReport(),
        PartialShop(stock=world.shop),
        world.warehouse,
        world.ledger,
        world.settings,
        world.clock,
        RunOptions(),
    )
    return StockExaminer(context)


def look(world: World) -> PartFindings:
    wrote = len(world.writes)
    stock, short = examiner(world).everything()
    assert len(world.writes) == wrote
    assert not short.differences
    tell(world.ledger, stock.differences, stock.compared, {stock.type})
    return stock


def told(world: World) -> dict[str, str]:
    """The shop's side of each difference, by SKU."""
    return {one.name: one.shop for one in look(world).differences}


def one(world: World) -> Difference:
    (found,) = look(world).differences
    return found


# ---- what is told -------------------------------------------------------------------------------


def test_a_level_that_somebody_raised_is_named_repaired_and_gone(world: World) -> None:
    world.add("MUG", 0, there=10)
    world.add("TEE", 0, there=4)
    sync(world)
    world.place("A1", "MUG", 3)
    world.by_hand_set("MUG", 5)
    at = world.clock.now()
    found = one(world)
    assert (found.name, found.since) == ("MUG", at)
    assert found.shop.startswith("offers 12; oversold by 5")
    assert (
        found.warehouse
        == "available 10 of MUG; open orders take 3 that it does not hold; 7 may be sold"
    )
    assert found.repair == "sync-inventory --sku MUG"
    (seen,) = examiner(world).examine(["MUG"])
    assert seen.differences == (found,)
    assert one(world).mark == found.mark
    world.run(only=("MUG",))
    (seen,) = examiner(world).examine(["MUG"])
    assert seen.is_compared
    assert not seen.differences
    stock = look(world)
    assert (stock.differences, stock.compared, stock.count) == ([], ["MUG"], 2)
    assert world.ledger.differences.standing() == []


def test_a_level_that_somebody_lowered_is_named(world: World) -> None:
    world.add("MUG", 0, there=10)
    sync(world)
    world.by_hand_set("MUG", -4)
    assert told(world)["MUG"].startswith("offers 6; undersold by 4")


def kit(world: World) -> None:
    configure(world, skus={"kits": {"SET": {"MUG": 2, "TEE": 1}}})
    world.add("SET", 0)
    world.add("MUG", 0, there=10)
    world.add("TEE", 0, there=10)


def buffered(world: World) -> None:
    configure(world, inventory={"buffer": "20%"})
    world.add("SET", 0, there=10)


def backordered(world: World) -> None:
    configure(world, inventory={"backorders": True})
    world.add("SET", 0, there=10, threshold=-5)


def threshold(world: World) -> None:
    world.add("SET", 0, there=10, threshold=-3)


def kept_back(world: World) -> None:
    world.add("SET", 0, there=10, threshold=3)


def alias(world: World) -> None:
    configure(world, skus={"aliases": {"SET": "BOX"}})
    world.add("SET", 0)
    world.shelf["BOX"] = {"MAIN": 10}


def twin(world: World) -> None:
    world.add("SET", 0, there=10)
    world.add("SET", 7, enabled=False)


def two_locations(world: World) -> None:
    configure(world, inventory={"locations": {"MAIN": "Default", "EAST": "East"}})
    world.locations.append(Location("2", "East"))
    world.add("SET", 0, there=10)
    world.shelf["SET"]["EAST"] = 5


def shared(world: World) -> None:
    world.add("SET", 3, there=10)
    world.add("SET", 4)


@pytest.mark.parametrize(
    "stock",
    [kit, buffered, backordered, threshold, kept_back, alias, twin, two_locations, shared],
)
def test_every_kind_of_stock(world: World, stock: Callable[[World], None]) -> None:
    stock(world)
    sync(world)
    assert told(world) == {}
    world.by_hand_set("SET", 20)
    assert "oversold by" in told(world)["SET"]
    sync(world)
    assert told(world) == {}


def test_units_at_the_wrong_location_are_told(world: World) -> None:
    two_locations(world)
    sync(world)
    world.by_hand_set("SET", 3, "2")
    world.by_hand_set("SET", -3)
    assert "7 at location 1, 8 at location 2); misplaced by 3" in told(world)["SET"]


def test_a_twin_that_is_not_sold_may_have_any_level(world: World) -> None:
    world.add("SET", 0, there=10)
    twin_id = world.add("SET", 7, enabled=False)
    sync(world)
    world.variants[twin_id] = replace(world.variants[twin_id], levels=(Level(HERE, 90, 0),))
    world.note(twin_id, 83)
    assert told(world) == {}


@pytest.mark.parametrize("why", ["excluded", "untracked", "unknown"])
def test_what_the_settings_leave_alone_does_not_differ(world: World, why: str) -> None:
    if why == "excluded":
        configure(world, skus={"exclude": ["MUG"]})
    world.add("MUG", 3, there=None if why == "unknown" else 10, tracked=why != "untracked")
    world.add("TEE", 0, there=5)
    sync(world)
    world.by_hand_set("MUG", 9)
    assert told(world) == {}


# ---- what the next run writes anyway -------------------------------------------------------------


def goods_came(world: World) -> None:
    world.adjust("MUG", 7)


def another_system_took(world: World) -> None:
    world.adjust("MUG", -3)


def cancelled_in_the_shop(world: World) -> None:
    world.place("A1", "MUG", 3)
    world.export("A1")
    world.cancel("A1", 2)


def kit_sold(world: World) -> None:
    world.place("A1", "SET", 2)


@pytest.mark.parametrize(
    "event", [goods_came, another_system_took, cancelled_in_the_shop, kit_sold]
)
def test_what_is_normal_between_two_runs_is_no_difference(
    world: World, event: Callable[[World], None]
) -> None:
    kit(world)
    sync(world)
    event(world)
    stock = look(world)
    assert stock.differences == []
    assert "the next one writes it" in " ".join(stock.notes)
    sync(world)
    assert look(world).notes == []


def test_what_our_own_runs_set_is_not_somebody_elses(world: World) -> None:
    world.add("MUG", 0, there=10)
    world.add("TEE", 0, there=10)
    sync(world)
    number = world.ledger.runs.begin("sync-tracking")
    world.by_hand_set("MUG", 2)
    world.ledger.runs.end(number, 0, {})
    world.clock.forward(minutes=1)
    assert told(world) == {}


def test_what_a_run_has_left_behind_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("MUG", 0, there=10)
    world.add("TEE", 0, there=10)
    sync(world)
    world.adjust("MUG", -4)
    assert told(world) == {}
    writes = world.shop.set_levels

    def in_vain(levels: Any) -> Any:
        return {} if any(level.variant_id == "1" for level in levels) else writes(levels)

    monkeypatch.setattr(world.shop, "set_levels", in_vain)
    assert told(world) == {}
    world.clock.forward(minutes=5)
    sync(world)
    world.adjust("TEE", 1)
    found = one(world)
    assert (found.name, found.since) == ("MUG", None)
    assert found.ledger == "sync-inventory has run since it was seen first, and left it so"
    assert one(world).mark == found.mark
    (seen,) = examiner(world).examine(["MUG"])
    assert seen.differences == (found,)
    monkeypatch.undo()
    sync(world)
    assert told(world) == {}
    assert world.ledger.meta.get("reconcile.waiting_levels") == "{}"


def test_a_run_of_one_sku_hides_no_other(world: World) -> None:
    for sku in ("MUG", "TEE", "HAT"):
        world.add(sku, 0, there=10)
    sync(world)
    world.by_hand_set("TEE", 2)
    world.adjust("MUG", 3)
    world.clock.forward(minutes=1)
    sync(world, only=("MUG",))
    world.adjust("MUG", 1)
    assert set(told(world)) == {"TEE"}


def test_a_stock_run_is_found_behind_many_others(world: World) -> None:
    world.add("MUG", 0, there=10)
    sync(world)
    for _ in range(310):
        world.ledger.runs.end(world.ledger.runs.begin("sync-orders"), 0, {})
    world.by_hand_set("MUG", 2)
    assert set(told(world)) == {"MUG"}


def test_a_run_that_was_killed_hides_nothing_for_long(world: World) -> None:
    world.add("MUG", 0, there=10)
    world.ledger.runs.begin("sync-tracking")
    world.clock.forward(hours=1)
    sync(world)
    world.ledger.runs.begin("sync-tracking")
    world.by_hand_set("MUG", 2)
    assert told(world) == {}
    world.clock.forward(minutes=45)
    world.by_hand_set("MUG", 2)
    assert told(world) != {}


# ---- while things move ---------------------------------------------------------------------------


@pytest.mark.parametrize("read", [1, 2])
@pytest.mark.parametrize("request_name", ["variants", "stock", "orders"])
def test_what_moves_meanwhile_is_not_told(world: World, request_name: str, read: int) -> None:
    world.add("MUG", 0, there=10)
    sync(world)
    world.by_hand_set("MUG", 5)
    count = 0

    def between(request: str) -> None:
        nonlocal count
        count += request == request_name
        if request == request_name and count == read:
            world.place(f"N{count}", "MUG", 1)
            world.adjust("MUG", 1)

    world.between = between
    found = look(world)
    world.between = lambda request: None
    if found.differences:
        # It moved before the first of two looks that saw the same.
        assert found.differences[0].mark == one(world).mark
    else:
        assert "moved while it was compared" in " ".join(found.notes)
    assert "MUG" in told(world)


def test_a_sku_that_moved_ends_no_difference(world: World) -> None:
    world.add("MUG", 0, there=10)
    sync(world)
    world.by_hand_set("MUG", 5)
    one(world)
    first = True

    def between(request: str) -> None:
        nonlocal first
        if request == "stock" and not first:
            world.adjust("MUG", 1)
        first = False if request == "stock" else first

    world.between = between
    assert look(world).compared == []
    world.between = lambda request: None
    assert len(world.ledger.differences.standing()) == 1


# ---- guards, refusals, bad reads -----------------------------------------------------------------


def test_what_a_guard_withholds_says_so(world: World) -> None:
    for number in range(40):
        world.add(f"S{number:02}", 0, there=10)
    sync(world)
    for number in range(40):
        world.adjust(f"S{number:02}", 5)
    sync(world, allow_mass_change=False)
    stock = look(world)
    assert len(stock.differences) == 40
    found = stock.differences[0]
    assert "the guard 'change' withholds it" in found.ledger
    assert "`sync-inventory --dry-run` first" in found.ledger
    assert found.repair == "sync-inventory --allow-mass-change"
    assert "undersold by 5" in found.shop
    kinds = [alert.kind for alert in world.ledger.alerts.standing()]
    assert kinds == ["stock.guarded"]
    world.adjust("S01", -5)
    world.by_hand_set("S01", 9)
    assert told(world)["S01"].startswith("offers 19; oversold by 9; somebody set")
    kinds = [alert.kind for alert in world.ledger.alerts.standing()]
    assert kinds == ["stock.guarded", "stock.differs"]
    (seen,) = examiner(world).examine(["S00"])
    assert "withholds it" in seen.moving
    sync(world)
    assert look(world).differences == []
    assert world.ledger.differences.standing() == []


def test_what_vendure_refuses_says_so(world: World) -> None:
    world.add("MUG", 9, there=4)
    world.add("TEE", 9, there=4)
    world.shop.refusing = {"1"}
    sync(world)
    found = one(world)
    assert (found.name, found.ledger) == ("MUG", "Vendure refuses the level")
    assert [alert.kind for alert in world.ledger.alerts.standing()] == ["stock.refused"]


def test_rows_that_cannot_be_read_are_unseen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("MUG", 0, there=10)
    world.add("TEE", 0, there=10)
    sync(world)
    world.by_hand_set("MUG", 3)
    world.by_hand_set("TEE", 3)
    assert len(told(world)) == 2
    rows = world.warehouse.stock

    def stock(sku: str | None) -> Iterator[Any]:
        for row in rows(sku):
            yield UnreadableStock("MUG", "MAIN", "not a number") if row.sku == "MUG" else row

    monkeypatch.setattr(world.warehouse, "stock", stock)
    found = look(world)
    assert [difference.name for difference in found.differences] == ["TEE"]
    assert found.unseen == [("VeraCore's stock of MUG", "not a number")]
    assert len(world.ledger.differences.standing()) == 2


@pytest.mark.parametrize("look_number", [1, 2])
def test_a_stream_that_breaks_off_concludes_nothing(world: World, look_number: int) -> None:
    world.add("MUG", 0, there=10)
    sync(world)
    world.by_hand_set("MUG", 3)
    one(world)
    count = 0

    def between(request: str) -> None:
        nonlocal count
        count += request == "stock"
        if count == look_number:
            world.warehouse.trouble = Unavailable("cut short", upstream="veracore")

    world.between = between
    found = look(world)
    assert (found.differences, found.compared) == ([], [])
    assert found.unseen == [("the stock", "cut short")]
    assert found.error is not None
    assert len(world.ledger.differences.standing()) == 1


def test_without_a_recent_stock_run_it_is_said_once(world: World) -> None:
    for number in range(30):
        world.add(f"S{number:02}", 0, there=10)
    world.between = world.nobody_answers
    stock = look(world)
    assert (stock.differences, stock.compared, stock.count) == ([], [], None)
    (note,) = stock.notes
    assert note.endswith("not compared: no run of sync-inventory has succeeded yet")
    world.between = lambda request: None
    sync(world)
    world.by_hand_set("S03", 4)
    world.clock.forward(hours=2)
    (unseen,) = look(world).unseen
    assert "more than two of its intervals ago" in unseen[1]
    sync(world)
    assert look(world).unseen == []


def test_a_sku_that_is_no_longer_sold_ends(world: World) -> None:
    world.add("MUG", 0, there=10)
    world.add("TEE", 0, there=10)
    sync(world)
    world.by_hand_set("MUG", 3)
    one(world)
    del world.variants["1"]
    look(world)
    assert world.ledger.differences.standing() == []
    (seen,) = examiner(world).examine(["MUG"])
    assert seen.unseen


# ---- random lives --------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["place", "export", "ship", "fulfil", "cancel", "adjust", "sync", "look", "hand"]
        ),
        st.integers(0, 5),
        st.integers(1, 4),
    ),
    min_size=5,
    max_size=20,
)


@settings(max_examples=25)
@given(steps)
def test_nothing_but_what_somebody_set_is_ever_told(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, int]]
) -> None:
    world = World(tmp_path_factory.mktemp("stock") / "ledger.db")
    try:
        kit(world)
        sync(world)
        by_hand: set[str] = set()
        for name, number, units in events:
            codes = list(world.sales) or [""]
            code, sku = codes[number % len(codes)], ("MUG", "TEE")[number % 2]
            if name == "place":
                world.place(f"N{len(world.sales)}", sku, units)
            elif name == "sync" or world.clock.now() - _synced(world) > timedelta(minutes=50):
                sync(world)
                by_hand.clear()
            elif name == "adjust":
                world.adjust(sku, units - 2)
            elif name == "hand":
                world.by_hand_set(sku, units)
                by_hand.add(sku)
            elif name == "look":
                _while_it_reads(world, number, units)
                assert set(told(world)) <= by_hand
                world.between = lambda request: None
            elif code:
                _happens(world, name, code, units)
            world.clock.forward(minutes=3)
        sync(world)
        assert told(world) == {}
        world.by_hand_set("TEE", 5)
        assert set(told(world)) == {"TEE"}
    finally:
        world.ledger.close()


def _synced(world: World) -> datetime:
    history = world.ledger.reporting.run_history("sync-inventory", world.clock.now())
    assert history.succeeded_at is not None
    return from_text(history.succeeded_at)


def _while_it_reads(world: World, number: int, units: int) -> None:
    """Before one of its first requests an order comes, is sent, and goods arrive."""
    left = number * 2

    def between(request: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            code = f"N{len(world.sales)}"
            world.place(code, ("SET", "TEE")[units % 2], units)
            world.export(code)
            world.adjust("MUG", units - 2)

    world.between = between


def _happens(world: World, name: str, code: str, units: int) -> None:
    if name == "export":
        world.export(code)
    elif name == "ship":
        world.ship(code, units)
    elif name == "fulfil":
        world.fulfil(code, units)
    else:
        world.cancel(code, units)
