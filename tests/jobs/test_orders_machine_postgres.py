"""The random lives of orders once more, on a ledger in PostgreSQL."""

from __future__ import annotations

import ledger_server
import test_orders_machine as machine
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from veracore_sync.ledger.postgres.place import PostgresPlace


class OrderLivesOnPostgres(machine.OrderLives):
    """As `OrderLives`, elsewhere."""

    def new_ledger(self) -> PostgresPlace:
        return ledger_server.new_place()


def test_no_life_of_an_order_goes_wrong_on_postgres() -> None:
    fewer = settings(
        machine.TestOrderLives.settings,
        max_examples=8,
        stateful_step_count=25,
        derandomize=True,
        database=None,
        deadline=None,
    )
    run_state_machine_as_test(OrderLivesOnPostgres, settings=fewer)
