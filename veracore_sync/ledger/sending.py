"""While an order is sent: the intent, and each way that it can end."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Failure, Intent
from veracore_sync.domain.states import (
    TRANSITIONS,
    Applied,
    AttemptOutcome,
    OrderAct,
    OrderCause,
    OrderState,
)
from veracore_sync.ledger.database import Transaction
from veracore_sync.ledger.order_table import OrderTable


class Sending(OrderTable):
    """The verbs of one attempt."""

    def intend(self, code: str, intent: Intent) -> int | None:
        """Commit the intent to create the order at VeraCore, before any socket is touched.

        Returns:
            The number of the attempt; its outcome is only written where it still matches. ``None``
            where the order has moved on: then it must not be sent.
        """
        now = self._now()
        with self._db.transaction() as connection:
            attempt = 1 + int(
                connection.execute("SELECT attempt FROM orders WHERE code = ?", (code,)).fetchone()[
                    0
                ]
            )
            moved = self._move(
                connection,
                code,
                OrderAct.INTEND,
                attempt=attempt,
                veracore_id=intent.veracore_id,
                settings_hash=intent.settings_hash,
                content_hash=intent.seen.content_hash,
                shop_updated_at=to_text(intent.seen.updated_at),
                last_sync_attempt=now,
                checked_at=now,
                absent_at=None,
            )
            if moved is Applied.LOST:
                return None
            connection.execute(
                "INSERT INTO attempts (code, attempt, veracore_id, payload_hash, lines, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    code,
                    attempt,
                    intent.veracore_id,
                    intent.payload_hash,
                    json.dumps(intent.lines),
                    now,
                ),
            )
        return attempt

    def accept(self, code: str, attempt: int, sequence: int | None) -> None:
        """VeraCore took it. Kept even when the order has been given up on in the meantime."""
        with self._db.transaction() as connection:
            self._end_attempt(connection, code, attempt, AttemptOutcome.ACCEPTED, "")
            self._move(
                connection, code, OrderAct.ACCEPT, **self._synced_values(), sequence=sequence
            )
            self._take_sent(connection, code, attempt)
            self._alerts.resolve_order(code)
            row = connection.execute("SELECT veracore_id FROM orders WHERE code = ?", (code,))
            self._tell_synced(code, row.fetchone()["veracore_id"], adopted=False)

    def _take_sent(self, connection: Transaction, code: str, attempt: int) -> None:
        row = connection.execute(
            "SELECT lines, started_at FROM attempts WHERE code = ? AND attempt = ?", (code, attempt)
        ).fetchone()
        if row is not None:
            lines = tuple((offer, units) for offer, units in json.loads(row["lines"]))
            self._holdings.take(code, lines, row["started_at"])

    def withhold(
        self,
        code: str,
        attempt: int,
        back_to: OrderState,
        message: str,
        next_attempt_at: datetime | None,
    ) -> Applied:
        """It never left, or was turned away unread: back to the state it had, not counted."""
        with self._db.transaction() as connection:
            moved = self._move(
                connection,
                code,
                OrderAct.WITHHOLD,
                back_to,
                of_attempt=attempt,
                next_attempt_at=to_text(next_attempt_at) if next_attempt_at else None,
            )
            if moved is Applied.LOST:
                return moved
            self._end_attempt(connection, code, attempt, AttemptOutcome.NOT_SENT, message)
            return Applied.DONE

    def refuse(
        self, code: str, attempt: int, trouble: Failure, next_attempt_at: datetime
    ) -> Applied:
        """VeraCore refused its data: parked, and tried again now and then."""
        with self._db.transaction() as connection:
            values = self._refused_values(trouble, next_attempt_at)
            moved = self._move(connection, code, OrderAct.REFUSE, of_attempt=attempt, **values)
            if moved is Applied.LOST:
                return moved
            self._end_attempt(connection, code, attempt, AttemptOutcome.REFUSED, trouble.message)
            return self._tell(AlertKind.ORDER_PARKED, trouble.message, code)

    def doubt(self, code: str, attempt: int, cause: OrderCause, trouble: Failure) -> Applied:
        """Nobody knows whether VeraCore has it: only a look-up ends this, never another send."""
        with self._db.transaction() as connection:
            moved = self._move(
                connection,
                code,
                OrderAct.DOUBT,
                of_attempt=attempt,
                cause=cause,
                error_class=trouble.category,
                error_message=trouble.message,
                doubt_since=self._now(),
                absent_at=None,
                next_attempt_at=None,
            )
            if moved is Applied.LOST:
                return moved
            self._end_attempt(connection, code, attempt, AttemptOutcome.IN_DOUBT, trouble.message)
            return Applied.DONE

    def was_answered(self, code: str, attempt: int) -> Applied:
        """The answer that left the order in doubt was about this order, not about VeraCore."""
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.WAS_ANSWERED,
                of_attempt=attempt,
                cause=OrderCause.ANSWER,
            )

    def recover(self) -> list[str]:
        """Orders left ``sending`` by a run that died are in doubt. Called under the job lock.

        Returns:
            Their codes.
        """
        (sending,) = TRANSITIONS[OrderAct.RECOVER].sources
        with self._db.transaction() as connection:
            left = connection.execute("SELECT code FROM orders WHERE state = ?", (sending,))
            codes = [row["code"] for row in left]
            for code in codes:
                values = self._lost_values("the run that was sending it died")
                self._move(connection, code, OrderAct.RECOVER, **values)
        return codes

    def doubt_again(self, code: str, veracore_id: str) -> Applied:
        """An attempt under that id never came to an end that is known: look it up, send nothing."""
        values = self._lost_values(f"nobody knows how an earlier attempt as {veracore_id} ended")
        with self._db.transaction() as connection:
            return self._move(
                connection, code, OrderAct.DOUBT_AGAIN, veracore_id=veracore_id, **values
            )

    def _lost_values(self, message: str) -> dict[str, Any]:
        return {
            "cause": OrderCause.LOST,
            "error_class": Category.INTERNAL,
            "error_message": message,
            "doubt_since": self._now(),
            "absent_at": None,
            "next_attempt_at": None,
        }
