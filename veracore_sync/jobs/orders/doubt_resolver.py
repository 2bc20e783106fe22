"""Ending doubts: look each one up, judge, and write one transition."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from veracore_sync.backoff import spread
from veracore_sync.clock import elapsed, from_text
from veracore_sync.domain.errors import ProtocolError, SyncError
from veracore_sync.domain.failures import ANOTHER_RECORD_TELLS, FailureBudget
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import Applied, OrderCause
from veracore_sync.jobs.bad_records import BadRecordMemory
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import DOUBT, look_ups_must_work, remembered
from veracore_sync.jobs.orders.interpret_lookup import (
    OUTDATED,
    AdoptOrder,
    CancelledThere,
    Conflict,
    LookAgain,
    Resend,
    Unknown,
    Verdict,
    WasRefused,
    interpret_doubt,
)
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.ports.warehouse import Absent, LookUp, Present

_LOG = logging.getLogger(__name__)
_PROVED = "lookup.proved"


@dataclass(slots=True)
class DoubtResolver(RunPart[OrdersReport]):
    """Looks orders in doubt up and writes what follows."""

    @property
    def grace(self) -> timedelta:
        """``orders.grace_seconds``: between two absences that are believed."""
        return timedelta(seconds=self.settings.orders.grace_seconds)

    def settle(self, rows: Iterable[OrderRow]) -> None:
        """Look each of `rows` up, until VeraCore cannot be asked or time is up.

        A look-up without an answer may be this one order's own trouble: another one tells. A few of
        those end the work for now; the rows they kept waiting come first the next time.

        Args:
            rows: Orders in doubt.

        Raises:
            SyncError: VeraCore as a whole cannot be asked now.
        """
        budget = FailureBudget()
        for row in rows:
            verdict = self.look(row)
            self.apply(row, verdict)
            if isinstance(verdict, Unknown) and verdict.error in ANOTHER_RECORD_TELLS:
                self._must_answer()
                self._rest(row, verdict.error)
                budget.spend()
            elif not isinstance(verdict, Unknown):
                self._unanswered().answered(row.code)
            if budget.is_spent() or self.context.is_over:
                return

    def _must_answer(self) -> None:
        """Ask VeraCore for nothing in particular, and for an order that it holds."""
        newest = self.ledger.orders.newest_synced()
        self.warehouse.check_connection(newest.veracore_id if newest else None)
        look_ups_must_work(self.warehouse, self.ledger)

    def _rest(self, row: OrderRow, error: SyncError) -> None:
        """It alone is not answered: from the second time on it is asked about ever more rarely."""
        rests_until = self._unanswered().failed(row.code, error.message).next_attempt_at
        if rests_until is not None:
            self.ledger.transitions.look_again(row.code, from_text(rests_until))

    def _unanswered(self) -> BadRecordMemory:
        return remembered(DOUBT, self.ledger, self.clock, self.settings.retry)

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
        return interpret_doubt(row, found, attempts, now=began, grace=self.grace, waited=waited)

    def look_up(self, veracore_id: str) -> LookUp:
        """Look an id up; finding an order proves the credentials."""
        found = self.warehouse.look_up(veracore_id)
        if isinstance(found, Present) and not self._is_proved():
            self.ledger.meta.put(_PROVED, self._fingerprint())
        return found

    def _fingerprint(self) -> str:
        """Changes with the credentials; they themselves are not to be had from it."""
        veracore = self.settings.veracore
        secret = veracore.client_secret.get_secret_value()
        credentials = "\n".join((veracore.company_id, veracore.client_id, secret))
        key = self.ledger.meta.hash_key
        return hmac.new(key, credentials.encode(), hashlib.sha256).hexdigest()

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

    def apply(self, row: OrderRow, verdict: Verdict) -> None:
        """Write the one transition that follows, and note it."""
        moves, code = self.ledger.transitions, row.code
        if isinstance(verdict, AdoptOrder):
            self._adopt(row, verdict)
        elif isinstance(verdict, Conflict):
            change = moves.conflict(code, None, verdict.trouble)
            self.report.applied(code, change, "conflict", verdict.trouble.message)
        elif isinstance(verdict, CancelledThere):
            change = moves.cancel(code, row.veracore_id or code, verdict.message)
            self.report.applied(code, change, "cancelled", verdict.message)
        elif isinstance(verdict, LookAgain):
            look_again = moves.absent_once if verdict.first else moves.look_again
            self.report.applied(code, look_again(code, verdict.at), "in_doubt")
        elif isinstance(verdict, Resend):
            self.report.applied(code, moves.resend(code), "pending")
        elif isinstance(verdict, WasRefused):
            recheck = timedelta(minutes=self.settings.orders.parked_recheck_minutes)
            later = self.clock.now() + spread(recheck)
            change = moves.refused_after_all(code, verdict.trouble, later)
            self.report.applied(code, change, "parked", verdict.trouble.message)
        else:
            _LOG.info("order %s stays in doubt: %s", code, verdict.error.message)
            self.report.applied(code, moves.look_again(code, None), "in_doubt")

    def _adopt(self, row: OrderRow, verdict: AdoptOrder) -> None:
        code = row.code
        with self.ledger.unit_of_work():
            change = self.ledger.transitions.adopt(code, row.veracore_id or code, verdict.record)
            if verdict.outdated and change is not Applied.LOST:
                raise_alert(self.ledger, self.report, AlertKind.ORDER_DRIFT, OUTDATED, code=code)
        self.report.applied(code, change, "adopted")
