"""The one door to the ledger's file: nothing else opens it, and a replaced file is noticed."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.domain.errors import LedgerError, LockHeld
from veracore_sync.domain.order_records import Discovery
from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.sqlite.file import LedgerReplaced, companions, restore_marker
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop

DOOR = "ledger/sqlite/file.py"

# Runs a command as it is run always, and reports whoever opens a database file beside SQLite, or
# connects to one by another way than the door. SQLite's own opening raises no audit event.
WATCHED = f"""
import json, os, sys
ledger, report = sys.argv[1:3]
ours = {{ledger, ledger + "-wal", ledger + "-shm"}}
found = []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        if os.path.realpath(os.fsdecode(arguments[0])) in ours and os.path.lexists(arguments[0]):
            if not arguments[2] & os.O_EXCL:
                found.append(f"open {{arguments[0]}}")
    if event == "sqlite3.connect":
        frame = sys._getframe(1)
        if not frame.f_code.co_filename.endswith("{DOOR}"):
            found.append(f"connect in {{frame.f_code.co_filename}}")

sys.addaudithook(watch)
sys.argv = ["veracore-sync", *sys.argv[3:]]
from veracore_sync.__main__ import main
try:
    main()
finally:
    open(report, "w").write(json.dumps(found))
"""

COMMANDS = (
    ("sync-orders", "--allow-first-run"),
    ("sync-inventory", "--allow-mass-change"),
    ("sync-tracking",),
    ("retry", "--all"),
    ("deliver",),
    ("stats",),
    ("stats", "--check"),
    ("doctor",),
    ("breaker", "reset"),
    ("sync-orders", "--dry-run"),
    ("ledger", "check"),
    ("ledger", "prune"),
    ("ledger", "export"),
    ("ledger", "backup", "copy.db"),
    ("ledger", "restore", "copy.db"),
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        shop.state.place_order([("MUG", 2)])
        yield Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)


def test_no_command_opens_the_ledger_beside_sqlite(rig: Rig) -> None:
    report = rig.folder / "report.json"
    with closing(open_ledger(rig.ledger_path)):
        # Open all the time, as beside a listener: closing its descriptors would drop locks there.
        for command in COMMANDS:
            words = [str(rig.folder / one) if one == "copy.db" else one for one in command]
            arguments = [sys.executable, "-c", WATCHED, str(rig.ledger_path), str(report), *words]
            subprocess.run(arguments, env=rig.environment, capture_output=True, timeout=60)
            assert report.read_text() == "[]", command
            report.unlink()


@pytest.mark.parametrize("how", ["second ledger", "backup", "check of a lock", "read only"])
def test_locks_outlive_what_this_process_does_beside(tmp_path: Path, how: str) -> None:
    """A second process must see that the first one is there, or it removes the log."""
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as ledger:
        ledger.meta.put("before", "1")
        if how == "second ledger":
            open_ledger(path).close()
        elif how == "backup":
            ledger.upkeep.backup(tmp_path / "copy.db")
        elif how == "check of a lock":
            ledger.runs.is_running("orders")
        else:
            open_ledger(path, read_only=True).close()
        writes = (
            "from veracore_sync.ledger import open_ledger; from pathlib import Path; import sys\n"
        )
        writes += "one = open_ledger(Path(sys.argv[1])); one.meta.put('other', '1'); one.close()"
        subprocess.run([sys.executable, "-c", writes, str(path)], check=True)
        assert deleted_descriptors() == []
        ledger.meta.put("after", "1")
        with closing(open_ledger(path, read_only=True)) as other:
            assert [other.meta.get(key) for key in ("before", "other", "after")] == ["1", "1", "1"]


def deleted_descriptors() -> list[str]:
    links = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(one.readlink()))
    return [link for link in links if "ledger.db" in link and link.endswith("(deleted)")]


def move(path: Path) -> None:
    for one in (path, *companions(path)):
        if one.exists():
            one.rename(one.with_name("moved-" + one.name))


def replace(path: Path) -> None:
    move(path)
    open_ledger(path).close()


def restore_by_hand(path: Path) -> None:
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


def remove_log(path: Path) -> None:
    companions(path)[0].unlink()


@pytest.mark.parametrize("what", [move, replace, restore_by_hand, remove_log])
@pytest.mark.parametrize("use", ["write", "read"])
def test_a_ledger_that_is_no_longer_there_is_noticed(tmp_path: Path, what, use: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as ledger:
        ledger.meta.put("a", "1")
        what(path)
        with pytest.raises(LedgerReplaced) as caught:
            if use == "write":
                ledger.transitions.discover([Discovery("A", "1", None)])
            else:
                ledger.orders.counts()
        assert (caught.value.exit_code, str(path) in caught.value.message) == (74, True)


def test_what_was_committed_to_an_orphan_is_not_taken_for_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as ledger:
        ledger.meta.put("a", "1")
        with pytest.raises(LedgerReplaced), ledger.database.transaction():
            move(path)


def test_a_link_that_leads_elsewhere_later_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    link = tmp_path / "link"
    link.symlink_to("one")
    open_ledger(tmp_path / "two" / "ledger.db").close()
    with closing(open_ledger(link / "ledger.db")) as ledger:
        link.unlink()
        link.symlink_to("two")
        with pytest.raises(LedgerReplaced):
            ledger.meta.put("a", "1")


def test_a_forked_process_neither_uses_nor_closes_it(tmp_path: Path) -> None:
    with closing(open_ledger(tmp_path / "ledger.db")) as ledger:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                ledger.meta.put("child", "1")
            except LedgerReplaced:
                ledger.close()
                code = 0
            os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        ledger.meta.put("parent", "1")
        assert ledger.meta.get("child") is None


def test_a_link_and_its_target_are_one_ledger(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = tmp_path / "real" / "ledger.db"
    by_file, by_folder = tmp_path / "by-file.db", tmp_path / "by-folder"
    by_file.symlink_to(path)
    by_folder.symlink_to("real")
    with closing(open_ledger(path)) as one, one.runs.lock("orders", "sync-orders"):
        for name in (by_file, by_folder / "ledger.db"):
            with closing(open_ledger(name)) as other:
                assert other.runs.is_running("orders")
                with pytest.raises(LockHeld), other.runs.lock("orders", "sync-orders"):
                    pass


def test_a_link_to_nothing_yet_makes_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "ledger.db")
    with closing(open_ledger(link)) as ledger:
        assert ledger.path == tmp_path / "ledger.db"


def test_two_names_of_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    os.link(path, tmp_path / "other.db")
    for name in (path, tmp_path / "other.db"):
        with pytest.raises(LedgerError, match="2 names") as caught:
            open_ledger(name)
        assert "-samefile" in caught.value.hint


@pytest.mark.parametrize("what", ["folder", "fifo"])
def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path, what: str) -> None:
    path = tmp_path / "ledger.db"
    if what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(LedgerError, match="not a file"):
        open_ledger(path)


def test_a_ledger_that_is_being_restored_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    restore_marker(path).touch()
    with pytest.raises(LedgerError, match="restore"):
        open_ledger(path)


def test_a_new_ledger_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_ledger(tmp_path / "new" / "ledger.db").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "ledger.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("mounts", "words"),
    [
        ("x / ext4 rw 0 0\n{ledger} {ledger} ext4 rw 0 0", "mounted as a single file"),
        ("x / ext4 rw 0 0\nserver:/share {folder} nfs4 rw 0 0", "is on nfs4"),
        ("x / ext4 rw 0 0", None),
    ],
)
def test_doctor_tells_where_a_ledger_must_not_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, words: str | None
) -> None:
    from veracore_sync.jobs.doctor import ledger as doctor

    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    table = tmp_path / "mounts"
    table.write_text(mounts.format(ledger=path, folder=tmp_path))
    monkeypatch.setattr(doctor, "_MOUNTS", table)
    found = [one.message for one in doctor._file(path) if one.name == "file system"]
    assert [words in message for message in found if words] == ([True] if words else [])
    assert len(found) == (1 if words else 0)
