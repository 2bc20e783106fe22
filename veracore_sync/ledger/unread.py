"""Records that could not be read: since when, how often, and when the next try is due.

Kept until an answer of use comes, so that the next runs ask for them last and ever more rarely.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.ledger.database import Database
from veracore_sync.waits import UNREAD, is_over

_PREFIX = "unread"


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """A record without a usable answer. Times are UTC texts.

    Args:
        name: What it is called: an order's code, where that is known.
        since: When the first of the failures in a row was.
        tries: How many there were in a row.
        next_attempt_at: When it is asked for again; ``None``: in the next run.
        message: What came instead of an answer.
    """

    name: str
    since: str
    tries: int
    next_attempt_at: str | None
    message: str

    def is_due(self, now: datetime) -> bool:
        """Whether it may be asked for again."""
        return self.next_attempt_at is None or is_over(from_text(self.next_attempt_at), now, UNREAD)


class Unread:
    """Such records of one ledger, by topic: a kind of read.

    Args:
        database: The ledger's.
        clock: The wall clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def of(self, topic: str) -> dict[str, UnreadRow]:
        """All of a topic by name, longest without an answer first."""
        prefix = _key(topic, "")
        rows = self._db.rows(
            "SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?", (len(prefix), prefix)
        )
        found = [UnreadRow(row["key"][len(prefix) :], **json.loads(row["value"])) for row in rows]
        return {one.name: one for one in sorted(found, key=lambda one: (one.since, one.name))}

    def failed(self, topic: str, name: str, message: str) -> UnreadRow:
        """Count one more failure; `postpone` says when the next try is due."""
        with self._db.transaction() as connection:
            known = connection.execute(
                "SELECT value FROM meta WHERE key = ?", (_key(topic, name),)
            ).fetchone()
            held = json.loads(known["value"]) if known else {}
            now = to_text(self._clock.now())
            # A beginning that is still to come was written by a wrong clock.
            since = min(held.get("since", now), now)
            row = UnreadRow(name, since, held.get("tries", 0) + 1, None, message)
            self._keep(topic, row)
        return row

    def postpone(self, topic: str, row: UnreadRow, next_attempt_at: datetime) -> UnreadRow:
        """Let it rest until then."""
        rested = UnreadRow(row.name, row.since, row.tries, to_text(next_attempt_at), row.message)
        self._keep(topic, rested)
        return rested

    def _keep(self, topic: str, row: UnreadRow) -> None:
        value = {
            "since": row.since,
            "tries": row.tries,
            "next_attempt_at": row.next_attempt_at,
            "message": row.message,
        }
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_key(topic, row.name), json.dumps(value)),
            )

    def forget(self, topic: str, name: str) -> bool:
        """An answer of use came, or none is needed any more; whether it was remembered."""
        key = (_key(topic, name),)
        if self._db.row("SELECT 1 FROM meta WHERE key = ?", key) is None:
            return False
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", key)
        return True


def _key(topic: str, name: str) -> str:
    return f"{_PREFIX}:{topic}:{name}"
