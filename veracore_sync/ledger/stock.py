"""What the ledger remembers of SKUs."""

from __future__ import annotations

from veracore_sync.ledger.staging import Staging


class StockBook(Staging):
    """Staging and memory of one ledger; for one thread.

    Args:
        database: The ledger's.
    """

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
        """Keep what was matched, unknown and ambiguous; after a complete read also what lacked.

        A read is not complete where a row did not tell whose it is.
        """
        with self._db.transaction() as connection:
            connection.execute(_REMEMBER_KNOWN)
            for state in ("unknown", "ambiguous"):
                connection.execute(_REMEMBER_STATE, (state,))
            if complete:
                connection.execute(_REMEMBER_MISSING)


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
