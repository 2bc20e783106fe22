"""Before an order is sent: found, waiting, parked, skipped, queued again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.domain.order_records import Discovery, Trouble
from veracore_sync.errors import Category
from veracore_sync.ledger.order_table import OrderTable


class Queueing(OrderTable):
    """The verbs of the queue."""

    def discover(self, found: Iterable[Discovery]) -> None:
        """Record orders that the ledger does not hold yet, all in one transaction."""
        now = self._now()
        rows = [
            {
                "code": one.code,
                "vendure_id": one.vendure_id,
                "state": one.state,
                "cause": one.cause or "",
                "error_class": one.trouble.category if one.trouble else None,
                "error_message": one.trouble.message if one.trouble else None,
                "placed_at": to_text(one.placed_at) if one.placed_at else None,
                "next_attempt_at": to_text(one.next_attempt_at) if one.next_attempt_at else None,
                "now": now,
            }
            for one in found
        ]
        with self._db.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO orders (code, vendure_id, state, cause, error_class, "
                "error_message, placed_at, next_attempt_at, created_at, updated_at) VALUES "
                "(:code, :vendure_id, :state, :cause, :error_class, :error_message, :placed_at, "
                ":next_attempt_at, :now, :now)",
                rows,
            )

    def wait(self, code: str, message: str) -> None:
        """It cannot be sent in the state it has in the shop: pending, until that changes."""
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                state="pending",
                cause="waiting",
                error_class=None,
                error_message=message,
            )

    def skip(
        self, code: str, cause: str, message: str, *, settings_hash: str = "", alert: bool = False
    ) -> bool:
        """It shall not be sent: withdrawn, excluded by a rule, or (``resolved``) by a person.

        Returns:
            Whether an alert was asked for and is new.
        """
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                state="skipped",
                cause=cause,
                error_class=Category.VALIDATION,
                error_message=message,
                settings_hash=settings_hash or None,
                next_attempt_at=None,
                checked_at=self._now(),
            )
            self._alerts.resolve_order(code)
            return alert and self._alerts.open("order.passed_by", message, code=code)

    def park(self, code: str, trouble: Trouble, settings_hash: str) -> bool:
        """We cannot send it as it is; it is planned again when it or the settings change.

        Returns:
            Whether this is new to the person who has to mend it.
        """
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                state="parked",
                cause="ours",
                error_class=trouble.category,
                error_message=trouble.message,
                settings_hash=settings_hash,
                next_attempt_at=None,
                checked_at=self._now(),
            )
            return self._alerts.open("order.parked", trouble.message, code=code)

    def fail(self, code: str, trouble: Trouble, next_attempt_at: datetime, most: int) -> bool:
        """A failure of its own that may pass: counted, tried again later, parked after `most`.

        Returns:
            Whether it was parked and that is new.
        """
        with self._db.transaction() as connection:
            count = 1 + int(
                connection.execute(
                    "SELECT retry_count FROM orders WHERE code = ?", (code,)
                ).fetchone()[0]
            )
            parked = count >= most
            self._set(
                connection,
                code,
                state="parked" if parked else "failed",
                cause="exhausted" if parked else "",
                error_class=trouble.category,
                error_message=trouble.message,
                retry_count=count,
                next_attempt_at=None if parked else to_text(next_attempt_at),
                last_sync_attempt=self._now(),
                checked_at=self._now(),
            )
            return parked and self._alerts.open("order.parked", trouble.message, code=code)

    def postpone(self, code: str, trouble: Trouble, next_attempt_at: str | None) -> None:
        """It could not be read, which says nothing of its data: it keeps its state, uncounted.

        Args:
            code: The order.
            trouble: What came instead.
            next_attempt_at: When it is due again, a UTC text; ``None``: in the next run.
        """
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                error_class=trouble.category,
                error_message=trouble.message,
                next_attempt_at=next_attempt_at,
                checked_at=self._now(),
            )

    def came_back(self, codes: Iterable[str]) -> None:
        """The shop lists them in a trigger state again: they wait for nothing there any more."""
        with self._db.transaction() as connection:
            connection.executemany(
                "UPDATE orders SET cause = '', error_message = NULL, updated_at = ? "
                "WHERE code = ? AND state = 'pending' AND cause = 'waiting'",
                [(self._now(), code) for code in codes],
            )

    def touch(
        self, code: str, *, looked_up: bool = False, shop_updated_at: str | None = None
    ) -> None:
        """Remember that it was looked up before its first send, or judged as of that change."""
        values: dict[str, Any] = {}
        if looked_up:
            values["looked_up"] = 1
        if shop_updated_at:
            values["shop_updated_at"] = shop_updated_at
        with self._db.transaction() as connection:
            self._set(connection, code, **values)

    def requeue(self, code: str) -> None:
        """By a person: pending and due at once, with its failures forgiven."""
        with self._db.transaction() as connection:
            self._set(
                connection, code, state="pending", cause="", retry_count=0, next_attempt_at=None
            )

    def renew_id(self, code: str, veracore_id: str) -> None:
        """By a person: it goes out under a new id."""
        with self._db.transaction() as connection:
            self._set(
                connection,
                code,
                state="pending",
                cause="",
                veracore_id=veracore_id,
                error_class=None,
                error_message=None,
                doubt_since=None,
                absent_at=None,
                next_attempt_at=None,
                looked_up=1,
            )
            self._alerts.resolve_order(code)
