"""Stock that is written in several batches at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from inventory_world import World

from veracore_sync.domain.errors import ProtocolError, SyncError, Unavailable
from veracore_sync.jobs.inventory import execute
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.inventory.run import InventoryRun
from veracore_sync.ports.concurrency import STOCK_WRITES
from veracore_sync.transport.concurrency import LimitedConcurrency
from veracore_sync.transport.limiter import ConcurrencyLimit

SKUS = 200


class Four(ConcurrencyLimit):
    """Four, from the beginning."""

    def __init__(self) -> None:
        super().__init__(4)
        self.limit = 4

    def ended(self, began: float, now: float, *, overloaded: bool = False) -> None:
        pass


@pytest.fixture
def concurrency(monkeypatch: pytest.MonkeyPatch) -> Iterator[LimitedConcurrency]:
    monkeypatch.setattr(execute, "_MAX_BATCH", 5)
    made = LimitedConcurrency(4)
    made._lane(STOCK_WRITES).limit = Four()
    yield made
    made.close()


def job(world: World, concurrency: LimitedConcurrency) -> InventoryRun:
    world.clock.forward(seconds=1)
    made = world.job(allow_mass_change=True)
    made.context.concurrency = concurrency
    return made


def stocked(world: World) -> list[str]:
    skus = [f"S{number:03d}" for number in range(SKUS)]
    for number, sku in enumerate(skus):
        world.add(sku, 3, there=10 + number)
    return skus


def written(world: World) -> Counter[str]:
    return Counter(level.variant_id for batch in world.writes for level in batch)


def test_each_is_written_once_and_the_report_counts_all(
    world: World, concurrency: LimitedConcurrency
) -> None:
    skus = stocked(world)
    report = job(world, concurrency).run()
    assert report.updated == SKUS
    assert set(written(world).values()) == {1}
    assert [world.saleable(sku) for sku in skus] == [10 + number for number in range(SKUS)]
    assert job(world, concurrency).run().updated == 0


def test_the_lock_is_held_whenever_a_batch_is_between_its_read_and_its_write(
    world: World, concurrency: LimitedConcurrency
) -> None:
    stocked(world)
    threads: set[str] = set()
    seen: list[bool] = []

    def look(request: str) -> None:
        if request in ("levels", "write"):
            threads.add(threading.current_thread().name)
            seen.append(world.ledger.runs.is_running("stock"))

    world.between = look
    job(world, concurrency).run()
    assert len(seen) == 2 * SKUS / 5
    assert all(seen)
    assert {name.rpartition("_")[0] for name in threads} == {"vendure.stock"}
    assert not world.ledger.runs.is_running("stock")


def test_refused_and_deleted_variants_cost_no_other(
    world: World, concurrency: LimitedConcurrency
) -> None:
    stocked(world)
    ids = [one.id for one in world.variants.values()]
    world.shop.refusing = {ids[7], ids[123]}
    world.shop.gone = {ids[50]}
    report: InventoryReport = job(world, concurrency).run()
    assert set(report.refused) == {"S007", "S123"}
    assert set(ids) - set(written(world)) == {ids[7], ids[50], ids[123]}
    assert report.updated == SKUS - 3


@pytest.mark.parametrize("error", [Unavailable, ProtocolError])
def test_a_failure_ends_the_run_and_what_was_written_beside_it_is_counted(
    world: World, concurrency: LimitedConcurrency, error: type[SyncError]
) -> None:
    stocked(world)
    count = 0
    lock = threading.Lock()

    def fail(request: str) -> None:
        nonlocal count
        with lock:
            count += request == "levels"
            is_tenth = request == "levels" and count == 10
        if is_tenth:
            raise error("in the middle", upstream="vendure")

    world.between = fail
    made = job(world, concurrency)
    with pytest.raises(SyncError, match="in the middle"):
        made.run()
    # Nothing began after it but what had been taken by then.
    assert count < 10 + 10
    assert made.report.skipped == 0
    assert set(written(world).values()) == {1}
    world.between = lambda _: None
    left = SKUS - len(written(world))
    assert job(world, concurrency).run().updated == left > 0


def test_other_processes_get_the_lock_between_two_turns(
    world: World, concurrency: LimitedConcurrency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "_TURN_SECONDS", 0.0)
    stocked(world)
    free: list[bool] = []
    sleep = world.clock.sleep

    def sleeping(seconds: float) -> None:
        free.append(not world.ledger.runs.is_running("stock"))
        sleep(seconds)

    monkeypatch.setattr(world.clock, "sleep", sleeping)
    job(world, concurrency).run()
    assert len(free) == SKUS / 5 - 1
    assert all(free)
