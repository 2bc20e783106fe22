"""The table of docs/exit-codes.md, walked over the commands: each code where it belongs.

Off a terminal a run that ends well prints nothing unless it was asked for something; one that does
not prints one paragraph on stderr; ``--json`` is one document in every case, and says the same.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands_kit import whole_program
from rig import Ended, HereRig, Rig, signalled

from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox import server
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

ROOT = Path(__file__).parents[2]
DEAD = "http://127.0.0.1:9"
SECRET = "secret" * 5
JOBS = ("sync-orders", "sync-inventory", "sync-tracking")
LOCKED = {"sync-orders": "orders", "sync-inventory": "inventory", "sync-tracking": "tracking"}
SILENT = (*JOBS, "sync-returns", "deliver", "ledger prune", "ledger backup copy.db")


@dataclass
class Shopkeeper:
    """A shop with a paid order, a warehouse with stock, and the commands."""

    rig: Rig
    shop: SmallShop

    @property
    def env(self) -> dict[str, str]:
        return self.rig.env

    def place(self, sku: str = "MUG") -> str:
        return str(self.shop.state.place_order([(sku, 1)]).code)


Situation = Callable[[Shopkeeper], None]


def well(keeper: Shopkeeper) -> None:
    keeper.rig.sync()


def shipped(keeper: Shopkeeper) -> None:
    keeper.rig.sync()
    order = keeper.rig.control("orders")["orders"][0]
    keeper.rig.control("ship", {"order": order["id"], "packages": [{"tracking": "1Z1"}]})


def no_returns(keeper: Shopkeeper) -> None:
    keeper.rig.control("behaviour", {"denied": ["GetProductReturns"]})


def damaged(keeper: Shopkeeper) -> None:
    keeper.rig.ledger_path.write_bytes(b"no database at all" * 500)


def no_ledger(keeper: Shopkeeper) -> None:
    assert not keeper.rig.ledger_path.exists()


def misspelled(keeper: Shopkeeper) -> None:
    keeper.env["VERACORE_SYNC_ORDERS__PRISES"] = "net"


def without_hooks(keeper: Shopkeeper) -> None:
    del keeper.env["VERACORE_SYNC_HOOKS__COMMAND"]


def wrong_shop_password(keeper: Shopkeeper) -> None:
    shipped(keeper)
    keeper.env["VENDURE_PASSWORD"] = "wrong"


def wrong_warehouse_password(keeper: Shopkeeper) -> None:
    keeper.env["VERACORE_CLIENT_SECRET"] = "wrong"


def dead_shop(keeper: Shopkeeper) -> None:
    shipped(keeper)
    keeper.shop.stop()


def dead_warehouse(keeper: Shopkeeper) -> None:
    keeper.env["VERACORE_API_URL"] = DEAD


def dead_hook(keeper: Shopkeeper) -> None:
    del keeper.env["VERACORE_SYNC_HOOKS__COMMAND"]
    keeper.env["VERACORE_SYNC_HOOKS__URL"] = DEAD
    keeper.env["VERACORE_SYNC_HOOKS__SECRET"] = SECRET
    keeper.rig.sync()


def unknown_sku(keeper: Shopkeeper) -> None:
    keeper.shop.state.add_variant("GHOST")
    keeper.place("GHOST")


def shipped_after_all(keeper: Shopkeeper) -> None:
    shipped(keeper)
    placed = next(iter(keeper.shop.state.orders.values()))
    keeper.shop.state.cancel(placed)


def parked(keeper: Shopkeeper) -> None:
    unknown_sku(keeper)
    keeper.rig.sync(code=3)


def without_units(keeper: Shopkeeper) -> None:
    """The folder holds none."""


@dataclass(frozen=True)
class Case:
    code: int
    command: str
    situation: Situation = well

    def __str__(self) -> str:
        return f"{self.code} {self.command} {self.situation.__name__}"


HEALTHY = (
    *JOBS,
    "sync-returns",
    "reconcile",
    "sync-orders --dry-run",
    "deliver",
    "doctor",
    "stats",
    "stats --check",
    "stats --runs",
    "stats --failed",
    "report",
    "config show",
    "config validate",
    "timers",
    "breaker reset",
    "retry --all",
    "sign {}",
    "ledger check",
    "ledger prune",
    "ledger backup copy.db",
    "demo",
    "probe",
)
CASES = (
    *(Case(0, command) for command in HEALTHY),
    *(Case(2, f"{command} --nope") for command in (*JOBS, "deliver", "doctor", "ledger prune")),
    Case(2, "retry NONE"),
    Case(2, "resolve NONE --skip"),
    Case(2, "cancel NONE"),
    Case(2, "stats --order NONE"),
    Case(2, "report --since 2026-02-01 --until 2026-01-01"),
    Case(2, "sync-inventory --sku NONE"),
    Case(2, "sync-tracking --order NONE"),
    Case(2, "init"),
    Case(2, "serve-admin --port 70000"),
    Case(2, "sandbox --port 70000"),
    Case(3, "sync-orders", unknown_sku),
    Case(3, "sync-inventory", unknown_sku),
    Case(3, "sync-tracking", shipped_after_all),
    Case(3, "sync-returns", no_returns),
    Case(3, "stats --check", parked),
    Case(3, "timers --check --systemd-dir .", without_units),
    *(Case(69, command, dead_shop) for command in (*JOBS, "doctor")),
    Case(69, "deliver --force", dead_hook),
    *(
        Case(74, command, damaged)
        for command in (*JOBS, "stats", "retry --all", "deliver", "breaker reset", "doctor")
    ),
    *(Case(74, f"ledger {name}", no_ledger) for name in ("check", "backup copy.db")),
    *(Case(77, command, wrong_shop_password) for command in (*JOBS, "doctor")),
    *(
        Case(77, command, wrong_warehouse_password)
        for command in ("sync-orders", "sync-inventory", "probe")
    ),
    Case(69, "probe", dead_warehouse),
    Case(74, "probe", damaged),
    Case(78, "probe", misspelled),
    *(
        Case(78, command, misspelled)
        for command in (*JOBS, "stats", "doctor", "config show", "config validate", "deliver")
    ),
    Case(78, "timers", misspelled),
    Case(78, "deliver", without_hooks),
    Case(78, "sign {}"),
    Case(78, "serve-webhooks"),
    Case(78, "serve-admin"),
)
ELSEWHERE = {1, 75, 130, 143}
"""Walked by tests of their own below."""


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Shopkeeper]:
    with SmallShop() as shop, Sandbox(strict=True) as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        rig = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        rig.env |= {
            "VERACORE_SYNC_RETRY__TRIES": "1",
            "VERACORE_SYNC_HOOKS__COMMAND": "true",
            "VERACORE_SYNC_TRACKING__SETTLE_MINUTES": "0",
        }
        made = Shopkeeper(rig, shop)
        made.place()
        yield made
        rig.end()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_walk(keeper: Shopkeeper, case: Case, as_json: bool) -> None:
    if case.command.startswith("sign") and case.code == 0:
        keeper.env["VERACORE_WEBHOOK_SECRET"] = SECRET
    case.situation(keeper)
    more = ["--json"] if as_json else []
    ended = keeper.rig.run(*shlex.split(case.command), *more)
    assert ended.code == case.code, (ended.code, ended.out, ended.err)
    if "--nope" in case.command or "70000" in case.command:
        return  # typer's own words for what it cannot parse
    if as_json:
        as_a_document(ended)
    else:
        as_text(ended, case)


def as_a_document(ended: Ended) -> None:
    document = ended.json
    if ended.code == 0:
        assert "error" not in document
    elif "error" in document:
        assert document["error"]["exitCode"] == ended.code
        assert document["error"]["hint"]
    elif ended.code != 3:
        assert "fail" in {one["level"] for one in document["findings"]}


def as_text(ended: Ended, case: Case) -> None:
    is_silent = case.command in SILENT
    if ended.code == 0:
        assert ended.err == ""
        assert (ended.out == "") == is_silent, ended.out
        return
    if is_silent:
        assert ended.out == ""
        assert ended.err.strip()
        assert "\n\n" not in ended.err.strip(), "more than a paragraph"
    assert ended.err or ended.out


@pytest.mark.parametrize("job", JOBS)
def test_75_another_run_of_the_job_is_at_work(keeper: Shopkeeper, job: str) -> None:
    keeper.rig.sync()
    ledger = open_ledger(keeper.rig.ledger_path)
    with ledger.runs.lock(LOCKED[job], "another"):
        quiet = keeper.rig.run(job)
        document = keeper.rig.run(job, "--json")
    ledger.close()
    assert (quiet.code, quiet.out, quiet.err) == (75, "", "")
    assert (document.code, document.json["error"]["exitCode"]) == (75, 75)


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_130_143_a_run_that_is_stopped(
    keeper: Shopkeeper,
    job: str,
    number: signal.Signals,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keeper.rig.sync()
    before = len(keeper.rig.requests())
    goes_on = threading.Event()
    monkeypatch.setattr(server, "_wait", lambda *_: float(not goes_on.wait(60)))
    keeper.place()
    process = keeper.rig.start(job)
    while len(keeper.rig.requests()) == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    signalled(process, number)
    goes_on.set()
    out, err = process.communicate(timeout=600)
    assert (process.returncode, out) == (code, ""), err
    assert "the next run continues" in err
    assert "Traceback" not in err


BUG = """
import sys
from veracore_sync.jobs.orders.run import OrdersRun
def run(self):
    raise ZeroDivisionError("a bug")
