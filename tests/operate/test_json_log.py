"""``--log-format json``: every line on stderr is one object, in every command and every failure."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands_kit import whole_program
from rig import Ended, HereRig

from veracore_sync import streams
from veracore_sync.cli import messages
from veracore_sync.jobs.orders.run import OrdersRun
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

JSON = ("--log-format", "json")
LEVELS = {"debug", "info", "warning", "error"}
COMMANDS = (
    "sync-orders",
    "sync-inventory",
    "sync-tracking",
    "sync-returns",
    "reconcile",
    "deliver",
    "doctor",
    "stats",
    "report",
    "config show",
    "timers",
    "breaker reset",
    "retry --all",
    "resolve X --skip",
    "cancel X",
    "sign {}",
    "probe",
    "ledger check",
    "ledger prune",
    "ledger backup copy.db",
    "ledger export",
    "ledger restore none.db",
    "ledger rebuild --check",
    "ledger rebind --apply",
    "ledger move --to other.db",
    "serve-webhooks",
    "serve-admin",
)
WITHOUT_SETTINGS = {"init", "demo", "sandbox", "config validate"}


@pytest.fixture(scope="module")
def shop() -> Iterator[SmallShop]:
    with SmallShop() as running:
        running.state.add_variant("MUG", on_hand=10)
        running.state.add_variant("GHOST", on_hand=10)
        yield running


@pytest.fixture
def rig(shop: SmallShop, tmp_path: Path) -> Iterator[HereRig]:
    with Sandbox(strict=True) as sandbox:
        made = HereRig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        made.env |= {"VERACORE_SYNC_HOOKS__COMMAND": "true", "VERACORE_SYNC_RETRY__TRIES": "1"}
        yield made
        shop.state.orders.clear()


def lines(ended: Ended) -> list[dict[str, Any]]:
    """The objects on stderr; whatever is none is a failure."""
    found = [json.loads(line) for line in ended.err.splitlines()]
    for one in found:
        assert {"at", "level", "logger", "message"} <= set(one)
        assert one["level"] in LEVELS
        assert one["at"].endswith("Z")
        assert "\n" not in one["message"] and one["message"] == one["message"].strip()
    return found


def the_failure(ended: Ended, error_class: str) -> dict[str, Any]:
    (found,) = [one for one in lines(ended) if one.get("event") == "failure"]
    assert (found["level"], found["class"]) == ("error", error_class)
    assert found["exitCode"] == ended.code
    assert found["hint"]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_parsed(rig: HereRig, command: str) -> None:
    ended = rig.run(*JSON, *shlex.split(command), "--nope")
    assert ended.code == 2
    assert ended.out == ""
    assert "--nope" in the_failure(ended, "validation")["message"]


@pytest.mark.parametrize("line", ["--nope", "nope", "stats extra more", "sync-orders --limit x"])
def test_a_command_line_without_a_command_that_runs(rig: HereRig, line: str) -> None:
    for before in (JSON, ("--log-format=json",)):
        the_failure(rig.run(*before, *line.split()), "validation")
    the_failure(rig.run(*line.split(), VERACORE_SYNC_LOG__FORMAT="json"), "validation")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_configuration_that_is_wrong(rig: HereRig, command: str) -> None:
    wrong = {"VERACORE_SYNC_ORDERS__PRISES": "net"}
    ended = rig.run(*JSON, *shlex.split(command), **wrong)
    failure = the_failure(ended, "config")
    assert failure["command"] == " ".join(command.split()[: len(failure["command"].split())])
    assert any("PRISES" in one for one in failure["problems"])
    text = rig.run(*shlex.split(command), **wrong).err
    assert text.startswith("veracore-sync: "), "and text stays text"


def test_every_command_is_walked() -> None:
    def leaves() -> Iterator[str]:
        for name, command in whole_program().commands.items():
            below = getattr(command, "commands", None)
            yield from (f"{name} {one}" for one in below) if below else (name,)

    known = {name for name in leaves() for one in COMMANDS if f"{one} ".startswith(f"{name} ")}
    assert set(leaves()) - known <= WITHOUT_SETTINGS


def test_a_wrong_format_is_a_fault_like_others(rig: HereRig) -> None:
    ended = rig.run("--log-format", "xml", "stats")
    assert ended.code == 78
    assert "--log-format" in ended.err


@pytest.mark.parametrize(
    ("command", "env", "code", "error_class"),
    [
        ("sync-orders", {"VENDURE_PASSWORD": "wrong"}, 77, "auth"),
        ("sync-inventory", {"VERACORE_API_URL": "http://127.0.0.1:9"}, 69, "unavailable"),
        ("reconcile", {}, 74, "internal"),
        ("sync-orders", {"VENDURE_ADMIN_API_URL": "http://127.0.0.1:9/x"}, 69, "unavailable"),
        ("stats --check", {}, 74, "internal"),
        ("ledger prune", {}, 74, "internal"),
        ("retry NONE", {}, 74, "internal"),
        ("init", {}, 2, "validation"),
    ],
)
@pytest.mark.parametrize("as_document", [False, True], ids=["text", "json"])
def test_what_fails_while_it_runs(
    rig: HereRig,
    command: str,
    env: dict[str, str],
    code: int,
    error_class: str,
    as_document: bool,
) -> None:
    ended = rig.run(*JSON, *command.split(), *(["--json"] if as_document else []), **env)
    assert ended.code == code, ended.err
    failure = the_failure(ended, error_class)
    if as_document:
        assert ended.json["error"]["message"] == failure["message"]
    if code in (69, 77):
        assert failure["upstream"] in ("vendure", "veracore")


def test_a_trouble_names_order_class_and_what_to_do(rig: HereRig, shop: SmallShop) -> None:
    code = shop.state.place_order([("GHOST", 1)]).code
    ended = rig.run(*JSON, "sync-orders")
    assert ended.code == 3
    (need,) = lines(ended)
    assert (need["event"], need["level"], need["command"]) == (
        "needs_person",
        "warning",
        "sync-orders",
    )
    assert (need["vendureOrderCode"], need["kind"]) == (code, "order.parked")
    assert need["class"] == rig.run("stats", "--order", code, "--json").json["errorClass"]
    assert f"veracore-sync retry {code}" in need["hint"]
    assert code not in need["message"]
    stock = rig.run(*JSON, "sync-inventory")
    (need,) = lines(stock)
    assert need["event"] == "needs_person"
    assert "vendureOrderCode" not in need


@pytest.mark.parametrize(
    "command", ["sync-orders", "sync-inventory", "sync-tracking", "sync-returns", "deliver"]
)
def test_a_good_run_is_silent_and_one_event_at_info(rig: HereRig, command: str) -> None:
    quiet = {"VERACORE_SYNC_SKUS__EXCLUDE": "GHOST"}
    assert rig.run(command, **quiet).err == ""
    assert rig.run(*JSON, command, **quiet).err == ""
    (event,) = [
        one
        for one in lines(rig.run(*JSON, "--log-level", "info", command, **quiet))
        if one.get("event") == "run"
    ]
    assert (event["command"], event["exitCode"], event["level"]) == (command, 0, "info")
    assert event["seconds"] >= 0
    assert isinstance(event["counts"], dict)
    text = rig.run("--log-level", "info", command, **quiet).err.splitlines()
    (line,) = [one for one in text if "exit code" in one]
    assert line.startswith(f"INFO {command}: ")


def test_the_event_of_a_run_counts(rig: HereRig, shop: SmallShop) -> None:
    shop.state.place_order([("MUG", 1)])
    ended = rig.run(*JSON, "--log-level", "info", "sync-orders")
    (event,) = [one for one in lines(ended) if one.get("event") == "run"]
    assert (event["counts"]["submitted"], event["job"], event["dryRun"]) == (1, "orders", False)
    assert event["message"].startswith("sync-orders: 1 submitted; exit code 0 after ")


def test_a_bug_is_one_object_with_its_traceback_and_without_its_text(
    rig: HereRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_run: object) -> None:
        raise ZeroDivisionError("a customer's name".title())

    monkeypatch.setattr(OrdersRun, "run", broken)
    ended = rig.run(*JSON, "sync-orders")
    assert ended.code == 1
    failure = the_failure(ended, "internal")
    assert "ZeroDivisionError" in failure["message"]
    assert any("test_json_log" in frame for frame in failure["traceback"])
    assert "Customer" not in ended.err


def test_a_bug_where_the_file_alone_asks_for_json(
    rig: HereRig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_run: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(OrdersRun, "run", broken)
    file = tmp_path / "config.toml"
    file.write_text('[log]\nformat = "json"\n')
    file.chmod(0o600)
    ended = rig.run("--config", str(file), "sync-orders")
    assert ended.code == 1
    the_failure(ended, "internal")


def test_a_thread_that_fails_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    before = threading.excepthook
    messages.use("json")
    try:
        thread = threading.Thread(target=broken)
        thread.start()
        thread.join()
    finally:
        messages.use("text")
    assert threading.excepthook is before
    assert json.loads(capsys.readouterr().err)["event"] == "failure"


def test_output_that_is_lost_is_an_object_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        outlet = streams._Outlet(full.fileno(), None)
        outlet.write(b"x")
        monkeypatch.setattr(streams, "_stdout", outlet)
        monkeypatch.setattr(streams, "_is_purpose", True)
        messages.use("json")
        try:
            assert streams.exit_code(0, messages.write) == 74
        finally:
            messages.use("text")
    assert "No space left" in json.loads(capsys.readouterr().err)["message"]


def test_each_shop_of_a_folder_is_named(rig: HereRig, tmp_path: Path) -> None:
    folder = tmp_path / "shops"
    folder.mkdir(mode=0o700)
    for name in ("one", "two"):
        file = folder / f"{name}.toml"
        file.write_text("[orders]\nprises = 1\n")
        file.chmod(0o600)
    ended = rig.run(*JSON, "--config", str(folder), "sync-orders")
    found = lines(ended)
    assert [one["shop"] for one in found] == ["one", "two"]
    assert {one["event"] for one in found} == {"failure"}
