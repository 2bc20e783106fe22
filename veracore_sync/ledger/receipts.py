"""Receipts of returned goods: a row each, and how far the note about it has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from veracore_sync.clock import Clock, from_text, moment_of, tick, to_text
from veracore_sync.domain.returns import Receipt, ReceiptRow
from veracore_sync.domain.states import NOTE_TRANSITIONS, OPEN_NOTES, Applied, NoteAct, NoteState
from veracore_sync.ledger.database import Database, StoredRow
from veracore_sync.ledger.sql import in_sql

_CHUNK = 500


class Receipts:
    """The receipts of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def known(self, keys: Sequence[str]) -> dict[str, list[str]]:
        """The details of each stored receipt with one of these keys, by key."""
        found: dict[str, list[str]] = {}
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            marks = ", ".join("?" * len(part))
            rows = self._db.rows(
                f"SELECT key, details FROM receipts WHERE key IN ({marks}) ORDER BY id",  # noqa: S608 - marks
                part,
            )
            for row in rows:
                found.setdefault(row["key"], []).append(row["details"])
        return found

    def record(self, receipt: Receipt) -> None:
        """Store a receipt, in the open unit of work."""
        row = receipt.row
        wanted = NoteState.WANTED if receipt.note else NoteState.NONE
        state = NOTE_TRANSITIONS[NoteAct.RECORD].target(wanted)
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO receipts (key, details, veracore_id, slip, product, quantity, "
                "disposition, day, seen_at, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    receipt.key,
                    receipt.details,
                    row.order_id,
                    row.slip,
                    row.product,
                    row.quantity,
                    row.disposition,
                    receipt.day,
                    to_text(self._clock.now()),
                    state,
                ),
            )

    # ---- notes ----------------------------------------------------------------------------------

    def open_notes(self, limit: int) -> list[ReceiptRow]:
        """Receipts whose note is to be written, the least tried first."""
        rows = self._db.rows(
            "SELECT *, (SELECT count(*) FROM receipts same WHERE same.key = receipts.key "  # noqa: S608
            "AND same.id <= receipts.id) AS nth FROM receipts "
            f"WHERE note IN ({in_sql(OPEN_NOTES)}) ORDER BY tries, id LIMIT ?",
            (limit,),
        )
        return list(map(self._row, rows))

    def ask(self, row: ReceiptRow, ends_by: datetime) -> Applied:
        """A note is about to be written; the request ends at `ends_by` (UTC) at the latest."""
        # The tick counts the wait, because a clock that is set must not shorten it.
        return self._move(
            row,
            NoteAct.ASK,
            NoteState.ASKED,
            asked_at=to_text(ends_by),
            asked_tick=tick(self._clock, ahead=ends_by - self._clock.now()),
            tries=row.tries + 1,
        )

    def not_asked(self, row: ReceiptRow) -> Applied:
        """The request was not sent, or wrote nothing for certain."""
        return self._move(row, NoteAct.NOT_ASKED, NoteState.WANTED, asked_at=None, asked_tick=None)

    def unanswered(self, row: ReceiptRow) -> Applied:
        """Our side of the request has ended, and it is unknown whether the note was written."""
        now = to_text(self._clock.now())
        return self._move(row, NoteAct.UNANSWERED, asked_at=now, asked_tick=tick(self._clock))

    def written(self, row: ReceiptRow) -> Applied:
        """The shop has the note."""
        return self._move(row, NoteAct.WRITTEN, NoteState.WRITTEN)

    def drop(self, row: ReceiptRow) -> Applied:
        """The shop no longer has the order."""
        return self._move(row, NoteAct.DROP, NoteState.DROPPED)

    def _move(
        self, row: ReceiptRow, act: NoteAct, wanted: NoteState | None = None, **values: Any
    ) -> Applied:
        transition = NOTE_TRANSITIONS[act]
        state = transition.target(wanted)
        if state is not None:
            values["note"] = state
        sets = ", ".join(f"{name} = ?" for name in values)
        with self._db.transaction() as connection:
            done = connection.execute(
                f"UPDATE receipts SET {sets} WHERE id = ? "  # noqa: S608 - our own words
                f"AND note IN ({in_sql(transition.sources)})",
                (*values.values(), row.id),
            ).rowcount
        return Applied.DONE if done else Applied.LOST

    def _row(self, row: StoredRow) -> ReceiptRow:
        asked = from_text(row["asked_at"]) if row["asked_at"] else None
        return ReceiptRow(
            id=row["id"],
            key=row["key"],
            nth=row["nth"],
            veracore_id=row["veracore_id"],
            slip=row["slip"],
            product=row["product"],
            quantity=row["quantity"],
            day=row["day"],
            disposition=row["disposition"],
            note=NoteState(row["note"]),
            tries=row["tries"],
            asked_at=moment_of(row["asked_tick"], self._clock) or asked,
        )

    # ---- for people -----------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        """Counts for `stats`: ``totalReceived``, ``notesWaiting``."""
        row = self._db.rows(
            f"SELECT count(*), count(CASE WHEN note IN ({in_sql(OPEN_NOTES)}) THEN 1 END) "  # noqa: S608
            "FROM receipts"
        )[0]
        return {"totalReceived": row[0], "notesWaiting": row[1]}
