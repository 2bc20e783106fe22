"""Leases: who holds a job, until when by the server's clock, and its epoch.

The server knows nothing of a holder but what its row says, so a lease expires under a process that
is stopped, or cut off, for longer than it lasts. Its epoch makes that harmless: each transaction of
a holder checks that its epochs still stand, and others take a lease only in a transaction that
waits for those, so whoever has lost its lease writes nothing more: fencing. No session lock:
a pooler in transaction mode would hand it to others.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from veracore_sync.domain.errors import LeaseLost, LedgerError
from veracore_sync.domain.ledger_records import Holder
from veracore_sync.ledger.postgres.limits import RENEWALS

if TYPE_CHECKING:
    from veracore_sync.ledger.postgres.database import PostgresDatabase

_LOG = logging.getLogger(__name__)

CHECK = """
SELECT count(*) FROM leases JOIN unnest($1::text[], $2::bigint[]) AS mine (job, epoch)
    USING (job, epoch)
WHERE leases.expires_at > clock_timestamp()
"""
_UNTIL = "clock_timestamp() + CAST(:seconds AS double precision) * interval '1 second'"
_NOW = "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
_TAKE = f"""
INSERT INTO leases (job, owner, host, command, pid, epoch, since, expires_at)
VALUES (:job, :owner, :host, :command, :pid, 1, {_NOW}, {_UNTIL})
ON CONFLICT (job) DO UPDATE SET owner = excluded.owner, host = excluded.host,
    command = excluded.command, pid = excluded.pid, epoch = leases.epoch + 1,
    since = excluded.since, expires_at = excluded.expires_at
WHERE leases.expires_at <= clock_timestamp()
RETURNING epoch
"""  # noqa: S608 - constants
# A lease that expired while the server was away, and that nobody took, is taken anew.
_RENEW = f"""
UPDATE leases SET epoch = epoch + CASE WHEN expires_at <= clock_timestamp() THEN 1 ELSE 0 END,
    expires_at = {_UNTIL}
WHERE job = :job AND epoch = :epoch RETURNING epoch
"""  # noqa: S608 - constants
_RELEASE = "UPDATE leases SET expires_at = '-infinity' WHERE job = ? AND epoch = ?"
_HELD = "SELECT 1 FROM leases WHERE job = ? AND expires_at > clock_timestamp()"


def _seconds() -> float:
    # It goes on while the machine sleeps.
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Lease:
    """A job that this process holds until it calls `release`, or loses it."""

    leases: Leases
    job: str

    def release(self) -> None:
        """Give the job free."""
        self.leases.release(self.job)


class Leases:
    """The leases of one process on one ledger.

    Args:
        database: The ledger's.
        seconds: How long a lease lasts without a renewal.
    """

    def __init__(self, database: PostgresDatabase, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._owner = secrets.token_hex(8)
        self._held: dict[str, int] = {}
        self._until: dict[str, float] = {}
        self._ending = threading.Event()
        self._renewer: threading.Thread | None = None

    @property
    def held(self) -> dict[str, int]:
        """The epoch of each job that this process holds."""
        return self._held

    def lost(self, standing: int) -> LeaseLost | None:
        """The error if not all leases stand.

        Args:
            standing: How many of them `CHECK` has found.
        """
        return None if standing == len(self._held) else self._gone()

    def confirm(self) -> None:
        """Check that no lease may have expired, by this machine's clock since the last renewal.

        Raises:
            LeaseLost: One may have. A request that leaves now could be one that another has sent.
        """
        held = list(self._until.values())
        if held and min(held) < _seconds():
            raise self._gone()

    def _gone(self) -> LeaseLost:
        jobs = ", ".join(sorted(self._held))
        return LeaseLost(
            f"{jobs}: the lease expired while this run was held up, and nothing more was written",
            hint="the run that has it now, or the next one, does the work; if this repeats, look "
            "for a host that stops for long, or raise ledger.lease_seconds",
        )

    def try_take(self, job: str, command: str) -> Lease | None:
        """Take the job; ``None`` if another process holds it."""
        # Looked at first: a wait for a job would otherwise hold up every other writer.
        if job in self._held or self.is_held(job):
            return None
        values = {
            "job": job,
            "owner": self._owner,
            "host": socket.gethostname(),
            "command": command,
            "pid": os.getpid(),
            "seconds": self._seconds,
        }
        with self._database.exclusive():
            until = _seconds() + self._seconds
            with self._database.transaction() as connection:
                row = connection.execute(_TAKE, values).fetchone()
            if row is None:
                return None
            self._held[job], self._until[job] = int(row[0]), until
        self._renew_from_now_on()
        return Lease(self, job)

    def is_held(self, job: str) -> bool:
        """Whether any process holds the job now."""
        return self._database.row(_HELD, (job,)) is not None

    def holder(self, job: str) -> Holder | None:
        """Who took the job last."""
        row = self._database.row(
            "SELECT command, pid, since, host FROM leases WHERE job = ?", (job,)
        )
        return Holder(**dict(row)) if row else None

    def release(self, job: str) -> None:
        """Give a job free; if the server cannot be reached, its lease expires by itself."""
        with self._database.exclusive():
            epoch = self._held.pop(job, None)
            self._until.pop(job, None)
            if epoch is not None:
                with suppress(LedgerError):
                    self._database.write_alone(_RELEASE, (job, epoch))

    def close(self) -> None:
        """Give every job free and end the renewals."""
        self._ending.set()
        for job in list(self._held):
            self.release(job)

    def renew(self) -> None:
        """Let each lease last from now on.

        Raises:
            LedgerError: The server cannot be reached.
        """
        with self._database.exclusive():
            for job, epoch in list(self._held.items()):
                values = {"job": job, "epoch": epoch, "seconds": self._seconds}
                until = _seconds() + self._seconds
                found = self._database.write_alone(_RENEW, values)
                if found:
                    self._held[job], self._until[job] = int(found[0][0]), until

    def _renew_from_now_on(self) -> None:
        if self._renewer is None:
            self._renewer = threading.Thread(target=self._keep, name="leases", daemon=True)
            self._renewer.start()

    def _keep(self) -> None:
        pause = self._seconds / RENEWALS
        while not self._ending.wait(pause):
            try:
                self.renew()
                pause = self._seconds / RENEWALS
            except LedgerError as error:
                # Not the end: the server may be back before the lease expires.
                _LOG.debug("leases were not renewed: %s", error.message)
                pause = min(1.0, self._seconds / RENEWALS)
