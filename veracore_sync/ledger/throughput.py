"""How orders, shipments and stock move; only reads, each of a period and by an index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from veracore_sync.clock import to_text
from veracore_sync.domain.states import OrderState
from veracore_sync.domain.throughput import Departure, OrderCount, SentOrder
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.reporting import SUCCEEDED, WAITING

PLACED = """
SELECT substr(coalesce(placed_at, created_at), 1, 14) AS hour,
    CAST(substr(coalesce(placed_at, created_at), 15, 2) AS INTEGER) / 15 AS quarter, state, count(*)
FROM orders WHERE coalesce(placed_at, created_at) >= ? AND coalesce(placed_at, created_at) < ?
GROUP BY 1, 2, state ORDER BY 1, 2, state
"""
# By quarters of an hour, because days begin at one in every time zone, and in no other step.
SENT = """
SELECT o.paid_at, h.sent_at FROM held h JOIN orders o ON o.code = h.code
WHERE h.sent_at >= ? AND h.sent_at < ? ORDER BY h.sent_at
"""
DEPARTED = """
SELECT s.left_at, h.sent_at, s.packages, s.freight, s.charges FROM slips s
LEFT JOIN orders o ON o.code = s.code AND o.veracore_id = s.veracore_id
LEFT JOIN held h ON h.code = o.code
WHERE s.left_at >= ? AND s.left_at < ? ORDER BY s.left_at, s.veracore_id, s.slip
"""
_SUCCESSES = f"""
SELECT ended_at FROM runs WHERE command = ?1 AND ended_at >= ?2 AND ended_at < ?3 AND {SUCCEEDED}
ORDER BY ended_at
"""  # noqa: S608 - constants
_SUCCESS_BEFORE = f"""
SELECT ended_at FROM runs WHERE command = ?1 AND ended_at < ?2 AND {SUCCEEDED}
ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - constants


class Throughput:
    """How orders, shipments and stock of one ledger move."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def orders_placed(self, since: datetime, until: datetime) -> list[OrderCount]:
        """How many orders were placed, by quarter of an hour and state; see the port."""
        rows = self._db.rows(PLACED, (to_text(since), to_text(until)))
        return [
            OrderCount(f"{hour}{15 * quarter:02}:00.000Z", OrderState(state), count)
            for hour, quarter, state, count in rows
        ]

    def orders_sent(self, since: datetime, until: datetime) -> list[SentOrder]:
        """The orders that this ledger sent and VeraCore has."""
        rows = self._db.rows(SENT, (to_text(since), to_text(until)))
        return [SentOrder(*row) for row in rows]

    def departures(self, since: datetime, until: datetime) -> list[Departure]:
        """The slips whose last package left, oldest first."""
        rows = self._db.rows(DEPARTED, (to_text(since), to_text(until)))
        return [
            Departure(left_at, sent_at, tuple(map(tuple, json.loads(packages))), freight, charges)
            for left_at, sent_at, packages, freight, charges in rows
        ]

    def successes(self, command: str, since: datetime, until: datetime) -> list[str]:
        """When the runs of a command ended that succeeded, oldest first; see the port."""
        before = self._db.value(_SUCCESS_BEFORE, (command, to_text(since)))
        rows = self._db.rows(_SUCCESSES, (command, to_text(since), to_text(until)))
        return [*([before] if before else []), *(row[0] for row in rows)]

    def waiting_since(self, bounds: Sequence[datetime]) -> list[int]:
        """How many of the orders that wait were first seen after each of these times (UTC)."""
        if not bounds:
            return []
        counts = ", ".join("count(CASE WHEN created_at > ? THEN 1 END)" for _ in bounds)
        row = self._db.row(
            f"SELECT {counts} FROM orders WHERE state IN {WAITING}",  # noqa: S608 - our own words
            tuple(map(to_text, bounds)),
        )
        return list(row) if row is not None else [0] * len(bounds)
