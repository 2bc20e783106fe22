"""Errors of PostgreSQL as `LedgerError`, each with a sentence and what to do next.

No message quotes the address: it may have a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from veracore_sync.domain.errors import LedgerAway, LedgerError, LedgerRefused

_PASSING = "nothing was sent without a record and the next run continues"
_GRANT = "grant the user its schema: CREATE on the database, or a schema that it owns"
_RESTARTING = f"the server is restarting or a standby takes over; {_PASSING}"
_BROKE = f"the connection to the server broke; {_PASSING}"
NOT_EVERY_LETTER = (
    "its encoding has not every letter: make a database with TEMPLATE template0 ENCODING 'UTF8' "
    "and name that in ledger.url; a ledger goes there with `veracore-sync ledger backup FILE` and "
    "`veracore-sync ledger restore FILE`"
)
_LOG = "look into its log, then run `veracore-sync ledger check`"
_FAILURES: dict[str, tuple[type[LedgerError], str]] = {
    # It is away for a while, and nothing has to be changed.
    "08": (LedgerAway, _BROKE),
    "57P": (LedgerAway, _RESTARTING),
    "53300": (
        LedgerAway,
        f"the server has no free connection; {_PASSING}: raise max_connections, or put "
        "pgbouncer before it",
    ),
    "no primary": (
        LedgerAway,
        f"none of the servers in ledger.url accepts writes now; {_PASSING}: promote a standby, if "
        "the primary does not come back",
    ),
    "not let in": (
        LedgerAway,
        f"the server answers, and lets nobody in; {_PASSING}: if it is not starting just now, "
        "check user, password and database of ledger.url and the server's pg_hba.conf",
    ),
    "down": (
        LedgerAway,
        f"nothing answers at the address of ledger.url: correct it, if it is wrong; {_PASSING}",
    ),
    # The settings, or what the server lets their user do, are wrong.
    "28": (
        LedgerRefused,
        "check user, password (ledger.password_file, PGPASSFILE or a service file) and the "
        "server's pg_hba.conf, then run `veracore-sync doctor`",
    ),
    "3D000": (LedgerRefused, "create the database, or correct its name in ledger.url"),
    "42501": (LedgerRefused, _GRANT),
    "tls": (
        LedgerRefused,
        "check sslmode, sslrootcert and the server's certificate; without TLS on the server, "
        "sslmode=require cannot connect",
    ),
    "service": (
        LedgerRefused,
        "check the service's name and its file (PGSERVICEFILE, or ~/.pg_service.conf)",
    ),
    # The ledger itself, or the server's disk.
    "22P05": (LedgerError, NOT_EVERY_LETTER),
    "25006": (
        LedgerError,
        f"this server is a read-only standby, or forbids writes by default_transaction_read_only, "
        f"as services do when its disk is full; {_PASSING}: name the primary in ledger.url "
        "(target_session_attrs=read-write finds it among several hosts), or free some space there",
    ),
    "25P03": (
        LedgerError,
        f"a process was held up within a transaction, which the server has ended; {_PASSING}",
    ),
    "3F000": (
        LedgerError,
        "the schema of the ledger is gone: restore it from a backup, or correct ledger.schema_name",
    ),
    "42P01": (
        LedgerError,
        "a table of the ledger is gone: restore it from a backup, or correct ledger.schema_name",
    ),
    "53": (LedgerError, f"the server is short of memory or disk; {_PASSING}"),
    "53100": (LedgerError, f"the server's disk is full; {_PASSING}: free some space there"),
    "55P03": (LedgerError, f"another process held the ledger for too long; {_PASSING}"),
    "57014": (
        LedgerError,
        f"the server took longer than the time limit of a statement; {_PASSING}",
    ),
    "58": (LedgerError, f"the server's disk failed: {_LOG}"),
    "VM001": (LedgerError, "start the command again: it says where the ledger is now"),
    "XX": (LedgerError, f"the server reports damage: {_LOG}"),
    "": (LedgerError, "look into the server's log, then run `veracore-sync ledger check`"),
}
"""By SQLSTATE, its class, or a word of ours: which exit code it has, and what to do."""

# A refused connection has no SQLSTATE of its own in psycopg, so these are known by their words,
# which libpq and the server say in English unless lc_messages was changed.
_WORDS = (
    ("password authentication failed", "28"),
    ("no password supplied", "28"),
    ("pg_hba.conf", "28"),
    ("closed the connection", "08"),
    # These two name TLS, and are no fault of it.
    ("ssl connection has been closed", "08"),
    ("ssl syscall error", "08"),
    ("unexpected eof", "08"),
    ("connection broke", "08"),
    ("connection is closed", "08"),
    ("could not receive data", "08"),
    ("too many", "53300"),
    ("connection slots", "53300"),
    ("no more connections", "53300"),
    ("starting up", "57P"),
    ("shutting down", "57P"),
    ("not yet accepting connections", "57P"),
    ("recovery", "57P"),
    ("session is read-only", "no primary"),
    ("session is not read-write", "no primary"),
    ("in hot standby mode", "no primary"),
    ("read-only", "25006"),
    ("permission denied for database", "42501"),
    ("role", "28"),
    ("ssl", "tls"),
    ("certificate", "tls"),
    ("definition of service", "service"),
    ("service file", "service"),
)

# Libpq puts two blanks behind the severity that a server has named, in whichever language.
_ANSWERED = re.compile(r"failed: [^\s:]+:  ")
_QUOTED = re.compile(r'"[^"]*"')


@contextmanager
def ledger_errors(place: str) -> Iterator[None]:
    """Turn errors of PostgreSQL into a `LedgerError` with a hint."""
    try:
        yield
    except psycopg.Error as error:
        raise translated(place, error) from error


@contextmanager
def names_of_hosts() -> Iterator[None]:
    """Turn what Python says of a host's name that cannot be one into an error of the connection."""
    try:
        yield
    except UnicodeError as error:
        raise psycopg.OperationalError("the name of the host cannot be looked up") from error


def translated(place: str, error: psycopg.Error) -> LedgerError:
    """The `LedgerError` for an error of PostgreSQL."""
    kind, hint = _FAILURES[_name(error)]
    return kind(f"the ledger {place}: {_first_line(error)}", hint=hint)


def _name(error: psycopg.Error) -> str:
    """Its row in the table."""
    state = error.sqlstate or ""
    # Where no connection came about libpq gives no code, only words.
    # Quoted are names of hosts, users and files, which may have any of the words.
    text = _QUOTED.sub("", f"{error}").casefold()
    if not state and isinstance(error, psycopg.OperationalError):
        if "fatal:  database" in text and "does not exist" in text:
            return "3D000"
        return next((name for words, name in _WORDS if words in text), None) or _unworded(
            error, text
        )
    return next((state[:size] for size in (5, 3, 2) if state[:size] in _FAILURES), "")


def _unworded(error: psycopg.OperationalError, text: str) -> str:
    """The row of an error without a code, in words that are not in `_WORDS`."""
    if not _ANSWERED.search(text):
        return "down"
    # A server that starts, or has no connection left, says so before it asks for a password.
    return "28" if error.pgconn is not None and error.pgconn.used_password else "not let in"


def _first_line(error: psycopg.Error) -> str:
    # The details behind the first line may quote values of a row.
    message = (error.diag.message_primary or str(error)).strip()
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    return (lines[0] if lines else type(error).__name__) + code
