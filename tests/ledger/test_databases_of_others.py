"""A ``ledger.path`` at which another program keeps its database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.opening import open_ledger


@pytest.mark.parametrize("table", ["invoices", "meta"])
@pytest.mark.parametrize("read_only", [False, True])
def test_it_is_left_as_it_is(tmp_path: Path, table: str, read_only: bool) -> None:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"CREATE TABLE {table} (id)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="a database of another program"):
        open_ledger(path, read_only=read_only)
    assert path.read_bytes() == before
