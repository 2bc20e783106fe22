"""Where a ledger in PostgreSQL is, and how it is reached."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from veracore_sync.domain.errors import ConfigError
from veracore_sync.ledger.postgres.client_files import refuse_untrusted_files

_CONNECTION = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "veracore-sync",
}
"""A server that vanished is noticed within half a minute. What the address says goes before."""


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """Where a ledger is.

    Args:
        url: A libpq address; it may name a service or hold a password.
        schema: The ledger's own schema.
        password: Goes before what the address says; empty: libpq looks for one.
        lease_seconds: How long a job stays held without a renewal.
    """

    url: str
    schema: str
    password: str = ""
    lease_seconds: float = 60

    def __str__(self) -> str:
        parts = conninfo_to_dict(self.conninfo)
        host = parts.get("host") or parts.get("hostaddr") or parts.get("service") or "local"
        return f"{self.schema} in {parts.get('dbname') or 'the default database'} on {host}"

    def check(self) -> None:
        """Refuse an address that libpq does not understand, and files of it that are not safe.

        Raises:
            ConfigError: It does not, or a stranger may write such a file.
        """
        refuse_untrusted_files(conninfo_to_dict(self.conninfo), os.environ)

    @property
    def conninfo(self) -> str:
        """What libpq connects with.

        Raises:
            ConfigError: It is not an address.
        """
        try:
            given = conninfo_to_dict(self.url)
        except psycopg.ProgrammingError:
            # Its text quotes the address.
            raise ConfigError(
                "ledger.url: PostgreSQL's client does not understand it",
                hint="for example postgresql://veracore@db.example/veracore, or "
                "postgresql:///?service=veracore",
            ) from None
        more = {"password": self.password} if self.password else {}
        return make_conninfo("", **{**_CONNECTION, **given, **more})
