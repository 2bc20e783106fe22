"""The audit trail: a row for each action, written before it is done."""

from __future__ import annotations

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.audit import Actor, AuditEntry
from veracore_sync.ledger.database import Database

_LONGEST_TARGET = 200


class Audit:
    """The audit trail of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def begin(self, actor: Actor, action: str, target: str | None) -> int:
        """Record an action before it is done; returns its number."""
        with self._db.transaction() as connection:
            row = connection.execute(
                "INSERT INTO audit (at, who, way, address, action, target) "
                "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                (
                    to_text(self._clock.now()),
                    actor.who,
                    actor.way,
                    actor.address,
                    action,
                    target[:_LONGEST_TARGET] if target else None,
                ),
            ).fetchone()
        return int(row[0])

    def end(self, id: int, *, success: bool) -> None:
        """Record how an action ended; the first word about it counts."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE audit SET outcome = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL",
                ("done" if success else "failed", to_text(self._clock.now()), id),
            )

    def latest(self, limit: int) -> list[AuditEntry]:
        """The actions, newest first."""
        rows = self._db.rows("SELECT * FROM audit ORDER BY id DESC LIMIT ?", (limit,))
        return [
            AuditEntry(
                at=row["at"],
                actor=Actor(row["who"], row["way"], row["address"]),
                action=row["action"],
                target=row["target"],
                outcome=row["outcome"],
                ended_at=row["ended_at"],
            )
            for row in rows
        ]
