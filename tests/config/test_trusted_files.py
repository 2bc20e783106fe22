"""What a stranger may write, or replace, is not read: kinds, owners, modes and ways by settings."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from present import missing

from veracore_sync.config import load, require
from veracore_sync.config.shops import folder_of_shops
from veracore_sync.domain.errors import ConfigError
from veracore_sync.trusted import MOST_BYTES, Untrusted, check_trusted, read_trusted

STRANGER = 4242


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can look into, as /etc is; tmp_path hides what is in it."""
    if os.geteuid() != 0:
        missing("only root can give a file to somebody else")
    folder = Path(tempfile.mkdtemp(prefix="veracore-sync-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def acting_as_stranger() -> Iterator[None]:
    os.setegid(STRANGER)
    groups = os.getgroups()
    os.setgroups([])
    os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


# ---- every setting that names a file, with every file that must not serve


@dataclass(frozen=True)
class Use:
    """A way to name a file; `work` raises `ConfigError` with 78 if the file is refused."""

    name: str
    content: str
    work: Callable[[Path], object]


def by_option(path: Path) -> object:
    return load(path, {}, cwd=Path("/"))


def by_variable(path: Path) -> object:
    return load(None, {"VERACORE_SYNC_CONFIG": str(path)}, cwd=Path("/"))


def by_search(path: Path) -> object:
    """``~/.config/veracore-sync/config.toml`` leads there."""
    home = Path(tempfile.mkdtemp(prefix="veracore-sync-"))
    try:
        (home / ".config/veracore-sync").mkdir(parents=True)
        (home / ".config/veracore-sync/config.toml").symlink_to(path)
        return load(None, {"HOME": str(home)}, cwd=Path("/"))
    finally:
        shutil.rmtree(home)


def secret(environ: Callable[[Path], Mapping[str, str]], *needs: str) -> Callable[[Path], object]:
    def work(path: Path) -> object:
        loaded = load(None, environ(path), cwd=Path("/"))
        # Nothing else stops because of it.
        for other in {"vendure", "webhooks", "hooks"} - {*needs}:
            with suppress(ConfigError):
                require(loaded.settings, other, unusable={})  # type: ignore[arg-type]
        return require(loaded.settings, *needs, unusable=loaded.unusable)  # type: ignore[arg-type]

    return work


def in_file(path: Path) -> object:
    folder = Path(tempfile.mkdtemp(prefix="veracore-sync-"))
    try:
        config = folder / "c.toml"
        config.write_text(
            "[vendure]\nadmin_api_url = 'https://x/admin-api'\nusername = 'u'\n"
            f"password_file = '{path}'\n"
        )
        loaded = load(config, {}, cwd=Path("/"))
        return require(loaded.settings, "vendure", unusable=loaded.unusable)
    finally:
        shutil.rmtree(folder)


def as_credential(path: Path) -> object:
    folder = Path(tempfile.mkdtemp(prefix="veracore-sync-"))
    try:
        (folder / "webhook_secret").symlink_to(path)
        loaded = load(None, {"CREDENTIALS_DIRECTORY": str(folder)}, cwd=Path("/"))
        return require(loaded.settings, "webhooks", unusable=loaded.unusable)
    finally:
        shutil.rmtree(folder)


KEY = "0123456789abcdef0123456789abcdef"
USES = [
    Use("--config", "[log]\nlevel = 'debug'\n", by_option),
    Use("VERACORE_SYNC_CONFIG", "[log]\nlevel = 'debug'\n", by_variable),
    Use("found in the home", "[log]\nlevel = 'debug'\n", by_search),
    Use("password_file", KEY, in_file),
    Use("a credential", KEY, as_credential),
    Use(
        "VERACORE_WEBHOOK_SECRET_FILE",
        KEY,
        secret(lambda path: {"VERACORE_WEBHOOK_SECRET_FILE": str(path)}, "webhooks"),
    ),
    Use(
        "VERACORE_SYNC_LEDGER__PASSWORD_FILE",
        KEY,
        secret(
            lambda path: {
                "VERACORE_SYNC_LEDGER__PASSWORD_FILE": str(path),
                "VERACORE_SYNC_LEDGER__URL": "postgresql://db/x",
            },
            "ledger",
        ),
    ),
    Use(
        "a secret of several",
        f"{KEY}\n{KEY}0\n",
        secret(lambda path: {"VERACORE_SYNC_WEBHOOKS__SECRETS_FILE": str(path)}, "webhooks"),
    ),
]


def plain(folder: Path, content: str, mode: int = 0o600) -> Path:
    path = folder / "file"
    path.write_text(content)
    path.chmod(mode)
    return path


def fifo(folder: Path, content: str) -> Path:
    os.mkfifo(folder / "file", 0o600)
    return folder / "file"


def unix_socket(folder: Path, content: str) -> Path:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "file"))
    return folder / "file"


