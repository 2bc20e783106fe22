"""What VeraCore holds of each order: the lines sent, until a look-up shows VeraCore's record.

One row per order, written when VeraCore accepts it and by every look-up that finds it. The units
for sale are computed from these rows and not from what was sent: VeraCore may hold other units (an
adopted order, units cancelled there), and the difference would be sold twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.held_orders import AcceptedOrder, cancelled_units, totals, units_held
from veracore_sync.domain.order_records import SentLines
from veracore_sync.domain.warehouse import WarehouseRecord
from veracore_sync.ledger.database import Database, StoredRow
from veracore_sync.ledger.sql import IN_LIST, as_list

_AHEAD = timedelta(minutes=1)
"""Times further ahead were stored before this run by a wrong clock. Times stored during a run are
not, because a run during which the clock is set writes nothing (jobs/inventory/read.py)."""
_LONG_AGO = ""
_PROCESSED = ("processed", "shipped", "complete")


class Holdings:
    """What VeraCore holds of the orders of one ledger."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    # ---- what VeraCore reported ----------------------------------------------------------------

    def take(self, code: str, lines: SentLines | None, sent_at: str | None) -> None:
        """VeraCore holds these lines, until a look-up shows others.

        Args:
            code: The order.
            lines: Offers and units as sent; ``None`` if this ledger sent none.
            sent_at: When the order was read for sending (UTC text).
        """
        with self._db.transaction() as connection:
            connection.execute(
                "INSERT INTO held (code, lines, sent_at, since) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (code) DO UPDATE SET lines = excluded.lines, cancelled = '[]', "
                "sent_at = excluded.sent_at, since = excluded.since, looked_at = NULL, "
                "processed_at = NULL",
                (code, _packed(lines), sent_at, to_text(self._clock.now())),
            )

    def saw(self, code: str, record: WarehouseRecord) -> None:
        """A look-up found an order that VeraCore holds; without lines (``rest``), keep the known.

        Args:
            code: The order.
            record: What the look-up found.
        """
        # Additional units count as held only from now on: a stock read that began earlier may still
        # include them as available.
        now = to_text(self._clock.now())
        with self._db.transaction() as connection:
            row = connection.execute("SELECT * FROM held WHERE code = ?", (code,)).fetchone()
            if row is None:
                return
            before, dropped = _unpacked(row["lines"]), _unpacked(row["cancelled"]) or ()
            lines, cancelled = before, dropped
            if record.lines is not None:
                lines = tuple((line.sku, line.quantity) for line in record.lines)
                cancelled = cancelled_units(record)
            grew = _grew(before, lines) or _grew(cancelled, dropped)
            processed_at = None
            if record.status in _PROCESSED:
                processed_at = now if grew else row["processed_at"] or now
            connection.execute(
                "UPDATE held SET lines = ?, cancelled = ?, since = ?, looked_at = ?, "
                "processed_at = ? WHERE code = ?",
                (
                    _packed(lines),
                    _packed(cancelled),
                    now if grew else row["since"],
                    now,
                    processed_at,
                    code,
                ),
            )

    # ---- reading --------------------------------------------------------------------------------

    def cut(self, codes: Sequence[str]) -> dict[str, AcceptedOrder]:
        """What VeraCore holds of these orders, by code; only orders with units cancelled there."""
        found = self.of(codes, None, processed_only=False)
        return {one.code: one for one in found if one.cancelled}

    def of(
        self, codes: Sequence[str], since: str | None, *, processed_only: bool
    ) -> list[AcceptedOrder]:
        """What VeraCore holds of these orders, and of every order that it accepted since then.

        Args:
            codes: Orders of the shop.
            since: When the stock read began (UTC text); ``None``: only these orders.
            processed_only: VeraCore subtracts an order's units from available stock only when it
                processes the order (``available_nets = "processed"``). Then every order that was
                not seen processed is included.
        """
        found: dict[str, AcceptedOrder] = {}
        beyond = to_text(self._clock.now() + _AHEAD)

        def collect(where: str, values: Sequence[str]) -> None:
            for row in self._db.rows(f"{_HELD} {where}", values):
                found[row["code"]] = _held(row, processed_only, beyond)

        # `coalesce`, as SQLite would else read all orders of these states by their index.
        states = "coalesce(o.state, '') IN ('synced', 'shipped')"
        collect(f"{states} AND h.code {IN_LIST}", (as_list(codes),))
        if processed_only:
            collect("o.state = 'synced' AND h.processed_at IS NULL", ())
        # A time in the future was stored by a wrong clock before this read, not during it.
        if since is not None:
            collect("h.since BETWEEN ? AND ?", (since, beyond))
        return list(found.values())

    def known(self, code: str) -> SentLines | None:
        """Units that VeraCore holds or shipped, without those it cancelled; ``None``: unknown."""
        row = self._db.row("SELECT lines, cancelled FROM held WHERE code = ?", (code,))
        lines = _unpacked(row["lines"]) if row is not None else None
        if row is None or lines is None:
            return None
        return units_held(lines, _unpacked(row["cancelled"]) or ())

    def sent(self, codes: Sequence[str]) -> dict[str, SentLines]:
        """The lines of the newest attempt of each of these orders, by code; if there is one."""
        rows = self._db.rows(
            "SELECT code, lines FROM attempts "
            "WHERE code IN (SELECT value FROM json_each(?)) ORDER BY attempt",
            (as_list(codes),),
        )
        return {row["code"]: _unpacked(row["lines"]) or () for row in rows}

    def unprocessed(self, limit: int) -> list[tuple[str, str]]:
        """(code, VeraCore id) of orders not yet seen processed, longest not looked up first."""
        # An order that was never looked up counts from its acceptance, as in
        # `Shipments.longest_unseen`: new ones must not come first for ever.
        rows = self._db.rows(
            "SELECT o.code, o.veracore_id FROM orders o JOIN held h USING (code) "
            "WHERE o.state = 'synced' AND o.veracore_id IS NOT NULL AND h.processed_at IS NULL "
            "ORDER BY coalesce(h.looked_at <= ?1, TRUE), coalesce(h.looked_at, "
            "min(o.last_successful_sync, ?1), o.created_at), h.looked_at IS NOT NULL, o.code "
            "LIMIT ?2",
            (to_text(self._clock.now()), limit),
        )
        return [(row[0], row[1]) for row in rows]


