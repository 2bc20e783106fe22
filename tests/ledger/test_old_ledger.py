"""A ledger that an earlier version wrote, in every state, goes on under this one.

``ledger-8.sql`` is what 0.1 wrote while a small shop and a simulator lived through an outage, a
lost answer, two killed runs, a refusal, a cancellation and a partial shipment.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.domain.states import OrderState
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite.database import SCHEMA_VERSION, schema_version
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

OLD = Path(__file__).parents[1] / "data" / "ledger-8.sql"
TABLES = ("orders", "attempts", "slips", "inbox", "hints", "events", "deliveries", "alerts", "runs")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env |= {"VERACORE_SYNC_RETRY__TRIES": "1", "VERACORE_SYNC_HOOKS__COMMAND": '["true"]'}
        with closing(sqlite3.connect(made.ledger_path)) as old:
            old.executescript(OLD.read_text())
            # It served another shop on this machine; tied to none, it is tied to this one.
            old.execute("DELETE FROM meta WHERE key LIKE 'identity.%'")
            old.commit()
        yield made


def counted(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in TABLES
        }


def test_it_holds_every_state(rig: Rig) -> None:
    with closing(sqlite3.connect(rig.ledger_path)) as old:
        states = Counter(row[0] for row in old.execute("SELECT state FROM orders"))
    assert set(states) == set(OrderState)
    assert all(counted(rig.ledger_path).values())


def test_it_is_upgraded_with_all_that_it_holds(rig: Rig) -> None:
    before = counted(rig.ledger_path)
    with closing(open_ledger(rig.ledger_path)) as ledger:
        assert schema_version(ledger.database.connection) == SCHEMA_VERSION
        assert ledger.upkeep.check() == []
    assert counted(rig.ledger_path) == before


def test_every_command_goes_on_with_it(rig: Rig) -> None:
    for command in (
        ("sync-orders",),
        ("sync-inventory",),
        ("sync-tracking",),
        ("retry", "--all"),
        ("deliver",),
        ("stats", "--runs"),
        ("stats", "--order", "WAITING"),
        ("ledger", "check"),
        ("ledger", "prune"),
        ("breaker", "reset"),
        ("sync-orders",),
    ):
        assert rig.run(*command).code in (0, 3), command
    with rig.ledger() as ledger:
        assert ledger.orders.counts()["sending"] == 0
        assert ledger.orders.counts()["shipped"] == 1
    assert rig.requests("AddOrder") == []


@pytest.mark.parametrize("command", [("stats",), ("sync-orders", "--dry-run")])
def test_who_only_reads_says_what_upgrades_it(rig: Rig, command: tuple[str, ...]) -> None:
    ended = rig.run(*command)
    assert ended.code == 74
    assert "it upgrades the ledger" in ended.out + ended.err


def test_doctor_says_that_nothing_has_to_be_done_about_it(rig: Rig) -> None:
    ended = rig.run("doctor")
    assert ended.code == 0, (ended.out, ended.err)
    assert "the next run that writes upgrades it" in " ".join(ended.out.split())
