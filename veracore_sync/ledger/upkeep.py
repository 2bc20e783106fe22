"""Maintenance of the ledger: check, backup, prune, export, and times left by a wrong clock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.ledger_records import Ahead
from veracore_sync.domain.returns import FORGOTTEN_TO, LISTED_FROM
from veracore_sync.domain.states import OrderState
from veracore_sync.ledger.ahead import ahead, kinds
from veracore_sync.ledger.database import Database, StoredRow
from veracore_sync.ledger.reporting import SUCCEEDED
from veracore_sync.ledger.sql import IN_LIST, as_list, in_sql

_AT_ONCE = 5000
_EXPORTED_AT_ONCE = 500
_CODES_AT_ONCE = 50_000
_ORDERS_OF, _ATTEMPTS_OF = (
    f"SELECT * FROM {table} WHERE code {IN_LIST} ORDER BY {order}"  # noqa: S608 - constants
    for table, order in (("orders", "created_at, code"), ("attempts", "attempt"))
)
_ENDED = (OrderState.SHIPPED, OrderState.CANCELLED, OrderState.SKIPPED)
_OLD = {
    # Each command's last success stays: without it, a job that stopped long ago would look as if it
    # had never been used, and would not be reported.
    "runs": "DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE started_at < ? "  # noqa: S608
    f"AND id NOT IN (SELECT max(id) FROM runs WHERE {SUCCEEDED} GROUP BY command) "
    "LIMIT ?)",
    "alerts": "DELETE FROM alerts WHERE key IN "
    "(SELECT key FROM alerts WHERE resolved_at < ? LIMIT ?)",
    "events": "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < ? LIMIT ?)",
    "audit": "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? LIMIT ?)",
    "history": "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE at < ? LIMIT ?)",
    "differences": "DELETE FROM differences WHERE (type, name, detail) IN "
    "(SELECT type, name, detail FROM differences WHERE ended_at < ? LIMIT ?)",
    # The comparison of an order that is open, or ended a moment ago, saves a look-up.
    "agreed": "DELETE FROM agreed WHERE code IN (SELECT a.code FROM agreed a "  # noqa: S608
    "LEFT JOIN orders o ON o.code = a.code WHERE a.at < ?1 AND (o.code IS NULL "
    f"OR (o.state IN ({in_sql(_ENDED)}) AND o.updated_at < ?1)) LIMIT ?2)",
}

# Equal receipts are numbered, so none goes before all have their notes.
_OLD_RECEIPTS = (
    "DELETE FROM receipts WHERE id IN (SELECT id FROM receipts old WHERE seen_at < ? "  # noqa: S608
    f"AND day <= (SELECT value FROM meta WHERE key = '{FORGOTTEN_TO}') AND NOT EXISTS (SELECT 1 "
    "FROM receipts same WHERE same.key = old.key AND same.note IN ('wanted', 'asked')) LIMIT ?)"
)


class Upkeep:
    """Maintenance of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def check(self) -> list[str]:
        """The problems of the ledger's storage; empty if there are none.

        Raises:
            LedgerError: It is too damaged to be checked.
        """
        return self._db.check()

    def check_in_place(self) -> None:
        """Check that the next process reads what this one writes.

        Raises:
            LedgerError: The ledger was moved, removed or replaced.
        """
        self._db.check_in_place()

    def backup(self, target: Path) -> int:
        """Copy a consistent snapshot while others write; returns its size in bytes.

        Raises:
            LedgerError: It cannot be read or written, or `target` exists.
        """
        return self._db.backup(target)

    def prune(self, before: datetime) -> dict[str, int]:
        """Delete what ended or was recorded before that time (UTC); returns how many of each."""
        # Orders and their attempts stay: without them an old order would be sent again.
        moment = to_text(before)
        gone = {name: self._delete(statement, moment) for name, statement in _OLD.items()}
        return gone | {"receipts": self._delete_receipts(moment)}

    def _delete_receipts(self, moment: str) -> int:
        # A receipt that may be listed again must be known, or it would be reported again. Those of
        # the days that the last complete run listed stay; which days went is noted, in case
        # `returns.lookback_days` is raised later.
        with self._db.transaction() as connection:
            last = connection.execute(
                "SELECT max(day) FROM receipts WHERE seen_at < ?1 AND note NOT IN ('wanted', "
                "'asked') AND day < coalesce((SELECT value FROM meta WHERE key = ?2), '')",
                (moment, LISTED_FROM),
            ).fetchone()[0]
            if last is None:
                return 0
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET "
                "value = max(meta.value, excluded.value)",
                (FORGOTTEN_TO, last),
            )
        return self._delete(_OLD_RECEIPTS, moment)

    def _delete(self, statement: str, moment: str) -> int:
        # In small transactions, so that a run that writes meanwhile does not wait for all of them.
        gone = 0
        while True:
            with self._db.transaction() as connection:
                count = connection.execute(statement, (moment, _AT_ONCE)).rowcount
            gone += count
            if count < _AT_ONCE:
                return gone

    def export(self) -> Iterator[str]:
        """Every order with its attempts, one JSON object per line."""
        for codes in self._codes():
            for first in range(0, len(codes), _EXPORTED_AT_ONCE):
                yield from self._exported(codes[first : first + _EXPORTED_AT_ONCE])

    def _codes(self) -> Iterator[list[str]]:
        """The codes of all orders, oldest first; so many at once that few sorts find them."""
        after = ("", "")
        while True:
            rows = self._db.rows(
                "SELECT created_at, code FROM orders WHERE (created_at, code) > (?, ?) "
                "ORDER BY created_at, code LIMIT ?",
                (*after, _CODES_AT_ONCE),
            )
            yield [row["code"] for row in rows]
            if len(rows) < _CODES_AT_ONCE:
                return
            after = rows[-1]["created_at"], rows[-1]["code"]

    def _exported(self, codes: list[str]) -> Iterator[str]:
        some = (as_list(codes),)
        attempts: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for attempt in self._db.rows(_ATTEMPTS_OF, some):
            attempts[attempt["code"]].append(_attempt(attempt))
        for order in self._db.rows(_ORDERS_OF, some):
            document = dict(order) | {"attempts": attempts[order["code"]]}
            yield json.dumps(document, ensure_ascii=False)

    def moments_ahead(
        self, *, cooldown: timedelta, grace: timedelta, order_wait: timedelta
    ) -> Iterator[Ahead]:
        """The stored times that lie further ahead than a correct clock puts them.

        Args:
            cooldown: How long a breaker stays open, before jitter.
            grace: How long an order in doubt waits for its second look-up.
            order_wait: How long any other order waits at most.
        """
        waits = kinds(cooldown=cooldown, grace=grace, order_wait=order_wait)
        return ahead(self._db, waits, self._clock.now())


def _attempt(row: StoredRow) -> dict[str, Any]:
    return dict(row) | {name: json.loads(row[name] or "null") for name in ("lines", "facets")}
