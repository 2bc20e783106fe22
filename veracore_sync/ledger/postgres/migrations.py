"""Bringing the schema up to date, and checking it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection

from veracore_sync.domain.errors import LedgerRefused
from veracore_sync.ledger.closed import refuse_closed, refuse_version
from veracore_sync.ledger.postgres.errors import NOT_EVERY_LETTER, ledger_errors, names_of_hosts
from veracore_sync.ledger.postgres.schema import STEPS, VERSION

if TYPE_CHECKING:
    from veracore_sync.ledger.postgres.database import PostgresDatabase
    from veracore_sync.ledger.postgres.place import PostgresPlace


def found_version(connection: Connection[Any], schema: str) -> int:
    """The number of the last step that was applied; 0 if there is no ledger.

    Raises:
        psycopg.Error: It cannot be read.
    """
    try:
        row = connection.execute(f'SELECT version FROM "{schema}".schema_version').fetchone()  # noqa: S608
    except psycopg.errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0


def exists(place: PostgresPlace) -> bool:
    """Whether there is a ledger.

    Raises:
        LedgerError: The server cannot be asked.
    """
    with ledger_errors(str(place)):
        with names_of_hosts():
            found = Connection.connect(place.conninfo, autocommit=True)
        with found:
            return found_version(found, place.schema) > 0


def refuse_encoding(connection: Connection[Any], place: PostgresPlace) -> None:
    """Refuse a database for a new ledger that cannot keep every letter of a code, SKU or name.

    Raises:
        LedgerRefused: Its encoding is not UTF8.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise LedgerRefused(
            f"the ledger {place}: the database has the encoding {encoding}", hint=NOT_EVERY_LETTER
        )


def bring_up_to_date(database: PostgresDatabase, schema: str, *, read_only: bool) -> None:
    """Apply the missing steps in one transaction; of many processes, one does.

    Raises:
        LedgerError: The schema is newer, or older and may not be written.
        psycopg.Error: The server has refused.
    """
    found = found_version(database.connection, schema)
    if found == VERSION:
        return
    refuse_version(found, VERSION, database.place, read_only=read_only)
    with database.migration() as connection:
        # Read again under the lock: another process may have done it.
        exists = connection.execute("SELECT to_regnamespace($1)", [f'"{schema}"']).fetchone()
        if exists is None or exists[0] is None:
            connection.execute(f'CREATE SCHEMA "{schema}"')
        there = connection.execute(
            "SELECT to_regclass($1)", [f'"{schema}".schema_version']
        ).fetchone()
        found = found_version(connection, schema) if there and there[0] else 0
        refuse_version(found, VERSION, database.place, read_only=False)
        if not found:
            refuse_encoding(connection, database.place)
        else:
            rows = connection.execute("SELECT key, value FROM meta").fetchall()
            refuse_closed({row[0]: row[1] for row in rows}, database.place)
        for number, script in STEPS:
            if number > found:
                connection.execute(script)
        connection.execute("UPDATE schema_version SET version = $1", [VERSION])


def problems(database: PostgresDatabase, schema: str) -> list[str]:
    """What is wrong with the schema on the server; empty if nothing is.

    Raises:
        LedgerError: It cannot be read.
    """
    broken = database.rows(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ? AND NOT (i.indisvalid AND i.indisready) ORDER BY 1",
        (schema,),
    )
    loose = database.rows(
        "SELECT k.conname FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace "
        "WHERE n.nspname = ? AND NOT k.convalidated ORDER BY 1",
        (schema,),
    )
    # After an upgrade of the server's ICU, an index may have another order than its texts.
    moved = database.rows(
        "SELECT c.collname FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace "
        "WHERE n.nspname = ? AND c.collversion <> pg_collation_actual_version(c.oid)",
        (schema,),
    )
    return [
        *(f"the index {row[0]} is not valid: REINDEX it" for row in broken),
        *(f"the constraint {row[0]} is not validated" for row in loose),
        *(
            f"the collation {row[0]} has another version on this server: REINDEX SCHEMA, "
            "then ALTER COLLATION ... REFRESH VERSION"
            for row in moved
        ),
    ]
