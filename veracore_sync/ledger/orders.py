"""Reading the orders of the ledger; `veracore_sync.ledger.transitions` changes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from veracore_sync.clock import Clock, to_text
from veracore_sync.domain.order_records import AttemptRow, OrderRow, SentLines
from veracore_sync.domain.states import AttemptOutcome, OrderCause, OrderState
from veracore_sync.ledger.database import Database, StoredRow
from veracore_sync.ledger.sql import IN_LIST, as_list, in_sql
from veracore_sync.waits import horizon, is_over_sql

_FIELDS = [field.name for field in fields(OrderRow)]
_STATE, _CAUSE, _WARNINGS = map(_FIELDS.index, ("state", "cause", "warnings"))
_STATES = {str(state): state for state in OrderState}
_CAUSES = {None: None, "": None} | {str(cause): cause for cause in OrderCause}
_COLUMNS = ", ".join(_FIELDS)
_SELECT = f"SELECT {_COLUMNS} FROM orders "  # noqa: S608 - the names of our own columns
_ATTEMPTS = (
    "SELECT code, attempt, veracore_id, lines, started_at, ended_at, outcome, message "
    "FROM attempts "
)
_ENDED = (OrderState.SHIPPED, OrderState.CANCELLED, OrderState.SKIPPED)

_NAMED = (
    "WHERE code = ?1 OR veracore_id = ?1 OR vendure_id = ?1 "
    "ORDER BY code = ?1 DESC, shop_code IS NOT NULL, code"
)
_FEW = 5_000
"""So many orders are sorted as fast as any index finds the newest of them."""
_EVERY = 2**62
"""A limit beyond every ledger; a negative one means none in SQLite only."""


class Orders:
    """The orders of one ledger, read only."""

    # Every "longest unchecked first" takes a check time in the future (written by a wrong clock) as
    # the oldest one. As the newest it would come last for years, and a doubt would never end.

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def get(self, code: str) -> OrderRow | None:
        """The order with that code, or ``None``."""
        row = self._db.row(_SELECT + "WHERE code = ?", (code,))
        return _order(row) if row else None

    def find(self, name: str) -> OrderRow | None:
        """The order whose code, VeraCore id or Vendure id is `name`, or ``None``."""
        row = self._db.row(_SELECT + _NAMED + " LIMIT 1", (name,))
        return _order(row) if row else None

    def named(self, name: str) -> list[OrderRow]:
        """All orders of which `name` is the code or an id, the one with that code first."""
        return [_order(row) for row in self._db.rows(_SELECT + _NAMED, (name,))]

    def at_warehouse(self, veracore_ids: Sequence[str]) -> dict[str, OrderRow]:
        """The orders with these VeraCore ids, by id in lower case."""
        where = f"WHERE veracore_id {IN_LIST}"
        rows = self._db.rows(_SELECT + where, (as_list(veracore_ids),))
        return {row["veracore_id"].casefold(): _order(row) for row in rows}

    def held(self, codes: Sequence[str]) -> dict[str, OrderRow]:
        """Those of `codes` that the ledger holds, by code."""
        rows = self._db.rows(_SELECT + f"WHERE code {IN_LIST}", (as_list(codes),))
        return {row["code"]: _order(row) for row in rows}

    def set_aside_from(self, codes: Sequence[str]) -> dict[str, list[OrderRow]]:
        """The orders that had these codes before the shop gave them to others, by code."""
        found: dict[str, list[OrderRow]] = {}
        where = f"WHERE shop_code {IN_LIST} ORDER BY created_at, code"
        for row in self._db.rows(_SELECT + where, (as_list(codes),)):
            found.setdefault(row["shop_code"], []).append(_order(row))
        return found

    def in_states(self, states: Iterable[str], limit: int = -1) -> list[OrderRow]:
        """The orders in any of these states, longest unchecked first."""
        wanted = tuple(states)
        if not wanted:
            return []
        marks = ", ".join("?" * len(wanted))
        rows = self._db.rows(
            _SELECT + f"WHERE state IN ({marks}) "
            "ORDER BY coalesce(checked_at <= ?, FALSE), checked_at NULLS FIRST, created_at, code "
            "LIMIT ?",
            (*wanted, to_text(self._clock.now()), limit if limit >= 0 else _EVERY),
        )
        return [_order(row) for row in rows]

    def latest(
        self, states: Iterable[str], limit: int, before: tuple[str, str] | None = None
    ) -> list[OrderRow]:
        """The orders in any of these states, the one that was changed last first.

        Args:
            states: Which.
            limit: The most.
            before: The time of change and the code of the last one of the page before.
        """
        wanted = tuple(states)
        marks = ", ".join("?" * len(wanted))
        few = self._db.rows(
            f"SELECT 1 FROM orders WHERE state IN ({marks}) LIMIT ?",  # noqa: S608
            (*wanted, _FEW),
        )
        # Of many orders the newest are found by the index of changes; a planner that looks at the
        # state first would sort all of them.
        state = "state" if len(few) < _FEW else "state || ''"
        at, code = before or ("~", "")
        rows = self._db.rows(
            _SELECT + f"WHERE {state} IN ({marks}) AND updated_at <= ? "
            "AND (updated_at < ? OR code > ?) ORDER BY updated_at DESC, code LIMIT ?",
            (*wanted, at, at, code, limit),
        )
        return [_order(row) for row in rows]

    def beginning_with(self, prefix: str, limit: int) -> list[OrderRow]:
        """The orders whose code or VeraCore id begins so, ignoring case, by code."""
        # One statement for each column, which reads nothing but that column's index.
        codes: set[str] = set()
        for column in ("code", "veracore_id"):
            found = self._db.rows(
                f"SELECT {column} FROM orders "  # noqa: S608 - one of two
                f"WHERE lower(substr({column}, 1, length(?1))) = lower(?1) "
                f"ORDER BY {column} LIMIT ?2",
                (prefix, limit),
            )
            names = [row[0] for row in found]
            if column == "code":
                codes.update(names)
            else:
                codes.update(row.code for row in self.at_warehouse(names).values())
        return sorted(self.held(list(codes)).values(), key=lambda row: row.code)[:limit]

    def doubts_due(self, now: datetime, longest: timedelta) -> list[OrderRow]:
        """Orders in doubt whose next look-up is due, longest unchecked first.

        Args:
            now: This moment (UTC).
            longest: How long one ever waits for it.
        """
        rows = self._db.rows(
            _SELECT + "WHERE state = 'in_doubt' "
            f"AND (next_attempt_at IS NULL OR {is_over_sql('next_attempt_at')}) "
            "ORDER BY coalesce(checked_at <= :now, FALSE), checked_at NULLS FIRST, "
            "doubt_since NULLS FIRST, code",
            horizon(now, longest),
        )
        return [_order(row) for row in rows]

    def oldest_doubt(self) -> OrderRow | None:
        """The order that has been in doubt longest, or ``None``."""
        row = self._db.row(
            _SELECT + "WHERE state = 'in_doubt' ORDER BY doubt_since NULLS FIRST, code LIMIT 1"
        )
        return _order(row) if row else None

    def recent_errors(self, limit: int = 10) -> list[OrderRow]:
        """The orders with an error, newest first."""
        rows = self._db.rows(
            _SELECT + "WHERE state IN ('failed', 'parked', 'in_doubt', 'conflict') "
            "OR state = 'cancelled' AND error_message IS NOT NULL "
            "ORDER BY updated_at DESC, code LIMIT ?",
            (limit,),
        )
        return [_order(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many orders are in each state, including states without any."""
        found = dict.fromkeys(map(str, OrderState), 0)
        for state, count in self._db.rows("SELECT state, count(*) FROM orders GROUP BY state"):
            found[state] = count
        return found

    def any_accepted(self) -> bool:
        """Whether VeraCore ever accepted an order of this ledger."""
        # Without the limit PostgreSQL would send a row for each of them.
        accepted = "SELECT 1 FROM orders WHERE last_successful_sync IS NOT NULL LIMIT 1"
        return self._db.row(accepted) is not None

    def newest_synced(self) -> OrderRow | None:
        """The order that VeraCore accepted last, or ``None``."""
        # A time that lies ahead was stored by a wrong clock. One statement each: an index finds the
        # order without sorting all that ever were.
        now = to_text(self._clock.now())
        for when, values in (("IS NULL", ()), ("<= ?", (now,)), ("> ?", (now,))):
            row = self._db.row(
                _SELECT + "WHERE state IN ('synced', 'shipped') AND veracore_id IS NOT NULL "
                f"AND last_successful_sync {when} "
                "ORDER BY last_successful_sync DESC, code LIMIT 1",
                values,
            )
            if row is not None:
                return _order(row)
        return None

    def id_sent_for(self, veracore_id: str, by_other_than: str) -> bool:
        """Whether another order has this VeraCore id, or was ever sent with it, ignoring case."""
        # One statement: it is asked for each order that is sent.
        row = self._db.row(
            "SELECT 1 FROM attempts WHERE veracore_id = ?1 COLLATE NOCASE AND code <> ?2 UNION ALL "
            "SELECT 1 FROM orders WHERE veracore_id = ?1 AND code <> ?2 LIMIT 1",
            (veracore_id, by_other_than),
        )
        return row is not None

    def attempts(self, code: str) -> list[AttemptRow]:
        """The attempts of that order, oldest first."""
        rows = self._db.rows(_ATTEMPTS + "WHERE code = ? ORDER BY attempt", (code,))
        return [_attempt(row) for row in rows]

    def attempts_of(self, codes: Sequence[str]) -> dict[str, list[AttemptRow]]:
        """The attempts of these orders by code, oldest first; only of those that have one."""
        found: dict[str, list[AttemptRow]] = {}
        where = f"WHERE code {IN_LIST} ORDER BY code, attempt"
        for row in self._db.rows(_ATTEMPTS + where, (as_list(codes),)):
            found.setdefault(row["code"], []).append(_attempt(row))
        return found

    def open_or_changed(self, since: str, after: str, limit: int) -> list[OrderRow]:
        """The orders that have not ended, and those that were changed since, in pages.

        Args:
            since: A UTC text.
            after: The last code of the page before; empty for the first.
            limit: The most.
        """
        rows = self._db.rows(
            _SELECT + f"WHERE (state NOT IN ({in_sql(_ENDED)}) OR updated_at >= ?) "
            "AND code > ? ORDER BY code LIMIT ?",
            (since, after, limit),
        )
        return [_order(row) for row in rows]


def _order(row: StoredRow) -> OrderRow:
    # By place, and no call of an enumeration: a run reads thousands, and this takes a third.
    values = list(row)
    values[_STATE] = _STATES[values[_STATE]]
    values[_CAUSE] = _CAUSES[values[_CAUSE]]
    warnings = values[_WARNINGS]
    values[_WARNINGS] = tuple(json.loads(warnings)) if warnings else ()
    return OrderRow(*values)


@lru_cache(maxsize=512)
def _lines(text: str) -> SentLines:
    return tuple((sku, units) for sku, units in json.loads(text))


def _attempt(row: StoredRow) -> AttemptRow:
    values: dict[str, Any] = dict(row)
    values["lines"] = _lines(values["lines"])
    values["outcome"] = AttemptOutcome(values["outcome"]) if values["outcome"] else None
    return AttemptRow(**values)
