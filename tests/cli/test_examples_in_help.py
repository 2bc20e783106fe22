"""Every example in help is run: on a small shop, a simulator and a ledger that holds its order."""

from __future__ import annotations

import shlex
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import HereRig

from veracore_sync.cli import sandbox as sandbox_command
from veracore_sync.cli import serve_admin, serve_webhooks
from veracore_sync.cli.commands import COMMANDS, entry_of
from veracore_sync.cli.entries import SUBCOMMANDS
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

CODE = "3PWKZ4D6"
EXAMPLES = [line for name in ("", *COMMANDS, *SUBCOMMANDS) for line, _ in entry_of(name).examples]
ANSWERS = (
    "--vendure-url", "https://shop.example.com/admin-api", "--vendure-username", "sync",
    "--password-file", "secret", "--veracore-url", "https://wms.example.com",
    "--veracore-client-id", "sync", "--client-secret-file", "secret", "--company-id", "42",
    "--offline",
)  # fmt: skip
"""What `init` asks for on a terminal."""
ENDS = {
    # A person has to see to the parked order, whose SKU VeraCore does not know.
    "sync-inventory --allow-mass-change": 3,
    "stats --check": 3,
    # VeraCore has nothing of it.
    f"resolve {CODE} --adopt": 3,
    f"resolve {CODE} --adopt 20451": 3,
    # Neither an alert that can be accepted nor a difference stands.
    f'resolve {CODE} --accept "agreed by phone"': 2,
    'reconcile --accept "kept" --type stock_differs --name MUG-BLUE': 2,
    # What this machine does not have: a terminal, units, a server.
    "stats --watch 5": 2,
    "timers --check": 3,
    "ledger move --to postgresql://veracore@db.example.com/veracore": 69,
}
"""Exit codes other than 0."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HereRig]:
    """A ledger with orders that are sent and parked, and the files that examples name."""
    folder = tmp_path_factory.mktemp("examples")
    with SmallShop() as shop, Sandbox(strict=True) as simulator:
        shop.state.add_variant("MUG-BLUE")
        shop.state.add_variant("TEAPOT")
        sent = shop.state.place_order([("MUG-BLUE", 1)]).code
        parked = shop.state.place_order([("TEAPOT", 1)]).code
        rig = HereRig(folder, shop.admin_url, shop.username, shop.password, simulator)
        rig.env |= {
            "CODE": sent,
            # Withdrawn in a ledger of its own, so that the shared simulator stays as it is.
            "CODE_CANCEL": parked,
            "CODE_RETRY": parked,
            "CODE_RESOLVE": parked,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "VERACORE_SYNC_HOOKS__COMMAND": "true",
            "VERACORE_SYNC_WEBHOOKS__SECRET": "a-secret-of-the-examples-0123456789",
            "VERACORE_SYNC_ADMIN__READ_TOKEN": "a-token-of-the-examples-0123456789-read",
            "VERACORE_SYNC_ADMIN__ACT_TOKEN": "a-token-of-the-examples-0123456789-act",
        }
        rig.control("stock", {"stock": [{"sku": "MUG-BLUE", "on_hand": 10}]})
        rig.sync(code=3)
        assert rig.run("probe", "--out", "veracore.json").code == 0
        assert rig.run("ledger", "backup", "made.db").code == 0
        (folder / "secret").write_text("secret\n")
        (folder / "secret").chmod(0o600)
        (folder / "body.json").write_text("{}")
        yield rig


@pytest.fixture
def rig(template: HereRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HereRig:
    shutil.copytree(template.folder, tmp_path / "here")
    stopped = threading.Event()
    stopped.set()
    # What serves until it is stopped is stopped at once.
    for module in (serve_admin, serve_webhooks):
        monkeypatch.setattr(module, "stop_on_signals", lambda: stopped)
    monkeypatch.setattr(sandbox_command, "serve", lambda *_: None)
    here = HereRig(
        tmp_path / "here",
        template.shop_url,
        template.username,
        template.password,
        template.sandbox,
        env=dict(template.env),
    )
    here.env["XDG_CONFIG_HOME"] = str(here.folder / "config")
    return here


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_runs(rig: HereRig, line: str) -> None:
    words = prepared(rig, line)
    ended = rig.run(*words)
    assert ended.code == ENDS.get(line, 0), (ended.out, ended.err)
    assert "--help" not in ended.err, ended.err
    if ended.code == 0:
        assert ended.err == "" or line.startswith(("sandbox", "serve")), ended.err


def prepared(rig: HereRig, line: str) -> list[str]:
    """The example's words, with this test's order, files and addresses in their place."""
    redirected = line.partition(" > ")[0]
    words = shlex.split(redirected)
    code = rig.env.get(f"CODE_{words[0].upper()}", rig.env["CODE"])
    words = [code if word == CODE else word for word in words]
    if words[0] == "init":
        return [*words, *ANSWERS]
    for name in {"shop2.toml", "new.toml"}.intersection(words):
        (rig.folder / name).touch(0o600)
    if "backups" in words:
        (rig.folder / "backups").mkdir(0o700)
    if words[:2] == ["ledger", "restore"]:
        shutil.move(rig.folder / "made.db", rig.folder / "backup.db")
    if words[:2] == ["ledger", "rebuild"] and "--check" not in words:
        rig.ledger_path.unlink()
    replaced = {
        "/var/lib/veracore-sync/ledger.db": str(rig.folder / "moved.db"),
        "postgresql://veracore@db.example.com/veracore": "postgresql://v@127.0.0.1:1/v",
        "8790": "0",
        "8098": "0",
        "8099": "0",
    }
    if words[0] in ("serve-admin", "serve-webhooks") and "--port" not in words:
        section = words[0].removeprefix("serve-").upper()
        rig.env[f"VERACORE_SYNC_{section}__PORT"] = "0"
    return [replaced.get(word, word) for word in words]
