"""Nothing configured: every command says so in one sentence, and what leads to a configuration."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from here_kit import Newcomer

from veracore_sync.config import absent, file, shops

ASKING = (
    "sync-orders", "sync-orders --dry-run", "sync-inventory", "sync-tracking", "sync-returns",
    "reconcile", "retry --all", "resolve A --skip", "cancel A", "stats", "stats --check",
    "stats --order A", "deliver", "sign x", "timers", "breaker reset", "probe", "ledger check",
    "ledger prune", "ledger export", "ledger backup x.db", "ledger rebuild", "config validate",
    "config show", "serve-webhooks", "serve-admin",
)  # fmt: skip


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    monkeypatch.setattr(file, "SYSTEM_FILE", tmp_path / "etc/config.toml")
    monkeypatch.setattr(shops, "SYSTEM_FOLDER", tmp_path / "etc/shops")
    return Newcomer(tmp_path)


@pytest.mark.parametrize("command", ASKING)
def test_every_command_names_init_and_where_it_looked(newcomer: Newcomer, command: str) -> None:
    ended = newcomer.run(*shlex.split(command))
    assert ended.code == 78, ended
    first, second, *more = ended.err.splitlines()
    assert not more
    for place in (".config/veracore-sync/config.toml", "etc/config.toml"):
        assert str(newcomer.folder / place) in first
    assert "`veracore-sync init`" in second
    assert list(newcomer.folder.iterdir()) == [], "nothing was made"


def test_doctor_says_it_among_its_lines(newcomer: Newcomer) -> None:
    ended = newcomer.run("doctor", "--json")
    assert ended.code == 78
    [failed] = [one for one in ended.json["findings"] if one["level"] == "fail"]
    assert (failed["name"], "`veracore-sync init`" in failed["todo"]) == ("configuration", True)


def test_a_named_file_that_is_not_there_can_be_written(newcomer: Newcomer) -> None:
    ended = newcomer.run("--config", "b/shop2.toml", "stats")
    wanted = newcomer.folder / "b/shop2.toml"
    assert ended.code == 78
    assert f"`veracore-sync --config {wanted} init`" in ended.err


@pytest.mark.parametrize("name", ["a\nb", "n\udce9a", "a`b'c\\\t", "\u202eb\u200b", "it's $(date)"])
def test_a_file_of_any_name_is_named_as_a_shell_reads_it(newcomer: Newcomer, name: str) -> None:
    ended = newcomer.run("--config", name, "stats")
    [line] = re.findall(r"`veracore-sync --config ([^`]+) init`", ended.err)
    read = subprocess.run(["bash", "-c", f"printf %s {line}"], capture_output=True, check=True)
    assert os.fsdecode(read.stdout) == str(newcomer.folder / name)


@pytest.mark.parametrize("typed", ["--config= stats", "stats --config=", "--all --config= stats"])
def test_an_empty_name_is_neither_the_default_nor_the_folder_here(
    newcomer: Newcomer, typed: str
) -> None:
    (newcomer.folder / "config.toml").write_text("")
    ended = newcomer.run(*typed.split())
    assert ended.code == 2, ended
    assert "'--config': it is empty; name a file or a folder" in ended.err


def test_some_settings_without_a_file_are_no_configuration_to_send_with(
    newcomer: Newcomer,
) -> None:
    newcomer.env["VERACORE_SYNC_LEDGER__PATH"] = str(newcomer.folder / "l.db")
    assert newcomer.run("stats").code == 0
    ended = newcomer.run("sync-orders")
    assert ended.code == 78
    assert "`veracore-sync init`" in ended.err


def test_of_a_folder_of_shops_the_way_in_is_named(newcomer: Newcomer) -> None:
    folder = newcomer.folder / ".config/veracore-sync/shops"
    folder.mkdir(parents=True)
    ended = newcomer.run("stats")
    assert ended.code == 78
    assert f"--config {folder}/NAME.toml" in ended.err
    assert "--all" in ended.err


def test_as_the_wrong_user(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that this user may not look into is no missing file."""
    real = os.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if "etc/config.toml" in str(self):
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, follow_symlinks=follow_symlinks)

    (newcomer.folder / "etc").mkdir()
    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(absent, "as_its_reader", lambda _: "put `sudo -u them` before the command")
    ended = newcomer.run("stats", "--check")
    assert ended.code == 78
    assert "etc/config.toml may not be read by" in ended.err
    assert "`sudo -u them`" in ended.err
