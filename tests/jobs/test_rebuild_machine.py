"""The random lives of orders once more, with ledgers that are lost and rebuilt in between."""

from __future__ import annotations

from contextlib import suppress

import test_orders_machine as machine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from veracore_sync.domain.errors import SyncError
from veracore_sync.jobs.kernel import RunContext, RunOptions
from veracore_sync.jobs.rebuild.report import RebuildReport
from veracore_sync.jobs.rebuild.run import RebuildRun
from veracore_sync.ledger import open_ledger


class RebuiltLives(machine.OrderLives):
    """As `OrderLives`, and nobody remembers what was sent."""

    ledgers = 0

    @rule(lookups=st.sampled_from([None, 1, 2]))
    def lose_the_ledger(self, lookups: int | None) -> None:
        bench = self.bench
        # Whoever rebuilds a ledger needs longer than a request does to arrive.
        bench.clock.forward(seconds=machine.GRACE)
        self.warehouse.land()
        self.warehouse.lag, was_down = machine.timedelta(0), self.warehouse.down
        bench.ledger.close()
        self.ledgers += 1
        bench.path = self.folder / f"ledger-{self.ledgers}.db"
        submissions = dict(self.warehouse.submissions)
        for _ in range(20):
            bench.ledger = open_ledger(bench.path, clock=bench.clock, rebuilds=True)
            report = RebuildReport()
            context = RunContext(
                report, bench.shop, self.warehouse, bench.ledger, bench.settings, bench.clock,
                RunOptions(),
            )  # fmt: skip
            with suppress(SyncError):
                RebuildRun(context, lookups=lookups, applies=True).run()
            if report.has_ended:
                break
            self.warehouse.down = False
            bench.ledger.close()
        assert report.has_ended
        assert bench.ledger.meta.rebuilding is None
        self.warehouse.down = was_down
        assert self.warehouse.submissions == submissions


def test_no_life_of_an_order_goes_wrong_with_lost_ledgers() -> None:
    fewer = settings(
        machine.TestOrderLives.settings,
        max_examples=20,
        stateful_step_count=25,
        derandomize=True,
        database=None,
        deadline=None,
    )
    run_state_machine_as_test(RebuiltLives, settings=fewer)
