"""One command for every shop of a folder: each has its own ledger, and none stops another."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import typer
from commands_kit import whole_program
from forked import run_forked

from veracore_sync.cli import every_shop
from veracore_sync.cli.globals import Globals
from veracore_sync.cli.run_command import run_command
from veracore_sync.composition.locked_run import CommandReport, Job
from veracore_sync.config.shops import shops_in
from veracore_sync.domain.errors import ConfigError
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

COMMAND = [sys.executable, "-m", "veracore_sync"]


@dataclass
class House:
    """A folder of shops, each with a Vendure and an account at VeraCore of its own."""

    folder: Path
    stack: ExitStack
    shops: dict[str, SmallShop] = field(default_factory=dict)
    warehouses: dict[str, Sandbox] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *, file: str = "", ledger: str | None = None, more: str = "") -> None:
        shop = self.stack.enter_context(SmallShop())
        sandbox = self.stack.enter_context(Sandbox())
        self.shops[name], self.warehouses[name] = shop, sandbox
        shop.state.add_variant("MUG")
        path = self.folder / (file or f"{name}.toml")
        path.parent.mkdir(exist_ok=True)
        place = ledger if ledger is not None else str(self.folder / "state" / name / "ledger.db")
        path.write_text(
            f"""
            [vendure]
            admin_api_url = "{shop.admin_url}"
            username = "{shop.username}"
            password = "{shop.password}"
            [veracore]
            api_url = "{sandbox.url}"
            client_id = "sandbox"
            client_secret = "sandbox"
            company_id = "SANDBOX"
            [orders]
            not_before = 2020-01-01T00:00:00Z
            [retry]
            tries = 1
            """
            + (f'[ledger]\npath = "{place}"\n' if place else "")
            + more
        )
        path.chmod(0o600)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        base = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        command = [*COMMAND, *arguments]
        ended = run_forked(command, base | self.env, self.folder.parent, 600)
        return subprocess.CompletedProcess(command, *ended)

    def document(self, *arguments: str, code: int = 0) -> Any:
        done = self.run("--config", str(self.folder), *arguments, "--json")
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)["shops"]

    def sent(self) -> Mapping[str, int]:
        found = {}
        for name, one in self.warehouses.items():
            with urllib.request.urlopen(f"{one.url}/_sandbox/orders", timeout=60) as answer:
                found[name] = len(json.loads(answer.read())["orders"])
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "shops"
    folder.mkdir()
    with ExitStack() as stack:
        yield House(folder, stack)


def with_an_order(house: House, *names: str) -> None:
    for name in names:
        house.add(name)
        house.shops[name].state.place_order([("MUG", 1)])


def test_each_shop_of_the_folder_has_its_orders_sent(house: House) -> None:
    with_an_order(house, "shop2", "shop1")
    house.add("shop3", file="shop3/config.toml")
    found = house.document("sync-orders")
    assert list(found) == ["shop1", "shop2", "shop3"]
    assert {name: one["submitted"] for name, one in found.items()} == {
        "shop1": 1,
        "shop2": 1,
        "shop3": 0,
    }
    assert {one["exitCode"] for one in found.values()} == {0}
    assert house.sent() == {"shop1": 1, "shop2": 1, "shop3": 0}
    house.document("sync-orders")
    assert house.sent() == {"shop1": 1, "shop2": 1, "shop3": 0}


def test_the_folder_may_be_named_in_the_environment(house: House) -> None:
    with_an_order(house, "shop1")
    house.env["VERACORE_SYNC_CONFIG"] = str(house.folder)
    assert house.run("sync-orders").returncode == 0
    assert house.sent() == {"shop1": 1}


def test_all_is_the_folder_of_the_user(house: House) -> None:
    base = house.folder.parent
    (base / "veracore-sync").mkdir()
    house.folder = house.folder.rename(base / "veracore-sync" / "shops")
    with_an_order(house, "shop1", "shop2")
    house.env["XDG_CONFIG_HOME"] = str(base)
    assert house.run("--all", "sync-orders").returncode == 0
    assert house.sent() == {"shop1": 1, "shop2": 1}
    shown = house.run("stats", "--all").stdout.splitlines()
    assert [line.split()[0] for line in shown[:3]] == ["shop", "shop1", "shop2"]


def test_all_without_a_folder_says_where_it_looked(house: House) -> None:
    done = house.run("--all", "sync-orders")
    assert done.returncode == 78
    assert "veracore-sync/shops" in done.stderr and "--config" in done.stderr


BROKEN = {
    "no such key": ("[orders]\nnonsense = 1\n", 78),
    "not TOML": ("nonsense\n", 78),
    "a shop that is down": (
        '[vendure]\nadmin_api_url = "http://127.0.0.1:9/admin-api"\nusername = "u"\n'
        'password = "pass"\n[veracore]\napi_url = "http://127.0.0.1:9"\nclient_id = "c"\n'
        'client_secret = "secret"\ncompany_id = "C"\n[retry]\ntries = 1\n[ledger]\npath = "b.db"\n',
        69,
    ),
    "a ledger that is none": (
        '[vendure]\nadmin_api_url = "http://127.0.0.1:9/admin-api"\nusername = "u"\n'
        'password = "pass"\n[veracore]\napi_url = "http://127.0.0.1:9"\nclient_id = "c"\n'
        'client_secret = "secret"\ncompany_id = "C"\n[ledger]\npath = "/dev/null/ledger.db"\n',
        74,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_shop_stops_no_other(house: House, name: str) -> None:
    text, code = BROKEN[name]
    with_an_order(house, "a-first", "z-last")
    (house.folder / "broken.toml").write_text(text)
    found = house.document("sync-orders", code=code)
    assert found["broken"]["exitCode"] == code and found["broken"]["error"]["hint"]
    assert house.sent() == {"a-first": 1, "z-last": 1}


def test_what_needs_a_person_is_told_below_the_name_of_its_shop(house: House) -> None:
    with_an_order(house, "good")
    (house.folder / "broken.toml").write_text("nonsense\n")
    done = house.run("--config", str(house.folder), "sync-orders")
    first, *_ = done.stderr.splitlines()
    assert first == f"== broken ({house.folder}/broken.toml)"
    assert "good" not in done.stderr


def test_a_hint_names_the_configuration_of_its_shop(house: House) -> None:
    house.add("shop1")
    house.shops["shop1"].state.place_order([("MUG", 1)], address=None)
    done = house.run("--config", str(house.folder), "sync-orders")
    assert done.returncode == 3, done.stderr
    assert f"`veracore-sync --config {house.folder}/shop1.toml stats`" in done.stderr


def test_what_is_to_be_done_in_a_document_names_it_too(house: House) -> None:
    house.add("shop1")
    house.shops["shop1"].state.place_order([("MUG", 1)], address=None)
    house.document("sync-orders", code=3)
    [alert] = house.document("stats")["shop1"]["alerts"]
    assert f"`veracore-sync --config {house.folder}/shop1.toml retry " in alert["toDo"]


def shared_ledger(house: House) -> None:
    house.add("shop2", ledger=str(house.folder / "state" / "shop1" / "ledger.db"))


def no_ledger(house: House) -> None:
    house.add("shop2", ledger="")


def one_account_twice(house: House) -> None:
    text = (house.folder / "shop1.toml").read_text()
    (house.folder / "shop2.toml").write_text(text.replace("/shop1/", "/shop2/"))


def one_schema(house: House) -> None:
    for name, user in (("shop2", "one"), ("shop3", "two")):
        url = f"postgresql://{user}@db.example/house?connect_timeout=1"
        house.add(name, ledger="", more=f'[ledger]\nurl = "{url}"\n')


def in_channels(house: House, mine: str, others: str) -> None:
    """Another file for the same shop, in the same channel, for orders of other channels."""
    path = house.folder / "shop1.toml"
    text = path.read_text()
    path.write_text(text.replace("[orders]", f"[orders]\n            channels = {mine}"))
    other = text.replace("/shop1/", "/shop2/")
    other = other.replace("[orders]", f"[orders]\n            channels = {others}")
    (house.folder / "shop2.toml").write_text(other)


def overlapping_channels(house: House) -> None:
    in_channels(house, '["east", "west"]', '["west"]')


def one_of_all_channels(house: House) -> None:
    in_channels(house, '["east"]', "[]")


def environment_for_all(house: House) -> None:
    house.add("shop2")
    house.env["VERACORE_SYNC_LEDGER__PATH"] = str(house.folder.parent / "one.db")


@pytest.mark.parametrize(
    ("collide", "refused"),
    [
        (shared_ledger, {"shop1", "shop2"}),
        (no_ledger, {"shop2"}),
        (one_schema, {"shop2", "shop3"}),
        (one_account_twice, {"shop1", "shop2"}),
        (overlapping_channels, {"shop1", "shop2"}),
        (one_of_all_channels, {"shop1", "shop2"}),
        (environment_for_all, {"shop1", "shop2"}),
    ],
)
def test_shops_that_would_send_orders_twice_do_not_run(
    house: House, collide: Any, refused: set[str]
) -> None:
    with_an_order(house, "shop1", "unharmed")
    if collide is environment_for_all:
        refused = refused | {"unharmed"}
    collide(house)
    found = house.document("sync-orders", code=78)
    assert {name for name, one in found.items() if one["exitCode"] == 78} == refused
    sent = {name for name, count in house.sent().items() if count}
    assert sent == {"shop1", "unharmed"} - refused


def test_files_for_other_channels_of_one_shop_run_side_by_side(house: House) -> None:
    house.add("shop1")
    house.shops["shop1"].state.add_channel("west")
    in_channels(house, '["__default_channel__"]', '["west"]')
    house.shops["shop1"].state.place_order([("MUG", 1)])
    found = house.document("sync-orders")
    assert [one["submitted"] for one in found.values()] == [1, 0]


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_folder: Path) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ConfigError, match="cannot be read"):
        shops_in(tmp_path)


def test_a_signal_between_two_shops_ends_the_command(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_an_order(house, "shop1")

    def struck(*_: object) -> Any:
        raise KeyboardInterrupt(signal.SIGTERM)

    monkeypatch.setattr(every_shop, "colliding", struck)
    options = Globals(house.folder)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(typer.Exit) as ended:
            run_command(Job("sync-orders"), options, False, lambda _: CommandReport({}))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.exit_code == 143
    assert "stopped" in capsys.readouterr().err
    assert house.sent() == {"shop1": 0}


ONE_SHOP = [
    ("resolve", "A", "--skip"),
    ("cancel", "A"),
    ("retry", "A"),
    ("sync-orders", "--order", "A"),
    ("sync-inventory", "--sku", "A"),
    ("sync-tracking", "--order", "A"),
    ("reconcile", "--order", "A"),
    ("stats", "--order", "A"),
    ("deliver", "--skip", "A"),
    ("ledger", "backup", "copy.db"),
    ("ledger", "restore", "copy.db"),
    ("ledger", "rebind"),
    ("ledger", "export"),
    ("ledger", "move", "--to", "other.db"),
    ("serve-webhooks",),
    ("probe",),
    ("sign", "--body", "-"),
]


@pytest.mark.parametrize("words", ONE_SHOP, ids=lambda words: words[0])
def test_a_command_about_one_shop_asks_for_its_file(house: House, words: tuple[str, ...]) -> None:
    with_an_order(house, "shop1")
    done = house.run("--config", str(house.folder), *words)
    assert done.returncode == 2, (done.stdout, done.stderr)
    shop = house.folder / "shop1.toml"
    assert f"--config {shop}\n" in done.stderr or "no such option" in done.stderr
    # Without its order or SKU it would be about all of that shop, which may be another's.
    assert f"--config {shop} {words[0]}" not in done.stderr
    assert house.sent() == {"shop1": 0}


@pytest.mark.parametrize("named", [["--all"], ["--config", "shops"]])
def test_init_writes_the_file_of_one_shop(house: House, named: list[str]) -> None:
    # With --all it wrote the file of an only shop, which no command with --all reads.
    done = house.run(*named, "init", "--offline")
    assert done.returncode == 2 and "NAME.toml" in done.stderr
    assert list(house.folder.iterdir()) == []


def test_an_empty_folder_says_what_to_put_into_it(house: House) -> None:
    done = house.run("--config", str(house.folder), "sync-orders")
    assert done.returncode == 78
    assert "NAME.toml" in done.stderr


def test_two_files_of_one_name_are_refused(house: House) -> None:
    house.add("shop1")
    house.add("shop1", file="shop1/config.toml")
    done = house.run("--config", str(house.folder), "stats")
    assert done.returncode == 78 and "both named shop1" in done.stderr


def test_each_line_of_the_log_names_its_shop(house: House) -> None:
    with_an_order(house, "shop1", "shop2")
    text = ("--config", str(house.folder), "--log-level", "debug", "sync-orders")
    lines = house.run(*text).stderr.splitlines()
    assert any(line.startswith("DEBUG shop1: ") for line in lines)
    house.shops["shop1"].state.place_order([("MUG", 1)])
    in_json = house.run("--log-format", "json", *text)
    assert in_json.returncode == 0, in_json.stderr
    assert {json.loads(line).get("shop") for line in in_json.stderr.splitlines()} == {
        "shop1",
        "shop2",
    }
    assert house.sent() == {"shop1": 2, "shop2": 1}


def test_the_timers_of_several_shops_are_instances_of_the_templates(house: House) -> None:
    house.add("shop1")
    units = house.folder.parent / "system"
    units.mkdir()
    found = house.document("timers", "--write", str(units))
    names = {one["unit"] for one in found["shop1"]["timers"]}
    assert "veracore-sync-orders@shop1.timer" in names
    assert (units / "veracore-sync-orders@shop1.timer.d" / "50-interval.conf").exists()


def test_doctor_names_the_listener_of_the_shop(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    more = f'[webhooks]\nport = {port}\nsecret = "whsec_{"A" * 44}"\n'
    house.add("shop1", more=more)
    done = house.run("--config", str(house.folder), "doctor")
    assert "`systemctl status veracore-sync-webhooks@shop1`" in done.stdout


def test_metrics_may_bear_the_name_of_the_shop(house: House) -> None:
    target = house.folder.parent / "shop1.prom"
    house.add("shop1", more=f'[metrics]\nshop = "shop1"\ntextfile = "{target}"\n')
    house.document("sync-orders")
    samples = [line for line in target.read_text().splitlines() if not line.startswith("#")]
    assert samples and all('shop="shop1"' in line for line in samples)


def test_every_command_says_whether_it_is_for_one_shop() -> None:
    """A new command must be thought of: it runs for each shop, or is in the table above."""
    each = {
        "sync-orders", "sync-inventory", "sync-tracking", "sync-returns", "reconcile", "retry",
        "report", "stats", "deliver", "doctor", "timers", "config", "breaker", "ledger",
        "serve-admin",
    }  # fmt: skip
    without_configuration = {"demo", "init", "sandbox"}
    one_shop = {words[0] for words in ONE_SHOP}
    assert set(whole_program().commands) == each | one_shop | without_configuration


# ---- the page of all shops

BOTH, ONE = "token-of-the-house-0123-abcdefghijk", "token-of-shop1-012345-abcdefghijkl"


@pytest.fixture
def served(house: House) -> Iterator[str]:
    """A server over two shops and a broken one; every token may only view."""
    house.add("shop1", more=f'[admin]\nread_token = "{BOTH}"\nact_token = "{ONE}"\n')
    house.add("shop2", more=f'[admin]\nread_token = "{BOTH}"\n')
    (house.folder / "broken.toml").write_text("nonsense\n")
    house.shops["shop1"].state.place_order([("MUG", 1)])
    house.document("sync-orders", code=78)
    command = [*COMMAND, "--config", str(house.folder), "serve-admin", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    _, err = process.communicate(timeout=600)
    assert (process.returncode, "Traceback" in err) == (0, False), err


class Browser:
    """Keeps its cookie, and follows redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def get(self, path: str) -> tuple[int, str]:
        return self._ask(urllib.request.Request(self.url + path))

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        body = urllib.parse.urlencode(fields).encode()
        return self._ask(urllib.request.Request(self.url + path, body))

    def _ask(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


def csrf_token(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found is not None, text
    return found[1]


def test_one_page_shows_every_shop_and_leads_to_each(house: House, served: str) -> None:
    browser = Browser(served)
    status, text = browser.post("/login", token=BOTH)
    assert status == 200
    assert 'href="/shops/shop1/"' in text and 'href="/shops/shop2/"' in text
    assert "broken" in text and "not valid TOML" in text
    status, text = browser.get("/shops/shop1/")
    assert status == 200 and '<span class="shop">shop1</span>' in text
    [code] = [order.code for order in house.shops["shop1"].state.orders.values()]
    status, text = browser.get(f"/shops/shop1/order?name={code}")
    assert status == 200 and code in text
    assert browser.get(f"/shops/shop2/order?name={code}")[0] == 404
    assert browser.get("/shops/none/")[0] == 404


def test_the_token_of_one_shop_opens_no_other(house: House, served: str) -> None:
    browser = Browser(served)
    _, text = browser.post("/login", token=ONE)
    assert "shop1" in text and "shop2" not in text and "broken" not in text
    assert browser.get("/shops/shop2/")[0] == 404
    fields = {"csrf_token": csrf_token(text), "action": "force-tracking"}
    assert browser.post("/shops/shop2/act", **fields)[0] == 404
    _, text = browser.get("/shops/shop1/act?action=force-tracking")
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    status, text = browser.post("/shops/shop1/act", **form)
    assert status == 200
    for _ in range(600):
        if "<h1>Running" not in text:
            break
        number = form["form"]
        time.sleep(0.5)
        _, text = browser.get(f"/shops/shop1/running?form={number}")
    assert "<h1>Done: Sync all tracking</h1>" in text


def test_who_may_only_view_a_shop_cannot_act_there(served: str) -> None:
    browser = Browser(served)
    _, text = browser.post("/login", token=BOTH)
    status, text = browser.post(
        "/shops/shop1/act", csrf_token=csrf_token(text), action="force-tracking"
    )
    assert status == 403 and "view but not act" in text


def test_each_shop_has_its_api(served: str) -> None:
    def ask(shop: str, token: str) -> int:
        body = json.dumps({"query": "{ __typename }"}).encode()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        request = urllib.request.Request(f"{served}/shops/{shop}/admin-api", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    assert [ask("shop1", ONE), ask("shop2", ONE), ask("none", ONE)] == [200, 401, 401]


def test_no_shop_that_can_be_served_is_an_error(house: House) -> None:
    (house.folder / "broken.toml").write_text("nonsense\n")
    done = house.run("--config", str(house.folder), "serve-admin")
    assert done.returncode == 78 and "broken" in done.stderr
