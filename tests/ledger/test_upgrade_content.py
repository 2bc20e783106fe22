"""A ledger that compared by time keeps what it knew, and its orders are compared from now on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from bench import Bench
from fakes import line, make_order


def as_before(path: Path, judged: dict[str, str]) -> None:
    """Undo the newest step of the schema, and put in what the version before it stored."""
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "DROP TABLE compared; ALTER TABLE attempts DROP COLUMN facets; "
            "DELETE FROM _sqlite_migrations WHERE name = 'm012_content'; PRAGMA user_version = 11"
        )
        for code, state in judged.items():
            value = {"at": "2026-03-01T12:00:00.000Z", "state": state, "content": "x"}
            entry = (f"watch.judged:{code}", json.dumps(value))
            connection.execute("INSERT INTO meta VALUES (?, ?)", entry)


def test_orders_of_an_earlier_version_are_compared_by_their_hash(tmp_path: Path) -> None:
    before = Bench(tmp_path / "ledger.db")
    before.shop.add(*(make_order(code) for code in ("SAME", "UNITS", "ADDRESS", "SHIPPED", "GONE")))
    before.run()
    before.ledger.transitions.ship("SHIPPED")
    before.ledger.transitions.cancel("GONE", "GONE", "it was cancelled there")
    before.ledger.close()
    judged = {"SHIPPED": "shipped", "SAME": "synced", "GONE": "cancelled"}
    as_before(tmp_path / "ledger.db", judged)

    bench = Bench(tmp_path / "ledger.db", clock=before.clock, shop=before.shop)
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
