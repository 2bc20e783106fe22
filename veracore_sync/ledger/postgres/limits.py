"""How long anything may take on the server, so that a lease can be renewed in time.

A lease is renewed three times before it would expire, by the process's one connection. Whatever
holds that connection, or the lock of all writers, for as long as a lease, would cost this process
its job, or another one; so each limit is a part of the lease.
"""

from __future__ import annotations

from dataclasses import dataclass

RENEWALS = 3
"""How often a lease is renewed before it would expire."""

_STATEMENT_SECONDS = 60.0
_LOCK_SECONDS = 30.0
_IDLE_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 30.0
_LEAST_SECONDS = 1.0
# libpq takes a shorter one for this.
_LEAST_CONNECT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class LeaseLimits:
    """The limits that go with a lease, in seconds.

    Args:
        lease: How long a job stays held without a renewal.
        servers: How many an address names: each may be tried in turn.
    """

    lease: float
    servers: int = 1

    @property
    def renewal(self) -> float:
        """From one renewal to the next."""
        return self.lease / RENEWALS

    @property
    def statement(self) -> float:
        """One statement, and a commit's wait for a standby."""
        return self._part(_STATEMENT_SECONDS, self.lease / 2)

    @property
    def lock(self) -> float:
        """The wait for another writer: who waits cannot renew its leases meanwhile."""
        return self._part(_LOCK_SECONDS, self.lease / 2)

    @property
    def idle(self) -> float:
        """Between two statements of a transaction; nothing slow is done there."""
        return self._part(_IDLE_SECONDS, self.lease / RENEWALS)

    @property
    def connect(self) -> int:
        """The connection to one of the servers."""
        share = self.lease / 2 / self.servers
        return max(_LEAST_CONNECT_SECONDS, int(min(_CONNECT_SECONDS, share)))

    @property
    def most_connect(self) -> float:
        """The longest that an address may ask for: all servers within a lease."""
        return max(float(_LEAST_CONNECT_SECONDS), self.lease / self.servers)

    @property
    def silent(self) -> float:
        """Until a server that vanished is given up."""
        return self._part(_SILENT_SECONDS, self.lease / 2)

    @staticmethod
    def _part(usual: float, of_lease: float) -> float:
        return max(_LEAST_SECONDS, min(usual, of_lease))
