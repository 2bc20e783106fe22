"""Errors of PostgreSQL as `LedgerError`, each with a sentence and what to do next.

No message quotes the address: it may have a password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from veracore_sync.domain.errors import LedgerError

_PASSING = "nothing was sent without a record and the next run continues"
_HINTS = {
    "28": "check user, password (ledger.password_file, PGPASSFILE or a service file) and the "
    "server's pg_hba.conf, then run `veracore-sync doctor`",
    "3D000": "create the database, or correct its name in ledger.url",
    "3F000": "the schema of the ledger is gone: restore it from a backup, or correct "
    "ledger.schema_name",
    "42P01": "a table of the ledger is gone: restore it from a backup, or correct "
    "ledger.schema_name",
    "42501": "grant the user its schema: CREATE on the database, or a schema that it owns",
    "25006": f"this server is a read-only standby; {_PASSING}: name the primary in ledger.url "
    "(target_session_attrs=read-write finds it among several hosts)",
    "25P03": f"a process was held up within a transaction, which the server has ended; {_PASSING}",
    "53100": f"the server's disk is full; {_PASSING}: free some space there",
    "53300": f"the server has no free connection; {_PASSING}: raise max_connections, or put "
    "pgbouncer before it",
    "53": f"the server is short of memory or disk; {_PASSING}",
    "55P03": f"another process held the ledger for too long; {_PASSING}",
    "57014": f"the server took longer than the time limit of a statement; {_PASSING}",
    "57P": f"the server is restarting or a standby takes over; {_PASSING}",
    "08": f"the connection to the server broke; {_PASSING}",
    "VM001": "start the command again: it says where the ledger is now",
    "XX": "the server reports damage: look into its log, then run `veracore-sync ledger check`",
    "58": "the server's disk failed: look into its log, then run `veracore-sync ledger check`",
}
# A refused connection has no SQLSTATE of its own in psycopg, so these are told by their words,
# which libpq and the server say in English unless lc_messages was changed.
_WORDS = (
    ("password authentication failed", "28"),
    ("no password supplied", "28"),
    ("pg_hba.conf", "28"),
    ("role", "28"),
    ("too many", "53300"),
    ("connection slots", "53300"),
    ("no more connections", "53300"),
    ("starting up", "57P"),
    ("shutting down", "57P"),
    ("recovery", "57P"),
    ("read-only", "25006"),
    ("session is not read-write", "25006"),
    ("ssl", "tls"),
    ("certificate", "tls"),
    ("definition of service", "service"),
    ("service file", "service"),
)
_MORE = {
    "tls": "check sslmode, sslrootcert and the server's certificate; without TLS on the server, "
    "sslmode=require cannot connect",
    "service": "check the service's name and its file (PGSERVICEFILE, or ~/.pg_service.conf)",
}
_DOWN = (
    f"nothing answers at the address of ledger.url; {_PASSING}; `veracore-sync doctor` says more"
)


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
    said = _first_line(error)
    return LedgerError(f"the ledger {place}: {said}", hint=_hint(error))


def _hint(error: psycopg.Error) -> str:
    state = error.sqlstate or ""
    # Where no connection came about libpq gives no code, only words.
    text = f"{error}".casefold()
    if not state and isinstance(error, psycopg.OperationalError):
        if "database" in text and "does not exist" in text:
            return _HINTS["3D000"]
        for words, kind in _WORDS:
            if words in text:
                return _HINTS.get(kind) or _MORE[kind]
        return _DOWN
    for length in (5, 3, 2):
        if state[:length] in _HINTS:
            return _HINTS[state[:length]]
    return "look into the server's log, then run `veracore-sync ledger check`"


def _first_line(error: psycopg.Error) -> str:
    # The details behind the first line may quote values of a row.
    message = (error.diag.message_primary or str(error)).strip()
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    return (lines[0] if lines else type(error).__name__) + code
