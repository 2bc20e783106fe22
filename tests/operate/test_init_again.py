"""``init`` where something is there: what failed half-way, or is to be corrected, in place."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from here_kit import Newcomer
from present import missing

from veracore_sync.cli import init_questions
from veracore_sync.cli.init_questions import QUESTIONS

MINE = """\
# our shop, see the wiki
[vendure]
admin_api_url = "http://127.0.0.1:9/admin-api"  # staging
username = "nobody"
password_file = "vendure_password"

[veracore]
api_url = "http://127.0.0.1:9"
client_id = "id"
client_secret = "inline-secret" # from the vault
company_id = "C"

[orders.freight.express]
carrier = "UPS"   # as agreed
service = "Ground"
"""


@pytest.fixture
def one(tmp_path: Path) -> Newcomer:
    (tmp_path / "c.toml").write_text(MINE)
    (tmp_path / "c.toml").chmod(0o640)
    (tmp_path / "vendure_password").write_text("old-password\n")
    (tmp_path / "vendure_password").chmod(0o600)
    return Newcomer(tmp_path)


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init_questions, "can_ask", lambda: True)


def config(one: Newcomer) -> str:
    return (one.folder / "c.toml").read_text()


def init(one: Newcomer, *arguments: str, code: int = 0, typed: str | None = None) -> Any:
    ended = one.run("--config", "c.toml", "init", "--offline", *arguments, typed=typed)
    assert ended.code == code, ended
    return ended


def test_only_what_is_given_is_changed(one: Newcomer) -> None:
    files = init(one, "--vendure-username", "sync", "--json").json["files"]
    assert files == [str(one.folder / "c.toml")]
    assert config(one) == MINE.replace('"nobody"', '"sync"')
    assert stat.S_IMODE((one.folder / "c.toml").stat().st_mode) == 0o640


def written(one: Newcomer) -> tuple[int, int, int]:
    """What a write would change, and a read does not."""
    found = (one.folder / "c.toml").stat()
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def test_nothing_given_is_nothing_written(one: Newcomer) -> None:
    before = written(one)
    ended = init(one)
    assert "stays as it is" in ended.out
    assert ended.out.count("`veracore-sync") == 1
    assert f"next: `veracore-sync --config {one.folder}/c.toml sync-orders --dry-run`" in ended.out
    assert written(one) == before


@pytest.mark.usefixtures("at_a_terminal")
def test_the_values_that_are_there_are_proposed(one: Newcomer) -> None:
    ended = init(one, typed="\nsync\nnew-password\n\n\n\n\n")
    for shown in ("[http://127.0.0.1:9/admin-api]", "[nobody]", "[id]", "[C]"):
        assert shown in ended.err
    assert "inline-secret" not in ended.err + ended.out
    assert config(one) == MINE.replace('"nobody"', '"sync"')
    secret = one.folder / "vendure_password"
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == ("new-password\n", 0o600)


@pytest.mark.usefixtures("at_a_terminal")
def test_a_secret_in_the_file_is_changed_where_it_stands(one: Newcomer) -> None:
    init(one, typed="\n\n\n\n\nnew-secret\n\n")
    assert config(one) == MINE.replace("inline-secret", "new-secret")
    assert (one.folder / "vendure_password").read_text() == "old-password\n"


@pytest.mark.usefixtures("at_a_terminal")
def test_a_wrong_value_that_is_there_is_asked_for_again(one: Newcomer) -> None:
    (one.folder / "c.toml").write_text(MINE.replace("http://127.0.0.1:9/admin-api", "shop"))
    ended = init(one, typed="\nhttp://127.0.0.1:8/admin-api\n\n\n\n\n\n\n")
    assert "vendure.admin_api_url" in ended.err
    assert "127.0.0.1:8" in config(one)


def test_a_file_for_a_secret_takes_the_place_of_the_one_in_the_configuration(
    one: Newcomer,
) -> None:
    (one.folder / "elsewhere").write_text("s3cret\n")
    init(one, "--client-secret-file", "elsewhere")
    assert "inline-secret" not in config(one)
    assert tomllib.loads(config(one))["veracore"]["client_secret_file"] == "elsewhere"
    assert 'carrier = "UPS"   # as agreed' in config(one)


def test_a_key_needs_no_login(one: Newcomer) -> None:
    text = MINE.replace(
        'username = "nobody"\npassword_file = "vendure_password"', 'api_key = "a-long-key"'
    )
    (one.folder / "c.toml").write_text(text)
    init(one)
    assert config(one) == text


def test_secrets_without_a_configuration_are_kept(one: Newcomer) -> None:
    """As it is after a first `init` whose second file could not be written."""
    (one.folder / "c.toml").unlink()
    (one.folder / "veracore_client_secret").write_text("the-secret\n")
    (one.folder / "veracore_client_secret").chmod(0o600)
    values = {"--vendure-url": "http://127.0.0.1:9/admin-api", "--vendure-username": "a"}
    values |= {"--veracore-url": "http://127.0.0.1:9", "--veracore-client-id": "i"}
    init(one, "--company-id", "C", *[word for pair in values.items() for word in pair])
    assert (one.folder / "vendure_password").read_text() == "old-password\n"
    assert tomllib.loads(config(one))["vendure"]["password_file"] == "vendure_password"
    assert one.run("config", "validate", "c.toml").code == 0


@pytest.mark.parametrize("wrong", ["a = = 1\n", 'vendure = { username = "x" }\n'])
def test_what_cannot_be_changed_says_so_and_stays(one: Newcomer, wrong: str) -> None:
    (one.folder / "c.toml").write_text(wrong)
    values = [word for q in QUESTIONS if not q.file for word in (q.flag, "http://127.0.0.1:9")]
    (one.folder / "pw").write_text("four\n")
    secrets = ["--password-file", "pw", "--client-secret-file", "pw"]
    ended = init(one, *values, *secrets, code=78)
    assert config(one) == wrong
    where = f"`veracore-sync --config {one.folder}/c.toml "
    assert f"{where}init --force`" in ended.err or f"{where}config validate`" in ended.err


def test_a_link_is_followed_and_owners_stay(one: Newcomer) -> None:
    if os.geteuid() != 0:
        missing("only root can give a file to somebody else")
    real = one.folder / "real.toml"
    (one.folder / "c.toml").rename(real)
    os.chown(real, 0, 4242)
    (one.folder / "c.toml").symlink_to(real)
    init(one, "--vendure-username", "sync")
    assert (one.folder / "c.toml").is_symlink()
    assert 'username = "sync"' in real.read_text()
    found = real.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 4242, 0o640)
