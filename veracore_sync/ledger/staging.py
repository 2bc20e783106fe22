"""The staging tables of a run: the shop's variants, the warehouse's stock, and the plan.

They are always in a private temporary SQLite file of this process, whichever backend keeps the
ledger. No other process needs one run's readings, memory use does not grow with the catalogue, a
dry run can stage without writing to the ledger, and staging takes no lock on it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from veracore_sync.domain.staged_stock import Matched, Planned, StagedStock, StagedVariant
from veracore_sync.ledger.database import StoredRow
from veracore_sync.ledger.sqlite import file as sqlite_file
from veracore_sync.ledger.sqlite.errors import ledger_errors

_CHUNK = 500
_STAGING = """
DROP TABLE IF EXISTS temp.stage_variants;
DROP TABLE IF EXISTS temp.stage_rows;
DROP TABLE IF EXISTS temp.stage_stock;
DROP TABLE IF EXISTS temp.stage_plan;
DROP TABLE IF EXISTS temp.stage_known;
DROP TABLE IF EXISTS temp.stage_basis;
DROP TABLE IF EXISTS temp.stage_demand;
DROP TABLE IF EXISTS temp.stage_kept;
CREATE TEMP TABLE stage_known (
    key TEXT PRIMARY KEY,
    sku TEXT NOT NULL,
    state TEXT NOT NULL,
    missing INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TEMP TABLE stage_variants (
    ordinal INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sku TEXT NOT NULL,
    key TEXT NOT NULL,
    part TEXT NOT NULL,
    kind TEXT NOT NULL,
    levels TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    oversold INTEGER NOT NULL,
    written INTEGER NOT NULL DEFAULT 0,
    planned INTEGER NOT NULL DEFAULT 0
);
CREATE TEMP TABLE stage_rows (
    part TEXT NOT NULL,
    location TEXT NOT NULL,
    place TEXT NOT NULL,
    spelling TEXT NOT NULL,
    available INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    PRIMARY KEY (part, place, spelling)
) WITHOUT ROWID;
CREATE TEMP TABLE stage_stock (
    part TEXT NOT NULL,
    location TEXT NOT NULL,
    spelling TEXT NOT NULL,
    available INTEGER NOT NULL,
    spelled_twice INTEGER NOT NULL,
    unread INTEGER NOT NULL,
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
# Not dataclasses.astuple, which copies each value and takes twenty times as long.
_values = attrgetter(*(one.name for one in fields(StagedStock)))
_ADD_ROW = """
INSERT INTO temp.stage_rows (part, location, place, spelling, available, unread)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (part, place, spelling) DO UPDATE SET
    available = CASE WHEN available = excluded.available THEN available
        ELSE available + excluded.available END,
    unread = max(unread, excluded.unread, available <> excluded.available)
"""
_SUMS = """
DELETE FROM temp.stage_stock;
INSERT INTO temp.stage_stock (part, location, spelling, available, spelled_twice, unread)
SELECT part, location, min(spelling), sum(available), min(spelling) <> max(spelling), max(unread)
FROM temp.stage_rows GROUP BY part, location;
CREATE TEMP TABLE IF NOT EXISTS stage_spelled_twice (part TEXT PRIMARY KEY);
DELETE FROM temp.stage_spelled_twice;
INSERT INTO temp.stage_spelled_twice SELECT part FROM temp.stage_stock
GROUP BY part HAVING max(spelled_twice) = 1 OR min(spelling) <> max(spelling)
"""
_DOUBTFUL = """
UPDATE temp.stage_variants SET kind = 'disabled' WHERE kind IN ('plain', 'kit') AND NOT enabled
AND key IN (SELECT key FROM temp.stage_variants WHERE kind <> 'excluded'
            GROUP BY key HAVING count(*) > 1);
UPDATE temp.stage_variants SET kind = 'ambiguous' WHERE kind IN ('plain', 'kit')
AND key IN (SELECT key FROM temp.stage_variants WHERE kind <> 'excluded' AND enabled
            GROUP BY key HAVING count(*) > 1);
UPDATE temp.stage_variants SET kind = 'ambiguous'
WHERE kind = 'plain' AND part IN (SELECT part FROM temp.stage_spelled_twice)
"""


class Staging:
    """The staging tables of one run; for one thread.

    Args:
        path: The ledger's path, for errors.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None

    def close(self) -> None:
        """Delete the staging tables."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    # ---- staging ------------------------------------------------------------------------------

    def clear(self) -> None:
        """Begin a run with empty staging tables."""
        with self._staging():
            self._script(_STAGING)

    def add_variants(self, variants: Iterable[StagedVariant]) -> None:
        """Stage variants, in the order in which they will be written."""
        rows = (
            (
                *(one.id, one.sku, one.key, one.part, one.kind, json.dumps(one.levels)),
                *(one.enabled, one.oversold),
            )
            for one in variants
        )
        with self._staging():
            self._private.executemany(
                "INSERT OR IGNORE INTO temp.stage_variants "
                "(id, sku, key, part, kind, levels, enabled, oversold) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def add_stock(self, rows: Iterable[StagedStock]) -> None:
        """Stage rows of stock; a row that is repeated counts once."""
        # If a repeated row differs, it is unknown whether it is one row or two. Their sum is the
        # most there can be, and the part is marked as unread, so its level only goes down.
        with self._staging():
            self._private.executemany(_ADD_ROW, map(_values, rows))

    def add_up(self) -> None:
        """Sum the rows of each part, and `mark_ambiguous`."""
        with self._staging():
            self._script(_SUMS)
        self.mark_ambiguous()

    def mark_ambiguous(self) -> None:
        """Mark the variants that are not the only ones of their key; see the port."""
        with self._staging():
            self._script(_DOUBTFUL)

    def count_variants(self, *kinds: str) -> int:
        """How many variants of these kinds are staged; of all kinds if none is named."""
        marks = ", ".join("?" * len(kinds))
        only = f"WHERE kind IN ({marks})" if kinds else ""
        return int(self._value(f"SELECT count(*) FROM temp.stage_variants {only}", kinds))  # noqa: S608

    def count_parts(self) -> int:
        """How many parts the warehouse reported, including those with no units left."""
        return int(self._value("SELECT count(DISTINCT part) FROM temp.stage_stock"))

    def count_known(self) -> tuple[int, int]:
        """How many staged variants an earlier read matched, and how many of these are missing."""
        row = self._row(
            "SELECT count(*), coalesce(sum(v.part NOT IN (SELECT part FROM temp.stage_stock)), 0) "
            "FROM temp.stage_variants v JOIN temp.stage_known k "
            "ON k.key = v.part AND k.state = 'known' "
            "WHERE v.kind = 'plain'"
        )
        return (row[0], row[1]) if row else (0, 0)

    def matched(self, *, written_only: bool = False) -> Iterator[Matched]:
        """Plain variants and kits, also unmatched and ambiguous ones; see the port."""
        last = 0
        while True:
            rows = self._rows(_MATCHED, (last, written_only, _CHUNK))
            yield from map(_matched, rows)
            if len(rows) < _CHUNK:
                return
            last = rows[-1]["ordinal"]

    def stock_of(self, part: str) -> dict[str, int] | None:
        """Available units of a part by location; ``None`` if it was not reported."""
        rows = self._rows(
            "SELECT location, available FROM temp.stage_stock WHERE part = ?", (part,)
        )
        return {row["location"]: row["available"] for row in rows} or None

    def unread_of(self, part: str) -> dict[str, int]:
        """The locations with an unreadable row of that part, as in `Matched.unread`."""
        rows = self._rows(
            "SELECT location, unread FROM temp.stage_stock WHERE part = ? AND unread > 0", (part,)
        )
        return {row["location"]: row["unread"] for row in rows}

    def count_unread(self) -> int:
        """How many parts have an unreadable row."""
        return int(
            self._value("SELECT count(DISTINCT part) FROM temp.stage_stock WHERE unread > 0")
        )

    def unread_parts(self, limit: int) -> list[str]:
        """Parts with an unreadable row, as VeraCore spells them."""
        rows = self._rows(
            "SELECT DISTINCT spelling FROM temp.stage_stock WHERE unread > 0 ORDER BY 1 LIMIT ?",
            (limit,),
        )
        return [row[0] for row in rows]

    def is_spelled_twice(self, part: str) -> bool:
        """Whether the warehouse reported the part in two spellings."""
        found = self._row("SELECT 1 FROM temp.stage_spelled_twice WHERE part = ?", (part,))
        return found is not None

    def set_kind(self, kind: str, ordinals: Iterable[int]) -> None:
        """Set the kind of variants: ``unknown``, ``missing``, …"""
        with self._staging():
            self._private.executemany(
                "UPDATE temp.stage_variants SET kind = ? WHERE ordinal = ?",
                [(kind, ordinal) for ordinal in ordinals],
            )

    # ---- the plan -----------------------------------------------------------------------------

    def clear_plan(self) -> None:
        """Delete the plan."""
        with self._staging():
            self._script("DELETE FROM temp.stage_plan")

    def add_plan(self, actions: Iterable[Planned]) -> None:
        """Add variants to the plan, or replace them there."""
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
            self._private.executemany(
                "INSERT OR REPLACE INTO temp.stage_plan VALUES (?, ?, ?, ?, ?, ?)", rows
            )
            self._private.executemany(
                "UPDATE temp.stage_variants SET planned = 1 WHERE ordinal = ?",
                [row[:1] for row in rows],
            )

    def count_plan(self) -> int:
        """How many variants are in the plan."""
        return int(self._value("SELECT count(*) FROM temp.stage_plan"))

    def planned(self) -> Iterator[Planned]:
        """The plan in the order of staging, read in chunks."""
        last = 0
        while True:
            rows = self._rows(
                "SELECT * FROM temp.stage_plan WHERE ordinal > ? ORDER BY ordinal LIMIT ?",
                (last, _CHUNK),
            )
            yield from map(_planned, rows)
            if len(rows) < _CHUNK:
                return
            last = rows[-1]["ordinal"]

    def note_levels(
        self, levels: Mapping[str, Mapping[str, Sequence[int]]], *, wrote: bool
    ) -> None:
        """Replace (on hand, allocated) of staged variants by what Vendure has just returned.

        Args:
            levels: By variant id and location.
            wrote: Whether it was returned by a write.
        """
        with self._staging() as connection:
            for variant_id, by_location in levels.items():
                (before,) = connection.execute(
                    "SELECT levels FROM temp.stage_variants WHERE id = ?", (variant_id,)
                ).fetchone()
                offered = {at: level[2] for at, level in json.loads(before).items()}
                fresh = {at: (*level, offered.get(at, 0)) for at, level in by_location.items()}
                connection.execute(
                    "UPDATE temp.stage_variants SET levels = ?, written = max(written, ?) "
                    "WHERE id = ?",
                    (json.dumps(fresh), 2 if wrote else 1, variant_id),
                )

    def count_written(self) -> int:
        """How many variants were written."""
        found = self._value("SELECT count(*) FROM temp.stage_variants WHERE written = 2")
        return int(found)

    def names(self, kind: str, limit: int) -> list[str]:
        """SKUs of the staged variants of that kind."""
        rows = self._rows(
            "SELECT DISTINCT sku FROM temp.stage_variants WHERE kind = ? ORDER BY sku LIMIT ?",
            (kind, limit),
        )
        return [row[0] for row in rows]

    # ---- one statement ------------------------------------------------------------------------

    @contextmanager
    def _staging(self) -> Iterator[sqlite3.Connection]:
        """A transaction on the staging tables; takes no lock on the ledger."""
        with ledger_errors(self._path):
            connection = self._private
            connection.execute("BEGIN")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @property
    def _private(self) -> sqlite3.Connection:
        if self._opened is None:
            # Only the main database, which stays empty, is in memory. The tables are temporary
            # ones, which SQLite keeps in a private file that it deletes by itself.
            self._opened = sqlite_file.in_memory()
            self._opened.row_factory = sqlite3.Row
        return self._opened

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[StoredRow]:
        with ledger_errors(self._path):
            return self._private.execute(sql, parameters).fetchall()

    def _row(self, sql: str, parameters: Sequence[Any] = ()) -> StoredRow | None:
        found = self._rows(sql, parameters)
        return found[0] if found else None

    def _value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        found = self._row(sql, parameters)
        return found[0] if found else None

    def _script(self, script: str) -> None:
        for statement in script.split(";\n"):
            self._private.execute(statement)


_MATCHED = """
SELECT v.ordinal, v.id, v.sku, v.key, v.part, v.kind, v.levels, v.enabled, v.oversold,
    k.state, k.missing,
    (SELECT json_group_object(location, available) FROM temp.stage_stock WHERE part = v.part)
    AS stock,
    (SELECT json_group_object(location, unread) FROM temp.stage_stock
    WHERE part = v.part AND unread > 0) AS unread
FROM temp.stage_variants v LEFT JOIN temp.stage_known k ON k.key = v.part
WHERE v.ordinal > ?1 AND v.kind IN ('plain', 'kit', 'ambiguous', 'unknown', 'missing')
AND (v.written >= ?2 OR v.kind = 'ambiguous')
ORDER BY v.ordinal LIMIT ?3
"""


def _matched(row: StoredRow) -> Matched:
    variant = StagedVariant(
        id=row["id"],
        sku=row["sku"],
        key=row["key"],
        part=row["part"],
        kind=row["kind"],
        levels=json.loads(row["levels"]),
        enabled=bool(row["enabled"]),
        oversold=row["oversold"],
    )
    stock: dict[str, int] = json.loads(row["stock"])
    return Matched(
        ordinal=row["ordinal"],
        variant=variant,
        stock=stock or None,
        unread=json.loads(row["unread"]),
        state=row["state"],
        missing=row["missing"] or 0,
    )


def _planned(row: StoredRow) -> Planned:
    by_location = (json.loads(row[name]) for name in ("saleable", "before", "allocated"))
    return Planned(row["ordinal"], row["id"], row["sku"], *by_location)
