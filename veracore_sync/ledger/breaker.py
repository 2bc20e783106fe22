"""Circuit breakers, one per upstream and job family, shared by all runs through the ledger.

    closed ──threshold failures in a row──▶ open ──cool-down──▶ half open ──success──▶ closed
                                              ▲                      │
                                              └───────failure────────┘

In state half open one process probes. Its claim lasts for one cool-down, so that another process
takes over if it is killed. A probe is a read, never a create: a create that fails may leave an
order in doubt. Each transition is one transaction.
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from typing import Any

from veracore_sync.backoff import spread
from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.errors import BreakerOpen, Occurrence
from veracore_sync.domain.failures import ENDS_A_PROBE, OPENS_THE_BREAKER
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.ledger_records import BreakerRow
from veracore_sync.domain.readable import exactly
from veracore_sync.ledger.alerts import Alerts
from veracore_sync.ledger.database import Database, StoredRow, Transaction
from veracore_sync.waits import SPREAD, is_over


class Breakers:
    """The breakers of one ledger."""

    def __init__(self, database: Database, alerts: Alerts, clock: Clock) -> None:
        self._db = database
        self._alerts = alerts
        self._clock = clock

    def all(self) -> list[BreakerRow]:
        """Every breaker that ever counted a failure."""
        rows = self._db.rows(
            "SELECT upstream, family, state, failures, opened_at, retry_at, owner "
            "FROM breakers ORDER BY upstream, family"
        )
        return [BreakerRow(*row) for row in rows]

    def one(
        self,
        upstream: str,
        family: str,
        *,
        threshold: int,
        cooldown: timedelta,
        forced: bool = False,
        read_only: bool = False,
    ) -> Breaker:
        """The breaker of one upstream for one job family.

        Args:
            upstream: ``vendure`` or ``veracore``.
            family: ``orders``, ``inventory``, ``tracking``, …
            threshold: Failures in a row that open it.
            cooldown: How long it stays open at most.
            forced: A person asked to try now: ignore the wait.
            read_only: Write nothing (dry runs): the wait applies, failures are not counted.
        """
        return Breaker(
            self._db,
            self._alerts,
            self._clock,
            upstream,
            family,
            threshold=threshold,
            cooldown=cooldown,
            forced=forced,
            read_only=read_only,
        )

    def reset(self, upstream: str | None = None) -> int:
        """Close all breakers, or one upstream's; returns how many were not closed."""
        with self._db.transaction() as connection:
            found = connection.execute(
                "SELECT upstream, count(*) FROM breakers WHERE state <> 'closed' "
                "AND (CAST(?1 AS TEXT) IS NULL OR upstream = ?1) GROUP BY upstream",
                (upstream,),
            ).fetchall()
            connection.execute(
                "UPDATE breakers SET state = 'closed', failures = 0, opened_at = NULL, "
                "retry_at = NULL, owner = NULL WHERE CAST(?1 AS TEXT) IS NULL OR upstream = ?1",
                (upstream,),
            )
            for name, _ in found:
                self._alerts.resolve(f"{name}.down")
        return sum(count for _, count in found)


