"""How an order moves through the ledger: every verb is one transition in one transaction.

    pending ─▶ sending ─▶ synced
       ▲          ├─────▶ in_doubt ─▶ synced | pending | parked | conflict | cancelled
       │          ├─────▶ parked
       └──────────┴─────▶ failed, skipped

A verb that puts an order before a person also opens the alert, and tells whether that is new.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.errors import Category
from veracore_sync.ledger.alerts import Alerts
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.orders import Sent

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an order is not where it should be: a class, and a sentence without personal data."""

    category: Category
    message: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """An order that is new to the ledger. `state` is ``pending`` or ``skipped``."""

    code: str
    vendure_id: str
    placed_at: datetime | None
    state: str = "pending"
    cause: str = ""
    trouble: Trouble | None = None
    next_attempt_at: datetime | None = None


class Moves:
    """The transitions of one ledger."""

    def __init__(self, database: Database, alerts: Alerts, clock: Clock) -> None:
        self._db = database
        self._alerts = alerts
        self._clock = clock

    def _now(self) -> str:
        return to_text(self._clock.now())

    def _set(self, connection: sqlite3.Connection, code: str, **values: Any) -> None:
        values["updated_at"] = self._now()
        columns = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(
            f"UPDATE orders SET {columns} WHERE code = :code",  # noqa: S608 - our own columns
            {**values, "code": code},
        )

    def _end_attempt(
        self, connection: sqlite3.Connection, code: str, attempt: int, outcome: str, message: str
    ) -> None:
        connection.execute(
            "UPDATE attempts SET ended_at = ?, outcome = ?, message = ? "
            "WHERE code = ? AND attempt = ?",
            (self._now(), outcome, message or None, code, attempt),
        )

    def _is_sending(self, connection: sqlite3.Connection, code: str, attempt: int) -> bool:
        row = connection.execute(
            "SELECT 1 FROM orders WHERE code = ? AND attempt = ? AND state = 'sending'",
            (code, attempt),
        ).fetchone()
        if row is None:
            _LOG.warning("order %s: attempt %d is no longer the one under way", code, attempt)
        return row is not None

    # ---- before sending ---------------------------------------------------------------------

    def discover(self, found: Iterable[Discovery]) -> None:
        """Record orders that the ledger does not hold yet, all in one transaction."""
        now = self._now()
        rows = [
            {
                "code": one.code,
                "vendure_id": one.vendure_id,
                "state": one.state,
                "cause": one.cause,
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

    # ---- sending ----------------------------------------------------------------------------

    def intend(
        self, code: str, veracore_id: str, payload_hash: str, content_hash: str, lines: Sent
    ) -> int:
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
                (code, attempt, veracore_id, payload_hash, json.dumps(lines), now),
            )
            self._set(
                connection,
                code,
                state="sending",
                attempt=attempt,
                veracore_id=veracore_id,
                content_hash=content_hash,
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
            self._alerts.resolve_order(code)

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

    def _park_refused(
        self, connection: sqlite3.Connection, code: str, trouble: Trouble, next_attempt_at: datetime
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

    def doubt(self, code: str, attempt: int, cause: str, trouble: Trouble) -> None:
        """Nobody knows whether VeraCore has it: only a look-up ends this, never another send."""
        now = self._now()
        with self._db.transaction() as connection:
            if not self._is_sending(connection, code, attempt):
                return
            self._end_attempt(connection, code, attempt, "in doubt", trouble.message)
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

    # ---- after a look-up --------------------------------------------------------------------

    def adopt(self, code: str, veracore_id: str, lines: Sent, content_hash: str | None) -> None:
        """A look-up found it at VeraCore, and it is ours.

        Args:
            code: The order.
            veracore_id: The id it was found by.
            lines: What VeraCore holds, as far as the dialect tells.
            content_hash: What the shop's order was at this moment, where it is known.
        """
        now = self._now()
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT attempt, content_hash FROM orders WHERE code = ?", (code,)
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
                content_hash=content_hash or row["content_hash"],
                looked_up=1,
            )
            self._alerts.resolve_order(code)

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
            attempt = connection.execute(
                "SELECT attempt FROM orders WHERE code = ?", (code,)
            ).fetchone()["attempt"]
            self._end_attempt(connection, code, attempt, "absent", "")
            self._set(
                connection, code, state="pending", cause="", doubt_since=None, next_attempt_at=None
            )

    def refused_after_all(self, code: str, trouble: Trouble, next_attempt_at: datetime) -> bool:
        """The doubt ended in absent, and VeraCore had answered: that answer was a refusal.

        Returns:
            Whether this is new to the person who has to mend it.
        """
        with self._db.transaction() as connection:
            return self._park_refused(connection, code, trouble, next_attempt_at)

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
