"""What happened to an order and is said by no other row any more.

An order that goes its way writes nothing here: its row, its attempts, slips and alerts say all.
What one of those rows is about to forget (an attempt's first outcome, an earlier doubt, an alert
that is opened again) is kept, and each look-up and each act of a person that changed something.
"""

from __future__ import annotations

from veracore_sync.clock import Clock, to_text
from veracore_sync.ledger.database import Database


class History:
    """The history of the orders of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def add(self, code: str, event: str, message: str, at: str | None = None) -> None:
        """Record that something happened; the same again, and nothing between, is one entry.

        Args:
            code: The order's.
            event: One of the timeline's (docs/json.md).
            message: For a person; without personal data.
            at: When (a UTC text); ``None``: now.
        """
        with self._db.transaction() as connection:
            last = connection.execute(
                "SELECT event, message FROM history WHERE code = ? ORDER BY id DESC LIMIT 1",
                (code,),
            ).fetchone()
            if last is not None and (last["event"], last["message"]) == (event, message):
                return
            connection.execute(
                "INSERT INTO history (code, at, event, message) VALUES (?, ?, ?, ?)",
                (code, at or to_text(self._clock.now()), event, message),
            )
