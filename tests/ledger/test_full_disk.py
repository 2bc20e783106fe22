"""A disk that is full while a backup is restored."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from veracore_sync.clock import SystemClock
from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.opening import open_ledger, restore
from veracore_sync.ledger.sqlite import restoring


def test_a_backup_that_finds_no_room_is_not_said_to_be_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(_: sqlite3.Connection, target: Path) -> None:
        target.write_bytes(b"half")
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    place, backup = tmp_path / "led" / "l.db", tmp_path / "backup.db"
    with closing(open_ledger(place)) as ledger:
        ledger.upkeep.backup(backup)
    monkeypatch.setattr(restoring, "copy_whole", copy)
    with pytest.raises(LedgerError) as told:
        restore(backup, place, SystemClock(), lambda _: None)
    assert "free some space" in told.value.hint
    assert "damaged" not in told.value.hint
    # What was copied leaves room again.
    assert not [one for one in place.parent.iterdir() if "partial" in one.name]
