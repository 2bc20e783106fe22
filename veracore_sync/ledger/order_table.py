"""Writing a row of the orders table, inside a transaction that the caller has opened."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.order_history import ORDER_WORDS
from veracore_sync.domain.order_history import outcome as outcome_words
from veracore_sync.domain.order_records import Failure
from veracore_sync.domain.states import TRANSITIONS, Applied, OrderAct, OrderCause, OrderState
from veracore_sync.ledger.alerts import Alerts
from veracore_sync.ledger.database import Database, Transaction
from veracore_sync.ledger.history import History
from veracore_sync.ledger.holdings import Holdings
from veracore_sync.ledger.outbox import Outbox
from veracore_sync.ledger.sql import in_sql

_LOG = logging.getLogger(__name__)

ALERTS_OF_THE_SHOP = (
    AlertKind.ORDER_CANCELLED_IN_SHOP,
    AlertKind.ORDER_DRIFT,
    AlertKind.ORDER_REFUNDED,
    AlertKind.ORDER_UNPAID,
)
"""The shop changed the order after it was sent: finding what was sent does not undo that."""
ALERTS_OF_GOODS = (
    AlertKind.ORDER_BEYOND,
    AlertKind.ORDER_VOIDED,
    AlertKind.ORDER_SHIPPED_CANCELLED,
    AlertKind.ORDER_DIFFERS,
)
"""They concern goods that have left, or may have, so the end of the order does not end them."""


class OrderTable:
    """Base of the classes of transitions."""

    def __init__(self, database: Database, alerts: Alerts, outbox: Outbox, clock: Clock) -> None:
        self._db = database
        self._alerts = alerts
        self._outbox = outbox
        self._clock = clock
        self._holdings = Holdings(database, clock)
        self._history = History(database, clock)

    def _now(self) -> str:
        return to_text(self._clock.now())

    def _move(
        self,
        connection: Transaction,
        code: str,
        act: OrderAct,
        to: OrderState | None = None,
        *,
        of_attempt: int | None = None,
        **values: Any,
    ) -> Applied:
        """Write a transition if the order is in a state that allows it.

        Args:
            connection: The open transaction.
            code: The order.
            act: The transition, a row of `TRANSITIONS`.
            to: The target state, if the transition has several.
            of_attempt: Write only while this is the newest attempt.
            values: Other columns.
        """
        transition = TRANSITIONS[act]
        state = transition.target(to)
        if state is not None:
            values["state"] = state
        if "cause" in values:
            values["cause"] = values["cause"] or ""
        values["updated_at"] = self._now()
        columns = ", ".join(f"{name} = :{name}" for name in values)
        # Compare and set: between reading the order and this statement another process (a person's
        # `resolve`, the next run after this one was stopped for a while) may have moved it on. Its
        # result stays, and the caller learns that it came too late. The attempt is compared too:
        # an answer to an earlier attempt must not end a newer one.
        changed = connection.execute(
            f"UPDATE orders SET {columns} WHERE code = :code "  # noqa: S608 - our own columns
            f"AND state IN ({in_sql(transition.sources)}) "
            "AND (CAST(:of_attempt AS INTEGER) IS NULL OR attempt = :of_attempt)",
            {**values, "code": code, "of_attempt": of_attempt},
        ).rowcount
        if changed:
            self._record(code, act, values)
            return Applied.DONE
        _LOG.warning("order %s was changed meanwhile: %s came too late, nothing changed", code, act)
        return Applied.LOST

    def _record(self, code: str, act: OrderAct, values: Mapping[str, Any]) -> None:
        """Add to the order's history what no row says once the order has moved on."""
        if act in ORDER_WORDS:
            event, words = ORDER_WORDS[act]
            self._history.add(code, event, words.format_map(values))

    def _alert(self, kind: AlertKind, message: str, code: str) -> Applied:
        """Open an alert after a transition, in its transaction."""
        is_new = self._alerts.open(kind, message, code=code)
        return Applied.NEWS if is_new else Applied.DONE

    def _end_attempt(
        self, connection: Transaction, code: str, attempt: int, outcome: str, message: str
    ) -> None:
        self._keep_outcomes(connection, "code = ? AND attempt = ?", (code, attempt))
        connection.execute(
            "UPDATE attempts SET ended_at = ?, outcome = ?, message = ? "
            "WHERE code = ? AND attempt = ?",
            (self._now(), outcome, message or None, code, attempt),
        )

    def _keep_outcomes(
        self, connection: Transaction, where: str, values: tuple[object, ...]
    ) -> None:
        """Keep how these attempts ended until now; what is known of them is about to change."""
        ended = connection.execute(
            "SELECT code, attempt, ended_at, outcome, message FROM attempts "  # noqa: S608
            f"WHERE {where} AND outcome IS NOT NULL ORDER BY attempt",
            values,
        ).fetchall()
        for one in ended:
            words = outcome_words(one["attempt"], one["outcome"], one["message"])
            self._history.add(one["code"], "outcome", words, one["ended_at"])

    def _synced_values(self) -> dict[str, Any]:
        return {
            "cause": None,
            "error_class": None,
            "error_message": None,
            "next_attempt_at": None,
            "doubt_since": None,
            "absent_at": None,
            "last_successful_sync": self._now(),
        }

    def _emit_synced(self, code: str, veracore_id: str, *, adopted: bool) -> None:
        data = {"vendureOrderCode": code, "veracoreOrderId": veracore_id, "adopted": adopted}
        self._outbox.add(EventKind.ORDER_SYNCED, code, data)

    def _refused_values(self, trouble: Failure, next_attempt_at: datetime) -> dict[str, Any]:
        return {
            "cause": OrderCause.REFUSED,
            "error_class": trouble.category,
            "error_message": trouble.message,
            "next_attempt_at": to_text(next_attempt_at),
            "doubt_since": None,
            "absent_at": None,
        }
