"""What the ledger remembers of SKUs, and what the warehouse holds of the shop's orders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.ledger.database import Database, Row
from veracore_sync.ledger.orders import Sent
from veracore_sync.ledger.staging import Staging

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Held:
    """An order that the warehouse took.

    Args:
        code: The order's code in the shop.
        lines: Offers and units that it took.
        sent_at: When the order was read for sending; ``None`` where a look-up found it.
        seen_at: Since when the warehouse's available stock is without these units; ``None`` while
            that is not known.
        is_whole: The warehouse does not tell what it holds: all of it.
    """

    code: str
    lines: Sent
    sent_at: str | None
    seen_at: str | None
    is_whole: bool = False

    def is_unseen(self, stock_read_at: str) -> bool:
        """Whether a read of the stock that began then may still have counted these units."""
        return self.seen_at is None or self.seen_at >= stock_read_at


class StockBook(Staging):
    """Staging and memory of one ledger; for one thread.

    Args:
        database: The ledger's.
        clock: The wall clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock

    # ---- what is remembered -------------------------------------------------------------------

    def new_names(self, state: str, limit: int) -> tuple[int, list[str]]:
        """How many staged variants are of that kind and were not so before; some of their SKUs."""
        new = (
            "FROM temp.stage_variants v LEFT JOIN stock_skus k ON k.key = v.key "
            "WHERE v.kind = ?1 AND k.state IS NOT ?1"
        )
        count = int(self._db.value(f"SELECT count(DISTINCT v.key) {new}", (state,)))
        rows = self._db.rows(
            f"SELECT min(v.sku) {new} GROUP BY v.key ORDER BY 1 LIMIT ?2",
            (state, limit),
        )
        return count, [row[0] for row in rows]

    def remember(self, *, complete: bool) -> None:
        """Keep what was matched, unknown and ambiguous; after a complete read also what lacked."""
        with self._db.transaction() as connection:
            connection.execute(_REMEMBER_KNOWN)
            for state in ("unknown", "ambiguous"):
                connection.execute(_REMEMBER_STATE, (state,))
            if complete:
                connection.execute(_REMEMBER_MISSING)

    # ---- what the warehouse holds -------------------------------------------------------------

    def held(self, codes: Sequence[str], since: datetime, *, processed_only: bool) -> list[Held]:
        """What the warehouse holds of these orders, and every order that it took since then.

        Args:
            codes: Orders of the shop.
            since: When the read of the stock began.
            processed_only: Its stock is without an order's units only once it was seen processed;
                then every order that was not is among them too.
        """
        found: dict[str, Held] = {}
        for start in range(0, len(codes), _CHUNK):
            part = codes[start : start + _CHUNK]
            marks = ", ".join("?" * len(part))
            where = f"o.state IN ('synced', 'shipped') AND a.code IN ({marks})"
            self._collect(found, where + " AND a.attempt = o.attempt", part, processed_only)
        if processed_only:
            where = "o.state = 'synced' AND a.attempt = o.attempt AND p.processed_at IS NULL"
            self._collect(found, where, (), processed_only)
        self._collect(found, "a.ended_at >= ?", (to_text(since),), processed_only)
        return list(found.values())

    def _collect(
        self, found: dict[str, Held], where: str, values: Sequence[str], processed_only: bool
    ) -> None:
        for row in self._db.rows(f"{_HELD} AND {where}", values):
            found[row["code"]] = _held(row, processed_only)

    def unprocessed(self, limit: int) -> list[tuple[str, str]]:
        """(code, VeraCore id) of orders not yet seen processed, longest not looked up first.

        One that never was has waited since VeraCore took it.
        """
        rows = self._db.rows(
            "SELECT o.code, o.veracore_id FROM orders o LEFT JOIN stock_processed p USING (code) "
            "WHERE o.state = 'synced' AND o.veracore_id IS NOT NULL AND p.processed_at IS NULL "
            "ORDER BY coalesce(p.looked_at, o.last_successful_sync, o.created_at), "
            "p.looked_at IS NOT NULL, o.code LIMIT ?",
            (limit,),
        )
        return [(row[0], row[1]) for row in rows]

    def looked(self, code: str, *, processed: bool) -> None:
        """A look-up showed whether the order was processed."""
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO stock_processed VALUES (?, ?, ?) ON CONFLICT (code) DO UPDATE SET "
                "looked_at = excluded.looked_at, processed_at = excluded.processed_at",
                (code, now, now if processed else None),
            )


_REMEMBER_KNOWN = """
INSERT INTO stock_skus (key, sku, state) SELECT v.part, v.sku, 'known'
FROM temp.stage_variants v WHERE v.kind = 'plain' AND v.part IN (SELECT part FROM temp.stage_stock)
ON CONFLICT (key) DO UPDATE SET state = 'known', missing = 0, sku = excluded.sku
WHERE state <> 'known' OR missing <> 0
"""
_REMEMBER_STATE = """
INSERT INTO stock_skus (key, sku, state) SELECT v.key, min(v.sku), v.kind
FROM temp.stage_variants v WHERE v.kind = ? GROUP BY v.key
ON CONFLICT (key) DO UPDATE SET state = excluded.state, missing = 0 WHERE state <> excluded.state
"""
_REMEMBER_MISSING = """
UPDATE stock_skus SET missing = missing + 1 WHERE state = 'known'
AND key IN (SELECT part FROM temp.stage_variants WHERE kind IN ('plain', 'missing'))
AND key NOT IN (SELECT part FROM temp.stage_stock)
"""
_HELD = """
SELECT a.code, a.lines, a.payload_hash, a.started_at, a.ended_at, o.state, o.updated_at,
    p.processed_at
FROM attempts a JOIN orders o USING (code) LEFT JOIN stock_processed p USING (code)
WHERE a.outcome = 'accepted'
"""


def _held(row: Row, processed_only: bool) -> Held:
    lines: list[Any] = json.loads(row["lines"])
    found_by_look_up = not row["payload_hash"]
    seen_at = row["ended_at"]
    if processed_only:
        seen_at = row["updated_at"] if row["state"] == "shipped" else row["processed_at"]
    return Held(
        code=row["code"],
        lines=tuple((offer, units) for offer, units in lines),
        sent_at=None if found_by_look_up else row["started_at"],
        seen_at=seen_at,
        is_whole=found_by_look_up and not lines,
    )
