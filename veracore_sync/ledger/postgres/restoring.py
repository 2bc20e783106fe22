"""Replacing the ledger by a backup, with PostgreSQL's own programs.

The backup is read into a schema beside the ledger, checked and upgraded there, and then takes the
ledger's name in one transaction, which is a writer like any other: at no moment is there no ledger,
which a command would create anew, and send every order again. Every job's lease is held from before
the backup is read. In the restored ledger each lease has a newer epoch than in the old one, so who
held one before can write nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import Connection, sql

from veracore_sync.domain.errors import LedgerError, LockHeld
from veracore_sync.failpoint import pass_failpoint
from veracore_sync.ledger.database import Transaction
from veracore_sync.ledger.meta import ID_PREFIXES
from veracore_sync.ledger.postgres.database import PostgresDatabase
from veracore_sync.ledger.postgres.dump import client_program, run_client
from veracore_sync.ledger.postgres.errors import ledger_errors
from veracore_sync.ledger.postgres.migrations import refuse_encoding
from veracore_sync.ledger.postgres.place import PostgresPlace
from veracore_sync.ledger.postgres.server import beside, interrupted_restores
from veracore_sync.ledger.restored import Restored, check_copy
from veracore_sync.ledger.runs import JOBS
from veracore_sync.ledger.stores import SqlLedger

_SCHEMA_LINE = re.compile(r"^\d+; \d+ \d+ SCHEMA - (\S+)", re.MULTILINE)
_FORMAT = b"PGDMP"


def restore(source: Path, place: PostgresPlace, examine: Callable[[SqlLedger], None]) -> Restored:
    """Replace the ledger by a backup, and keep the old schema under another name.

    Args:
        source: A backup; it is not changed.
        place: The ledger.
        examine: Raises if the ledger must not be used here.

    Raises:
        LedgerError: The backup cannot be read or used, or the server has refused; nothing was
            replaced.
        LockHeld: A run or a listener is active.
    """
    _check_format(source)
    programs = client_program("pg_restore"), client_program("psql")
    with (
        ledger_errors(str(place)),
        closing(PostgresDatabase(place, as_it_is=True)) as ledger,
        ExitStack() as leases,
    ):
        # One that is damaged may have none.
        if _has(ledger, place.schema, "leases"):
            _take_every(ledger, leases)
            # Whoever made these holds none, so it is dead.
            for left in interrupted_restores(ledger):
                _drop(ledger, left)
        else:
            refuse_encoding(ledger.connection, place)
        moment = f"{ledger.clock().now():%Y%m%dt%H%M%S%fz}"
        fresh, kept, lent = (
            f"{beside(place.schema, word)}{moment}" for word in ("restored", "replaced", "lent")
        )
        with _removed_unless_used(ledger, fresh):
            _read(programs, source, place, fresh, lent)
            pass_failpoint("restore read")
            before = _prefixes_of(ledger, place.schema)
            orders = _examined(replace(place, schema=fresh), examine, before)
            was_there = _swap(ledger, place.schema, fresh, kept)
    return Restored(orders, kept if was_there else None)


def _check_format(source: Path) -> None:
    try:
        with source.open("rb") as file:
            begin = file.read(len(_FORMAT))
    except OSError as error:
        raise LedgerError(
            f"{source}: {error.strerror}",
            hint="name a file that `veracore-sync ledger backup FILE` made",
        ) from None
    if begin != _FORMAT:
        raise LedgerError(
            f"{source} is not a backup of a ledger on PostgreSQL",
            hint="name a file that `veracore-sync ledger backup FILE` made with this "
            "ledger.url; a ledger in a file "
            "is restored with ledger.path",
        )


# ---- leases -------------------------------------------------------------------------------------


def _has(ledger: PostgresDatabase, schema: str, table: str) -> bool:
    found = ledger.value(
        "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = ? AND c.relname = ?",
        (schema, table),
    )
    return found is not None


def _take_every(ledger: PostgresDatabase, leases: ExitStack) -> None:
    for job in JOBS:
        lease = ledger.leases.try_take(job, "ledger restore")
        if lease is None:
            raise _in_use(ledger, job)
        leases.callback(lease.release)


def _in_use(ledger: PostgresDatabase, job: str) -> LockHeld:
    holder = ledger.holder(job)
    where = f" on {holder.host}" if holder else ""
    return LockHeld(
        f"{job} is at work{where} with {ledger.place}; nothing was changed",
        hint="stop the timers and the listeners of every host, then restore again; a host that "
        "died leaves its jobs after ledger.lease_seconds",
    )


# ---- the schema beside it -----------------------------------------------------------------------


@contextmanager
def _removed_unless_used(ledger: PostgresDatabase, schema: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        # Its name is of this moment, so nobody else's schema has it. After the swap it has none.
        with suppress(psycopg.Error):
            _drop(ledger, schema)
        raise


def _drop(ledger: PostgresDatabase, schema: str) -> None:
    with Connection.connect(ledger.place.conninfo, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def _read(
    programs: tuple[str, str], source: Path, place: PostgresPlace, fresh: str, lent: str
) -> None:
    """Read the backup into a schema of another name, in one transaction."""
    pg_restore, psql = programs
    file = str(source.absolute())
    schemas = _SCHEMA_LINE.findall(run_client([pg_restore, "--list", file]))
    if len(schemas) != 1:
        raise LedgerError(
            f"{source} is not a backup of one ledger",
            hint="name a file that `veracore-sync ledger backup FILE` made",
        )
    with tempfile.TemporaryDirectory(prefix="veracore-sync-") as made:
        begin, script, end = (Path(made) / f"{name}.sql" for name in ("begin", "backup", "end"))
        # Grants may name users that are not there.
        run_client([pg_restore, "--no-owner", "--no-privileges", "--file", str(script), file])
        # The script makes a schema by the name it had. Whoever has that name lends it: nobody else
        # sees that before the transaction ends, when it has it again.
        begin.write_text(_renamed(schemas[0], lent))
        end.write_text(
            # A pooler's next client would have what the script has set.
            f"{_renamed(schemas[0], fresh)}{_renamed(lent, schemas[0])}RESET ALL;\n"
        )
        files = [part for one in (begin, script, end) for part in ("--file", str(one))]
        run_client([psql, "-X", "-q", "-w", "-1", "-v", "ON_ERROR_STOP=1", *files], place)


def _renamed(old: str, new: str) -> str:
    """A script that renames a schema if it is there."""
    return (
        sql.SQL(
            "DO $do$BEGIN IF EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {}) "
            "THEN ALTER SCHEMA {} RENAME TO {}; END IF; END$do$;\n"
        )
        .format(sql.Literal(old), sql.Identifier(old), sql.Identifier(new))
        .as_string(None)
    )


def _prefixes_of(ledger: PostgresDatabase, schema: str) -> str | None:
    """What the old ledger says of ids; ``None`` if there is none."""
    if not _has(ledger, schema, "meta"):
        return None
    found: str | None = ledger.value("SELECT value FROM meta WHERE key = ?", (ID_PREFIXES,))
    return found


def _examined(
    fresh: PostgresPlace, examine: Callable[[SqlLedger], None], prefixes: str | None
) -> int:
    database = PostgresDatabase(fresh)
    clock = database.clock()
    with closing(SqlLedger(database, clock)) as copy:
        return check_copy(copy, examine, clock.now(), prefixes)


# ---- the swap -----------------------------------------------------------------------------------

_ENDED = "UPDATE \"{fresh}\".leases SET epoch = epoch + 1, expires_at = '-infinity'"
_EPOCHS = """
INSERT INTO "{fresh}".leases (job, owner, host, command, pid, epoch, since, expires_at)
SELECT job, owner, host, command, pid, epoch + 1, since, '-infinity' FROM "{schema}".leases
"""


def _swap(ledger: PostgresDatabase, schema: str, fresh: str, kept: str) -> bool:
    """Give the restored ledger the name; returns whether another one had it."""
    with ledger.transaction() as transaction:
        transaction.execute(f'DELETE FROM "{fresh}".commits')  # noqa: S608 - names of ours
        if _has(ledger, schema, "leases"):
            _check_nobody_works(ledger, transaction)
            transaction.execute(f'DELETE FROM "{fresh}".leases')  # noqa: S608 - names of ours
            transaction.execute(_EPOCHS.format(fresh=fresh, schema=schema))
        else:
            transaction.execute(_ENDED.format(fresh=fresh))
        named = "SELECT 1 FROM pg_namespace WHERE nspname = ?"
        was_there = bool(transaction.execute(named, (schema,)).fetchall())
        if was_there:
            transaction.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{kept}"')
        transaction.execute(f'ALTER SCHEMA "{fresh}" RENAME TO "{schema}"')
    return was_there


def _check_nobody_works(ledger: PostgresDatabase, transaction: Transaction) -> None:
    # A ledger that another host has begun since, or a newer version's jobs.
    held = transaction.execute("SELECT job FROM leases WHERE expires_at > clock_timestamp()")
    for (job,) in held.fetchall():
        if job not in ledger.leases.held:
            raise _in_use(ledger, job)
