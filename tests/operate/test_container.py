"""The container's files name commands, settings and secrets that exist."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from commands_kit import whole_program

from veracore_sync.config import load

yaml = pytest.importorskip("yaml")
FOLDER = Path(__file__).parents[2] / "packaging" / "container"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_each_service_runs_a_command_with_options_that_exist() -> None:
    for name, service in SERVICES.items():
        command: Any = whole_program()
        for word in service["command"]:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
            elif word.startswith("--"):
                assert word in {one for param in command.params for one in param.opts}, name
        assert not getattr(command, "commands", None), name
        if "entrypoint" in service:
            assert service["entrypoint"][0] == "every"
            assert int(service["entrypoint"][1]) > 0


def test_each_service_is_confined_and_keeps_the_ledger_in_the_volume() -> None:
    for service in SERVICES.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert "ledger:/var/lib/veracore-sync" in service["volumes"]
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        assert service["environment"]["VERACORE_SYNC_LEDGER__PATH"].startswith("/var/lib/")


def test_its_settings_are_understood(tmp_path: Path) -> None:
    for service in SERVICES.values():
        environ = dict(service["environment"])
        for variable, value in environ.items():
            if value.startswith("/run/secrets/"):
                path = tmp_path / Path(value).name
                path.touch(0o600)
                path.write_text("a-secret-of-more-than-thirty-two-characters\n")
                assert path.name in service["secrets"]
                environ[variable] = str(path)
        loaded = load(None, environ)
        assert loaded.unusable == {}
        assert loaded.settings.orders.not_before


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A program that says when it begins, and that a signal reached it."""
    program = tmp_path / "veracore-sync"
    program.write_text(
        "#!/bin/sh\n"
        f"trap 'echo signalled >>{tmp_path}/said; exit 0' TERM\n"
        f'echo "$@" >>{tmp_path}/said\n'
        f"touch {tmp_path}/begun\n"
        '[ "$1" = quick ] || while :; do sleep 0.05; done\n'
    )
    program.chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.parametrize("command", [("sync-orders", "--json"), ("quick",)])
def test_every_starts_the_command_and_hands_the_signal_on(
    path: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    words = ["sh", str(FOLDER / "every"), "5", *command]
    with subprocess.Popen(words, env={"PATH": path}) as process:
        until = time.monotonic() + 600
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    said = (tmp_path / "said").read_text().splitlines()
    assert said[0] == " ".join(command)
    assert said[1:] in ([["signalled"]] if command[0] != "quick" else [[], ["signalled"]])
