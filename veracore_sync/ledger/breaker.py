"""The circuit breakers: one per upstream and job family, shared by every run through the ledger.

    closed ──threshold failures in a row──▶ open ──cool-down──▶ half open ──success──▶ closed
                                              ▲                      │
                                              └───────failure────────┘

Half open, one process probes; its claim lasts as long as a cool-down, so that a killed prober is
followed by another. A probe is a read, never a create. Each transition is one transaction.
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
            cooldown: How long it then stays open at most.
            forced: A person asked to try now: the wait does not count.
            read_only: Nothing may be written (dry runs): the wait is kept, nothing is counted.
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
        """Close them (all, or one upstream's); how many were not closed."""
        with self._db.transaction() as connection:
            found = connection.execute(
                "SELECT upstream, count(*) FROM breakers WHERE state <> 'closed' "
                "AND (?1 IS NULL OR upstream = ?1) GROUP BY upstream",
                (upstream,),
            ).fetchall()
            connection.execute(
                "UPDATE breakers SET state = 'closed', failures = 0, opened_at = NULL, "
                "retry_at = NULL, owner = NULL WHERE ?1 IS NULL OR upstream = ?1",
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
        self._me = f"{os.getpid()}-{secrets.token_hex(4)}"

    def before(self, *, creating: bool) -> None:
        """Let a request pass, claim the probe, or refuse.

        Raises:
            BreakerOpen: It is open, another process probes, or a create would be the probe.
        """
        row = self._read()
        # Remembered for `after`, so that a healthy upstream costs one SELECT a request.
        self._clean = row is None or (row["state"] == "closed" and row["failures"] == 0)
        if self._passes(row, creating=creating) or self._read_only:
            return
        with self._db.transaction() as connection:
            if self._passes(self._read(), creating=creating):
                return
            self._write(
                connection, state="half_open", owner=self._me, retry_at=self._after_cooldown()
            )
            # Forced once, the outcome decides like that of any probe.
            self._forced = False

    def _passes(self, row: StoredRow | None, *, creating: bool) -> bool:
        """Whether to go on as it is; ``False``: by claiming the probe. Else raises."""
        if row is None or row["state"] == "closed":
            return True
        if creating:
            raise self._refusal(row)
        if row["state"] == "half_open" and row["owner"] == self._me:
            return True
        if not self._forced and not self._may_probe(row):
            raise self._refusal(row)
        return False

    def _may_probe(self, row: StoredRow) -> bool:
        return is_over(from_text(row["retry_at"]), self._clock.now(), self._cooldown * SPREAD)

    def after(self, what: Occurrence | None) -> None:
        """Count what happened: ``None`` is an answer of a working upstream.

        A 429 neither counts as a failure nor ends a row of them, but a probe that met one has found
        a server at work.
        """
        if self._read_only:
            return
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
        return bool(row["owner"] == self._me)

    def _all_closed(self) -> bool:
        """The alert is the upstream's: another family's breaker may keep it standing."""
        standing = self._db.row(
            "SELECT 1 FROM breakers WHERE upstream = ? AND state <> 'closed'", (self._upstream,)
        )
        return standing is None

    def _failed(self) -> None:
        self._clean = False
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO breakers (upstream, family) VALUES (?, ?)", self._key
            )
            row = self._certain()
            failures = row["failures"] + 1
            probing = row["state"] == "half_open" and row["owner"] == self._me
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

    def _certain(self) -> StoredRow:
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
            f"{name} is down since {row['opened_at']}; it is asked again at {row['retry_at']}",
            upstream=self._upstream,
            hint="nothing is lost and the next runs go on by themselves; "
            "`veracore-sync breaker reset` asks at once, as does --force where a command has it",
        )
