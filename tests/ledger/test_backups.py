"""Backups in a folder: read to the end before an older one goes, and only ever ours go."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.backups import BackupFolder, BackupFound
from veracore_sync.ledger.opening import back_up, open_ledger, read_backup
from veracore_sync.ledger.sqlite import copying
from veracore_sync.ledger.stores import SqlLedger

NOW = datetime(2026, 11, 29, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = Path(__file__).parents[1] / "data" / "ledger-8.sql"
OTHERS = (
    "ledger.db",
    "ledger-ffffffff-20200101T000000Z.db",
    "ledger-abcdefgh-20200101T000000Z.db.gpg",
    "ledger-abcdefgh-2020-01-01.db",
    "my-ledger-abcdefgh-20200101T000000Z.db",
    "ledger-abcdefgh-20200101T000000Z.db.new-disk-holds-this-one-too",
    "ledger-abcdefgh-20200101T000000Z.db.newest",
    "2020-01-01.db",
)


def write(target: Path) -> int:
    return target.write_bytes(b"whole")


def whole(_: Path) -> BackupFound:
    return BackupFound([])


def filled(folder: Path, days: int) -> BackupFolder:
    """One backup for each of the days before now."""
    made = BackupFolder(folder, "ABCDEFGHIJ", ".db")
    for back in range(days, 0, -1):
        made.add(write, whole, NOW - back * DAY, None)
    return made


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_the_newest_stay_and_nothing_of_another_name_goes(tmp_path: Path) -> None:
    for name in OTHERS:
        (tmp_path / name).touch()
    (tmp_path / "ledger-abcdefgh-20200102T000000Z.db").symlink_to("/etc/passwd")
    (tmp_path / "ledger-abcdefgh-20200103T000000Z.db").mkdir()
    strange = names(tmp_path)
    done = filled(tmp_path, 5).add(write, whole, NOW, 3)
    assert [one.name[-19:-4] for one in done.removed] == [
        f"{NOW - back * DAY:%Y%m%dT%H%M%S}" for back in (5, 4, 3)
    ]
    left = set(names(tmp_path)) - set(strange)
    assert left == {f"ledger-abcdefgh-{NOW - back * DAY:%Y%m%dT%H%M%SZ}.db" for back in (0, 1, 2)}
    assert set(strange) <= set(names(tmp_path))
    assert done.path.name in left


@pytest.mark.parametrize("how", ["damaged", "not made", "unreadable"])
def test_a_new_one_that_fails_its_check_deletes_nothing_and_does_not_stay(
    tmp_path: Path, how: str
) -> None:
    backups = filled(tmp_path, 3)
    before = names(tmp_path)

    def fails(_: Path) -> int:
        raise LedgerError("the disk is full")

    def damaged(_: Path) -> BackupFound:
        if how == "unreadable":
            raise LedgerError("there is no pg_restore on this machine")
        return BackupFound(["a page is torn"])

    made = fails if how == "not made" else write
    with pytest.raises(LedgerError):
        backups.add(made, damaged, NOW, 1)
    assert names(tmp_path) == before


def test_the_new_one_stays_where_the_clock_was_put_back(tmp_path: Path) -> None:
    done = filled(tmp_path, 3).add(write, whole, NOW - 400 * DAY, 2)
    assert len(done.removed) == 2
    assert done.path.exists()
    assert len(names(tmp_path)) == 2


def test_what_a_killed_backup_left_goes_after_a_day_and_one_at_work_is_left_alone(
    tmp_path: Path,
) -> None:
    left = [
        f"ledger-abcdefgh-{NOW - age:%Y%m%dT%H%M%SZ}.db.new{end}"
        for age in (2 * DAY, timedelta(hours=1))
        for end in ("", "-0a1b2c3d", ".partial", "-0a1b2c3d.partial-77aa01fe-journal")
    ]
    for name in left:
        (tmp_path / name).touch()
    done = filled(tmp_path, 0).add(write, whole, NOW, 7)
    assert names(tmp_path) == sorted([done.path.name, *left[4:]])


def test_of_one_second_there_is_one(tmp_path: Path) -> None:
    backups = filled(tmp_path, 0)
    backups.add(write, whole, NOW, 1)
    with pytest.raises(LedgerError, match="exists already"):
        backups.add(write, whole, NOW, 1)
    assert len(names(tmp_path)) == 1


def test_of_two_at_once_one_is_whole_and_the_other_says_so(tmp_path: Path) -> None:
    backups = filled(tmp_path, 0)

    def slow(target: Path) -> int:
        backups.add(write, whole, NOW, 1)
        return write(target)

    with pytest.raises(LedgerError, match="exists already"):
        backups.add(slow, whole, NOW, 1)
    (one,) = tmp_path.iterdir()
    assert one.name == f"ledger-abcdefgh-{NOW:%Y%m%dT%H%M%SZ}.db"


def test_two_backups_to_one_file_at_once(
    ledger: SqlLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_whole, target = copying.copy_whole, tmp_path / "copy.db"

    def interrupted(source: sqlite3.Connection, partial: Path) -> None:
        copy_whole(source, partial)
        monkeypatch.setattr(copying, "copy_whole", copy_whole)
        ledger.upkeep.backup(target)
        assert partial.exists()

    monkeypatch.setattr(copying, "copy_whole", interrupted)
    with pytest.raises(LedgerError, match="exists already"):
        ledger.upkeep.backup(target)
    assert read_backup(target).problems == []
    assert [one.name for one in tmp_path.glob("copy.db*")] == ["copy.db"]


def test_a_folder_without_hard_links_will_do(
    ledger: SqlLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(self))

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    done = back_up(ledger, tmp_path, NOW, 1)
    assert read_backup(done.path).problems == []


_NAMES = some.builds(
    lambda mark, day, end: f"ledger-{mark}-202601{day:02}T000000Z.{end}",
    some.sampled_from(("abcdefgh", "zzzzzzzz")),
    some.integers(1, 8),
    some.sampled_from(("db", "dump", "db.new")),
)


@settings(max_examples=60)
@given(some.lists(_NAMES, unique=True), some.integers(1, 6), some.data())
def test_any_folder(found: list[str], keep: int, data: some.DataObject) -> None:
    backups = BackupFolder(Path("/nowhere"), "ABCDEFGHIJ", ".db")
    new = f"ledger-abcdefgh-202601{data.draw(some.integers(1, 8)):02}T000000Z.db"
    there = list({*found, new})
    gone = backups.surplus(there, new, keep)
    ours = [one for one in there if re.fullmatch(r"ledger-abcdefgh-\d+T\d+Z\.(db|dump)", one)]
    left = set(ours) - set(gone)
    assert set(gone) <= set(ours)
    assert new in left
    assert len(left) == min(keep, len(ours))
    # No older one is kept where a newer one goes.
    times = {one: one.split("-")[2].partition(".")[0] for one in ours}
    if gone and left - {new}:
        assert max(times[one] for one in gone) <= min(times[one] for one in left - {new})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    with closing(open_ledger(tmp_path / "ledger.db")) as made:
        yield made


def test_a_ledger_in_a_file_is_read_back_whole_before_the_last_one_goes(
    ledger: SqlLedger, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    first = back_up(ledger, folder, NOW - DAY, 1)
    again = back_up(ledger, folder, NOW, 1)
    assert again.removed == [first.path]
    assert list(folder.iterdir()) == [again.path]
    assert stat.S_IMODE(again.path.stat().st_mode) == 0o600
    assert read_backup(again.path) == BackupFound([], 0)
    # One that began anew has another mark: the backups of the lost one stay.
    with closing(open_ledger(tmp_path / "anew.db")) as other:
        assert back_up(other, folder, NOW + DAY, 1).removed == []


def test_damage_in_a_backup_is_found_wherever_it_is(ledger: SqlLedger, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    ledger.upkeep.backup(copy)
    whole_bytes = copy.read_bytes()
    assert read_backup(copy).problems == []
    copy.write_bytes(whole_bytes[: len(whole_bytes) // 2])
    assert read_backup(copy).problems
    # A page that is all but its first bytes.
    torn = bytearray(whole_bytes)
    page = int.from_bytes(torn[16:18], "big")
    torn[3 * page : 4 * page] = os.urandom(page)
    copy.write_bytes(torn)
    assert read_backup(copy).problems
    copy.write_bytes(b"no database at all" * 500)
    assert read_backup(copy).problems
    copy.write_bytes(b"")
    with pytest.raises(LedgerError, match="not a ledger"):
        read_backup(copy)
    copy.unlink()
    with pytest.raises(LedgerError, match="No such file"):
        read_backup(copy)


def test_a_backup_of_an_earlier_version_can_be_checked(tmp_path: Path) -> None:
    copy = tmp_path / "old.db"
    with closing(sqlite3.connect(copy)) as old:
        old.executescript(OLD.read_text())
        orders = old.execute("SELECT count(*) FROM orders").fetchone()[0]
    before = copy.read_bytes()
    assert read_backup(copy) == BackupFound([], orders)
    assert copy.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["old.db"]


def test_the_ledger_in_postgresql_too(server_ledger: SqlLedger, tmp_path: Path) -> None:
    first = back_up(server_ledger, tmp_path, NOW - DAY, 1)
    assert first.path.suffix == ".dump"
    done = back_up(server_ledger, tmp_path, NOW, 1)
    assert (done.removed, list(tmp_path.iterdir())) == ([first.path], [done.path])
    assert read_backup(done.path) == BackupFound([])
    done.path.write_bytes(done.path.read_bytes()[:-4000])
    assert read_backup(done.path).problems
