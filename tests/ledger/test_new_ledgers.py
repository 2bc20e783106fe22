"""What the tests' own processes write as a new ledger is what the migrations make."""

from __future__ import annotations

import re
from pathlib import Path

import new_ledgers
import pytest

from veracore_sync.ledger.sqlite import migrations
from veracore_sync.ledger.sqlite.database import SqliteDatabase

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.+]+Z?")
_PRAGMAS = ("application_id", "user_version", "journal_mode", "page_size", "auto_vacuum")


def _content(path: Path) -> tuple[list[str], list[tuple[object, ...]]]:
    connection = SqliteDatabase(path).connection
    set_to = [tuple(connection.execute(f"PRAGMA {name}").fetchone()) for name in _PRAGMAS]
    return [_MOMENT.sub("", line) for line in connection.iterdump()], set_to


def test_a_ledger_that_is_written_at_once_is_a_migrated_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = _content(tmp_path / "at-once.sqlite3")
    monkeypatch.setattr(migrations, "migrate", new_ledgers.one_by_one)
    assert at_once == _content(tmp_path / "migrated.sqlite3")
