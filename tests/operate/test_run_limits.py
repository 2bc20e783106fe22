"""The real commands past their time limit, and beside a run that never ends."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fakes import FakeClock
from rig import HereRig, Rig

from veracore_sync.clock import SystemClock
from veracore_sync.config import load
from veracore_sync.domain.errors import RunOver
from veracore_sync.jobs.schedule import COMMANDS
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.exchange import Call
from veracore_sync.sandbox.faults import Fault
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop
from veracore_sync.webhooks.hint_handler import HintJobs

FAST = """
import os, time
from veracore_sync.clock import SystemClock
since = 0.0
def monotonic(self):
    global since
    now = time.monotonic()
    if not since and os.path.exists(os.environ["FAST_WHEN_THERE"]):
        since = now
    return now + 29 * (now - since) if since else now
SystemClock.monotonic = monotonic
from veracore_sync.__main__ import main
main()
"""
"""The command with a monotonic clock on which a minute passes in two seconds.

From the moment that it is held up: what comes before may last as long as it does on this machine.
"""

PATIENT = {
    "VERACORE_SYNC_VERACORE__TIMEOUT_SECONDS": "3600",
    "VERACORE_SYNC_VENDURE__TIMEOUT_SECONDS": "3600",
    "VERACORE_SYNC_ORDERS__MAX_RUN_MINUTES": "1",
    "VERACORE_SYNC_INVENTORY__MAX_RUN_MINUTES": "1",
    "VERACORE_SYNC_TRACKING__MAX_RUN_MINUTES": "1",
}
STOCK = ["GetProductAvailabilities", "inventory"]
LOOK_UPS = ["GetOrderInfo", "status"]
CREATES = ["AddOrder", "create"]


class FastRig(Rig):
    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", FAST, *arguments]


@pytest.fixture
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG", on_hand=10)
        yield running


@pytest.fixture(params=["oms", "rest"])
def rig(request: pytest.FixtureRequest, shop: SmallShop, tmp_path: Path) -> Iterator[Rig]:
    with Sandbox() as sandbox:
        sandbox.world.set_stock("MUG", "MAIN", 50)
        yield Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox, request.param)


def fast(rig: Rig) -> FastRig:
    made = FastRig(rig.folder, rig.shop_url, rig.username, rig.password, rig.sandbox, rig.dialect)
    made.env.update(rig.env | PATIENT | {"FAST_WHEN_THERE": str(held_up(rig))})
    return made


def held_up(rig: Rig) -> Path:
    """The file that is there as soon as an answer drips."""
    return rig.folder / "held up"


def drip(rig: Rig, operations: list[str], kind: str = "slow_drip") -> None:
    draw = rig.sandbox.faults.draw

    def watched(call: Call, order_exists: bool) -> Fault:
        fault = draw(call, order_exists)
        if fault.kind == "slow_drip":
            held_up(rig).touch()
        return fault

    rig.sandbox.faults.draw = watched  # type: ignore[method-assign]
    rig.control("faults", {"kinds": [kind], "rate": 1, "operations": operations, "delay_ms": 500})


def free(rig: Rig) -> None:
    rig.sandbox.faults.clear()
    del rig.sandbox.faults.draw
    held_up(rig).unlink(missing_ok=True)


def ends_itself(rig: Rig, *arguments: str) -> str:
    """A run that VeraCore holds up ends by its limit of two minutes, here four seconds."""
    ended = fast(rig).run(*arguments)
    assert ended.code == 69, (ended.code, ended.out, ended.err)
    assert "max_run_minutes" in ended.err
    return ended.err


def test_sync_inventory_ends_itself_while_veracore_drips(rig: Rig, shop: SmallShop) -> None:
    drip(rig, STOCK)
    ends_itself(rig, "sync-inventory", "--allow-mass-change")
    free(rig)
    assert rig.run("sync-inventory", "--allow-mass-change").code == 0
    (level,) = shop.state.stock("MUG").values()
    assert level.on_hand == 50


def test_sync_tracking_and_retry_end_themselves(rig: Rig, shop: SmallShop) -> None:
    rig.env["VERACORE_SYNC_RETRY__BREAKER_THRESHOLD"] = "100"
    code = shop.state.place_order([("MUG", 1)]).code
    rig.sync()
    drip(rig, LOOK_UPS)
    ends_itself(rig, "sync-tracking", "--order", code)
    free(rig)
    assert rig.run("sync-tracking", "--order", code).code == 0

    other = shop.state.place_order([("MUG", 1)]).code
    rig.control("faults", {"kinds": ["reset_after"], "count": 1, "operations": CREATES})
    drip(rig, LOOK_UPS, "reset_before")
    rig.run("sync-orders")
    free(rig)
    drip(rig, LOOK_UPS)
    ends_itself(rig, "retry", other)
    free(rig)
    rig.run("retry", other)
    with rig.ledger() as ledger:
        row = ledger.orders.get(other)
    assert row is not None
    assert row.state == "synced"
    assert rig.placed()[other]["submissions"] == 1


def test_a_create_that_the_runs_end_cuts_is_in_doubt_and_sent_once(
    rig: Rig, shop: SmallShop
) -> None:
    code = shop.state.place_order([("MUG", 1)]).code
    drip(rig, CREATES)
    fast(rig).run("sync-orders")
    with rig.ledger() as ledger:
        row = ledger.orders.get(code)
    assert row is not None
    assert row.state == "in_doubt"
    free(rig)
    rig.sync()
    with rig.ledger() as ledger:
        row = ledger.orders.get(code)
    assert row is not None
    assert row.state == "synced"
    assert rig.placed()[code]["submissions"] == 1


class FastClock(SystemClock):
    """Thirty times as fast, and so is its wall: else it was set, which ends a run, too."""

    def __init__(self) -> None:
        self._start, self._began = super().now(), self.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic() - self._began)

    def monotonic(self) -> float:
        return 30 * time.monotonic()


def test_a_hint_ends_itself(rig: Rig) -> None:
    loaded = load(None, rig.environment | PATIENT)
    jobs = HintJobs(loaded, FastClock())
    handler = jobs.handlers()["inventory"]
    drip(rig, STOCK)
    with pytest.raises(RunOver):
        handler.run("MUG")
    free(rig)
    handler.run("MUG")
    jobs.close()


# ---- beside a run that never ends ----------------------------------------------------------------


@pytest.fixture
def here(shop: SmallShop, tmp_path: Path) -> Iterator[HereRig]:
    with Sandbox() as sandbox:
        sandbox.world.set_stock("MUG", "MAIN", 10)
        yield HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)


@pytest.mark.parametrize("job", COMMANDS)
def test_a_run_that_never_ends_is_an_alert(here: HereRig, job: str) -> None:
    command, heard = COMMANDS[job], here.folder / "events"
    here.env["VERACORE_SYNC_HOOKS__COMMAND"] = json.dumps(["/bin/sh", "-c", f"cat >> {heard}"])
    open_ledger(here.ledger_path).close()
    assert here.run(command).code == 0
    hours_ago = FakeClock(datetime.now(UTC) - timedelta(hours=3))
    with (
        closing(open_ledger(here.ledger_path, clock=hours_ago)) as other,
        other.runs.lock(job, command),
    ):
        first, second = here.run(command), here.run(command)
        assert (first.code, second.code) == (75, 75)
        assert "longer than any run may last" in first.err
        assert second.err == "", "told once"
        assert f'"kind": "{job}.stuck"' in heard.read_text().replace('":"', '": "')
        assert [one["kind"] for one in stats(here, 3)["alerts"]] == [f"{job}.stuck"]
        assert [one["kind"] for one in stats(here, 3)["jobs"]] == ["stuck"]
        lines = here.run("doctor", "--offline", "--json").json["findings"]
        assert f"held {job}" in next(one["message"] for one in lines if one["name"] == "jobs")
    assert here.run(command).code == 0
    document = stats(here, 0)
    assert (document["alerts"], document["jobs"]) == ([], [])
    assert "alert.resolved" in heard.read_text()


def test_a_run_beside_a_healthy_one_is_recorded_and_no_alert(here: HereRig) -> None:
    assert here.run("sync-orders").code == 0
    with closing(open_ledger(here.ledger_path)) as other, other.runs.lock("orders", "sync-orders"):
        ended = here.run("sync-orders")
    assert (ended.code, ended.err) == (75, "")
    runs = here.run("stats", "--runs", "--json").json["runs"]
    assert [one["exitCode"] for one in runs] == [75, 0]
    assert stats(here, 0)["orders"]["lastExitCode"] == 0, "it was no run"


# ---- a job that never succeeds -------------------------------------------------------------------


def stats(rig: Rig, code: int) -> dict[str, list[dict[str, str]]]:
    ended = rig.run("stats", "--check", "--json")
    assert ended.code == code, ended.out
    return ended.json


def test_a_job_that_always_ends_69_is_standing_trouble(here: HereRig, shop: SmallShop) -> None:
    assert here.run("sync-orders").code == 0
    with (
        closing(open_ledger(here.ledger_path)) as ledger,
        ledger.database.transaction() as connection,
    ):
        connection.execute(
            "UPDATE runs SET started_at = '2026-01-01T00:00:00.000Z', "
            "ended_at = '2026-01-01T00:00:01.000Z'"
        )
    shop.state.place_order([("MUG", 1)])
    here.control("faults", {"kinds": ["html_500"], "rate": 1})
    here.env["VERACORE_SYNC_RETRY__TRIES"] = "1"
    assert here.run("sync-orders").code == 69
    document = stats(here, 3)
    (trouble,) = document["jobs"]
    assert (trouble["job"], trouble["kind"]) == ("orders", "overdue")
    assert trouble["since"] == "2026-01-01T00:00:01.000Z"
    assert "HTTP 500" in trouble["message"]
    orders = document["orders"]
    assert orders["lastSuccessTime"] == "2026-01-01T00:00:01.000Z"
    assert orders["lastSyncTime"] > "2026-01-02"
    assert orders["lastExitCode"] == 69

    shown = here.run("stats").out
    line = next(one for one in shown.splitlines() if one.startswith("sync-orders "))
    assert re.search(r"\d+ d ago +(now|\d+ s ago) +failed with exit code 69: .*HTTP 500", line)
    assert "sync-orders has not succeeded since 2026-01-01" in shown
    lines = here.run("doctor", "--offline", "--json").json["findings"]
    assert any("has not succeeded" in one["message"] for one in lines)
