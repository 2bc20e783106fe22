"""``init``: what it asks, what it writes, what it never touches."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from present import missing
from rig import Ended, Rig
from terminal_kit import on_terminal

from veracore_sync.cli.init_config import NEXT
from veracore_sync.cli.init_files import ledger_of
from veracore_sync.cli.init_questions import QUESTIONS
from veracore_sync.config.example import example
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        yield Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)


@pytest.fixture
def flags(rig: Rig, tmp_path: Path) -> dict[str, str]:
    """Every flag, rightly."""
    for name, text in (("pw", rig.password), ("cs", "sandbox")):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    return {
        "--vendure-url": rig.shop_url,
        "--vendure-username": rig.username,
        "--password-file": str(tmp_path / "pw"),
        "--veracore-url": rig.sandbox.url,
        "--veracore-client-id": "sandbox",
        "--client-secret-file": str(tmp_path / "cs"),
        "--company-id": "SANDBOX",
    }


def words(flags: dict[str, str]) -> list[str]:
    return [word for pair in flags.items() for word in pair]


def bare_environment(rig: Rig) -> dict[str, str]:
    kept = {k: v for k, v in rig.environment.items() if not k.startswith(("VERACORE", "VENDURE"))}
    ledger = {"VERACORE_SYNC_LEDGER__PATH": str(rig.ledger_path)}
    return kept | ledger | {"VERACORE_SYNC_CONFIG": str(rig.folder / "config.toml")}


def init(rig: Rig, *arguments: str, before: tuple[str, ...] = ()) -> Ended:
    done = subprocess.run(
        rig.command(*before, "init", *arguments),
        env=bare_environment(rig),
        cwd=rig.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def settings_in(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def test_flags_alone_give_a_configuration_that_works(rig: Rig, flags: dict[str, str]) -> None:
    ended = init(rig, *words(flags))
    assert ended.code == 0, (ended.out, ended.err)
    assert NEXT in ended.out
    path = rig.folder / "config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = settings_in(path)
    assert datetime.now(UTC) - found["orders"].pop("not_before") < timedelta(minutes=2)
    assert found.pop("vendure") == {
        "admin_api_url": rig.shop_url,
        "username": rig.username,
        "password_file": "pw",
    }
    assert found.pop("veracore")["client_secret_file"] == "cs"
    assert not any(found.values())
    done = subprocess.run(
        rig.command("sync-orders", "--dry-run"), env=bare_environment(rig), cwd=rig.folder
    )
    assert done.returncode == 0


def test_it_is_the_example_with_seven_answers_and_a_moment(rig: Rig, flags: dict[str, str]) -> None:
    init(rig, *words(flags), "--offline")
    ours = (ROOT / "config.example.toml").read_text().splitlines()
    written = (rig.folder / "config.toml").read_text().splitlines()
    assert len(ours) == len(written)
    assert sum(a != b for a, b in zip(ours, written, strict=True)) == len(QUESTIONS) + 1


def test_a_file_that_is_there_is_only_written_over_with_force(
    rig: Rig, flags: dict[str, str]
) -> None:
    path = rig.folder / "config.toml"
    path.write_text("# mine\n")
    ended = init(rig, *words(flags), "--json")
    assert ended.code == 0, ended.out
    assert path.read_text().startswith("# mine\n")
    ended = init(rig, *words(flags), "--force", "--json", "--offline")
    assert ended.code == 0
    assert ended.json["files"] == [str(path)]
    assert ended.json["findings"] == []
    assert "# mine" not in path.read_text()
    assert [one.name for one in rig.folder.iterdir() if one.name.startswith(".")] == []


def test_config_says_where_it_is_written(rig: Rig, flags: dict[str, str]) -> None:
    path = rig.folder / "etc" / "shop.toml"
    ended = init(rig, *words(flags), "--json", before=("--config", str(path)))
    assert ended.code == 0, ended.out
    assert ended.json["path"] == str(path)
    assert settings_in(path)["vendure"]["password_file"] == flags["--password-file"]
    assert {one["level"] for one in ended.json["findings"]} <= {"ok", "warn"}
    assert not (rig.folder / "config.toml").exists()


@pytest.mark.parametrize("flag", [one.flag for one in QUESTIONS])
def test_off_a_terminal_what_is_missing_is_named(
    rig: Rig, flags: dict[str, str], flag: str
) -> None:
    del flags[flag]
    ended = init(rig, *words(flags))
    assert ended.code == 2
    assert flag in ended.err
    assert not (rig.folder / "config.toml").exists()


@pytest.mark.parametrize(
    ("flag", "value", "code"),
    [
        ("--vendure-url", "not an address", 78),
        ("--veracore-url", "ftp://x", 78),
        ("--password-file", "/nowhere/at/all", 2),
    ],
)
def test_a_wrong_answer_writes_nothing(
    rig: Rig, flags: dict[str, str], flag: str, value: str, code: int
) -> None:
    ended = init(rig, *words(flags | {flag: value}))
    assert ended.code == code
    assert flag in ended.err
    assert not (rig.folder / "config.toml").exists()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"--veracore-client-id": "nobody"}, 77),
        ({"--veracore-url": "http://127.0.0.1:9"}, 69),
        ({"--vendure-username": "nobody"}, 77),
    ],
)
def test_a_failing_connection_is_told_and_the_file_stays(
    rig: Rig, flags: dict[str, str], changed: dict[str, str], code: int
) -> None:
    ended = init(rig, *words(flags | changed))
    assert ended.code == code
    assert "veracore-sync doctor" in ended.out
    assert (rig.folder / "config.toml").exists()


def test_a_folder_that_may_not_be_written(rig: Rig, flags: dict[str, str]) -> None:
    (rig.folder / "file").write_text("")
    ended = init(rig, *words(flags), before=("--config", str(rig.folder / "file" / "c.toml")))
    assert ended.code == 78
    assert "--config" in ended.err


def test_without_a_name_it_is_written_where_every_command_looks(
    rig: Rig, flags: dict[str, str], tmp_path: Path
) -> None:
    rig.env["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    env = {k: v for k, v in bare_environment(rig).items() if k != "VERACORE_SYNC_CONFIG"}
    command = rig.command("init", *words(flags), "--offline", "--json")
    done = subprocess.run(command, env=env, cwd=rig.folder, capture_output=True, text=True)
    path = tmp_path / "xdg/veracore-sync/config.toml"
    assert (done.returncode, json.loads(done.stdout)["path"]) == (0, str(path))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_root_writes_for_the_group_of_the_units_and_never_beside_strangers(
    rig: Rig, flags: dict[str, str], tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        missing("only root can give a file to somebody else")
    folder = tmp_path / "etc"
    folder.mkdir()
    os.chown(folder, 0, 4242)
    folder.chmod(0o770)
    before = ("--config", str(folder / "config.toml"))
    ended = init(rig, *words(flags), "--offline", before=before)
    assert (ended.code, list(folder.iterdir())) == (78, [])
    assert f"chmod go-w {folder}" in ended.err
    folder.chmod(0o750)
    assert init(rig, *words(flags), "--offline", before=before).code == 0
    found = (folder / "config.toml").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o640, 0, 4242)
    before = ("--config", str(folder / "shops/shop1/config.toml"))
    assert init(rig, *words(flags), "--offline", before=before).code == 0
    for made, mode in (
        ("shops", 0o750),
        ("shops/shop1", 0o750),
        ("shops/shop1/config.toml", 0o640),
    ):
        found = (folder / made).stat()
        assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (mode, 0, 4242)


def typing(rig: Rig, answers: list[str], *arguments: str) -> tuple[int, str]:
    command = rig.command("init", *arguments)
    return on_terminal(command, bare_environment(rig), rig.folder, answers=answers)


def test_on_a_terminal_it_asks_and_asks_again(rig: Rig) -> None:
    answers = [
        "shop",
        rig.shop_url,
        rig.username,
        rig.password,
        rig.sandbox.url,
        "sandbox",
        "sandbox-hidden",
        "SANDBOX",
    ]
    code, seen = typing(rig, answers)
    assert code == 77, seen
    assert "vendure.admin_api_url" in seen
    assert "sandbox-hidden" not in seen
    secret = rig.folder / "veracore_client_secret"
    assert secret.read_text() == "sandbox-hidden\n"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    text = (rig.folder / "config.toml").read_text()
    assert 'client_secret_file = "veracore_client_secret"' in text
    assert "sandbox-hidden" not in text
    # What is there is proposed: only the secret is typed again.
    code, seen = typing(rig, ["", "", "", "", "", "sandbox", ""])
    assert code == 0, seen
    assert f"[{rig.shop_url}]" in seen
    assert secret.read_text() == "sandbox\n"
    assert (rig.folder / "config.toml").read_text() == text
    assert typing(rig, [*answers[1:6], "sandbox", "SANDBOX"], "--force")[0] == 0


def test_an_empty_line_is_no_answer_and_ctrl_d_ends_it(rig: Rig) -> None:
    code, _ = typing(rig, ["", "\x04"])
    assert code == 130
    assert not (rig.folder / "config.toml").exists()


def test_an_answer_that_is_no_setting_is_an_error() -> None:
    with pytest.raises(KeyError):
        example({"vendure.nope": "x"})


def test_the_units_configuration_names_the_ledger_in_their_state_directory(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert ledger_of(tmp_path / ".config/veracore-sync/config.toml", home) == {}
    given = ledger_of(Path("/etc/veracore-sync/config.toml"), home)
    text = example(given)
    assert tomllib.loads(text)["ledger"] == {"path": "/var/lib/veracore-sync/ledger.db"}
    # One of its own for what no command finds by itself: the default is one for all.
    for file, place in (
        (tmp_path / "shop2.toml", f"{tmp_path}/.local/state/veracore-sync/shop2/ledger.db"),
        (Path("/etc/veracore-sync/shops/a/config.toml"), "/var/lib/veracore-sync/a/ledger.db"),
        (Path("/etc/veracore-sync/shops/b.toml"), "/var/lib/veracore-sync/b/ledger.db"),
    ):
        assert ledger_of(file, home) == {"ledger.path": place}
    assert (
        "StateDirectory=veracore-sync"
        in (ROOT / "systemd" / "veracore-sync-orders.service").read_text()
    )


def test_the_units_find_all_of_it_among_their_credentials(
    rig: Rig, flags: dict[str, str], tmp_path: Path
) -> None:
    """As systemd hands it over: copies beside one another, which a group may read."""
    init(rig, *words(flags))
    given = tmp_path / "credentials"
    given.mkdir()
    for name in ("config.toml", "pw", "cs"):
        (given / name).write_bytes((rig.folder / name).read_bytes())
        (given / name).chmod(0o440)
        (rig.folder / name).unlink()
    done = subprocess.run(
        rig.command("config", "show", "--json"),
        env=bare_environment(rig)
        | {"VERACORE_SYNC_CONFIG": str(given / "config.toml"), "CREDENTIALS_DIRECTORY": str(given)},
        cwd="/",
        capture_output=True,
        text=True,
    )
    ended = Ended(done.returncode, done.stdout, done.stderr)
    assert ended.code == 0, ended.out
    assert ended.json["warnings"] == []
    [origin] = [one["origin"] for one in ended.json["settings"] if one["key"] == "vendure.password"]
    assert str(given / "pw") in origin


def test_http_to_another_machine_takes_a_word(rig: Rig, flags: dict[str, str]) -> None:
    flags["--vendure-url"] = "http://shop.example/admin-api"
    refused = init(rig, *words(flags), "--offline")
    assert refused.code == 78
    assert "vendure.allow_http" in refused.err
    assert init(rig, *words(flags), "--offline", "--allow-http").code == 0
    assert settings_in(rig.folder / "config.toml")["vendure"]["allow_http"] is True
