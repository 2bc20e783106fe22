"""Ending doubts: look each one up, judge, and write one transition."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from veracore_sync.clock import Clock, elapsed
from veracore_sync.config.services import RetrySettings
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.states import Applied, OrderCause
from veracore_sync.errors import (
    AuthRefused,
    ProtocolError,
    RateLimited,
    SyncError,
    TimedOut,
    Unavailable,
)
from veracore_sync.jobs.orders.bad_records import DOUBT, look_ups_must_work
from veracore_sync.jobs.orders.judge import (
    OUTDATED,
    Adopt,
    CancelledThere,
    Conflict,
    LookAgain,
    Resend,
    Unknown,
    Verdict,
    WasRefused,
    judge_doubt,
)
from veracore_sync.jobs.orders.result import OrdersResult
from veracore_sync.ledger import OrderRow
from veracore_sync.ports.ledger import Ledger
from veracore_sync.veracore.port import Absent, LookUp, Present, Warehouse

_LOG = logging.getLogger(__name__)
_PROVED = "lookup.proved"
_UNANSWERED_MOST = 3

UPSTREAM_WIDE = (Unavailable, TimedOut, RateLimited, AuthRefused)
"""Errors that say something of VeraCore as a whole, not of one order."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """Looks orders in doubt up and writes what follows.

    Args:
        warehouse: Where to look.
        ledger: Where to write.
        clock: The time.
        grace: ``orders.grace_seconds``.
        recheck: How long after a refusal it is tried again.
        credentials: A text that changes with the credentials; only its keyed hash is kept.
        retry: How long a doubt rests that alone is not answered.
    """

    warehouse: Warehouse
    ledger: Ledger
    clock: Clock
    grace: timedelta
    recheck: timedelta
    credentials: str
    retry: RetrySettings = field(default_factory=RetrySettings)

    def settle(
        self, rows: Iterable[OrderRow], result: OrdersResult, deadline: float = math.inf
    ) -> None:
        """Look each of `rows` up, until VeraCore cannot be asked or time is up.

        A look-up without an answer may be this one order's own trouble: another one tells. A few of
        those end the work for now; the rows they kept waiting come first the next time.

        Args:
            rows: Orders in doubt.
            result: Where each outcome is noted.
            deadline: On the monotonic clock: no further look-up begins after it.

        Raises:
            SyncError: VeraCore as a whole cannot be asked now.
        """
        unanswered = 0
        for row in rows:
            verdict = self.look(row)
            self.apply(row, verdict, result)
            if isinstance(verdict, Unknown) and isinstance(verdict.error, UPSTREAM_WIDE):
                self._must_answer()
                self._rest(row, verdict.error)
                unanswered += 1
            elif not isinstance(verdict, Unknown):
                self.ledger.unread.forget(DOUBT, row.code)
            if unanswered >= _UNANSWERED_MOST or self.clock.monotonic() > deadline:
                return

    def _must_answer(self) -> None:
        """Ask VeraCore for nothing in particular, and for an order that it holds."""
        newest = self.ledger.orders.newest_synced()
        self.warehouse.control(newest.veracore_id if newest else None)
        look_ups_must_work(self.warehouse, self.ledger)

    def _rest(self, row: OrderRow, error: SyncError) -> None:
        """It alone is not answered: from the second time on it is asked about ever more rarely."""
        known = self.ledger.unread.failed(DOUBT, row.code, error.message)
        if known.tries > 1:
            rest = self.clock.now() + self.retry.after(known.tries - 1)
            self.ledger.unread.postpone(DOUBT, known, rest)
            self.ledger.moves.look_again(row.code, rest)

    def look(self, row: OrderRow) -> Verdict:
        """Look one order in doubt up, and judge what is found."""
        began = self.clock.now()
        found = self.look_up(row.veracore_id or row.code)
        if isinstance(found, Absent) and not self._absence_counts(row):
            return Unknown(
                ProtocolError(
                    "no order that VeraCore holds is found now, so an 'absent' is not believed",
                    upstream="veracore",
                )
            )
        attempts = self.ledger.orders.attempts(row.code)
        waited = elapsed(row.absent_tick, self.clock)
        return judge_doubt(row, found, attempts, now=began, grace=self.grace, waited=waited)

    def look_up(self, veracore_id: str) -> LookUp:
        """Look an id up; finding an order proves the credentials."""
        found = self.warehouse.look_up(veracore_id)
        if isinstance(found, Present) and not self._is_proved():
            self.ledger.meta.put(_PROVED, self._fingerprint())
        return found

    def _fingerprint(self) -> str:
        key = self.ledger.meta.hash_key
        return hmac.new(key, self.credentials.encode(), hashlib.sha256).hexdigest()

    def _is_proved(self) -> bool:
        return self.ledger.meta.get(_PROVED) == self._fingerprint()

    def _absence_counts(self, row: OrderRow) -> bool:
        """Whether an absence that was just seen means anything for this order.

        Wrong credentials find nothing, and look-ups that fail alike for every order look like
        absences; so an order that is there must be found, too.
        """
        if self.ledger.orders.newest_synced() is None:
            oldest = self.ledger.orders.oldest_doubt()
            if row.cause == OrderCause.DUPLICATE or (
                oldest is not None and oldest.code == row.code
            ):
                return True
        return self.finds_orders()

    def finds_orders(self) -> bool:
        """Whether these credentials find an order: the newest that VeraCore took, else any once."""
        newest = self.ledger.orders.newest_synced()
        if newest is not None and newest.veracore_id is not None:
            found = self.look_up(newest.veracore_id)
            if not isinstance(found, Present):
                return False
            self.ledger.holdings.saw(newest.code, found.record)
            return True
        return self._is_proved()

    def apply(self, row: OrderRow, verdict: Verdict, result: OrdersResult) -> None:
        """Write the one transition that follows, and note it."""
        moves, code = self.ledger.moves, row.code
        if isinstance(verdict, Adopt):
            self._adopt(row, verdict, result)
        elif isinstance(verdict, Conflict):
            change = moves.conflict(code, None, verdict.trouble)
            result.applied(code, change, "conflict", verdict.trouble.message)
        elif isinstance(verdict, CancelledThere):
            change = moves.cancel(code, row.veracore_id or code, verdict.message)
            result.applied(code, change, "cancelled", verdict.message)
        elif isinstance(verdict, LookAgain):
            look_again = moves.absent_once if verdict.first else moves.look_again
            result.applied(code, look_again(code, verdict.at), "in_doubt")
        elif isinstance(verdict, Resend):
            result.applied(code, moves.resend(code), "pending")
        elif isinstance(verdict, WasRefused):
            later = self.clock.now() + self.recheck
            change = moves.refused_after_all(code, verdict.trouble, later)
            result.applied(code, change, "parked", verdict.trouble.message)
        else:
            _LOG.info("order %s stays in doubt: %s", code, verdict.error.message)
            result.applied(code, moves.look_again(code, None), "in_doubt")

    def _adopt(self, row: OrderRow, verdict: Adopt, result: OrdersResult) -> None:
        code = row.code
        with self.ledger.unit_of_work():
            change = self.ledger.moves.adopt(code, row.veracore_id or code, verdict.record)
            if verdict.outdated and change is not Applied.LOST:
                is_new = self.ledger.alerts.open(AlertKind.ORDER_DRIFT, OUTDATED, code=code)
                change = Applied.NEWS if is_new else change
        result.applied(code, change, "adopted", OUTDATED)
