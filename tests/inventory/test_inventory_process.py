"""The real command between the small shop and the simulator: killed, cut short, refused."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.clock import from_text
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

COUNT = 600


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        for number in range(COUNT):
            running.state.add_variant(f"SKU-{number:04d}", on_hand=10)
        yield running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        for number in range(COUNT):
            running.world.set_stock(f"SKU-{number:04d}", "MAIN", 5 + number % 30)
        yield running


@pytest.fixture(params=["oms", "rest"])
def rig(request: pytest.FixtureRequest, shop: SmallShop, sandbox: Sandbox, tmp_path: Path) -> Rig:
    return Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, request.param)


def saleable(shop: SmallShop, sku: str) -> int:
    return sum(level.on_hand - level.allocated for level in shop.state.stock(sku).values())


def truth(sandbox: Sandbox, number: int, ordered: int) -> int:
    (level,) = sandbox.world.stock_of(f"SKU-{number:04d}")
    return level.available - ordered


def place_some(shop: SmallShop) -> dict[int, int]:
    """Orders that nobody has sent; units by the number of the SKU."""
    ordered = {number: 1 + number % 3 for number in range(0, 40, 4)}
    for number, units in ordered.items():
        shop.state.place_order([(f"SKU-{number:04d}", units)])
    return ordered


def test_killed_at_any_moment_it_ends_right_and_never_above_the_truth(
    rig: Rig, shop: SmallShop, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = place_some(shop)
    truths = {f"SKU-{n:04d}": truth(sandbox, n, ordered.get(n, 0)) for n in range(COUNT)}
    above: list[str] = []
    write = shop.state.write_levels

    def watched(levels: list[tuple[str, list[tuple[str, int]]]]) -> None:
        write(levels)
        for identity, _ in levels:
            sku = shop.state.variants[identity].sku
            if saleable(shop, sku) > truths[sku]:
                above.append(sku)

    monkeypatch.setattr(shop.state, "write_levels", watched)
    draw = random.Random(5)
    killed = rig.run(
        "sync-inventory",
        "--allow-mass-change",
        VERACORE_SYNC_TEST_FAILPOINT="stock batch written:kill",
    )
    assert killed.code == -signal.SIGKILL
    for _ in range(4):
        process = rig.start("sync-inventory", "--allow-mass-change")
        time.sleep(draw.uniform(0.2, 1.2))
        process.kill()
        process.communicate()
    assert rig.run("sync-inventory", "--allow-mass-change").code == 0
    assert above == []
    assert {sku: saleable(shop, sku) for sku in truths} == truths
    assert rig.run("sync-inventory", "--json").json["updated"] == 0


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("html_500", 69),
        ("fault_unlisted", 69),
        ("truncate", 69),
        ("reset_before", 69),
        ("http_403", 69),
        ("bad_login", 77),
    ],
)
def test_a_failed_read_writes_nothing(rig: Rig, shop: SmallShop, kind: str, code: int) -> None:
    if kind == "fault_unlisted" and rig.dialect == "oms":
        code = 77  # A part that cannot exist gets a fault, too: the account is refused.
    operations = ["GetProductAvailabilities", "inventory"]
    rig.control("faults", {"kinds": [kind], "rate": 1, "operations": operations})
    ended = rig.run("sync-inventory", "--json", "--allow-mass-change")
    assert ended.code == code, (ended.out, ended.err)
    assert ended.json["updated"] == 0
    assert all(saleable(shop, f"SKU-{number:04d}") == 10 for number in range(COUNT))


def test_silent_on_success_and_seen_in_stats(rig: Rig) -> None:
    ended = rig.run("sync-inventory", "--allow-mass-change")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    inventory = rig.run("stats", "--json").json["inventory"]
    assert inventory["lastResult"] == {
        "totalProcessed": COUNT,
        "updated": COUNT - COUNT // 30,
        "errors": 0,
        "skipped": 0,
    }
    assert inventory["isRunning"] is False
    assert (inventory["lastMode"], inventory["lastFullBecause"]) == ("full", "--allow-mass-change")
    due = from_text(inventory["nextFullTime"]) - from_text(inventory["lastFullTime"])
    assert timedelta(0) < due < timedelta(hours=6), "counted from when the run began"


def test_a_dry_run_prints_the_plan_and_writes_nothing(rig: Rig, shop: SmallShop) -> None:
    first = rig.run("sync-inventory", "--dry-run", "--json")
    assert (first.code, first.json["guard"], first.json["planned"]) == (0, "first", COUNT // 6)
    allowed = rig.run("sync-inventory", "--dry-run", "--json", "--allow-mass-change")
    assert allowed.json["planned"] == COUNT - COUNT // 30
    assert not rig.ledger_path.exists()
    assert saleable(shop, "SKU-0000") == 10


def test_a_write_that_fails_ends_the_run_and_the_next_goes_on(rig: Rig, shop: SmallShop) -> None:
    shop.add_faults(["http_503"], operations=["SetStock"])
    assert rig.run("sync-inventory", "--allow-mass-change").code == 69
    shop.clear_faults()
    assert rig.run("sync-inventory", "--allow-mass-change").code == 0
    assert saleable(shop, "SKU-0007") == 12
