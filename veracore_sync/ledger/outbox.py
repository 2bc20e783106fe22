"""The outbox: events, written in the transaction of the change that they report."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.kinds import HOOK_ALERTS, AlertKind, EventKind
from veracore_sync.domain.ledger_records import Blocked, Event, HookRow
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.sql import in_sql
from veracore_sync.overdue import EVENT_REFUSED, HOOK_SILENT
from veracore_sync.ports.hooks import NOTIFY, of_address
from veracore_sync.waits import EVENT, horizon, is_over_sql

_ALERTS_ONLY = frozenset({NOTIFY})
_SHOWN = 20
_BLOCKED_TRIES = 5
_ADDRESSES = "hooks.notify"
_FOR_AN_ADDED_ADDRESS = timedelta(days=1)


class Outbox:
    """The events of one ledger that wait for their hooks.

    Args:
        database: The ledger's.
        clock: The wall clock.
        hooks: The names of the hooks that get events; without any, no event is stored.
    """

    def __init__(self, database: Database, clock: Clock, hooks: Sequence[str]) -> None:
        self._db = database
        self._clock = clock
        self._hooks = tuple(hooks)

    def add(self, kind: EventKind | AlertKind, code: str | None, data: Mapping[str, Any]) -> None:
        """Add an event for every hook, in the open transaction.

        Args:
            kind: The event's type.
            code: The order's code, if it concerns one: an order's events are delivered in order.
            data: The event's data, as JSON values.
        """
        # In the transaction of the change: a crash cannot leave a change without its event, or an
        # event of a change that was rolled back.
        is_alert = kind in (EventKind.ALERT_OPENED, EventKind.ALERT_RESOLVED)
        hooks = [hook for hook in self._hooks if is_alert or hook not in _ALERTS_ONLY]
        if not hooks:
            return
        with self._db.transaction() as connection:
            (seq,) = connection.execute(
                "INSERT INTO events (id, type, code, at, data) VALUES (?, ?, ?, ?, ?) "
                "RETURNING seq",
                (
                    f"evt_{secrets.token_hex(12)}",
                    kind,
                    code,
                    to_text(self._clock.now()),
                    json.dumps(dict(data), ensure_ascii=False),
                ),
            ).fetchone()
            connection.executemany(
                "INSERT INTO deliveries (seq, hook) VALUES (?, ?)",
                [(seq, hook) for hook in hooks],
            )

    # ---- delivering ---------------------------------------------------------------------------

    def share(self, hook: str, others: Sequence[str]) -> None:
        """Add what waits for the hook for these hooks as well, each event once."""
        with self._db.transaction() as connection:
            connection.executemany(
                "INSERT INTO deliveries (seq, hook) SELECT seq, :other FROM deliveries "
                "WHERE hook = :hook AND done_at IS NULL ON CONFLICT DO NOTHING",
                [{"hook": hook, "other": other} for other in others],
            )

    def readdress(self, marks: Sequence[str]) -> None:
        """Let the progress of each address of people follow it to its present place.

        One that was replaced hands on what waits; of what waits for the others, an added one gets
        the last day's. One that comes back goes on where it was, without what is older.

        Args:
            marks: A short mark of each present address.
        """
        stored = self._db.value("SELECT value FROM meta WHERE key = ?", (_ADDRESSES,))
        wanted = json.dumps(list(marks))
        if stored == wanted:
            return
        before = json.loads(stored or wanted)
        with self._db.transaction() as connection:
            places = _places(before)
            self.share(NOTIFY, places[1:])
            came, gone = _moves(before, marks)
            moved = [(places[old], of_address(new + 1)) for new, old in came.items()]
            parked = [(places[old], _parked(before[old])) for old in gone]
            added = [
                (name, _parked(mark))
                for place, (name, mark) in enumerate(zip(_places(marks), marks, strict=True))
                if place not in came
            ]
            for forget, drop, move in _OF_A_HOOK:
                connection.execute(forget, (json.dumps(places),))
                for old, name in parked:
                    # Two addresses may have one mark.
                    connection.execute(drop, (name,))
                    connection.execute(move, (name, old))
                # By way of other names, as two may change their places.
                connection.executemany(move, [(f"to {new}", old) for old, new in moved])
                connection.executemany(move, [(new, f"to {new}") for _, new in moved])
                connection.executemany(move, added)
            now = self._clock.now()
            moments = {"now": to_text(now), "since": to_text(now - _FOR_AN_ADDED_ADDRESS)}
            # Neither left waiting nor failing, as nobody delivers to it.
            connection.executemany(_PARK, [moments | {"hook": name} for _, name in parked])
            connection.execute("DELETE FROM hooks WHERE hook LIKE 'gone %'")
            connection.executemany(_UNPARK, [moments | {"hook": name} for name, _ in added])
            connection.executemany(_ADD_ADDRESS, [moments | {"new": name} for name, _ in added])
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_ADDRESSES, wanted),
            )

    def due(self, hook: str, *, after: int, forced: bool, fresh_only: bool = False) -> Event | None:
        """The oldest event that may be delivered to that hook now, or ``None``.

        An event waits for every earlier event of its order that this hook has not accepted; one
        about an alert of no order, for those about that kind of alert.

        Args:
            hook: The hook's name.
            after: Only events with a higher number.
            forced: Ignore stored waits.
            fresh_only: Only events that were never offered to the hook.
        """
        times = horizon(self._clock.now(), EVENT)
        values = {"hook": hook, "after": after, "forced": forced, "fresh_only": fresh_only}
        row = self._db.row(_DUE, values | times)
        return Event(**{**dict(row), "data": json.loads(row["data"])}) if row else None

    def taken(self, hook: str, seq: int) -> None:
        """The hook accepted that event, so it works."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET done_at = ?, error = NULL WHERE hook = ? AND seq = ?",
                (to_text(self._clock.now()), hook, seq),
            )
            connection.execute("DELETE FROM hooks WHERE hook = ?", (hook,))

    def refused(self, hook: str, seq: int, error: str, again_at: datetime) -> None:
        """The hook refused that event; it and later events of its order wait."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET tries = tries + 1, error = ?, next_attempt_at = ? "
                "WHERE hook = ? AND seq = ?",
                (error, to_text(again_at), hook, seq),
            )

    def blocked(self, hook: str | None = None) -> list[Blocked]:
        """The events that one hook, or any hook, keeps refusing, oldest first.

        A hook that accepts no event at all is left out: it is reported as failing.
        """
        # An event that a wrong clock dated into the future never gets old enough, so twice the
        # tries count as well.
        now = self._clock.now()
        values = {
            "hook": hook,
            "before": to_text(now - EVENT_REFUSED),
            "failing": to_text(now - HOOK_SILENT),
            "tries": _BLOCKED_TRIES,
        }
        return [Blocked(**dict(row)) for row in self._db.rows(_BLOCKED, values)]

    def refusing(self, event_id: str) -> list[str]:
        """The hooks that refused that event."""
        rows = self._db.rows(
            "SELECT d.hook FROM deliveries d JOIN events e USING (seq) "
            "WHERE e.id = ? AND d.done_at IS NULL AND d.tries > 0 ORDER BY d.hook",
            (event_id,),
        )
        return [row["hook"] for row in rows]

    def skip(self, event_id: str, hook: str) -> None:
        """A person decided that this hook never gets that event; the hook's last error stays."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET done_at = ?, error = 'skipped: ' || coalesce(error, '') "
                "WHERE hook = ? AND done_at IS NULL AND tries > 0 "
                "AND seq = (SELECT seq FROM events WHERE id = ?)",
                (to_text(self._clock.now()), hook, event_id),
            )

    def failed(self, hook: str, error: str, again_at: datetime) -> None:
        """The hook as a whole does not work: do not call it before `again_at`."""
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO hooks (hook, failures, failing_since, next_attempt_at, error) "
                "VALUES (?1, 1, ?2, ?3, ?4) ON CONFLICT (hook) DO UPDATE SET "
                "failures = hooks.failures + 1, next_attempt_at = ?3, error = ?4",
                (hook, now, to_text(again_at), error),
            )

    def forget_idle_hooks(self) -> None:
        """Clear the failures of hooks for which no event waits: the failed ones were skipped."""
        with self._db.transaction() as connection:
            connection.execute(
                "DELETE FROM hooks WHERE NOT EXISTS (SELECT 1 FROM deliveries d "
                "WHERE d.hook = hooks.hook AND d.done_at IS NULL)"
            )

    def hook(self, name: str) -> HookRow:
        """The state of that hook."""
        row = self._db.row("SELECT * FROM hooks WHERE hook = ?", (name,))
        return HookRow(**dict(row)) if row else HookRow(name, 0, None, None, None)

    def summary(self) -> dict[str, Any]:
        """For ``stats``: ``waiting``, ``oldestWaiting``, ``failing`` hooks, and the oldest events
        that a hook keeps refusing (``blocked``)."""
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
            "blocked": [one.document() for one in self.blocked()[:_SHOWN]],
        }


