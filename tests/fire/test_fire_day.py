"""VeraCore is down for a virtual day under a five-minute timer; breaker and ledger are real.

Each run has parts of its own, as each has a process of its own; only the clock is not real.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from fakes import FakeClock
from fire_kit import STOCK
from rig import Rig

from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

RUNS_A_DAY = 288
COOL_DOWN = timedelta(seconds=300)


class Day:
    """A shop, a simulator and runs of ``sync-orders`` on one virtual clock."""

    def __init__(self, rig: Rig, shop: SmallShop, clock: FakeClock) -> None:
        self.rig, self.shop, self.clock = rig, shop, clock
        self.news: list[str] = []

    def run(self) -> tuple[OrdersReport, SyncError | None]:
        """One run, and five minutes until the next."""
        parts = Container(load(None, self.rig.environment), clock=self.clock, family="orders")
        try:
            parts.bind()
            run = OrdersRun(parts.context(OrdersReport()))
            error = None
            try:
                run.run()
            except SyncError as stopped:
                error = stopped
        finally:
            parts.close()
        self.news += run.report.needs_person
        self.clock.forward(minutes=5)
        return run.report, error


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    clock = FakeClock()
    with SmallShop(clock.now) as shop, Sandbox(clock=clock.now) as sandbox:
        shop.state.add_variant("MUG", "Mug", 1000, STOCK)
        rig = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        yield Day(rig, shop, clock)


def test_down_for_a_day(day: Day) -> None:
    day.shop.state.place_order([("MUG", 1)])
    assert day.run()[0].count("submitted") == 1
    before = len(day.rig.requests())
    day.rig.control("faults", {"kinds": ["http_503"]})
    for number in range(RUNS_A_DAY):
        if number % 6 == 0:
            day.shop.state.place_order([("MUG", 1)])
        _, error = day.run()
        assert error is not None
        assert error.exit_code == 69

    asked = [datetime.fromisoformat(one["at"]) for one in day.rig.requests()[before:]]
    opened = 5  # breaker_threshold: until then every run asks
    probes = asked[opened - 1 :]
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert len(probes) > 100
    assert min(gaps) >= COOL_DOWN
    with day.rig.ledger() as ledger:
        counts = ledger.orders.counts()
        kinds = {alert.kind for alert in ledger.alerts.standing()}
    assert (counts["pending"], counts["synced"]) == (48, 1)
    assert kinds == {"order.old", "veracore.down"}
    assert len(day.news) == len(set(day.news))

    day.rig.control("faults", {"kinds": []})
    day.run()
    day.run()
    with day.rig.ledger() as ledger:
        assert ledger.orders.counts()["synced"] == 49
        assert ledger.alerts.standing() == []
    assert {one["submissions"] for one in day.rig.placed().values()} == {1}
