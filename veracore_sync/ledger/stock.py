"""What the ledger remembers of SKUs, joined with what a run has staged."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from veracore_sync.domain.staged_stock import StagedVariant
from veracore_sync.ledger.database import Database
from veracore_sync.ledger.sql import as_list
from veracore_sync.ledger.staging import Staging

_PAGE = 250
"""Variants per query, so that the memory is bounded."""


class StockStore(Staging):
    """Staging, and what the ledger remembers of SKUs; for one thread.

    What is remembered of the staged SKUs is copied into the staging tables and changed there, and
    `remember` writes the changed rows back: the ledger is only locked for those.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database.path)
        self._db = database

    def add_variants(self, variants: Iterable[StagedVariant]) -> None:
        """Stage variants in the order in which they will be written; copy what is remembered."""
        stream = iter(variants)
        while page := list(islice(stream, _PAGE)):
            super().add_variants(page)
            self._recall({name for one in page for name in (one.key, one.part)})

    def _recall(self, keys: Iterable[str]) -> None:
        rows = self._db.rows(
            "SELECT key, sku, state, missing FROM stock_skus "
            "WHERE key IN (SELECT value FROM json_each(?))",
            (as_list(keys),),
        )
        with self._staging() as staging:
            staging.executemany(
                "INSERT OR IGNORE INTO temp.stage_known (key, sku, state, missing) "
                "VALUES (?, ?, ?, ?)",
                map(tuple, rows),
            )

    def new_names(self, state: str, limit: int) -> tuple[int, list[str]]:
        """How many staged variants are newly of that kind, and up to `limit` of their SKUs."""
        new = (
            "FROM temp.stage_variants v LEFT JOIN temp.stage_known k ON k.key = v.key "
            "WHERE v.kind = ?1 AND k.state IS NOT ?1"
        )
        count = int(self._value(f"SELECT count(DISTINCT v.key) {new}", (state,)))
        rows = self._rows(
            f"SELECT min(v.sku) {new} GROUP BY v.key ORDER BY 1 LIMIT ?2",
            (state, limit),
        )
        return count, [row[0] for row in rows]

    def remember(self, *, complete: bool, whole: bool = True) -> None:
        """Store which SKUs are known, unknown and ambiguous; after a complete read, also missing.

        Args:
            complete: Every row of the read named its SKU.
            whole: All variants are staged; else which are unknown or ambiguous is not stored.
        """
        # A missing SKU loses its stock after three complete reads, so a read in which an unreadable
        # row may have been that SKU must not count.
        with self._staging() as staging:
            staging.execute(_REMEMBER_KNOWN)
            for state in ("unknown", "ambiguous") if whole else ():
                staging.execute(_REMEMBER_STATE, (state,))
            if complete:
                staging.execute(_REMEMBER_MISSING)
            changed = staging.execute(
                "SELECT key, sku, state, missing FROM temp.stage_known WHERE changed = 1"
            )
            with self._db.transaction() as connection:
                connection.executemany(_KEEP, map(tuple, changed))


_REMEMBER_KNOWN = """
INSERT INTO temp.stage_known (key, sku, state, changed) SELECT v.part, v.sku, 'known', 1
FROM temp.stage_variants v WHERE v.kind = 'plain' AND v.part IN (SELECT part FROM temp.stage_stock)
ON CONFLICT (key) DO UPDATE SET state = 'known', missing = 0, sku = excluded.sku, changed = 1
WHERE state <> 'known' OR missing <> 0
"""
_REMEMBER_STATE = """
INSERT INTO temp.stage_known (key, sku, state, changed) SELECT v.key, min(v.sku), v.kind, 1
FROM temp.stage_variants v WHERE v.kind = ? GROUP BY v.key
ON CONFLICT (key) DO UPDATE SET state = excluded.state, missing = 0, changed = 1
WHERE state <> excluded.state
"""
_REMEMBER_MISSING = """
UPDATE temp.stage_known SET missing = missing + 1, changed = 1 WHERE state = 'known'
AND key IN (SELECT part FROM temp.stage_variants WHERE kind IN ('plain', 'missing'))
AND key NOT IN (SELECT part FROM temp.stage_stock)
"""
_KEEP = """
INSERT INTO stock_skus (key, sku, state, missing) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET sku = excluded.sku, state = excluded.state,
    missing = excluded.missing
"""
