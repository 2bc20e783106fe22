"""What a shell completes: commands, options, and values from the ledger and of this program."""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commands_kit import whole_program
from present import missing
from typer.testing import CliRunner

from veracore_sync.cli import completion, known_names
from veracore_sync.cli.app import app
from veracore_sync.domain.differences import DifferenceType
from veracore_sync.domain.errors import Category
from veracore_sync.domain.order_records import Discovery
from veracore_sync.ledger import open_ledger

ROOT = Path(__file__).parents[2]
FREE = {
    "COUNT", "DATE", "DAYS", "HOST", "ID", "N", "NAME", "PORT", "REASON", "SECONDS", "URL", "BODY"
}  # fmt: skip
"""Values that nobody can know."""
FILES = {"DIR", "FILE", "PATH", "PLACE"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("completion")
    path = folder / "ledger.db"
    with closing(open_ledger(path)) as ledger:
        ledger.transitions.discover(
            Discovery(code, code, None)
            for code in ("AB12", "AB34", "CD56", "X; rm -rf ~", "$(id)", "a b", "A'B")
        )
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE orders SET state = 'parked' WHERE code = 'AB34'")
        raw.executemany(
            "INSERT INTO stock_skus (key, sku, state, missing) VALUES (?, ?, 'known', 0)",
            [("mug", "MUG-BLUE"), ("tee", "TEE-M")],
        )
    shops = folder / "config" / "veracore-sync" / "shops"
    shops.mkdir(parents=True)
    for name in ("one", "two"):
        (shops / f"{name}.toml").touch(0o600)
    return {
        "VERACORE_SYNC_LEDGER__PATH": str(path),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_STATE_HOME": str(folder),
    }


@pytest.fixture
def offered(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def of(line: str, **more: str) -> list[str]:
        words = line.split(" ")
        asked = {
            "_VERACORE_SYNC_COMPLETE": "complete_bash",
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        for name in [name for name in os.environ if name.startswith("VERACORE")]:
            monkeypatch.delenv(name)
        done = CliRunner().invoke(
            app, [], prog_name="veracore-sync", env={**environment, **asked, **more}
        )
        assert (done.exit_code, done.stderr) == (0, ""), done.exception
        return done.stdout.split()

    return of


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("veracore-sync sync-o", {"sync-orders"}),
        ("veracore-sync ledger re", {"restore", "rebuild", "rebind"}),
        ("veracore-sync sync-orders --dr", {"--dry-run"}),
        ("veracore-sync sync-orders --conf", {"--config"}),
        ("veracore-sync sync-tracking --order ", {"AB12", "AB34", "CD56"}),
        ("veracore-sync sync-tracking --order A", {"AB12", "AB34"}),
        ("veracore-sync stats --order C", {"CD56"}),
        ("veracore-sync retry ", {"AB34"}),
        ("veracore-sync retry AB34 ", {"AB34"}),
        ("veracore-sync cancel CD", {"CD56"}),
        ("veracore-sync sync-inventory --sku M", {"MUG-BLUE"}),
        ("veracore-sync sync-inventory --sku MUG-BLUE --sku ", {"MUG-BLUE", "TEE-M"}),
        ("veracore-sync breaker reset v", {"vendure", "veracore"}),
        ("veracore-sync retry --class ti", {"timeout"}),
        ("veracore-sync --log-level w", {"warning"}),
        ("veracore-sync stats --log-format ", {"text", "json"}),
        (
            "veracore-sync reconcile --type allocated_short,tra",
            {"allocated_short,tracking_differs"},
        ),
        ("veracore-sync ledger backup ", set()),
        ("veracore-sync sync-orders --limit ", set()),
    ],
)
def test_what_is_offered(offered: Any, line: str, found: set[str]) -> None:
    assert set(offered(line)) == found


def test_a_secret_among_the_settings_hides_no_order(offered: Any) -> None:
    assert offered("veracore-sync retry ", VERACORE_SYNC_VENDURE__PASSWORD="secret") == ["AB34"]


def test_all_of_a_kind(offered: Any) -> None:
    assert set(offered("veracore-sync reconcile --apply ")) == set(map(str, DifferenceType))
    assert set(offered("veracore-sync retry --class ")) == set(map(str, Category))
    names = [path.rsplit("/", 1)[-1] for path in offered("veracore-sync --config ")]
    assert names == ["one.toml", "two.toml"]
    assert offered("veracore-sync stats --config x") == []


def test_no_configuration_no_ledger_and_a_broken_one_say_nothing(
    offered: Any, tmp_path: Path
) -> None:
    line = "veracore-sync stats --order "
    missing = tmp_path / "none.db"
    assert offered(line, VERACORE_SYNC_LEDGER__PATH=str(missing)) == []
    assert not missing.exists()
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"nothing of the kind")
    assert offered(line, VERACORE_SYNC_LEDGER__PATH=str(broken)) == []
    assert offered(f"veracore-sync --config {missing} stats --order ") == []
    assert offered(f"veracore-sync stats --config {missing} --order ") == []
    url = "postgresql://nobody@127.0.0.1:1/none"
    assert offered(line, VERACORE_SYNC_LEDGER__URL=url) == []


def test_a_server_that_is_silent_does_not_keep_the_shell(
    offered: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_names, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(
        "veracore_sync.composition.container.Container.ledger", property(lambda _: _for_ever())
    )
    assert offered("veracore-sync stats --order ") == []


def _for_ever() -> None:
    while True:
        pass


def test_every_value_is_completed_or_cannot_be_known() -> None:
    def metavars(command: Any) -> Iterator[str]:
        for one in command.params:
            if one.param_type_name == "argument" or not (one.is_flag or one.count):
                yield str(one.metavar or one.name.upper())
        for inside in getattr(command, "commands", {}).values():
            yield from metavars(inside)

    assert set(metavars(whole_program())) - {*completion.VALUES, *FREE, *FILES} == set()


# ---- the shells ---------------------------------------------------------------------------------


def test_the_files_are_the_script_s() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "supply")
        files = importlib.import_module("completions").files()
    folder = ROOT / "completions"
    assert files == {path.name: path.read_text() for path in folder.iterdir()}, (
        "run: python supply/completions.py"
    )


SHELLS = {
    "bash": (
        "source completions/veracore-sync; COMP_WORDS=(veracore-sync stats --order A); "
        "COMP_CWORD=3; _veracore_sync_completion veracore-sync; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    ),
    "fish": ("source completions/veracore-sync.fish; complete -C 'veracore-sync stats --order A'"),
    "zsh": (
        "compdef() { : }; source completions/_veracore-sync; "
        "_arguments() { print -rl -- ${=${${1#*'(('}%'))'}} }; "
        "words=(veracore-sync stats --order A); CURRENT=4; _veracore_sync_completion"
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(shell: str, environment: dict[str, str], tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        missing(f"{shell} is missing")
    command = tmp_path / "veracore-sync"
    command.write_text(f'#!/bin/sh\nexec {Path(sys.executable).parent}/veracore-sync "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        [program, "-c", SHELLS[shell]],
        env={**environment, "PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert {one.strip('"') for one in done.stdout.split()} == {"AB12", "AB34"}
