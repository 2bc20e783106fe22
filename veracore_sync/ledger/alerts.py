"""Alerts: what needs a person, opened once and resolved once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.kinds import ACCEPTABLE, AlertKind, EventKind
from veracore_sync.domain.ledger_records import AcceptedAlert, Alert
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.history import History
from veracore_sync.ledger.outbox import Outbox
from veracore_sync.ledger.sql import IN_LIST, as_list


class Alerts:
    """The open and resolved alerts of one ledger; each change is an event."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._db = database
        self._outbox = outbox
        self._clock = clock
        self._history = History(database, clock)

    def open(
        self,
        kind: AlertKind,
        message: str,
        *,
        code: str | None = None,
        about: str = "",
        again: bool = False,
        difference: str | None = None,
    ) -> bool:
        """Open the alert of this kind, for an order or something else.

        It is not opened for a difference that a person has accepted.

        Args:
            kind: The kind.
            message: One sentence, without personal data.
            code: The order's code.
            about: What the alert is about if not an order (a hook's name, for example), or which of
                several alerts of this kind that the order may have.
            again: Resolve it first if it is open, so that it is reported again.
            difference: What is reported, if the message also says other things (times, errors) or
                says too little; ``None``: the message.

        Returns:
            Whether it is new, that is, was not open already.
        """
        key = _key(kind, code, about)
        now = to_text(self._clock.now())
        what = message if difference is None else difference
        with self._db.transaction() as connection:
            if again:
                self._resolve("key = ?", (key,))
            if self._is_accepted(key, what):
                self._resolve("key = ?", (key,))
                return False
            known = connection.execute(
                "SELECT message, opened_at, resolved_at FROM alerts WHERE key = ?", (key,)
            ).fetchone()
            if known is not None and known["resolved_at"] is None:
                connection.execute(
                    "UPDATE alerts SET message = ?1, difference = ?2 WHERE key = ?3 "
                    "AND (message <> ?1 OR difference IS NOT ?2)",
                    (message, what, key),
                )
                return False
            if known is not None and code is not None:
                # The row is about the newest one alone.
                self._history.add(
                    code, "alert", f"alert {kind}: {known['message']}", known["opened_at"]
                )
                self._history.add(
                    code, "resolved", f"alert {kind} is resolved", known["resolved_at"]
                )
            connection.execute(
                "INSERT INTO alerts (key, kind, code, message, opened_at, difference) "
                "VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET message = excluded.message, "
                "opened_at = excluded.opened_at, difference = excluded.difference, "
                "resolved_at = NULL",
                (key, kind, code, message, now, what),
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
        """Resolve the alert of this kind, for that order or thing; returns whether it was open.

        Its reason has ended, so what a person accepted of it counts no more: if it comes back, it
        is reported.
        """
        key = _key(kind, code, about)
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM accepted WHERE key = ?", (key,))
            return self._resolve("key = ?", (key,)) > 0

    def accept(
        self, code: str | None, reason: str, kinds: Collection[AlertKind] = ACCEPTABLE
    ) -> list[Alert]:
        """Resolve open alerts, because a person accepts what they report.

        None of them is opened again for the same difference, until it has ended.

        Args:
            code: The order's code; ``None``: alerts that concern no order.
            reason: The person's, kept with the difference.
            kinds: Only alerts of these kinds.

        Returns:
            The alerts that were open.
        """
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            chosen = [one for one in self.standing() if one.code == code and one.kind in kinds]
            for alert in chosen:
                connection.execute(
                    "INSERT INTO accepted (key, difference, kind, code, reason, "
                    "accepted_at) SELECT key, coalesce(difference, message), kind, code, ?, ? "
                    "FROM alerts WHERE key = ? ON CONFLICT (key, difference) DO UPDATE SET "
                    "kind = excluded.kind, code = excluded.code, reason = excluded.reason, "
                    "accepted_at = excluded.accepted_at",
                    (reason, now, alert.key),
                )
                self._resolve("key = ?", (alert.key,))
                if code is not None:
                    self._history.add(code, "accepted", f"alert {alert.kind}: {reason}")
        return chosen

    def accepted(self, code: str) -> list[AcceptedAlert]:
        """What a person has accepted of an order, oldest first."""
        found = self._db.rows(
            "SELECT kind, difference, reason, accepted_at FROM accepted WHERE code = ? "
            "ORDER BY accepted_at, key, difference",
            (code,),
        )
        return [AcceptedAlert(*row) for row in found]

    def accepted_of(self, codes: Sequence[str]) -> dict[str, list[AcceptedAlert]]:
        """The same of these orders, by code; only of those with any."""
        found: dict[str, list[AcceptedAlert]] = {}
        rows = self._db.rows(
            "SELECT code, kind, difference, reason, accepted_at FROM accepted "  # noqa: S608
            f"WHERE code {IN_LIST} ORDER BY code, accepted_at, key, difference",
            (as_list(codes),),
        )
        for code, *values in rows:
            found.setdefault(code, []).append(AcceptedAlert(*values))
        return found

    def _is_accepted(self, key: str, difference: str) -> bool:
        found = self._db.row(
            "SELECT 1 FROM accepted WHERE key = ? AND difference = ?", (key, difference)
        )
        return found is not None

    def resolve_order(self, code: str, *, keep: Collection[str] = ()) -> None:
        """Resolve the alerts of an order except the kinds in `keep`, because its state changed."""
        self._resolve(f"code = ? AND kind NOT {IN_LIST}", (code, as_list(keep)))

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


def _key(kind: str, code: str | None, about: str) -> str:
    return ":".join((kind, code or about, *([about] if code and about else [])))