def _moves(before: Sequence[str], marks: Sequence[str]) -> tuple[dict[int, int], set[int]]:
    """The former place of each present address that has one, and the places nobody has taken."""
    left, came = dict(enumerate(before)), dict[int, int]()

    def take(new: int, old: int) -> None:
        came[new] = old
        del left[old]

    for new, mark in enumerate(marks):
        old = next((place for place, one in left.items() if one == mark), None)
        if old is not None:
            take(new, old)
    for new in range(len(marks)):
        if left and new not in came:
            take(new, new if new in left else min(left))
    return came, set(left)


def _places(marks: Sequence[str]) -> list[str]:
    """The hooks of so many addresses of people."""
    return [of_address(place) for place in range(1, len(marks) + 1)]


def _parked(mark: str) -> str:
    """Under which name the progress of an address is kept that was taken out."""
    # A process that was not started anew since still delivers to it, and to no other that was
    # added: without its progress, either would get the same again or miss what waits.
    return f"gone {mark}"


_DELIVERIES = (
    # Of addresses that were taken out before their marks were kept.
    "DELETE FROM deliveries WHERE hook LIKE 'notify-%' "
    "AND hook NOT IN (SELECT value FROM json_each(?))",
    "DELETE FROM deliveries WHERE hook = ?",
    "UPDATE deliveries SET hook = ? WHERE hook = ?",
)
_OF_A_HOOK = (_DELIVERIES, tuple(one.replace("deliveries", "hooks") for one in _DELIVERIES))
_PARK = """
UPDATE deliveries SET done_at = :now, error = 'taken out: ' || coalesce(error, '')
WHERE hook = :hook AND done_at IS NULL
"""
_UNPARK = """
UPDATE deliveries SET error = nullif(substr(error, 12), ''), done_at =
    CASE WHEN seq IN (SELECT seq FROM events WHERE at >= :since) THEN NULL ELSE done_at END
WHERE hook = :hook AND error LIKE 'taken out: %'
"""
# What is older is recorded as done, or `Outbox.share` would add it.
_ADD_ADDRESS = """
INSERT INTO deliveries (seq, hook, done_at)
SELECT DISTINCT seq, :new, CASE WHEN e.at < :since THEN :now END
FROM deliveries d JOIN events e USING (seq)
WHERE d.done_at IS NULL AND (d.hook = 'notify' OR d.hook LIKE 'notify-%')
ON CONFLICT DO NOTHING
"""

