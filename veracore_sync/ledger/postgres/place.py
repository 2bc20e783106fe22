"""Where a ledger in PostgreSQL is, and how it is reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from veracore_sync.domain.errors import ConfigError
from veracore_sync.ledger.postgres.client_files import refuse_untrusted_files
from veracore_sync.ledger.postgres.limits import LeaseLimits

_CONNECTION = {
    "keepalives": "1",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "application_name": "veracore-sync",
}
_PROBED_SECONDS = 15
"""What the last keepalives take together."""


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

    @property
    def limits(self) -> LeaseLimits:
        """How long anything may take on the server."""
        return self._limits(self._given)

    def check(self) -> None:
        """Refuse what libpq does not understand, what costs a lease, and files that are not safe.

        Raises:
            ConfigError: It does not, it is too long, or a stranger may write such a file.
        """
        given = self._given
        limits = self._limits(given)
        # Of both, 0 is no limit.
        for name, most, unit in (
            ("connect_timeout", limits.most_connect, 1),
            ("tcp_user_timeout", self.lease_seconds, 1000),
        ):
            if name not in given:
                continue
            seconds = _number(given[name]) / unit
            if not 0 < seconds <= most:
                raise ConfigError(
                    f"ledger.url: {name}={given[name]} leaves no time to renew a lease of "
                    f"{self.lease_seconds:g} s (ledger.lease_seconds)",
                    hint=f"leave {name} out, or set it to {int(most * unit)} at most"
                    f"{' for each of the servers' if limits.servers > 1 else ''}; or raise "
                    "ledger.lease_seconds on all hosts",
                )
        refuse_untrusted_files(conninfo_to_dict(self.conninfo), os.environ)

    @staticmethod
    def _servers(given: Mapping[str, Any]) -> int:
        return str(given.get("host") or given.get("hostaddr") or "").count(",") + 1

    def _limits(self, given: Mapping[str, Any]) -> LeaseLimits:
        return LeaseLimits(self.lease_seconds, self._servers(given))

    @property
    def _given(self) -> dict[str, Any]:
        try:
            return conninfo_to_dict(self.url)
        except psycopg.ProgrammingError:
            # Its text quotes the address.
            raise ConfigError(
                "ledger.url: PostgreSQL's client does not understand it",
                hint="for example postgresql://veracore@db.example/veracore, or "
                "postgresql:///?service=veracore",
            ) from None

    @property
    def conninfo(self) -> str:
        """What libpq connects with.

        Raises:
            ConfigError: It is not an address.
        """
        given = self._given
        limits = self._limits(given)
        # A server that vanished is given up while there is time to ask another for a renewal. What
        # the address says goes before.
        ours = _CONNECTION | {
            "connect_timeout": str(limits.connect),
            "keepalives_idle": str(max(1, int(limits.silent) - _PROBED_SECONDS)),
            "tcp_user_timeout": str(round(1000 * limits.silent)),
        }
        more = {"password": self.password} if self.password else {}
        # Whatever PGCLIENTENCODING, the user or the database have: not every letter is in those.
        more["client_encoding"] = "UTF8"
        return make_conninfo("", **{**ours, **given, **more})


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return 0.0
