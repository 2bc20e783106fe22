"""The ledger in a schema of PostgreSQL: one connection and its transactions.

Writers of one ledger wait for each other, as SQLite's do: each write transaction first takes the
schema's advisory lock, so the stores' code means the same on both. It is READ COMMITTED: every
statement after the lock sees what was committed before the lock was got, because PostgreSQL
makes a commit visible before it releases its locks. A read outside of a transaction is one
statement.

Nothing outlives a transaction on the server (no session settings, no session locks, no prepared
statements), so a pooler may give each transaction another connection. What a transaction needs is
sent with its BEGIN in one round trip. The server ends a transaction whose process was stopped or
cut off; otherwise that process would hold up every other one.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, RawCursor

from veracore_sync.clock import SharedClock, SystemClock
from veracore_sync.domain.errors import CommitUnknown, LedgerError
from veracore_sync.domain.ledger_records import Holder
from veracore_sync.domain.ledger_server import LedgerServer
from veracore_sync.ledger.database import Reads, StoredRow
from veracore_sync.ledger.postgres import dump, migrations, server
from veracore_sync.ledger.postgres.begin import SETTINGS, TimeLimits, lock_key, settings
from veracore_sync.ledger.postgres.dialect import Statements, adapt, bound, translated, whole
from veracore_sync.ledger.postgres.errors import ledger_errors, names_of_hosts
from veracore_sync.ledger.postgres.errors import translated as ledger_error
from veracore_sync.ledger.postgres.leases import CHECK, Lease, Leases
from veracore_sync.ledger.postgres.place import PostgresPlace

_LOG = logging.getLogger(__name__)

# What the driver says of a broken connection comes as an error as well. Without a handler Python
# would print it among our messages, whatever log.level and log.format are.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

_MARK = """
INSERT INTO commits (writer, mark, at) VALUES ($1, $2, now())
ON CONFLICT (writer) DO UPDATE SET mark = excluded.mark, at = excluded.at
"""
_FORGET = "DELETE FROM commits WHERE writer = ? OR at < now() - interval '1 day'"
_UNSTORED = "nothing was stored, and the next run continues"


class PostgresDatabase(Reads):
    """One connection, shared by the threads of a process.

    Args:
        place: Where the ledger is.
        read_only: Refuse every write; the schema must exist.
        as_it_is: Neither look at the schema's version nor make one, for a restore.

    Raises:
        LedgerError: It cannot be reached, or is of a newer version.
    """

    path: Path | None = None

    def __init__(
        self, place: PostgresPlace, *, read_only: bool = False, as_it_is: bool = False
    ) -> None:
        self.place = place
        self._conninfo = place.conninfo
        self._name = str(place)
        self._read_only = read_only
        self._lock = threading.RLock()
        self._nested = False
        self._began = False
        self._writer = secrets.token_hex(8)
        self._unconfirmed = False
        self._has_marked = False
        self._key = lock_key(place.schema)
        self._open: Connection[Any] | None = None
        limits = place.limits
        self._limits = TimeLimits(limits.statement, limits.lock, limits.idle)
        self._told: dict[TimeLimits, str] = {}
        self._leases = Leases(self, place.lease_seconds)
        if as_it_is:
            return
        with ledger_errors(self._name):
            try:
                migrations.bring_up_to_date(self, place.schema, read_only=read_only)
            except BaseException:
                self.close()
                raise

    # ---- the connection -------------------------------------------------------------------------

    @property
    def connection(self) -> Connection[Any]:
        """The connection, made anew if it broke outside of a transaction."""
        if self._open is None or self._open.closed:
            if self._began:
                # A statement of this transaction would stand alone on a new connection.
                raise psycopg.OperationalError("the connection broke within a transaction")
            with names_of_hosts():
                self._open = Connection.connect(
                    self._conninfo,
                    autocommit=True,
                    prepare_threshold=None,
                    cursor_factory=RawCursor,
                )
            adapt(self._open)
            self._open.add_notice_handler(self._notice)
        return self._open

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        # "canceling wait for synchronous replication": the commit is reported as done, but the
        # standby has not confirmed it.
        if notice.sqlstate == "01000" and "synchronous" in (notice.message_primary or ""):
            self._unconfirmed = True

    def exclusive(self) -> threading.RLock:
        """A context in which no other thread uses the connection."""
        return self._lock

    def _begin(self, limits: TimeLimits | None = None, *, checked: bool = True) -> None:
        connection, held = self.connection, self._leases.held
        # The default of server and user is obeyed: services forbid writes so when a disk is full.
        # But no standby, which may lag, says whether a commit was stored.
        mode = ", READ ONLY" if self._read_only else "" if checked else ", READ WRITE"
        words = [f"BEGIN ISOLATION LEVEL READ COMMITTED{mode}"]
        words.append(self._settings(limits or self._limits))
        if not self._read_only:
            words.append(f"SELECT pg_advisory_xact_lock({self._key})")
        checked = checked and bool(held)
        if checked:
            words.append(whole(connection, CHECK, [list(held), list(held.values())]))
        cursor = connection.execute(";\n".join(words))
        while cursor.nextset():
            pass
        if checked:
            lost = self._leases.lost(cursor.fetchall()[0][0])
            if lost is not None:
                raise lost
        self._began = True

    def _settings(self, limits: TimeLimits) -> str:
        if limits not in self._told:
            values = settings(self.place.schema, limits)
            self._told[limits] = whole(self.connection, SETTINGS, values)
        return self._told[limits]

    def _again(self, act: Any) -> Any:
        """Do something that stores nothing, once more if the connection was broken before."""
        try:
            return act()
        except psycopg.Error:
            # Of any class: a server that ends an idle transaction does not call that operational.
            broken = self._open is None or self._open.closed
            if not broken:
                self._undo()
                raise
        except BaseException:
            self._undo()
            raise
        return act()

    def _undo(self) -> None:
        self._began = False
        if self._open is not None:
            with suppress(psycopg.Error):
                self._open.rollback()

    # ---- writing --------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        """A write transaction: committed durably at the end, rolled back on any exception.

        Nested use joins the outer transaction.

        Raises:
            LeaseLost: Another process may have a job of this one; nothing was stored.
            CommitUnknown: It may be stored or not.
            LedgerError: Nothing was stored.
        """
        with self._lock, ledger_errors(self._name):
            if self._nested:
                yield Statements(self.connection)
                return
            try:
                self._nested = True
                self._again(self._begin)
                yield Statements(self.connection)
                self._commit()
            except CommitUnknown:
                self._undo()
                raise
            except (psycopg.Error, LedgerError):
                self._undo()
                # Who was held up for so long that the server ended the transaction has lost more
                # than a connection.
                self._leases.confirm()
                raise
            except BaseException:
                self._undo()
                raise
            finally:
                self._nested = self._began = False

    def _commit(self) -> None:
        connection, mark = self.connection, secrets.token_hex(8)
        self._unconfirmed = False
        # The server's own limit does not end the wait for a standby; a cancel does, and the commit
        # is then reported with a warning (see `_notice`).
        limit = threading.Timer(self._limits.statement, self._cancel, (connection,))
        limit.daemon = True
        limit.start()
        try:
            if self._read_only:
                connection.execute("COMMIT")
            else:
                self._has_marked = True
                connection.execute(whole(connection, _MARK, [self._writer, mark]) + ";\nCOMMIT")
        except psycopg.Error as error:
            if not connection.closed:
                raise
            if not self._is_stored(mark, error):
                said = ledger_error(self._name, error)
                raise type(said)(f"{said.message}; {_UNSTORED}", hint=said.hint) from error
        finally:
            limit.cancel()
        if self._unconfirmed:
            raise CommitUnknown(
                f"the ledger {self._name}: no standby has confirmed a commit in time",
                hint="nothing that needs it was sent; look at the standby named in "
                "synchronous_standby_names",
            )

    @staticmethod
    def _cancel(connection: Connection[Any]) -> None:
        with suppress(psycopg.Error):
            connection.cancel()

    def _is_stored(self, mark: str, error: psycopg.Error) -> bool:
        """Whether the transaction with that mark was committed although its answer was lost."""
        # The lock waits for the server's end of the broken connection, which may still commit.
        self._began = False
        try:
            self._begin(checked=False)
            row = self.connection.execute(
                "SELECT mark FROM commits WHERE writer = $1", [self._writer]
            ).fetchone()
            self.connection.rollback()
        except psycopg.Error:
            self._undo()
            raise CommitUnknown(
                f"the ledger {self._name}: the connection broke while something was stored, and "
                "the server cannot be asked now whether it is",
                hint="nothing that needs it was sent; the next run reads what is stored and "
                "looks up what is in doubt",
            ) from error
        return row is not None and row[0] == mark

    @contextmanager
    def migration(self, limits: TimeLimits | None = None) -> Iterator[Connection[Any]]:
        """A transaction that changes the schema, under the same lock.

        Args:
            limits: ``None``: the usual ones, but a statement may take as long as it does.
        """
        with self._lock:
            try:
                self._nested = True
                self._again(lambda: self._begin(limits or self._limits._replace(statement=0)))
                yield self.connection
                self.connection.commit()
            except BaseException:
                self._undo()
                raise
            finally:
                self._nested = self._began = False

    def write_alone(self, sql: str, parameters: Any) -> Sequence[StoredRow]:
        """One statement that waits for no other writer; its rows, if it returns any.

        Raises:
            LedgerError: It may have been done or not.
        """
        with self._lock, ledger_errors(self._name):
            try:
                return self._one(sql, parameters)
            except BaseException:
                self._undo()
                raise

    def _one(self, sql: str, parameters: Any) -> Sequence[StoredRow]:
        text, wanted = translated(sql)
        connection = self.connection
        words = (
            "BEGIN ISOLATION LEVEL READ COMMITTED",
            self._settings(self._limits),
            whole(connection, text, bound(parameters, wanted)),
            "COMMIT",
        )
        # One message: as a pipeline of four it takes the driver twice as long.
        cursor = connection.execute(";\n".join(words))
        cursor.nextset()
        cursor.nextset()
        return cursor.fetchall() if cursor.description else []

    # ---- reading --------------------------------------------------------------------------------

    def rows(self, sql: str, parameters: Any = ()) -> Sequence[StoredRow]:
        """All rows of a SELECT.

        Raises:
            LedgerError: The server cannot be reached, or has refused.
        """
        with self._lock, ledger_errors(self._name):
            if self._nested:
                return Statements(self.connection).execute(sql, parameters).fetchall()
            found: Sequence[StoredRow] = self._again(lambda: self._one(sql, parameters))
            return found

    # ---- jobs -----------------------------------------------------------------------------------

    @property
    def leases(self) -> Leases:
        """The leases of this process."""
        return self._leases

    def try_lock(self, job: str, command: str, now: datetime) -> Lease | None:
        """Take a job's lease; ``None`` if another process holds it."""
        # `now` is this host's clock; leases go by the server's.
        return self._leases.try_take(job, command)

    def is_locked(self, job: str) -> bool:
        """Whether any process holds the job now."""
        return self._leases.is_held(job)

    def confirm_locks(self) -> None:
        """Check that no lease of this process may have expired.

        Raises:
            LeaseLost: One may have.
        """
        self._leases.confirm()

    def holder(self, job: str) -> Holder | None:
        """Who took the job last."""
        return self._leases.holder(job)

    def clock(self) -> SharedClock:
        """The server's clock."""
        with self._lock:
            return SharedClock(SystemClock(), self._time)

    def _time(self) -> tuple[float, str]:
        with ledger_errors(self._name):
            # Whole, because a setting (extra_float_digits) says how much of a fraction is sent.
            ((micros, started),) = self.connection.execute(
                "SELECT (1000000 * extract(epoch FROM clock_timestamp()))::bigint, "
                "extract(epoch FROM pg_postmaster_start_time())::text"
            ).fetchall()
        return micros / 1_000_000, f"server-{started}"

    # ---- care -----------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """The problems of the schema; empty if there are none.

        Raises:
            LedgerError: It cannot be read.
        """
        return migrations.problems(self, self.place.schema)

    def check_in_place(self) -> None:
        """A server has one ledger of that name: there is nothing to check."""

    def server(self) -> LedgerServer:
        """What the server says of itself, and how it is reached.

        Raises:
            LedgerError: It cannot be asked.
        """
        with ledger_errors(self._name):
            return server.look(self)

    def backup(self, target: Path) -> int:
        """Write a consistent snapshot with ``pg_dump``; returns its size in bytes.

        Raises:
            LedgerError: It cannot be read or written, `target` exists, or there is no ``pg_dump``.
        """
        return dump.backup(self.place, target)

    def close(self) -> None:
        """Give every job free and close the connection."""
        self._leases.close()
        with self._lock:
            if self._open is None:
                return
            if self._has_marked and not self._open.closed:
                with suppress(LedgerError):
                    self.write_alone(_FORGET, (self._writer,))
            self._open.close()
