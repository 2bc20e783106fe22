"""One row of the orders table, written inside a transaction that a verb has opened."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.order_records import Trouble
from veracore_sync.ledger.alerts import Alerts
from veracore_sync.ledger.database import Database, Transaction
from veracore_sync.ledger.holdings import Holdings
from veracore_sync.ledger.outbox import Outbox

_LOG = logging.getLogger(__name__)


class OrderTable:
    """Writes single rows; the verbs are built on it."""

    def __init__(self, database: Database, alerts: Alerts, outbox: Outbox, clock: Clock) -> None:
        self._db = database
        self._alerts = alerts
        self._outbox = outbox
        self._clock = clock
        self._holdings = Holdings(database, clock)

    def _now(self) -> str:
        return to_text(self._clock.now())

    def _set(self, connection: Transaction, code: str, **values: Any) -> None:
        values["updated_at"] = self._now()
        columns = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(
            f"UPDATE orders SET {columns} WHERE code = :code",  # noqa: S608 - our own columns
            {**values, "code": code},
        )

    def _end_attempt(
        self, connection: Transaction, code: str, attempt: int, outcome: str, message: str
    ) -> None:
        connection.execute(
            "UPDATE attempts SET ended_at = ?, outcome = ?, message = ? "
            "WHERE code = ? AND attempt = ?",
            (self._now(), outcome, message or None, code, attempt),
        )

    def _is_sending(self, connection: Transaction, code: str, attempt: int) -> bool:
        row = connection.execute(
            "SELECT 1 FROM orders WHERE code = ? AND attempt = ? AND state = 'sending'",
            (code, attempt),
        ).fetchone()
        if row is None:
            _LOG.warning("order %s: attempt %d is no longer the one under way", code, attempt)
        return row is not None

    def _synced_values(self) -> dict[str, Any]:
        return {
            "state": "synced",
            "cause": "",
            "error_class": None,
            "error_message": None,
            "next_attempt_at": None,
            "doubt_since": None,
            "absent_at": None,
            "last_successful_sync": self._now(),
        }

    def _tell_synced(self, code: str, veracore_id: str, *, adopted: bool) -> None:
        data = {"vendureOrderCode": code, "veracoreOrderId": veracore_id, "adopted": adopted}
        self._outbox.add("order.synced", code, data)

    def _park_refused(
        self, connection: Transaction, code: str, trouble: Trouble, next_attempt_at: datetime
    ) -> bool:
        self._set(
            connection,
            code,
            state="parked",
            cause="refused",
            error_class=trouble.category,
            error_message=trouble.message,
            next_attempt_at=to_text(next_attempt_at),
            doubt_since=None,
            absent_at=None,
        )
        return self._alerts.open("order.parked", trouble.message, code=code)