def given_away(folder: Path, content: str) -> Path:
    path = plain(folder, content)
    os.chown(path, STRANGER, 0)
    return path


def group_may_write(folder: Path, content: str) -> Path:
    path = plain(folder, content, 0o660)
    os.chown(path, 0, STRANGER)
    return path


def in_open_folder(folder: Path, content: str) -> Path:
    inside = folder / "inside"
    inside.mkdir()
    path = plain(inside, content)
    inside.chmod(0o777)
    return path


def in_folder_of_a_stranger(folder: Path, content: str) -> Path:
    (folder / "a/b").mkdir(parents=True)
    path = plain(folder / "a/b", content)
    os.chown(folder / "a", STRANGER, STRANGER)
    return path


def by_link_of_a_stranger(folder: Path, content: str) -> Path:
    plain(folder, content)
    (folder / "link").symlink_to("file")
    os.lchown(folder / "link", STRANGER, STRANGER)
    return folder / "link"


def by_link_through_open_folder(folder: Path, content: str) -> Path:
    (folder / "direct").symlink_to(in_open_folder(folder, content))
    return folder / "direct"


REFUSED: dict[str, tuple[Callable[[Path, str], Path], str]] = {
    "a pipe": (fifo, "is a pipe, not a file; name a file"),
    "a socket": (unix_socket, "is a socket, not a file; name a file"),
    "a device": (lambda _, __: Path("/dev/zero"), "is a device, not a file; name a file"),
    "a folder": (lambda folder, _: folder, "is a folder, not a file; name a file"),
    "a stranger's": (
        given_away,
        f"belongs to {STRANGER}, neither to root nor to you; if you trust",
    ),
    "written by all": (lambda f, c: plain(f, c, 0o666), "may be written by anybody; if you trust"),
    "written by a group": (group_may_write, "may be written by a group; if you trust"),
    "in an open folder": (in_open_folder, "inside, which may be written by anybody; if you trust"),
    "below a stranger's folder": (in_folder_of_a_stranger, f"/a, which belongs to {STRANGER}, nei"),
    "a stranger's link": (by_link_of_a_stranger, f"belongs to {STRANGER}, neither to root nor to"),
    "a link through an open folder": (by_link_through_open_folder, "/inside, which may be written"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_a_stranger_decides_is_refused(place: Path, kind: str) -> None:
    make, said = REFUSED[kind]
    for number, use in enumerate(USES):
        folder = place / str(number)
        folder.mkdir()
        with pytest.raises(ConfigError) as caught:
            use.work(make(folder, use.content))
        assert caught.value.exit_code == 78, use.name
        assert said in caught.value.message, use.name
        if "if you trust" in caught.value.message:
            assert "run `ch" in caught.value.message, use.name


@pytest.mark.parametrize("kind", ["plain", "kubernetes", "sticky", "root's group", "credentials"])
def test_what_only_root_and_the_caller_decide_is_read(place: Path, kind: str) -> None:
    for number, use in enumerate(USES):
        folder = place / str(number)
        folder.mkdir()
        use.work(_harmless(kind, folder, use.content))


def _harmless(kind: str, folder: Path, content: str) -> Path:
    path = plain(folder, content)
    if kind == "kubernetes":
        # A volume of secrets: sticky, and a link through a link to the newest copy.
        folder.chmod(0o1777)
        (folder / "..2026_11").mkdir()
        plain(folder / "..2026_11", content, 0o644)
        (folder / "..data").symlink_to("..2026_11")
        path = folder / "mounted"
        path.symlink_to("..data/file")
    elif kind == "sticky":
        folder.chmod(0o1777)
    elif kind == "root's group":
        # As made under the umask of a distribution that gives each user a group.
        path.chmod(0o664)
        folder.chmod(0o775)
    elif kind == "credentials":
        folder.chmod(0o500)
        path.chmod(0o440)
    return path


def test_an_access_list_that_lets_a_stranger_write_is_seen(place: Path) -> None:
    """The mode then shows root's own group, as if only root might write."""
    path = plain(place, "x", 0o660)
    assert read_trusted(path).raw == b"x"
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (2, 6, STRANGER), (4, 4, nobody), (16, 6, nobody), (32, 0, nobody)]
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", packed)
    except OSError as error:
        missing(f"this file system has no access lists ({error})")
    with acting_as_stranger():
        path.write_text("y")
    with pytest.raises(Untrusted, match="may be written by a group"):
        read_trusted(path)


def test_a_file_that_grew_is_read_to_its_limit_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    os.truncate(path, MOST_BYTES * 8)
    assert len(read_trusted(path, 100).raw) == 101
    with pytest.raises(ConfigError, match="larger than 16 MB"):
        load(path, {}, cwd=tmp_path)


def test_a_byte_order_mark_of_a_secret_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"\xef\xbb\xbfhush\r\n")
    loaded = load(None, {"VENDURE_PASSWORD_FILE": "s"}, cwd=tmp_path)
    assert loaded.settings.vendure.password.get_secret_value() == "hush"


