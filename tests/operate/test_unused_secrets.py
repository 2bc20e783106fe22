"""A secret that is named and cannot be had stops the commands that use it, and no other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import HereRig

from veracore_sync.composition.container import Container
from veracore_sync.config import load
from veracore_sync.ledger import open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

KEPT = {"VENDURE_PASSWORD": "vendure_password", "VERACORE_CLIENT_SECRET": "veracore_client_secret"}
LOST = {
    "VERACORE_SYNC_HOOKS__SECRET_FILE": "hooks_secret",
    "VERACORE_SYNC_HOOKS__NOTIFY_FILE": "hooks_notify",
    "VERACORE_WEBHOOK_SECRET_FILE": "webhook_secret",
    "VERACORE_SYNC_ADMIN__READ_TOKEN_FILE": "admin_read_token",
    "VERACORE_SYNC_ADMIN__ACT_TOKEN_FILE": "admin_act_token",
    "VERACORE_SYNC_LEDGER__PASSWORD_FILE": "ledger_password",
}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HereRig]:
    with SmallShop() as shop, Sandbox(strict=True) as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        folder = tmp_path_factory.mktemp("rig")
        rig = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox)
        rig.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        shop.state.place_order([("MUG", 1)])
        # Port 9: nobody takes the POST, should one be made without its secret.
        rig.env["VERACORE_SYNC_HOOKS__URL"] = "http://127.0.0.1:9"
        rig.env |= {name: str(folder / file) for name, file in LOST.items()}
        open_ledger(rig.ledger_path).close()
        yield rig


@pytest.mark.parametrize(
    "command",
    [
        "sync-orders",
        "sync-inventory --dry-run",
        "sync-tracking",
        "sync-returns",
        "reconcile",
        "stats",
        "report",
        "ledger prune",
        "ledger check",
        "retry --all",
        "timers",
    ],
)
def test_what_does_not_use_it_goes_on(rig: HereRig, command: str) -> None:
    ended = rig.run(*command.split())
    assert ended.code == 0, (ended.out, ended.err)


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("deliver", "hooks_secret"),
        ("serve-webhooks", "webhook_secret"),
        ("sign {}", "webhook_secret"),
        ("serve-admin", "admin_read_token"),
        ("config show", "hooks_secret"),
        ("doctor --offline", "admin_act_token"),
    ],
)
def test_what_uses_it_names_it(rig: HereRig, command: str, file: str) -> None:
    ended = rig.run(*command.split())
    assert ended.code == 78, (ended.out, ended.err)
    assert f"{rig.folder / file} cannot be read" in ended.out + ended.err


def test_events_wait_for_the_hooks_that_cannot_be_called_here(rig: HereRig) -> None:
    """Another unit, or the next run, has the secret: nothing may be lost, or sent unsigned."""
    assert rig.run("sync-orders").code == 0
    assert rig.run("deliver").code == 78
    with rig.ledger() as ledger:
        summary = ledger.outbox.summary()
    assert (summary["waiting"] >= 1, summary["failing"]) == (True, [])
    loaded = load(None, rig.environment, cwd=rig.folder)
    assert Container(loaded).hook_names == ("url", "notify")


def test_both_sides_are_asked_for_their_secrets(rig: HereRig) -> None:
    for name, file in KEPT.items():
        lost = {name: "", f"{name}_FILE": str(rig.folder / file)}
        ended = rig.run("sync-orders", **lost)
        assert (ended.code, f"{file} cannot be read" in ended.err) == (78, True)
        assert rig.run("stats", **lost).code == 0


def test_the_password_of_the_ledger_is_asked_for_where_the_ledger_needs_one(rig: HereRig) -> None:
    url = {"VERACORE_SYNC_LEDGER__URL": "postgresql://127.0.0.1:9/x"}
    ended = rig.run("stats", **url)
    assert (ended.code, "ledger_password cannot be read" in ended.err) == (78, True)
    for command in ("ledger restore x.db", "ledger move --to /tmp/x.db", "ledger prune"):
        assert rig.run(*command.split(), **url).code == 78


def test_a_pipe_in_place_of_a_secret_is_not_waited_for(rig: HereRig, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    lost = {"VENDURE_PASSWORD": "", "VENDURE_PASSWORD_FILE": str(tmp_path / "pipe")}
    ended = rig.run("sync-orders", **lost)
    assert (ended.code, "is a pipe, not a file" in ended.err) == (78, True)
