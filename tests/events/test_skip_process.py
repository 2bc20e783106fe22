"""A refused event as the commands show it, and how a person passes it by."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.clock import SystemClock, to_text
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

PICKY = """import json, pathlib, sys
event = json.load(sys.stdin)
if event["type"] == "order.synced":
    sys.exit(1)
with open(pathlib.Path(__file__).with_name("taken"), "a") as file:
    file.write(event["type"] + "\\n")
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    script = tmp_path / "hook.py"
    script.write_text(PICKY)
    with SmallShop() as shop, Sandbox() as sandbox:
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.env["VERACORE_SYNC_HOOKS__COMMAND"] = json.dumps([sys.executable, str(script)])
        yield made


def refused_for_an_hour(rig: Rig) -> str:
    """An event that was refused five times; its id."""
    ledger = open_ledger(rig.ledger_path, hooks=("command",))
    ledger.runs.end(ledger.runs.begin("sync-orders"), 0, {})
    ledger.outbox.add("order.synced", "T1", {"vendureOrderCode": "T1"})
    ledger.outbox.add("order.shipped", "T1", {"vendureOrderCode": "T1"})
    with ledger.database.transaction() as connection:
        hour_ago = to_text(SystemClock().now() - timedelta(hours=1))
        connection.execute("UPDATE events SET at = ?", (hour_ago,))
        connection.execute("UPDATE deliveries SET tries = 4 WHERE seq = 1")
        event = connection.execute("SELECT id FROM events WHERE seq = 1").fetchone()[0]
    ledger.close()
    return str(event)


def test_a_refused_event_is_shown_and_passed_by(rig: Rig, tmp_path: Path) -> None:
    event = refused_for_an_hour(rig)
    told = rig.run("deliver", "--json")
    assert told.code == 3
    assert rig.run("stats", "--check").code == 3
    document = rig.run("stats", "--json").json
    (blocked,) = document["events"]["blocked"]
    assert blocked == {
        "hook": "command",
        "id": event,
        "type": "order.synced",
        "vendureOrderCode": "T1",
        "since": blocked["since"],
        "tries": 5,
        "error": "exit code 1",
        "waitingBehind": 1,
    }
    (alert,) = document["alerts"]
    assert alert["kind"] == "events.blocked"
    assert f"veracore-sync deliver --skip {event}" in alert["message"]
    text = rig.run("stats").out
    assert event in text
    assert "exit code 1" in text
    findings = rig.run("doctor", "--offline", "--json").json["findings"]
    assert any(one["name"] == "hooks" and event in (one["todo"] or "") for one in findings)

    wrong = rig.run("deliver", "--skip", "evt_no", "--json")
    assert (wrong.code, wrong.json["error"]["class"]) == (2, "validation")
    ended = rig.run("deliver", "--skip", event, "--json")
    assert ended.code == 0
    assert ended.json["skipped"] == [{"hook": "command", "id": event}]
    assert ended.json["waiting"] == 0 or rig.run("deliver", "--json").json["waiting"] == 0
    taken = (tmp_path / "taken").read_text().split()
    assert [kind for kind in taken if kind.startswith("order.")] == ["order.shipped"]
    assert taken.count("alert.opened") == 1
    assert rig.run("stats", "--check").code == 0
    (run,) = [
        one
        for one in rig.run("stats", "--runs", "--json").json["runs"]
        if one["result"].get("skipped")
    ]
    assert run["result"]["skipped"] == [{"hook": "command", "id": event}]
