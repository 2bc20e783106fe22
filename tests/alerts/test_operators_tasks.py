"""What the table "What do I do when …" of docs/operate.md names is typed word for word, and helps.

A row leads to a section with a marked block. Each mark has a test here that makes the trouble,
types the block and sees the trouble gone, or is named in `ELSEWHERE` with what types it.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from alerts_kit import Desk
from tasks_kit import DOCS, ROOT, Keyboard, keyboard, sections, sections_of

from veracore_sync.cli import init_questions
from veracore_sync.config.load import load
from veracore_sync.ledger.sqlite.database import SqliteDatabase
from veracore_sync.ledger.sqlite.errors import ledger_errors
from veracore_sync.sandbox.records import Line, Order
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

PAGE = sections("tasks.md")
ALL = {**sections("backups.md"), **PAGE}
Task = Callable[[Keyboard], None]
TASKS: dict[str, Task] = {}
ELSEWHERE = {
    "by-hand": "tests/operate/test_backups_page.py",
    "restore": "tests/operate/test_backups_page.py",
    "upgraded": "tests/operate/test_backups_page.py",
}


def task(mark: str) -> Callable[[Task], Task]:
    """The test of a mark."""

    def keep(made: Task) -> Task:
        TASKS[mark] = made
        return made

    return keep


def placed(keys: Keyboard, **more: Any) -> Desk:
    """A desk with a paid order, named CODE."""
    one = keys.one
    one.place(**more)
    keys.names["CODE"] = one.code
    return one


def sent(keys: Keyboard, **more: Any) -> Desk:
    one = placed(keys, **more)
    assert one.orders().code == 0
    return one


def is_there(one: Desk) -> bool:
    """Whether the warehouse has the order, once."""
    found = one.rig.control("orders")["orders"]
    return [row.get("reference") or row["id"] for row in found].count(one.code) == 1


def state(one: Desk) -> str:
    return str(one.run("stats", "--order", one.code, "--json").json["syncStatus"])


def alerts(one: Desk) -> set[str]:
    return set(one.alerts())


def rounds(one: Desk, count: int = 2) -> None:
    for _ in range(count):
        one.round()


# ---- an order --------------------------------------------------------------------------------


@task("not-sent")
def not_sent(keys: Keyboard) -> None:
    one = keys.one
    one.set(ORDERS__NOT_BEFORE="2026-01-01T00:00:00Z")
    placed(keys, placed_at=one.shop.state.now() - timedelta(days=4000))
    one.orders()
    keys.type_all()
    assert "orders.not_before" in keys.output("sync-orders")
    assert one.code in keys.output("stats")


@task("send-now")
def send_now(keys: Keyboard) -> None:
    keys.one.set(ORDERS__MIN_AGE_MINUTES="30")
    one = placed(keys)
    one.orders()
    assert not is_there(one)
    keys.type_all()
    assert is_there(one)


@task("parked")
def parked(keys: Keyboard) -> None:
    keys.one.control("behaviour", sources=["WEB"])
    one = placed(keys)
    one.orders()
    assert alerts(one) == {"order.parked"}
    one.control("behaviour", sources=None)
    keys.type_all()
    assert one.code in keys.output("--failed")
    assert is_there(one)


@task("unmapped-shipping")
def unmapped_shipping(keys: Keyboard) -> None:
    keys.write('[orders.freight.standard-shipping]\ncarrier = "UPS"\nservice = "Ground"\n')
    one = placed(keys, shipping_method="express-shipping")
    one.orders()
    assert "express-shipping" in one.alerts()["order.parked"]
    keys.type_all()
    assert is_there(one)


@task("unmapped-sku")
def unmapped_sku(keys: Keyboard) -> None:
    one = keys.one
    one.shop.state.add_variant("TEE-RED-M", "Tee", 1000, on_hand=10)
    one.control("stock", stock=[{"sku": "10-4471", "on_hand": 20}])
    one.sandbox.world.strict = True
    one.notes["order"] = one.shop.state.place_order([("TEE-RED-M", 2)])
    keys.names["CODE"] = one.code
    one.orders()
    one.stock()
    assert alerts(one) == {"order.parked", "stock.unknown"}
    keys.type_all()
    assert is_there(one)


@task("address-before")
def address_before(keys: Keyboard) -> None:
    one = placed(keys, address=None)
    one.orders()
    assert alerts(one) == {"order.parked"}
    correct(one)
    keys.type_all()
    assert is_there(one)


def correct(one: Desk, city: str = "Reno") -> None:
    one.shop.state.set_address(
        one.order,
        fullName="A Customer",
        streetLine1="1 High Street",
        city=city,
        province="NV",
        postalCode="89501",
        countryCode="US",
    )


@task("address-after")
def address_after(keys: Keyboard) -> None:
    one = sent(keys)
    correct(one, "Hamburg")
    keys.type_all({"sync-orders": 3})
    assert "ship-to changed" in keys.output("stats --order")


@task("units-after")
def units_after(keys: Keyboard) -> None:
    one = sent(keys)
    one.go_on(minutes=15)
    shop, world = one.shop.state, one.sandbox.world
    shop.start_modify(one.order)
    shop.modify(one.order, [("MUG", 3)])
    shop.finish_modify(one.order)
    one.round()
    assert alerts(one) == {"order.drift", "order.short"}
    with world.lock:
        world.orders[one.code].lines.append(Line("MUG", 1))
    one.go_on(minutes=15)
    keys.type_all()


@task("in-doubt")
def in_doubt(keys: Keyboard) -> None:
    keys.one.control(
        "faults",
        kinds=["reset_after"],
        operations=["AddOrder"],
    )
    one = placed(keys)
    one.control("faults", kinds=["http_503"], operations=["GetOrderInfo"])
    one.orders()
    assert state(one) == "in_doubt"
    one.mend()
    keys.type_all()
    assert is_there(one)
    assert state(one) == "synced"


@task("conflict")
def conflict(keys: Keyboard) -> None:
    one = placed(keys)
    world = one.sandbox.world
    with world.lock:
        at = world.now().isoformat()
        other = Order(one.code, 990_001, "oms", [Line("MUG", 7)], accepted_at=at, reference="PO-77")
        world.place(other)
    one.orders()
    assert alerts(one) == {"order.conflict"}
    keys.type_all()
    assert is_there(one)


@task("never")
def never(keys: Keyboard) -> None:
    one = keys.one
    one.set(ORDERS__MIN_AGE_MINUTES="5")
    placed(keys)
    one.orders()
    keys.type_all()
    assert not is_there(one)
    assert state(one) == "skipped"
    rounds(one)
    assert not is_there(one)


@task("cancelled")
def cancelled(keys: Keyboard) -> None:
    one = sent(keys)
    one.go_on(minutes=1)
    one.shop.state.cancel(one.order)
    one.round()
    assert alerts(one) == {"order.cancelled_in_shop"}
    keys.type_all()
    rounds(one)
    assert "cancelled" in one.run("stats", "--order", one.code).out


@task("cancelled-there")
def cancelled_there(keys: Keyboard) -> None:
    one = sent(keys)
    one.cancel_there()
    one.round()
    assert alerts(one) == {"order.cancelled"}
    keys.type_all()
    rounds(one)


@task("by-hand-before")
def by_hand_before(keys: Keyboard) -> None:
    one = placed(keys)
    one.shop.state.fulfil(one.order, tracking="by hand")
    keys.type_all()
    assert "Shipped" in keys.output("sync-orders")
    rounds(one)
    assert not is_there(one)


@task("by-hand-after")
def by_hand_after(keys: Keyboard) -> None:
    one = sent(keys)
    one.go_on(minutes=15)
    one.shop.state.fulfil(one.order, tracking="by hand")
    one.round()
    keys.type_next()
    rounds(one)
    assert alerts(one) == {"order.cancelled"}
    keys.type_next()
    rounds(one, 1)


@task("not-fulfilled")
def not_fulfilled(keys: Keyboard) -> None:
    one = sent(keys)
    one.shop.add_faults(["graphql_error_coded"], operations=["AddFulfilment"])
    one.ship()
    for _ in range(3):
        one.go_on(hours=2)
        one.track()
    assert not one.fulfilments()
    one.mend()
    keys.type_all()
    assert len(one.fulfilments()) == 1
    rounds(one, 1)


# ---- stock -----------------------------------------------------------------------------------


def level(one: Desk, sku: str) -> int:
    return sum(row.on_hand - row.allocated for row in one.shop.state.stock(sku).values())


@task("withheld")
def withheld(keys: Keyboard) -> None:
    one = keys.one
    for number in range(30):
        one.shop.state.add_variant(f"SKU{number}", "Thing", 1000, on_hand=100)
    stocked = [{"sku": f"SKU{number}", "on_hand": 100} for number in range(30)]
    one.control("stock", stock=stocked)
    one.stock("--allow-mass-change")
    one.control("stock", stock=[row | {"on_hand": 0} for row in stocked])
    one.stock()
    assert alerts(one) == {"stock.guarded"}
    keys.type_all()
    assert level(one, "SKU7") == 0


@task("too-much")
def too_much(keys: Keyboard) -> None:
    one = keys.one
    keys.names["SKU"] = "MUG"
    next(iter(one.shop.state.stock("MUG").values())).on_hand = 5000
    keys.type_all()
    assert level(one, "MUG") == 1000


@task("buffer")
def buffer(keys: Keyboard) -> None:
    keys.type_all()
    assert level(keys.one, "MUG") == 995


@task("not-there")
def not_there(keys: Keyboard) -> None:
    one = keys.one
    one.shop.state.add_variant("GIFT", "Gift", 1000, on_hand=10)
    one.stock()
    assert alerts(one) == {"stock.unknown"}
    keys.type_all()
    assert level(one, "GIFT") == 10


# ---- logins and outages ----------------------------------------------------------------------


@task("shop-password")
def shop_password(keys: Keyboard) -> None:
    one = placed(keys)
    one.shop.access.change_password(one.shop.username, "another-password")
    assert one.orders().code == 77
    keys.type_all(stdin="another-password\n")
    assert is_there(one)


@task("veracore-password")
def veracore_password(keys: Keyboard) -> None:
    one = placed(keys)
    one.control("behaviour", secret="another-secret")
    assert one.orders().code == 77
    keys.type_all(stdin="another-secret\n")
    assert is_there(one)


@task("moved")
def moved(keys: Keyboard) -> None:
    one = sent(keys)
    one.rig.env["VENDURE_ADMIN_API_URL"] = one.shop.admin_url.replace("127.0.0.1", "localhost")
    assert one.orders().code == 78
    keys.type_all()
    assert "1 of the 1 newest orders" in keys.output("--apply")
    assert one.orders().code == 0
    assert is_there(one)


@task("veracore-down")
def veracore_down(keys: Keyboard) -> None:
    keys.one.fault("http_503")
    one = placed(keys)
    for _ in range(8):
        one.go_on(minutes=1)
        one.orders()
    assert "veracore.down" in alerts(one)
    one.mend()
    keys.type_all()
    assert is_there(one)
    rounds(one, 1)


@task("shop-down")
def shop_down(keys: Keyboard) -> None:
    one = placed(keys)
    one.shop.add_faults(["http_503"])
    for _ in range(8):
        one.go_on(minutes=1)
        one.orders()
    assert "vendure.down" in alerts(one)
    one.mend()
    keys.type_all()
    assert is_there(one)
    rounds(one, 1)


@task("stop")
def stop(keys: Keyboard) -> None:
    keys.type_all()
    assert "systemctl stop veracore-sync-*.timer" in keys.notes


@task("start")
def start(keys: Keyboard) -> None:
    one = placed(keys)
    one.go_on(days=1)
    assert not one.is_green()
    keys.type_all()
    assert "systemctl start veracore-sync-orders.timer" in keys.notes
    assert is_there(one)


@task("page-token")
def page_token(keys: Keyboard) -> None:
    token = keys.etc / "admin_act_token"
    token.write_text("x" * 40)
    keys.write('[admin]\nact_token_file = "admin_act_token"\n')
    keys.type_all()
    assert re.fullmatch(r"[\w-]{43}\n", token.read_text())
    assert "restart veracore-sync-admin.service" in keys.notes
    settings = load(keys.config, {}, keys.folder).settings
    assert settings.admin.act_token.get_secret_value() == token.read_text().strip()


_HOOK = """import json, sys, pathlib
event = json.load(sys.stdin)
refused = pathlib.Path(__file__).with_name("refused").read_text().split()
sys.exit(1 if event["type"] in refused else 0)
"""


def a_hook_that_refuses(keys: Keyboard) -> Path:
    one = keys.one
    (keys.folder / "hook.py").write_text(_HOOK)
    refused = keys.folder / "refused"
    refused.write_text("order.synced")
    one.set(HOOKS__COMMAND=[sys.executable, str(keys.folder / "hook.py")])
    sent(keys)
    for _ in range(8):
        one.go_on(minutes=20)
        one.run("deliver", "--force")
    assert "events.blocked" in alerts(one)
    return refused


@task("hook")
def hook(keys: Keyboard) -> None:
    a_hook_that_refuses(keys).write_text("")
    keys.type_all()
    rounds(keys.one, 1)


@task("hook-skip")
def hook_skip(keys: Keyboard) -> None:
    a_hook_that_refuses(keys)
    [blocked] = keys.one.run("stats", "--json").json["events"]["blocked"]
    keys.names["EVENT_ID"] = blocked["id"]
    assert blocked["id"] in keys.one.run("stats").out
    keys.type_all()
    rounds(keys.one, 1)


# ---- this machine ----------------------------------------------------------------------------


@task("twice")
def twice(keys: Keyboard) -> None:
    one = placed(keys)
    with one.rig.ledger() as _:
        pass
    process = held(one)
    assert one.orders().code == 75
    process.kill()
    process.communicate()
    keys.type_all()
    assert "sync-orders" in keys.output("--runs")
    assert [one.orders().code for _ in range(2)] == [0, 0]
    assert is_there(one)


@task("interval")
def interval(keys: Keyboard) -> None:
    units = keys.folder / "etc" / "systemd" / "system"
    shutil.copytree(ROOT / "systemd", units)
    keys.type_all()
    drop_in = units / "veracore-sync-inventory.timer.d" / "50-interval.conf"
    assert "*:7/10" in drop_in.read_text()


_HOLDER = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from veracore_sync.clock import SystemClock
from veracore_sync.ledger import open_ledger

class Earlier(SystemClock):
    def now(self):
        return datetime.now(UTC) - timedelta(hours=3)

ledger = open_ledger(Path(sys.argv[1]), clock=Earlier())
with ledger.runs.lock("orders", "sync-orders"):
    print("held", flush=True)
    time.sleep(600)
"""


