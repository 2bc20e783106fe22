"""A schema of PostgreSQL as the place from which, or to which, a ledger is moved.

While a ledger may not be used, triggers refuse every write to its tables, also by processes that
have it open since it was in use; the move itself says in its transactions that it may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from psycopg import Connection

from veracore_sync.domain.errors import LedgerError
from veracore_sync.ledger.closed import ARRIVED, INCOMING
from veracore_sync.ledger.database import Transaction
from veracore_sync.ledger.moving import Facts, Row, SharedContents, Table
from veracore_sync.ledger.postgres.begin import TimeLimits
from veracore_sync.ledger.postgres.database import PostgresDatabase
from veracore_sync.ledger.postgres.dialect import Statements
from veracore_sync.ledger.postgres.errors import ledger_errors
from veracore_sync.ledger.postgres.migrations import refuse_encoding
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.postgres.schema import STEPS, VERSION

_AT_ONCE = 1000
_LIMITS = TimeLimits(statement=0, lock=30, idle=600)
"""The other side may take ten minutes for a table; then the server lets the other writers go on."""
_TABLES = """
SELECT c.oid, c.relname::text FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
    AND c.relname NOT IN ('leases', 'commits', 'schema_version') ORDER BY 2
"""
_COLUMNS = """
SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
"""
_REFERENCES = """
SELECT r.relname::text FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid
WHERE k.conrelid = $1 AND k.contype = 'f'
"""
_NUMBERED = """
SELECT c.relname::text, pg_get_serial_sequence(quote_ident(c.relname), a.attname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> ''
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
"""
_CLOSE = """
CREATE OR REPLACE FUNCTION refuse_writes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('veracore_sync.move', true) = 'on' THEN RETURN NULL; END IF;
    RAISE EXCEPTION 'it was moved to another place, or is being moved here' USING ERRCODE = 'VM001';
END $$
"""
_CLOSE_TABLE = """
CREATE TRIGGER closed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "{table}"
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_writes()
"""
_OBJECTS = """
SELECT format('DROP TABLE %s CASCADE', oid::regclass) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
UNION ALL SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace
UNION ALL SELECT format('DROP COLLATION IF EXISTS %s CASCADE', oid::regcollation) FROM pg_collation
    WHERE collnamespace = current_schema()::regnamespace
"""


class PostgresContents(SharedContents):
    """The rows of one schema within a transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(Statements(connection))
        self._connection = connection

    def tables(self) -> dict[str, Table]:
        """Every table but those that this backend has for itself."""
        found = self._connection.execute(_TABLES).fetchall()
        return {name: self._table(oid) for oid, name in found}

    def _table(self, oid: int) -> Table:
        columns = self._connection.execute(_COLUMNS, [oid]).fetchall()
        references = self._connection.execute(_REFERENCES, [oid]).fetchall()
        return Table(
            tuple(sorted(row[0] for row in columns)), frozenset(row[0] for row in references)
        )

    def rows(self, name: str, table: Table) -> Iterator[Row]:
        """The rows of a table, through a cursor of the server."""
        query = f'SELECT {table.listed} FROM "{name}"'  # noqa: S608
        self._connection.execute(f"DECLARE every NO SCROLL CURSOR FOR {query}")
        while part := self._connection.execute(f"FETCH {_AT_ONCE} FROM every").fetchall():
            yield from map(tuple, part)
        self._connection.execute("CLOSE every")

    def fitting(self, row: Row) -> Row:
        """A row without the one character that PostgreSQL cannot keep."""
        return tuple(
            value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row
        )

    def put(self, name: str, table: Table, rows: Iterable[Row]) -> None:
        """Store rows."""
        statement = f'COPY "{name}" ({table.listed}) FROM STDIN'
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def numbers(self) -> dict[str, int]:
        """The last number of each table that numbers its rows."""
        found = {}
        for name, sequence in self._connection.execute(_NUMBERED).fetchall():
            row = self._connection.execute(
                f"SELECT last_value, is_called FROM {sequence}"  # noqa: S608
            ).fetchone()
            if row is not None and row[1]:
                found[str(name)] = int(row[0])
        return found

    def continue_after(self, numbers: Mapping[str, int]) -> None:
        """Give only numbers that are greater than those and than every one that is there."""
        for name, sequence in self._connection.execute(_NUMBERED).fetchall():
            column = self._connection.execute(
                "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) "
                "AND attidentity <> ''",
                [f'"{name}"'],
            ).fetchone()
            if column is None:
                continue
            greatest = self._connection.execute(
                f'SELECT coalesce(max("{column[0]}"), 0) FROM "{name}"'  # noqa: S608
            ).fetchone()
            last = max(numbers.get(name, 0), int(greatest[0]) if greatest else 0)
            if last:
                self._connection.execute("SELECT setval($1::regclass, $2, true)", [sequence, last])

    def seal(self) -> None:
        """Refuse every later write to any table of the ledger."""
        self._connection.execute(_CLOSE)
        for name in self.tables():
            self._connection.execute(_CLOSE_TABLE.format(table=name))


class PostgresSide:
    """A schema.

    Args:
        place: The server and the schema.
    """

    def __init__(self, place: PostgresPlace) -> None:
        self._place = place

    @property
    def name(self) -> str:
        """Schema, database and host."""
        return str(self._place)

    @property
    def setting(self) -> str:
        """What to set so that commands use this schema."""
        return (
            "set ledger.url to the address that the move was given, and ledger.schema_name = "
            f'"{self._place.schema}"'
        )

    def facts(self) -> Facts | None:
        """What the schema says of itself; ``None`` if there is no ledger in it."""
        with (
            closing(PostgresDatabase(self._place, read_only=True, as_it_is=True)) as database,
            database.transaction() as statements,
        ):
            return _facts(statements)

    def incoming(self) -> Facts | None:
        """What it says of itself while it is being made."""
        found = self.facts()
        return found if found is not None and INCOMING in found else None

    @contextmanager
    def frozen(self) -> Iterator[PostgresContents]:
        """The schema, under the lock for which every other writer waits."""
        with self._begun() as connection:
            yield PostgresContents(connection)

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Nothing: what replaces a schema does so under its lock, and looks at it again."""
        yield

    def prepare(self, marker: str, check: Callable[[Facts | None], None]) -> None:
        """Make the schema anew, closed to all."""
        with self._begun() as connection:
            # A command may have made a ledger there just now.
            check(_facts(Statements(connection)))
            refuse_encoding(connection, self._place)
            schema = self._place.schema
            there = connection.execute("SELECT to_regnamespace($1)::text", [f'"{schema}"'])
            if there.fetchone() == (None,):
                connection.execute(f'CREATE SCHEMA "{schema}"')
            if connection.execute("SELECT to_regclass('schema_version')").fetchone() != (None,):
                for row in connection.execute(_OBJECTS).fetchall():
                    connection.execute(row[0])
            for _, script in STEPS:
                connection.execute(script)
            connection.execute("UPDATE schema_version SET version = $1", [VERSION])
            made = PostgresContents(connection)
            made.note(INCOMING, marker)
            made.seal()

    @contextmanager
    def filling(self) -> Iterator[PostgresContents]:
        """The schema that is being made."""
        with self._begun() as connection:
            yield PostgresContents(connection)

    def go_live(self, move: str) -> str | None:
        """Open the schema to all."""
        with self._begun() as connection:
            rows = connection.execute(
                "SELECT value FROM meta WHERE key = $1 AND value = $2", [ARRIVED, move]
            ).fetchall()
            if not rows:
                raise LedgerError(
                    f"the ledger {self.name} was replaced during the move",
                    hint="the old ledger is sealed: restore a backup at one of both places",
                )
            connection.execute("DELETE FROM meta WHERE key = $1", [INCOMING])
            connection.execute("DROP FUNCTION IF EXISTS refuse_writes() CASCADE")
        return None

    @contextmanager
    def _begun(self) -> Iterator[Connection[Any]]:
        """A transaction that may write where others are refused."""
        # A connection a transaction: the address may be that of a pooler.
        with (
            ledger_errors(self.name),
            closing(PostgresDatabase(self._place, as_it_is=True)) as database,
            database.migration(_LIMITS) as connection,
        ):
            connection.execute("SELECT set_config('veracore_sync.move', 'on', true)")
            yield connection


def _facts(statements: Transaction) -> Facts | None:
    if statements.execute("SELECT to_regclass('meta')").fetchone()[0] is None:
        return None
    return SharedContents(statements).facts()
