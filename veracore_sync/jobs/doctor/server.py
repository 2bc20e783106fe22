"""The server of a ledger on PostgreSQL: what of it could cost an order, or stop the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from veracore_sync.domain.errors import LedgerError
from veracore_sync.domain.ledger_server import Free, LedgerServer, SchemaRights
from veracore_sync.jobs.doctor.finding import CheckResult, fail, ok, warn

_OLDEST = 13
_SKEW_SECONDS = 60.0
_FREE_SHARE = 10
_STILL_ONCE = (
    "each order is still placed once: its id is made from its code, and VeraCore refuses a used one"
)
_POOLERS = {
    "": "no pooler stands before the server",
    "session": "a pooler in session mode stands before the server",
    "transaction": "a pooler in transaction mode stands before the server",
}


def server(found: LedgerServer, now: datetime) -> Iterator[CheckResult]:
    """Judge it.

    Args:
        found: What it says of itself.
        now: The wall clock.
    """
    yield _version(found, now)
    if found.is_read_only:
        # What follows is about commits, and there are none.
        yield fail("primary", _read_only(found))
        return
    yield ok("primary", "the server accepts writes")
    if found.encoding != "UTF8":
        yield fail("encoding", _encoding(found.encoding))
    yield _commits(found)
    yield _standby(found)
    yield _clock(found)
    yield _pooler(found)
    yield _encryption(found)
    yield _rights(found.rights) if found.rights is not None else _no_schema(found)
    if found.interrupted_restores:
        yield _interrupted(found.interrupted_restores)
    yield _connections(found.free)


def _version(found: LedgerServer, now: datetime) -> CheckResult:
    said = f"version {found.version}"
    if found.major < _OLDEST:
        return fail("PostgreSQL", LedgerError(f"{said} is too old", hint="upgrade the server"))
    # A version comes out each autumn, and gets its last correction in November five years later.
    end = datetime(2012 + found.major, 12, 1, tzinfo=UTC)
    if now >= end:
        message = f"{said} gets no more corrections from the PostgreSQL project"
        return warn("PostgreSQL", message, "upgrade the server")
    return ok("PostgreSQL", said)


def _read_only(found: LedgerServer) -> LedgerError:
    if found.is_standby:
        return LedgerError(
            "this server is a read-only standby: nothing can be recorded, so nothing is sent",
            hint="name the primary in ledger.url, or all servers with "
            "target_session_attrs=read-write; if the primary is lost, promote the standby",
        )
    return LedgerError(
        "the server refuses writes (default_transaction_read_only): nothing is sent",
        hint="some services set it when the disk is full: free some space; else set it to off for "
        "the ledger's user",
    )


def _encoding(name: str) -> LedgerError:
    return LedgerError(
        f"the database has the encoding {name}, which has not every letter: an order, SKU or name "
        "with another one ends each run (74)",
        hint="make a database with TEMPLATE template0 ENCODING 'UTF8' and name it in ledger.url; "
        "`veracore-sync ledger backup FILE` and `veracore-sync ledger restore FILE` take a ledger "
        "there",
    )


def _commits(found: LedgerServer) -> CheckResult:
    if not found.fsync:
        return warn(
            "commits",
            "fsync is off: a crash of the server's machine may lose or damage the ledger",
            "set fsync = on",
        )
    if found.synchronous_commit != found.our_commits:
        return ok(
            "commits",
            f"synchronous_commit is {found.synchronous_commit}; the ledger's transactions use "
            f"{found.our_commits}, so that an intent is on disk before its request leaves",
        )
    return ok("commits", f"synchronous_commit is {found.our_commits}")


def _standby(found: LedgerServer) -> CheckResult:
    names, count = found.synchronous_standbys, found.standbys
    standbys = "1 standby follows" if count == 1 else f"{count} standbys follow"
    if not names and not count:
        return ok("standby", "no standby follows: if the server is lost, its backups are left")
    if not names:
        return warn(
            "standby",
            f"{standbys} without being waited for: a failover may lose the last commits, intents "
            f"of sent orders among them; {_STILL_ONCE}",
            "name a standby in synchronous_standby_names, or accept it and compare VeraCore's "
            "newest orders with the ledger after a failover",
        )
    if found.our_commits == "local":
        return warn(
            "standby",
            "synchronous_commit is local for this user: no commit waits for the standbys in "
            f"synchronous_standby_names, and a failover may lose the last ones; {_STILL_ONCE}",
            "set synchronous_commit = on for the ledger's user",
        )
    if not count:
        return fail(
            "standby",
            LedgerError(
                "no standby follows, and each commit waits for one (synchronous_standby_names)",
                hint="start the standby, or empty synchronous_standby_names; until then commands "
                "end with 74 and send nothing",
            ),
        )
    message = f"{standbys}, and each commit waits for those in synchronous_standby_names"
    return ok("standby", message)


def _clock(found: LedgerServer) -> CheckResult:
    way = "ahead of" if found.ahead_seconds > 0 else "behind"
    message = f"the ledger's server's clock is {abs(found.ahead_seconds):.0f} s {way} ours"
    if abs(found.ahead_seconds) <= _SKEW_SECONDS:
        return ok("clock", message)
    return warn(
        "clock",
        f"{message}; all hosts go by the server's",
        "set the clock that is wrong (`timedatectl` shows ours); the log has this machine's times",
    )


def _pooler(found: LedgerServer) -> CheckResult:
    if found.pooler == "unknown":
        return warn(
            "pooler",
            "a pooler stands before the server and has no second connection for this user",
            "let it share connections by transaction (pgbouncer: pool_mode = transaction), or "
            "raise the size of its pool",
        )
    if found.pooler == "session":
        return warn(
            "pooler",
            f"{_POOLERS['session']}: each listener keeps a connection of the server",
            "pool_mode = transaction is enough for the ledger, and needs fewer connections",
        )
    return ok("pooler", _POOLERS[found.pooler])


def _encryption(found: LedgerServer) -> CheckResult:
    if found.is_local:
        return ok("TLS", "the connection does not leave this machine")
    if found.encryption == "none":
        return warn(
            "TLS",
            "the connection leaves this machine without TLS: others can read and change it",
            "set up TLS on the server, then sslmode=verify-full in ledger.url",
        )
    if found.encryption == "unverified":
        return warn(
            "TLS",
            "the connection has TLS, but the server's certificate is not verified: another "
            "server could take its place",
            "sslmode=verify-full in ledger.url, with sslrootcert if the authority is your own",
        )
    return ok("TLS", "the connection has TLS, and the server's certificate is verified")


def _no_schema(found: LedgerServer) -> CheckResult:
    if found.may_create:
        return ok("schema", "the first run can make it")
    return fail(
        "schema",
        LedgerError(
            "there is no schema, and the user may not make one",
            hint="grant CREATE on the database, or make a schema that the user owns",
        ),
    )


def _rights(found: SchemaRights) -> CheckResult:
    name, user = found.name, found.user
    if found.unwritable:
        return fail(
            "schema",
            LedgerError(
                f"{user} may not read and write {found.unwritable} tables of {name}, whose owner "
                f"is {found.owner}",
                hint=f"let {user} own the schema and its tables",
            ),
        )
    if found.is_superuser:
        return warn(
            "schema",
            f"{user} is a superuser of the server",
            "give the ledger a user of its own that owns nothing but the schema "
            "(docs/several-shops.md)",
        )
    if found.foreign:
        return warn(
            "schema",
            f"{user} does not own {found.foreign} tables of {name}, and cannot upgrade them with "
            "the next version",
            f"let {user} own the tables (REASSIGN OWNED)",
        )
    if found.is_public:
        return warn(
            "schema",
            f"every user of the database may look into {name}",
            f"REVOKE ALL ON SCHEMA {name} FROM PUBLIC",
        )
    return ok("schema", f"{name} belongs to {found.owner}")


def _interrupted(schemas: tuple[str, ...]) -> CheckResult:
    drops = " ".join(f'DROP SCHEMA "{schema}" CASCADE;' for schema in schemas)
    return warn(
        "restore",
        "a `veracore-sync ledger restore FILE` was interrupted, and has left "
        f"{', '.join(schemas)}; the ledger is as "
        "it was before",
        f"unless one is at work now, run it again, which removes that; or `{drops}` in psql",
    )


def _connections(free: Free) -> CheckResult:
    message = f"{free.count} of {free.limit} connections are free ({free.of})"
    if free.count * _FREE_SHARE >= free.limit:
        return ok("connections", message)
    return warn(
        "connections",
        f"{message}; a command that gets none ends with 69",
        f"raise {free.of}, or put pgbouncer before the server",
    )
