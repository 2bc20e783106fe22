"""What the levels were right for, by part, order and variant; and which may be wrong.

At any moment the level of each variant that the baseline names is right for what it stores, or the
variant is a suspect, or the next run finds what moved it (docs/inventory.md). So a level is written
only after its variant was marked, and a mark is removed only by the run that found it right.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TypeVar

from veracore_sync.clock import from_text, to_text
from veracore_sync.domain.stock_baseline import BaselineFacts, RunBaseline, SeenOrder
from veracore_sync.ledger.database import Database, StoredRow, Transaction
from veracore_sync.ledger.meta import STOCK_BASELINE
from veracore_sync.ledger.sql import as_list
from veracore_sync.ledger.stock import StockStore

T = TypeVar("T")
_PAGE = 2000
_MOMENTS = ("full_at", "since")


class BaselineStore(StockStore):
    """The staging of a stock run, and the baseline of the runs before; for one thread."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._mark = secrets.token_hex(8)
        self._marked: set[str] = set()

    # ---- as a whole ---------------------------------------------------------------------------

    def clear(self) -> None:
        """Begin a run: empty staging tables, and a mark of its own."""
        super().clear()
        self._mark, self._marked = secrets.token_hex(8), set()

    def baseline(self) -> BaselineFacts | None:
        """What is stored of the runs before; see the port."""
        text = self._db.value("SELECT value FROM meta WHERE key = ?", (STOCK_BASELINE,))
        if text is None:
            return None
        known = json.loads(text)
        for name in _MOMENTS:
            known[name] = from_text(known[name])
        return BaselineFacts(**known)

    def forget_baseline(self) -> None:
        """The next run reads everything."""
        with self._db.transaction() as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", (STOCK_BASELINE,))

    # ---- suspects -----------------------------------------------------------------------------

    def suspects(self) -> dict[str, str]:
        """The variants whose level may be wrong, with the mark that says so."""
        return {row[0]: row[1] for row in self._db.rows("SELECT id, mark FROM stock_suspects")}

    def suspect(self, ids: Iterable[str]) -> None:
        """Variants whose level is about to be changed: the next run reads them."""
        with self._db.transaction() as connection:
            connection.executemany(_SUSPECT, [(id, self._mark) for id in ids])

    def suspect_planned(self) -> None:
        """The variants of the plan, those that this run has not marked yet."""
        rows = self._rows("SELECT id FROM temp.stage_plan ORDER BY ordinal")
        ids = [row[0] for row in rows if row[0] not in self._marked]
        if ids:
            self.suspect(ids)
            self._marked.update(ids)

    # ---- what changed -------------------------------------------------------------------------

    def stage_basis(self, demand: Mapping[str, int]) -> None:
        """What the levels depend on now: of each part, its stock and `demand`."""
        with self._staging() as staging:
            self._script(_BASIS)
            staging.executemany(
                "INSERT INTO temp.stage_demand (part, units) VALUES (?, ?)",
                ((part, units) for part, units in demand.items() if units),
            )
            self._script(_FILL_BASIS)

    def changed_parts(self) -> Iterator[str]:
        """The parts of which something else is staged than is stored."""
        self._load_kept("SELECT part, basis FROM stock_parts", "part")
        yield from (row[0] for row in self._each(_CHANGED))
        yield from (row[0] for row in self._each(_GONE))

    def orders_seen(self) -> dict[str, SeenOrder]:
        """The open orders of the baseline, by id."""
        rows = self._db.rows("SELECT id, content, variants FROM stock_orders")
        return {row[0]: SeenOrder(row[1], tuple(json.loads(row[2]))) for row in rows}

    def variants_of(self, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Id and key of the variants with one of these keys."""
        for page in _pages(keys, _PAGE):
            yield from self._keyed("key", page)

    def keys_of(self, ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Id and key of these variants, as far as they are known."""
        for page in _pages(ids, _PAGE):
            yield from self._keyed("id", page)

    def _keyed(self, column: str, values: Iterable[str]) -> Iterator[tuple[str, str]]:
        rows = self._db.rows(
            f"SELECT id, key FROM stock_variants WHERE {column} IN "  # noqa: S608 - a constant
            "(SELECT value FROM json_each(?))",
            (as_list(values),),
        )
        return ((row[0], row[1]) for row in rows)

    def count_missing(self) -> tuple[int, int]:
        """At most how many known SKUs the warehouse does not report, and how many are known."""
        already = self._db.value("SELECT count(*) FROM stock_skus WHERE missing > 0")
        newly = self._value(
            "SELECT count(*) FROM temp.stage_variants v JOIN temp.stage_known k ON k.key = v.part "
            "WHERE k.state = 'known' AND k.missing = 0 AND v.kind = 'plain' "
            "AND v.part NOT IN (SELECT part FROM temp.stage_stock)"
        )
        known = self.baseline()
        return int(already) + int(newly), known.known if known else 0

    # ---- keeping ------------------------------------------------------------------------------

    def keep(self, run: RunBaseline) -> None:
        """Store what this run found right; see the port."""
        if run.is_whole:
            # Many rows, in several transactions; without the facts nobody believes half of them.
            self.forget_baseline()
            self._load_kept("SELECT part, basis FROM stock_parts", "part")
            self._store(_STORE_PART, self._each(_CHANGED_BASIS))
            self._store("DELETE FROM stock_parts WHERE part = ?", self._each(_GONE))
            self._load_kept("SELECT id, key FROM stock_variants", "id")
            self._store(_STORE_VARIANT, self._each(_CHANGED_VARIANTS))
            self._store("DELETE FROM stock_variants WHERE id = ?", self._each(_GONE_VARIANTS))
        seen = self.orders_seen()
        with self._db.transaction() as connection:
            if not run.is_whole:
                # The changes alone, so in one transaction: what was stored before stays true.
                connection.executemany(_STORE_PART, map(tuple, self._each(_CHANGED_BASIS)))
                connection.executemany(
                    "DELETE FROM stock_parts WHERE part = ?", map(tuple, self._each(_GONE))
                )
                connection.executemany(_STORE_VARIANT, map(tuple, self._each(_STAGED_VARIANTS)))
            _store_orders(connection, seen, run.orders)
            connection.executemany(
                "DELETE FROM stock_suspects WHERE id = ? AND mark = ?", list(run.suspects.items())
            )
            connection.execute("DELETE FROM stock_suspects WHERE mark = ?", (self._mark,))
            unsure = self._unsure(run.moved)
            connection.executemany(_SUSPECT_STILL, ((id, self._mark) for id in unsure))
            facts = asdict(run.facts)
            facts |= {name: to_text(facts[name]) for name in _MOMENTS}
            connection.execute(_PUT_FACTS, (STOCK_BASELINE, json.dumps(facts)))

    def _unsure(self, moved: Collection[str]) -> Iterator[str]:
        """The staged variants that this run did not find right."""
        rows = self._each(_UNSURE)
        found = {row[0] for row in rows}
        for page in _pages(moved, _PAGE):
            marks = ", ".join("?" * len(page))
            query = f"SELECT id FROM temp.stage_variants WHERE key IN ({marks})"  # noqa: S608
            found.update(row[0] for row in self._rows(query, page))
        return iter(found)

    def _store(self, sql: str, rows: Iterable[StoredRow]) -> None:
        for page in _pages(rows, _PAGE):
            with self._db.transaction() as connection:
                connection.executemany(sql, list(map(tuple, page)))

    # ---- what is stored, in the staging -------------------------------------------------------

    def _load_kept(self, query: str, key: str) -> None:
        """Copy a table of two columns into `stage_kept`, a page at a time in memory."""
        with self._staging():
            self._script(_KEPT)
        last = ""
        while rows := self._db.rows(
            f"{query} WHERE {key} > ? ORDER BY {key} LIMIT {_PAGE}",
            (last,),
        ):
            last = rows[-1][0]
            with self._staging() as staging:
                staging.executemany("INSERT INTO temp.stage_kept VALUES (?, ?)", map(tuple, rows))

    def _each(self, query: str) -> Iterator[StoredRow]:
        """The rows of a query over the staging, a page at a time in memory."""
        cursor = self._private.execute(query)
        while page := cursor.fetchmany(_PAGE):
            yield from page


def _pages(items: Iterable[T], size: int) -> Iterator[list[T]]:
    stream = iter(items)
    while page := list(islice(stream, size)):
        yield page


def _store_orders(
    connection: Transaction, seen: Mapping[str, SeenOrder], now: Mapping[str, SeenOrder]
) -> None:
    gone: Sequence[tuple[str]] = [(id,) for id in seen.keys() - now.keys()]
    connection.executemany("DELETE FROM stock_orders WHERE id = ?", gone)
    connection.executemany(
        _STORE_ORDER,
        [
            (id, one.content, json.dumps(one.variants))
            for id, one in now.items()
            if seen.get(id) != one
        ],
    )


_SUSPECT = (
    "INSERT INTO stock_suspects (id, mark) VALUES (?, ?) "
    "ON CONFLICT (id) DO UPDATE SET mark = excluded.mark"
)
_SUSPECT_STILL = "INSERT INTO stock_suspects (id, mark) VALUES (?, ?) ON CONFLICT DO NOTHING"
_STORE_PART = (
    "INSERT INTO stock_parts (part, basis) VALUES (?, ?) "
    "ON CONFLICT (part) DO UPDATE SET basis = excluded.basis"
)
_STORE_VARIANT = (
    "INSERT INTO stock_variants (id, key) VALUES (?, ?) "
    "ON CONFLICT (id) DO UPDATE SET key = excluded.key"
)
_STORE_ORDER = (
    "INSERT INTO stock_orders (id, content, variants) VALUES (?, ?, ?) ON CONFLICT (id) "
    "DO UPDATE SET content = excluded.content, variants = excluded.variants"
)
_PUT_FACTS = (
    "INSERT INTO meta (key, value) VALUES (?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_BASIS = """
DROP TABLE IF EXISTS temp.stage_basis;
DROP TABLE IF EXISTS temp.stage_demand;
CREATE TEMP TABLE stage_basis (part TEXT PRIMARY KEY, basis TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE stage_demand (part TEXT PRIMARY KEY, units INTEGER NOT NULL) WITHOUT ROWID
"""
# By part, location is the order of the table's key.
_FILL_BASIS = """
INSERT INTO temp.stage_basis
SELECT part, group_concat(location || '=' || available || iif(unread, '?' || unread, ''), ';')
FROM temp.stage_stock GROUP BY part;
UPDATE temp.stage_basis SET basis = basis || ';spelled twice'
WHERE part IN (SELECT part FROM temp.stage_spelled_twice);
INSERT INTO temp.stage_basis SELECT part, ';demand=' || units FROM temp.stage_demand WHERE TRUE
ON CONFLICT (part) DO UPDATE SET basis = basis || excluded.basis
"""
_KEPT = """
DROP TABLE IF EXISTS temp.stage_kept;
CREATE TEMP TABLE stage_kept (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
"""
_CHANGED = """
SELECT b.part FROM temp.stage_basis b LEFT JOIN temp.stage_kept k ON k.key = b.part
WHERE k.value IS NOT b.basis
"""
_CHANGED_BASIS = """
SELECT b.part, b.basis FROM temp.stage_basis b LEFT JOIN temp.stage_kept k ON k.key = b.part
WHERE k.value IS NOT b.basis
"""
_GONE = """
SELECT k.key FROM temp.stage_kept k
WHERE NOT EXISTS (SELECT 1 FROM temp.stage_basis WHERE part = k.key)
"""
_CHANGED_VARIANTS = """
SELECT v.id, v.key FROM temp.stage_variants v LEFT JOIN temp.stage_kept k ON k.key = v.id
WHERE k.value IS NOT v.key
"""
_GONE_VARIANTS = """
SELECT k.key FROM temp.stage_kept k
WHERE NOT EXISTS (SELECT 1 FROM temp.stage_variants WHERE id = k.key)
"""
_STAGED_VARIANTS = "SELECT id, key FROM temp.stage_variants"
# Planned and not read again at the write: the shop did not return it then.
_UNSURE = """
SELECT id FROM temp.stage_plan UNION
SELECT id FROM temp.stage_variants
WHERE kind IN ('missing', 'unread') OR (planned = 1 AND written = 0)
"""
