"""Transitions while an order is sent: the intent, and each outcome."""

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
from veracore_sync.ledger.comparisons import packed
from veracore_sync.ledger.database import Transaction
from veracore_sync.ledger.order_table import ALERTS_OF_THE_SHOP, OrderTable


class Sending(OrderTable):
    """The transitions of one attempt."""

    def intend(self, code: str, intent: Intent) -> int | None:
        """Commit the intent to create the order at VeraCore, before the request.

        Returns:
            The number of the attempt, for the transition that records its outcome. ``None`` if the
            order is no longer in a state that allows sending: then it must not be sent.
        """
        now = self._now()
        # On disk before the socket opens: if the process dies afterwards, the next run knows that
        # the order may be at VeraCore and looks it up. Without the intent it would send it twice.
        with self._db.transaction() as connection:
            before, is_unwanted = connection.execute(
                "SELECT attempt, EXISTS (SELECT 1 FROM cancellations c "
                "WHERE c.code = o.code AND c.state = 'wanted') FROM orders o WHERE code = ?",
                (code,),
            ).fetchone()
            # A person wants an order cancelled that was in doubt then: it must not be sent now.
            if is_unwanted:
                return None
            attempt = 1 + int(before)
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
                warnings=json.dumps(intent.warnings) if intent.warnings else None,
                paid_at=to_text(intent.paid_at) if intent.paid_at else None,
            )
            if moved is Applied.LOST:
                return None
            connection.execute(
                "INSERT INTO attempts (code, attempt, veracore_id, payload_hash, lines, "
                "started_at, facets) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    code,
                    attempt,
                    intent.veracore_id,
                    intent.payload_hash,
                    json.dumps(intent.lines),
                    now,
                    packed(intent.seen.facets),
                ),
            )
            # What is sent now is what the order is compared with from now on.
            connection.execute(
                "UPDATE compared SET compared_at = NULL, seen = NULL, base = NULL, reported = '{}' "
                "WHERE code = ?",
                (code,),
            )
        return attempt

    def accept(self, code: str, attempt: int, sequence: int | None) -> None:
        """VeraCore accepted the order: synced, whatever its state is by now."""
        with self._db.transaction() as connection:
            # The result of `_move` is not checked, because ACCEPT is allowed from every state: an
            # answer may come after another run or a person has given the order up, and an accepted
            # order that is not recorded would be sent again.
            row = connection.execute(
                "SELECT state, veracore_id FROM orders WHERE code = ?", (code,)
            ).fetchone()
            is_late = row["state"] != OrderState.SENDING
            self._end_attempt(connection, code, attempt, AttemptOutcome.ACCEPTED, "")
            self._move(
                connection, code, OrderAct.ACCEPT, **self._synced_values(), sequence=sequence
            )
            self._hold_sent(connection, code, attempt)
            # After the request another run may have found what the shop changed since.
            self._alerts.resolve_order(code, keep=ALERTS_OF_THE_SHOP if is_late else ())
            self._emit_synced(code, row["veracore_id"], adopted=False)

    def _hold_sent(self, connection: Transaction, code: str, attempt: int) -> None:
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
        """The request never left, or was rejected unread: back to `back_to`, not counted."""
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
        """VeraCore refused the order's data: parked, and tried again at `next_attempt_at`."""
        with self._db.transaction() as connection:
            values = self._refused_values(trouble, next_attempt_at)
            moved = self._move(connection, code, OrderAct.REFUSE, of_attempt=attempt, **values)
            if moved is Applied.LOST:
                return moved
            self._end_attempt(connection, code, attempt, AttemptOutcome.REFUSED, trouble.message)
            return self._alert(AlertKind.ORDER_PARKED, trouble.message, code)

    def doubt(self, code: str, attempt: int, cause: OrderCause, trouble: Failure) -> Applied:
        """It is unknown whether VeraCore has the order: only a look-up or a person ends this."""
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
        """The answer that left the order in doubt concerned this order, not VeraCore as a whole.

        If the order is then absent, that answer was a refusal.
        """
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.WAS_ANSWERED,
                of_attempt=attempt,
                cause=OrderCause.ANSWER,
            )

    def was_for_all(self, code: str) -> Applied:
        """The answer that left the order in doubt was given to every order.

        If the order is then absent, it may be sent again.
        """
        with self._db.transaction() as connection:
            return self._move(connection, code, OrderAct.WAS_FOR_ALL, cause=OrderCause.LOST)

    def recover(self) -> list[str]:
        """Orders that a killed run left ``sending`` are in doubt; see the port."""
        # Under the lock no live run is sending, so each such row is left by a process that died.
        # Its request may have arrived: it is never sent again without a look-up.
        (sending,) = TRANSITIONS[OrderAct.RECOVER].sources
        with self._db.transaction() as connection:
            left = connection.execute("SELECT code FROM orders WHERE state = ?", (sending,))
            codes = [row["code"] for row in left]
            for code in codes:
                values = self._lost_values("the run that was sending it was killed")
                self._move(connection, code, OrderAct.RECOVER, **values)
        return codes

    def doubt_again(self, code: str, veracore_id: str) -> Applied:
        """The outcome of an earlier attempt under that id is unknown: in doubt, nothing is sent."""
        values = self._lost_values(f"the outcome of an earlier attempt as {veracore_id} is unknown")
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
