"""The cancellations of orders after the hand-over: every method is one transition.

`veracore_sync.domain.states.CANCEL_TRANSITIONS` names the states in which each may happen; in any
other state nothing is written and `Applied.LOST` is returned.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from veracore_sync.clock import Clock, tick, to_text
from veracore_sync.domain.cancellations import CancellationRow, WantedBy
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_history import CANCEL_WORDS, wanted
from veracore_sync.domain.states import (
    CANCEL_TRANSITIONS,
    TRANSITIONS,
    Applied,
    CancelAct,
    CancelState,
    OrderAct,
)
from veracore_sync.ledger.alerts import Alerts
from veracore_sync.ledger.database import Database, StoredRow, Transaction
from veracore_sync.ledger.history import History
from veracore_sync.ledger.sql import IN_LIST, as_list, in_sql
from veracore_sync.ledger.transitions import OrderTransitions
from veracore_sync.waits import horizon, is_over_sql

_LOG = logging.getLogger(__name__)
_COLUMNS = [field.name for field in fields(CancellationRow)]
_DUE = (CancelState.WANTED, CancelState.UNKNOWN)
_ENDED = (CancelState.TOO_LATE, CancelState.REFUSED)


class Cancellations:
    """The cancellations of one ledger."""

    def __init__(
        self, database: Database, alerts: Alerts, transitions: OrderTransitions, clock: Clock
    ) -> None:
        self._db = database
        self._alerts = alerts
        self._transitions = transitions
        self._clock = clock
        self._history = History(database, clock)

    # ---- reading --------------------------------------------------------------------------------

    def get(self, code: str) -> CancellationRow | None:
        """The cancellation of that order, or ``None``."""
        row = self._db.row("SELECT * FROM cancellations WHERE code = ?", (code,))
        return _cancellation(row) if row is not None else None

    def of(self, codes: Sequence[str]) -> dict[str, CancellationRow]:
        """The cancellations of these orders by code; only of those that have one."""
        rows = self._db.rows(
            f"SELECT * FROM cancellations WHERE code {IN_LIST}",  # noqa: S608 - our own words
            (as_list(codes),),
        )
        return {row["code"]: _cancellation(row) for row in rows}

    def wanted(self) -> list[CancellationRow]:
        """Those for which VeraCore was not asked yet, oldest first."""
        return self._all("state = 'wanted'", {})

    def under_way(self) -> list[CancellationRow]:
        """Those that have not ended, oldest first."""
        return self._all(f"state IN ({in_sql(_DUE)})", {})

    def due(self, longest: timedelta) -> list[CancellationRow]:
        """Those whose next look-up is due, longest wanted first.

        Args:
            longest: How far ahead the next look-up of any of them can be.
        """
        return self._all(
            f"(state IN ({in_sql(_DUE)}) OR (state IN ({in_sql(_ENDED)}) AND seen_at IS NOT NULL)) "
            f"AND (next_attempt_at IS NULL OR {is_over_sql('next_attempt_at')})",
            horizon(self._clock.now(), longest),
        )

    def _all(self, where: str, values: dict[str, str]) -> list[CancellationRow]:
        select = f"SELECT * FROM cancellations WHERE {where} "  # noqa: S608 - our own words
        rows = self._db.rows(select + "ORDER BY wanted_at, code", values)
        return list(map(_cancellation, rows))

    # ---- wishing --------------------------------------------------------------------------------

    def want(self, code: str, veracore_id: str, by: WantedBy) -> Applied:
        """The order is to be cancelled; one that has ended without success begins anew.

        Returns:
            `Applied.LOST` if that is in progress already; a person's wish makes it due at once.
        """
        now = self._now()
        fresh: dict[str, Any] = {
            "veracore_id": veracore_id,
            "wanted_by": by,
            "asked": 0,
            "looks": 0,
            "message": None,
            "wanted_at": now,
            "asked_at": None,
            "seen_at": None,
            "seen_tick": None,
            "left_at": None,
            "next_attempt_at": None,
        }
        with self._db.transaction() as connection:
            found = connection.execute(
                "SELECT state, wanted_by, wanted_at FROM cancellations WHERE code = ?", (code,)
            ).fetchone()
            if found is None:
                state = CANCEL_TRANSITIONS[CancelAct.WANT].target(None)
                connection.execute(
                    "INSERT INTO cancellations "
                    "(code, veracore_id, state, wanted_by, wanted_at, updated_at) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (code, veracore_id, state, by, now, now),
                )
                return Applied.DONE
            if found["state"] in CANCEL_TRANSITIONS[CancelAct.WANT_AGAIN].sources:
                self._alerts.resolve(AlertKind.ORDER_NOT_CANCELLED, code=code)
                earlier = wanted(found["wanted_by"])
                self._history.add(code, "cancel", earlier, found["wanted_at"])
                return self._move(connection, code, CancelAct.WANT_AGAIN, **fresh)
            if by == "person":
                connection.execute(
                    "UPDATE cancellations SET next_attempt_at = NULL WHERE code = ?", (code,)
                )
            return Applied.LOST

    def withdraw(self, code: str, why: str = "it was never sent") -> Applied:
        """VeraCore is not asked: forget the wish."""
        sources = CANCEL_TRANSITIONS[CancelAct.WITHDRAW].sources
        with self._db.transaction() as connection:
            done = connection.execute(
                "DELETE FROM cancellations "  # noqa: S608 - our own words
                f"WHERE code = ? AND state IN ({in_sql(sources)})",
                (code,),
            ).rowcount
            if done:
                self._history.add(code, "cancel", f"no longer to be cancelled: {why}")
        return Applied.DONE if done else Applied.LOST

    # ---- asking ---------------------------------------------------------------------------------

    def ask(self, code: str) -> Applied:
        """Commit the intent to ask VeraCore, before the request."""
        # On disk before the socket opens: a run that is killed leaves `asking`, and the next one
        # knows that VeraCore may have been asked.
        with self._db.transaction() as connection:
            return self._move(
                connection, code, CancelAct.ASK, asked_at=self._now(), next_attempt_at=None, more=1
            )

    def not_asked(self, code: str, message: str, next_attempt_at: datetime | None) -> Applied:
        """The request never left, or was rejected unread: as before, and not counted."""
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT asked FROM cancellations WHERE code = ?", (code,)
            ).fetchone()
            earlier = row is not None and row["asked"] > 1
            return self._move(
                connection,
                code,
                CancelAct.NOT_ASKED,
                CancelState.UNKNOWN if earlier else CancelState.WANTED,
                message=message,
                next_attempt_at=_text(next_attempt_at),
                more=-1,
            )

    def asked(self, code: str, message: str, next_attempt_at: datetime | None) -> Applied:
        """VeraCore was asked, or may have been: look-ups decide."""
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                CancelAct.ASKED,
                message=message,
                next_attempt_at=_text(next_attempt_at),
            )

    def recover(self) -> list[str]:
        """Cancellations that a killed run left ``asking`` are unknown; see the port."""
        with self._db.transaction() as connection:
            left = connection.execute("SELECT code FROM cancellations WHERE state = 'asking'")
            codes = [row["code"] for row in left]
            for code in codes:
                message = "the run that asked was killed"
                self._move(connection, code, CancelAct.RECOVER, message=message)
        return codes

    # ---- looking up -----------------------------------------------------------------------------

    def look_again(
        self, code: str, next_attempt_at: datetime | None, message: str | None, *, is_open: bool
    ) -> Applied:
        """A look-up showed nothing that ends it.

        Args:
            code: The order.
            next_attempt_at: When to look again.
            message: What to remember of it; ``None``: no change.
            is_open: It was answered, and the order is not cancelled: an earlier sighting of a
                cancellation does not count any more.
        """
        values: dict[str, Any] = {"next_attempt_at": _text(next_attempt_at)}
        values |= {"seen_at": None, "seen_tick": None} if is_open else {}
        values |= {"message": message} if message is not None else {}
        with self._db.transaction() as connection:
            return self._move(connection, code, CancelAct.LOOK_AGAIN, looks_more=1, **values)

    def saw_cancelled(self, code: str, next_attempt_at: datetime) -> Applied:
        """A look-up showed the order cancelled for the first time: a second one confirms it."""
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                CancelAct.SAW_CANCELLED,
                seen_at=self._now(),
                seen_tick=tick(self._clock),
                next_attempt_at=to_text(next_attempt_at),
            )

    def confirm(self, code: str, message: str) -> Applied:
        """A second look-up showed it: the cancellation is done, and the order is cancelled.

        Args:
            code: The order.
            message: The alert's, if the shop has not cancelled the order.

        Returns:
            `Applied.NEWS` if a person has to cancel the order in the shop.
        """
        with self._db.transaction() as connection:
            order = connection.execute("SELECT state FROM orders WHERE code = ?", (code,))
            if order.fetchone()["state"] not in TRANSITIONS[OrderAct.CANCEL].sources:
                return Applied.LOST
            moved = self._move(
                connection, code, CancelAct.CONFIRM, message=None, next_attempt_at=None
            )
            if moved is Applied.LOST:
                return moved
            row = connection.execute(
                "SELECT veracore_id FROM cancellations WHERE code = ?", (code,)
            ).fetchone()
            return self._transitions.cancel(code, row["veracore_id"], message)

    def miss(self, code: str, message: str) -> Applied:
        """Goods have left, so it is too late; tracking watches the rest."""
        return self._end(code, CancelAct.MISS, message)

    def refuse(self, code: str, message: str) -> Applied:
        """VeraCore does not cancel it: a person does."""
        return self._end(code, CancelAct.REFUSE, message)

    def _end(self, code: str, act: CancelAct, message: str) -> Applied:
        with self._db.transaction() as connection:
            moved = self._move(
                connection,
                code,
                act,
                message=message,
                next_attempt_at=None,
                seen_at=None,
                seen_tick=None,
            )
            if moved is Applied.LOST:
                return moved
            # One alert an order: where the shop's cancellation is one already, its text says more,
            # unless a person has accepted just that.
            of_shop = AlertKind.ORDER_CANCELLED_IN_SHOP
            if self._alerts.is_open(of_shop, code=code):
                self._alerts.open(of_shop, message, code=code)
            if not self._alerts.is_open(of_shop, code=code):
                self._alerts.open(AlertKind.ORDER_NOT_CANCELLED, message, code=code)
            return Applied.NEWS

    def leave(self, code: str, message: str) -> Applied:
        """Goods of an order that was to be cancelled have left; reported once.

        Returns:
            `Applied.NEWS` if that is new.
        """
        kind = AlertKind.ORDER_SHIPPED_CANCELLED
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT left_at FROM cancellations WHERE code = ?", (code,)
            ).fetchone()
            if row is None or row["left_at"] is not None:
                return Applied.LOST
            moved = self._move(
                connection,
                code,
                CancelAct.LEAVE,
                left_at=self._now(),
                message=message,
                next_attempt_at=None,
                seen_at=None,
                seen_tick=None,
            )
            if moved is Applied.LOST or self._alerts.is_open(kind, code=code):
                return moved
            self._alerts.open(kind, message, code=code)
            return Applied.NEWS

    # ---- writing --------------------------------------------------------------------------------

    def _now(self) -> str:
        return to_text(self._clock.now())

    def _move(
        self,
        connection: Transaction,
        code: str,
        act: CancelAct,
        to: CancelState | None = None,
        *,
        more: int = 0,
        looks_more: int = 0,
        **values: Any,
    ) -> Applied:
        """Write a transition if the cancellation is in a state that allows it.

        Args:
            connection: The open transaction.
            code: The order.
            act: The transition, a row of `CANCEL_TRANSITIONS`.
            to: The target state, if the transition has several.
            more: Added to the number of requests.
            looks_more: Added to the number of look-ups that showed nothing new.
            values: Other columns.
        """
        transition = CANCEL_TRANSITIONS[act]
        state = transition.target(to)
        if state is not None:
            values["state"] = state
        values["updated_at"] = self._now()
        columns = [f"{name} = :{name}" for name in values]
        columns += ["asked = asked + :more"] if more else []
        columns += ["looks = looks + :looks_more"] if looks_more else []
        changed = connection.execute(
            f"UPDATE cancellations SET {', '.join(columns)} "  # noqa: S608 - our own columns
            f"WHERE code = :code AND state IN ({in_sql(transition.sources)})",
            {**values, "code": code, "more": more, "looks_more": looks_more},
        ).rowcount
        if changed:
            if act in CANCEL_WORDS:
                self._history.add(code, "cancel", CANCEL_WORDS[act].format_map(values))
            return Applied.DONE
        _LOG.warning("cancellation of %s was changed meanwhile: %s came too late", code, act)
        return Applied.LOST


def _text(moment: datetime | None) -> str | None:
    return to_text(moment) if moment is not None else None


def _cancellation(row: StoredRow) -> CancellationRow:
    values = {name: row[name] for name in _COLUMNS}
    return CancellationRow(**{**values, "state": CancelState(values["state"])})
