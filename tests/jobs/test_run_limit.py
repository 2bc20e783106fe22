"""A run begins nothing new after its limit, also within a batch of orders."""

from __future__ import annotations

from pathlib import Path

from bench import Bench
from fakes import FakeWarehouse, make_order, make_settings

from veracore_sync.domain.warehouse import WarehouseOrder
from veracore_sync.ports.warehouse import SubmitOutcome

COUNT = 40


class Slow(FakeWarehouse):
    """Takes a minute for each order."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench

    def submit(self, order: WarehouseOrder) -> SubmitOutcome:
        self.bench.clock.forward(minutes=1)
        return super().submit(order)


def test_a_slow_warehouse_does_not_carry_a_run_beyond_its_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.db")
    bench.settings = make_settings(orders={"max_run_minutes": 10, "workers": 1})
    bench.warehouse = Slow(bench)
    for number in range(COUNT):
        bench.shop.add(make_order(f"A{number}"))
    result = bench.run(allow_first_run=True)
    sent = result.count("submitted")
    assert 10 <= sent <= 13, "the one at work, and what was given out"
    assert any("max_run_minutes" in note for note in (*result.notices, *result.needs_person))
    runs = 0
    while bench.warehouse.submissions.keys() != {f"A{n}" for n in range(COUNT)}:
        bench.run()
        runs += 1
        assert runs < 10
    assert set(bench.warehouse.submissions.values()) == {1}
    bench.ledger.close()
