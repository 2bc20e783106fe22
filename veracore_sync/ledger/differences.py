"""What was found to differ between ledger, shop and warehouse, and of which orders all agreed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

from veracore_sync.clock import Clock, from_text, to_text
from veracore_sync.domain.differences import AgreedRow, Difference, DifferenceRow, DifferenceType
from veracore_sync.ledger.database import Database, StoredRow
from veracore_sync.ledger.sql import IN_LIST, as_list

Key = tuple[str, str, str]

LONGEST_REASON = 500
_AT_ONCE = 500
_EVERY = 2**62
"""A limit beyond every ledger; a negative one means none in SQLite only."""
_OLDEST_FIRST = "ORDER BY first_seen_at, type, name, detail"
_THIS_ONE = "type = ? AND name = ? AND detail = ?"
# The mark of a row as `Difference.mark` puts it together.
_ACCEPTED = "accepted_mark = ledger || ?1 || shop || ?1 || warehouse"


class Differences:
    """The differences of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    # ---- reads --------------------------------------------------------------------------------

    def standing(self, limit: int = _EVERY) -> list[DifferenceRow]:
        """The differences that have not ended, oldest first; accepted ones too."""
        rows = self._db.rows(
            f"SELECT * FROM differences WHERE ended_at IS NULL {_OLDEST_FIRST} LIMIT ?",  # noqa: S608
            (limit,),
        )
        return [_row(row) for row in rows]

    def some(self, limit: int, after: Key | None = None) -> list[DifferenceRow]:
        """A page of the differences that have not ended, by type, name and detail."""
        rows = self._db.rows(
            "SELECT * FROM differences WHERE ended_at IS NULL AND (type, name, detail) > (?, ?, ?) "
            "ORDER BY type, name, detail LIMIT ?",
            (*(after or ("", "", "")), limit),
        )
        return [_row(row) for row in rows]

    def of(self, names: Sequence[str]) -> list[DifferenceRow]:
        """The differences of these orders or SKUs that have not ended, oldest first."""
        rows = self._db.rows(
            f"SELECT * FROM differences WHERE ended_at IS NULL AND name {IN_LIST} {_OLDEST_FIRST}",  # noqa: S608
            (as_list(names),),
        )
        return [_row(row) for row in rows]

    def get(self, type: DifferenceType, name: str, detail: str = "") -> DifferenceRow | None:
        """That difference, or ``None``; also one that has ended."""
        row = self._db.row(
            f"SELECT * FROM differences WHERE {_THIS_ONE}",  # noqa: S608 - constants
            (type, name, detail),
        )
        return _row(row) if row is not None else None

    def agreed_of(self, codes: Sequence[str]) -> dict[str, AgreedRow]:
        """The rows of these orders by code; only of those that have one."""
        rows = self._db.rows(
            f"SELECT code, at, fingerprint FROM agreed WHERE code {IN_LIST}",  # noqa: S608
            (as_list(codes),),
        )
        return {row["code"]: AgreedRow(*row) for row in rows}

    def summary(self) -> dict[str, Any]:
        """For ``stats``: how many stand, how many of them are accepted, by type."""
        rows = self._db.rows(
            f"SELECT type, count(*) AS standing, count(CASE WHEN {_ACCEPTED} THEN 1 END) "  # noqa: S608
            "AS accepted FROM differences WHERE ended_at IS NULL GROUP BY type ORDER BY type",
            ("\n",),
        )
        return {
            "standing": sum(row["standing"] for row in rows),
            "accepted": sum(row["accepted"] for row in rows),
            "types": {
                row["type"]: {"standing": row["standing"], "accepted": row["accepted"]}
                for row in rows
            },
        }

    # ---- writes -------------------------------------------------------------------------------

    def saw(self, found: Iterable[Difference]) -> list[Difference]:
        """Store what was found; returns the news.

        News is a difference that did not stand, and one whose evidence is no longer what a person
        accepted. What came back is as new: what was accepted of it counts no more.
        """
        now = to_text(self._clock.now())
        by_key = {one.key: one for one in found}
        news = []
        with self._db.transaction() as connection:
            known = self._known(one.name for one in by_key.values())
            for key, one in by_key.items():
                row = known.get(key)
                if row is None or (row.is_accepted and row.accepted_mark != one.mark):
                    news.append(one)
            connection.executemany(
                "INSERT INTO differences (type, name, detail, ledger, shop, warehouse, since, "
                "veracore_id, repair, first_seen_at, last_seen_at) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) "
                "ON CONFLICT (type, name, detail) DO UPDATE SET ledger = excluded.ledger, "
                "shop = excluded.shop, warehouse = excluded.warehouse, since = excluded.since, "
                "veracore_id = excluded.veracore_id, repair = excluded.repair, "
                "last_seen_at = excluded.last_seen_at, "
                "first_seen_at = CASE WHEN differences.ended_at IS NULL "
                "THEN differences.first_seen_at ELSE excluded.first_seen_at END, "
                "accepted_at = CASE WHEN differences.ended_at IS NULL "
                "THEN differences.accepted_at END, "
                "accepted_mark = CASE WHEN differences.ended_at IS NULL "
                "THEN differences.accepted_mark END, "
                "reason = CASE WHEN differences.ended_at IS NULL THEN differences.reason END, "
                "ended_at = NULL",
                [_values(one, now) for one in by_key.values()],
            )
        return news

    def _known(self, names: Iterable[str]) -> dict[Key, DifferenceRow]:
        """What stands of these names, by key."""
        found: dict[Key, DifferenceRow] = {}
        every = iter(dict.fromkeys(names))
        while part := list(islice(every, _AT_ONCE)):
            found |= {row.difference.key: row for row in self.of(part)}
        return found

    def ended(
        self,
        types: Collection[DifferenceType],
        names: Iterable[str],
        *,
        but: Collection[Key] = (),
    ) -> list[DifferenceRow]:
        """Of these names, end what stands in these types, except those keys; returns it."""
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            gone = [
                row
                for key, row in self._known(names).items()
                if row.difference.type in types and key not in but
            ]
            connection.executemany(
                f"UPDATE differences SET ended_at = ? WHERE {_THIS_ONE} AND ended_at IS NULL",  # noqa: S608
                [(now, *row.difference.key) for row in gone],
            )
        return gone

    def accept(self, type: DifferenceType, name: str, reason: str) -> list[DifferenceRow]:
        """A person accepts the standing differences of that type and name, as they are."""
        now = to_text(self._clock.now())
        why = " ".join(reason.split())[:LONGEST_REASON]
        with self._db.transaction() as connection:
            chosen = [row for row in self.of([name]) if row.difference.type == type]
            connection.executemany(
                "UPDATE differences SET accepted_at = ?, accepted_mark = ?, reason = ? "  # noqa: S608
                f"WHERE {_THIS_ONE}",
                [(now, row.difference.mark, why, *row.difference.key) for row in chosen],
            )
            return [row for row in self.of([name]) if row.difference.type == type]

    def agreed(self, rows: Iterable[AgreedRow]) -> None:
        """Store of which orders all sides agreed; each replaces what was stored for its code."""
        with self._db.transaction() as connection:
            connection.executemany(
                "INSERT INTO agreed (code, at, fingerprint) VALUES (?, ?, ?) ON CONFLICT (code) "
                "DO UPDATE SET at = excluded.at, fingerprint = excluded.fingerprint",
                [(row.code, row.at, row.fingerprint) for row in rows],
            )


def _values(one: Difference, now: str) -> tuple[str | None, ...]:
    since = to_text(one.since) if one.since is not None else None
    sides = one.ledger, one.shop, one.warehouse
    return (*one.key, *sides, since, one.veracore_id, one.repair, now)


def _row(row: StoredRow) -> DifferenceRow:
    return DifferenceRow(
        Difference(
            type=DifferenceType(row["type"]),
            name=row["name"],
            detail=row["detail"],
            ledger=row["ledger"],
            shop=row["shop"],
            warehouse=row["warehouse"],
            since=from_text(row["since"]) if row["since"] else None,
            veracore_id=row["veracore_id"],
            repair=row["repair"],
        ),
        first_seen_at=row["first_seen_at"],
        last_seen_at=row["last_seen_at"],
        ended_at=row["ended_at"],
        accepted_at=row["accepted_at"],
        accepted_mark=row["accepted_mark"],
        reason=row["reason"],
    )
