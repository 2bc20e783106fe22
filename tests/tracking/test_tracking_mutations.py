"""What protects stock and shipments is taken out, one at a time: its check then fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from tracking_world import World

from veracore_sync.domain.errors import SyncError, Unavailable
from veracore_sync.domain.shop_stock import Level, NewLevel
from veracore_sync.jobs.inventory import run as inventory
from veracore_sync.jobs.inventory.report import InventoryReport
from veracore_sync.jobs.kernel import RunOptions
from veracore_sync.jobs.tracking.plan import OrderPlan
from veracore_sync.jobs.tracking.report import TrackingReport
from veracore_sync.jobs.tracking.run import TrackingRun
from veracore_sync.ledger.runs import Runs
from veracore_sync.vendure.fulfilment import VendureFulfilments
from veracore_sync.vendure.stock import VendureStock


def count_stock(bed: World, *, allow: bool = False) -> None:
    parts = bed.parts
    options = RunOptions(allow_mass_change=allow)
    inventory.InventoryRun(parts.context(InventoryReport(), options)).run()


def everything_seems_gone(bed: World) -> None:
    """VeraCore suddenly says that nothing is left of anything: that is not written."""
    skus = [f"SKU-{n}" for n in range(40)]
    for sku in skus:
        bed.shop.state.add_variant(sku, sku, 1000, on_hand=5)
    rows = [{"sku": sku, "on_hand": 5} for sku in skus]
    bed.control("stock", {"stock": rows})
    count_stock(bed, allow=True)
    bed.control("stock", {"stock": [row | {"on_hand": 0} for row in rows]})
    count_stock(bed)
    assert all(bed.shop.state.saleable(sku) == 5 for sku in skus)


def shipped_while_stock_is_written(bed: World) -> None:
    """A fulfilment comes between a batch's last read and its write: nothing too much is sold."""
    order = bed.place(("MUG", 4))
    bed.send()
    bed.control("stock", {"stock": [{"sku": "MUG", "on_hand": 30}]})
    bed.ship(order, tracking="1Z999AA10123456784")
    rest = [{"sku": sku, "on_hand": 1000} for sku in ("TEE", "HAT", "POSTER", "BOX")]
    bed.control("stock", {"stock": rest})
    bed.clock.forward(minutes=1)
    write = VendureStock.set_levels
    sold: list[int] = []

    def between(self: VendureStock, levels: Sequence[NewLevel]) -> dict[str, tuple[Level, ...]]:
        ships.start()
        ships.join(5)
        told = write(self, levels)
        sold.append(bed.shop.state.saleable("MUG"))
        return told

    # Another process of the same ledger, as a timer starts it.
    other = World(bed.folder, bed.sandbox, bed.shop, bed.clock, dict(bed.env))
    parts = other.parts
    run = TrackingRun(parts.context(TrackingReport()))
    ships = threading.Thread(target=run.run)
    try:
        with patch.object(VendureStock, "set_levels", between):
            count_stock(bed, allow=True)
    except RuntimeError:
        pass  # a second batch of the same run: the thread has begun
    finally:
        ships.join(40)
        other.close()
    available = sum(level.available for level in bed.sandbox.world.stock_of("MUG"))
    assert sold[0] <= available, (sold, available)


def an_answer_is_lost(bed: World) -> None:
    """The shop made the fulfilment, and the answer was lost: there is one."""
    order = bed.place(("MUG", 2))
    bed.send()
    bed.ship(order, [("MUG", 1)], "LTL Freight")
    add = VendureFulfilments.add

    def lose(self: VendureFulfilments, lines: Mapping[str, int], **how: Any) -> str:
        add(self, lines, **how)
        raise Unavailable("the connection was lost", upstream="vendure")

    with patch.object(VendureFulfilments, "add", lose), pytest.raises(SyncError):
        bed.track()
    bed.clock.forward(minutes=5)
    bed.track()
    assert bed.fulfilments(order) == [("Shipped", "LTL Freight", {"MUG": 1})]


def no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "guard", lambda *_, **__: None)


def no_stock_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Runs.lock

    @contextmanager
    def free(self: Runs, job: str, command: str, *, wait_seconds: float = 0) -> Iterator[None]:
        if job == "stock":
            yield
        else:
            with lock(self, job, command, wait_seconds=wait_seconds):
                yield

    monkeypatch.setattr(Runs, "lock", free)


def no_adoption(monkeypatch: pytest.MonkeyPatch) -> None:
    for way in ("_adoptable", "_made_as_intended"):
        monkeypatch.setattr(OrderPlan, way, lambda *_, **__: None)


CASES: list[Any] = [
    pytest.param(everything_seems_gone, no_guard, id="the guard"),
    pytest.param(shipped_while_stock_is_written, no_stock_lock, id="the stock lock"),
    pytest.param(an_answer_is_lost, no_adoption, id="the adoption"),
]


@pytest.mark.parametrize(("scenario", "mutation"), CASES)
def test_with_its_protection_it_holds(
    bed: World, scenario: Callable[[World], None], mutation: object
) -> None:
    scenario(bed)


@pytest.mark.parametrize(("scenario", "mutation"), CASES)
def test_without_it_fails(
    bed: World,
    monkeypatch: pytest.MonkeyPatch,
    scenario: Callable[[World], None],
    mutation: Callable[[pytest.MonkeyPatch], None],
) -> None:
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        scenario(bed)