_HELD = (
    "SELECT h.*, o.state, o.updated_at, o.vendure_id, o.placed_at "
    "FROM held h JOIN orders o USING (code) WHERE"
)


def _grew(before: SentLines | None, after: SentLines | None) -> bool:
    """Whether any SKU has more units than before."""
    if after is None:
        return False
    return before is None or bool(totals(after) - totals(before))


def _packed(lines: SentLines | None) -> str | None:
    return None if lines is None else json.dumps(lines)


def _unpacked(text: str | None) -> SentLines | None:
    return None if text is None else tuple((sku, units) for sku, units in json.loads(text))


def _held(row: StoredRow, processed_only: bool, beyond: str) -> AcceptedOrder:
    lines = _unpacked(row["lines"])
    seen_at = row["since"]
    if processed_only:
        shipped_at = row["updated_at"] if row["state"] == "shipped" else None
        seen_at = row["processed_at"] or shipped_at
    return AcceptedOrder(
        code=row["code"],
        lines=lines or (),
        cancelled=_unpacked(row["cancelled"]) or (),
        sent_at=row["sent_at"] if (row["sent_at"] or beyond) <= beyond else None,
        seen_at=_LONG_AGO if seen_at is not None and seen_at > beyond else seen_at,
        is_whole=lines is None,
        vendure_id=row["vendure_id"],
        placed_at=row["placed_at"],
    )
