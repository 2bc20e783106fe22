"""Orders that Vendure allocated too little to, as a comparison finds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import PartialShop
from inventory_world import World

from veracore_sync.domain.errors import ProtocolError, Unavailable
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.jobs.reconcile.findings import PartFindings
from veracore_sync.jobs.reconcile.report import ReconcileReport
from veracore_sync.jobs.reconcile.stock import StockExaminer
from veracore_sync.jobs.reconcile.telling import tell


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "ledger.db")
    made.add("MUG", 0, there=10)
    made.add("TEE", 0, there=10)
    sync(made)
    yield made
    made.ledger.close()


def sync(world: World) -> None:
    number = world.ledger.runs.begin("sync-inventory")
    world.run()
    world.ledger.runs.end(number, 0, {})
    world.clock.forward(minutes=1)


def look(world: World) -> PartFindings:
    context = RunContext(
        ReconcileReport(),
        PartialShop(stock=world.shop),
        world.warehouse,
        world.ledger,
        world.settings,
        world.clock,
        RunOptions(),
    )
    stock, short = StockExaminer(context).everything()
    assert not stock.differences
    tell(world.ledger, short.differences, short.compared, {short.type})
    return short


def told(world: World) -> dict[str, str]:
    return {one.name: one.shop for one in look(world).differences}


def standing(world: World) -> set[tuple[str, str | None]]:
    return {(one.kind, one.code) for one in world.ledger.alerts.standing()}


def test_it_is_named_with_its_skus_and_ends_when_it_is_covered(world: World) -> None:
    world.place("A1", "MUG", 3)
    world.place("A2", "MUG", 4, capped=3)
    world.place("A3", "TEE", 2, capped=2)
    expected = {
        "A2": "ordered 4 of MUG, 3 of them never allocated",
        "A3": "ordered 2 of TEE, 2 of them never allocated",
    }
    assert told(world) == expected
    assert standing(world) == {(AlertKind.ORDER_DIFFERS, "A2"), (AlertKind.ORDER_DIFFERS, "A3")}
    assert told(world) == expected
    world.cancel("A2", 4)
    world.move("MUG", allocated=3)
    world.cancel("A3", 2)
    world.move("TEE", allocated=2)
    assert told(world) == {}
    assert standing(world) == set()


def test_the_stock_runs_alert_tells_it_already(world: World) -> None:
    world.place("A1", "MUG", 4, capped=1)
    sync(world)
    assert "A1" in told(world)
    assert standing(world) == {(AlertKind.ORDER_SHORTFALL, "A1")}


def test_what_a_person_accepted_is_no_difference(world: World) -> None:
    world.place("A1", "MUG", 4, capped=1)
    sync(world)
    assert "A1" in told(world)
    world.ledger.alerts.accept("A1", "it is filled")
    assert told(world) == {}
    assert world.ledger.differences.standing() == []


def test_an_allocation_that_got_lost_is_nobodys(world: World) -> None:
    world.place("A1", "MUG", 3, lost=1)
    assert told(world) == {}


def test_an_order_that_moves_meanwhile_is_not_told(world: World) -> None:
    world.place("A1", "MUG", 4, capped=2)
    count = 0

    def between(request: str) -> None:
        nonlocal count
        count += request == "orders"
        if request == "orders" and count == 2:
            world.modify("A1", 1)

    world.between = between
    found = look(world)
    assert found.differences == []
    assert "moved while their allocated units were counted" in " ".join(found.notes)
    world.between = lambda request: None
    assert "A1" in told(world)


@pytest.mark.parametrize("what", ["allocations", "order"])
def test_what_cannot_be_read_is_unseen(world: World, what: str) -> None:
    world.place("A1", "MUG", 4, capped=2)
    assert "A1" in told(world)

    def no_allocations(request: str) -> None:
        if request == "allocations":
            raise ProtocolError("this one", upstream="vendure")

    if what == "order":
        world.place("A2", "TEE", 1)
        world.blur("A2")
    else:
        world.between = no_allocations
    found = look(world)
    assert (found.differences, found.compared) == ([], [])
    assert found.unseen
    assert {row.difference.name for row in world.ledger.differences.standing()} == {"A1"}


def test_a_shop_that_is_down_concludes_nothing(world: World) -> None:
    world.place("A1", "MUG", 4, capped=2)
    told(world)

    def down(request: str) -> None:
        if request == "orders":
            raise Unavailable("down", upstream="vendure")

    world.between = down
    found = look(world)
    assert (found.differences, found.compared) == ([], [])
    assert {row.difference.name for row in world.ledger.differences.standing()} == {"A1"}


def test_units_of_an_order_that_is_not_open_hide_no_other_order(world: World) -> None:
    world.place("A1", "MUG", 3, capped=1)
    world.move("MUG", allocated=5)
    expected = {"A1": "ordered 3 of MUG, 1 of them never allocated"}
    assert told(world) == expected
    assert told(world) == expected
    assert standing(world) == {(AlertKind.ORDER_DIFFERS, "A1")}


def test_nor_do_they_where_the_sum_agrees(world: World) -> None:
    world.place("A1", "MUG", 3, capped=1)
    world.move("MUG", allocated=1)
    assert told(world) == {"A1": "ordered 3 of MUG, 1 of them never allocated"}


def test_nor_do_they_where_they_hide_one_of_two(world: World) -> None:
    world.place("A1", "MUG", 3, capped=1)
    world.place("A2", "MUG", 2, capped=1)
    world.place("A3", "MUG", 2)
    world.move("MUG", allocated=1)
    assert told(world) == {
        "A1": "ordered 3 of MUG, 1 of them never allocated",
        "A2": "ordered 2 of MUG, 1 of them never allocated",
    }


def test_what_is_allocated_too_much_accuses_nobody(world: World) -> None:
    world.place("A1", "MUG", 3)
    world.place("A2", "MUG", 2, lost=2)
    world.move("MUG", allocated=5)
    assert told(world) == {}
