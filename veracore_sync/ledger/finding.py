"""Transitions after a look-up at VeraCore."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from veracore_sync.clock import tick, to_text
from veracore_sync.domain.errors import Category
from veracore_sync.domain.held_orders import least_of, same_units
from veracore_sync.domain.kinds import AlertKind
from veracore_sync.domain.order_records import Failure, SentLines, ShopVersion
from veracore_sync.domain.states import Applied, AttemptOutcome, OrderAct
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.ledger.comparisons import packed
from veracore_sync.ledger.database import StoredRow, Transaction
from veracore_sync.ledger.order_table import ALERTS_OF_GOODS, ALERTS_OF_THE_SHOP, OrderTable

_NOT_ACCEPTED = (AttemptOutcome.NOT_SENT, AttemptOutcome.REFUSED)


class LookUpTransitions(OrderTable):
    """The transitions that a look-up leads to."""

    def adopt(
        self,
        code: str,
        veracore_id: str,
        record: WarehouseRecord,
        seen: ShopVersion | None = None,
        *,
        wanted: SentLines | None = None,
        counts_fulfilled: bool = False,
    ) -> Applied:
        """A look-up found the order at VeraCore, and it is ours.

        VeraCore holds what the record says, whichever attempt it came from.

        Args:
            code: The order.
            veracore_id: The id it was found by.
            record: What the look-up found.
            seen: The version of the shop's order, if it was read just now.
            wanted: What the shop's order still asks for, if it was read just now.
            counts_fulfilled: Whether `wanted` has units, too, that are fulfilled by now.
        """
        now = self._now()
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT attempt FROM orders WHERE code = ?", (code,)
            ).fetchone()
            attempt = row["attempt"]
            moved = self._move(
                connection,
                code,
                OrderAct.ADOPT,
                **self._synced_values(),
                veracore_id=veracore_id,
                attempt=attempt or 1,
                looked_up=1,
            )
            if moved is Applied.LOST:
                return moved
            sent = self._sent(connection, code, veracore_id)
            from_record = [one for one in sent if _is_of(one, record)]
            arrived = from_record[-1]["attempt"] if from_record else attempt
            accepted = AttemptOutcome.ACCEPTED
            self._end_attempt(connection, code, arrived, accepted, "found by a look-up")
            if attempt == 0:
                lines = tuple((line.sku, line.quantity) for line in record.lines or ())
                connection.execute(
                    "INSERT INTO attempts (code, attempt, veracore_id, payload_hash, lines, "
                    "started_at, ended_at, outcome, message) "
                    "VALUES (?, 1, ?, '', ?, ?, ?, 'accepted', 'found by a look-up')",
                    (code, veracore_id, json.dumps(lines), now, now),
                )
            wanted_at = None if counts_fulfilled else now
            self._hold_found(code, from_record or sent, record, wanted, wanted_at)
            if seen is not None:
                connection.execute(
                    "UPDATE orders SET content_hash = ?, shop_updated_at = ? WHERE code = ?",
                    (seen.content_hash, to_text(seen.updated_at), code),
                )
                connection.execute(
                    "UPDATE attempts SET facets = ? WHERE code = ? AND outcome = 'accepted'",
                    (packed(seen.facets), code),
                )
            self._alerts.resolve_order(code, keep=ALERTS_OF_THE_SHOP if seen is None else ())
            self._emit_synced(code, veracore_id, adopted=True)
            return Applied.DONE

    def _sent(self, connection: Transaction, code: str, veracore_id: str) -> list[StoredRow]:
        """The attempts that VeraCore may have accepted under that id, oldest first.

        If no attempt used the id, a person named it (``--adopt ID``): then all of them.
        """
        rows = connection.execute(
            "SELECT attempt, veracore_id, lines, started_at, outcome FROM attempts "
            "WHERE code = ? AND payload_hash <> '' ORDER BY attempt",
            (code,),
        ).fetchall()
        left = [row for row in rows if row["outcome"] not in _NOT_ACCEPTED]
        named = veracore_id.strip().casefold()
        return [row for row in left if row["veracore_id"].casefold() == named] or left or rows

    def _hold_found(
        self,
        code: str,
        sent: Sequence[StoredRow],
        record: WarehouseRecord,
        wanted: SentLines | None,
        wanted_at: str | None,
    ) -> None:
        """Record what VeraCore holds: the record's lines; in ``rest``, which has none, those sent.

        Args:
            code: The order.
            sent: The attempts that may have arrived, oldest first.
            record: What the look-up found.
            wanted: As in `adopt`.
            wanted_at: What was fulfilled before then is not in it; ``None``: all may be.
        """
        if sent:
            # It is unknown which of the attempts arrived. Units that VeraCore does not hold are
            # kept off sale, so the fewest units of each SKU, held since the earliest time, cannot
            # oversell.
            lines = least_of(_lines(row) for row in sent)
            self._holdings.take(code, lines, sent[0]["started_at"])
        elif record.lines is None and wanted is not None:
            self._holdings.take(code, wanted, wanted_at)
        else:
            self._holdings.take(code, None, None)
        self._holdings.saw(code, record)

    def conflict(self, code: str, veracore_id: str | None, trouble: Failure) -> Applied:
        """VeraCore holds something else under the order's id: a person decides."""
        with self._db.transaction() as connection:
            values: dict[str, Any] = {"veracore_id": veracore_id} if veracore_id else {}
            moved = self._move(
                connection,
                code,
                OrderAct.CONFLICT,
                error_class=trouble.category,
                error_message=trouble.message,
                next_attempt_at=None,
                **values,
            )
            if moved is Applied.LOST:
                return moved
            return self._alert(AlertKind.ORDER_CONFLICT, trouble.message, code)

    def cancel(self, code: str, veracore_id: str, message: str) -> Applied:
        """VeraCore cancelled the order: an alert, unless the shop has cancelled it too."""
        in_shop = AlertKind.ORDER_CANCELLED_IN_SHOP
        with self._db.transaction() as connection:
            row = connection.execute(
                "SELECT shop_cancelled_at FROM orders WHERE code = ?", (code,)
            ).fetchone()
            is_known = row is not None and (
                row["shop_cancelled_at"] is not None
                or self._alerts.is_open(in_shop, code=code)
                or any(one.kind == in_shop for one in self._alerts.accepted(code))
            )
            moved = self._move(
                connection,
                code,
                OrderAct.CANCEL,
                veracore_id=veracore_id,
                # Cancelled on both sides: nothing is left that a person should read there.
                error_class=None if is_known else Category.CONFLICT,
                error_message=None if is_known else message,
                next_attempt_at=None,
            )
            if moved is Applied.LOST:
                return moved
            # Whatever else was to be done about the order at VeraCore is over; the cancellation
            # itself is what a person still has to deal with.
            self._alerts.resolve_order(code, keep=(AlertKind.ORDER_CANCELLED, *ALERTS_OF_GOODS))
            if is_known:
                return Applied.DONE
            return self._alert(AlertKind.ORDER_CANCELLED, message, code)

    def absent_once(self, code: str, next_attempt_at: datetime) -> Applied:
        """A first look-up found the order absent: record when, and look again after the grace."""
        # Once is not enough: a request whose answer was lost may still be in progress at VeraCore.
        # The tick counts the grace, because a clock that is set must not shorten it.
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.ABSENT_ONCE,
                absent_at=self._now(),
                absent_tick=tick(self._clock),
                next_attempt_at=to_text(next_attempt_at),
                checked_at=self._now(),
            )

    def absent_for_a_person(self, code: str) -> Applied:
        """A person's look-up found an order absent that is not in doubt: record when."""
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.ABSENT_FOR_A_PERSON,
                absent_at=self._now(),
                absent_tick=tick(self._clock),
            )

    def end_attempts(self, code: str, veracore_id: str, outcome: AttemptOutcome) -> None:
        """Nothing that was sent under that id is, or can become, a live order at VeraCore."""
        chosen = (
            "code = ? AND veracore_id = ? COLLATE NOCASE AND (outcome IS NULL OR outcome IN (?, ?))"
        )
        of = (code, veracore_id, AttemptOutcome.IN_DOUBT, AttemptOutcome.ACCEPTED)
        with self._db.transaction() as connection:
            self._keep_outcomes(connection, chosen, of)
            connection.execute(
                f"UPDATE attempts SET ended_at = ?, outcome = ? WHERE {chosen}",  # noqa: S608
                (self._now(), outcome, *of),
            )

    def look_again(self, code: str, next_attempt_at: datetime | None) -> Applied:
        """A look-up failed: still in doubt, due again then (``None``: in the next run)."""
        with self._db.transaction() as connection:
            return self._move(
                connection,
                code,
                OrderAct.LOOK_AGAIN,
                next_attempt_at=to_text(next_attempt_at) if next_attempt_at else None,
                checked_at=self._now(),
            )

    def resend(self, code: str) -> Applied:
        """The doubt ended in absent after a lost answer: the order may be sent again."""
        with self._db.transaction() as connection:
            moved = self._move(
                connection,
                code,
                OrderAct.RESEND,
                cause=None,
                doubt_since=None,
                next_attempt_at=None,
            )
            if moved is Applied.LOST:
                return moved
            self._end_current(connection, code, AttemptOutcome.ABSENT)
            return Applied.DONE

    def refused_after_all(self, code: str, trouble: Failure, next_attempt_at: datetime) -> Applied:
        """The doubt ended in absent after an unlisted answer: that answer was a refusal."""
        with self._db.transaction() as connection:
            values = self._refused_values(trouble, next_attempt_at)
            moved = self._move(connection, code, OrderAct.REFUSED_AFTER_ALL, **values)
            if moved is Applied.LOST:
                return moved
            self._end_current(connection, code, AttemptOutcome.REFUSED)
            return self._alert(AlertKind.ORDER_PARKED, trouble.message, code)

    def _end_current(self, connection: Transaction, code: str, outcome: AttemptOutcome) -> None:
        row = connection.execute("SELECT veracore_id FROM orders WHERE code = ?", (code,))
        self.end_attempts(code, row.fetchone()["veracore_id"], outcome)


def _lines(row: StoredRow) -> SentLines:
    return tuple((offer, units) for offer, units in json.loads(row["lines"]))


def _is_of(row: StoredRow, record: WarehouseRecord) -> bool:
    """Whether the record has the units that this attempt sent."""
    if record.lines is None:
        return False
    return same_units(_lines(row), tuple((line.sku, line.quantity) for line in record.lines))
