"""Records that could not be read: since when, how often, and when the next try is due.

Stored until a usable answer comes. The rules are in `veracore_sync.jobs.bad_records`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from veracore_sync.domain.ledger_records import UnreadRow
from veracore_sync.ledger.database import Database, Transaction

_PREFIX = "unread"


class UnreadRecords:
    """The unread records of one ledger, by topic (a kind of read)."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, topic: str) -> dict[str, UnreadRow]:
        """All of a topic by name, longest without an answer first."""
        prefix = _key(topic, "")
        rows = self._db.rows(
            "SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?", (len(prefix), prefix)
        )
        found = self._earlier(topic) + [
            UnreadRow(row["key"][len(prefix) :], **json.loads(row["value"])) for row in rows
        ]
        return {one.name: one for one in sorted(found, key=lambda one: (one.since, one.name))}

    def get(self, topic: str, name: str) -> UnreadRow | None:
        """One of them, or ``None``."""
        row = self._db.row("SELECT value FROM meta WHERE key = ?", (_key(topic, name),))
        if row is not None:
            return UnreadRow(name, **json.loads(row["value"]))
        return next((one for one in self._earlier(topic) if one.name == name), None)

    def keep(self, topic: str, rows: Iterable[UnreadRow]) -> None:
        """Store these; each replaces what was stored under its name."""
        with self._db.transaction() as connection:
            self._upgrade(connection, topic)
            _put(connection, topic, rows)

    def forget(self, topic: str, names: Iterable[str]) -> None:
        """A usable answer came, or none is needed any more."""
        keys = [(_key(topic, name),) for name in names]
        if not keys:
            return
        with self._db.transaction() as connection:
            self._upgrade(connection, topic)
            connection.executemany("DELETE FROM meta WHERE key = ?", keys)

    # ---- ledgers of earlier versions, where a topic was one value ------------------------------

    def _earlier(self, topic: str) -> list[UnreadRow]:
        row = self._db.row("SELECT value FROM meta WHERE key = ?", (topic,))
        if row is None:
            return []
        return [_earlier_row(name, entry) for name, entry in json.loads(row["value"]).items()]

    def _upgrade(self, connection: Transaction, topic: str) -> None:
        _put(connection, topic, self._earlier(topic))
        connection.execute("DELETE FROM meta WHERE key = ?", (topic,))


def _earlier_row(name: str, entry: Any) -> UnreadRow:
    if isinstance(entry, str):
        return UnreadRow(name, entry, 0, None, "")
    if isinstance(entry, list):
        since, message = entry
        return UnreadRow(name, since, 1, None, message)
    return UnreadRow(
        name,
        entry["since"],
        entry.get("tries", 0),
        entry.get("next_attempt_at") or None,
        entry.get("error", ""),
    )


def _put(connection: Transaction, topic: str, rows: Iterable[UnreadRow]) -> None:
    connection.executemany(
        "INSERT INTO meta (key, value) VALUES (?, ?) "
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [(_key(topic, row.name), _text(row)) for row in rows],
    )


def _text(row: UnreadRow) -> str:
    return json.dumps(
        {
            "since": row.since,
            "tries": row.tries,
            "next_attempt_at": row.next_attempt_at,
            "message": row.message,
        }
    )


def _key(topic: str, name: str) -> str:
    return f"{_PREFIX}:{topic}:{name}"