class Breaker:
    """One breaker, as one process sees it; made by `Breakers.one`."""

    def __init__(
        self,
        database: Database,
        alerts: Alerts,
        clock: Clock,
        upstream: str,
        family: str,
        *,
        threshold: int,
        cooldown: timedelta,
        forced: bool,
        read_only: bool,
    ) -> None:
        self._db = database
        self._alerts = alerts
        self._clock = clock
        self._key = (upstream, family)
        self._upstream = upstream
        self._threshold = threshold
        self._cooldown = cooldown
        self._forced = forced
        self._read_only = read_only
        self._clean = False
        self._owner = f"{os.getpid()}-{secrets.token_hex(4)}"

    def before(self, *, creating: bool) -> None:
        """Allow a request, claim the probe, or refuse; see the port."""
        row = self._read()
        # `after` uses this, so that a healthy upstream costs one SELECT per request.
        self._clean = row is None or (row["state"] == "closed" and row["failures"] == 0)
        if self._passes(row, creating=creating) or self._read_only:
            return
        with self._db.transaction() as connection:
            # Checked again inside the transaction: another process may have claimed the probe.
            if self._passes(self._read(), creating=creating):
                return
            self._write(
                connection, state="half_open", owner=self._owner, retry_at=self._after_cooldown()
            )
            # Only the first request is forced; its outcome decides as that of any other probe.
            self._forced = False

    def _passes(self, row: StoredRow | None, *, creating: bool) -> bool:
        """Whether the request may pass; ``False``: only by claiming the probe.

        Raises:
            BreakerOpen: As in `before`.
        """
        if row is None or row["state"] == "closed":
            return True
        if creating:
            raise self._refusal(row)
        if row["state"] == "half_open" and row["owner"] == self._owner:
            return True
        if not self._forced and not self._may_probe(row):
            raise self._refusal(row)
        return False

    def _may_probe(self, row: StoredRow) -> bool:
        return is_over(from_text(row["retry_at"]), self._clock.now(), self._cooldown * SPREAD)

    def after(self, what: Occurrence | None) -> None:
        """Record the outcome of a request; ``None``: the upstream answered normally."""
        if self._read_only:
            return
        # A 429 is neither a failure nor a success, but a probe that gets one has found a server
        # that works (`ENDS_A_PROBE`).
        if what in OPENS_THE_BREAKER:
            self._failed()
        elif what is None and not self._clean:
            self._close(("closed", "half_open"))
        elif what in ENDS_A_PROBE:
            self._close(("half_open",))

    def _close(self, states: tuple[str, ...]) -> None:
        if not self._closable(states):
            return
        with self._db.transaction() as connection:
            if not self._closable(states):
                return
            self._write(
                connection, state="closed", failures=0, opened_at=None, retry_at=None, owner=None
            )
            if self._all_closed():
                self._alerts.resolve(f"{self._upstream}.down")

    def _closable(self, states: tuple[str, ...]) -> bool:
        row = self._read()
        if row is None or row["state"] not in states:
            return False
        if row["state"] == "closed":
            return bool(row["failures"])
        return bool(row["owner"] == self._owner)

    def _all_closed(self) -> bool:
        """Whether no family's breaker is open: the alert belongs to the upstream."""
        standing = self._db.row(
            "SELECT 1 FROM breakers WHERE upstream = ? AND state <> 'closed'", (self._upstream,)
        )
        return standing is None

    def _failed(self) -> None:
        self._clean = False
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO breakers (upstream, family) VALUES (?, ?) ON CONFLICT DO NOTHING",
                self._key,
            )
            row = self._required()
            failures = row["failures"] + 1
            probing = row["state"] == "half_open" and row["owner"] == self._owner
            opens = probing or (row["state"] == "closed" and failures >= self._threshold)
            if not opens:
                self._write(connection, failures=failures)
                return
            self._write(
                connection,
                state="open",
                failures=failures,
                opened_at=row["opened_at"] or to_text(self._clock.now()),
                retry_at=self._after_cooldown(),
                owner=None,
            )
            self._alerts.open(
                AlertKind(f"{self._upstream}.down"), f"{self._upstream} is not reachable"
            )

    def _after_cooldown(self) -> str:
        return to_text(self._clock.now() + spread(self._cooldown))

    def _read(self) -> StoredRow | None:
        return self._db.row(
            "SELECT state, failures, opened_at, retry_at, owner FROM breakers "
            "WHERE upstream = ? AND family = ?",
            self._key,
        )

    def _required(self) -> StoredRow:
        row = self._read()
        if row is None:
            raise KeyError(self._key)
        return row

    def _write(self, connection: Transaction, **values: Any) -> None:
        columns = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(
            f"UPDATE breakers SET {columns} WHERE upstream = :upstream AND family = :family",  # noqa: S608 - our own columns
            {**values, "upstream": self._key[0], "family": self._key[1]},
        )

    def _refusal(self, row: StoredRow) -> BreakerOpen:
        name = {"vendure": "Vendure", "veracore": "VeraCore"}.get(self._upstream, self._upstream)
        return BreakerOpen(
            f"{name} has been down since {exactly(row['opened_at'])}; "
            f"next try at {exactly(row['retry_at'])}",
            upstream=self._upstream,
            hint="nothing is lost and the next runs continue automatically; to try at once, run "
            "`veracore-sync breaker reset`, or use --force where a command has it",
        )
