"""One schema on both backends: the same tables, columns, keys and constraints.

Whoever adds a SQLite migration adds the step of the same number to
`veracore_sync.ledger.postgres.schema`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import ledger_server
import pytest

from veracore_sync.ledger.opening import open_ledger
from veracore_sync.ledger.postgres.schema import STEPS, VERSION
from veracore_sync.ledger.sqlite.database import SCHEMA_VERSION
from veracore_sync.ledger.stores import SqlLedger

LOCKS = {"job_locks", "leases", "commits", "schema_version"}
"""What each backend has for itself."""
KINDS = {"bigint": "INTEGER", "text": "TEXT", "double precision": "REAL"}


@pytest.fixture(scope="module")
def sqlite() -> Iterator[SqlLedger]:
    with closing(open_ledger(None)) as made:
        yield made


@pytest.fixture(scope="module")
def postgres() -> Iterator[SqlLedger]:
    with closing(open_ledger(ledger_server.new_place())) as made:
        yield made


def test_both_have_the_newest_step() -> None:
    assert VERSION == SCHEMA_VERSION, (
        "a SQLite migration needs the step of its number in ledger/postgres/schema.py"
    )
    assert [number for number, _ in STEPS] == sorted({number for number, _ in STEPS})


def sqlite_tables(ledger: SqlLedger) -> dict[str, str]:
    rows = ledger.database.rows(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite%'"
    )
    return {row["name"]: row["sql"] for row in rows if row["name"] not in LOCKS}


def sqlite_columns(ledger: SqlLedger) -> set[tuple[Any, ...]]:
    found = set()
    for table, sql in sqlite_tables(ledger).items():
        for row in ledger.database.rows(f"PRAGMA table_info({table})"):
            ignores_case = re.search(rf"\b{row['name']} TEXT[^,]*COLLATE NOCASE", sql) is not None
            default = row["dflt_value"]
            # A key that is no INTEGER PRIMARY KEY is NOT NULL in STRICT or WITHOUT ROWID tables,
            # and one that is numbers itself.
            required = bool(row["notnull"] or row["pk"])
            found.add((table, row["name"], row["type"], required, default, ignores_case))
    return found


def postgres_columns(ledger: SqlLedger) -> set[tuple[Any, ...]]:
    rows = ledger.database.rows(
        "SELECT table_name, column_name, data_type, is_nullable = 'NO', column_default, "
        "collation_name = 'nocase', coalesce(collation_name, '') FROM information_schema.columns "
        "WHERE table_schema = current_schema()"
    )
    found = set()
    for table, column, kind, required, default, ignores_case, collation in rows:
        if table in LOCKS:
            continue
        assert (kind != "text") or collation in ("C", "nocase"), (table, column)
        plain = default.removesuffix("::text") if default else None
        found.add((table, column, KINDS[kind], bool(required), plain, bool(ignores_case)))
    return found


def test_the_columns_are_the_same(sqlite: SqlLedger, postgres: SqlLedger) -> None:
    ours, theirs = sqlite_columns(sqlite), postgres_columns(postgres)
    assert sorted(map(str, ours - theirs)) == sorted(map(str, theirs - ours)) == []
    assert len(ours) > 150


def sqlite_keys(ledger: SqlLedger) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    for table in sqlite_tables(ledger):
        rows = ledger.database.rows(f"PRAGMA table_info({table})")
        keyed = sorted((row["pk"], row["name"]) for row in rows if row["pk"])
        found.add((table, "p", tuple(name for _, name in keyed)))
        for index in ledger.database.rows(f"PRAGMA index_list({table})"):
            if index["origin"] == "u":
                columns = ledger.database.rows(f"PRAGMA index_info({index['name']})")
                found.add((table, "u", tuple(row["name"] for row in columns)))
        for row in ledger.database.rows(f"PRAGMA foreign_key_list({table})"):
            found.add((table, "f", (row["from"],), row["table"], row["on_delete"]))
    return found


def postgres_keys(ledger: SqlLedger) -> set[tuple[Any, ...]]:
    rows = ledger.database.rows(
        "SELECT t.relname, k.contype::text, array_to_string(array(SELECT a.attname::text "
        "FROM unnest(k.conkey) WITH ORDINALITY AS c (number, place) JOIN pg_attribute a "
        "ON a.attrelid = k.conrelid AND a.attnum = c.number ORDER BY c.place), ','), r.relname, "
        "CASE k.confdeltype WHEN 'c' THEN 'CASCADE' ELSE 'NO ACTION' END "
        "FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid "
        "JOIN pg_namespace n ON n.oid = t.relnamespace LEFT JOIN pg_class r ON r.oid = k.confrelid "
        "WHERE n.nspname = current_schema() AND k.contype IN ('p', 'u', 'f')"
    )
    found: set[tuple[Any, ...]] = set()
    for table, kind, columns, target, action in rows:
        if table not in LOCKS:
            more = (target, action) if kind == "f" else ()
            found.add((table, kind, tuple(columns.split(",")), *more))
    return found


def test_the_keys_are_the_same(sqlite: SqlLedger, postgres: SqlLedger) -> None:
    ours, theirs = sqlite_keys(sqlite), postgres_keys(postgres)
    assert sorted(map(str, ours - theirs)) == sorted(map(str, theirs - ours)) == []


def words_of(check: str) -> tuple[str, ...]:
    return tuple(sorted(re.findall(r"'(\w+)'", check)))


def test_the_checks_are_the_same(sqlite: SqlLedger, postgres: SqlLedger) -> None:
    ours = {
        (table, words_of(check))
        for table, sql in sqlite_tables(sqlite).items()
        for check in re.findall(r"CHECK \((.*?)\)\)", sql, re.DOTALL)
    }
    theirs = {
        (row[0], words_of(row[1]))
        for row in postgres.database.rows(
            "SELECT t.relname, pg_get_constraintdef(k.oid) FROM pg_constraint k "
            "JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
            "WHERE n.nspname = current_schema() AND k.contype = 'c'"
        )
    }
    assert ours == theirs
    assert len(ours) >= 6


def test_the_indexes_are_the_same(sqlite: SqlLedger, postgres: SqlLedger) -> None:
    ours = sqlite.database.rows("SELECT name FROM sqlite_master WHERE type = 'index' AND sql <> ''")
    theirs = postgres.database.rows(
        "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexname NOT IN "
        "(SELECT conname FROM pg_constraint)"
    )
    assert {row[0] for row in ours} - {"idx__sqlite_migrations_migration_set_name"} == {
        row[0] for row in theirs
    } - {"commits_by_age"}
