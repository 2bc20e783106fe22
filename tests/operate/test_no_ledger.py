"""Where there is no ledger: which command begins one, and that no other takes that for well.

As the wrong user, or without the configuration, a command finds no ledger in the place where it
looks. One that only looks or repairs must neither show zeros as if all were well, nor leave an
empty ledger behind, which would look to the next one as if there were something.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path

import ledger_server
import pytest
from commands_kit import whole_program
from rig import HereRig

from veracore_sync.ledger.opening import is_there, open_ledger
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

SECRET = "a-secret-of-the-tests-0123456789"
MISSING = "there is no ledger at "
LOOKS = {
    "stats": 0,
    "stats --check": 74,
    "stats --order X": 74,
    "stats --failed": 0,
    "stats --runs": 0,
    "stats --audit": 0,
    "stats --differences": 0,
    "report": 74,
    "doctor --offline": 0,
    "config show": 0,
    "timers": 0,
    "probe": 0,
    "sign {}": 0,
    "ledger check": 74,
    "ledger backup copy.db": 74,
    "ledger export": 74,
    "ledger rebuild": 0,
    "ledger rebuild --check": 74,
    "ledger rebind": 74,
    "ledger rebind --apply": 74,
    "ledger restore none.db": 74,
    "ledger move --to other.db": 74,
    "sync-orders --dry-run": 0,
    "sync-inventory --dry-run": 0,
    "sync-tracking --dry-run": 0,
    "sync-returns --dry-run": 0,
    "reconcile --dry-run": 0,
    "retry --all --dry-run": 0,
    "cancel X --dry-run": 2,
}
"""With its exit code. 0: it shows what a first run would do, or says that there is no ledger."""
REPAIRS = (
    "breaker reset",
    "ledger prune",
    "retry --all",
    "resolve X --skip",
    "cancel X",
    "reconcile",
    "reconcile --accept reason --order X --type content_differs",
    "deliver --skip evt_1",
)
BEGINS = (
    "sync-orders",
    "sync-inventory",
    "sync-tracking",
    "sync-returns",
    "deliver",
    "ledger rebuild --apply",
)
ELSEWHERE = {"demo", "init", "sandbox", "serve-admin", "serve-webhooks"}
"""They need no ledger, or run until they are stopped: both servers begin one."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HereRig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        folder = tmp_path_factory.mktemp("nothing")
        made = HereRig(folder, shop.admin_url, shop.username, shop.password, sandbox)
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        made.env |= {"VERACORE_SYNC_HOOKS__COMMAND": "true", "VERACORE_WEBHOOK_SECRET": SECRET}
        yield made


@pytest.mark.parametrize(("command", "code"), LOOKS.items(), ids=str)
def test_what_looks_begins_none(rig: HereRig, command: str, code: int) -> None:
    ended = rig.run(*shlex.split(command))
    assert ended.code == code, (ended.out, ended.err)
    assert not rig.ledger_path.exists()
    if code == 74 and "restore" not in command:
        assert f"{MISSING}{rig.ledger_path}" in ended.err
    if command.startswith("stats") and code == 0:
        assert ended.out.startswith(f"{MISSING}{rig.ledger_path} (ledger.path: environment ")


@pytest.mark.parametrize("command", REPAIRS)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_what_repairs_begins_none_and_fails(rig: HereRig, command: str, as_json: bool) -> None:
    ended = rig.run(*shlex.split(command), *(["--json"] if as_json else []))
    assert ended.code == 74, (ended.out, ended.err)
    said = ended.json["error"]["message"] if as_json else ended.err
    assert f"{MISSING}{rig.ledger_path}" in said
    assert not rig.ledger_path.exists()


@pytest.mark.parametrize("command", BEGINS)
def test_what_writes_begins_one(rig: HereRig, command: str) -> None:
    ended = rig.run(*shlex.split(command))
    assert ended.code == 0, (ended.out, ended.err)
    assert rig.ledger_path.exists()
    for file in rig.folder.glob("ledger.db*"):
        file.unlink()


def test_every_command_is_walked() -> None:
    def leaves() -> Iterator[str]:
        for name, command in whole_program().commands.items():
            below = getattr(command, "commands", None)
            yield from (f"{name} {one}" for one in below) if below else (name,)

    walked = (*LOOKS, *REPAIRS, *BEGINS, *ELSEWHERE)
    known = {name for name in leaves() for one in walked if f"{one} ".startswith(f"{name} ")}
    # `config validate` is walked where it is told of.
    assert set(leaves()) - known <= {"config validate"}


@pytest.mark.parametrize("command", ["breaker reset", "ledger prune", "stats --check"])
def test_no_schema_is_made_on_postgresql(rig: HereRig, command: str) -> None:
    there = replace(rig, server=ledger_server.new_place())
    assert there.server is not None
    ended = there.run(*shlex.split(command))
    assert ended.code == 74, (ended.out, ended.err)
    assert MISSING in ended.err
    assert "secret" not in ended.err
    assert not is_there(there.server)


def test_a_ledger_that_was_never_used_is_not_green(rig: HereRig, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    open_ledger(path).close()
    ended = rig.run("stats", "--check", VERACORE_SYNC_LEDGER__PATH=str(path))
    assert ended.code == 3
    assert ended.out.startswith("no sync has ended here yet")
    assert rig.run("stats", VERACORE_SYNC_LEDGER__PATH=str(path)).code == 0


def test_without_a_configuration_nothing_is_green(rig: HereRig, tmp_path: Path) -> None:
    bare = {name: "" for name in rig.environment if name.startswith("VE")}
    bare |= {"HOME": str(tmp_path), "XDG_STATE_HOME": "", "XDG_CONFIG_HOME": ""}
    ended = rig.run("stats", "--check", **bare)
    assert ended.code in (74, 78), (ended.out, ended.err)
    assert not list(tmp_path.rglob("*.db"))


@contextmanager
def another_user() -> Iterator[None]:
    """As one who may not read what is root's; whoever is not root has made it unreadable before."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_the_wrong_user_is_told_so(rig: HereRig, what: str) -> None:
    told = "put `sudo` before the command" if os.geteuid() == 0 else "correct owner and mode of"
    # Not below pytest's folder, which no other user may enter.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        there = replace(rig, folder=Path(place))
        folder = there.folder / "state"
        folder.mkdir()
        path = folder / "ledger.db"
        open_ledger(path).close()
        path.chmod(0o000)
        folder.chmod(0o000 if what == "folder" else 0o755)
        with chdir(place), another_user():
            for command in ("stats", "stats --check", "breaker reset", "ledger prune"):
                ended = there.run(*shlex.split(command), VERACORE_SYNC_LEDGER__PATH=str(path))
                assert ended.code == 74, (command, ended.out, ended.err)
                assert told in ended.err
        folder.chmod(0o755)
