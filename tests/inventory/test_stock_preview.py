"""A dry run shows the whole plan: what would be written, what is withheld, by which guard, why."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from inventory_world import HERE, World

from veracore_sync.cli.run_inventory import show
from veracore_sync.jobs.inventory.document import inventory_document
from veracore_sync.jobs.inventory.report import InventoryReport

SKUS = [f"SKU{number:03}" for number in range(60)]


def first(world: World) -> None:
    """Nothing was ever allowed, and everything rises but one."""
    for number, sku in enumerate(SKUS):
        world.add(sku, 90 if number == 0 else 1, there=10 + number)


def settled(world: World) -> None:
    for sku in SKUS:
        world.add(sku, 10, there=10)
    world.run(allow_mass_change=True)


def zero(world: World) -> None:
    settled(world)
    for sku in SKUS[:30]:
        world.shelf[sku]["MAIN"] = 0
    world.shelf[SKUS[40]]["MAIN"] = 300


def change(world: World) -> None:
    settled(world)
    for number, sku in enumerate(SKUS[:40]):
        world.shelf[sku]["MAIN"] = 100 if number % 2 else 4


def missing(world: World) -> None:
    settled(world)
    for sku in SKUS[:30]:
        del world.shelf[sku]
    world.shelf[SKUS[40]]["MAIN"] = 25


def empty(world: World) -> None:
    settled(world)
    world.shelf.clear()


def quiet(world: World) -> None:
    settled(world)
    world.shelf[SKUS[3]]["MAIN"] = 12


CASES: list[tuple[Callable[[World], None], str | None, int, int]] = [
    # what happened, the guard, and how many are written and withheld
    (first, "first", 1, 59),
    (zero, "zero", 0, 31),
    (change, "change", 20, 20),
    (missing, "missing", 0, 1),
    (empty, "empty", 0, 0),
    (quiet, None, 1, 0),
]


def levels(world: World) -> dict[str, int]:
    return {sku: world.saleable(sku) for sku in SKUS}


@pytest.mark.parametrize(
    ("happens", "guard", "written", "withheld"), CASES, ids=lambda one: getattr(one, "__name__", "")
)
def test_the_plan_is_what_the_run_then_does(
    world: World,
    happens: Callable[[World], None],
    guard: str | None,
    written: int,
    withheld: int,
) -> None:
    happens(world)
    planned = world.run(dry_run=True, allow_mass_change=False)
    assert planned.plan is not None
    assert planned.guard == guard
    assert (planned.plan.written_count, planned.plan.withheld_count) == (written, withheld)
    before = levels(world)
    done = world.run(allow_mass_change=False)
    after = levels(world)
    assert done.guard == guard
    assert {one.sku: one.saleable[HERE] for one in planned.plan.written} == {
        sku: units for sku, units in after.items() if units != before[sku]
    }
    if guard == "empty":
        return
    world.run(allow_mass_change=True)
    allowed = levels(world)
    assert {one.sku: one.saleable[HERE] for one in planned.plan.withheld} == {
        sku: units for sku, units in allowed.items() if units != after[sku]
    }


@pytest.mark.parametrize(("happens", "guard", "_written", "_withheld"), CASES[:5])
def test_the_guard_is_named_with_its_cause_and_the_command(
    world: World,
    happens: Callable[[World], None],
    guard: str,
    _written: int,
    _withheld: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    happens(world)
    planned = world.run(dry_run=True, allow_mass_change=False)
    show(planned)
    out = " ".join(capsys.readouterr().out.split())
    command = "doctor" if guard == "empty" else "sync-inventory --allow-mass-change"
    assert f"`veracore-sync {command}`" in out
    assert "would be written" in out
    done = world.run(allow_mass_change=False)
    [held] = [one for one in done.reasons if "withheld" in one.what]
    assert held.reason in out
    if guard != "empty":
        assert "`veracore-sync sync-inventory --dry-run`" in held.next


def test_totals_and_the_largest_changes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    zero(world)
    world.shelf[SKUS[41]]["MAIN"] = 7
    planned = world.run(dry_run=True, allow_mass_change=False)
    document = inventory_document(planned)
    assert document["totals"] == {
        "increases": 1,
        "decreases": 31,
        "toZero": 30,
        "moved": 0,
        "unchanged": 0,
        "unitsMore": 290,
        "unitsLess": 303,
    }
    assert document["largest"][0] == {
        "sku": SKUS[40],
        "vendureVariantId": "41",
        "before": 10,
        "saleable": 300,
    }
    assert len(document["largest"]) == 10
    assert (document["planned"], document["plan"]) == (0, [])
    assert (document["withheldPlanned"], len(document["withheldPlan"])) == (32, 32)
    json.dumps(document)
    show(planned)
    lines = capsys.readouterr().out.splitlines()
    assert (
        "the whole plan: 1 increase (+290 units); 31 decreases (-303 units, 30 of them to zero)"
        in lines
    )
    assert lines[-1] == "0 of 60 variants would be written, 32 withheld"
    assert len([line for line in lines if line.endswith("withheld") and SKUS[0] in line]) == 1


def outcome(report: InventoryReport) -> dict[str, tuple[int, list[str]]]:
    return {one.reason: (one.count, one.names) for one in report.reasons}


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_skipped_variant_has_its_reason(world: World, dry_run: bool) -> None:
    world.add("MUG", 1, there=9)
    world.add("NOWHERE", 1)
    world.add("DOWNLOAD", 1, there=9, tracked=False)
    world.add("TWIN", 1, there=9)
    world.add("TWIN", 1)
    report = world.run(dry_run=dry_run)
    found = outcome(report)
    assert found["not in VeraCore's stock"] == (1, ["NOWHERE"])
    assert found["the shop does not track its stock (trackInventory)"] == (1, ["DOWNLOAD"])
    assert sum(count for count, _ in found.values()) == report.skipped


def test_before_the_first_full_run_only_increases_are_withheld(world: World) -> None:
    world.add("UP", 1, there=9)
    world.add("DOWN", 9, there=1)
    planned = world.run(dry_run=True, allow_mass_change=False).plan
    assert planned is not None
    assert [one.sku for one in planned.written] == ["DOWN"]
    assert [one.sku for one in planned.withheld] == ["UP"]
    assert [one.sku for one in planned.largest] == ["UP", "DOWN"]


def test_the_last_line_adds_up(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    settled(world)
    world.shelf[SKUS[3]]["MAIN"] = 12
    world.add("NOWHERE", 1)
    show(world.run(allow_mass_change=False, full=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "NOWHERE: skipped: not in VeraCore's stock"
    assert lines[-1] == "61 variants (all: --full): 1 updated, 1 skipped, 59 right already"
