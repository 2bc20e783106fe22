"""A commit of the ledger is on the disk when it returns, in whichever way it was opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from veracore_sync.ledger import open_ledger
from veracore_sync.ledger.stores import SqlLedger

FULL = 2


@pytest.fixture(params=["made", "opened again"])
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLedger]:
    path = tmp_path / "ledger.db"
    if request.param == "opened again":
        open_ledger(path).close()
    with closing(open_ledger(path)) as ledger:
        yield ledger


def test_a_commit_waits_for_the_disk(durable: SqlLedger) -> None:
    """With NORMAL, a power loss takes an intent whose request has left: a second order."""
    with durable.database.transaction() as connection:
        (row,) = connection.execute("PRAGMA synchronous").fetchall()
    assert tuple(row) == (FULL,)