def test_links_that_go_round_are_an_error_and_no_loop(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "a", {}, cwd=tmp_path)


def test_dots_and_links_lead_to_the_same_file_as_for_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "x/y").mkdir(parents=True)
    (tmp_path / "file").write_text("right")
    (tmp_path / "x/file").write_text("wrong")
    (tmp_path / "to").symlink_to("x/y")
    for name in ("to/../../file", "x/../file", "./file", "to/../y/../../file"):
        assert read_trusted(tmp_path / name).raw.decode() == (tmp_path / name).read_text()


# ---- what PostgreSQL's client reads by itself


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("postgresql://db/x?sslcert={}", ""),
        ("postgresql://db/x?sslkey={}", ""),
        ("postgresql://db/x?sslrootcert={}", ""),
        ("postgresql://db/x?passfile={}", ""),
        ("postgresql://db/x", "PGPASSFILE"),
        ("postgresql://db/x", "PGSSLROOTCERT"),
        ("postgresql:///", "PGSERVICEFILE"),
        ("postgresql://db/x", "HOME"),
    ],
)
def test_a_file_of_postgresqls_client_that_a_stranger_decides_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, url: str, variable: str
) -> None:
    postgres = pytest.importorskip("veracore_sync.ledger.postgres.place")
    path = plain(place, "x")
    if variable == "HOME":
        path = path.rename(place / ".pgpass")
        monkeypatch.setenv("HOME", str(place))
    elif variable:
        monkeypatch.setenv(variable, str(path))
    there = postgres.PostgresPlace(url.replace("{}", str(path)), "shop1")
    there.check()
    for spoil in (lambda: path.chmod(0o666), lambda: (path.unlink(), os.mkfifo(path))):
        spoil()
        with pytest.raises(ConfigError, match=r"may be written|is a pipe") as caught:
            there.check()
        assert (caught.value.exit_code, str(path) in caught.value.message) == (78, True)


# ---- folders of shops


def test_a_folder_of_shops_into_which_others_may_put_files_is_refused(place: Path) -> None:
    place.chmod(0o777)
    with pytest.raises(ConfigError, match="may be written by anybody") as caught:
        folder_of_shops(place, {}, Path("/"), every=False)
    assert (caught.value.exit_code, f"chmod go-w {place}" in caught.value.hint) == (78, True)
    place.chmod(0o755)
    assert folder_of_shops(place, {}, Path("/"), every=False) == place


# ---- the working directory


