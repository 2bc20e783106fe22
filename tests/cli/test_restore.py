"""``ledger backup`` and ``ledger restore``: whole, private, and never under a running process."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rig import Rig

from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.runs import JOBS
from veracore_sync.ledger.sqlite.file import restore_marker
from veracore_sync.sandbox.server import Sandbox
from veracore_sync.sandbox.shop import SmallShop


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SmallShop() as shop, Sandbox() as sandbox:
        shop.state.add_variant("MUG")
        shop.state.place_order([("MUG", 2)])
        made = Rig(tmp_path, shop.admin_url, shop.username, shop.password, sandbox)
        made.sync()
        yield made


@pytest.fixture
def copy(rig: Rig) -> Path:
    target = rig.folder / "copy.db"
    assert rig.run("ledger", "backup", str(target)).code == 0
    return target


def mark(path: Path, value: str) -> None:
    with closing(open_ledger(path)) as ledger:
        ledger.meta.put("mark", value)


def marked(path: Path) -> str | None:
    with closing(open_ledger(path, read_only=True)) as ledger:
        return ledger.meta.get("mark")


def kept(rig: Rig) -> list[Path]:
    found = rig.folder.glob("ledger.db.replaced-*")
    return sorted(one for one in found if not one.name.endswith(("-wal", "-shm")))


# ---- backup -----------------------------------------------------------------------------------


def test_what_a_killed_backup_left_is_removed_after_a_day(rig: Rig) -> None:
    old, linked, at_work = (rig.folder / f"copy.db.partial-{end}" for end in ("1", "2", "3"))
    victim = rig.folder / "victim"
    victim.write_text("precious")
    for one in (old, at_work):
        one.write_bytes(b"half" * 4096)
    linked.symlink_to(victim)
    for one in (old, linked):
        os.utime(one, (1, 1), follow_symlinks=False)
    assert rig.run("ledger", "backup", str(rig.folder / "copy.db")).code == 0
    assert list(rig.folder.glob("copy.db.partial*")) == [at_work]
    assert victim.read_text() == "precious"
    assert stat.S_IMODE((rig.folder / "copy.db").stat().st_mode) == 0o600
    with closing(open_ledger(rig.folder / "copy.db")) as ledger:
        assert ledger.orders.counts()["synced"] == 1


@pytest.mark.parametrize("what", ["file", "dangling link"])
def test_a_backup_overwrites_nothing(rig: Rig, what: str) -> None:
    target = rig.folder / "copy.db"
    if what == "file":
        target.write_text("mine")
    else:
        target.symlink_to(rig.folder / "nowhere")
    ended = rig.run("ledger", "backup", str(target))
    assert ended.code == 74
    assert "exists already" in ended.err


# ---- restore ----------------------------------------------------------------------------------


def test_a_restored_ledger_goes_on_and_the_old_one_is_kept(rig: Rig, copy: Path) -> None:
    mark(rig.ledger_path, "after the backup")
    before = copy.read_bytes()
    done = rig.run("ledger", "restore", str(copy), "--json")
    assert (done.code, done.json["orders"]) == (0, 1)
    assert marked(rig.ledger_path) is None
    assert [str(one) for one in kept(rig)] == [done.json["kept"]]
    assert marked(kept(rig)[0]) == "after the backup"
    assert copy.read_bytes() == before
    assert stat.S_IMODE(rig.ledger_path.stat().st_mode) == 0o600
    assert rig.sync()["submitted"] == 0


def test_the_kept_one_is_one_file_also_after_a_kill(rig: Rig, copy: Path, tmp_path: Path) -> None:
    with closing(open_ledger(rig.ledger_path)) as ledger:
        ledger.meta.put("mark", "in the log")
        # What a killed process leaves: the log was never written into the file.
        left = {one.name: one.read_bytes() for one in rig.folder.glob("ledger.db*")}
    for name, content in left.items():
        (rig.folder / name).write_bytes(content)
    assert rig.run("ledger", "restore", str(copy)).code == 0
    alone = tmp_path / "alone.db"
    alone.write_bytes(kept(rig)[0].read_bytes())
    assert marked(alone) == "in the log"


def test_into_an_empty_place(rig: Rig, copy: Path) -> None:
    rig.ledger_path.unlink()
    done = rig.run("ledger", "restore", str(copy), "--json")
    assert (done.code, done.json) == (0, {"orders": 1, "kept": None})
    assert rig.run("ledger", "check").code == 0


def test_over_a_damaged_ledger(rig: Rig, copy: Path) -> None:
    rig.ledger_path.write_bytes(b"no database at all" * 500)
    assert rig.run("ledger", "check").code == 74
    assert rig.run("ledger", "restore", str(copy)).code == 0
    assert rig.run("ledger", "check").code == 0
    assert kept(rig)[0].read_bytes().startswith(b"no database")


def damaged(copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    content[8192:20000] = b"\xff" * (20000 - 8192)
    copy.write_bytes(content)


def no_database(copy: Path) -> None:
    copy.write_text("hello")


def newer(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name) "
            "VALUES ('veracore-sync', 'm999_new')"
        )
        connection.commit()


def of_another_shop(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE meta SET value = 'https://other' WHERE key = 'identity.shop'")
        connection.commit()


def another_database(copy: Path) -> None:
    copy.unlink()
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("CREATE TABLE something (a)")


def missing(copy: Path) -> None:
    copy.unlink()


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (damaged, 74),
        (no_database, 74),
        (newer, 74),
        (another_database, 74),
        (missing, 74),
        (of_another_shop, 78),
    ],
)
def test_what_must_not_serve_is_refused_and_changes_nothing(
    rig: Rig, copy: Path, what, code
) -> None:  # type: ignore[no-untyped-def]
    mark(rig.ledger_path, "kept")
    what(copy)
    ended = rig.run("ledger", "restore", str(copy))
    assert ended.code == code
    assert "Traceback" not in ended.err
    assert marked(rig.ledger_path) == "kept"
    assert not restore_marker(rig.ledger_path).exists()
    assert kept(rig) == []


def test_a_backup_from_postgresql_is_not_only_called_damaged(rig: Rig, copy: Path) -> None:
    # Shops of both kinds may share a folder of backups.
    copy.write_bytes(b"PGDMP" + bytes(5000))
    ended = rig.run("ledger", "restore", str(copy))
    assert ended.code == 74
    assert "PostgreSQL" in ended.err


@pytest.mark.parametrize("job", JOBS)
def test_while_a_job_is_at_work_nothing_is_restored(rig: Rig, copy: Path, job: str) -> None:
    with closing(open_ledger(rig.ledger_path)) as ledger, ledger.runs.lock(job, job):
        ended = rig.run("ledger", "restore", str(copy), "--json")
        assert ended.code == 75
        assert job in ended.json["error"]["message"]
        ledger.meta.put("mark", "still mine")
    assert marked(rig.ledger_path) == "still mine"


@pytest.mark.parametrize("gap", ["restore marked", "restore moved", "restore placed"])
def test_killed_between_two_steps_nobody_begins_an_empty_ledger(
    rig: Rig, copy: Path, gap: str
) -> None:
    killed = rig.run("ledger", "restore", str(copy), VERACORE_SYNC_TEST_FAILPOINT=f"{gap}:kill")
    assert killed.code == -9
    for command in (("sync-orders",), ("stats",), ("breaker", "reset"), ("doctor", "--offline")):
        refused = rig.run(*command)
        assert refused.code == 74
        assert "ledger restore" in refused.out + refused.err
    assert rig.run("ledger", "restore", str(copy)).code == 0
    assert rig.sync()["submitted"] == 0
    assert rig.run("ledger", "check").code == 0
    assert len(rig.control("orders")["orders"]) == 1


def test_a_command_that_had_the_old_ledger_open_writes_nothing_more(rig: Rig, copy: Path) -> None:
    with closing(open_ledger(rig.ledger_path)) as ledger:
        assert rig.run("ledger", "restore", str(copy)).code == 0
        with pytest.raises(Exception, match="was replaced"):
            ledger.meta.put("mark", "orphan")
    assert marked(rig.ledger_path) is None


def test_the_ledger_itself_is_no_backup_of_it(rig: Rig) -> None:
    link = rig.folder / "link.db"
    link.symlink_to(rig.ledger_path)
    for name in (rig.ledger_path, link):
        assert rig.run("ledger", "restore", str(name)).code == 74
    assert link.samefile(rig.ledger_path)


# ---- a ledger that was moved to another place ----------------------------------------------------


def move(rig: Rig, *, failpoint: str = "") -> Path:
    there = rig.folder / "elsewhere.db"
    failing = {"VERACORE_SYNC_TEST_FAILPOINT": failpoint} if failpoint else {}
    done = rig.run("ledger", "move", "--to", str(there), **failing)
    assert done.code == (-9 if failpoint else 0), done.err
    return there


def test_nothing_is_restored_where_the_ledger_was_moved_away(rig: Rig, copy: Path) -> None:
    move(rig)
    refused = rig.run("ledger", "restore", str(copy))
    assert refused.code == 78
    assert "was moved to" in refused.err
    assert not kept(rig)


def test_doctor_says_where_a_sealed_ledger_is_and_what_to_type(rig: Rig) -> None:
    rig.sync()
    there = move(rig)
    told = rig.run("doctor", "--json")
    assert told.code == 78
    sealed, not_asked = [one for one in told.json["findings"] if one["name"] == "ledger"][-2:]
    assert f"was moved to {there}" in sealed["message"]
    assert f'set ledger.path = "{there}"' in sealed["todo"]
    assert not_asked["todo"] == f"{sealed['todo']}; then run `veracore-sync doctor` again"


def test_nothing_is_restored_where_a_ledger_is_moved_to(rig: Rig, copy: Path) -> None:
    there = move(rig, failpoint="move sealed:kill")
    refused = rig.run("ledger", "restore", str(copy), VERACORE_SYNC_LEDGER__PATH=str(there))
    assert refused.code == 74
    assert "is not complete" in refused.err


def test_a_sealed_ledger_is_a_backup(rig: Rig) -> None:
    mark(rig.ledger_path, "before the move")
    there = move(rig)
    sealed = rig.ledger_path.rename(rig.folder / "sealed.db")
    there.unlink()
    done = rig.run("ledger", "restore", str(sealed), "--json")
    assert (done.code, done.json["orders"]) == (0, 1)
    assert marked(rig.ledger_path) == "before the move"
    assert rig.sync()["submitted"] == 0


EVERY = (
    ("sync-orders",),
    ("sync-inventory",),
    ("sync-tracking",),
    ("stats",),
    ("stats", "--check"),
    ("retry", "1001"),
    ("resolve", "1001", "--skip"),
    ("cancel", "1001"),
    ("breaker", "reset"),
    ("ledger", "check"),
    ("ledger", "prune"),
    ("ledger", "export"),
    ("ledger", "backup", "another.db"),
    ("deliver",),
    ("doctor", "--offline"),
)


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["", "dry"])
def test_every_command_says_where_the_ledger_is(rig: Rig, dry: tuple[str, ...]) -> None:
    there = move(rig)
    for words in EVERY if not dry else EVERY[:3]:
        refused = rig.run(*words, *dry)
        assert refused.code == 78, (words, refused)
        assert f"was moved to {there}" in refused.out + refused.err, words
        assert f'ledger.path = "{there}"' in refused.out + refused.err, words
