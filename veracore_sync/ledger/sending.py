"""While an order is sent: the intent, and each way that it can end."""

from __future__ import annotations

import json
from datetime import datetime

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import Intent, Trouble
from veracore_sync.domain.states import AttemptOutcome
from veracore_sync.errors import Category
from veracore_sync.ledger.database import Transaction
from veracore_sync.ledger.order_table import OrderTable


class Sending(OrderTable):
    """The verbs of one attempt."""

    def intend(self, code: str, intent: Intent) -> int:
        """Commit the intent to create the order at VeraCore, before any socket is touched.

        Returns:
            The number of the attempt; its outcome is only written where it still matches.
        """
        now = self._now()
        with self._db.transaction() as connection:
            attempt = 1 + int(
                connection.execute("SELECT attempt FROM orders WHERE code = ?", (code,)).fetchone()[
                    0
                ]
            )
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
            self._set(
                connection,
                code,
                state="sending",
                attempt=attempt,
                veracore_id=intent.veracore_id,
                settings_hash=intent.settings_hash,
                content_hash=intent.seen.content_hash,
                shop_updated_at=to_text(intent.seen.updated_at),
                last_sync_attempt=now,
                checked_at=now,
                absent_at=None,
            )
        return attempt

    def accept(self, code: str, attempt: int, sequence: int | None) -> None:
        """VeraCore took it. Kept even when the order has been given up on in the meantime."""
        with self._db.transaction() as connection:
            self._is_sending(connection, code, attempt)
            self._end_attempt(connection, code, attempt, "accepted", "")
            self._set(connection, code, **self._synced_values(), sequence=sequence)
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
        self, code: str, attempt: int, back_to: str, message: str, next_attempt_at: datetime | None
    ) -> None:
        """It never left, or was turned away unread: back to the state it had, not counted."""
        with self._db.transaction() as connection:
            if not self._is_sending(connection, code, attempt):
                return
            self._end_attempt(connection, code, attempt, "not sent", message)
            self._set(
                connection,
                code,
                state=back_to,
                next_attempt_at=to_text(next_attempt_at) if next_attempt_at else None,
            )

    def refuse(self, code: str, attempt: int, trouble: Trouble, next_attempt_at: datetime) -> bool:
        """VeraCore refused its data: parked, and tried again now and then.

        Returns:
            Whether this is new to the person who has to mend it.
        """
        with self._db.transaction() as connection:
            if not self._is_sending(connection, code, attempt):
                return False
            self._end_attempt(connection, code, attempt, "refused", trouble.message)
            return self._park_refused(connection, code, trouble, next_attempt_at)

    def doubt(self, code: str, attempt: int, cause: str, trouble: Trouble) -> None:
        """Nobody knows whether VeraCore has it: only a look-up ends this, never another send."""
        now = self._now()
        with self._db.transaction() as connection:
            if not self._is_sending(connection, code, attempt):
                return
            self._end_attempt(connection, code, attempt, AttemptOutcome.IN_DOUBT, trouble.message)
            self._set(
                connection,
                code,
                state="in_doubt",
                cause=cause,
                error_class=trouble.category,
                error_message=trouble.message,
                doubt_since=now,
                absent_at=None,
                next_attempt_at=None,
            )

    def was_answered(self, code: str, attempt: int) -> None:
        """The answer that left the order in doubt was about this order, not about VeraCore."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE orders SET cause = 'answer', updated_at = ? "
                "WHERE code = ? AND attempt = ? AND state = 'in_doubt'",
                (self._now(), code, attempt),
            )

    def recover(self) -> list[str]:
        """Orders left ``sending`` by a run that died are in doubt. Called under the job lock.

        Returns:
            Their codes.
        """
        now = self._now()
        with self._db.transaction() as connection:
            codes = [
                row["code"]
                for row in connection.execute("SELECT code FROM orders WHERE state = 'sending'")
            ]
            connection.execute(
                "UPDATE orders SET state = 'in_doubt', cause = 'lost', error_class = ?, "
                "error_message = 'the run that was sending it died', doubt_since = ?, "
                "absent_at = NULL, next_attempt_at = NULL, updated_at = ? WHERE state = 'sending'",
                (Category.INTERNAL, now, now),
            )
        return codes

    def doubt_again(self, code: str, veracore_id: str) -> None:
        """An attempt under that id never came to an end that is known: look it up, send nothing."""
        now = self._now()
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                state="in_doubt",
                cause="lost",
                veracore_id=veracore_id,
                error_class=Category.INTERNAL,
                error_message=f"nobody knows how an earlier attempt as {veracore_id} ended",
                doubt_since=now,
                absent_at=None,
                next_attempt_at=None,
            )
