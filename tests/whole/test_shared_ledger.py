"""A service that runs for long, and short commands that open and close its ledger beside it.

Whoever closes a descriptor of a file drops every lock that its process holds on it (POSIX), also
SQLite's: such a process was once taken for gone, and the log that it wrote to was removed.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_kit import (
    SERVING,
    Deliveries,
    Service,
    is_whole,
    orphans,
    running,
    same_counts,
)
from whole_kit import Whole, whole

DIALECTS = ("oms", "rest")
_PATIENCE = 600.0


@pytest.fixture(params=DIALECTS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Whole]:
    with whole(tmp_path, request.param, seed=3) as made:
        made.rig.env |= SERVING
        try:
            yield made
        finally:
            made.rig.end()


def until(so: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not so():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def stats(world: Whole, *arguments: str) -> Any:
    """What a fresh process counts."""
    ended = world.run("stats", "--json", *arguments)
    assert ended.code == 0, ended
    return ended.json


def well(world: Whole, service: Service) -> None:
    """Checked while the service runs, and after it was killed: nothing was in a file of its own."""
    ledger = world.rig.ledger_path
    assert orphans(service.pid, ledger) == []
    is_whole(ledger)
    service.end(signal.SIGKILL)
    is_whole(ledger)
    assert world.run("ledger", "check").code == 0


@pytest.mark.parametrize("world", ["oms"], indirect=True)
def test_deliveries_between_short_commands(world: Whole) -> None:
    deliveries = Deliveries(world)
    hint = ("inventory", "sku", "MUG")
    with running(world.rig, "serve-webhooks") as listener:
        assert deliveries.deliver(listener, *hint)
        for command in (("breaker", "reset"), ("ledger", "prune")) * 4:
            assert world.run(*command).code == 0
            assert deliveries.deliver(listener, *hint)
            deliveries.are_stored()
        assert stats(world)["webhooks"]["deliveries"] == 9
        same_counts(listener, world.rig.ledger_path)
        well(world, listener)
    deliveries.are_stored()
    assert stats(world)["webhooks"]["deliveries"] == 9


def test_an_order_that_the_listener_sends_is_known_to_all(world: Whole) -> None:
    create = {"oms": "AddOrder", "rest": "create"}[world.rig.dialect]
    deliveries = Deliveries(world)
    with running(world.rig, "serve-webhooks") as listener:
        world.place()
        assert world.run("sync-orders", "--allow-first-run").code in (0, 3)
        [first] = world.rig.placed()
        order = world.place()
        assert deliveries.deliver(listener, "order", "orderCode", order.code)
        until(lambda: set(world.rig.placed()) == {first, order.code})
        until(lambda: not deliveries.hints_waiting())
        known = stats(world, "--order", order.code)
        assert known["syncStatus"] == "synced"
        assert world.run("sync-orders").code == 0
        assert len(world.rig.requests(create)) == 2, "each was sent once"
        same_counts(listener, world.rig.ledger_path)
        assert stats(world)["orders"]["totalSynced"] == 2
        well(world, listener)
    assert stats(world)["orders"]["totalSynced"] == 2


_SYNC_STOCK = "mutation { forceVeracoreInventorySync { success error } }"
_COUNT = "{ veracoreOrderSyncStats { totalSynced totalPending } }"


def test_the_admin_sees_and_changes_what_all_see(world: Whole) -> None:
    with running(world.rig, "serve-admin") as admin:
        for round_number in range(1, 3):
            done = admin.graphql(_SYNC_STOCK)["forceVeracoreInventorySync"]
            assert done["success"], done
            for _ in range(2):
                world.place()
                assert world.run("sync-orders", "--allow-first-run").code in (0, 3)
            told = admin.graphql(_COUNT)["veracoreOrderSyncStats"]
            fresh = stats(world)["orders"]
            assert told["totalSynced"] == fresh["totalSynced"] == 2 * round_number
        well(world, admin)
    assert stats(world)["orders"]["totalSynced"] == 4
