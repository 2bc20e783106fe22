"""Transitions before an order is sent: discovered, waiting, parked, skipped, queued again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from veracore_sync.clock import to_text
from veracore_sync.domain.errors import Category
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Discovery, Failure
from veracore_sync.domain.states import Applied, OrderAct, OrderCause, OrderState
from veracore_sync.ledger.order_table import OrderTable


class Queueing(OrderTable):
    """The transitions of the queue."""

    def discover(self, found: Iterable[Discovery]) -> None:
        """Record orders that are new to the ledger, in one transaction; known ones stay."""
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
                "INSERT INTO orders (code, vendure_id, state, cause, error_class, "
                "error_message, placed_at, next_attempt_at, created_at, updated_at) VALUES "
                "(:code, :vendure_id, :state, :cause, :error_class, :error_message, :placed_at, "
                ":next_attempt_at, :now, :now) ON CONFLICT DO NOTHING",
                rows,
            )

    def wait(self, code: str, message: str) -> Applied:
        """The order's state in the shop does not allow sending: pending until that changes."""
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.WAIT,
                cause=OrderCause.WAITING,
                error_class=None,
                error_message=message,
            )

    def skip(
        self,
        code: str,
        cause: OrderCause,
        message: str,
        *,
        settings_hash: str = "",
        alert: bool = False,
    ) -> Applied:
        """Do not send the order: withdrawn, excluded by a rule, or (``resolved``) by a person.

        Returns:
            `Applied.NEWS` if `alert` is set and the alert is new.
        """
        with self._db.transaction() as connection:
            moved = self._move(
                connection,
                code,
                OrderAct.GIVE_UP if cause == OrderCause.RESOLVED else OrderAct.SKIP,
                cause=cause,
                error_class=Category.VALIDATION,
                error_message=message,
                settings_hash=settings_hash or None,
                next_attempt_at=None,
                checked_at=self._now(),
            )
            if moved is Applied.LOST:
                return moved
            self._alerts.resolve_order(code)
            return self._alert(AlertKind.ORDER_PASSED_BY, message, code) if alert else moved

    def park(self, code: str, trouble: Failure, settings_hash: str) -> Applied:
        """The order cannot be sent as it is; planned again when it or the settings change."""
        with self._db.transaction() as connection:
            moved = self._move(
                connection,
                code,
                OrderAct.PARK,
                cause=OrderCause.OURS,
                error_class=trouble.category,
                error_message=trouble.message,
                settings_hash=settings_hash,
                next_attempt_at=None,
                checked_at=self._now(),
            )
            if moved is Applied.LOST:
                return moved
            return self._alert(AlertKind.ORDER_PARKED, trouble.message, code)

    def fail(self, code: str, trouble: Failure, next_attempt_at: datetime, most: int) -> Applied:
        """A failure of this order that may pass: counted and retried, parked after `most`.

        Returns:
            `Applied.NEWS` if the order was parked and the alert is new.
        """
        with self._db.transaction() as connection:
            count = 1 + int(
                connection.execute(
                    "SELECT retry_count FROM orders WHERE code = ?", (code,)
                ).fetchone()[0]
            )
            parked = count >= most
            moved = self._move(
                connection,
                code,
                OrderAct.FAIL,
                OrderState.PARKED if parked else OrderState.FAILED,
                cause=OrderCause.EXHAUSTED if parked else None,
                error_class=trouble.category,
                error_message=trouble.message,
                retry_count=count,
                next_attempt_at=None if parked else to_text(next_attempt_at),
                last_sync_attempt=self._now(),
                checked_at=self._now(),
            )
            if moved is Applied.LOST or not parked:
                return moved
            # It says what the other one says: from now on a person decides.
            self._alerts.resolve(AlertKind.ORDER_UNREADABLE, code=code)
            return self._alert(AlertKind.ORDER_PARKED, trouble.message, code)

    def postpone(self, code: str, trouble: Failure, next_attempt_at: str | None) -> Applied:
        """The order could not be read: it keeps its state and is read again later.

        Args:
            code: The order.
            trouble: The failure.
            next_attempt_at: When it is due again, a UTC text; ``None``: in the next run.
        """
        # Not counted as an attempt: a failed read says nothing about the order, and must not park
        # one that was never refused.
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.POSTPONE,
                error_class=trouble.category,
                error_message=trouble.message,
                next_attempt_at=next_attempt_at,
                checked_at=self._now(),
            )

    def came_back(self, codes: Iterable[str]) -> None:
        """Orders that were waiting are in a trigger state again: clear the reason for waiting."""
        with self._db.transaction() as connection:
            for code in codes:
                waits = connection.execute(
                    "SELECT 1 FROM orders WHERE code = ? AND cause = ?", (code, OrderCause.WAITING)
                ).fetchone()
                if waits is not None:
                    self._move(connection, code, OrderAct.CAME_BACK, cause=None, error_message=None)

    def touch(self, code: str) -> None:
        """Record that the order was looked up."""
        # Not a transition: it is true in every state.
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE orders SET looked_up = 1, updated_at = ? WHERE code = ?",
                (self._now(), code),
            )

    def requeue(self, code: str) -> Applied:
        """On a person's request: pending, due at once, failures not counted any more."""
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.REQUEUE,
                cause=None,
                retry_count=0,
                next_attempt_at=None,
            )

    def renew_id(self, code: str, veracore_id: str) -> Applied:
        """On a person's request: pending under a new VeraCore id."""
        with self._db.transaction() as connection:
            moved = self._move(
                connection,
                code,
                OrderAct.RENEW_ID,
                cause=None,
                veracore_id=veracore_id,
                error_class=None,
                error_message=None,
                doubt_since=None,
                absent_at=None,
                next_attempt_at=None,
                looked_up=1,
            )
            if moved is Applied.LOST:
                return moved
            self._alerts.resolve_order(code)
            return Applied.DONE
