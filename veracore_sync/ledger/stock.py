"""What the ledger remembers of SKUs, what the warehouse holds, and a run's staging tables.

The staging tables are temporary: they live in a file of SQLite's own, so that memory stays flat
however large the catalogue, and never touch the ledger's. A dry run may use them too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.ledger.database import Database, Row, ledger_errors
from veracore_sync.ledger.orders import Sent

_CHUNK = 500
_STAGING = """
DROP TABLE IF EXISTS temp.stage_variants;
DROP TABLE IF EXISTS temp.stage_stock;
DROP TABLE IF EXISTS temp.stage_plan;
CREATE TEMP TABLE stage_variants (
    ordinal INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sku TEXT NOT NULL,
    key TEXT NOT NULL,
    part TEXT NOT NULL,
    kind TEXT NOT NULL,
    levels TEXT NOT NULL,
    written INTEGER NOT NULL DEFAULT 0
);
CREATE TEMP TABLE stage_stock (
    part TEXT NOT NULL,
    location TEXT NOT NULL,
    spelling TEXT NOT NULL,
    available INTEGER NOT NULL,
    twofold INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (part, location)
) WITHOUT ROWID;
CREATE TEMP TABLE stage_plan (
    ordinal INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    sku TEXT NOT NULL,
    saleable TEXT NOT NULL,
    before TEXT NOT NULL,
    allocated TEXT NOT NULL
)
"""
_DOUBTFUL = """
UPDATE temp.stage_variants SET kind = 'ambiguous' WHERE kind IN ('plain', 'kit', 'untracked')
AND key IN (SELECT key FROM temp.stage_variants WHERE kind <> 'excluded'
            GROUP BY key HAVING count(*) > 1);
CREATE TEMP TABLE IF NOT EXISTS stage_twofold (part TEXT PRIMARY KEY);
DELETE FROM temp.stage_twofold;
INSERT INTO temp.stage_twofold SELECT part FROM temp.stage_stock
GROUP BY part HAVING max(twofold) = 1 OR min(spelling) <> max(spelling);
UPDATE temp.stage_variants SET kind = 'ambiguous'
WHERE kind = 'plain' AND part IN (SELECT part FROM temp.stage_twofold)
"""


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


@dataclass(frozen=True, slots=True)
class StagedVariant:
    """A variant of the shop. `key` is what no two variants may share, `part` what it is made of.

    `kind` is ``plain``, ``kit``, ``untracked``, ``excluded``, ``blank`` or ``ambiguous``; levels
    are (on hand, allocated, offered at first) by location.
    """

    id: str
    sku: str
    key: str
    part: str
    kind: str
    levels: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Matched:
    """A staged variant beside the stock of its part; `stock` is ``None`` where there is none.

    `state` and `missing` are what the ledger remembers of the part.
    """

    ordinal: int
    variant: StagedVariant
    written: bool
    stock: Mapping[str, int] | None
    state: str | None
    missing: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A variant to write: by location what may be sold, what could be, and what was set aside."""

    ordinal: int
    id: str
    sku: str
    saleable: Mapping[str, int]
    before: Mapping[str, int]
    allocated: Mapping[str, int]


