"""Events are written with the change that they tell of, and read in order per order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Failure, Intent, ShopVersion
from veracore_sync.domain.states import Applied
from veracore_sync.ledger import open_ledger
from veracore_sync.ports.ledger import Ledger

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "event.json").read_text())
DOCUMENT = (ROOT / "docs" / "events.md").read_text()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: FakeClock) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db", clock=clock, hooks=("command", "url"))
    yield opened
    opened.close()


def discover(ledger: Ledger, clock: FakeClock, code: str) -> None:
    ledger.transitions.discover([Discovery(code, f"id-{code}", clock.now())])


def accept(ledger: Ledger, clock: FakeClock, code: str) -> None:
    intent = Intent(code, (("MUG", 1),), "hash", "settings", ShopVersion("content", clock.now()))
    ledger.transitions.accept(code, ledger.transitions.intend(code, intent), 1)


def events(ledger: Ledger) -> list[tuple[str, str | None, dict[str, Any]]]:
    rows = ledger.database.rows("SELECT type, code, data FROM events ORDER BY seq")
    return [(row["type"], row["code"], json.loads(row["data"])) for row in rows]


def drain(ledger: Ledger, hook: str) -> list[str]:
    found = []
    after = 0
    while event := ledger.outbox.due(hook, after=after, forced=False):
        after = event.seq
        found.append(event.id)
    return found


def test_an_event_is_as_lasting_as_its_change(ledger: Ledger, clock: FakeClock) -> None:
    discover(ledger, clock, "A")
    with pytest.raises(ZeroDivisionError), ledger.database.transaction():
        accept(ledger, clock, "A")
        raise ZeroDivisionError
    assert events(ledger) == []
    row = ledger.orders.get("A")
    assert row is not None
    assert row.state == "pending"
    accept(ledger, clock, "A")
    told = {"vendureOrderCode": "A", "veracoreOrderId": "A", "adopted": False}
    assert events(ledger) == [("order.synced", "A", told)]


def test_an_alert_is_told_when_it_opens_and_when_it_ends(ledger: Ledger, clock: FakeClock) -> None:
    discover(ledger, clock, "A")
    trouble = Failure(Category.MAPPING, "no freight for express")
    assert ledger.transitions.park("A", trouble, "settings") is Applied.NEWS
    assert ledger.transitions.park("A", trouble, "settings") is Applied.DONE
    accept(ledger, clock, "A")
    types = [kind for kind, _, _ in events(ledger)]
    assert types == ["order.parked", "alert.opened", "alert.resolved", "order.synced"]
    assert events(ledger)[1][2]["kind"] == "order.parked"


def test_without_a_hook_nothing_is_kept(tmp_path: Path, clock: FakeClock) -> None:
    ledger = open_ledger(tmp_path / "other.db", clock=clock)
    discover(ledger, clock, "A")
    accept(ledger, clock, "A")
    assert events(ledger) == []
    ledger.close()


def test_an_event_waits_for_the_earlier_ones_of_its_order(ledger: Ledger, clock: FakeClock) -> None:
    for code in ("A", "B"):
        ledger.outbox.add("order.synced", code, {})
        ledger.outbox.add("order.shipped", code, {})
    first = ledger.outbox.due("url", after=0, forced=False)
    assert first is not None
    assert len(drain(ledger, "url")) == 2
    ledger.outbox.refused("url", first.seq, "HTTP 400", clock.now() + timedelta(minutes=1))
    (other,) = drain(ledger, "url")
    assert other != first.id
    assert len(drain(ledger, "command")) == 2
    clock.forward(minutes=2)
    again = ledger.outbox.due("url", after=0, forced=False)
    assert again is not None
    assert (again.id, again.tries) == (first.id, 1)
    ledger.outbox.taken("url", first.seq)
    assert len(drain(ledger, "url")) == 2


def required(kind: str) -> set[str]:
    """The keys that the schema asks of an event's data."""
    found = set(SCHEMA["properties"]["data"]["required"])
    for rule in SCHEMA["allOf"]:
        wanted = rule["if"]["properties"]["type"]
        if kind in (wanted.get("enum") or [wanted.get("const")]):
            found |= set(rule["then"]["properties"]["data"]["required"])
    return found


def holds_to_the_schema(kind: str, data: dict[str, Any]) -> None:
    assert re.fullmatch(SCHEMA["properties"]["type"]["pattern"], kind)
    assert required(kind) <= set(data), (kind, data)
    for package in data.get("packages", ()):
        assert {"carrier", "service", "tracking", "url"} <= set(package)
    assert f"`{kind}`" in DOCUMENT, f"docs/events.md does not tell of {kind}"


def test_events_hold_to_the_schema(ledger: Ledger, clock: FakeClock) -> None:
    discover(ledger, clock, "A")
    ledger.transitions.park("A", Failure(Category.MAPPING, "no freight"), "settings")
    accept(ledger, clock, "A")
    ledger.alerts.open(AlertKind.STOCK_GUARDED, "held back")
    ledger.alerts.open(AlertKind.ORDER_DRIFT, "changed", code="A")
    for kind, _, data in events(ledger):
        holds_to_the_schema(kind, data)
