"""Alerts: what needs a person, opened once and resolved once."""

from __future__ import annotations

from collections.abc import Collection

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.kinds import AlertKind, EventKind
from veracore_sync.domain.ledger_records import Alert
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.outbox import Outbox


class Alerts:
    """The open and resolved alerts of one ledger; each change is an event."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._db = database
        self._outbox = outbox
        self._clock = clock

    def open(
        self,
        kind: AlertKind,
        message: str,
        *,
        code: str | None = None,
        about: str = "",
        again: bool = False,
    ) -> bool:
        """Open the alert of this kind, for an order or something else.

        Args:
            kind: The kind.
            message: One sentence, without personal data.
            code: The order's code.
            about: What the alert is about if not an order, for example a hook's name.
            again: Resolve it first if it is open, so that it is reported again.

        Returns:
            Whether it is new, that is, was not open already.
        """
        key = f"{kind}:{code or about}"
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            if again:
                self.resolve(kind, code=code, about=about)
            known = connection.execute(
                "SELECT resolved_at FROM alerts WHERE key = ?", (key,)
            ).fetchone()
            if known is not None and known["resolved_at"] is None:
                connection.execute(
                    "UPDATE alerts SET message = ? WHERE key = ? AND message <> ?",
                    (message, key, message),
                )
                return False
            connection.execute(
                "INSERT INTO alerts (key, kind, code, message, opened_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET message = excluded.message, "
                "opened_at = excluded.opened_at, resolved_at = NULL",
                (key, kind, code, message, now),
            )
            payload = {"vendureOrderCode": code, "message": message, "openedAt": now}
            if kind.is_event:
                self._outbox.add(kind, code, payload)
            self._outbox.add(EventKind.ALERT_OPENED, code, {"kind": kind, **payload})
        return True

    def is_open(self, kind: AlertKind, *, code: str) -> bool:
        """Whether the alert of this kind is open for that order."""
        key = f"{kind}:{code}"
        found = self._db.row("SELECT 1 FROM alerts WHERE key = ? AND resolved_at IS NULL", (key,))
        return found is not None

    def resolve(self, kind: str, *, code: str | None = None, about: str = "") -> bool:
        """Resolve the alert of this kind, for that order or thing; returns whether it was open."""
        return self._resolve("key = ?", (f"{kind}:{code or about}",)) > 0

    def resolve_order(self, code: str, *, keep: Collection[str] = ()) -> None:
        """Resolve the alerts of an order except the kinds in `keep`, because its state changed."""
        marks = ", ".join("?" * len(keep))
        self._resolve(f"code = ? AND kind NOT IN ({marks})", (code, *keep))

    def _resolve(self, where: str, values: tuple[str, ...]) -> int:
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            closed = connection.execute(
                "UPDATE alerts SET resolved_at = ? "  # noqa: S608 - our own words
                f"WHERE resolved_at IS NULL AND {where} RETURNING kind, code, opened_at",
                (now, *values),
            ).fetchall()
            for kind, code, opened_at in closed:
                payload = {"kind": kind, "vendureOrderCode": code, "openedAt": opened_at}
                self._outbox.add(EventKind.ALERT_RESOLVED, code, {**payload, "resolvedAt": now})
        return len(closed)

    def count_from_now(self, alert: Alert) -> None:
        """Set the opening time of an alert, which lies in the future, to now."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE alerts SET opened_at = ? WHERE key = ?",
                (to_text(self._clock.now()), alert.key),
            )

    def standing(self) -> list[Alert]:
        """The open alerts, oldest first."""
        found = self._db.rows(
            "SELECT key, kind, code, message, opened_at FROM alerts "
            "WHERE resolved_at IS NULL ORDER BY opened_at, key"
        )
        return [Alert(*row) for row in found]