class StockBook:
    """Staging and memory of one ledger; for one thread.

    Args:
        database: The ledger's.
        clock: The wall clock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    # ---- staging ------------------------------------------------------------------------------

    def clear(self) -> None:
        """Begin a run: empty staging tables."""
        with self._staging():
            self._script(_STAGING)

    def add_variants(self, variants: Iterable[StagedVariant]) -> None:
        """Stage variants, in the order in which they will be written."""
        rows = (
            (one.id, one.sku, one.key, one.part, one.kind, json.dumps(one.levels))
            for one in variants
        )
        with self._staging():
            self._db.connection.executemany(
                "INSERT OR IGNORE INTO temp.stage_variants (id, sku, key, part, kind, levels) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

    def add_stock(self, rows: Iterable[tuple[str, str, str, int]]) -> None:
        """Stage stock: (part key, location, spelling, available) each; a part adds up."""
        with self._staging():
            self._db.connection.executemany(
                "INSERT INTO temp.stage_stock (part, location, spelling, available) "
                "VALUES (?, ?, ?, ?) ON CONFLICT (part, location) DO UPDATE SET "
                "available = available + excluded.available, "
                "twofold = max(twofold, spelling <> excluded.spelling)",
                rows,
            )

    def mark_ambiguous(self) -> None:
        """Mark the variants that share their key, or whose part is spelled in two ways."""
        with self._staging():
            self._script(_DOUBTFUL)

    def count_variants(self, *kinds: str) -> int:
        """How many variants are staged, of these kinds; of all where none is named."""
        marks = ", ".join("?" * len(kinds))
        only = f"WHERE kind IN ({marks})" if kinds else ""
        return int(self._db.value(f"SELECT count(*) FROM temp.stage_variants {only}", kinds))  # noqa: S608

    def count_parts(self) -> int:
        """How many parts have stock, or had none left."""
        return int(self._db.value("SELECT count(DISTINCT part) FROM temp.stage_stock"))

    def count_known(self) -> tuple[int, int]:
        """How many staged variants were matched by an earlier read, and how many of them lack."""
        row = self._db.row(
            "SELECT count(*), coalesce(sum(v.part NOT IN (SELECT part FROM temp.stage_stock)), 0) "
            "FROM temp.stage_variants v JOIN stock_skus k ON k.key = v.part AND k.state = 'known' "
            "WHERE v.kind = 'plain'"
        )
        return (row[0], row[1]) if row else (0, 0)

    def matched(self, *, written_only: bool = False) -> Iterator[Matched]:
        """Plain variants and kits in the order of their staging, a chunk in memory at a time."""
        last = 0
        while True:
            rows = self._db.rows(_MATCHED, (last, written_only, _CHUNK))
            yield from map(_matched, rows)
            if len(rows) < _CHUNK:
                return
            last = rows[-1]["ordinal"]

    def stock_of(self, part: str) -> dict[str, int] | None:
        """Available units of a part by location; ``None`` where it was not reported."""
        rows = self._db.rows(
            "SELECT location, available FROM temp.stage_stock WHERE part = ?", (part,)
        )
        return {row["location"]: row["available"] for row in rows} or None

    def is_twofold(self, part: str) -> bool:
        """Whether the warehouse reported the part in two spellings."""
        found = self._db.row("SELECT 1 FROM temp.stage_twofold WHERE part = ?", (part,))
        return found is not None

    def set_kind(self, kind: str, ordinals: Iterable[int]) -> None:
        """Note what became of variants: ``unknown``, ``missing``, …"""
        with self._staging():
            self._db.connection.executemany(
                "UPDATE temp.stage_variants SET kind = ? WHERE ordinal = ?",
                [(kind, ordinal) for ordinal in ordinals],
            )

    # ---- the plan -----------------------------------------------------------------------------

    def clear_plan(self) -> None:
        """Forget what was planned."""
        with self._staging():
            self._script("DELETE FROM temp.stage_plan")

    def add_plan(self, actions: Iterable[Planned]) -> None:
        """Plan variants."""
        rows = [
            (
                one.ordinal,
                one.id,
                one.sku,
                *map(json.dumps, (one.saleable, one.before, one.allocated)),
            )
            for one in actions
        ]
        with self._staging():
            self._db.connection.executemany(
                "INSERT OR REPLACE INTO temp.stage_plan VALUES (?, ?, ?, ?, ?, ?)", rows
            )

    def count_plan(self) -> int:
        """How many variants are planned."""
        return int(self._db.value("SELECT count(*) FROM temp.stage_plan"))

    def planned(self, limit: int = -1) -> Iterator[Planned]:
        """What is planned, in the order of staging, a chunk in memory at a time."""
        last, left = 0, limit
        while left != 0:
            most = _CHUNK if left < 0 else min(_CHUNK, left)
            rows = self._db.rows(
                "SELECT * FROM temp.stage_plan WHERE ordinal > ? ORDER BY ordinal LIMIT ?",
                (last, most),
            )
            yield from map(_planned, rows)
            if len(rows) < most:
                return
            last = rows[-1]["ordinal"]
            left -= len(rows) if left > 0 else 0

    def note_levels(
        self, levels: Mapping[str, Mapping[str, Sequence[int]]], *, wrote: bool
    ) -> None:
        """Replace (on hand, allocated) of staged variants by what Vendure has just said.

        Args:
            levels: By variant id and location.
            wrote: Whether it said so after a write.
        """
        with self._staging() as connection:
            for variant_id, told in levels.items():
                (before,) = connection.execute(
                    "SELECT levels FROM temp.stage_variants WHERE id = ?", (variant_id,)
                ).fetchone()
                offered = {at: level[2] for at, level in json.loads(before).items()}
                fresh = {at: (*level, offered.get(at, 0)) for at, level in told.items()}
                connection.execute(
                    "UPDATE temp.stage_variants SET levels = ?, written = max(written, ?) "
                    "WHERE id = ?",
                    (json.dumps(fresh), 2 if wrote else 1, variant_id),
                )

    def count_written(self) -> int:
        """How many variants were written."""
        found = self._db.value("SELECT count(*) FROM temp.stage_variants WHERE written = 2")
        return int(found)

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

    def names(self, kind: str, limit: int) -> list[str]:
        """SKUs of the staged variants of that kind."""
        rows = self._db.rows(
            "SELECT DISTINCT sku FROM temp.stage_variants WHERE kind = ? ORDER BY sku LIMIT ?",
            (kind, limit),
        )
        return [row[0] for row in rows]

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
        """(code, VeraCore id) of orders not yet seen processed, longest not looked up first."""
        rows = self._db.rows(
            "SELECT o.code, o.veracore_id FROM orders o LEFT JOIN stock_processed p USING (code) "
            "WHERE o.state = 'synced' AND o.veracore_id IS NOT NULL AND p.processed_at IS NULL "
            "ORDER BY p.looked_at IS NOT NULL, p.looked_at, o.created_at LIMIT ?",
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

    # ---- one statement ------------------------------------------------------------------------

    @contextmanager
    def _staging(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the temporary tables alone: it takes no lock on the ledger."""
        with ledger_errors(self._db.path):
            connection = self._db.connection
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _script(self, script: str) -> None:
        for statement in script.split(";\n"):
            self._db.connection.execute(statement)


_MATCHED = """
SELECT v.ordinal, v.id, v.sku, v.key, v.part, v.kind, v.levels, v.written, k.state, k.missing,
    (SELECT json_group_object(location, available) FROM temp.stage_stock WHERE part = v.part)
    AS stock
FROM temp.stage_variants v LEFT JOIN stock_skus k ON k.key = v.part
WHERE v.ordinal > ?1 AND v.kind IN ('plain', 'kit') AND v.written >= ?2
ORDER BY v.ordinal LIMIT ?3
"""
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


def _matched(row: Row) -> Matched:
    variant = StagedVariant(
        row["id"], row["sku"], row["key"], row["part"], row["kind"], json.loads(row["levels"])
    )
    stock: dict[str, int] = json.loads(row["stock"])
    return Matched(
        ordinal=row["ordinal"],
        variant=variant,
        written=bool(row["written"]),
        stock=stock or None,
        state=row["state"],
        missing=row["missing"] or 0,
    )


def _planned(row: Row) -> Planned:
    by_location = (json.loads(row[name]) for name in ("saleable", "before", "allocated"))
    return Planned(row["ordinal"], row["id"], row["sku"], *by_location)


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