@pytest.mark.parametrize("also", ["nothing", "another", "the same"])
def test_a_config_here_that_nobody_named_is_never_read(tmp_path: Path, also: str) -> None:
    here = tmp_path / "here"
    (tmp_path / "veracore-sync").mkdir()
    here.mkdir()
    (here / "config.toml").write_text("[log]\nlevel = 'debug'\n")
    if also == "another":
        (tmp_path / "veracore-sync/config.toml").write_text("")
    if also == "the same":
        (tmp_path / "veracore-sync/config.toml").symlink_to(here / "config.toml")
        assert load(None, {"XDG_CONFIG_HOME": str(tmp_path)}, cwd=here).path is not None
        return
    with pytest.raises(ConfigError, match="no longer read unless it is named") as caught:
        load(None, {"XDG_CONFIG_HOME": str(tmp_path)}, cwd=here)
    assert (caught.value.exit_code, "say --config" in caught.value.message) == (78, True)
    assert load(here / "config.toml", {}, cwd=here).settings.log.level == "debug"


def test_a_stranger_cannot_stop_a_command_with_a_config_here(place: Path) -> None:
    place.chmod(0o1777)
    given_away(place, "[hooks]\ncommand = 'id'\n").rename(place / "config.toml")
    loaded = load(None, {}, cwd=place)
    assert (loaded.path, loaded.settings.hooks.command) == (None, ())
    assert "is not read" in loaded.warnings[0]


def test_a_folder_that_may_not_be_looked_into_holds_no_config(place: Path) -> None:
    """``sudo -u veracore-sync`` in root's home."""
    (place / "config.toml").touch()
    place.chmod(0o700)
    with acting_as_stranger():
        assert load(None, {}, cwd=place).warnings == ()


# ---- a property: what is read, a stranger really cannot change

MODES = [0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o755, 0o775, 0o777, 0o1777, 0o2775]
steps = st.lists(
    st.tuples(
        st.sampled_from(MODES), st.sampled_from([0, STRANGER]), st.sampled_from([0, STRANGER])
    ),
    min_size=3,
    max_size=3,
)


@given(
    way=steps,
    link=st.sampled_from(["", "file", "folder"]),
    link_owner=st.sampled_from([0, STRANGER]),
)
@settings(max_examples=50)
def test_what_is_accepted_no_stranger_can_write_or_replace(
    way: list[tuple[int, int, int]], link: str, link_owner: int
) -> None:
    if os.geteuid() != 0:
        missing("only root can give a file to somebody else")
    base = Path(tempfile.mkdtemp(prefix="veracore-sync-"))
    base.chmod(0o755)
    try:
        folder, inner = base / "folder", base / "folder/inner"
        inner.mkdir(parents=True)
        file = inner / "file"
        file.write_text("content")
        named, all_steps = file, [folder, inner, file]
        if link:
            named = base / "link"
            named.symlink_to(file if link == "file" else inner)
            os.lchown(named, link_owner, link_owner)
            all_steps.append(named)
            named = named if link == "file" else named / "file"
        for step, (mode, owner, group) in zip((folder, inner, file), way, strict=True):
            os.chown(step, owner, group)
            # Searchable, or the stranger would be kept out by more than what is looked at.
            step.chmod(mode | 0o111 if step != file else mode)
        try:
            accepted = read_trusted(named).raw == b"content"
        except Untrusted:
            accepted = False
        with acting_as_stranger():
            changed = [step for step in all_steps if can_change(step)]
        assert accepted == (not changed), (accepted, changed)
    finally:
        shutil.rmtree(base)


def can_change(step: Path) -> bool:
    """Whether the caller can write this step of the way, replace it, or give itself the right."""
    for act in (_write, _rename, _chmod):
        with suppress(OSError):
            act(step)
            return True
    return False


def _write(step: Path) -> None:
    if step.is_dir():
        if step.stat().st_mode & stat.S_ISVTX:
            raise OSError
        (step / "new").touch()
        (step / "new").unlink()
    elif not step.is_symlink():
        os.close(os.open(step, os.O_WRONLY))
    else:
        raise OSError


def _rename(step: Path) -> None:
    other = step.with_name(step.name + "2")
    step.rename(other)
    other.rename(step)


def _chmod(step: Path) -> None:
    if step.is_symlink():
        os.lchown(step, -1, os.getegid())
    else:
        step.chmod(stat.S_IMODE(step.stat().st_mode))


def test_a_folder_is_checked_without_opening_it(tmp_path: Path) -> None:
    assert check_trusted(tmp_path, folder=True) == tmp_path.resolve()
    with pytest.raises(Untrusted, match="is a folder, not a file"):
        check_trusted(tmp_path)
