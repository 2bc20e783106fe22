"""What ``doctor`` says of the server: asked with reads that every user may do."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from hashlib import blake2b
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import Connection

from veracore_sync.domain.ledger_server import Free, LedgerServer, SchemaRights

if TYPE_CHECKING:
    from veracore_sync.ledger.database import StoredRow
    from veracore_sync.ledger.postgres.database import PostgresDatabase

_POOLER_SECONDS = 3
_LONGEST_STEM = 30
_SERVER = """
SELECT current_setting('server_version') AS version,
    CAST(current_setting('server_version_num') AS int) AS number,
    (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit,
    current_setting('synchronous_commit') AS our_commits,
    current_setting('fsync') AS fsync,
    current_setting('server_encoding') AS encoding,
    current_setting('synchronous_standby_names') AS names,
    (SELECT count(*) FROM pg_stat_replication
        WHERE state IS NULL OR state IN ('streaming', 'catchup')) AS standbys,
    pg_is_in_recovery() AS is_standby,
    current_setting('transaction_read_only') AS read_only,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    pg_backend_pid() AS pid,
    CAST(1000000 * extract(epoch FROM clock_timestamp()) AS bigint) AS now
"""
# Others' sessions are hidden from most users, but they are counted in pg_stat_database.
_FREE = """
SELECT 'max_connections' AS setting, CAST(current_setting('max_connections') AS int)
        - CAST(current_setting('superuser_reserved_connections') AS int)
        - CAST(coalesce(current_setting('reserved_connections', true), '0') AS int) AS most,
    (SELECT sum(numbackends) FROM pg_stat_database) AS used
UNION ALL SELECT 'the database''s CONNECTION LIMIT', datconnlimit, numbackends
    FROM pg_database JOIN pg_stat_database ON datid = pg_database.oid
    WHERE pg_database.datname = current_database() AND datconnlimit >= 0
UNION ALL SELECT 'the user''s CONNECTION LIMIT', rolconnlimit,
        (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user)
    FROM pg_roles WHERE rolname = current_user AND rolconnlimit >= 0
"""
_RIGHTS = """
SELECT current_user AS user, pg_get_userbyid(n.nspowner) AS owner,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
    EXISTS (SELECT 1 FROM aclexplode(n.nspacl) WHERE grantee = 0) AS is_public,
    count(c.oid) FILTER (WHERE NOT (has_table_privilege(c.oid, 'SELECT')
        AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
        AND has_table_privilege(c.oid, 'DELETE'))) AS unwritable,
    count(c.oid) FILTER (WHERE NOT pg_has_role(c.relowner, 'USAGE')) AS not_owned
FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'
WHERE n.nspname = ? GROUP BY n.oid, n.nspname, n.nspowner, n.nspacl
"""
# A restore reads into a schema beside the ledger, named by the moment.
_INTERRUPTED = """
SELECT CAST(nspname AS text) FROM pg_namespace
WHERE starts_with(CAST(nspname AS text), ?)
    AND substr(CAST(nspname AS text), ?) ~ '^[0-9]{8}t[0-9]{12}z$' ORDER BY 1
"""


def beside(schema: str, word: str) -> str:
    """How the names of schemas of a restore begin, to which it adds its moment."""
    # A name has 63 characters, the moment 22 of them: one that was cut may be another ledger's.
    if len(schema) > _LONGEST_STEM:
        mark = blake2b(schema.encode(), digest_size=4).hexdigest()
        schema = f"{schema[: _LONGEST_STEM - 1 - len(mark)]}_{mark}"
    return f"{schema}_{word}_"


def interrupted_restores(database: PostgresDatabase) -> tuple[str, ...]:
    """The schemas of restores of this ledger that were killed, or are at work now.

    Raises:
        LedgerError: It cannot be asked.
    """
    prefix = beside(database.place.schema, "restored")
    return tuple(row[0] for row in database.rows(_INTERRUPTED, (prefix, len(prefix) + 1)))


def look(database: PostgresDatabase) -> LedgerServer:
    """What the server says of itself, and how it is reached.

    Raises:
        LedgerError: It cannot be asked.
        psycopg.Error: The same.
    """
    before = time.time()
    server, *_ = database.rows(_SERVER)
    here = (before + time.time()) / 2
    connection = database.connection
    is_local = _is_local(connection)
    return LedgerServer(
        version=str(server["version"]).split(maxsplit=1)[0],
        major=server["number"] // 10_000,
        synchronous_commit=server["synchronous_commit"],
        our_commits=server["our_commits"],
        fsync=server["fsync"] == "on",
        encoding=server["encoding"],
        synchronous_standbys=server["names"],
        standbys=server["standbys"],
        is_standby=bool(server["is_standby"]),
        is_read_only=server["read_only"] == "on",
        ahead_seconds=server["now"] / 1_000_000 - here,
        pooler=_pooler(database, connection, server["pid"]),
        is_local=is_local,
        encryption=_encryption(connection),
        free=_free(database.rows(_FREE)),
        rights=_rights(database),
        may_create=bool(server["may_create"]),
        interrupted_restores=interrupted_restores(database),
    )


def _free(rows: Sequence[StoredRow]) -> Free:
    found = [
        Free(max(0, row["most"] - int(row["used"])), row["most"], row["setting"]) for row in rows
    ]
    return min(found, key=lambda one: one.count)


def _rights(database: PostgresDatabase) -> SchemaRights | None:
    rows = database.rows(_RIGHTS, (database.place.schema,))
    if not rows:
        return None
    row = rows[0]
    return SchemaRights(
        name=database.place.schema,
        user=row["user"],
        owner=row["owner"],
        is_superuser=bool(row["is_superuser"]),
        is_public=bool(row["is_public"]),
        unwritable=row["unwritable"],
        foreign=row["not_owned"],
    )


def _is_local(connection: Connection[Any]) -> bool:
    if connection.info.host.startswith(("/", "@")):
        return True
    try:
        return ip_address(connection.info.hostaddr).is_loopback
    except ValueError:
        return False


def _encryption(connection: Connection[Any]) -> Literal["none", "unverified", "verified"]:
    if not connection.pgconn.ssl_in_use:
        return "none"
    modes = [one.val for one in connection.pgconn.info if one.keyword == b"sslmode"]
    return "verified" if modes in ([b"verify-full"], [b"verify-ca"]) else "unverified"


def _pooler(
    database: PostgresDatabase, connection: Connection[Any], pid: int
) -> Literal["", "session", "transaction", "unknown"]:
    # A server gives each client the number of its process, with which to cancel; a pooler gives a
    # number of its own. In transaction mode two clients then meet in one process of the server.
    if connection.info.backend_pid == pid:
        return ""
    seen = {pid}
    with Connection.connect(database.place.conninfo, autocommit=True) as second:
        for _ in range(3):
            other = _pid_within(second, _POOLER_SECONDS)
            if other is None:
                return "unknown"
            mine = database.rows("SELECT pg_backend_pid() AS pid")[0]["pid"]
            if other in seen or mine not in seen:
                return "transaction"
    return "session"


def _pid_within(connection: Connection[Any], seconds: float) -> int | None:
    """The server's process behind a connection; a pooler without a free one may keep us waiting."""
    plain = connection.pgconn
    plain.send_query(b"SELECT pg_backend_pid()")
    deadline = time.monotonic() + seconds
    while True:
        plain.consume_input()
        if not plain.is_busy():
            break
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([plain.socket], [], [], left)[0]:
            return None
    result = plain.get_result()
    found = result.get_value(0, 0) if result is not None and result.ntuples else None
    while plain.get_result() is not None:
        pass
    if found is None:
        raise psycopg.OperationalError("the pooler gave no connection")
    return int(found)
