"""Orders that have waited too long: one alert each, resolved when the order moves on.

A temporary failure never parks an order, however long it lasts; this alert is how a person learns
of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from veracore_sync.clock import Clock, from_text
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import OrderRow
from veracore_sync.domain.readable import STATE_LABELS
from veracore_sync.domain.states import OrderCause, OrderState
from veracore_sync.jobs.orders.report import OrdersReport
from veracore_sync.overdue import (
    ORDER_FAILED,
    ORDER_HELD_BACK,
    ORDER_IN_DOUBT,
    ORDER_PENDING,
    ORDER_REFUSED,
    is_overdue,
)
from veracore_sync.ports.ledger import Ledger
from veracore_sync.waits import is_ahead

KIND = AlertKind.ORDER_OLD
_WAITING = (
    OrderState.PENDING,
    OrderState.SENDING,
    OrderState.IN_DOUBT,
    OrderState.FAILED,
    OrderState.PARKED,
)
_MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class Overdue:
    """An order that has waited too long, and the alert's sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Ages:
    """How long an order may wait, by its state.

    Args:
        min_age: ``orders.min_age_minutes``, which every order waits before its first send.
    """

    now: datetime
    min_age: timedelta

    def too_old(self, rows: Iterable[OrderRow]) -> Iterator[Overdue]:
        """Those of `rows` that have waited too long."""
        for row in rows:
            limit = self._limit(row)
            since = _since(row)
            if limit is not None and is_overdue(since, self.now, limit):
                yield Overdue(row.code, self._words(row))

    def _limit(self, row: OrderRow) -> timedelta | None:
        if row.state == OrderState.PENDING and row.cause != OrderCause.WAITING:
            return ORDER_PENDING + self.min_age
        if row.state == OrderState.PENDING:
            return ORDER_HELD_BACK + self.min_age
        if row.state == OrderState.IN_DOUBT:
            return ORDER_IN_DOUBT
        if row.state == OrderState.FAILED:
            return ORDER_FAILED
        return ORDER_REFUSED if is_refused(row) else None

    def _words(self, row: OrderRow) -> str:
        reason = f" ({row.error_message})" if row.error_message else ""
        hours = int((self.now - _since(row)).total_seconds() // 3600)
        span = "since a clock was wrong" if is_ahead(_since(row), self.now) else f"for {hours} h"
        return f"it has not reached VeraCore {span} and is {STATE_LABELS[row.state]}{reason}"


def moved_on(rows: Iterable[OrderRow]) -> Iterator[str]:
    """The codes of `rows` that no run will send by itself: sent, ended, or waiting for a person."""
    for row in rows:
        if row.state not in _WAITING or (row.state == OrderState.PARKED and not is_refused(row)):
            yield row.code


def is_refused(row: OrderRow) -> bool:
    """Whether VeraCore refused the order, so that the fix is made at VeraCore."""
    return row.state == OrderState.PARKED and row.cause == OrderCause.REFUSED


def _since(row: OrderRow) -> datetime:
    return from_text(
        (row.doubt_since if row.state == OrderState.IN_DOUBT else None) or row.created_at
    )


def alert_overdue_orders(
    ledger: Ledger, clock: Clock, min_age: timedelta, report: OrdersReport
) -> None:
    """Open ``order.old`` once for each order that waited too long; resolve what has moved on.

    Args:
        min_age: ``orders.min_age_minutes``.
        report: Gets the sentences; of many orders only the first ones.

    Raises:
        LedgerError: It cannot be read or written.
    """
    alerted = {one.code for one in ledger.alerts.standing() if one.kind == KIND and one.code}
    rows = ledger.orders.in_states(_WAITING)
    old = [one for one in Ages(clock.now(), min_age).too_old(rows) if one.code not in alerted]
    with ledger.unit_of_work():
        for code in moved_on(ledger.orders.held(sorted(alerted)).values()):
            ledger.alerts.resolve(KIND, code=code)
        for one in old:
            ledger.alerts.open(KIND, one.message, code=one.code)
    for one in old[:_MAX_NAMED]:
        report.escalate(f"{one.code}: {one.message}")
    if len(old) > _MAX_NAMED:
        report.escalate(f"{len(old) - _MAX_NAMED} more orders have waited too long")