OrdersRun.run = run
sys.argv = ["veracore-sync", *sys.argv[1:]]
from veracore_sync.__main__ import main
main()
"""


def test_1_a_bug(keeper: Shopkeeper) -> None:
    command = [sys.executable, "-c", BUG, "sync-orders", "--json"]
    done = subprocess.run(
        command, env=keeper.rig.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["exitCode"] == 1
    assert "ZeroDivisionError" in done.stderr


def test_every_code_and_every_command_is_walked() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text()
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", text)
    documented = {int(code) for row in rows for code in row.split(", ")}
    assert {case.code for case in CASES} | ELSEWHERE == documented
    assert not {case.code for case in CASES} & ELSEWHERE
    walked = {case.command for case in CASES}
    known = {one for one in names() for said in walked if f"{said} ".startswith(f"{one} ")}
    # What it prints is JSON already, a line an order: tests/cli/test_upkeep.py; and what replaces
    # the ledger: tests/cli/test_restore.py, tests/ledger/test_move.py, tests/ledger/test_rebind.py
    # and tests/cli/test_ledger_rebuild.py.
    replacing = {"ledger restore", "ledger move", "ledger rebind", "ledger rebuild"}
    assert set(names()) - known == {"ledger export"} | replacing


def names() -> Iterator[str]:
    """Every command of the program."""
    for name, command in whole_program().commands.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield name
        else:
            yield from (f"{name} {one}" for one in below)
