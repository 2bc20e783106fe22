"""``ledger move`` to a path at which something else lies than a ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from move_kit import accepts
from typer.testing import CliRunner

from veracore_sync.cli.app import app
from veracore_sync.clock import SystemClock
from veracore_sync.config.schema import LedgerSettings
from veracore_sync.domain.errors import UsageError
from veracore_sync.ledger.opening import move, open_ledger


def database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE invoices (id)")


MAKE = {
    "an empty file": Path.touch,
    "another program's database": database,
    "a text": lambda path: path.write_text("[vendure]\n"),
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("what", list(MAKE))
def test_what_is_no_ledger_is_refused_before_anything_is_sealed(tmp_path: Path, what: str) -> None:
    path, folder = tmp_path / "ledger.db", tmp_path / "there"
    folder.mkdir()
    target = folder / "x"
    open_ledger(path).close()
    MAKE[what](target)
    done = CliRunner().invoke(
        app,
        ["ledger", "move", "--to", str(target)],
        env={"VERACORE_SYNC_LEDGER__PATH": str(path), "HOME": str(tmp_path)},
    )
    assert done.exit_code == 74, done.output
    assert "is no ledger; nothing was changed" in done.output
    assert accepts(path, "still in use")
    assert [one.name for one in folder.iterdir()] == ["x"]


@pytest.mark.parametrize("to", ["host=db dbname=ledger", " service = veracore", "mysql://db/x", ""])
def test_what_names_a_server_in_another_way_is_no_file(tmp_path: Path, to: str) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    with pytest.raises(UsageError, match="neither an address"):
        move(LedgerSettings(path=path), to, SystemClock(), lambda _: None)
    assert accepts(path, "still in use")
