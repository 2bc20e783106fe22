"""Ending doubts: look each order up, interpret the answer, and record one transition."""

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
from veracore_sync.domain.failures import ANOTHER_RECORD_TELLS, ENDS_THE_RUN, FailureBudget
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.states import Applied, OrderCause
from veracore_sync.jobs.bad_records import BadRecordMemory
from veracore_sync.jobs.kernel import RunPart
from veracore_sync.jobs.orders.bad_records import DOUBT, look_ups_must_work, remembered
from veracore_sync.jobs.orders.interpret_lookup import (
    AdoptOrder,
    CancelledThere,
    Conflict,
    LookAgain,
    Resend,
    Unknown,
    Verdict,
    WasRefused,
    found_words,
    interpret_doubt,
)
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.jobs.report import raise_alert
from veracore_sync.ports.warehouse import Absent, LookUp, Present

_LOG = logging.getLogger(__name__)
_PROVED = "lookup.proved"


@dataclass(slots=True)
class DoubtResolver(RunPart[OrdersReport]):
    """Looks up orders in doubt and records what follows."""

    @property
    def grace(self) -> timedelta:
        """``orders.grace_seconds``: how far apart two absences must be."""
        return timedelta(seconds=self.settings.orders.grace_seconds)

    def settle(self, rows: Iterable[OrderRow]) -> None:
        """Look up each of these orders in doubt, until VeraCore stops answering or time is up.

        Raises:
            SyncError: VeraCore as a whole cannot be asked now.
        """
        budget = FailureBudget()
        doubts = list(rows)
        for done, row in enumerate(doubts):
            self.context.progress("looking orders in doubt up", done, len(doubts))
            verdict = self.look(row)
            self.report.found[row.code] = found_words(verdict)
            self.apply(row, verdict)
            if isinstance(verdict, Unknown) and verdict.error in ENDS_THE_RUN:
                raise verdict.error
            # One order that VeraCore cannot return must not keep the others in doubt, so another
            # look-up shows whether only this record fails. A few of them end the work for now:
            # each costs two more requests. The rows not reached come first in the next run.
            if isinstance(verdict, Unknown) and verdict.error in ANOTHER_RECORD_TELLS:
                self._must_answer()
                self._rest(row, verdict.error)
                budget.spend()
            elif not isinstance(verdict, Unknown):
                self._unanswered().answered(row.code)
            if budget.is_spent() or self.context.is_over:
                return

    def _must_answer(self) -> None:
        """Prove that VeraCore answers: the control call, and a look-up of another order."""
        newest = self.ledger.orders.newest_synced()
        self.warehouse.check_connection(newest.veracore_id if newest else None)
        look_ups_must_work(self.warehouse, self.ledger)

    def _rest(self, row: OrderRow, error: SyncError) -> None:
        """Only this order gets no answer: from the second time on, the pauses grow."""
        rests_until = self._unanswered().failed(row.code, error.message).next_attempt_at
        if rests_until is not None:
            self.ledger.transitions.look_again(row.code, from_text(rests_until))

    def _unanswered(self) -> BadRecordMemory:
        return remembered(DOUBT, self.ledger, self.clock, self.settings.retry)

    def look(self, row: OrderRow) -> Verdict:
        """Look up one order in doubt, and interpret the answer."""
        began = self.clock.now()
        found = self.look_up(row.veracore_id or row.code)
        if isinstance(found, Absent) and not self._absence_counts(row):
            return Unknown(
                found.unless
                or ProtocolError(
                    "these credentials find no order at VeraCore, so 'absent' proves nothing",
                    upstream="veracore",
                )
            )
        attempts = self.ledger.orders.attempts(row.code)
        waited = elapsed(row.absent_tick, self.clock)
        return interpret_doubt(row, found, attempts, now=began, grace=self.grace, waited=waited)

    def look_up(self, veracore_id: str) -> LookUp:
        """Look up an id; finding an order proves the credentials."""
        found = self.warehouse.look_up(veracore_id)
        if isinstance(found, Present) and not self._is_proved():
            self.ledger.meta.put(_PROVED, self._fingerprint())
        return found

    def _fingerprint(self) -> str:
        """Changes with the credentials, which cannot be derived from it."""
        veracore = self.settings.veracore
        secret = veracore.client_secret.get_secret_value()
        credentials = "\n".join((veracore.company_id, veracore.client_id, secret))
        key = self.ledger.meta.hash_key
        return hmac.new(key, credentials.encode(), hashlib.sha256).hexdigest()

    def _is_proved(self) -> bool:
        return self.ledger.meta.get(_PROVED) == self._fingerprint()

    def _absence_counts(self, row: OrderRow) -> bool:
        """Whether an absence that was just seen proves anything about this order.

        Credentials of another company find nothing, and look-ups that fail in the same way for
        every order look like absences (docs/wire.md 5.1); so a known order must be found as well.
        """
        # Nothing to find on a new ledger: then only the oldest doubt is sent again, so that at most
        # one order is at risk. VeraCore refuses its id if it has the order after all.
        if self.ledger.orders.newest_synced() is None:
            oldest = self.ledger.orders.oldest_doubt()
            if row.cause == OrderCause.DUPLICATE or (
                oldest is not None and oldest.code == row.code
            ):
                return True
        return self.finds_orders()

    def finds_orders(self) -> bool:
        """Whether the credentials find the newest synced order; without one, ever found any."""
        newest = self.ledger.orders.newest_synced()
        if newest is not None and newest.veracore_id is not None:
            found = self.look_up(newest.veracore_id)
            if not isinstance(found, Present):
                return False
            self.ledger.holdings.saw(newest.code, found.record)
            return True
        return self._is_proved()

    def apply(self, row: OrderRow, verdict: Verdict) -> None:
        """Record the transition that follows from a verdict."""
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
                kind, message = AlertKind.ORDER_DRIFT, verdict.outdated_words
                raise_alert(self.ledger, self.report, kind, message, code=code)
        self.report.applied(code, change, "adopted")
