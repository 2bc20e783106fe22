"""What left before the ledger noted it is found in what it had stored of the packages."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import ledger_server
import pytest
from sqlite_utils import Database as Utils

from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.postgres import migrations as steps
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.sqlite.migrations import migrations
from veracore_sync.ledger.throughput import DEPARTED, PLACED, SENT

EARLY, LATE = "2026-01-05T12:00:00.000Z", "2026-01-06T12:00:00.000Z"
LEFT = {"two": LATE, "void": EARLY, "waits": None, "none": None}
PACKAGES = {
    "two": [["UPS", "", "1", EARLY, False], ["UPS", "", "2", LATE, False]],
    "void": [["UPS", "", "1", EARLY, False], ["UPS", "", "2", LATE, True]],
    "waits": [["UPS", "", "1", None, False]],
    "none": [],
}
"""Packages of each slip, as the version before stored them."""
INSERT = (
    "INSERT INTO slips (veracore_id, slip, code, state, packages, since, first_seen_at, updated_at)"
    " VALUES ('A', ?, 'A', 'done', ?, '', '', '')"
)
ROWS = [(slip, json.dumps(packages)) for slip, packages in PACKAGES.items()]


def check(place: Path | PostgresPlace) -> None:
    with closing(open_ledger(place)) as ledger:
        rows = ledger.database.rows("SELECT slip, left_at, freight, charges FROM slips")
        assert {row["slip"]: row["left_at"] for row in rows} == LEFT
        assert {(row["freight"], row["charges"]) for row in rows} == {(None, None)}


def test_a_file_of_the_version_before(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        migrations.apply(Utils(connection), stop_before="m022_costs")
        connection.executemany(INSERT, ROWS)
        connection.execute("PRAGMA user_version = 21")
        connection.commit()
    check(tmp_path / "ledger.db")


def test_a_database_of_the_version_before(monkeypatch: pytest.MonkeyPatch) -> None:
    place = ledger_server.new_place()
    with monkeypatch.context() as patch:
        patch.setattr(steps, "STEPS", [one for one in steps.STEPS if one[0] < 22])
        patch.setattr(steps, "VERSION", 21)
        with (
            closing(open_ledger(place)) as ledger,
            ledger.database.transaction() as connection,
        ):
            connection.executemany(INSERT, ROWS)
    check(place)


ASKED = {
    "placed": (PLACED, "orders_by_day"),
    "sent": (SENT, "held_by_sent"),
    "departed": (DEPARTED, "slips_by_departure"),
}
PERIOD = (EARLY, LATE)


@pytest.mark.parametrize("name", ASKED)
def test_an_index_finds_the_rows_of_a_period(name: str) -> None:
    """Of a ledger of many years, only the days that are asked for are read."""
    statement, index = ASKED[name]
    with closing(open_ledger(None)) as ledger:
        plan = ledger.database.rows(f"EXPLAIN QUERY PLAN {statement}", PERIOD)
        found = [row["detail"] for row in plan]
    assert any(index in step and step.startswith("SEARCH") for step in found), found
    assert not any(step.startswith("SCAN") for step in found), found
    with (
        closing(open_ledger(ledger_server.new_place())) as ledger,
        ledger.database.transaction() as connection,
    ):
        for way in ("seqscan", "bitmapscan"):
            connection.execute(f"SET LOCAL enable_{way} = off", ())
        told = " ".join(row[0] for row in connection.execute(f"EXPLAIN {statement}", PERIOD))
    assert index in told, told
    assert "Seq Scan" not in told, told
