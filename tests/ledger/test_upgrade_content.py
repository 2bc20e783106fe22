"""A ledger that compared by time keeps what it knew, and its orders are compared from now on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from bench import Bench
from fakes import line, make_order
from sqlite_utils import Database

from veracore_sync.ledger.sqlite.migrations import migrations


def as_before(now: Path, then: Path, judged: dict[str, str]) -> None:
    """Copy what that version had a place for into a ledger of its schema, with what it stored."""
    with closing(sqlite3.connect(then)) as connection:
        migrations.apply(Database(connection), stop_before="m012_content")
        connection.execute("ATTACH ? AS now", (str(now),))
        tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
        named = {name for (name,) in connection.execute(tables)}
        for table in named - {"_sqlite_migrations", "sqlite_sequence"}:
            columns = f"SELECT group_concat(name) FROM pragma_table_info('{table}', 'main')"
            [(names,)] = connection.execute(columns).fetchall()
            copied = f"SELECT {names} FROM now.{table}"
            connection.execute(f"INSERT INTO main.{table} ({names}) {copied}")
        for code, state in judged.items():
            value = {"at": "2026-03-01T12:00:00.000Z", "state": state, "content": "x"}
            entry = (f"watch.judged:{code}", json.dumps(value))
            connection.execute("INSERT INTO meta VALUES (?, ?)", entry)
        connection.execute("PRAGMA user_version = 11")
        connection.commit()


def test_orders_of_an_earlier_version_are_compared_by_their_hash(tmp_path: Path) -> None:
    before = Bench(tmp_path / "ledger.db")
    before.shop.add(*(make_order(code) for code in ("SAME", "UNITS", "ADDRESS", "SHIPPED", "GONE")))
    before.run()
    before.ledger.transitions.ship("SHIPPED")
    before.ledger.transitions.cancel("GONE", "GONE", "it was cancelled there")
    before.ledger.close()
    judged = {"SHIPPED": "shipped", "SAME": "synced", "GONE": "cancelled"}
    as_before(tmp_path / "ledger.db", tmp_path / "earlier.db", judged)

    bench = Bench(tmp_path / "earlier.db", clock=before.clock, shop=before.shop)
    bench.clock.forward(minutes=5)
    bench.shop.change("UNITS", lines=(line("1", "MUG", 1), line("2", "TEE", 1)))
    address = bench.shop.by_code["ADDRESS"].shipping_address
    moved = type(address)(full_name="Pat Example", city="Elsewhere", country_code="US")
    bench.shop.change("ADDRESS", shipping_address=moved)
    by_address, by_units = sorted(bench.run().needs_person)
    assert "units, address or shipping" in by_address
    assert "units of MUG 2 → 1" in by_units
    assert bench.run().needs_person == []
    bench.shop.change("SAME", shipping_address=moved)
    bench.shop.change("ADDRESS", shipping_address=address)
    [told] = bench.run().needs_person
    assert told.startswith("SAME: ")
    assert "ship-to changed" in told
    standing = {one.code for one in bench.ledger.alerts.standing()}
    assert standing == {"SAME", "UNITS", "GONE"}
    assert bench.ledger.meta.get("watch.judged:SAME") is None
    bench.ledger.close()
