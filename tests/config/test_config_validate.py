"""``config validate``: every fault of a file with its key and line; nothing is asked or made."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from here_kit import Newcomer

RIGHT = """\
[vendure]
admin_api_url = "http://127.0.0.1:9/admin-api"
username = "sync"
password_file = "pw"

[veracore]
api_url = "http://127.0.0.1:9"
client_id = "sync"
client_secret = "hunter2222"
company_id = "c"

[ledger]
path = "led/l.db"
"""


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    (tmp_path / "pw").write_text("hunter2222\n")
    (tmp_path / "pw").chmod(0o600)
    write(tmp_path / "c.toml", RIGHT)
    return Newcomer(tmp_path)


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_what_is_right_is_one_sentence(one: Newcomer) -> None:
    ended = one.run("config", "validate", "c.toml")
    assert (ended.code, ended.out, ended.err) == (0, f"{one.folder}/c.toml is right\n", "")
    assert one.run("--config", "c.toml", "config", "validate").out == ended.out
    document = one.run("config", "validate", "c.toml", "--json").json
    assert document == {"path": f"{one.folder}/c.toml", "valid": True, "warnings": []}
    assert not (one.folder / "led").exists()
    assert not (one.folder / ".local").exists()


def test_every_fault_has_its_key_and_line(one: Newcomer) -> None:
    wrong = "[orders]\nworkers = 0\n[lgr]"
    text = RIGHT.replace("client_id", "clientid").replace("[ledger]", wrong)
    write(one.folder / "c.toml", text)
    ended = one.run("config", "validate", "c.toml")
    lines = [line for line in ended.err.splitlines() if line.startswith("  - ")]
    assert (ended.code, len(lines)) == (78, 3)
    for said in ("veracore.clientid (", "line 8): there", "line 13): must be", "lgr ("):
        assert said in ended.err
    document = one.run("config", "validate", "c.toml", "--json").json
    assert (document["valid"], len(document["error"]["problems"])) == (False, 3)


def test_what_cannot_be_read_and_what_is_missing_are_told_together(one: Newcomer) -> None:
    (one.folder / "pw").unlink()
    write(one.folder / "c.toml", RIGHT.replace('company_id = "c"\n', ""))
    ended = one.run("config", "validate", "c.toml")
    assert ended.code == 78
    assert "vendure.password" in ended.err
    assert ", line 4, " in ended.err
    assert "veracore.company_id is missing" in ended.err
    assert "hunter2222" not in ended.err


def test_the_environment_counts_as_for_every_command(one: Newcomer) -> None:
    write(one.folder / "c.toml", RIGHT.replace('company_id = "c"\n', ""))
    one.env["VERACORE_COMPANY_ID"] = "c"
    assert one.run("config", "validate", "c.toml").code == 0


@pytest.mark.parametrize("text", ["a = = 1\n", "[vendure\n", '[a]\nb = "\n'])
def test_what_is_no_toml_names_the_line(one: Newcomer, text: str) -> None:
    write(one.folder / "c.toml", text)
    ended = one.run("config", "validate", "c.toml")
    assert ended.code == 78
    assert "at line" in ended.err


def test_of_a_folder_each_shop_is_told(one: Newcomer) -> None:
    shops = one.folder / "shops"
    shops.mkdir()
    write(shops / "a.toml", RIGHT.replace('"pw"', '"../pw"'))
    write(shops / "b.toml", "[log]\nlevel = 3\n")
    ended = one.run("config", "validate", "shops")
    assert ended.code == 78
    assert f"{shops}/a.toml is right" in ended.out
    assert f"(file {shops}/b.toml, line 2)" in ended.err
