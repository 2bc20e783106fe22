"""Orders that Vendure allocated too little to: each is named once, and none falsely."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import START
from hypothesis import given
from hypothesis import strategies as st
from inventory_world import World

from veracore_sync.domain.errors import ProtocolError
from veracore_sync.domain.shop_stock import StockAllocation
from veracore_sync.jobs.inventory.report import RunMode
from veracore_sync.jobs.inventory.shortfall import Claim, assign

KIND = "order.shortfall"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "ledger.db")
    try:
        made.add("MUG", 0, there=10)
        made.run()
        yield made
    finally:
        made.ledger.close()


def standing(world: World) -> set[tuple[str, str | None]]:
    return {(one.kind, one.code) for one in world.ledger.alerts.standing()}


def by_changes(world: World) -> list[str]:
    """What a run that reads what changed has to say to a person."""
    report = world.run(allow_mass_change=False)
    assert report.mode is RunMode.CHANGES
    return report.needs_person


def test_it_is_named_once_and_ends_when_it_is_covered(world: World) -> None:
    world.place("A1", "MUG", 3)
    world.place("A2", "MUG", 4, capped=3)
    world.place("A3", "MUG", 1, capped=1)
    first = world.run()
    assert standing(world) == {(KIND, "A2"), (KIND, "A3")}
    assert (first.drift, len(first.needs_person)) == ([], 2)
    assert "sold 4 MUG and allocated 1" in " ".join(first.needs_person)
    assert world.saleable("MUG") == world.truth("MUG") == 2
    assert world.run().needs_person == []
    world.cancel("A2", 1)
    again = world.run()
    assert (again.drift, standing(world)) == ([], {(KIND, "A2"), (KIND, "A3")})
    assert (
        "sold 3 MUG and allocated 0"
        in {one.code: one.message for one in world.ledger.alerts.standing()}["A2"]
    )
    world.cancel("A2", 3)
    world.move("MUG", allocated=3)
    world.fulfil_by_hand("A3", 1)
    world.move("MUG", on_hand=1, allocated=1)
    world.run()
    assert standing(world) == set()


def test_a_run_of_changes_names_it_and_ends_it(world: World) -> None:
    world.place("A1", "MUG", 3)
    assert (by_changes(world), standing(world)) == ([], set())
    world.place("A2", "MUG", 4, capped=3)
    (told,) = by_changes(world)
    assert "sold 4 MUG and allocated 1" in told
    assert standing(world) == {(KIND, "A2")}
    # Whoever reads nothing of it leaves it as it is.
    assert (by_changes(world), standing(world)) == ([], {(KIND, "A2")})
    world.cancel("A2", 4)
    world.move("MUG", allocated=3)
    assert (by_changes(world), standing(world)) == ([], set())


def test_an_order_that_is_cancelled_while_levels_are_read_is_not_short(world: World) -> None:
    for code, units in (("A1", 3), ("A2", 4)):
        world.place(code, "MUG", units)
        world.export(code)
    by_changes(world)
    # As many come in at the warehouse, so that nothing is to be written.
    world.shelf["MUG"]["MAIN"] += 4

    def cancel_once(request: str) -> None:
        if request == "levels" and world.sales["A2"].open:
            world.cancel("A2", 4)

    world.between = cancel_once
    assert (by_changes(world), standing(world)) == ([], set())
    assert world.sales["A2"].open == 0


def test_one_that_cannot_be_read_any_more_stays_named(world: World) -> None:
    world.place("A1", "MUG", 4, capped=3)
    (_,) = by_changes(world)
    world.place("A2", "MUG", 1)

    def blur_once(request: str) -> None:
        if request == "levels" and not world.blurred:
            world.blur("A1")

    world.between = blur_once
    by_changes(world)
    assert world.blurred
    assert standing(world) >= {(KIND, "A1")}


def test_a_variant_that_is_not_compared_decides_nothing(world: World) -> None:
    """Two variants of one SKU: which of them an order's units are of, no level tells."""
    world.place("A1", "MUG", 4, capped=3)
    (_,) = by_changes(world)
    world.add("MUG", 0)
    world.cancel("A1", 1)
    by_changes(world)
    assert standing(world) >= {(KIND, "A1")}


def test_an_allocation_that_got_lost_is_drift_and_no_orders(world: World) -> None:
    world.place("A1", "MUG", 3, lost=1)
    world.place("A2", "MUG", 4, capped=2)
    (drift,) = world.run().drift
    assert (drift.allocated, drift.ordered) == (4, 5)
    assert standing(world) == {(KIND, "A2"), ("stock.drift", None)}


