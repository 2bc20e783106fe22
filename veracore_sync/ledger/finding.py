"""After a look-up: what VeraCore holds, and what follows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.errors import Category
from veracore_sync.ledger.order_table import OrderTable, Seen, Trouble
from veracore_sync.ledger.orders import IN_DOUBT, Sent

# What the shop did after the send stays true when a look-up finds what was sent.
_OF_THE_SHOP = ("order.cancelled_in_shop", "order.drift")


class Finding(OrderTable):
    """The verbs of a look-up."""

    def adopt(self, code: str, veracore_id: str, lines: Sent, seen: Seen | None = None) -> None:
        """A look-up found it at VeraCore, and it is ours.

        Args:
            code: The order.
            veracore_id: The id it was found by.
            lines: What VeraCore holds, as far as the dialect tells.
            seen: What the shop's order was at this moment, where it was read.
        """
        now = self._now()
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT attempt FROM orders WHERE code = ?", (code,)
            ).fetchone()
            self._end_attempt(connection, code, row["attempt"], "accepted", "found by a look-up")
            attempt = row["attempt"]
            if attempt == 0:
                attempt = 1
                connection.execute(
                    "INSERT INTO attempts (code, attempt, veracore_id, payload_hash, lines, "
                    "started_at, ended_at, outcome, message) "
                    "VALUES (?, 1, ?, '', ?, ?, ?, 'accepted', 'found by a look-up')",
                    (code, veracore_id, json.dumps(lines), now, now),
                )
            self._set(
                connection,
                code,
                **self._synced_values(),
                veracore_id=veracore_id,
                attempt=attempt,
                looked_up=1,
            )
            if seen is not None:
                self._set(
                    connection,
                    code,
                    content_hash=seen.content_hash,
                    shop_updated_at=to_text(seen.updated_at),
                )
            self._alerts.resolve_order(code, keep=_OF_THE_SHOP if seen is None else ())
            self._tell_synced(code, veracore_id, adopted=True)

    def conflict(self, code: str, veracore_id: str | None, trouble: Trouble) -> bool:
        """VeraCore holds something else under our id: a person decides. Whether this is new."""
        with self._db.transaction() as connection:
            values: dict[str, Any] = {"veracore_id": veracore_id} if veracore_id else {}
            self._set(
                connection,
                code,
                state="conflict",
                error_class=trouble.category,
                error_message=trouble.message,
                next_attempt_at=None,
                **values,
            )
            return self._alerts.open("order.conflict", trouble.message, code=code)

    def cancel(self, code: str, veracore_id: str, message: str) -> bool:
        """It was cancelled at VeraCore: a person decides. Whether this is new."""
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                state="cancelled",
                veracore_id=veracore_id,
                error_class=Category.CONFLICT,
                error_message=message,
                next_attempt_at=None,
            )
            return self._alerts.open("order.cancelled", message, code=code)

    def absent_once(self, code: str, next_attempt_at: datetime) -> None:
        """A first look-up said absent: remember when, and look again after the grace."""
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                absent_at=self._now(),
                next_attempt_at=to_text(next_attempt_at),
                checked_at=self._now(),
            )

    def absent_for_a_person(self, code: str) -> None:
        """A person's look-up of an order that is not in doubt said absent: remember when."""
        with self._db.transaction() as connection:
            self._set(connection, code, absent_at=self._now())

    def end_attempts(self, code: str, veracore_id: str, outcome: str) -> None:
        """Nothing that was sent under that id is, or will be, a live order at VeraCore."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE attempts SET ended_at = ?, outcome = ? "
                "WHERE code = ? AND veracore_id = ? COLLATE NOCASE "
                "AND (outcome IS NULL OR outcome IN (?, 'accepted'))",
                (self._now(), outcome, code, veracore_id, IN_DOUBT),
            )

    def look_again(self, code: str, next_attempt_at: datetime | None) -> None:
        """A look-up told nothing: still in doubt, due again then (``None``: in the next run)."""
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                next_attempt_at=to_text(next_attempt_at) if next_attempt_at else None,
                checked_at=self._now(),
            )

    def resend(self, code: str) -> None:
        """The doubt ended in absent, and the answer had been lost: it may be sent again."""
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT veracore_id FROM orders WHERE code = ?", (code,)
            ).fetchone()
            self.end_attempts(code, row["veracore_id"], "absent")
            self._set(
                connection, code, state="pending", cause="", doubt_since=None, next_attempt_at=None
            )

    def refused_after_all(self, code: str, trouble: Trouble, next_attempt_at: datetime) -> bool:
        """The doubt ended in absent, and VeraCore had answered: that answer was a refusal.

        Returns:
            Whether this is new to the person who has to mend it.
        """
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT veracore_id FROM orders WHERE code = ?", (code,)
            ).fetchone()
            self.end_attempts(code, row["veracore_id"], "refused")
            return self._park_refused(connection, code, trouble, next_attempt_at)
