"""The outbox: events, written in the transaction of the change that they tell of."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.ledger.database import Database
from veracore_sync.waits import EVENT, horizon, is_over_sql


@dataclass(frozen=True, slots=True)
class Event:
    """An event that waits for a hook. `tries` are the failed ones."""

    seq: int
    id: str
    type: str
    code: str | None
    at: str
    data: Mapping[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class HookRow:
    """How a hook does: failures in a row, and until when it is left alone (UTC texts)."""

    hook: str
    failures: int
    failing_since: str | None
    next_attempt_at: str | None
    error: str | None


_ALERTS_ALONE = frozenset({"notify"})


class Outbox:
    """The events of one ledger that wait for their hooks.

    Args:
        database: The ledger's.
        clock: The wall clock.
        hooks: The names of the hooks that get events; without any, no event is kept.
    """

    def __init__(self, database: Database, clock: Clock, hooks: Sequence[str]) -> None:
        self._db = database
        self._clock = clock
        self._hooks = tuple(hooks)

    def add(self, kind: str, code: str | None, data: Mapping[str, Any]) -> None:
        """Write an event, in the transaction that is open.

        Args:
            kind: For example ``order.synced`` (docs/events.md).
            code: The order's code, where it concerns one: its events are delivered in order.
            data: What happened, as JSON values.
        """
        is_alert = kind.startswith("alert.")
        hooks = [hook for hook in self._hooks if is_alert or hook not in _ALERTS_ALONE]
        if not hooks:
            return
        with self._db.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO events (id, type, code, at, data) VALUES (?, ?, ?, ?, ?)",
                (
                    f"evt_{secrets.token_hex(12)}",
                    kind,
                    code,
                    to_text(self._clock.now()),
                    json.dumps(dict(data), ensure_ascii=False),
                ),
            )
            connection.executemany(
                "INSERT INTO deliveries (seq, hook) VALUES (?, ?)",
                [(cursor.lastrowid, hook) for hook in hooks],
            )

    # ---- delivering ---------------------------------------------------------------------------

    def due(self, hook: str, *, after: int, forced: bool) -> Event | None:
        """The oldest event that may be delivered to that hook now, or ``None``.

        An event waits for every earlier one of its order that this hook has not taken.

        Args:
            hook: Its name.
            after: Only events behind that number.
            forced: Stored waits do not count.
        """
        times = horizon(self._clock.now(), EVENT)
        row = self._db.row(_DUE, {"hook": hook, "after": after, "forced": forced, **times})
        return Event(**{**dict(row), "data": json.loads(row["data"])}) if row else None

    def taken(self, hook: str, seq: int) -> None:
        """The hook took that event; it works."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET done_at = ?, error = NULL WHERE hook = ? AND seq = ?",
                (to_text(self._clock.now()), hook, seq),
            )
            connection.execute("DELETE FROM hooks WHERE hook = ?", (hook,))

    def refused(self, hook: str, seq: int, error: str, again_at: datetime) -> None:
        """The hook did not take that event; it and what follows of its order wait."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET tries = tries + 1, error = ?, next_attempt_at = ? "
                "WHERE hook = ? AND seq = ?",
                (error, to_text(again_at), hook, seq),
            )

    def failed(self, hook: str, error: str, again_at: datetime) -> None:
        """The hook as a whole does not work: it is left alone until then."""
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO hooks (hook, failures, failing_since, next_attempt_at, error) "
                "VALUES (?1, 1, ?2, ?3, ?4) ON CONFLICT (hook) DO UPDATE SET "
                "failures = failures + 1, next_attempt_at = ?3, error = ?4",
                (hook, now, to_text(again_at), error),
            )

    def hook(self, name: str) -> HookRow:
        """How that hook does."""
        row = self._db.row("SELECT * FROM hooks WHERE hook = ?", (name,))
        return HookRow(**dict(row)) if row else HookRow(name, 0, None, None, None)

    def summary(self) -> dict[str, Any]:
        """What waits, for ``stats``: ``waiting``, ``oldestWaiting``, and the hooks that fail."""
        row = self._db.rows(
            "SELECT count(*), min(e.at) FROM deliveries d JOIN events e USING (seq) "
            "WHERE d.done_at IS NULL"
        )[0]
        hooks = self._db.rows("SELECT * FROM hooks ORDER BY hook")
        return {
            "waiting": row[0],
            "oldestWaiting": row[1],
            "failing": [
                {"hook": one["hook"], "since": one["failing_since"], "error": one["error"]}
                for one in hooks
            ],
        }


_DUE = f"""
SELECT e.seq, e.id, e.type, e.code, e.at, e.data, d.tries
FROM deliveries d JOIN events e USING (seq)
WHERE d.hook = :hook AND d.done_at IS NULL AND d.seq > :after
    AND (:forced OR d.next_attempt_at IS NULL OR {is_over_sql("d.next_attempt_at")})
    AND (e.code IS NULL OR NOT EXISTS (
        SELECT 1 FROM deliveries w JOIN events f USING (seq)
        WHERE w.hook = :hook AND w.done_at IS NULL AND w.seq < d.seq AND f.code = e.code))
ORDER BY d.seq LIMIT 1
"""  # noqa: S608 - our own words
