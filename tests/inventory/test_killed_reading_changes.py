"""A run that dies after any of its commits or writes: the next one finds what it left in doubt.

What the dead run raised is taken back by the warehouse at once, and the shop has forgotten when the
level was set. So nothing but what the dead run stored says that the level may be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import ledger_server
import pytest
from inventory_world import World

from veracore_sync.jobs.inventory.report import InventoryReport, RunMode

PLACED, CANCELLED, RAISED, LOWERED, EDITED, TWIN = (
    *("PLACED", "CANCELLED", "RAISED"),
    *("LOWERED", "EDITED", "TWIN"),
)
ALONE = (PLACED, CANCELLED, RAISED, LOWERED, EDITED)
MISSING = [f"MISSING-{number:02}" for number in range(40)]
SHELF = {"MAIN": 1000}


class Died(BaseException):
    """The process is gone; only what was committed is left."""


@contextmanager
def dying(world: World, after: int) -> Iterator[None]:
    """The process dies right after that durable step: a commit, or a write that the shop did."""
    begin: Callable[[], AbstractContextManager[Any]] = world.ledger.database.transaction
    depth = steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == after:
            raise Died

    @contextmanager
    def transaction() -> Iterator[Any]:
        nonlocal depth
        depth += 1
        try:
            with begin() as connection:
                yield connection
        finally:
            depth -= 1
        if not depth:
            step()

    world.ledger.database.transaction = transaction  # type: ignore[method-assign]
    world.between = lambda request: step() if request == "answer" else None
    try:
        yield
    finally:
        world.between = lambda request: None
        world.reopen()


def end_leases(world: World) -> None:
    """The time that the leases of the dead last on PostgreSQL is over."""
    with world.ledger.database.transaction() as connection:
        connection.execute("UPDATE leases SET expires_at = '-infinity'")


def run(world: World, **options: object) -> InventoryReport:
    """A run long after the last one."""
    world.clock.forward(minutes=10)
    return world.run(allow_mass_change=False, **options)


def hold(world: World, number: int) -> None:
    """An order that the warehouse holds, to be cancelled after the next run."""
    world.place(f"C{number}", CANCELLED, 2)
    world.export(f"C{number}")


def happen(world: World, number: int) -> None:
    """Each kind of cause, of one SKU each."""
    world.clock.forward(minutes=10)
    world.place(f"P{number}", PLACED, 1, lost=1)
    world.cancel(f"C{number}", 2)
    world.adjust(RAISED, 7)
    world.adjust(LOWERED, -3)
    world.adjust(TWIN, -1)
    world.by_hand_set(EDITED, 9)
    del world.shelf[MISSING[number]]


def for_sale(world: World, sku: str) -> int:
    """Of all variants with that SKU."""
    levels = (one.levels for one in world.variants.values() if one.sku == sku)
    return sum(level.on_hand - level.allocated for several in levels for level in several)


def stage(world: World, written: set[str]) -> str:
    """How far the dead run had come."""
    if world.ledger.stock.baseline() is None:
        return "forgotten"
    raised = next(one.id for one in world.variants.values() if one.sku == RAISED)
    is_marked = raised in world.ledger.stock.suspects()
    if written:
        return "written and marked" if is_marked else "kept"
    return "marked" if is_marked else "read"


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({}, {"read", "marked", "written and marked", "kept"}),
        ({"full": True}, {"read", "forgotten", "kept"}),
    ],
    ids=["changes", "full"],
)
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_what_it_left_in_doubt_is_judged_again(
    backend: str, options: dict[str, bool], stages: set[str], tmp_path: Path
) -> None:
    place: Any = tmp_path / "ledger.db" if backend == "sqlite" else ledger_server.new_place()
    world = World(place)
    found: set[str] = set()
    for sku in (*ALONE, TWIN, TWIN, *MISSING):
        world.add(sku, 500)
        world.shelf[sku] = dict(SHELF)
    hold(world, 0)
    world.run()
    for number in count():
        happen(world, number)
        missing, wrote = MISSING[number], len(world.writes)
        level = for_sale(world, missing)
        try:
            with dying(world, number + 1):
                run(world, **options)
            break
        except Died:
            if backend == "postgres":
                end_leases(world)
        written = {one.variant_id for batch in world.writes[wrote:] for one in batch}
        for sku in {world.variants[id].sku for id in written}:
            assert for_sale(world, sku) <= world.truth(sku), (sku, number)
        died = stage(world, written)
        found.add(died)
        world.adjust(RAISED, -7)
        for id in written:
            world.updated.pop(id, None)
        hold(world, number + 1)
        assert (run(world).mode is RunMode.FULL) == (died == "forgotten")
        for sku in (*ALONE, TWIN):
            assert for_sale(world, sku) == world.truth(sku), (sku, number)
        assert for_sale(world, missing) == level, "it was missing from two reads"
        world.shelf[missing] = dict(SHELF)
    assert found == stages
    world.ledger.close()
