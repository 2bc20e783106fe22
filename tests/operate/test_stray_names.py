"""Names of the environment that bear our prefix and are none of ours, before every command.

Kubernetes gives each pod of a namespace names for each Service in it: for one called veracore-sync
they begin as ours do. Two underscores in a row are in no such name.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
from commands_kit import whole_program
from rig import Rig

from veracore_sync.config import load
from veracore_sync.domain.errors import ConfigError
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

P = "VERACORE_SYNC_"
INJECTED = {
    f"{P}PORT": "tcp://10.0.0.7:8080",
    f"{P}SERVICE_HOST": "10.0.0.7",
    f"{P}SERVICE_PORT": "8080",
    f"{P}SERVICE_PORT_HTTPS_ADMIN": "8443",
    f"{P}PORT_443_TCP": "tcp://[fd00::7]:443",
    f"{P}PORT_443_TCP_PROTO": "tcp",
    f"{P}PORT_443_TCP_PORT": "443",
    f"{P}PORT_443_TCP_ADDR": "fd00::7",
    f"{P}PORT_53_UDP": "udp://10.0.0.7:53",
    # of a Service called veracore-sync-webhooks
    f"{P}WEBHOOKS_PORT": "tcp://10.0.0.8:8080",
    f"{P}WEBHOOKS_SERVICE_HOST": "10.0.0.8",
    f"{P}WEBHOOKS_PORT_8080_TCP_PORT": "8080",
}
STRAY = {
    f"{P}CONFG": f'did you mean "{P}CONFIG"?',
    f"{P}LEDGER_PATH": f'did you mean "{P}LEDGER__PATH"?',
    f"{P}ORDERS_WORKRS": f'did you mean "{P}ORDERS__WORKERS"?',
    f"{P}ADMIN_PORT": f'did you mean "{P}ADMIN__PORT"?',
    f"{P}VERSION": "unset it",
    f"{P}_PORT": f'did you mean "{P}ADMIN__PORT"?',
}
SECRET = "a-secret-of-the-stray-names-01234"
COMMANDS = {
    "sync-orders": 0,
    "sync-inventory": 0,
    "sync-tracking": 0,
    "sync-returns": 0,
    "reconcile": 0,
    "deliver": 0,
    "doctor": 0,
    "stats": 0,
    "report": 0,
    "config show": 0,
    "config validate": 0,
    "timers": 0,
    "breaker reset": 0,
    "retry --all": 0,
    "resolve NONE --skip": 2,
    "cancel NONE": 2,
    "init": 2,
    "sign {}": 0,
    "probe": 0,
    "ledger check": 0,
    "ledger prune": 0,
    "ledger backup copy.db": 0,
    "ledger export": 0,
    "ledger restore none.db": 74,
    "ledger rebuild --check": 0,
    "ledger rebind": 0,
    "ledger move --to http://nowhere": 2,
    "demo": 0,
}
SERVERS = ("serve-webhooks", "serve-admin", "sandbox")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG", on_hand=10)
        folder = tmp_path_factory.mktemp("stray")
        made = Rig(folder, shop.admin_url, shop.username, shop.password, sandbox)
        made.control("stock", {"stock": [{"sku": "MUG", "on_hand": 10}]})
        made.env |= {
            "VERACORE_SYNC_HOOKS__COMMAND": "true",
            "VERACORE_WEBHOOK_SECRET": SECRET,
            "VERACORE_SYNC_ADMIN__READ_TOKEN": SECRET,
        }
        made.sync()
        yield made
        made.end()


@pytest.mark.parametrize(("command", "code"), COMMANDS.items(), ids=str)
def test_no_command_minds_them(rig: Rig, command: str, code: int) -> None:
    ended = rig.run(*shlex.split(command), **INJECTED, **dict.fromkeys(STRAY, "8080"))
    assert ended.code == code, (ended.out, ended.err)
    told = {name for name in (*INJECTED, *STRAY) if f"{name}:" in ended.out + ended.err}
    showing = ("doctor", "config show", "config validate")
    assert told == (set(STRAY) if command in showing else set())


@pytest.mark.parametrize("command", SERVERS)
def test_no_server_minds_them(rig: Rig, command: str) -> None:
    process = rig.start(command, "--port", "0", **INJECTED, **dict.fromkeys(STRAY, "1"))
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()


def test_every_command_is_walked() -> None:
    def leaves(group: dict[str, object]) -> Iterator[str]:
        for name, one in group.items():
            inner = getattr(one, "commands", None)
            yield from (f"{name} {leaf}" for leaf in inner) if inner else (name,)

    walked = (*COMMANDS, *SERVERS)
    missing = [
        name
        for name in leaves(whole_program().commands)
        if not any(f"{one} ".startswith(f"{name} ") for one in walked)
    ]
    assert missing == []


def test_what_is_said_of_each() -> None:
    assert load(None, INJECTED).warnings == ()
    warned = load(None, dict.fromkeys(STRAY, "x")).warnings
    assert len(warned) == len(STRAY)
    for name, remedy in STRAY.items():
        assert f"environment {name}: is not a setting and is ignored; {remedy}" in warned


@pytest.mark.parametrize("name", ["PORT", "SERVICE_PORT", "WEBHOOKS_PORT"])
def test_a_value_that_no_cluster_gives_is_a_persons(name: str) -> None:
    (warned,) = load(None, {f"{P}{name}": "my-port"}).warnings
    assert f"{P}{name}" in warned


@pytest.mark.parametrize("name", ["WEBHOOKS__PRT", "PORT__", "SERVICE__HOST", "X__Y__Z"])
def test_two_underscores_are_ours_and_have_to_be_right(name: str) -> None:
    with pytest.raises(ConfigError, match=f"environment {P}{name}: is not a setting"):
        load(None, {f"{P}{name}": "tcp://10.0.0.7:80"})
