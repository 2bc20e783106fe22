"""The inbox: deliveries of the webhook listener, each id once, and their hints.

A delivery is remembered by its id, so that it is accepted once. A hint ("look at this SKU, this
order") is one row for each name, however often it is given: `asked` counts the deliveries, and
`covered` is the last of them that was stored before a look-up began. A hint with more asked than
covered is due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.hints import Hint, Kind, WebhookDelivery
from veracore_sync.ledger.database import Database, Transaction
from veracore_sync.ledger.sql import as_list
from veracore_sync.waits import HINT, horizon, is_over_sql

_PRUNED_AT_ONCE = 2_000
# As long as the largest delivery: a disk with room for a few bytes must not look healthy.
_PROBE = "probe " * 6_000


class Inbox:
    """The deliveries and hints of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def store(self, batch: Sequence[WebhookDelivery]) -> list[bool]:
        """Store deliveries in one durable transaction.

        Returns:
            For each delivery, whether its id is new; a known id changes nothing.

        Raises:
            LedgerError: Nothing of the batch was stored.
        """
        # A few statements for the whole batch: around each one the interpreter lets other threads
        # run, and all who share the commit wait until it has its turn again.
        with self._db.transaction() as connection:
            times = horizon(self._clock.now(), HINT)
            unknown = _remembered(connection, batch, times["now"])
            results = []
            for one in batch:
                results.append(one.id is None or one.id in unknown)
                unknown.discard(one.id)
            asked = Counter(
                (one.kind, name)
                for one, is_new in zip(batch, results, strict=True)
                if is_new
                for name in one.names
            )
            connection.executemany(
                _HINT,
                [
                    {"kind": kind, "name": name, "asked": count, **times}
                    for (kind, name), count in asked.items()
                ],
            )
            return results

    def probe(self) -> None:
        """Check that the largest delivery could be stored, by writing as much and removing it.

        Raises:
            LedgerError: It could not be stored.
        """
        with self._db.transaction() as connection:
            connection.execute("INSERT INTO inbox VALUES (?, 'probe', '')", (_PROBE,))
            connection.execute("DELETE FROM inbox WHERE id = ?", (_PROBE,))

    def due(self, kind: Kind) -> Hint | None:
        """The hint of that kind that has been due longest, or ``None``."""
        row = self._db.row(
            "SELECT kind, name, asked, tries FROM hints "  # noqa: S608 - our own words
            f"WHERE kind = :kind AND {is_over_sql('due_at')} "
            "ORDER BY due_at, name LIMIT 1",
            {"kind": kind, **horizon(self._clock.now(), HINT)},
        )
        return Hint(**dict(row)) if row else None

    def cover(self, hint: Hint) -> None:
        """The look-up that began after `hint` was read is done; deliveries since then stay due."""
        now = to_text(self._clock.now())
        self._update(
            "covered = :asked, covered_at = :now, tries = 0, error_class = NULL, "
            "error_message = NULL, due_at = CASE WHEN asked > :asked THEN :now END, "
            "asked_at = CASE WHEN asked > :asked THEN :now ELSE asked_at END",
            hint,
            now=now,
        )

    def put_off(self, hint: Hint, until: datetime, error_class: str, message: str) -> None:
        """The look-up failed: count it, and try again at `until` (UTC)."""
        now = self._clock.now()
        self._update(
            "tries = tries + 1, due_at = :until, asked_at = min(asked_at, :now), "
            "error_class = :class, error_message = :message",
            hint,
            now=to_text(now),
            until=to_text(min(until, now + HINT)),
            **{"class": error_class, "message": message},
        )

    def give_up(self, hint: Hint, error_class: str, message: str) -> None:
        """Do not try again: the timers will find it. The reason stays until the next hint."""
        self.cover(hint)
        self._update(
            "error_class = :class, error_message = :message",
            hint,
            **{"class": error_class, "message": message},
        )

    def _update(self, change: str, hint: Hint, **values: Any) -> None:
        with self._db.transaction() as connection:
            connection.execute(
                f"UPDATE hints SET {change} WHERE kind = :kind AND name = :name",  # noqa: S608
                {"kind": hint.kind, "name": hint.name, "asked": hint.asked, **values},
            )

    def prune(self, before: datetime) -> int:
        """Delete deliveries and covered hints older than `before` (UTC); returns how many."""
        # In small transactions: a sender waits for its response, and a delivery must not wait for
        # all of this.
        text, gone = to_text(before), 0
        while True:
            with self._db.transaction() as connection:
                count = sum(
                    connection.execute(statement, (text, _PRUNED_AT_ONCE)).rowcount
                    for statement in _PRUNE
                )
            gone += count
            if count == 0:
                return gone

    def summary(self) -> dict[str, Any]:
        """Counts and UTC texts for `stats` and the metrics.

        Raises:
            LedgerError: It cannot be read.
        """
        hints = self._db.row(_SUMMARY)
        deliveries = self._db.row(
            'SELECT count(*) AS deliveries, max(received_at) AS "lastDelivery" FROM inbox'
        )
        return dict(deliveries or {}) | dict(hints or {})


_SUMMARY = """
SELECT count(due_at) AS waiting, count(CASE WHEN tries > 0 THEN due_at END) AS failing,
    coalesce(sum(covered), 0) AS covered, min(CASE WHEN due_at IS NOT NULL THEN asked_at END)
    AS "oldestWaiting", max(covered_at) AS "lastLookUp"
FROM hints
"""
_PRUNE = (
    "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE received_at < ? LIMIT ?)",
    "DELETE FROM hints WHERE (kind, name) IN (SELECT kind, name FROM hints "
    "WHERE due_at IS NULL AND covered_at < ? LIMIT ?)",
)
_ID = """
INSERT INTO inbox (id, kind, received_at) SELECT value, ?, ? FROM json_each(?) WHERE TRUE
ON CONFLICT DO NOTHING RETURNING id
"""
_HINT = """
INSERT INTO hints (kind, name, asked, asked_at, due_at) VALUES (:kind, :name, :asked, :now, :now)
ON CONFLICT (kind, name) DO UPDATE SET asked = hints.asked + excluded.asked,
    asked_at = CASE WHEN hints.due_at IS NULL THEN excluded.asked_at ELSE hints.asked_at END,
    due_at = CASE WHEN hints.due_at <= :beyond THEN hints.due_at ELSE excluded.due_at END
"""


def _remembered(
    connection: Transaction, batch: Sequence[WebhookDelivery], now: str
) -> set[str | None]:
    """Remember the ids of these deliveries; those that were not known before."""
    kinds: dict[str, Kind] = {}
    for one in batch:
        if one.id is not None:
            kinds.setdefault(one.id, one.kind)
    found: set[str | None] = set()
    for kind in dict.fromkeys(kinds.values()):
        ids = as_list(name for name, its in kinds.items() if its == kind)
        cursor = connection.execute(_ID, (kind, now, ids))
        found.update(row["id"] for row in cursor.fetchall())
    return found