def held(one: Desk) -> subprocess.Popen[str]:
    """A process that has been at the job for hours."""
    arguments = [sys.executable, "-c", _HOLDER, str(one.rig.ledger_path)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    one.rig.started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@task("stuck")
def stuck(keys: Keyboard) -> None:
    one = placed(keys)
    process = held(one)
    assert one.orders().code == 75
    assert f"pid {process.pid}" in one.alerts()["orders.stuck"]
    keys.names["PID"] = str(process.pid)
    fence = keys.fences[0][1].splitlines()
    keys.type_all()
    assert len(fence) == 3
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL
    assert is_there(one)


@contextmanager
def on_a_full_disk(ledger: SqliteDatabase) -> Iterator[sqlite3.Connection]:
    """A transaction whose commit does not fit any more."""
    with ledger_errors(ledger.path):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error
    yield ledger.connection


@task("disk-full")
def disk_full(keys: Keyboard) -> None:
    one = placed(keys)
    with patch.object(SqliteDatabase, "transaction", on_a_full_disk):
        ended = one.orders()
    assert (ended.code, is_there(one)) == (74, False), ended
    assert "full" in ended.err
    keys.type_all()
    assert is_there(one)


@task("clock")
def clock(keys: Keyboard) -> None:
    one = keys.one
    one.go_on(days=400)
    sent(keys)
    one.go_on(days=-400)
    one.place()
    keys.type_all()
    assert is_there(one)


@task("lost")
def lost(keys: Keyboard) -> None:
    one = sent(keys)
    for path in keys.folder.glob("ledger.db*"):
        path.unlink()
    keys.type_all()
    assert state(one) == "synced"
    one.orders()
    assert is_there(one)


@task("first-run")
def first_run(keys: Keyboard) -> None:
    one = keys.one
    for path in keys.folder.glob("ledger.db*"):
        path.unlink()
    one.set(ORDERS__MAX_FIRST_RUN="5")
    for _ in range(8):
        placed(keys)
    assert one.run("sync-orders").code != 0
    assert one.rig.control("orders")["orders"] == []
    keys.type_all()
    assert len(one.rig.control("orders")["orders"]) == 8


@task("second-shop")
def second_shop(keys: Keyboard) -> None:
    one = keys.one
    (keys.etc / "shops").mkdir(mode=0o700)
    at_a_terminal = patch.object(init_questions, "can_ask", lambda: True)
    with SmallShop() as shop, Sandbox() as sandbox, at_a_terminal:
        answers = [shop.admin_url, shop.username, shop.password]
        answers += [sandbox.url, "sandbox", "sandbox", "SANDBOX"]
        # The desk's settings are the first shop's.
        one.rig.env |= {"VERACORE_SYNC_CONFIG": "", "VERACORE_SYNC_ORDERS__NOT_BEFORE": ""}
        keys.type_next(stdin="\n".join(answers) + "\n")
        shop.state.add_variant("TEE", on_hand=5)
        order = shop.state.place_order([("TEE", 1)])
        keys.type_all()
        assert order.code in keys.output("sync-orders --dry-run")
        assert [row["reference"] for row in orders_at(sandbox.url)] == [order.code]
    assert one.rig.placed() == {}
    one.rig.env["VERACORE_SYNC_CONFIG"] = str(keys.config)


def orders_at(url: str) -> list[dict[str, Any]]:
    """What this warehouse has."""
    with urllib.request.urlopen(f"{url}/_sandbox/orders", timeout=60) as answer:
        return list(json.loads(answer.read())["orders"])


@task("webhook-secret")
def webhook_secret(keys: Keyboard) -> None:
    (keys.etc / "webhook_secret").write_text(OLD)
    (keys.etc / "webhook_secret").chmod(0o600)
    keys.write('[webhooks]\nsecret_file = "webhook_secret"\n')
    keys.type_next()
    made = keys.output("whsec_").strip()
    assert made.startswith("whsec_")
    keys.names["whsec_NEW"] = made
    keys.fences[0] = ("toml", keys.fences[0][1].removeprefix("[webhooks]\n"))
    keys.type_all()
    assert accepted(keys) == {OLD, made}
    assert "systemctl restart veracore-sync-webhooks.service" in keys.notes


@task("webhook-secret-alone")
def webhook_secret_alone(keys: Keyboard) -> None:
    (keys.etc / "webhook_secret").write_text(OLD)
    keys.write('[webhooks]\nsecret_file = "webhook_secret"\n')
    keys.type_all(stdin=f"{NEW}\n")
    assert accepted(keys) == {NEW}


OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_TmV3IHNlY3JldCBvZiB0aGUgc2hvcCdzIHdlYmhvb2tz"


def accepted(keys: Keyboard) -> set[str]:
    """The secrets with which a listener that is started now accepts deliveries."""
    loaded = load(keys.config, {}, keys.folder)
    return {secret.get_secret_value() for secret in loaded.settings.webhooks.live_secrets}


# ---- looking ---------------------------------------------------------------------------------


@task("agree")
def agree(keys: Keyboard) -> None:
    one = sent(keys)
    one.go_on(hours=3)
    rounds(one, 1)
    keys.type_all()
    assert "1 of 1 orders compared, 0 differ" in keys.output("reconcile")


@task("where")
def where(keys: Keyboard) -> None:
    one = sent(keys)
    one.ship()
    one.round()
    keys.type_all()
    assert "1Z999AA10123456784" in keys.output("stats")


@task("month")
def month(keys: Keyboard) -> None:
    sent(keys)
    keys.type_all()


@task("well")
def well(keys: Keyboard) -> None:
    keys.type_all()
    assert "nothing needs you" in keys.output("veracore-sync stats")


@task("upgrade")
def upgrade(keys: Keyboard) -> None:
    sent(keys)
    keys.type_all()
    assert "systemctl stop" in keys.notes
    assert (keys.backups / "before-upgrade.db").exists()


@task("leave")
def leave(keys: Keyboard) -> None:
    sent(keys)
    keys.type_all()
    assert "systemctl disable --now" in keys.notes
    assert (keys.folder / "root" / "veracore-sync.tar").exists()


@task("arrive")
def arrive(keys: Keyboard) -> None:
    """On another machine: nothing is there but the archive."""
    one = sent(keys)
    keys.fences[:0] = ALL["leave"]
    keys.type_next()
    for path in [*keys.folder.glob("ledger.db*"), *keys.etc.iterdir(), *keys.backups.iterdir()]:
        path.unlink()
    keys.type_all()
    assert state(one) == "synced"
    assert list((keys.folder / "root").iterdir()) == []
    rounds(one)
    assert is_there(one)


@task("uninstall")
def uninstall(keys: Keyboard) -> None:
    made = [
        keys.folder / "etc/systemd/system/veracore-sync-orders.timer.d/50-interval.conf",
        keys.folder / "opt/veracore-sync/bin/veracore-sync",
        keys.folder / "usr/bin/veracore-sync",
        keys.folder / "usr/lib/sysusers.d/veracore-sync.conf",
    ]
    for path in made:
        path.parent.mkdir(parents=True)
        path.touch()
    ledger = keys.one.rig.ledger_path
    config = keys.config.read_text()
    keys.type_all()
    assert not any(path.exists() for path in made)
    assert not keys.etc.exists()
    assert ledger.exists()
    # To look into the ledger once more.
    keys.etc.mkdir()
    keys.config.write_text(config)
    for name, text in (("vendure_password", "x" * 8), ("veracore_client_secret", "x" * 8)):
        (keys.etc / name).write_text(text)


def rows() -> list[tuple[str, str, str]]:
    """The table: the page and the anchor that a row leads to, and what it says in short."""
    part = (DOCS / "operate.md").read_text().split("## What do I do when …\n")[1].split("\n## ")[0]
    return re.findall(r"(?m)^\| \[[^]]+\]\(([a-z-]+\.md)#([^)]+)\) \| (.+) \|$", part)


def marks_below(page: str, anchor: str) -> dict[str, list[tuple[str, str]]]:
    """The marked blocks of a section."""
    text = (DOCS / page).read_text()
    for part in re.split(r"(?m)^(?=#{2,3} )", text):
        title = part.splitlines()[0].lstrip("# ")
        if re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") == anchor:
            return sections_of(part)
    raise AssertionError(f"{page} has no section {anchor}")


def test_the_table_has_what_operators_do() -> None:
    assert len(rows()) >= 40
    lines = (DOCS / "operate.md").read_text().split("## Units")[0].splitlines()
    assert len(rows()) == sum(line.startswith("| [") for line in lines)


@pytest.mark.parametrize(("page", "anchor", "short"), rows(), ids=lambda text: text[:40])
def test_a_row_leads_to_blocks_that_a_test_types(page: str, anchor: str, short: str) -> None:
    found = marks_below(page, anchor)
    assert found, "nothing to type"
    for mark in found:
        assert mark in TASKS or mark in ELSEWHERE, mark
        assert mark in TASKS or f'"{mark}"' in (ROOT / ELSEWHERE[mark]).read_text()
    words = "".join(text for fences in found.values() for _, text in fences)
    for said in re.findall(r"`([^`]+)`", short):
        assert said in words or said.split(".")[-1] in words, said


def test_every_block_of_the_page_has_a_row() -> None:
    reached = {mark for page, anchor, _ in rows() for mark in marks_below(page, anchor)}
    assert set(PAGE) - reached == set()
    assert set(TASKS) == {mark for mark in reached if mark not in ELSEWHERE}


NOT_GREEN = {"first-run"}


@pytest.mark.parametrize("mark", TASKS)
def test_a_task_is_typed_and_the_trouble_is_gone(mark: str, tmp_path: Path) -> None:
    with keyboard(tmp_path, ALL[mark]) as keys:
        TASKS[mark](keys)
        assert keys.fences == [], "all of it was typed"
        assert keys.one.alerts() == {}
        assert mark in NOT_GREEN or keys.one.is_green()