def test_nothing_more_is_asked_for_where_all_agrees(world: World) -> None:
    world.place("A1", "MUG", 3)
    asked: list[str] = []
    world.between = asked.append
    world.run()
    assert not {"allocations", "changes"}.intersection(asked)


def test_levels_are_written_although_allocations_cannot_be_read(world: World) -> None:
    world.place("A1", "MUG", 3, capped=1)
    world.run()

    def no_allocations(request: str) -> None:
        if request == "allocations":
            raise ProtocolError("this one", upstream="vendure")

    world.between = no_allocations
    world.adjust("MUG", 5)
    world.run()
    assert world.saleable("MUG") == world.truth("MUG") == 12
    assert (KIND, "A1") in standing(world)


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=8
    )
)
def test_whoever_got_less_is_found_by_the_moments(rows: list[tuple[int, int, int]]) -> None:
    claims, allocations, moments = [], [], {}
    at = START
    for number, (ordered, short, milliseconds) in enumerate(rows):
        at += timedelta(milliseconds=1 + milliseconds)
        given = max(0, ordered - short)
        claims.append(Claim(str(number), at, ordered, ordered))
        moments[str(number)] = {at: number + 1}
        if given:
            allocations.append(StockAllocation(at, given))
    assign(claims, allocations, moments)
    assert [one.missing() for one in claims] == [min(ordered, short) for ordered, short, _ in rows]


def test_orders_of_the_same_moment_get_what_fits_them() -> None:
    claims = [Claim("A", START, 1, 1), Claim("B", START, 3, 3), Claim("C", START, 4, 4)]
    allocations = [StockAllocation(START, 3), StockAllocation(START, 1), StockAllocation(START, 2)]
    assign(claims, allocations, {code: {START: 0} for code in "ABC"})
    assert [one.missing() for one in claims] == [0, 0, 2]


def test_orders_of_the_same_moment_got_theirs_in_the_order_in_which_the_shop_wrote() -> None:
    claims = [Claim(code, START, 2, 2) for code in "ABC"]
    allocations = [StockAllocation(START, 2), StockAllocation(START, 1)]
    numbers = {code: {START: number} for code, number in zip("ABC", (9, 7, 8), strict=True)}
    assign(claims, allocations, numbers)
    assert [one.missing() for one in claims] == [2, 0, 1]


@pytest.mark.parametrize("cancelled", [1, 0], ids=["cut", "address"])
def test_a_change_that_asked_for_nothing_gets_nothing_of_the_same_moment(cancelled: int) -> None:
    second, later = START + timedelta(milliseconds=1), START + timedelta(hours=1)
    left = 2 - cancelled
    changed = Claim("A", START, left, left, cancelled=cancelled)
    raised = Claim("B", second, 4, 4)
    allocations = [StockAllocation(START, 2), StockAllocation(second, 3), StockAllocation(later, 1)]
    moments = {"A": {START: 1, later: 3}, "B": {second: 2, later: 4}}
    assert assign([changed, raised], allocations, moments) == {"A", "B"}
    assert [one.missing() for one in (changed, raised)] == [0, 0]


def test_what_a_cancelled_fulfilment_put_back_is_allocated_to_its_own_order() -> None:
    later = START + timedelta(hours=1)
    shipped = Claim("A", START, 3, 3, returned=3)
    short = Claim("B", later, 3, 3)
    allocations = [StockAllocation(START, 3), StockAllocation(later, 2), StockAllocation(later, 3)]
    moments = {"A": {START: 1, later: 3}, "B": {later: 2}}
    assign([shipped, short], allocations, moments)
    assert [one.missing() for one in (shipped, short)] == [0, 1]


def test_what_was_put_back_goes_to_its_own_order_also_where_moments_are_seconds_apart() -> None:
    later, second = START + timedelta(hours=1), timedelta(seconds=1)
    shipped = Claim("A", START, 3, 3, returned=3)
    short = Claim("B", later, 3, 3)
    allocations = [
        StockAllocation(START, 3),
        StockAllocation(later, 2),
        StockAllocation(later + second, 3),
    ]
    moments = {"A": {START: 1, later + 2 * second: 3}, "B": {later: 2}}
    assign([shipped, short], allocations, moments)
    assert [one.missing() for one in (shipped, short)] == [0, 1]
