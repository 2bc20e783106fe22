"""Figures for reports and metrics; only reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from veracore_sync.clock import to_text
from veracore_sync.domain.audit import Actor, AuditEntry
from veracore_sync.domain.ledger_records import LastRun, PastAlert, RunHistory
from veracore_sync.domain.order_records import HistoryEntry
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.sql import as_list

SUCCEEDED = "(exit_code = 0 OR (exit_code = 3 AND json_extract(result, '$.errorClass') IS NULL))"
"""A run that did its work. Exit 3 also reports something new to a person; with an error class,
that is what ended the run."""
_LOCK_HELD = 75
"""The exit code of a run that found its job locked and did nothing."""
WAITING = "('pending', 'sending', 'in_doubt', 'failed')"
"""States that an order leaves without a person."""


class Reporting:
    """The figures of one ledger."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def alerts_of(self, code: str) -> list[PastAlert]:
        """The newest alert of each kind that an order ever had, oldest first."""
        found = self._db.rows(
            "SELECT kind, message, opened_at, resolved_at FROM alerts WHERE code = ? "
            "ORDER BY opened_at, key",
            (code,),
        )
        return [PastAlert(*row) for row in found]

    def history_of(self, code: str) -> list[HistoryEntry]:
        """What happened to an order and is said by no other row, as recorded."""
        rows = self._db.rows(
            "SELECT at, event, message FROM history WHERE code = ? ORDER BY id", (code,)
        )
        return [HistoryEntry(*row) for row in rows]

    def acts_on(self, target: str) -> list[AuditEntry]:
        """Who acted on that through the Admin API or its page, oldest first."""
        rows = self._db.rows(
            "SELECT at, who, way, address, action, target, outcome, ended_at FROM audit "
            "WHERE target = ? ORDER BY id",
            (target,),
        )
        return [
            AuditEntry(row[0], Actor(row[1], row[2], row[3]), row[4], row[5], row[6], row[7])
            for row in rows
        ]

    def differences_ended(self, name: str) -> list[tuple[str, str, str]]:
        """What differed about an order and does no more: the type, since when and until when."""
        rows = self._db.rows(
            "SELECT type, first_seen_at, ended_at FROM differences "
            "WHERE ended_at IS NOT NULL AND name = ? ORDER BY ended_at",
            (name,),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def alerts_by_kind(self) -> dict[str, int]:
        """How many alerts of each kind are open; includes kinds of which all are resolved."""
        found = self._db.rows(
            "SELECT kind, count(*) - count(resolved_at) FROM alerts GROUP BY kind ORDER BY kind"
        )
        return {row[0]: row[1] for row in found}

    def waiting_since(self) -> str | None:
        """When the order that has waited longest was first seen (a UTC text)."""
        since: str | None = self._db.value(
            f"SELECT min(created_at) FROM orders WHERE state IN {WAITING}"  # noqa: S608
        )
        return since

    def outbox_waiting(self) -> dict[str, int]:
        """How many events wait for each hook; hooks without any are left out."""
        found = self._db.rows(
            "SELECT hook, count(*) FROM deliveries WHERE done_at IS NULL "
            "GROUP BY hook ORDER BY hook"
        )
        return {row[0]: row[1] for row in found}

    def last_runs(self, now: datetime) -> list[LastRun]:
        """The last finished run of each command, without runs that found their job locked.

        Args:
            now: The current time (UTC); runs that ended later are ignored.
        """
        # A success that a wrong clock put into the future would hide for years that nothing runs.
        found = (
            self._db.row(_LAST_RUN, (row["command"], to_text(now)))
            for row in self._db.rows("SELECT DISTINCT command FROM runs ORDER BY command")
        )
        return [LastRun(*row) for row in found if row is not None]

    def run_history(self, command: str, now: datetime | None = None) -> RunHistory:
        """How the runs of a command went, including those that found their job locked.

        Args:
            command: As typed.
            now: The current time (UTC); successes that lie later are ignored, as in `last_runs`.
                ``None``: ignore none.
        """
        until = to_text(now) if now else "9999"
        first_at = self._db.value(
            "SELECT started_at FROM runs WHERE command = ?1 AND started_at <= ?2 "
            "ORDER BY id LIMIT 1",
            (command, until),
        )
        succeeded_at = self._db.value(
            f"SELECT ended_at FROM runs WHERE command = ?1 AND {SUCCEEDED} "  # noqa: S608
            "AND ended_at <= ?2 ORDER BY id DESC LIMIT 1",
            (command, until),
        )
        newest = self._db.row(
            f"SELECT started_at, ended_at, exit_code, result, {SUCCEEDED} AS succeeded "  # noqa: S608
            "FROM runs WHERE command = ? ORDER BY id DESC LIMIT 1",
            (command,),
        )
        if newest is None or newest["succeeded"]:
            return RunHistory(first_at, succeeded_at)
        result = json.loads(newest["result"] or "{}")
        return RunHistory(
            first_at,
            succeeded_at,
            newest["ended_at"] or newest["started_at"],
            newest["exit_code"],
            result.get("error") or result.get("errorClass") or "",
        )

    def days(self, since: str) -> list[dict[str, Any]]:
        """The runs of each day (UTC) and command since that day (``YYYY-MM-DD``).

        `well` also counts exit 3 and 75: a person was notified, or another run had the job.
        """
        rows = self._db.rows(
            "SELECT substr(started_at, 1, 10) AS day, command, "
            "count(CASE WHEN exit_code IN (0, 3, 75) THEN 1 END) AS well, "
            "count(CASE WHEN exit_code NOT IN (0, 3, 75) THEN 1 END) AS failed "
            "FROM runs WHERE started_at >= ? AND exit_code IS NOT NULL GROUP BY day, command "
            "ORDER BY day, command",
            (since,),
        )
        return [dict(row) for row in rows]

    def codes_beginning(self, text: str, states: Sequence[str], limit: int) -> list[str]:
        """Codes of orders that begin so, newest first.

        Args:
            text: How they begin; empty for any.
            states: Only of orders in these; empty for any.
            limit: At most so many.
        """
        rows = self._db.rows(
            "SELECT code FROM orders WHERE substr(code, 1, length(?1)) = ?1 "
            "AND (?2 = '[]' OR state IN (SELECT value FROM json_each(?2))) "
            "ORDER BY created_at DESC, code LIMIT ?3",
            (text, as_list(states), limit),
        )
        return [row["code"] for row in rows]

    def skus_beginning(self, text: str, limit: int) -> list[str]:
        """SKUs that begin so, of those that both sides have had."""
        rows = self._db.rows(
            "SELECT DISTINCT sku FROM stock_skus WHERE substr(sku, 1, length(?1)) = ?1 "
            "ORDER BY sku LIMIT ?2",
            (text, limit),
        )
        return [row["sku"] for row in rows]


_LAST_RUN = f"""
SELECT command, started_at, ended_at, exit_code, (SELECT ended_at FROM runs
    WHERE command = ?1 AND {SUCCEEDED} AND ended_at <= ?2 ORDER BY id DESC LIMIT 1)
    AS succeeded_at
FROM runs WHERE command = ?1 AND exit_code <> {_LOCK_HELD} AND ended_at <= ?2
ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - constants
