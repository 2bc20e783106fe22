"""What was compared of each accepted order with the shop, and when: one row an order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.comparisons import ComparedRow, Facets, LastLook
from veracore_sync.domain.states import OrderState
from veracore_sync.ledger.database import Database, StoredRow
from veracore_sync.ledger.sql import as_list, in_sql

OPEN = (OrderState.SENDING, OrderState.IN_DOUBT, OrderState.CONFLICT, OrderState.SYNCED)
"""VeraCore has the order, or may have it, and has not ended it."""


class Comparisons:
    """The comparisons of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def of(self, codes: Sequence[str]) -> dict[str, ComparedRow]:
        """The rows of these orders by code; only of those that have one."""
        rows = self._db.rows(
            "SELECT * FROM compared WHERE code IN (SELECT value FROM json_each(?))",
            (as_list(codes),),
        )
        return {row["code"]: _row(row) for row in rows}

    def looks(self, codes: Sequence[str]) -> dict[str, LastLook]:
        """When these orders were compared last, by code; only of those that have a row."""
        # Without the facets, which take ten times as long to parse as all else.
        rows = self._db.rows(
            "SELECT code, compared_at, state, shop_at FROM compared "
            "WHERE code IN (SELECT value FROM json_each(?))",
            (as_list(codes),),
        )
        return {code: LastLook(*rest) for code, *rest in rows}

    def sent(self, codes: Sequence[str]) -> dict[str, Facets]:
        """The facets of what VeraCore accepted, else of the newest attempt, by code; if known."""
        rows = self._db.rows(
            "SELECT code, facets FROM attempts WHERE facets IS NOT NULL "
            "AND code IN (SELECT value FROM json_each(?)) "
            "ORDER BY coalesce(outcome, '') = 'accepted', attempt",
            (as_list(codes),),
        )
        return {row["code"]: _facets(row["facets"]) for row in rows}

    def count_open(self) -> int:
        """How many orders VeraCore has, or may have, and has not ended."""
        count: int = self._db.value(
            f"SELECT count(*) FROM orders WHERE state IN ({in_sql(OPEN)})"  # noqa: S608
        )
        return count

    def longest_uncompared(self, limit: int) -> list[str]:
        """The codes of such orders, the one whose last comparison is longest ago first."""
        # An order counts as compared when it was read for sending; else new orders would always
        # come first. A time that lies ahead was stored by a wrong clock.
        rows = self._db.rows(
            "SELECT o.code FROM orders o LEFT JOIN compared c USING (code) "  # noqa: S608
            f"WHERE o.state IN ({in_sql(OPEN)}) ORDER BY "
            "CASE WHEN coalesce(c.compared_at, o.last_sync_attempt, '') > ?1 THEN '' "
            "ELSE coalesce(c.compared_at, o.last_sync_attempt, '') END, o.code LIMIT ?2",
            (to_text(self._clock.now()), limit),
        )
        return [row["code"] for row in rows]

    def keep(self, row: ComparedRow) -> None:
        """Store the row of an order; what a person accepted stays as it is."""
        values = (
            row.code,
            row.compared_at,
            row.state,
            row.shop_at,
            packed(row.seen),
            packed(row.base),
            json.dumps(dict(row.reported)),
            row.away_since,
        )
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO compared (code, compared_at, state, shop_at, seen, base, reported, "
                "away_since) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (code) DO UPDATE SET "
                "compared_at = excluded.compared_at, state = excluded.state, "
                "shop_at = excluded.shop_at, seen = excluded.seen, base = excluded.base, "
                "reported = excluded.reported, away_since = excluded.away_since",
                values,
            )

    def seen_again(self, codes: Sequence[str], at: str) -> None:
        """These orders were compared at that time, and nothing else of their rows changed."""
        with self._db.transaction() as connection:
            connection.execute(
                "UPDATE compared SET compared_at = ? "
                "WHERE code IN (SELECT value FROM json_each(?))",
                (at, as_list(codes)),
            )

    def accept(self, code: str) -> None:
        """A person accepts the order as it was when it was compared last."""
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO compared (code, accepted_at) VALUES (?1, ?2) "
                "ON CONFLICT (code) DO UPDATE SET accepted_at = ?2, reported = '{}', "
                "base = coalesce(compared.seen, compared.base)",
                (code, now),
            )


def packed(facets: Facets | None) -> str | None:
    """Facets as they are stored."""
    if facets is None:
        return None
    # Not dataclasses.asdict, which copies every text.
    stored = {one.name: getattr(facets, one.name) for one in fields(facets)}
    if not facets.fields:
        del stored["fields"]  # as versions stored them that had none
    return json.dumps(stored, sort_keys=True, default=str)


@lru_cache(maxsize=512)
def _facets(text: str) -> Facets:
    """What `packed` stored. An order's are read several times in a row, and are mostly the same."""
    stored: dict[str, Any] = json.loads(text)
    amounts = {name: Decimal(stored[name]) for name in ("paid", "refunded", "owed")}
    return Facets(**{**stored, **amounts, "shipping": tuple(stored["shipping"])})


def _row(row: StoredRow) -> ComparedRow:
    seen, base = row["seen"], row["base"]
    return ComparedRow(
        code=row["code"],
        compared_at=row["compared_at"],
        state=row["state"],
        shop_at=row["shop_at"],
        seen=_facets(seen) if seen else None,
        base=_facets(base) if base else None,
        reported=json.loads(row["reported"]),
        away_since=row["away_since"],
        accepted_at=row["accepted_at"],
    )
