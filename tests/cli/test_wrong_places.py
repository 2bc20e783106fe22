"""As the wrong user, or where nothing can be read or written: the sentence, and the cure of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from here_kit import Newcomer
from present import missing

from veracore_sync.access import as_its_reader, to_write
from veracore_sync.cli import init_files
from veracore_sync.config import file, shops
from veracore_sync.ledger.opening import open_ledger

NOBODY = 65534
CONFIG = """\
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
INIT = (
    "init", "--offline", "--vendure-url", "http://127.0.0.1:9/admin-api", "--vendure-username", "a",
    "--veracore-url", "http://127.0.0.1:9", "--veracore-client-id", "a", "--company-id", "c",
    "--password-file", "pw", "--client-secret-file", "pw",
)  # fmt: skip


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> Iterator[Newcomer]:
    # Not below the tests' own folder, which is closed to everybody else.
    with TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        monkeypatch.setattr(file, "SYSTEM_FILE", folder / "etc/config.toml")
        monkeypatch.setattr(shops, "SYSTEM_FOLDER", folder / "etc/shops")
        (folder / "c.toml").write_text(CONFIG)
        (folder / "pw").write_text("hunter2222\n")
        # Where it goes back to, as whoever it is.
        with chdir(folder):
            yield Newcomer(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    """In this process: another one could not read the interpreter of the tests."""
    if os.geteuid() != 0:
        missing("only root can be somebody else")
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_a_ledger_of_another_user(one: Newcomer) -> None:
    (one.folder / "c.toml").chmod(0o644)
    (one.folder / "pw").chmod(0o644)
    open_ledger(one.folder / "led" / "l.db").close()
    for command in ("stats", "ledger check", "doctor --offline", "breaker reset"):
        # What they import is imported before the user changes.
        assert one.run("--config", "c.toml", *command.split()).code in (0, 74)
    (one.folder / "led").chmod(0o700)
    for command, code in (("stats", 74), ("stats --check", 74), ("breaker reset", 74)):
        with as_nobody():
            ended = one.run("--config", "c.toml", *command.split())
        assert ended.code == code, ended
        assert "put `sudo` before the command" in ended.err
    with as_nobody():
        ended = one.run("--config", "c.toml", "doctor", "--offline", "--json")
    [found] = [one for one in ended.json["findings"] if one["name"] == "ledger"]
    assert "put `sudo` before the command" in found["todo"]


@pytest.mark.parametrize(
    ("file", "folder", "named"),
    [(0o400, 0o700, "the file {}/led/l.db"), (0o600, 0o500, "the folder {}/led,")],
)
def test_a_ledger_that_can_be_read_and_not_written(
    one: Newcomer, file: int, folder: int, named: str
) -> None:
    (one.folder / "c.toml").chmod(0o644)
    (one.folder / "pw").chmod(0o644)
    (one.folder / "link").symlink_to("led/l.db")
    (one.folder / "c.toml").write_text(CONFIG.replace("led/l.db", "link"))
    open_ledger(one.folder / "led" / "l.db").close()
    for command in ("ledger prune", "doctor --offline"):
        assert one.run("--config", "c.toml", *command.split()).code == 0
    for path, mode in ((one.folder / "led/l.db", file), (one.folder / "led", folder)):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(mode)
    for command in ("ledger prune", "doctor --offline"):
        with as_nobody():
            ended = one.run("--config", "c.toml", *command.split())
        assert ended.code == 74, ended
        said = " ".join((ended.out + ended.err).split())
        assert f"correct owner and mode of {named.format(one.folder)}" in said


def test_a_ledger_that_leads_to_itself(one: Newcomer) -> None:
    (one.folder / "led").mkdir()
    (one.folder / "led/l.db").symlink_to("l.db")
    for command in ("sync-orders", "stats", "doctor --offline"):
        ended = one.run("--config", "c.toml", *command.split())
        assert ended.code == 74, ended
        assert "leads to itself" in ended.out + ended.err


def test_a_folder_of_another_user_hides_no_shop(one: Newcomer) -> None:
    (one.folder / "closed").mkdir(mode=0o700)
    (one.folder / "closed/config.toml").touch(0o600)
    with as_nobody():
        ended = one.run("--config", "closed/config.toml", "stats")
        names = [shop.name for shop in shops.shops_in(one.folder)]
    assert ended.code == 78, ended
    assert "may not be read by nobody" in ended.err
    # It is named as one that cannot be read: its orders would wait, and nobody would know.
    assert "closed" in names


def test_a_home_of_another_user_hides_no_folder_of_shops(one: Newcomer) -> None:
    # `runuser -u` keeps the home of root.
    (one.folder / "root").mkdir(mode=0o700)
    shops.SYSTEM_FOLDER.mkdir(parents=True)
    environ = {"HOME": str(one.folder / "root")}
    with as_nobody():
        found = shops.folder_of_shops(None, environ, one.folder, every=True)
    assert found == shops.SYSTEM_FOLDER


def test_a_closed_folder_beside_the_file_of_its_shop_is_no_second_shop(one: Newcomer) -> None:
    # Its ledger's, or what a file system brings along. With an error the other shops of the folder
    # would not be compared with each other any more.
    for name in ("c", "lost+found", ".trash"):
        (one.folder / name).mkdir(mode=0o700)
    with as_nobody():
        assert [shop.name for shop in shops.shops_in(one.folder)] == ["c"]


def test_a_configuration_of_another_user(one: Newcomer) -> None:
    one.run("--config", "c.toml", "stats")
    (one.folder / "c.toml").chmod(0o600)
    with as_nobody():
        ended = one.run("--config", "c.toml", "stats")
    assert ended.code == 78
    assert "may not be read by nobody; it is kept for root: put `sudo` before" in ended.err


def test_the_parser_leaves_an_unreadable_configuration_to_what_reads_it(
    one: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It asks for the real user, whom `as_nobody` leaves as it is.
    monkeypatch.setattr("click.types.os.access", lambda *_, **__: False)
    ended = one.run("--config", "c.toml", "config", "validate")
    assert ended.code == 0, ended


def test_a_secret_of_another_user(one: Newcomer) -> None:
    one.run("--config", "c.toml", "sync-orders")
    (one.folder / "c.toml").chmod(0o644)
    (one.folder / "pw").chmod(0o600)
    with as_nobody():
        ended = one.run("--config", "c.toml", "config", "validate")
    assert ended.code == 78
    assert "vendure.password" in ended.err
    assert ", line 4," in ended.err
    assert "put `sudo` before the command" in ended.err


def test_init_into_a_folder_of_another_user(one: Newcomer) -> None:
    assert one.run(*INIT).code == 0
    (one.folder / ".config/veracore-sync/config.toml").unlink()
    with as_nobody():
        ended = one.run(*INIT)
    assert ended.code == 78
    assert "it is kept for root: put `sudo` before the command" in ended.err
    for folder in (".config", ".config/veracore-sync"):
        (one.folder / folder).chmod(0o755)
    with as_nobody():
        ended = one.run(*INIT)
    assert ended.code == 78
    assert "it is root's: put `sudo` before the command" in ended.err


def test_init_below_a_file(one: Newcomer) -> None:
    ended = one.run("--config", "c.toml/x/config.toml", *INIT)
    assert ended.code == 78
    assert f"{one.folder}/c.toml is a file and not a folder: name another place" in ended.err


def test_init_makes_the_folders_that_are_missing(one: Newcomer) -> None:
    assert one.run("--config", "a/b/config.toml", *INIT).code == 0
    assert (one.folder / "a/b/config.toml").exists()


def test_init_on_a_read_only_file_system(one: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(init_files, "write_whole", refuse)
    ended = one.run("--config", "n.toml", *INIT)
    assert ended.code == 78
    assert "cannot be written (Read-only file system)" in ended.err
    assert f"mount the file system of {one.folder} writable" in ended.err


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EROFS, "writable"),
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.ENOENT, "make the folder"),
        (errno.EISDIR, "is a folder: name a file"),
        (errno.ELOOP, "leads to itself"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EIO, "owner and mode"),
    ],
)
def test_each_reason_has_its_cure(tmp_path: Path, number: int, said: str) -> None:
    assert said in to_write(tmp_path / "a/b", OSError(number, os.strerror(number)))


def test_what_is_ones_own_needs_no_other_user(tmp_path: Path) -> None:
    assert "sudo" not in as_its_reader(tmp_path / "a")
    assert "sudo" not in to_write(tmp_path / "a", PermissionError(errno.EACCES, ""))