_DUE = f"""
SELECT e.seq, e.id, e.type, e.code, e.at, e.data, d.tries
FROM deliveries d JOIN events e USING (seq)
WHERE d.hook = :hook AND d.done_at IS NULL AND d.seq > :after
    AND (:forced = 1 OR d.next_attempt_at IS NULL OR {is_over_sql("d.next_attempt_at")})
    AND (d.tries = 0 OR :fresh_only = 0)
    AND NOT EXISTS (
        SELECT 1 FROM deliveries w JOIN events f USING (seq)
        WHERE w.hook = :hook AND w.done_at IS NULL AND w.seq < d.seq AND (f.code = e.code
            OR (e.code IS NULL AND f.code IS NULL
                AND json_extract(f.data, '$.kind') = json_extract(e.data, '$.kind'))))
ORDER BY d.seq LIMIT 1
"""  # noqa: S608 - our own words

_BLOCKED = f"""
SELECT d.hook, e.id, e.type, e.code, e.at, d.tries, d.error, (
    SELECT count(*) FROM deliveries w JOIN events f USING (seq)
    WHERE w.hook = d.hook AND w.done_at IS NULL AND w.seq > d.seq AND f.code = e.code) AS behind
FROM deliveries d JOIN events e USING (seq)
WHERE d.done_at IS NULL AND d.tries >= :tries AND (e.at <= :before OR d.tries >= 2 * :tries)
    AND (CAST(:hook AS TEXT) IS NULL OR d.hook = :hook)
    AND NOT EXISTS (
        SELECT 1 FROM hooks h WHERE h.hook = d.hook AND h.failing_since <= :failing)
    AND coalesce(json_extract(e.data, '$.kind'), '') NOT IN ({in_sql(HOOK_ALERTS)})
ORDER BY d.seq, d.hook
"""  # noqa: S608 - a constant
