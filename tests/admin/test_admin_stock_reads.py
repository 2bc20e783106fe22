"""The Admin API says of stock what `stats` says: what the last runs read, and when all is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import START, FakeClock, make_settings

from veracore_sync.admin.actions import Actions
from veracore_sync.admin.api import AdminApi
from veracore_sync.clock import to_text
from veracore_sync.domain.audit import Actor
from veracore_sync.domain.stock_baseline import BaselineFacts, RunBaseline
from veracore_sync.jobs.stats import stats_document
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.opening import SqlLedger

FIELDS = "lastSyncTime isRunning lastMode lastFullTime lastFullBecause nextFullTime lastResult"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> Iterator[SqlLedger]:
    with closing(open_ledger(None, clock=clock)) as made:
        yield made


def told(ledger: SqlLedger, clock: FakeClock, every: int = 360) -> dict[str, Any]:
    """What the API answers, which is what `stats --json` has under the same names."""
    settings = make_settings(inventory={"full_every_minutes": every})
    actions = SimpleNamespace(ledger=ledger, settings=settings, by=lambda actor: None)
    query = json.dumps({"query": f"{{ veracoreInventorySyncStats {{ {FIELDS} }} }}"}).encode()
    actor = Actor("read_token 01234567", "api", "192.0.2.7")
    status, document = AdminApi(cast(Actions, actions)).answer(query, "read", actor)
    assert (status, document.get("errors")) == (200, None)
    found: dict[str, Any] = document["data"]["veracoreInventorySyncStats"]
    document = stats_document(ledger, settings, clock)["inventory"]
    assert found == {name: document[name] for name in FIELDS.split()}
    return found


def ended(ledger: SqlLedger, mode: str, because: str | None = None, code: int = 0) -> None:
    result = {"mode": mode, "fullBecause": because, "totalProcessed": 3}
    ledger.runs.end(ledger.runs.begin("sync-inventory"), code, result)


def test_nothing_is_told_of_a_shop_that_was_never_read(ledger: SqlLedger, clock: FakeClock) -> None:
    found = told(ledger, clock)
    assert {found[name] for name in FIELDS.split() if name != "isRunning"} == {None}


def test_what_the_last_runs_read_and_when_all_is_read(ledger: SqlLedger, clock: FakeClock) -> None:
    ended(ledger, "full", "--full")
    ledger.stock.clear()
    ledger.stock.add_up()
    ledger.stock.stage_basis({})
    facts = BaselineFacts("r", START, START, variants=3, sellable=2, known=2)
    ledger.stock.keep(RunBaseline(facts, {}, is_whole=True))
    clock.forward(minutes=30)
    ended(ledger, "changes")
    # One that failed read nothing.
    ended(ledger, "full", "--force", code=69)
    found = told(ledger, clock)
    assert (found["lastMode"], found["lastFullBecause"]) == ("changes", "--full")
    assert found["lastFullTime"] == to_text(START)
    assert found["nextFullTime"] == to_text(START + timedelta(hours=6))
    # Where every run reads all, there is no moment.
    assert told(ledger, clock, every=0)["nextFullTime"] is None
