"""Look-ups that gave no usable answer: one order's own trouble, or VeraCore's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.errors import AuthRefused, BreakerOpen, RateLimited, SyncError
from veracore_sync.jobs.tracking.result import TrackingResult
from veracore_sync.jobs.tracking.targets import WORKABLE
from veracore_sync.ledger import Ledger, OrderRow
from veracore_sync.waits import is_over

KIND = "order.unanswered"
_KEY = "tracking.unanswered"
_TOO_LONG = timedelta(hours=1)
_IN_A_ROW_MOST = 3
_UPSTREAM_WIDE = (AuthRefused, BreakerOpen, RateLimited)


@dataclass(slots=True)
class Unanswered:
    """Remembers such orders from run to run; they come last, and stop no other.

    Args:
        ledger: Where they are kept.
        clock: The time.
        result: Where failures and news are told.
    """

    ledger: Ledger
    clock: Clock
    result: TrackingResult
    _since: dict[str, str] = field(init=False)
    _in_a_row: int = 0
    _any_answer: bool = False
    _last: SyncError | None = None

    def __post_init__(self) -> None:
        self._since = json.loads(self.ledger.meta.get(_KEY) or "{}")

    def codes(self) -> list[str]:
        """The orders to try again, longest untried first."""
        held = self.ledger.orders.held(list(self._since)).values()
        workable = {row.code for row in held if row.state in WORKABLE}
        self._since = {code: since for code, since in self._since.items() if code in workable}
        return list(self._since)

    def failed(self, row: OrderRow, error: SyncError, *, quiet: bool) -> None:
        """Note a look-up without a usable answer.

        Args:
            row: The order.
            error: What came instead.
            quiet: Write nothing: a dry run.

        Raises:
            SyncError: It says something of VeraCore as a whole, or several in a row failed.
        """
        if isinstance(error, _UPSTREAM_WIDE):
            raise error
        self.result.errors += 1
        self.result.note(row.code, "", "failed", error.message)
        is_new = row.code not in self._since
        if quiet or not self._remember(row.code, error):
            self._last = error
        self._in_a_row += is_new
        if self._in_a_row >= _IN_A_ROW_MOST:
            raise error

    def answered(self, row: OrderRow, *, quiet: bool) -> None:
        """VeraCore told of this order, or that it does not know it."""
        self._any_answer, self._in_a_row = True, 0
        if row.code in self._since and not quiet:
            del self._since[row.code]
            self._keep()
            self.ledger.alerts.resolve(KIND, code=row.code)

    def conclude(self) -> None:
        """End a run.

        Raises:
            SyncError: Whatever was asked, no answer was of use, and no alert tells of it yet.
        """
        if self._last is not None and not self._any_answer:
            raise self._last

    def _remember(self, code: str, error: SyncError) -> bool:
        """Whether an alert tells of it."""
        now = self.clock.now()
        since = self._since.pop(code, to_text(now))
        self._since[code] = since
        self._keep()
        if not is_over(from_text(since) + _TOO_LONG, now, _TOO_LONG):
            return False
        message = f"VeraCore gives no usable answer about it since {since}: {error.message}"
        if self.ledger.alerts.open(KIND, message, code=code):
            self.result.news.append(f"{code}: {message}")
        return True

    def _keep(self) -> None:
        self.ledger.meta.put(_KEY, json.dumps(self._since))
