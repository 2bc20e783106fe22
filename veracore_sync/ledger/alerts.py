"""Alerts: what a person has to look at, opened once and resolved once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from veracore_sync.clock import Clock, to_text
from veracore_sync.ledger.database import Database


@dataclass(frozen=True, slots=True)
class Alert:
    """A standing trouble. `code` is the order's, where it concerns one; times are UTC texts."""

    key: str
    kind: str
    code: str | None
    message: str
    opened_at: str


class Alerts:
    """The open and the resolved alerts of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def open(self, kind: str, message: str, *, code: str | None = None) -> bool:
        """Open the alert of this kind (for this order).

        Args:
            kind: For example ``order.parked``.
            message: One sentence, without personal data.
            code: The order's code.

        Returns:
            Whether it is new: it was not open already.
        """
        key = f"{kind}:{code or ''}"
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            known = connection.execute(
                "SELECT resolved_at FROM alerts WHERE key = ?", (key,)
            ).fetchone()
            if known is not None and known["resolved_at"] is None:
                connection.execute("UPDATE alerts SET message = ? WHERE key = ?", (message, key))
                return False
            connection.execute(
                "INSERT INTO alerts (key, kind, code, message, opened_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET message = excluded.message, "
                "opened_at = excluded.opened_at, resolved_at = NULL",
                (key, kind, code, message, now),
            )
        return True

    def resolve(self, kind: str, *, code: str | None = None) -> bool:
        """Close the alert of this kind (for this order); whether it was open."""
        with self._db.transaction() as connection:
            changed = connection.execute(
                "UPDATE alerts SET resolved_at = ? WHERE key = ? AND resolved_at IS NULL",
                (to_text(self._clock.now()), f"{kind}:{code or ''}"),
            )
        return changed.rowcount > 0

    def resolve_order(self, code: str, *, keep: Collection[str] = ()) -> None:
        """Close every alert of an order, but those of the kinds in `keep`: it has moved on."""
        marks = ", ".join("?" * len(keep))
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE alerts SET resolved_at = ? "  # noqa: S608 - question marks
                f"WHERE code = ? AND resolved_at IS NULL AND kind NOT IN ({marks})",
                (to_text(self._clock.now()), code, *keep),
            )

    def standing(self) -> list[Alert]:
        """The open alerts, oldest first."""
        found = self._db.rows(
            "SELECT key, kind, code, message, opened_at FROM alerts "
            "WHERE resolved_at IS NULL ORDER BY opened_at, key"
        )
        return [Alert(*row) for row in found]
